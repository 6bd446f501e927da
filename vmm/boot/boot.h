// SPDX-License-Identifier: Apache-2.0
/*
 * Puts a kernel into guest memory and says how to enter it: bzImage (Linux boot protocol 2.12 or
 * newer, 64-bit entry; Documentation/arch/x86/boot.rst) or ELF64, which is entered the same way.
 * Images are not trusted. Guest memory is only written, in the order of addresses as far as
 * possible: on a distributed machine every first touch costs.
 */
#ifndef VMM_BOOT_BOOT_H
#define VMM_BOOT_BOOT_H

#include "vmm/mem/ram.h"

/* Low memory that the loader uses; the guest may have it back once it has its own tables. */
#define BOOT_GDT      0x6000ull
#define BOOT_PARAMS   0x7000ull
#define BOOT_TABLES   0x9000ull // PML4, PDPT, 4 page directories
#define BOOT_CMDLINE  0x20000ull
#define BOOT_EBDA     0x9fc00ull
#define BOOT_HIGH     0x100000ull // kernels and initrds go above
#define BOOT_GDT_SIZE 32u

struct boot_images {
	const uint8_t *kernel, *initrd; // initrd may be NULL
	size_t kernel_bytes, initrd_bytes;
	const char *cmdline;
	uint64_t rsdp; // address of the ACPI tables' root, 0: none
};

/* The state vCPU 0 starts in. */
struct boot_entry {
	uint64_t entry, boot_params; // RIP, RSI
	uint64_t cr3, gdt_base;
	uint16_t gdt_limit;
};

/*
 * Loads. RAM must read as zero where nothing was put yet. Returns 0, or -EINVAL, -E2BIG or -ENOSPC
 * with a sentence in why: what was found and what was expected. Blocks while guest pages are
 * fetched.
 */
int boot_load(const struct ram *ram, const struct boot_images *in, struct boot_entry *out, char *why, size_t why_cap);

#endif
