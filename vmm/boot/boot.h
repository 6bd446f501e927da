// SPDX-License-Identifier: Apache-2.0
/*
 * Puts a kernel into guest memory and says how to enter it: bzImage (Linux boot protocol 2.12 or
 * newer, 64-bit entry; Documentation/arch/x86/boot.rst), Multiboot 1 (Multiboot Specification 0.6.96),
 * or ELF64, which is entered as Linux is. Images are not trusted. Guest memory is only written, in the order of
 * addresses as far as possible: on a distributed machine every first touch costs.
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

/* A Multiboot kernel may lie below 1 MiB itself: what it is told is in one piece at the end of low memory. */
#define BOOT_MB_LOW     0x1000ull  // its segments: from here
#define BOOT_MB_AREA    0x90000ull // to here; then GDT, information, memory map, module list
#define BOOT_MB_INFO    (BOOT_MB_AREA + 0x100)
#define BOOT_MB_CMDLINE (BOOT_MB_AREA + 0x1000)

/* What a processor runs from ffff:0 on, where old programs jump to restart a PC: it resets the machine. */
#define BOOT_ROM 0xffff0ull

struct boot_images {
	const uint8_t *kernel, *initrd; // initrd may be NULL
	size_t kernel_bytes, initrd_bytes;
	const char *cmdline;
	uint64_t rsdp;             // address of the ACPI tables' root, 0: none
	uint64_t ecam, ecam_bytes; // PCI's configuration spaces, between low memory and the I/O APIC; 0: none
};

/*
 * The state vCPU 0 starts in: 64-bit code with paging on (cr3), or with flat32 32-bit code without. Flat segments 0x10
 * (code) and 0x18 (data), interrupts off.
 */
struct boot_entry {
	bool flat32;
	uint64_t entry;
	uint64_t boot_params; // RSI
	uint32_t eax, ebx;    // flat32
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
