// SPDX-License-Identifier: Apache-2.0
/* CPUs that come and go, as ACPI tells the guest: over the registers of chip/cpuplug.h. For the scope \_SB. */
#ifndef VMM_ACPI_DSDT_CPUS_H
#define VMM_ACPI_DSDT_CPUS_H

#include "vmm/acpi/aml.h"
#include "vmm/conf/machine_desc.h"

#define DSDT_CPUS_EVENT "CSCN" // the method that looks for what came and what is to go

/* The name of a processor's device. */
void dsdt_cpu_name(char name[8], uint32_t vcpu);
/* The registers and the methods that all processors share. */
void dsdt_cpus_write(struct aml *a, const struct machine_desc *d);
/* Inside of a processor's device: whether it is there, what its local APIC is, how it is given up. */
void dsdt_cpu_write(struct aml *a, const struct machine_desc *d, uint32_t vcpu);

#endif
