// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/elfcore.h"

#include <elf.h>
#include <string.h>

#include "coherence/base/bytes.h"

#define ALIGN           4096u
#define PRSTATUS_BYTES  336u // struct elf_prstatus of x86-64
#define PRSTATUS_PID    32u
#define PRSTATUS_REGS   112u
#define QEMU_BYTES      440u // version, size, general, segment and control registers, kernel GS base
#define QEMU_VERSION    1u
#define NOTE_HEAD_BYTES (12u + 8u) // its name fills 8 bytes, both "CORE" and "QEMU"
#define NOTES_OF_CPU    (2 * NOTE_HEAD_BYTES + PRSTATUS_BYTES + QEMU_BYTES)

static uint64_t align_up(uint64_t n)
{
	return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static uint64_t notes_at(unsigned runs_n)
{
	return sizeof(Elf64_Ehdr) + (1 + runs_n) * sizeof(Elf64_Phdr);
}

uint64_t elfcore_head_bytes(unsigned runs_n, unsigned vcpus)
{
	return align_up(notes_at(runs_n) + (uint64_t)vcpus * NOTES_OF_CPU);
}

uint64_t elfcore_plan(struct elfcore_run *runs, unsigned runs_n, unsigned vcpus)
{
	uint64_t at = elfcore_head_bytes(runs_n, vcpus);

	for (unsigned i = 0; i < runs_n; i++) {
		runs[i].offset = at;
		at += align_up(runs[i].bytes);
	}
	return at;
}

static uint8_t *put_note(uint8_t *to, const char *name, uint32_t type, uint32_t bytes)
{
	put_le(to, 5, 4); // the name with its end
	put_le(to + 4, bytes, 4);
	put_le(to + 8, type, 4);
	memcpy(to + 12, name, 5);
	return to + NOTE_HEAD_BYTES;
}

/* struct user_regs_struct in its order. */
static void put_prstatus(uint8_t *to, const struct hv_registers *r, unsigned vcpu)
{
	const uint64_t *g = r->gpr;
	const uint64_t regs[27] = {g[HV_R15],
				   g[HV_R14],
				   g[HV_R13],
				   g[HV_R12],
				   g[HV_RBP],
				   g[HV_RBX],
				   g[HV_R11],
				   g[HV_R10],
				   g[HV_R9],
				   g[HV_R8],
				   g[HV_RAX],
				   g[HV_RCX],
				   g[HV_RDX],
				   g[HV_RSI],
				   g[HV_RDI],
				   g[HV_RAX], // the last: orig_rax
				   g[HV_RIP],
				   r->seg[HV_CS].selector,
				   g[HV_RFLAGS],
				   g[HV_RSP],
				   r->seg[HV_SS].selector,
				   r->seg[HV_FS].base,
				   r->seg[HV_GS].base,
				   r->seg[HV_DS].selector,
				   r->seg[HV_ES].selector,
				   r->seg[HV_FS].selector,
				   r->seg[HV_GS].selector};

	put_le(to + PRSTATUS_PID, vcpu + 1, 4);
	for (unsigned i = 0; i < 27; i++)
		put_le(to + PRSTATUS_REGS + 8 * i, regs[i], 8);
}

static void put_qemu(uint8_t *to, const struct hv_registers *r)
{
	const uint64_t cr[5] = {r->sys[HV_CR0], 0, r->sys[HV_CR2], r->sys[HV_CR3], r->sys[HV_CR4]};
	uint8_t *at = to + 8;

	put_le(to, QEMU_VERSION, 4);
	put_le(to + 4, QEMU_BYTES, 4);
	for (unsigned i = 0; i < HV_GPRS; i++, at += 8)
		put_le(at, r->gpr[i], 8);
	for (unsigned i = 0; i < HV_SEGS; i++, at += 24) {
		put_le(at, r->seg[i].selector, 4);
		put_le(at + 4, r->seg[i].limit, 4);
		put_le(at + 8, r->seg[i].flags, 4);
		put_le(at + 16, r->seg[i].base, 8);
	}
	for (unsigned i = 0; i < 5; i++, at += 8)
		put_le(at, cr[i], 8);
	put_le(at, r->sys[HV_KERNEL_GS_BASE], 8);
}

static void put_headers(const struct elfcore_run *runs, unsigned runs_n, unsigned vcpus, uint8_t *buf)
{
	Elf64_Ehdr e = {
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(e),
		.e_ehsize = sizeof(e),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(1 + runs_n),
	};
	Elf64_Phdr p = {.p_type = PT_NOTE, .p_offset = notes_at(runs_n), .p_align = 4};

	memcpy(e.e_ident, ELFMAG, SELFMAG);
	e.e_ident[EI_CLASS] = ELFCLASS64;
	e.e_ident[EI_DATA] = ELFDATA2LSB;
	e.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(buf, &e, sizeof(e));
	p.p_filesz = p.p_memsz = (uint64_t)vcpus * NOTES_OF_CPU;
	memcpy(buf + sizeof(e), &p, sizeof(p));
	for (unsigned i = 0; i < runs_n; i++) {
		p = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_offset = runs[i].offset,
			.p_vaddr = runs[i].gpa,
			.p_paddr = runs[i].gpa,
			.p_filesz = runs[i].bytes,
			.p_memsz = runs[i].bytes,
		};
		memcpy(buf + sizeof(e) + (1 + i) * sizeof(p), &p, sizeof(p));
	}
}

void elfcore_head(const struct elfcore_run *runs, unsigned runs_n, const struct hv_registers *regs, unsigned vcpus,
		  uint8_t *buf)
{
	memset(buf, 0, elfcore_head_bytes(runs_n, vcpus));
	put_headers(runs, runs_n, vcpus, buf);
	uint8_t *at = buf + notes_at(runs_n);

	for (unsigned i = 0; i < vcpus; i++) {
		at = put_note(at, "CORE", NT_PRSTATUS, PRSTATUS_BYTES);
		put_prstatus(at, &regs[i], i);
		at = put_note(at + PRSTATUS_BYTES, "QEMU", 0, QEMU_BYTES);
		put_qemu(at, &regs[i]);
		at += QEMU_BYTES;
	}
}
