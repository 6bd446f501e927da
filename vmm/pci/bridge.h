// SPDX-License-Identifier: Apache-2.0
/*
 * How accesses find a function: by the ports 0xcf8 and 0xcfc, by ECAM (PCI Express Base 7.2.2), and by its BARs. One
 * segment; a bus is the devices of one node, and has slots with one function each. Pure.
 *
 * Accesses may be of any width and at any address; what a processor or a bridge would cut in two at a border of four
 * bytes is cut here, so a function sees 1, 2 or 4 bytes inside one register.
 */
#ifndef VMM_PCI_BRIDGE_H
#define VMM_PCI_BRIDGE_H

#include "vmm/pci/config.h"

#define PCI_SLOTS           32u
#define PCI_FUNCTION_BYTES  4096u // of ECAM
#define PCI_ECAM_BUS_BYTES  ((uint64_t)PCI_SLOTS * 8 * PCI_FUNCTION_BYTES)
#define PCI_PORT_ADDRESS    0xcf8u
#define PCI_PORT_DATA       0xcfcu
#define PCI_PORT_DATA_BYTES 4u

struct pci_address {
	uint8_t bus, slot, function;
	uint16_t reg; // below PCI_FUNCTION_BYTES
};

/* offset: from the first byte of ECAM. */
struct pci_address pci_ecam_decode(uint64_t offset);
uint64_t pci_ecam_encode(struct pci_address a);

/* The register at 0xcf8: one for the machine. Only an aligned write of 4 bytes reaches it; keeps what bits it has. */
#define PCI_PORTS_BITS 0x80fffffcu
/* Where an access at PCI_PORT_DATA + offset goes. False: configuration accesses are off. */
bool pci_ports_decode(uint32_t address, unsigned offset, struct pci_address *out);

/* Which functions of all buses there are; every host has the same, so that probes of nothing are answered at once. Read
 * and written atomically. */
struct pci_presence {
	uint32_t slots[HOSTS_MAX]; // by bus; bit n: slot n
};
bool pci_present(const struct pci_presence *p, struct pci_address a);

/*
 * What a function does. Configuration: size is 1, 2 or 4, offset + size does not cross a register. BARs (NULL: it has
 * none): offset + size, 1 to 8, does not cross the end of the BAR.
 */
struct pci_slot_ops {
	uint32_t (*read)(void *owner, unsigned offset, unsigned size);
	void (*write)(void *owner, unsigned offset, unsigned size, uint32_t value);
	uint64_t (*bar_read)(void *owner, unsigned bar, uint64_t offset, unsigned size);
	void (*bar_write)(void *owner, unsigned bar, uint64_t offset, unsigned size, uint64_t value);
};

struct pci_slot {
	const struct pci_slot_ops *ops; // NULL: the slot is empty
	void *owner;
	const struct pci_config *config; // of the owner, for its BARs
};

struct pci_bus {
	uint8_t number;
	struct pci_slot slot[PCI_SLOTS];
};

/* 0, -EEXIST (taken) or -EINVAL (no such slot). What it names must outlive its place in the bus. */
int pci_bus_add(struct pci_bus *b, unsigned slot, const struct pci_slot_ops *ops, void *owner,
		const struct pci_config *config);
void pci_bus_remove(struct pci_bus *b, unsigned slot);
uint32_t pci_bus_slots(const struct pci_bus *b); // bit n: slot n is taken

/*
 * A configuration access at a, of 1 to 8 bytes; a.bus is this bus. What is not there, and what lies behind the
 * function's space, reads as ones and drops writes.
 */
uint64_t pci_bus_read(const struct pci_bus *b, struct pci_address a, unsigned size);
void pci_bus_write(struct pci_bus *b, struct pci_address a, unsigned size, uint64_t value);

/* The function whose BAR answers at addr (the lowest slot, where the guest laid them over each other); NULL: none. */
const struct pci_slot *pci_bus_at(const struct pci_bus *b, uint64_t addr, unsigned *bar, uint64_t *offset);

/*
 * The host bridge, which Linux looks for on bus 0 before it trusts the ports where no BIOS date is known
 * (arch/x86/pci/direct.c). It has no registers of its own.
 */
void pci_host_bridge_init(struct pci_config *c);
extern const struct pci_slot_ops pci_plain_ops; // of a function that is nothing but its struct pci_config, the owner

#endif
