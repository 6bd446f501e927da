// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/boot/sample.h"

#include <cerrno>
#include <elf.h>

namespace
{
/* A kernel that says what Debian's says: protocol 2.15, relocatable, 16 MiB, 3 setup sectors. */
Bytes bzimage(size_t payload = 4096)
{
	Bytes b(4 * 512 + payload, 0);
	b[0x1f1] = 3;
	put(b, 0x1f4, payload / 16, 4);
	put(b, 0x1fe, 0xaa55, 2);
	b[0x200] = 0xeb;
	b[0x201] = 0x6a;
	put(b, 0x202, 0x53726448, 4);
	put(b, 0x206, 0x20f, 2);
	b[0x211] = 1;
	put(b, 0x22c, 0x7fffffff, 4);
	put(b, 0x230, 0x200000, 4);
	b[0x234] = 1;
	put(b, 0x236, 0x7f, 2);
	put(b, 0x238, 2047, 4);
	put(b, 0x258, 0x1000000, 8);
	put(b, 0x260, 0x400000, 4);
	for (size_t i = 0; i < payload; i++)
		b[4 * 512 + i] = (uint8_t)(i * 7);
	return b;
}

Bytes elf(uint64_t paddr = 0x200000, uint64_t filesz = 16, uint64_t memsz = 8192)
{
	Bytes b(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + filesz, 0x90);
	Elf64_Ehdr e = {};
	memcpy(e.e_ident, "\177ELF\2\1\1", 7);
	e.e_type = ET_EXEC;
	e.e_machine = EM_X86_64;
	e.e_entry = paddr + 4;
	e.e_phoff = sizeof(e);
	e.e_phentsize = sizeof(Elf64_Phdr);
	e.e_phnum = 1;
	Elf64_Phdr p = {};
	p.p_type = PT_LOAD;
	p.p_offset = sizeof(e) + sizeof(p);
	p.p_paddr = paddr;
	p.p_filesz = filesz;
	p.p_memsz = memsz;
	memcpy(b.data(), &e, sizeof(e));
	memcpy(b.data() + sizeof(e), &p, sizeof(p));
	return b;
}
} // namespace

TEST_F(Boot, BzImageGoesWhereItPrefers)
{
	ASSERT_EQ(0, load(bzimage())) << why;
	EXPECT_EQ(0x1000200u, e.entry);
	EXPECT_EQ(7u, ram.base[0x1000001]);
	EXPECT_EQ(BOOT_PARAMS, e.boot_params);
	EXPECT_EQ(ACPI_GPA, get(BOOT_PARAMS + 0x70, 8));
	EXPECT_EQ(0xffu, get(BOOT_PARAMS + 0x210, 1));
	EXPECT_EQ(0x53726448u, get(BOOT_PARAMS + 0x202, 4));
	EXPECT_EQ(0u, get(BOOT_PARAMS + 0x218, 8)); // no initrd
	EXPECT_STREQ("console=ttyS0", (char *)ram.base + get(BOOT_PARAMS + 0x228, 4));
}

TEST_F(Boot, E820NamesEveryByteOnce)
{
	mib(4096);
	ASSERT_EQ(0, load(bzimage())) << why;
	unsigned n = (unsigned)get(BOOT_PARAMS + 0x1e8, 1);
	uint64_t end = 0, ram_total = 0;
	bool acpi = false;
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = BOOT_PARAMS + 0x2d0 + 20 * i, start = get(at, 8), bytes = get(at + 8, 8);
		EXPECT_GE(start, end);
		end = start + bytes;
		if (get(at + 16, 4) == 1)
			ram_total += bytes;
		acpi |= get(at + 16, 4) == 2 && start <= ACPI_GPA && end >= ACPI_AREA_END;
	}
	EXPECT_TRUE(acpi);
	EXPECT_EQ((4096ull << 20) - 0x100000 + 0x9fc00, ram_total);
	EXPECT_EQ(LAYOUT_HIGH + (1ull << 30), end);
}

/* Linux believes in ECAM only where the memory map says that it is reserved. */
TEST_F(Boot, E820HasEcamWhereThereIsPci)
{
	for (uint64_t bytes : {0ull, 2ull << 20}) {
		ecam_bytes = bytes;
		ASSERT_EQ(0, load(bzimage())) << why;
		unsigned n = (unsigned)get(BOOT_PARAMS + 0x1e8, 1), found = 0;
		for (unsigned i = 0; i < n; i++) {
			uint64_t at = BOOT_PARAMS + 0x2d0 + 20 * i;
			if (get(at, 8) == PCI_ECAM) {
				found++;
				EXPECT_EQ(bytes, get(at + 8, 8));
				EXPECT_EQ(2u, get(at + 16, 4));
			}
		}
		EXPECT_EQ(bytes ? 1u : 0u, found);
	}
}

TEST_F(Boot, TablesMapFourGiB)
{
	ASSERT_EQ(0, load(bzimage()));
	for (uint64_t a : {0ull, 0x1000200ull, 0xfec00000ull, 0xffffffffull}) {
		uint64_t l4 = get(e.cr3 + 8 * (a >> 39), 8);
		uint64_t l3 = get((l4 & ~0xfffull) + 8 * (a >> 30 & 511), 8);
		uint64_t l2 = get((l3 & ~0xfffull) + 8 * (a >> 21 & 511), 8);
		EXPECT_EQ((a & ~0x1fffffull) | 0x83, l2);
	}
	EXPECT_EQ(0x00af9b000000ffffu, get(e.gdt_base + 0x10, 8));
	EXPECT_EQ(0x00cf93000000ffffu, get(e.gdt_base + 0x18, 8));
}

TEST_F(Boot, InitrdFollowsTheKernel)
{
	initrd = Bytes(100000, 0xab);
	ASSERT_EQ(0, load(bzimage())) << why;
	uint64_t at = get(BOOT_PARAMS + 0x218, 4);
	EXPECT_EQ(0x1400000u, at);
	EXPECT_EQ(100000u, get(BOOT_PARAMS + 0x21c, 4));
	EXPECT_EQ(0xabu, ram.base[at + 99999]);
	EXPECT_EQ(0u, ram.base[at + 100000]);
}

TEST_F(Boot, InitrdTooLarge)
{
	initrd = Bytes(44u << 20);
	ASSERT_EQ(0, load(bzimage())) << why; // 20 MiB are the kernel's: just fits
	initrd.push_back(0);
	EXPECT_EQ(-ENOSPC, load(bzimage()));
	EXPECT_NE(nullptr, strstr(why, "more memory")) << why;
	initrd = Bytes(1u << 20);
	auto k = bzimage();
	put(k, 0x22c, 0x14fffff, 4); // what the kernel allows comes before what memory allows
	EXPECT_EQ(0, load(k));
	initrd.push_back(0);
	EXPECT_EQ(-ENOSPC, load(k));
}

TEST_F(Boot, SmallMemoryMovesARelocatableKernel)
{
	mib(8);
	ASSERT_EQ(0, load(bzimage())) << why;
	EXPECT_EQ(0x200200u, e.entry);
	auto k = bzimage();
	k[0x234] = 0;
	EXPECT_EQ(-ENOSPC, load(k));
	mib(4);
	EXPECT_EQ(-ENOSPC, load(bzimage()));
}

TEST_F(Boot, CommandLineLimit)
{
	cmdline = std::string(2047, 'x');
	EXPECT_EQ(0, load(bzimage()));
	cmdline += 'x';
	EXPECT_EQ(-E2BIG, load(bzimage()));
	EXPECT_NE(nullptr, strstr(why, "2048")) << why;
}

TEST_F(Boot, BadKernelsAreNamed)
{
	struct {
		size_t at;
		uint64_t v;
		unsigned n;
		const char *says;
	} cases[] = {
		{0x202, 0, 4, "HdrS"},
		{0x1fe, 0, 2, "HdrS"},
		{0x206, 0x20b, 2, "2.11"},
		{0x211, 0, 1, "zImage"},
		{0x236, 0, 2, "64-bit"},
		{0x1f4, 0xffffffff, 4, "cut off"},
		{0x258, UINT64_MAX - 0xfff, 8, nullptr},
		{0x260, 0xffffffff, 4, "MiB"},
		{0x230, 3, 4, nullptr},
	};
	for (auto &c : cases) {
		auto k = bzimage();
		put(k, c.at, c.v, c.n);
		int r = load(k);
		if (c.says) {
			EXPECT_LT(r, 0) << c.says;
			EXPECT_NE(nullptr, strstr(why, c.says)) << why;
		}
	}
}

TEST_F(Boot, EveryTruncationIsRefused)
{
	auto k = bzimage(), x = elf();
	for (size_t n = 0; n < k.size() - 15; n++) {
		Bytes cut(k.begin(), k.begin() + (long)n);
		ASSERT_LT(load(cut), 0) << n;
		ASSERT_NE('\0', why[0]);
	}
	for (size_t n = 0; n < x.size(); n++) {
		Bytes cut(x.begin(), x.begin() + (long)n);
		ASSERT_LT(load(cut), 0) << n;
	}
}

TEST_F(Boot, AFileMayEndWithinItsLastParagraph)
{
	for (size_t short_by = 0; short_by <= 15; short_by++) {
		auto k = bzimage();
		k.resize(k.size() - short_by);
		memset(ram.base + 0x1000000, 0xee, 8192); // as an earlier life left it
		ASSERT_EQ(0, load(k)) << short_by << ": " << why;
		for (size_t i = 4096 - 15; i < 4096; i++)
			EXPECT_EQ(i < 4096 - short_by ? (uint8_t)(i * 7) : 0, ram.base[0x1000000 + i]) << short_by;
		EXPECT_EQ(0xee, ram.base[0x1001000]);
	}
}

TEST_F(Boot, TheEndOfTheBiosAreaRestartsTheMachine)
{
	const uint8_t code[] = {0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xf4, 0xeb, 0xfd};
	for (int life = 0; life < 2; life++) {
		memset(ram.base + BOOT_ROM, 0xcc, 16); // a guest may write there
		ASSERT_EQ(0, load(bzimage())) << why;
		EXPECT_EQ(0, memcmp(code, ram.base + BOOT_ROM, sizeof(code)));
	}
}

TEST_F(Boot, TheEntryIsInTheFile)
{
	auto k = bzimage(512);
	put(k, 0x258, (64 << 20) - 512, 8); // else it would be just behind the memory
	put(k, 0x260, 0, 4);
	EXPECT_EQ(-EINVAL, load(k));
	EXPECT_NE(nullptr, strstr(why, "64-bit entry")) << why;
	EXPECT_EQ(0, load(bzimage(528))) << why;
}

TEST_F(Boot, ElfGoesToItsPhysicalAddress)
{
	ASSERT_EQ(0, load(elf())) << why;
	EXPECT_EQ(0x200004u, e.entry);
	EXPECT_EQ(0x90u, ram.base[0x20000f]);
	EXPECT_EQ(0u, ram.base[0x200010]);
	EXPECT_EQ(0x53726448u, get(BOOT_PARAMS + 0x202, 4));
}

TEST_F(Boot, ElfSegmentsStayInMemory)
{
	EXPECT_EQ(-ENOSPC, load(elf(0x1000)));   // where the loader's own tables are
	EXPECT_EQ(-ENOSPC, load(elf(64 << 20))); // beyond
	EXPECT_EQ(-ENOSPC, load(elf(0x200000, 16, 64 << 20)));
	EXPECT_EQ(-ENOSPC, load(elf(UINT64_MAX - 8, 16, 16)));
	EXPECT_EQ(-EINVAL, load(elf(0x200000, 16, 8))); // more file than memory
	auto x = elf();
	put(x, offsetof(Elf64_Ehdr, e_entry), 0x100000, 8); // in no segment
	EXPECT_EQ(-EINVAL, load(x));
	x = elf();
	put(x, offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, 2);
	EXPECT_EQ(-EINVAL, load(x));
	EXPECT_NE(nullptr, strstr(why, "183")) << why;
}

TEST_F(Boot, FlippedHeadersNeverCrash)
{
	unsigned seed = 1;
	for (int i = 0; i < 5000; i++) {
		auto k = i & 1 ? bzimage(1024) : elf();
		size_t from = i & 1 ? 0x1f0 : 4, n = i & 1 ? 0xa0 : 116;
		for (int j = 0; j < 3; j++) {
			seed = seed * 1103515245 + 12345;
			k[from + (seed >> 8) % n] = (uint8_t)(seed >> 20);
		}
		if (load(k) == 0) { // whatever was accepted lies in memory
			EXPECT_NE(nullptr, ram_at(&ram, e.entry, 1));
		}
	}
}
