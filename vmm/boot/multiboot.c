// SPDX-License-Identifier: Apache-2.0
/*
 * Multiboot Specification 0.6.96: the header (3.1), address fields (3.1.3), machine state (3.2; boot.c) and the boot
 * information (3.3). A file that carries the header is loaded by it whatever else it is, but a Linux bzImage.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/boot/boot_priv.h"

#define HEADER_MAGIC  0x1badb002u
#define SEARCH_BYTES  8192u // the header lies within them, on a multiple of 4
#define HEADER_BYTES  12u   // magic, flags, checksum
#define ADDRESS_BYTES 32u   // and header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr

#define FLAG_ALIGN     (1u << 0)
#define FLAG_MEMORY    (1u << 1)
#define FLAG_VIDEO     (1u << 2)
#define FLAGS_REQUIRED 0xffffu // a loader that does not know one of these refuses
#define FLAG_ADDRESSES (1u << 16)

/* The information: offsets, and the flags that say which are there. */
#define INFO_BYTES      116u
#define INFO_MEM_LOWER  4u
#define INFO_MEM_UPPER  8u
#define INFO_CMDLINE    16u
#define INFO_MODS_N     20u
#define INFO_MODS       24u
#define INFO_MMAP_BYTES 44u
#define INFO_MMAP       48u
#define INFO_LOADER     64u
#define HAS_MEMORY      (1u << 0)
#define HAS_CMDLINE     (1u << 2)
#define HAS_MODULES     (1u << 3)
#define HAS_MMAP        (1u << 6)
#define HAS_LOADER      (1u << 9)

/* What follows the information, from BOOT_MB_INFO on. */
#define AT_MODULE      0x80u
#define AT_MMAP        0xa0u
#define AT_LOADER      0x180u
#define AT_MODULE_NAME 0x190u
#define BLOCK_BYTES    0x1a0u
#define MMAP_ENTRY     24u

struct header {
	size_t at; // in the file
	uint32_t flags;
};

static bool find(const uint8_t *image, size_t n, struct header *h)
{
	size_t end = n < SEARCH_BYTES ? n : SEARCH_BYTES;

	for (size_t at = 0; at + HEADER_BYTES <= end; at += 4) {
		uint32_t flags = (uint32_t)get_le(image + at + 4, 4);

		if (get_le(image + at, 4) != HEADER_MAGIC || HEADER_MAGIC + flags + (uint32_t)get_le(image + at + 8, 4))
			continue;
		*h = (struct header){.at = at, .flags = flags};
		return true;
	}
	return false;
}

bool multiboot_is(const uint8_t *image, size_t n)
{
	struct header h;

	return find(image, n, &h);
}

static int check_flags(const struct header *h, size_t n, char *why, size_t cap)
{
	uint32_t unknown = h->flags & FLAGS_REQUIRED & ~(FLAG_ALIGN | FLAG_MEMORY | FLAG_VIDEO);

	if (unknown)
		return refuse_with(why, cap, -EINVAL,
				   "the Multiboot kernel requires features that are not known here (flags %#x)",
				   h->flags);
	if (h->flags & FLAG_VIDEO)
		return refuse_with(why, cap, -EINVAL,
				   "the Multiboot kernel requires a video mode (flags %#x, bit 2): this machine has "
				   "no display",
				   h->flags);
	if (h->flags & FLAG_ADDRESSES && (h->at + ADDRESS_BYTES > n || h->at + ADDRESS_BYTES > SEARCH_BYTES))
		return refuse_with(why, cap, -EINVAL, "the Multiboot header at %#zx is cut off: no address fields",
				   h->at);
	return 0;
}

/* Addresses as the fields give them. */
struct fields {
	uint64_t header, load, load_end, bss_end, entry;
};

static struct fields read_fields(const uint8_t *header)
{
	return (struct fields){.header = get_le(header + 12, 4),
			       .load = get_le(header + 16, 4),
			       .load_end = get_le(header + 20, 4),
			       .bss_end = get_le(header + 24, 4),
			       .entry = get_le(header + 28, 4)};
}

/* What they say about the file. An end of 0 means: the file's, and no bss. */
static int fields_to_piece(const struct fields *f, const struct header *h, size_t n, struct boot_piece *k, char *why,
			   size_t cap)
{
	if (f->load > f->header || f->header - f->load > h->at)
		return refuse_with(why, cap, -EINVAL,
				   "the Multiboot kernel's load address %#" PRIx64 " does not fit its header, which is "
				   "%#zx in the file and belongs to %#" PRIx64,
				   f->load, h->at, f->header);
	k->offset = h->at - (f->header - f->load);
	k->gpa = f->load;
	k->file_bytes = f->load_end ? f->load_end - f->load : n - k->offset;
	if (f->load_end && (f->load_end <= f->load || k->file_bytes > n - k->offset))
		return refuse_with(why, cap, -EINVAL,
				   "the Multiboot kernel loads %#" PRIx64 "..%#" PRIx64
				   ": the file of %zu bytes does not hold that",
				   f->load, f->load_end, n);
	k->bytes = f->bss_end ? f->bss_end - f->load : k->file_bytes;
	if (f->bss_end && (f->bss_end < f->load || k->bytes < k->file_bytes))
		return refuse_with(why, cap, -EINVAL,
				   "the Multiboot kernel's bss ends at %#" PRIx64 ", before what is loaded",
				   f->bss_end);
	return 0;
}

static bool lies_in(const struct boot_piece *k, uint64_t from, uint64_t to)
{
	return k->gpa >= from && k->gpa <= to && k->bytes <= to - k->gpa;
}

static int plan_fields(const uint8_t *image, size_t n, const struct header *h, uint64_t low_end, struct boot_plan *p,
		       char *why, size_t cap)
{
	const struct fields f = read_fields(image + h->at);
	struct boot_piece k;
	int r = fields_to_piece(&f, h, n, &k, why, cap);

	if (r)
		return r;
	if (!lies_in(&k, BOOT_MB_LOW, BOOT_MB_AREA) && !lies_in(&k, BOOT_HIGH, low_end))
		return refuse_with(why, cap, -ENOSPC,
				   "the Multiboot kernel wants %#" PRIx64 "..%#" PRIx64
				   ", guest memory for it is %#llx..%#llx "
				   "and %#llx..%#" PRIx64,
				   k.gpa, k.gpa + k.bytes, BOOT_MB_LOW, BOOT_MB_AREA, BOOT_HIGH, low_end);
	if (f.entry < k.gpa || f.entry - k.gpa >= k.bytes)
		return refuse_with(why, cap, -EINVAL,
				   "the Multiboot kernel's entry %#" PRIx64 " is outside of what it loads", f.entry);
	p->pieces[0] = k;
	p->pieces_n = 1;
	p->entry = f.entry;
	p->end = k.gpa + k.bytes;
	return 0;
}

int multiboot_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap)
{
	const struct elf_rules rules = {.low = BOOT_MB_LOW, .low_to = BOOT_MB_AREA, .high_to = low_end};
	struct header h;

	if (!find(image, n, &h))
		return refuse_with(why, why_cap, -EINVAL, "there is no Multiboot header");
	int r = check_flags(&h, n, why, why_cap);

	if (r)
		return r;
	if (h.flags & FLAG_ADDRESSES)
		r = plan_fields(image, n, &h, low_end, p, why, why_cap);
	else if (elf_is(image, n))
		r = elf_pieces(image, n, &rules, p, why, why_cap);
	else
		r = refuse_with(why, why_cap, -EINVAL,
				"the Multiboot kernel is no ELF file and its header has no address fields (flags %#x)",
				h.flags);
	if (p->end < BOOT_HIGH) // modules go above 1 MiB
		p->end = BOOT_HIGH;
	p->multiboot = true;
	p->initrd_max = UINT32_MAX;
	p->cmdline_max = BOOT_EBDA - BOOT_MB_CMDLINE - 1;
	return r;
}

static unsigned fill_map(const struct boot_images *in, uint8_t *at, uint64_t ram_bytes, uint64_t low_end)
{
	struct boot_range map[BOOT_RANGES_MAX];
	unsigned n = boot_memory_map(in, ram_bytes, low_end, map);

	for (unsigned i = 0; i < n; i++, at += MMAP_ENTRY) {
		put_le(at, MMAP_ENTRY - 4, 4); // the size does not count itself
		put_le(at + 4, map[i].start, 8);
		put_le(at + 12, map[i].end - map[i].start, 8);
		put_le(at + 20, map[i].type, 4);
	}
	return n * MMAP_ENTRY;
}

int multiboot_write(const struct ram *ram, const struct boot_images *in, const struct boot_plan *p, uint64_t low_end)
{
	static const char loader[] = "Pando", module[] = "initrd";
	uint8_t b[BLOCK_BYTES] = {0};
	bool modules = in->initrd_bytes != 0;

	_Static_assert(AT_MODULE >= INFO_BYTES && AT_MMAP + BOOT_RANGES_MAX * MMAP_ENTRY <= AT_LOADER, "overlap");
	put_le(b, HAS_MEMORY | HAS_CMDLINE | HAS_MMAP | HAS_LOADER | (modules ? HAS_MODULES : 0), 4);
	put_le(b + INFO_MEM_LOWER, BOOT_EBDA >> 10, 4);
	put_le(b + INFO_MEM_UPPER, (low_end - BOOT_HIGH) >> 10, 4);
	put_le(b + INFO_CMDLINE, BOOT_MB_CMDLINE, 4);
	put_le(b + INFO_MMAP_BYTES, fill_map(in, b + AT_MMAP, ram->bytes, low_end), 4);
	put_le(b + INFO_MMAP, BOOT_MB_INFO + AT_MMAP, 4);
	put_le(b + INFO_LOADER, BOOT_MB_INFO + AT_LOADER, 4);
	memcpy(b + AT_LOADER, loader, sizeof(loader));
	if (modules) { // one
		put_le(b + INFO_MODS_N, 1, 4);
		put_le(b + INFO_MODS, BOOT_MB_INFO + AT_MODULE, 4);
		put_le(b + AT_MODULE, p->initrd_at, 4);
		put_le(b + AT_MODULE + 4, p->initrd_at + in->initrd_bytes, 4);
		put_le(b + AT_MODULE + 8, BOOT_MB_INFO + AT_MODULE_NAME, 4);
		memcpy(b + AT_MODULE_NAME, module, sizeof(module));
	}
	int r = boot_put(ram, BOOT_MB_INFO, b, sizeof(b));

	return r ? r : boot_put(ram, BOOT_MB_CMDLINE, in->cmdline, strlen(in->cmdline) + 1);
}
