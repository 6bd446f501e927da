// SPDX-License-Identifier: Apache-2.0
/* Cards that come and go, as ACPI tells the guest: over the registers of pci/hotplug.h. For the scope \_SB. */
#ifndef VMM_ACPI_DSDT_HOTPLUG_H
#define VMM_ACPI_DSDT_HOTPLUG_H

#include "vmm/acpi/aml.h"
#include "vmm/pci/windows.h"

#define DSDT_HOTPLUG_EVENT "PHEV" // the method that looks at all buses

/* The registers, and the methods. */
void dsdt_hotplug_write(struct aml *a, const struct pci_windows *w);
/* Inside of a bridge. */
void dsdt_hotplug_write_slots(struct aml *a, const struct pci_windows *w, unsigned bus);

#endif
