// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <elf.h>
#include <sys/procfs.h>
#include <vector>

extern "C" {
#include "vmm/run/elfcore.h"
}

namespace
{

struct Core : testing::Test {
	elfcore_run runs[2] = {{0, 0xc0000000, 0}, {0x100000000, 0x5000, 0}};
	hv_registers regs[3] = {};
	std::vector<uint8_t> head;
	uint64_t total = 0;

	void SetUp() override
	{
		for (unsigned v = 0; v < 3; v++) {
			for (unsigned i = 0; i < HV_GPRS; i++)
				regs[v].gpr[i] = 0x1000 * (v + 1) + i;
			for (unsigned i = 0; i < HV_SYSS; i++)
				regs[v].sys[i] = 0x5000 + i;
			for (unsigned i = 0; i < HV_SEGS; i++)
				regs[v].seg[i] = {0xffff800000000000 + i, 0x10 + i, 0xfffff, 0xa09b00};
		}
		total = elfcore_plan(runs, 2, 3);
		head.resize(elfcore_head_bytes(2, 3));
		elfcore_head(runs, 2, regs, 3, head.data());
	}
	template <typename T> T at(size_t offset)
	{
		T v;
		memcpy(&v, head.data() + offset, sizeof(v));
		return v;
	}
};

TEST_F(Core, HeadersNameTheRuns)
{
	auto e = at<Elf64_Ehdr>(0);
	EXPECT_EQ(0, memcmp(e.e_ident, "\177ELF\2\1\1", 7));
	EXPECT_EQ(ET_CORE, e.e_type);
	EXPECT_EQ(EM_X86_64, e.e_machine);
	ASSERT_EQ(3, e.e_phnum);
	auto note = at<Elf64_Phdr>(e.e_phoff);
	EXPECT_EQ((Elf64_Word)PT_NOTE, note.p_type);
	EXPECT_LE(note.p_offset + note.p_filesz, head.size());
	for (unsigned i = 0; i < 2; i++) {
		auto p = at<Elf64_Phdr>(e.e_phoff + (1 + i) * sizeof(Elf64_Phdr));
		EXPECT_EQ((Elf64_Word)PT_LOAD, p.p_type);
		EXPECT_EQ(runs[i].gpa, p.p_paddr);
		EXPECT_EQ(runs[i].bytes, p.p_filesz);
		EXPECT_EQ(runs[i].offset, p.p_offset);
		EXPECT_EQ(0u, p.p_offset % 4096);
	}
	EXPECT_EQ(head.size(), runs[0].offset);
	EXPECT_EQ(runs[0].offset + runs[0].bytes, runs[1].offset);
	EXPECT_EQ(total, runs[1].offset + runs[1].bytes);
}

TEST_F(Core, NotesHoldTheRegisters)
{
	auto note = at<Elf64_Phdr>(sizeof(Elf64_Ehdr));
	size_t o = note.p_offset;

	ASSERT_EQ(336u, sizeof(struct elf_prstatus));
	for (unsigned v = 0; v < 3; v++) {
		auto n = at<Elf64_Nhdr>(o);
		EXPECT_EQ(5u, n.n_namesz);
		EXPECT_STREQ("CORE", (char *)head.data() + o + 12);
		EXPECT_EQ((Elf64_Word)NT_PRSTATUS, n.n_type);
		ASSERT_EQ(sizeof(struct elf_prstatus), n.n_descsz);
		auto s = at<struct elf_prstatus>(o + 20);
		EXPECT_EQ((int)v + 1, s.pr_pid);
		EXPECT_EQ(regs[v].gpr[HV_RIP], s.pr_reg[16]);
		EXPECT_EQ(regs[v].gpr[HV_RSP], s.pr_reg[19]);
		EXPECT_EQ(regs[v].gpr[HV_R15], s.pr_reg[0]);
		EXPECT_EQ(regs[v].gpr[HV_RDI], s.pr_reg[14]);
		EXPECT_EQ(regs[v].seg[HV_GS].base, s.pr_reg[22]);
		o += 20 + n.n_descsz;
		n = at<Elf64_Nhdr>(o);
		EXPECT_STREQ("QEMU", (char *)head.data() + o + 12);
		ASSERT_EQ(440u, n.n_descsz);
		EXPECT_EQ(1u, at<uint32_t>(o + 20));
		EXPECT_EQ(440u, at<uint32_t>(o + 24));
		EXPECT_EQ(regs[v].gpr[HV_RAX], at<uint64_t>(o + 28));
		EXPECT_EQ(0x10u, at<uint32_t>(o + 28 + 8 * HV_GPRS)); // CS, the first segment
		EXPECT_EQ(regs[v].seg[HV_IDT].base, at<uint64_t>(o + 28 + 8 * HV_GPRS + 24 * HV_IDT + 16));
		EXPECT_EQ(regs[v].sys[HV_CR3], at<uint64_t>(o + 28 + 8 * HV_GPRS + 24 * HV_SEGS + 24));
		o += 20 + n.n_descsz;
	}
	EXPECT_EQ(note.p_offset + note.p_filesz, o);
}

} // namespace
