// SPDX-License-Identifier: Apache-2.0
/* Memory that comes and goes, as ACPI tells the guest: over the registers of chip/memplug.h. For the scope \_SB. */
#ifndef VMM_ACPI_DSDT_MEMORY_H
#define VMM_ACPI_DSDT_MEMORY_H

#include "vmm/acpi/aml.h"
#include "vmm/conf/machine_desc.h"

#define DSDT_MEMORY_EVENT "MSCN" // the method that looks for what came and what is to go

/* The registers, the methods, and a device for each slot. */
void dsdt_memory_write(struct aml *a);

#endif
