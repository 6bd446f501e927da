// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

extern "C" {
#include "vmm/pci/msix.h"
}

struct Msix : ::testing::Test {
	pci_config c;
	msix m;
	msix_message got;
	explicit Msix(uint16_t vectors = 70)
	{
		make(&c, &m, vectors);
	}
	static void make(pci_config *c, msix *m, uint16_t vectors)
	{
		pci_id id = {};
		pci_config_init(c, &id, 0, 0);
		msix_init(m, c, vectors, 0, 0x2000, 0x3000);
	}
	/* What the control word says. */
	void set(bool on, bool all_masked, bool master = true)
	{
		pci_config_write(&c, m.cap + 2, 2, (on ? 0x8000u : 0) | (all_masked ? 0x4000u : 0));
		pci_config_write(&c, PCI_REG_COMMAND, 2, master ? PCI_COMMAND_MASTER : 0);
		msix_configured(&m, &c);
	}
	void entry(unsigned v, uint64_t address, uint32_t data, bool masked)
	{
		msix_table_write(&m, v * 16, 4, (uint32_t)address);
		msix_table_write(&m, v * 16 + 4, 4, address >> 32);
		msix_table_write(&m, v * 16 + 8, 4, data);
		msix_table_write(&m, v * 16 + 12, 4, masked);
	}
	bool pending(unsigned v)
	{
		return msix_pba_read(&m, v / 64 * 8, 8) >> (v % 64) & 1;
	}
};

TEST_F(Msix, Capability)
{
	EXPECT_EQ(0x00450011u, pci_config_read(&c, m.cap, 4)); // 70 - 1
	EXPECT_EQ(0x2000u, pci_config_read(&c, m.cap + 4, 4));
	EXPECT_EQ(0x3000u, pci_config_read(&c, m.cap + 8, 4));
	pci_config_write(&c, m.cap, 4, 0xffffffff);
	EXPECT_EQ(0xc0450011u, pci_config_read(&c, m.cap, 4));
}

TEST_F(Msix, TableReadsWhatWasWritten)
{
	EXPECT_EQ(1u, msix_table_read(&m, 12, 4)); // masked after power-on
	entry(3, 0x1234fee01003, 0xabcd4031, false);
	EXPECT_EQ(0xfee01000u, msix_table_read(&m, 48, 4)); // the lowest bits are 0
	EXPECT_EQ(0x1234fee01000u, msix_table_read(&m, 48, 8));
	EXPECT_EQ(0xabcd4031u, msix_table_read(&m, 56, 8)); // data, unmasked
	EXPECT_EQ(0xcd40u, msix_table_read(&m, 57, 2));
	msix_table_write(&m, 56, 8, 0xffffffff00000007); // reserved bits of the control word read 0
	EXPECT_EQ(0x100000007u, msix_table_read(&m, 56, 8));
	for (unsigned n : {1u, 2u})
		msix_table_write(&m, 48, n, 0);
	msix_table_write(&m, 50, 4, 0);
	msix_table_write(&m, 52, 8, 0);
	EXPECT_EQ(0x1234fee01000u, msix_table_read(&m, 48, 8));
	for (uint32_t at = 70 * 16; at < MSIX_TABLE_BYTES + 64; at += 4) { // behind the last vector
		msix_table_write(&m, at, 4, 0xffffffff);
		EXPECT_EQ(0u, msix_table_read(&m, at, 4));
	}
}

/* Every combination of the four switches, before and after: sent at once, pending, sent when the last mask goes. */
TEST_F(Msix, EveryTransition)
{
	for (unsigned from = 0; from < 16; from++)
		for (unsigned to = 0; to < 16; to++) {
			make(&c, &m, 70);
			auto apply = [&](unsigned s) {
				entry(65, 0xfee00000, 0x31, s & 4);
				set(s & 1, s & 2, s & 8);
			};
			auto open = [](unsigned s) { return (s & 1) && !(s & 2) && !(s & 4) && (s & 8); };
			apply(from);
			bool sent = msix_raise(&m, 65, &got);
			EXPECT_EQ(open(from), sent) << from;
			EXPECT_TRUE(!sent || got.vector == 65);
			EXPECT_EQ((from & 1) && !sent, pending(65)) << from;
			EXPECT_FALSE(msix_take(&m, &got)); // nothing has changed
			/* One switch after the other, as registers are written. */
			bool was_off = !(from & 1) || !(to & 1);
			unsigned taken = 0;
			apply(to);
			while (msix_take(&m, &got))
				taken++;
			EXPECT_EQ(!sent && !was_off && open(to) ? 1u : 0u, taken) << from << " to " << to;
			EXPECT_EQ(!sent && !was_off && !open(to), pending(65)) << from << " to " << to;
		}
}

TEST_F(Msix, RaisedTwiceWhileMaskedIsOneMessage)
{
	set(true, false);
	msix_raise(&m, 0, &got);
	msix_raise(&m, 0, &got);
	msix_raise(&m, 69, &got);
	EXPECT_EQ(1u, msix_pba_read(&m, 0, 8));
	EXPECT_EQ(1u << 5, msix_pba_read(&m, 8, 4));
	EXPECT_EQ(1u << 5, msix_pba_read(&m, 8, 1));
	EXPECT_EQ(0u, msix_pba_read(&m, MSIX_PBA_BYTES, 8));
	entry(69, 0xfee05000, 7, false);
	ASSERT_TRUE(msix_take(&m, &got));
	EXPECT_EQ(0xfee05000u, got.address);
	EXPECT_EQ(7u, got.data);
	EXPECT_FALSE(msix_take(&m, &got));
	entry(0, 0, 0, false);
	EXPECT_TRUE(msix_take(&m, &got));
	EXPECT_EQ(0u, msix_pba_read(&m, 0, 8));
}

TEST_F(Msix, WhatIsNotThereIsDropped)
{
	EXPECT_FALSE(msix_raise(&m, 0, &got)); // off
	set(true, false);
	EXPECT_FALSE(msix_raise(&m, 70, &got));
	EXPECT_FALSE(msix_raise(&m, 0xffff, &got));
	EXPECT_EQ(3u, m.dropped);
	EXPECT_FALSE(msix_take(&m, &got));
}

TEST_F(Msix, Reset)
{
	set(true, false);
	entry(1, 0xfee00000, 1, false);
	msix_raise(&m, 2, &got);
	msix_reset(&m);
	EXPECT_EQ(0u, msix_pba_read(&m, 0, 8));
	EXPECT_EQ(0u, msix_table_read(&m, 16, 8));
	EXPECT_EQ(1ull << 32, msix_table_read(&m, 24, 8));
	EXPECT_FALSE(m.on);
}

TEST_F(Msix, FieldsThereAndBack)
{
	set(true, true);
	entry(69, 0xfee05000, 7, false);
	msix_raise(&m, 69, &got);
	std::vector<uint8_t> buf(4096);
	fields out = fields_writer(buf.data(), buf.size());
	msix_fields(&out, &m);
	ASSERT_FALSE(out.bad);
	size_t n = buf.size() - out.left;
	pci_config c2;
	msix back;
	make(&c2, &back, 70);
	fields in = fields_reader(buf.data(), n);
	msix_fields(&in, &back);
	EXPECT_FALSE(in.bad);
	EXPECT_EQ(0u, in.left);
	msix_configured(&back, &c);
	EXPECT_EQ(0, memcmp(back.entry, m.entry, sizeof(m.entry)));
	EXPECT_EQ(0, memcmp(back.pending, m.pending, sizeof(m.pending)));
	EXPECT_TRUE(back.on && !back.open);
	buf[12] = 2; // neither masked nor not
	in = fields_reader(buf.data(), n);
	msix_fields(&in, &back);
	EXPECT_TRUE(in.bad);
	buf[12] = 1;
	buf[70 * 13 + 8] |= 0x40; // vector 70
	in = fields_reader(buf.data(), n);
	msix_fields(&in, &back);
	EXPECT_TRUE(in.bad);
}

struct MsixFull : Msix {
	MsixFull() : Msix(MSIX_VECTORS_MAX)
	{
	}
};

TEST_F(MsixFull, AllVectors)
{
	set(true, true);
	for (unsigned v = 0; v < MSIX_VECTORS_MAX; v++) {
		entry(v, 0xfee00000 + v * 4096, v, false);
		EXPECT_FALSE(msix_raise(&m, (uint16_t)v, &got));
	}
	set(true, false);
	for (unsigned v = 0; v < MSIX_VECTORS_MAX; v++) {
		ASSERT_TRUE(msix_take(&m, &got));
		EXPECT_EQ(v, got.vector);
		EXPECT_EQ(v, got.data);
	}
	EXPECT_FALSE(msix_take(&m, &got));
	std::vector<uint8_t> buf(8192);
	fields out = fields_writer(buf.data(), buf.size());
	msix_fields(&out, &m);
	EXPECT_FALSE(out.bad);
}
