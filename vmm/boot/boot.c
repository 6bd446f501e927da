// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/acpi/acpi.h"
#include "vmm/boot/boot_priv.h"

#define PARAMS_RSDP  0x70u
#define PARAMS_E820N 0x1e8u
#define PARAMS_E820  0x2d0u
#define E820_RAM     1u
#define E820_NOT_RAM 2u

#define LOADER_UNKNOWN 0xffu
#define INITRD_ALIGN   (2ull << 20)
#define TABLE_FLAGS    0x3u  // present, writable
#define LARGE_FLAGS    0x83u // and a 2 MiB page

#define GDT_CODE 0x00af9b000000ffffull
#define GDT_DATA 0x00cf93000000ffffull

int boot_refuse(char *why, size_t cap, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return err;
}

int boot_put(const struct ram *ram, uint64_t gpa, const void *from, size_t n)
{
	void *to = ram_at(ram, gpa, n);

	if (!to)
		return -EINVAL;
	memcpy(to, from, n);
	return 0;
}

int boot_clear(const struct ram *ram, uint64_t gpa, uint64_t n)
{
	uint8_t *at = ram_at(ram, gpa, n);

	for (uint64_t i = 0; at && i < n; i++)
		if (at[i])
			at[i] = 0;
	return at ? 0 : -EINVAL;
}

static void add_range(uint8_t *params, uint64_t start, uint64_t end, unsigned type)
{
	unsigned n = params[PARAMS_E820N];
	uint8_t *e = params + PARAMS_E820 + 20 * n;

	if (start >= end)
		return;
	put_le(e, start, 8);
	put_le(e + 8, end - start, 8);
	put_le(e + 16, type, 4);
	params[PARAMS_E820N] = (uint8_t)(n + 1);
}

static void fill_e820(uint8_t *params, uint64_t ram_bytes, uint64_t low_end)
{
	add_range(params, 0, BOOT_EBDA, E820_RAM);
	add_range(params, BOOT_EBDA, 0xa0000, E820_NOT_RAM);
	add_range(params, ACPI_GPA, ACPI_GPA + ACPI_BYTES_MAX, E820_NOT_RAM);
	add_range(params, BOOT_HIGH, low_end, E820_RAM);
	add_range(params, LAYOUT_IOAPIC, LAYOUT_IOAPIC + 0x1000, E820_NOT_RAM);
	add_range(params, LAYOUT_LAPIC, LAYOUT_LAPIC + 0x1000, E820_NOT_RAM);
	add_range(params, LAYOUT_HIGH, LAYOUT_HIGH + (ram_bytes - low_end), E820_RAM);
}

/*
 * Right above the kernel, and not at the top as most loaders do: the bottom of memory belongs to
 * the host that boots.
 */
static int place_initrd(struct boot_plan *p, size_t bytes, uint64_t low_end, uint64_t *at, char *why, size_t cap)
{
	uint64_t max = p->initrd_max < low_end - 1 ? p->initrd_max : low_end - 1;

	*at = (p->end + INITRD_ALIGN - 1) & ~(INITRD_ALIGN - 1);
	if (*at > max || bytes > max - *at + 1)
		return boot_refuse(why, cap, -ENOSPC,
				   "the initrd (%zu KiB) does not fit between the kernel's end %#" PRIx64
				   " and %#" PRIx64 ": give the guest more memory",
				   bytes >> 10, *at, max);
	put_le(p->params + HDR_RAMDISK, *at, 4);
	put_le(p->params + HDR_RAMDISK_N, bytes, 4);
	return 0;
}

static int place_cmdline(struct boot_plan *p, const char *cmdline, char *why, size_t cap)
{
	size_t n = strlen(cmdline), room = BOOT_EBDA - BOOT_CMDLINE - 1;
	size_t max = p->cmdline_max < room ? p->cmdline_max : room;

	if (n > max)
		return boot_refuse(why, cap, -E2BIG, "the command line has %zu characters, the kernel takes %zu", n,
				   max);
	put_le(p->params + HDR_CMDLINE, BOOT_CMDLINE, 4);
	return 0;
}

/* Identity map of 4 GiB in 2 MiB pages, and flat segments. */
static int write_tables(const struct ram *ram)
{
	uint8_t gdt[BOOT_GDT_SIZE] = {0};
	uint8_t *t = ram_at(ram, BOOT_TABLES, 6 * PAGE_BYTES);

	if (!t)
		return -EINVAL;
	memset(t, 0, 6 * PAGE_BYTES); // after a reset it is not empty
	put_le(t, (BOOT_TABLES + PAGE_BYTES) | TABLE_FLAGS, 8);
	for (unsigned i = 0; i < 4; i++)
		put_le(t + PAGE_BYTES + 8 * i, (BOOT_TABLES + (2 + i) * PAGE_BYTES) | TABLE_FLAGS, 8);
	for (uint64_t i = 0; i < 2048; i++)
		put_le(t + 2 * PAGE_BYTES + 8 * i, i << 21 | LARGE_FLAGS, 8);
	put_le(gdt + 16, GDT_CODE, 8); // __BOOT_CS
	put_le(gdt + 24, GDT_DATA, 8); // __BOOT_DS
	return boot_put(ram, BOOT_GDT, gdt, sizeof(gdt));
}

static int plan(const struct ram *ram, const struct boot_images *in, struct boot_plan *p, uint64_t *initrd_at,
		char *why, size_t cap)
{
	uint64_t low_end = ram->bytes < LAYOUT_LOW_END ? ram->bytes : LAYOUT_LOW_END;
	bool elf = in->kernel_bytes >= 4 && !memcmp(in->kernel, "\177ELF", 4);
	int r;

	if (low_end <= BOOT_HIGH)
		return boot_refuse(why, cap, -ENOSPC, "%" PRIu64 " KiB of guest memory are not enough to boot",
				   ram->bytes >> 10);
	r = elf ? elf_plan(in->kernel, in->kernel_bytes, low_end, p, why, cap)
		: bzimage_plan(in->kernel, in->kernel_bytes, low_end, p, why, cap);
	if (!r)
		r = place_cmdline(p, in->cmdline, why, cap);
	if (!r && in->initrd_bytes)
		r = place_initrd(p, in->initrd_bytes, low_end, initrd_at, why, cap);
	if (r)
		return r;
	p->params[HDR_LOADER] = LOADER_UNKNOWN;
	put_le(p->params + PARAMS_RSDP, in->rsdp, 8);
	fill_e820(p->params, ram->bytes, low_end);
	return 0;
}

static int write_all(const struct ram *ram, const struct boot_images *in, const struct boot_plan *p, uint64_t initrd_at)
{
	bool elf = !memcmp(in->kernel, "\177ELF", 4);
	int r = boot_put(ram, BOOT_PARAMS, p->params, sizeof(p->params));

	if (!r)
		r = write_tables(ram);
	if (!r)
		r = boot_put(ram, BOOT_CMDLINE, in->cmdline, strlen(in->cmdline) + 1);
	if (!r)
		r = elf ? elf_write(in->kernel, in->kernel_bytes, ram, p)
			: bzimage_write(in->kernel, in->kernel_bytes, ram, p);
	if (!r && in->initrd_bytes)
		r = boot_put(ram, initrd_at, in->initrd, in->initrd_bytes);
	return r;
}

int boot_load(const struct ram *ram, const struct boot_images *in, struct boot_entry *out, char *why, size_t why_cap)
{
	struct boot_plan p = {0};
	uint64_t initrd_at = 0;
	int r = plan(ram, in, &p, &initrd_at, why, why_cap);

	if (r)
		return r;
	r = write_all(ram, in, &p, initrd_at);
	if (r)
		return boot_refuse(why, why_cap, r, "the kernel does not fit into the guest's memory");
	*out = (struct boot_entry){
		.entry = p.entry,
		.boot_params = BOOT_PARAMS,
		.cr3 = BOOT_TABLES,
		.gdt_base = BOOT_GDT,
		.gdt_limit = BOOT_GDT_SIZE - 1,
	};
	return 0;
}
