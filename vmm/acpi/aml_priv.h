// SPDX-License-Identifier: Apache-2.0
/* Between aml*.c only. */
#ifndef VMM_ACPI_AML_PRIV_H
#define VMM_ACPI_AML_PRIV_H

#include "vmm/acpi/aml.h"

#define AML_EXT 0x5bu // the opcode is the byte behind it

void aml_begin(struct aml *a); // a package's length is here; to aml_end()

#endif
