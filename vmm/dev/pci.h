// SPDX-License-Identifier: Apache-2.0
/* Bus 0 of PCI as a device, with an entropy device in slot 1. */
#ifndef VMM_DEV_PCI_H
#define VMM_DEV_PCI_H

#include "vmm/pci/root.h"

/* Every processor has so many bits of address; the hosts are not asked yet how many more they have. */
#define PCI_BUS0_BITS   PCI_ADDRESS_BITS_MIN
#define PCI_BUS0_WINDOW (1ull << (PCI_BUS0_BITS - 1))
#define PCI_BUS0_BYTES  (PCI_BUS0_WINDOW / HOSTS_MAX)

/* Where it is, for the firmware tables. 0, or -EINVAL with a sentence: memory reaches too far. */
int pci_bus0_windows(const struct machine_desc *d, struct pci_windows *out, char *why, size_t why_cap);

#endif
