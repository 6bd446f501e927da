// SPDX-License-Identifier: Apache-2.0
/*
 * Where PCI is in the guest's addresses. One segment; the bus of a node has the node's number. ECAM lies in the hole
 * below 4 GiB (above it Linux asks for a BIOS date that nobody here gives) and covers the buses that exist. Each bus
 * has one window for 64-bit BARs: 1/64 of the upper half of what the guest can address, so the host that answers an
 * address follows from the address, and memory may grow up to that half. Pure.
 */
#ifndef VMM_PCI_WINDOWS_H
#define VMM_PCI_WINDOWS_H

#include "vmm/conf/machine_desc.h"
#include "vmm/pci/bridge.h"

#define PCI_ECAM             0xe0000000ull
#define PCI_ADDRESS_BITS_MAX 46u // page tables of four levels, the host's too, reach this far in every kernel

struct pci_windows {
	unsigned buses;      // number 0 and up
	uint64_t ecam_bytes; // at PCI_ECAM
	uint64_t first;      // of the window of bus 0
	uint64_t bus_bytes;  // of each window; a power of two, and each is a multiple of it
	bool hotplug;        // cards may come and go: ACPI has slots, events and registers for that (hotplug.h)
};

/*
 * Of the buses and the bits of address that a description names (beyond PCI_ADDRESS_BITS_MAX they are not used).
 * Returns 0, or -EINVAL with a sentence: memory, with the room for more, may reach into the upper half.
 */
int pci_windows_lay_out(const struct machine_desc *d, struct pci_windows *out, char *why, size_t why_cap);

/*
 * The slots of each of so many buses that can be filled and emptied while the guest runs: the first ones, 1 to this.
 */
unsigned pci_hot_slots(unsigned buses);

uint64_t pci_window_of(const struct pci_windows *w, unsigned bus); // its first address
/* The bus whose window has addr; -1: none. */
int pci_window_bus(const struct pci_windows *w, uint64_t addr);

/*
 * Places for BARs of the function in a slot: bytes[PCI_BARS], powers of two or 0, give address[PCI_BARS] (0 for none).
 * Each is naturally aligned. A slot has its share of the window whatever is in the others, so that a device that comes
 * later, or again, moves nobody. 0, or -ENOSPC.
 */
int pci_window_assign(const struct pci_windows *w, unsigned bus, unsigned slot, const uint64_t *bytes,
		      uint64_t *address);

#endif
