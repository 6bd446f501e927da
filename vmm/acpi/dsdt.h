// SPDX-License-Identifier: Apache-2.0
/* The DSDT's contents, without a table header. */
#ifndef VMM_ACPI_DSDT_H
#define VMM_ACPI_DSDT_H

#include "vmm/acpi/aml.h"
#include "vmm/pci/windows.h"

/* pci: where PCI is; NULL: there is none. */
void dsdt_write(struct aml *a, const struct machine_desc *d, const struct pci_windows *pci);

#endif
