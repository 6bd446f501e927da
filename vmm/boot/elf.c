// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/boot/boot_priv.h"

#define SEGMENTS_MAX 64u
#define CMDLINE_MAX  2047u

static int check_ident(const Elf64_Ehdr *e, size_t n, char *why, size_t cap)
{
	if (n < sizeof(*e))
		return boot_refuse(why, cap, -EINVAL, "the ELF kernel is cut off after %zu bytes", n);
	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_X86_64)
		return boot_refuse(why, cap, -EINVAL,
				   "the ELF kernel is not for x86-64 (class %u, machine %u; 2 and 62 expected)",
				   e->e_ident[EI_CLASS], e->e_machine);
	if ((e->e_type != ET_EXEC && e->e_type != ET_DYN) || e->e_phentsize != sizeof(Elf64_Phdr))
		return boot_refuse(why, cap, -EINVAL, "the ELF file is no program (type %u)", e->e_type);
	if (!e->e_phnum || e->e_phnum > SEGMENTS_MAX)
		return boot_refuse(why, cap, -EINVAL, "the ELF kernel has %u segments, 1 to %u are expected",
				   e->e_phnum, SEGMENTS_MAX);
	if (e->e_phoff > n || e->e_phnum * sizeof(Elf64_Phdr) > n - e->e_phoff)
		return boot_refuse(why, cap, -EINVAL, "the ELF kernel is cut off: no segment table");
	return 0;
}

static int check_segment(const Elf64_Phdr *ph, unsigned i, size_t n, uint64_t low_end, char *why, size_t cap)
{
	if (ph->p_filesz > ph->p_memsz || ph->p_offset > n || ph->p_filesz > n - ph->p_offset)
		return boot_refuse(why, cap, -EINVAL, "segment %u of the ELF kernel lies outside the file (%zu bytes)",
				   i, n);
	if (ph->p_paddr < BOOT_HIGH || ph->p_paddr > low_end || ph->p_memsz > low_end - ph->p_paddr)
		return boot_refuse(why, cap, -ENOSPC,
				   "segment %u of the ELF kernel wants %#" PRIx64 "..%#" PRIx64
				   ", guest memory for it is %#llx..%#" PRIx64,
				   i, (uint64_t)ph->p_paddr, (uint64_t)(ph->p_paddr + ph->p_memsz), BOOT_HIGH, low_end);
	return 0;
}

static Elf64_Phdr segment(const uint8_t *image, const Elf64_Ehdr *e, unsigned i)
{
	Elf64_Phdr ph;

	memcpy(&ph, image + e->e_phoff + i * sizeof(ph), sizeof(ph));
	return ph;
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
	Elf64_Ehdr e = {0};
	bool entered = false;

	memcpy(&e, image, n < sizeof(e) ? n : sizeof(e));
	int r = check_ident(&e, n, why, why_cap);

	p->end = 0;
	for (unsigned i = 0; !r && i < e.e_phnum; i++) {
		Elf64_Phdr ph = segment(image, &e, i);

		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		r = check_segment(&ph, i, n, low_end, why, why_cap);
		if (r)
			break;
		entered |= e.e_entry >= ph.p_paddr && e.e_entry - ph.p_paddr < ph.p_memsz;
		if (ph.p_paddr + ph.p_memsz > p->end)
			p->end = ph.p_paddr + ph.p_memsz;
	}
	if (!r && !entered)
		r = boot_refuse(why, why_cap, -EINVAL, "the ELF kernel's entry %#" PRIx64 " is in none of its segments",
				(uint64_t)e.e_entry);
	if (r)
		return r;
	fill_params(p->params);
	p->entry = e.e_entry;
	p->initrd_max = UINT32_MAX;
	p->cmdline_max = CMDLINE_MAX;
	return 0;
}

int elf_write(const uint8_t *image, size_t n, const struct ram *ram, const struct boot_plan *p)
{
	Elf64_Ehdr e;
	int r = 0;

	(void)n;
	(void)p;
	memcpy(&e, image, sizeof(e));
	for (unsigned i = 0; !r && i < e.e_phnum; i++) {
		Elf64_Phdr ph = segment(image, &e, i);

		if (ph.p_type == PT_LOAD && ph.p_filesz)
			r = boot_put(ram, ph.p_paddr, image + ph.p_offset, ph.p_filesz);
		if (!r && ph.p_type == PT_LOAD && ph.p_memsz > ph.p_filesz)
			r = boot_clear(ram, ph.p_paddr + ph.p_filesz, ph.p_memsz - ph.p_filesz);
	}
	return r;
}
