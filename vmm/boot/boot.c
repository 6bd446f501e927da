// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/acpi/acpi.h"
#include "vmm/boot/boot_priv.h"

#define PARAMS_RSDP  0x70u
#define PARAMS_E820N 0x1e8u
#define PARAMS_E820  0x2d0u

#define LOADER_UNKNOWN 0xffu
#define INITRD_ALIGN   (2ull << 20)
#define TABLE_FLAGS    0x3u  // present, writable
#define LARGE_FLAGS    0x83u // and a 2 MiB page

#define GDT_CODE   0x00af9b000000ffffull
#define GDT_CODE32 0x00cf9b000000ffffull
#define GDT_DATA   0x00cf93000000ffffull

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

unsigned boot_memory_map(const struct boot_images *in, uint64_t ram_bytes, uint64_t low_end,
			 struct boot_range out[BOOT_RANGES_MAX])
{
	const struct boot_range all[] = {
		{0, BOOT_EBDA, BOOT_RAM},
		{BOOT_EBDA, 0xa0000, BOOT_NOT_RAM},
		{ACPI_GPA, ACPI_AREA_END, BOOT_NOT_RAM}, // to BOOT_HIGH: BOOT_ROM is in it
		{BOOT_HIGH, low_end, BOOT_RAM},
		{in->ecam, in->ecam + in->ecam_bytes, BOOT_NOT_RAM},
		{LAYOUT_IOAPIC, LAYOUT_IOAPIC + 0x1000, BOOT_NOT_RAM},
		{LAYOUT_LAPIC, LAYOUT_LAPIC + 0x1000, BOOT_NOT_RAM},
		{LAYOUT_HIGH, LAYOUT_HIGH + (ram_bytes - low_end), BOOT_RAM},
	};
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].start < all[i].end)
			out[n++] = all[i];
	return n;
}

static void fill_e820(const struct boot_images *in, uint8_t *params, uint64_t ram_bytes, uint64_t low_end)
{
	struct boot_range map[BOOT_RANGES_MAX];
	unsigned n = boot_memory_map(in, ram_bytes, low_end, map);

	for (unsigned i = 0; i < n; i++) {
		uint8_t *e = params + PARAMS_E820 + 20 * i;

		put_le(e, map[i].start, 8);
		put_le(e + 8, map[i].end - map[i].start, 8);
		put_le(e + 16, map[i].type, 4);
	}
	params[PARAMS_E820N] = (uint8_t)n;
}

/*
 * Right above the kernel, and not at the top as most loaders do: the bottom of memory belongs to
 * the host that boots.
 */
static int place_initrd(struct boot_plan *p, size_t bytes, uint64_t low_end, char *why, size_t cap)
{
	uint64_t max = p->initrd_max < low_end - 1 ? p->initrd_max : low_end - 1;
	uint64_t at = (p->end + INITRD_ALIGN - 1) & ~(INITRD_ALIGN - 1);

	if (at > max || bytes > max - at + 1)
		return refuse_with(why, cap, -ENOSPC,
				   "the initrd (%zu KiB) does not fit between the kernel's end %#" PRIx64
				   " and %#" PRIx64 ": give the guest more memory",
				   bytes >> 10, at, max);
	p->initrd_at = at;
	put_le(p->params + HDR_RAMDISK, at, 4);
	put_le(p->params + HDR_RAMDISK_N, bytes, 4);
	return 0;
}

static int place_cmdline(struct boot_plan *p, const char *cmdline, char *why, size_t cap)
{
	size_t n = strlen(cmdline), room = BOOT_EBDA - BOOT_CMDLINE - 1;
	size_t max = p->cmdline_max < room ? p->cmdline_max : room;

	if (n > max)
		return refuse_with(why, cap, -E2BIG, "the command line has %zu characters, the kernel takes %zu", n,
				   max);
	put_le(p->params + HDR_CMDLINE, BOOT_CMDLINE, 4);
	return 0;
}

static int write_gdt(const struct ram *ram, uint64_t at, uint64_t code)
{
	uint8_t gdt[BOOT_GDT_SIZE] = {0};

	put_le(gdt + 16, code, 8);     // __BOOT_CS of Linux
	put_le(gdt + 24, GDT_DATA, 8); // __BOOT_DS
	return boot_put(ram, at, gdt, sizeof(gdt));
}

/* Identity map of 4 GiB in 2 MiB pages, and flat segments. */
static int write_tables(const struct ram *ram)
{
	uint8_t *t = ram_at(ram, BOOT_TABLES, 6 * PAGE_BYTES);

	if (!t)
		return -EINVAL;
	memset(t, 0, 6 * PAGE_BYTES); // after a reset it is not empty
	put_le(t, (BOOT_TABLES + PAGE_BYTES) | TABLE_FLAGS, 8);
	for (unsigned i = 0; i < 4; i++)
		put_le(t + PAGE_BYTES + 8 * i, (BOOT_TABLES + (2 + i) * PAGE_BYTES) | TABLE_FLAGS, 8);
	for (uint64_t i = 0; i < 2048; i++)
		put_le(t + 2 * PAGE_BYTES + 8 * i, i << 21 | LARGE_FLAGS, 8);
	return write_gdt(ram, BOOT_GDT, GDT_CODE);
}

static int plan_kernel(const uint8_t *k, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t cap)
{
	if (bzimage_is(k, n))
		return bzimage_plan(k, n, low_end, p, why, cap);
	if (multiboot_is(k, n))
		return multiboot_plan(k, n, low_end, p, why, cap);
	if (elf_is(k, n))
		return elf_plan(k, n, low_end, p, why, cap);
	return bzimage_plan(k, n, low_end, p, why, cap); // says what it is not
}

static int plan(const struct ram *ram, const struct boot_images *in, uint64_t low_end, struct boot_plan *p, char *why,
		size_t cap)
{
	if (low_end <= BOOT_HIGH)
		return refuse_with(why, cap, -ENOSPC, "%" PRIu64 " KiB of guest memory are not enough to boot",
				   ram->bytes >> 10);
	int r = plan_kernel(in->kernel, in->kernel_bytes, low_end, p, why, cap);

	if (!r)
		r = place_cmdline(p, in->cmdline, why, cap);
	if (!r && in->initrd_bytes)
		r = place_initrd(p, in->initrd_bytes, low_end, why, cap);
	if (r)
		return r;
	p->params[HDR_LOADER] = LOADER_UNKNOWN;
	put_le(p->params + PARAMS_RSDP, in->rsdp, 8);
	fill_e820(in, p->params, ram->bytes, low_end);
	return 0;
}

static int write_pieces(const struct ram *ram, const uint8_t *image, const struct boot_plan *p)
{
	int r = 0;

	for (unsigned i = 0; !r && i < p->pieces_n; i++) {
		const struct boot_piece *k = &p->pieces[i];

		if (k->file_bytes)
			r = boot_put(ram, k->gpa, image + k->offset, k->file_bytes);
		if (!r && k->bytes > k->file_bytes)
			r = boot_clear(ram, k->gpa + k->file_bytes, k->bytes - k->file_bytes);
	}
	return r;
}

static int write_linux(const struct ram *ram, const struct boot_images *in, const struct boot_plan *p)
{
	int r = boot_put(ram, BOOT_PARAMS, p->params, sizeof(p->params));

	if (!r)
		r = write_tables(ram);
	return r ? r : boot_put(ram, BOOT_CMDLINE, in->cmdline, strlen(in->cmdline) + 1);
}

/* Where the BIOS of a PC begins: mov $0xcf9, %dx; mov $6, %al; out %al, %dx; hlt; jmp to the hlt. */
static int write_rom(const struct ram *ram)
{
	static const uint8_t code[] = {0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd};

	_Static_assert(LAYOUT_PORT_RESET == 0xcf9, "the code names it");
	return boot_put(ram, BOOT_ROM, code, sizeof(code));
}

static int write_all(const struct ram *ram, const struct boot_images *in, const struct boot_plan *p, uint64_t low_end)
{
	int r = p->multiboot ? write_gdt(ram, BOOT_MB_AREA, GDT_CODE32) : write_linux(ram, in, p);

	if (!r && p->multiboot)
		r = multiboot_write(ram, in, p, low_end);
	if (!r)
		r = write_rom(ram);
	if (!r)
		r = write_pieces(ram, in->kernel, p);
	if (!r && in->initrd_bytes)
		r = boot_put(ram, p->initrd_at, in->initrd, in->initrd_bytes);
	return r;
}

int boot_load(const struct ram *ram, const struct boot_images *in, struct boot_entry *out, char *why, size_t why_cap)
{
	uint64_t low_end = ram->bytes < LAYOUT_LOW_END ? ram->bytes : LAYOUT_LOW_END;
	struct boot_plan p = {0};
	int r = plan(ram, in, low_end, &p, why, why_cap);

	if (r)
		return r;
	r = write_all(ram, in, &p, low_end);
	if (r)
		return refuse_with(why, why_cap, r, "the kernel does not fit into the guest's memory");
	*out = (struct boot_entry){.entry = p.entry, .gdt_limit = BOOT_GDT_SIZE - 1};
	if (p.multiboot) {
		out->flat32 = true;
		out->eax = MULTIBOOT_EAX;
		out->ebx = BOOT_MB_INFO;
		out->gdt_base = BOOT_MB_AREA;
	} else {
		out->boot_params = BOOT_PARAMS;
		out->cr3 = BOOT_TABLES;
		out->gdt_base = BOOT_GDT;
	}
	return 0;
}
