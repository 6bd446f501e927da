// SPDX-License-Identifier: Apache-2.0
/* The generic event device: whose interrupts say that something has come or is to go. For the scope \_SB, the last. */
#ifndef VMM_ACPI_DSDT_EVENTS_H
#define VMM_ACPI_DSDT_EVENTS_H

#include "vmm/acpi/aml.h"
#include "vmm/pci/windows.h"

/* pci: NULL, or of a machine with PCI. Nothing is written where nothing comes or goes. */
void dsdt_events_write(struct aml *a, const struct machine_desc *d, const struct pci_windows *pci);

#endif
