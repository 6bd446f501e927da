// SPDX-License-Identifier: Apache-2.0
/*
 * The firmware tables of the guest: RSDP, XSDT, FADT, FACS, DSDT, MADT, SRAT, SLIT (ACPI 6.4), and
 * MCFG (PCI Firmware 3.3) where there is PCI. Pure.
 */
#ifndef VMM_ACPI_ACPI_H
#define VMM_ACPI_ACPI_H

#include "vmm/mem/layout.h"
#include "vmm/pci/windows.h"

/*
 * Where they go: the BIOS area, which the e820 map must call reserved. An operating system looks
 * for the RSDP there on 16-byte boundaries. The largest machine needs 125 KiB of the 128; the last 2 KiB are SMBIOS'
 * (smbios.h) and the reset vector's.
 */
#define ACPI_GPA       0xe0000ull
#define ACPI_BYTES_MAX 0x1f800u
#define ACPI_AREA_END  0x100000ull

struct acpi_tables {
	uint64_t rsdp; // guest-physical address of the RSDP (boot_params.acpi_rsdp_addr, PVH rsdp_paddr)
	size_t bytes;  // bytes used of the buffer
};

/*
 * Builds all tables for a checked description into buf[cap], which will be guest memory at gpa
 * (64-byte aligned, below 4 GiB). pci: where PCI is; NULL: there is none. Returns 0, -EINVAL (gpa), or -ENOSPC.
 */
int acpi_build(const struct machine_desc *d, const struct pci_windows *pci, uint8_t *buf, size_t cap, uint64_t gpa,
	       struct acpi_tables *out);

#endif
