// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration space of one PCI function (PCI Local Bus 3.0, chapter 6): type-0 header, base address registers,
 * capabilities. 256 bytes: a conventional function; there is no interrupt pin, and no I/O BAR. Pure: register and value
 * in, what changed out; whoever owns it holds a lock around each call. Everything written comes from the guest, so
 * every value is legal.
 *
 * Each bit is read-only unless it was made writable when the function was put together. A register keeps whatever was
 * written to it. Where a BAR answers (its place) follows the register only while memory decoding is on, and a 64-bit
 * BAR moves in one step: when its upper half is written, or decoding is turned on. Sizing, which writes ones, is
 * therefore nothing special: such a place is outside of the bus's window, and there a BAR answers nowhere.
 */
#ifndef VMM_PCI_CONFIG_H
#define VMM_PCI_CONFIG_H

#include "coherence/base/fields.h"
#include "coherence/base/types.h"

#define PCI_CONFIG_BYTES  256u
#define PCI_BARS          6u
#define PCI_BAR_BYTES_MIN 16u
#define PCI_NOWHERE       UINT64_MAX // the place of a BAR that does not answer

/* Registers of the header. */
#define PCI_REG_VENDOR    0x00u
#define PCI_REG_DEVICE    0x02u
#define PCI_REG_COMMAND   0x04u
#define PCI_REG_STATUS    0x06u
#define PCI_REG_REVISION  0x08u
#define PCI_REG_CLASS     0x09u // three bytes: interface, sub-class, class
#define PCI_REG_BAR0      0x10u
#define PCI_REG_SUBSYSTEM 0x2cu // vendor, then device at 0x2e
#define PCI_REG_CAPS      0x34u
#define PCI_REG_INT_LINE  0x3cu
#define PCI_REG_INT_PIN   0x3du

#define PCI_COMMAND_MEMORY  0x0002u // answers at its BARs
#define PCI_COMMAND_MASTER  0x0004u // may write to memory: MSIs too
#define PCI_COMMAND_NO_INTX 0x0400u
#define PCI_STATUS_CAPS     0x0010u

#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_MSIX   0x11u

#define PCI_CLASS_HOST_BRIDGE 0x060000u

struct pci_id {
	uint16_t vendor, device;
	uint16_t subsystem_vendor, subsystem_device;
	uint32_t class_code; // class << 16 | sub-class << 8 | interface
	uint8_t revision;
};

struct pci_bar {
	uint64_t bytes; // a power of two; 0: there is none, or it is the upper half of the one before
	bool wide;      // 64 bits: the next register is its upper half
	uint64_t place; // where it answers now; PCI_NOWHERE: nowhere
};

struct pci_config {
	uint8_t bytes[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES]; // bits the guest may change
	struct pci_bar bar[PCI_BARS];
	uint64_t window, window_bytes; // addresses that reach the bus; a BAR that is not wholly inside answers nowhere
	unsigned cap_last, cap_end;    // the last capability, the first byte behind it
};

/* A function without BARs and capabilities, not decoding. window: of its bus (pci/windows.h). */
void pci_config_init(struct pci_config *c, const struct pci_id *id, uint64_t window, uint64_t window_bytes);

/*
 * Gives it BAR number n (and n + 1 if wide), of so many bytes, at address, which is a multiple of them; 0: left to the
 * guest. Memory. Before the guest runs; wrong arguments are our own and end the program.
 */
void pci_config_add_bar(struct pci_config *c, unsigned n, uint64_t bytes, bool wide, uint64_t address);

/*
 * Appends a capability with the n bytes that follow its id and its link, of which the bits in writable (n bytes, NULL:
 * none) may be changed. Returns its offset; it is a multiple of 4. The same rules.
 */
unsigned pci_config_add_cap(struct pci_config *c, uint8_t id, const void *body, const void *writable, unsigned n);

/* What pci_config_write() may have changed. */
#define PCI_CHANGED_PLACES 1u // of BARs
#define PCI_CHANGED_MASTER 2u // may, or may no longer, be a bus master

/*
 * size is 1, 2 or 4, at any offset; what lies behind the 256 bytes reads as ones and drops writes. A write returns
 * PCI_CHANGED_*.
 */
uint32_t pci_config_read(const struct pci_config *c, unsigned offset, unsigned size);
unsigned pci_config_write(struct pci_config *c, unsigned offset, unsigned size, uint32_t value);

bool pci_config_is_master(const struct pci_config *c);
/* The BAR that answers at addr, with the offset in it; PCI_BARS: none. */
unsigned pci_config_bar_at(const struct pci_config *c, uint64_t addr, uint64_t *offset);

/* Power-on state: writable bits are 0, but for BARs, which get the addresses they were given first. */
void pci_config_reset(struct pci_config *c, const uint64_t *bar_addresses);

/*
 * Writes or reads what the guest may change (coherence/base/fields.h). Reading, c is a function that was put together
 * as the one that was written; what no guest could have made of it sets f->bad.
 */
void pci_config_fields(struct fields *f, struct pci_config *c);

#endif
