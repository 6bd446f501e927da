// SPDX-License-Identifier: Apache-2.0
/* ELF files of both classes, read into one form; what the 64-bit ones say is what the 32-bit ones say in less room. */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/boot/boot_priv.h"

#define CMDLINE_MAX 2047u

bool elf_is(const uint8_t *image, size_t n)
{
	return n >= SELFMAG && !memcmp(image, ELFMAG, SELFMAG);
}

static Elf64_Ehdr widen_header(const Elf32_Ehdr *e)
{
	return (Elf64_Ehdr){.e_type = e->e_type,
			    .e_machine = e->e_machine,
			    .e_entry = e->e_entry,
			    .e_phoff = e->e_phoff,
			    .e_phentsize = e->e_phentsize,
			    .e_phnum = e->e_phnum};
}

static Elf64_Phdr widen_segment(const Elf32_Phdr *p)
{
	return (Elf64_Phdr){.p_type = p->p_type,
			    .p_offset = p->p_offset,
			    .p_vaddr = p->p_vaddr,
			    .p_paddr = p->p_paddr,
			    .p_filesz = p->p_filesz,
			    .p_memsz = p->p_memsz};
}

static bool is_wide(const uint8_t *image)
{
	return image[EI_CLASS] == ELFCLASS64;
}

/* What is in it is for this machine, and in the form these rules want. */
static bool is_ours(const uint8_t *image, const Elf64_Ehdr *e, const struct elf_rules *rules)
{
	if (image[EI_DATA] != ELFDATA2LSB)
		return false;
	if (is_wide(image))
		return e->e_machine == EM_X86_64;
	return image[EI_CLASS] == ELFCLASS32 && e->e_machine == EM_386 && !rules->linux64;
}

static int read_header(const uint8_t *image, size_t n, const struct elf_rules *rules, Elf64_Ehdr *e, char *why,
		       size_t cap)
{
	size_t header = n > EI_CLASS && !is_wide(image) ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
	Elf32_Ehdr narrow;

	if (n < header)
		return refuse_with(why, cap, -EINVAL, "the ELF kernel is cut off after %zu bytes", n);
	if (is_wide(image)) {
		memcpy(e, image, sizeof(*e));
	} else {
		memcpy(&narrow, image, sizeof(narrow));
		*e = widen_header(&narrow);
	}
	if (!is_ours(image, e, rules))
		return refuse_with(why, cap, -EINVAL,
				   rules->linux64
					   ? "the ELF kernel is not for x86-64 (class %u, machine %u; 2 and 62 "
					     "expected), and has no Multiboot header"
					   : "the ELF kernel is not for x86 (class %u, machine %u; 1 and 3, or 2 "
					     "and 62 expected)",
				   image[EI_CLASS], e->e_machine);
	return 0;
}

static size_t segment_bytes(const uint8_t *image)
{
	return is_wide(image) ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}

static int check_header(const uint8_t *image, size_t n, const Elf64_Ehdr *e, char *why, size_t cap)
{
	if ((e->e_type != ET_EXEC && e->e_type != ET_DYN) || e->e_phentsize != segment_bytes(image))
		return refuse_with(why, cap, -EINVAL, "the ELF file is no program (type %u)", e->e_type);
	if (!e->e_phnum || e->e_phnum > BOOT_PIECES_MAX)
		return refuse_with(why, cap, -EINVAL, "the ELF kernel has %u segments, 1 to %u are expected",
				   e->e_phnum, BOOT_PIECES_MAX);
	if (e->e_phoff > n || e->e_phnum * segment_bytes(image) > n - e->e_phoff)
		return refuse_with(why, cap, -EINVAL, "the ELF kernel is cut off: no segment table");
	return 0;
}

static bool lies_in(uint64_t at, uint64_t bytes, uint64_t from, uint64_t to)
{
	return at >= from && at <= to && bytes <= to - at;
}

static int check_segment(const Elf64_Phdr *ph, unsigned i, size_t n, const struct elf_rules *rules, char *why,
			 size_t cap)
{
	if (ph->p_filesz > ph->p_memsz || ph->p_offset > n || ph->p_filesz > n - ph->p_offset)
		return refuse_with(why, cap, -EINVAL, "segment %u of the ELF kernel lies outside the file (%zu bytes)",
				   i, n);
	if (!lies_in(ph->p_paddr, ph->p_memsz, BOOT_HIGH, rules->high_to) &&
	    !lies_in(ph->p_paddr, ph->p_memsz, rules->low, rules->low_to))
		return refuse_with(why, cap, -ENOSPC,
				   "segment %u of the ELF kernel wants %#" PRIx64 "..%#" PRIx64
				   ", guest memory for it is %#llx..%#" PRIx64,
				   i, (uint64_t)ph->p_paddr, (uint64_t)(ph->p_paddr + ph->p_memsz), BOOT_HIGH,
				   rules->high_to);
	return 0;
}

static Elf64_Phdr segment(const uint8_t *image, const Elf64_Ehdr *e, unsigned i)
{
	const uint8_t *at = image + e->e_phoff + i * segment_bytes(image);
	Elf64_Phdr wide;
	Elf32_Phdr narrow;

	if (is_wide(image)) {
		memcpy(&wide, at, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, at, sizeof(narrow));
	return widen_segment(&narrow);
}

/*
 * The entry as a physical address. A kernel that runs high gives it as a virtual one, or as the physical one: the
 * segment that holds it tells.
 */
static bool find_entry(const Elf64_Phdr *ph, uint64_t entry, bool physical_only, uint64_t *at)
{
	if (!physical_only && entry >= ph->p_vaddr && entry - ph->p_vaddr < ph->p_memsz) {
		*at = entry - ph->p_vaddr + ph->p_paddr;
		return true;
	}
	*at = entry;
	return entry >= ph->p_paddr && entry - ph->p_paddr < ph->p_memsz;
}

int elf_pieces(const uint8_t *image, size_t n, const struct elf_rules *rules, struct boot_plan *p, char *why,
	       size_t why_cap)
{
	Elf64_Ehdr e;
	bool entered = false;
	int r = read_header(image, n, rules, &e, why, why_cap);

	if (!r)
		r = check_header(image, n, &e, why, why_cap);
	p->end = 0;
	for (unsigned i = 0; !r && i < e.e_phnum; i++) {
		Elf64_Phdr ph = segment(image, &e, i);

		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		r = check_segment(&ph, i, n, rules, why, why_cap);
		if (r)
			break;
		p->pieces[p->pieces_n++] = (struct boot_piece){
			.offset = ph.p_offset, .file_bytes = ph.p_filesz, .gpa = ph.p_paddr, .bytes = ph.p_memsz};
		entered = entered || find_entry(&ph, e.e_entry, rules->linux64, &p->entry);
		if (ph.p_paddr + ph.p_memsz > p->end)
			p->end = ph.p_paddr + ph.p_memsz;
	}
	if (!r && !entered)
		r = refuse_with(why, why_cap, -EINVAL, "the ELF kernel's entry %#" PRIx64 " is in none of its segments",
				(uint64_t)e.e_entry);
	return r;
}

/* It gets boot_params like a bzImage; the fields below are all that such a kernel reads of the
 * header. */
static void fill_params(uint8_t *p)
{
	memset(p, 0, PARAMS_BYTES);
	put_le(p + HDR_BOOT_FLAG, BOOT_FLAG, 2);
	put_le(p + HDR_MAGIC, BOOT_MAGIC, 4);
	put_le(p + HDR_VERSION, 0x20c, 2);
	put_le(p + HDR_LOADFLAGS, 1, 1);
	put_le(p + HDR_ALIGN, 2u << 20, 4);
}

int elf_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap)
{
	const struct elf_rules rules = {.linux64 = true, .high_to = low_end};
	int r = elf_pieces(image, n, &rules, p, why, why_cap);

	if (r)
		return r;
	fill_params(p->params);
	p->initrd_max = UINT32_MAX;
	p->cmdline_max = CMDLINE_MAX;
	return 0;
}
