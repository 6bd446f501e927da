// SPDX-License-Identifier: Apache-2.0
/*
 * One bus with the three ways to it, as accesses arrive at a host: the ports, its MiB of ECAM, its window. Pure; the
 * owner holds a lock around each call.
 */
#ifndef VMM_PCI_ROOT_H
#define VMM_PCI_ROOT_H

#include "vmm/pci/windows.h"

#define PCI_ROOT_PORTS 8u // from PCI_PORT_ADDRESS on

struct pci_root {
	struct pci_bus bus;
	uint64_t window;          // first address
	uint32_t address;         // what was written to PCI_PORT_ADDRESS
	struct pci_config bridge; // of bus 0: a function so that the bus is seen to be one
};

/* An empty bus, but for the host bridge in slot 0 of bus 0. r must not move afterwards. */
void pci_root_init(struct pci_root *r, const struct pci_windows *w, uint8_t bus);
/* As after power-on; what is in the slots is its owners'. */
void pci_root_reset(struct pci_root *r);

/* *value: in for a write, out for a read; what is not there reads as ones and drops writes. size is 1 to 8. */
void pci_root_ports(struct pci_root *r, bool write, unsigned offset, unsigned size, uint64_t *value);
void pci_root_ecam(struct pci_root *r, bool write, uint64_t offset, unsigned size, uint64_t *value); // of this bus
void pci_root_window(struct pci_root *r, bool write, uint64_t offset, unsigned size, uint64_t *value);

/* Its own registers (coherence/base/fields.h), without the functions in its slots. */
void pci_root_fields(struct fields *f, struct pci_root *r);

#endif
