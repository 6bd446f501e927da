// SPDX-License-Identifier: Apache-2.0
/* What the DSDT says of PCI, for the scope \_SB. */
#ifndef VMM_ACPI_DSDT_PCI_H
#define VMM_ACPI_DSDT_PCI_H

#include "vmm/acpi/aml.h"
#include "vmm/pci/windows.h"

/* The bridges to all buses, one a node, and the methods that they share. */
void dsdt_pci_write(struct aml *a, const struct pci_windows *w);
/* Between aml_begin_resources() and its end: ECAM, which the operating system wants to see reserved. */
void dsdt_pci_write_ecam(struct aml *a, const struct pci_windows *w);

#endif
