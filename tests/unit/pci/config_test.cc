// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <vector>

extern "C" {
#include "vmm/pci/config.h"
}

static const uint64_t kWindow = 1ull << 38, kWindowBytes = 1ull << 32;
static const uint64_t kPlace = kWindow + 0x40000;

struct Config : ::testing::Test {
	pci_config c;
	Config()
	{
		make(&c);
	}
	static void make(pci_config *c)
	{
		pci_id id = {};
		id.vendor = 0x1af4;
		id.device = 0x1044;
		id.subsystem_vendor = 0x1234;
		id.subsystem_device = 0x5678;
		id.class_code = 0xff0001;
		id.revision = 1;
		pci_config_init(c, &id, kWindow, kWindowBytes);
		pci_config_add_bar(c, 0, 0x4000, true, kPlace);
		pci_config_add_bar(c, 2, 0x100, false, 0);
	}
	uint32_t r(unsigned at, unsigned n = 4)
	{
		return pci_config_read(&c, at, n);
	}
	unsigned w(unsigned at, uint32_t v, unsigned n = 4)
	{
		return pci_config_write(&c, at, n, v);
	}
	void decode(bool on)
	{
		w(PCI_REG_COMMAND, on ? PCI_COMMAND_MEMORY : 0, 2);
	}
	uint64_t place()
	{
		return c.bar[0].place;
	}
};

TEST_F(Config, HeaderIsWhatItWasMadeOf)
{
	EXPECT_EQ(0x10441af4u, r(0));
	EXPECT_EQ(0xff000101u, r(8));
	EXPECT_EQ(0x56781234u, r(PCI_REG_SUBSYSTEM));
	EXPECT_EQ(0u, r(PCI_REG_INT_PIN, 1));
	EXPECT_EQ(0u, r(0x0e, 1)); // type 0, one function
	EXPECT_EQ(0u, r(PCI_REG_STATUS, 2));
	EXPECT_EQ(0u, r(PCI_REG_CAPS, 1));
}

TEST_F(Config, OnlyWritableBitsChange)
{
	std::vector<uint8_t> before(c.bytes, c.bytes + 256);
	for (unsigned i = 0; i < 256; i += 4)
		w(i, 0xffffffff);
	for (unsigned i = 0; i < 256; i++)
		EXPECT_EQ(before[i] | c.writable[i], c.bytes[i]) << i;
	EXPECT_EQ(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX, r(PCI_REG_COMMAND, 2));
	EXPECT_EQ(0xffu, r(PCI_REG_INT_LINE, 1));
	for (unsigned i = 0; i < 256; i += 4)
		w(i, 0);
	EXPECT_EQ(0x10441af4u, r(0));
	EXPECT_EQ(4u, r(PCI_REG_BAR0)); // 64 bits
}

TEST_F(Config, EveryWidthAndOffset)
{
	for (unsigned at = 0; at < 260; at++)
		for (unsigned n : {1u, 2u, 4u}) {
			uint32_t want = 0;
			for (unsigned i = 0; i < n; i++)
				want |= (uint32_t)(at + i < 256 ? c.bytes[at + i] : 0xff) << (8 * i);
			EXPECT_EQ(want, r(at, n));
		}
	EXPECT_EQ(0u, w(0xfffff, 0xffffffff));
}

TEST_F(Config, Sizing)
{
	EXPECT_EQ((uint32_t)kPlace | 4, r(PCI_REG_BAR0));
	EXPECT_EQ((uint32_t)(kPlace >> 32), r(PCI_REG_BAR0 + 4));
	w(PCI_REG_BAR0, 0xffffffff);
	w(PCI_REG_BAR0 + 4, 0xffffffff);
	EXPECT_EQ(0xffffc004u, r(PCI_REG_BAR0));
	EXPECT_EQ(0xffffffffu, r(PCI_REG_BAR0 + 4));
	w(PCI_REG_BAR0 + 8, 0xffffffff);
	EXPECT_EQ(0xffffff00u, r(PCI_REG_BAR0 + 8));
	w(PCI_REG_BAR0 + 12, 0xffffffff);
	EXPECT_EQ(0u, r(PCI_REG_BAR0 + 12)); // no BAR 3
}

TEST_F(Config, MovesOnlyWhileDecoding)
{
	EXPECT_EQ(PCI_NOWHERE, place());
	EXPECT_EQ(PCI_CHANGED_PLACES, w(PCI_REG_COMMAND, PCI_COMMAND_MEMORY, 2));
	EXPECT_EQ(kPlace, place());
	EXPECT_EQ(0u, w(PCI_REG_COMMAND, PCI_COMMAND_MEMORY, 2));
	EXPECT_EQ(PCI_CHANGED_PLACES | PCI_CHANGED_MASTER, w(PCI_REG_COMMAND, PCI_COMMAND_MASTER, 2));
	EXPECT_EQ(PCI_NOWHERE, place());
	EXPECT_EQ(0u, w(PCI_REG_BAR0, (uint32_t)kPlace + 0x4000));
	EXPECT_EQ(0u, w(PCI_REG_BAR0 + 4, (uint32_t)(kPlace >> 32)));
	EXPECT_EQ(PCI_NOWHERE, place());
	decode(true);
	EXPECT_EQ(kPlace + 0x4000, place());
}

TEST_F(Config, UpperHalfMovesLast)
{
	decode(true);
	EXPECT_EQ(0u, w(PCI_REG_BAR0, 0x80000000));
	EXPECT_EQ(0x80000004u, r(PCI_REG_BAR0));
	EXPECT_EQ(kPlace, place()); // not half a move
	EXPECT_EQ(PCI_CHANGED_PLACES, w(PCI_REG_BAR0 + 4, (uint32_t)(kWindow >> 32)));
	EXPECT_EQ(kWindow + 0x80000000, place());
	/* Lower half alone, then decoding off and on. */
	w(PCI_REG_BAR0, 0x40000000);
	decode(false);
	decode(true);
	EXPECT_EQ(kWindow + 0x40000000, place());
}

TEST_F(Config, NonsenseAnswersNowhereAndTheRegisterKeepsIt)
{
	decode(true);
	const uint64_t nonsense[] = {0,
				     kWindow - 0x4000,
				     kWindow + kWindowBytes,
				     UINT64_MAX & ~0x3fffull,
				     0xfee00000,
				     kWindow + kWindowBytes - 0x2000 /* rounds down: the last that fits */};
	for (uint64_t v : nonsense) {
		w(PCI_REG_BAR0, (uint32_t)v);
		w(PCI_REG_BAR0 + 4, (uint32_t)(v >> 32));
		EXPECT_EQ(((uint32_t)v & ~0x3fffu) | 4, r(PCI_REG_BAR0));
		EXPECT_EQ((uint32_t)(v >> 32), r(PCI_REG_BAR0 + 4));
		v &= ~0x3fffull;
		bool in = v >= kWindow && v - kWindow <= kWindowBytes - 0x4000;
		EXPECT_EQ(in ? v : PCI_NOWHERE, place()) << std::hex << v;
	}
	w(PCI_REG_BAR0, (uint32_t)kPlace);
	w(PCI_REG_BAR0 + 4, (uint32_t)(kPlace >> 32));
	EXPECT_EQ(kPlace, place());
}

TEST_F(Config, LookUp)
{
	uint64_t off = 99;
	EXPECT_EQ(PCI_BARS, pci_config_bar_at(&c, kPlace, &off));
	decode(true);
	EXPECT_EQ(0u, pci_config_bar_at(&c, kPlace + 0x3fff, &off));
	EXPECT_EQ(0x3fffu, off);
	EXPECT_EQ(PCI_BARS, pci_config_bar_at(&c, kPlace + 0x4000, &off));
	EXPECT_EQ(PCI_BARS, pci_config_bar_at(&c, kPlace - 1, &off));
	EXPECT_EQ(PCI_BARS, pci_config_bar_at(&c, PCI_NOWHERE, &off));
}

TEST_F(Config, Capabilities)
{
	const uint8_t a[] = {1, 2, 3}, b[] = {4, 5, 6, 7}, mask[] = {0, 0xf0, 0, 0};
	unsigned at = pci_config_add_cap(&c, PCI_CAP_VENDOR, a, nullptr, 3);
	unsigned next = pci_config_add_cap(&c, PCI_CAP_MSIX, b, mask, 4);
	EXPECT_EQ(0x40u, at);
	EXPECT_EQ(0x48u, next);
	EXPECT_EQ(PCI_STATUS_CAPS, r(PCI_REG_STATUS, 2));
	EXPECT_EQ(at, r(PCI_REG_CAPS, 1));
	EXPECT_EQ(0x02014809u, r(at));
	EXPECT_EQ(0x05040011u, r(next));
	w(next, 0xffffffff);
	EXPECT_EQ(0xf5040011u, r(next)); // 5 | f0
	EXPECT_DEATH(pci_config_add_cap(&c, 9, c.bytes, nullptr, 200), "internal check");
}

TEST_F(Config, ResetPutsBarsWhereTheyWere)
{
	const uint64_t first[PCI_BARS] = {kPlace, 0, 0, 0, 0, 0};
	for (unsigned i = 0; i < 256; i += 4)
		w(i, 0xffffffff);
	pci_config_reset(&c, first);
	pci_config fresh;
	make(&fresh);
	EXPECT_EQ(0, memcmp(&fresh, &c, sizeof(c)));
}

TEST_F(Config, FieldsThereAndBack)
{
	decode(true);
	w(PCI_REG_BAR0, 0x12340000); // half a move
	w(PCI_REG_INT_LINE, 0x5a, 1);
	uint8_t buf[256];
	fields out = fields_writer(buf, sizeof(buf));
	pci_config_fields(&out, &c);
	ASSERT_FALSE(out.bad);
	size_t n = sizeof(buf) - out.left;
	pci_config back;
	make(&back);
	fields in = fields_reader(buf, n);
	pci_config_fields(&in, &back);
	EXPECT_FALSE(in.bad);
	EXPECT_EQ(0u, in.left);
	EXPECT_EQ(0, memcmp(&back, &c, sizeof(c)));
	for (size_t cut = 0; cut < n; cut++) {
		fields part = fields_reader(buf, cut);
		make(&back);
		pci_config_fields(&part, &back);
		EXPECT_TRUE(part.bad);
	}
}

TEST_F(Config, FieldsRefuseWhatNoGuestCouldMake)
{
	std::mt19937 rnd(1);
	unsigned good = 0;
	for (unsigned round = 0; round < 2000; round++) {
		uint8_t buf[64];
		pci_config back;
		make(&back);
		fields out = fields_writer(buf, sizeof(buf));
		pci_config_fields(&out, &back);
		for (unsigned i = 0; i < 1 + round % 4; i++)
			buf[rnd() % (sizeof(buf) - out.left)] = (uint8_t)rnd();
		fields in = fields_reader(buf, sizeof(buf) - out.left);
		pci_config_fields(&in, &back);
		good += !in.bad;
		for (auto &b : back.bar)
			if (b.bytes && b.place != PCI_NOWHERE) {
				EXPECT_TRUE(b.place >= kWindow && b.place + b.bytes <= kWindow + kWindowBytes);
			}
		EXPECT_EQ(0x10441af4u, pci_config_read(&back, 0, 4));
	}
	EXPECT_GT(good, 10u);
}
