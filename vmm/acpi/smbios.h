// SPDX-License-Identifier: Apache-2.0
/*
 * SMBIOS (DMTF DSP0134, 3.4): who the machine is, its UUID above all, and what it hands to an operating system that
 * asks its firmware. Pure.
 */
#ifndef VMM_ACPI_SMBIOS_H
#define VMM_ACPI_SMBIOS_H

#include "vmm/acpi/acpi.h"

/*
 * Where it goes: behind the ACPI tables, before the reset vector. Without UEFI an operating system looks for the entry
 * point from 0xf0000 on, on 16-byte boundaries.
 */
#define SMBIOS_GPA       (ACPI_GPA + ACPI_BYTES_MAX)
#define SMBIOS_BYTES_MAX 0x7f0u

/*
 * Builds the entry point and the structures of a checked description into buf[cap], which will be guest memory at gpa.
 * One whose guest is to bring online what comes (elastic) has a credential for systemd among its OEM strings. *bytes:
 * how many are used. Returns 0, -EINVAL (gpa is not where one is looked for), or -ENOSPC.
 */
int smbios_build(const struct machine_desc *d, uint8_t *buf, size_t cap, uint64_t gpa, size_t *bytes);

#endif
