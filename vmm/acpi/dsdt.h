// SPDX-License-Identifier: Apache-2.0
/* The DSDT's contents, without a table header. */
#ifndef VMM_ACPI_DSDT_H
#define VMM_ACPI_DSDT_H

#include "vmm/acpi/aml.h"
#include "vmm/conf/machine_desc.h"

void dsdt_write(struct aml *a, const struct machine_desc *d);

#endif
