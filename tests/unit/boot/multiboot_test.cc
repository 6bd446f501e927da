// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/boot/sample.h"

#include <cerrno>
#include <elf.h>

namespace
{
constexpr uint32_t MAGIC = 0x1badb002, ADDRESSES = 1 << 16;
constexpr size_t HEADER = 0x100; // where the samples have it, in the file

void header(Bytes &b, size_t at, uint32_t flags)
{
	put(b, at, MAGIC, 4);
	put(b, at + 4, flags, 4);
	put(b, at + 8, 0u - MAGIC - flags, 4);
}

/* Loaded by address fields: the file from 0x80 on, at 1 MiB, 512 bytes of bss behind it. */
Bytes flat(uint32_t flags = ADDRESSES, size_t n = 0x400)
{
	Bytes b(n);
	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(i * 5 + 1);
	header(b, HEADER, flags);
	put(b, HEADER + 12, 0x100000 + HEADER - 0x80, 4);
	put(b, HEADER + 16, 0x100000, 4);
	put(b, HEADER + 20, 0x100000 + n - 0x80, 4);
	put(b, HEADER + 24, 0x100000 + n - 0x80 + 512, 4);
	put(b, HEADER + 28, 0x100010, 4);
	return b;
}

/* As kvm-unit-tests are: ELF32 for i386, header in the text. It runs high and lies at 4 MiB. */
Bytes elf32(uint32_t flags = 0, uint32_t paddr = 0x400000, uint32_t memsz = 0x1000)
{
	Bytes b(0x200, 0x90);
	Elf32_Ehdr e = {};
	Elf32_Phdr p = {};
	memcpy(e.e_ident, "\177ELF\1\1\1", 7);
	e.e_type = ET_EXEC, e.e_machine = EM_386, e.e_entry = 0xc0400020, e.e_phoff = sizeof(e);
	e.e_phentsize = sizeof(p), e.e_phnum = 1;
	p.p_type = PT_LOAD, p.p_offset = 0x100, p.p_vaddr = 0xc0400000, p.p_paddr = paddr;
	p.p_filesz = 0x100, p.p_memsz = memsz;
	memcpy(b.data(), &e, sizeof(e));
	memcpy(b.data() + sizeof(e), &p, sizeof(p));
	header(b, HEADER, flags);
	return b;
}

struct Multiboot : Boot {
	uint64_t info(unsigned at, unsigned n = 4)
	{
		return get(e.ebx + at, n);
	}
	const char *text(uint64_t gpa)
	{
		return (const char *)ram.base + gpa;
	}
};
} // namespace

TEST_F(Multiboot, Elf32IsEnteredAsTheSpecificationSays)
{
	memset(ram.base + 0x400000, 0xee, 0x2000);
	ASSERT_EQ(0, load(elf32())) << why;
	EXPECT_TRUE(e.flat32);
	EXPECT_EQ(0x400020u, e.entry); // physical
	EXPECT_EQ(0x2badb002u, e.eax);
	EXPECT_EQ(MAGIC, get(0x400000, 4));
	EXPECT_EQ(0u, get(0x400100, 8)); // bss
	EXPECT_EQ(0xeeu, get(0x401000, 1));
	EXPECT_EQ(0x00cf9b000000ffffu, get(e.gdt_base + 0x10, 8));
	EXPECT_EQ(0x00cf93000000ffffu, get(e.gdt_base + 0x18, 8));
	EXPECT_GE(e.gdt_limit, 0x1f);
}

TEST_F(Multiboot, AnEntryMayBeThePhysicalAddress)
{
	auto k = elf32();
	put(k, offsetof(Elf32_Ehdr, e_entry), 0x400044, 4);
	ASSERT_EQ(0, load(k)) << why;
	EXPECT_EQ(0x400044u, e.entry);
}

TEST_F(Multiboot, AddressFieldsComeBeforeElf)
{
	memset(ram.base + 0x100000, 0xee, 0x1000);
	auto k = flat();
	memcpy(k.data(), "\177ELF", 4); // what it says of itself does not count
	ASSERT_EQ(0, load(k)) << why;
	EXPECT_TRUE(e.flat32);
	EXPECT_EQ(0x100010u, e.entry);
	EXPECT_EQ(0, memcmp(k.data() + 0x80, ram.base + 0x100000, k.size() - 0x80));
	for (unsigned i = 0; i < 512; i++)
		ASSERT_EQ(0u, get(0x100000 + k.size() - 0x80 + i, 1)) << i;
	EXPECT_EQ(0xeeu, get(0x100000 + k.size() - 0x80 + 512, 1));
}

TEST_F(Multiboot, NoEndMeansTheFilesAndNoBss)
{
	auto k = flat();
	put(k, HEADER + 20, 0, 8);
	memset(ram.base + 0x100000, 0xee, 0x1000);
	ASSERT_EQ(0, load(k)) << why;
	EXPECT_EQ(k.back(), get(0x100000 + k.size() - 0x80 - 1, 1));
	EXPECT_EQ(0xeeu, get(0x100000 + k.size() - 0x80, 1));
}

TEST_F(Multiboot, LowMemoryIsFreeForItUpToWhatItIsTold)
{
	auto k = elf32(0, 0x4000, 0x8c000);
	put(k, offsetof(Elf32_Ehdr, e_entry), 0x4000, 4);
	EXPECT_EQ(0, load(k)) << why;
	put(k, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_memsz), 0x8c001, 4);
	EXPECT_EQ(-ENOSPC, load(k));
	EXPECT_EQ(-ENOSPC, load(elf32(0, 0xff0)));
	EXPECT_EQ(-ENOSPC, load(elf32(0, 0xe0000))); // the firmware tables
	EXPECT_EQ(-ENOSPC, load(elf32(0, 0xff800))); // across
}

TEST_F(Multiboot, IsToldWhatItMayAskFor)
{
	cmdline = "smp.flat 1 2";
	mib(4096);
	ASSERT_EQ(0, load(elf32(3))) << why;
	EXPECT_EQ(1u | 1 << 2 | 1 << 6 | 1 << 9, info(0));
	EXPECT_EQ(639u, info(4));
	EXPECT_EQ((LAYOUT_LOW_END - 0x100000) >> 10, info(8));
	EXPECT_STREQ("smp.flat 1 2", text(info(16)));
	EXPECT_STREQ("Pando", text(info(64)));
	uint64_t at = info(48), end = at + info(44), last = 0, usable = 0;
	for (; at < end; at += get(at, 4) + 4) {
		ASSERT_EQ(20u, get(at, 4));
		EXPECT_GE(get(at + 4, 8), last);
		last = get(at + 4, 8) + get(at + 12, 8);
		usable += get(at + 20, 4) == 1 ? get(at + 12, 8) : 0;
	}
	EXPECT_EQ(end, at);
	EXPECT_EQ((4096ull << 20) - 0x100000 + 0x9fc00, usable);
	EXPECT_EQ(LAYOUT_HIGH + (1ull << 30), last);
}

TEST_F(Multiboot, TheInitrdIsModule0OnAPage)
{
	initrd = Bytes(100000, 0xab);
	ASSERT_EQ(0, load(elf32(1))) << why;
	EXPECT_TRUE(info(0) & 1 << 3);
	ASSERT_EQ(1u, info(20));
	uint64_t m = info(24), start = get(m, 4), end = get(m + 4, 4);
	EXPECT_EQ(0u, start % 4096);
	EXPECT_GE(start, 0x401000u);
	EXPECT_EQ(100000u, end - start);
	EXPECT_EQ(0xabu, get(end - 1, 1));
	EXPECT_STREQ("initrd", text(get(m + 8, 4)));
	initrd = Bytes(64u << 20);
	EXPECT_EQ(-ENOSPC, load(elf32(1)));
}

TEST_F(Multiboot, CommandLineLimit)
{
	cmdline = std::string(0xebff - 0x400, 'x');
	while (load(elf32()) == 0)
		cmdline += "xxxx";
	EXPECT_NE(nullptr, strstr(why, "command line")) << why;
	EXPECT_LT(BOOT_MB_CMDLINE + cmdline.size() - 4, BOOT_EBDA);
}

TEST_F(Multiboot, TheHeaderIsInTheFirst8KiBOnAMultipleOf4)
{
	auto k = flat(ADDRESSES, 0x3000);
	auto move = [&](size_t to) {
		auto m = k;
		memset(m.data() + HEADER, 0, 32);
		header(m, to, ADDRESSES);
		put(m, to + 12, 0x100000 + to - 0x80, 4);
		put(m, to + 16, 0x100000, 4);
		put(m, to + 20, 0, 8);
		put(m, to + 28, 0x100010, 4);
		return load(m);
	};
	EXPECT_EQ(0, move(8192 - 32)) << why;
	EXPECT_EQ(-EINVAL, move(8192 - 28)); // its address fields are not within
	EXPECT_NE(nullptr, strstr(why, "cut off")) << why;
	EXPECT_EQ(-EINVAL, move(8192 - 8));
	EXPECT_NE(nullptr, strstr(why, "no Multiboot header")) << why;
	EXPECT_EQ(-EINVAL, move(HEADER + 2));
}

TEST_F(Multiboot, BadImagesAreNamed)
{
	struct {
		bool elf;
		size_t at;
		uint64_t v;
		int r;
		const char *says;
	} cases[] = {
		{false, HEADER + 8, 1, -EINVAL, "Multiboot"},            // checksum
		{false, HEADER + 12, 0xfffff, -EINVAL, "load address"},  // below the load address
		{false, HEADER + 12, 0x100101, -EINVAL, "load address"}, // would begin before the file
		{false, HEADER + 12, 0xffffffff, -EINVAL, "load address"},
		{false, HEADER + 16, 0, -EINVAL, "load address"},
		{false, HEADER + 20, 0x100000, -EINVAL, "does not hold"}, // nothing
		{false, HEADER + 20, 0xfffff, -EINVAL, "does not hold"},
		{false, HEADER + 20, 0x100381, -EINVAL, "does not hold"}, // one byte more than there is
		{false, HEADER + 20, 0xffffffff, -EINVAL, "does not hold"},
		{false, HEADER + 24, 0x10037f, -EINVAL, "bss"},
		{false, HEADER + 24, 1, -EINVAL, "bss"},
		{false, HEADER + 24, 0xffffffff, -ENOSPC, "guest memory"},
		{false, HEADER + 24, (64u << 20) + 1, -ENOSPC, "guest memory"},
		{false, HEADER + 28, 0xfffff, -EINVAL, "entry"},
		{false, HEADER + 28, 0x100000 + 0x380 + 512, -EINVAL, "entry"},
		{true, 4, 3, -EINVAL, "class 3"},
		{true, 5, 2, -EINVAL, "not for x86"},
		{true, offsetof(Elf32_Ehdr, e_machine), EM_X86_64 | 1 << 16, -EINVAL, "machine 62"},
		{true, offsetof(Elf32_Ehdr, e_machine), EM_ARM | 1 << 16, -EINVAL, "machine 40"},
		{true, offsetof(Elf32_Ehdr, e_phoff), 0xffffffff, -EINVAL, "segment table"},
		{true, offsetof(Elf32_Ehdr, e_phoff), 0x1f0, -EINVAL, "segment table"},
		{true, offsetof(Elf32_Ehdr, e_entry), 0x1000, -EINVAL, "entry"},
		{true, sizeof(Elf32_Ehdr), PT_NOTE, -EINVAL, "entry"},
		{true, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_offset), 0x101, -EINVAL, "outside the file"},
		{true, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_offset), 0xffffff00, -EINVAL, "outside the file"},
		{true, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_filesz), 0xffffffff, -EINVAL, "outside the file"},
		{true, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_memsz), 0xff, -EINVAL, "outside the file"},
		{true, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_memsz), 0xffffffff, -ENOSPC, "segment 0"},
		{true, sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_paddr), 0xfffffff0, -ENOSPC, "segment 0"},
	};
	for (auto &c : cases) {
		auto k = c.elf ? elf32() : flat();
		put(k, c.at, c.v, c.elf && c.at < 8 ? 1 : 4);
		EXPECT_EQ(c.r, load(k)) << c.elf << " " << c.at << " " << c.v << ": " << why;
		EXPECT_NE(nullptr, strstr(why, c.says)) << c.at << ": " << why;
	}
}

TEST_F(Multiboot, RequiredFeaturesThatAreMissingAreRefused)
{
	EXPECT_EQ(-EINVAL, load(elf32(1 << 2)));
	EXPECT_NE(nullptr, strstr(why, "video")) << why;
	for (unsigned bit = 3; bit < 16; bit++) {
		EXPECT_EQ(-EINVAL, load(elf32(1u << bit))) << bit;
		EXPECT_NE(nullptr, strstr(why, "not known")) << why;
	}
	for (unsigned bit = 17; bit < 32; bit++)
		EXPECT_EQ(0, load(elf32(1u << bit))) << bit << why; // optional ones
	EXPECT_EQ(-EINVAL, load(flat(0)));
	EXPECT_NE(nullptr, strstr(why, "address fields")) << why;
}

TEST_F(Multiboot, LinuxComesFirst)
{
	Bytes b(4 * 512 + 4096);
	b[0x1f1] = 3;
	put(b, 0x1f4, 256, 4);
	put(b, 0x1fe, 0xaa55, 2);
	put(b, 0x202, 0x53726448, 4);
	put(b, 0x206, 0x20f, 2);
	b[0x211] = 1;
	put(b, 0x22c, 0x7fffffff, 4);
	put(b, 0x236, 1, 2);
	put(b, 0x238, 255, 4);
	put(b, 0x258, 0x100000, 8);
	header(b, 0x800, 3); // bytes that happen to look like one
	ASSERT_EQ(0, load(b)) << why;
	EXPECT_FALSE(e.flat32);
	EXPECT_EQ(BOOT_PARAMS, e.boot_params);
}

TEST_F(Multiboot, Elf64WithTheHeaderIsEnteredIn32Bits)
{
	Bytes b(0x200, 0x90);
	Elf64_Ehdr h = {};
	Elf64_Phdr p = {};
	memcpy(h.e_ident, "\177ELF\2\1\1", 7);
	h.e_type = ET_EXEC, h.e_machine = EM_X86_64, h.e_entry = 0xffffffff80100020, h.e_phoff = sizeof(h);
	h.e_phentsize = sizeof(p), h.e_phnum = 1;
	p.p_type = PT_LOAD, p.p_offset = 0x100, p.p_vaddr = 0xffffffff80100000, p.p_paddr = 0x100000;
	p.p_filesz = 0x100, p.p_memsz = 0x100;
	memcpy(b.data(), &h, sizeof(h));
	memcpy(b.data() + sizeof(h), &p, sizeof(p));
	header(b, HEADER, 0);
	ASSERT_EQ(0, load(b)) << why;
	EXPECT_TRUE(e.flat32);
	EXPECT_EQ(0x100020u, e.entry);
	put(b, HEADER, 0, 4); // without it, as Linux: and then the entry has to be a physical address
	EXPECT_EQ(-EINVAL, load(b));
}

TEST_F(Multiboot, EveryTruncationIsRefused)
{
	for (const auto &k : {elf32(), flat()})
		for (size_t n = 0; n < k.size(); n++) {
			why[0] = '\0';
			ASSERT_LT(load(Bytes(k.begin(), k.begin() + (long)n)), 0) << n;
			ASSERT_NE('\0', why[0]);
		}
}

TEST_F(Multiboot, FlippedHeadersNeverCrash)
{
	unsigned seed = 1, accepted = 0;
	for (int i = 0; i < 6000; i++) {
		auto k = i & 1 ? elf32() : flat();
		size_t from = i & 1 ? 4 : HEADER + 12, n = i & 1 ? 80 : 20;
		for (int j = 0; j < 2; j++) {
			seed = seed * 1103515245 + 12345;
			k[from + (seed >> 8) % n] = (uint8_t)(seed >> 20);
		}
		if (load(k) == 0) {
			accepted++;
			EXPECT_NE(nullptr, ram_at(&ram, e.entry, 1));
		}
	}
	EXPECT_GT(accepted, 0u);
}
