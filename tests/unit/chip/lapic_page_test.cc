// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <random>

extern "C" {
#include "vmm/chip/lapic.h"
}

namespace
{
const uint64_t AT = 0xfee00000;

struct Page : ::testing::Test {
	lapic l;
	lapic_fx fx;
	lapic_now now = {1000, 5000};

	Page()
	{
		lapic_reset(&l, 0x25, false, false);
	}
	uint32_t rd(uint32_t offset)
	{
		return (uint32_t)lapic_page_read(&l, offset, now, &fx);
	}
	void wr(uint32_t offset, uint32_t v, unsigned size = 4)
	{
		lapic_page_write(&l, offset, size, v, now, &fx);
	}
	void enable()
	{
		wr(0xf0, 0x1ff);
	}
	uint32_t errors()
	{
		wr(0x280, 0);
		return rd(0x280);
	}
	int base(uint64_t v)
	{
		return lapic_write(&l, MSR_APIC_BASE, v, now, &fx);
	}
};

struct Register {
	uint32_t reset, writable; // after an enabling write of SVR; bits that a write changes
	bool reads, writes;
};

/* Intel SDM vol. 3, table 10-1, by offset. */
const std::map<uint32_t, Register> table = {
	{0x020, {0x25000000, 0, true, false}},
	{0x030, {0x00050014, 0, true, false}},
	{0x080, {0, 0xff, true, true}},
	{0x0a0, {0, 0, true, false}},
	{0x0b0, {0, 0, false, true}},
	{0x0d0, {0, 0xff000000, true, true}},
	{0x0e0, {0xffffffff, 0xf0000000, true, true}},
	{0x0f0, {0x1ff, 0x3ff, true, true}},
	{0x280, {0, 0, true, true}},
	{0x300, {0, 0x000ccfff, true, true}},
	{0x310, {0, 0xff000000, true, true}},
	{0x320, {0x10000, 0x710ff & ~0x1000u, true, true}},
	{0x330, {0x10000, 0x107ff, true, true}},
	{0x340, {0x10000, 0x107ff, true, true}},
	{0x350, {0x10000, 0x1a7ff, true, true}},
	{0x360, {0x10000, 0x1a7ff, true, true}},
	{0x370, {0x10000, 0x100ff, true, true}},
	{0x380, {0, 0xffffffff, true, true}},
	{0x390, {0, 0, true, false}},
	{0x3e0, {0, 0xb, true, true}},
};

bool is_bits(uint32_t offset) // ISR, TMR, IRR
{
	return offset >= 0x100 && offset < 0x280;
}
} // namespace

TEST_F(Page, StartsInXapicMode)
{
	uint64_t v;
	ASSERT_EQ(0, lapic_read(&l, MSR_APIC_BASE, now, &v));
	EXPECT_EQ(0xfee00800u, v);
	EXPECT_EQ(-EINVAL, lapic_read(&l, 0x802, now, &v));
	EXPECT_EQ(-EINVAL, lapic_write(&l, 0x80b, 0, now, &fx));
	EXPECT_EQ(0xffu, rd(0xf0));
	for (uint32_t lvt = 0x320; lvt <= 0x370; lvt += 0x10) {
		wr(lvt, 0);
		EXPECT_EQ(0x10000u, rd(lvt)) << "masked while switched off by software";
	}
}

/* Every place of the page: what it holds, which bits can be written, one by one. */
TEST_F(Page, EveryRegister)
{
	for (uint32_t at = 0; at < 0x1000; at += 0x10) {
		lapic_reset(&l, 0x25, false, false);
		enable();
		auto e = table.find(at);
		bool exists = e != table.end() || is_bits(at);
		uint32_t reset = e != table.end() ? e->second.reset : 0;
		EXPECT_EQ(reset, rd(at)) << std::hex << at;
		if (at != 0x280) {
			EXPECT_EQ(exists ? 0u : 0x80u, errors()) << std::hex << at;
		}
		wr(at, 0x40);
		if (at != 0x280) {
			EXPECT_EQ(exists ? 0u : 0x80u, errors()) << std::hex << at;
		}
		for (int bit = 0; bit < 32; bit++) {
			lapic_reset(&l, 0x25, false, false);
			enable();
			uint32_t writable = e != table.end() ? e->second.writable : 0;
			uint32_t fixed = at == 0xe0 ? 0x0fffffff : 0;
			wr(at, at == 0x300 ? 0x40 | 1u << bit : 1u << bit);
			uint32_t want = e != table.end() && !e->second.writes ? reset
					: at == 0x300                         ? ((0x40 | 1u << bit) & writable)
									      : (1u << bit & writable) | fixed;
			if (at == 0xf0 && bit != 8)
				want = 1u << bit & writable;
			EXPECT_EQ(want, rd(at)) << std::hex << at << " bit " << std::dec << bit;
		}
	}
}

TEST_F(Page, OnlyAlignedWordsWrite)
{
	enable();
	wr(0x80, 0x55);
	for (unsigned size : {1u, 2u, 8u})
		wr(0x80, 0x11, size);
	for (uint32_t at = 0x81; at < 0x90; at++)
		wr(at, 0x11);
	EXPECT_EQ(0x55u, rd(0x80));
	EXPECT_EQ(0x05u, rd(0x32)); // bytes of the version
	EXPECT_EQ(0x0500u, rd(0x31));
	for (uint32_t at = 0x34; at < 0x40; at++)
		EXPECT_EQ(0u, rd(at));
	EXPECT_EQ(0x50014u, lapic_page_read(&l, 0x30, now, &fx)); // 64 bits wide: nothing above
	EXPECT_EQ(0u, errors());
}

TEST_F(Page, WhereThePageIs)
{
	EXPECT_TRUE(lapic_in_page(&l, AT));
	EXPECT_TRUE(lapic_in_page(&l, AT + 0xfff));
	EXPECT_FALSE(lapic_in_page(&l, AT + 0x1000));
	EXPECT_FALSE(lapic_in_page(&l, AT - 1));
	EXPECT_FALSE(lapic_in_page(&l, AT | 1ull << 40));
	ASSERT_EQ(0, base(0xd0000800)); // it can be moved
	EXPECT_TRUE(lapic_in_page(&l, 0xd0000020));
	EXPECT_FALSE(lapic_in_page(&l, AT));
	ASSERT_EQ(0, base(0xd0000c00));
	EXPECT_FALSE(lapic_in_page(&l, 0xd0000020)) << "x2APIC mode";
	ASSERT_EQ(0, base(0xd0000000));
	EXPECT_FALSE(lapic_in_page(&l, 0xd0000020)) << "off";
}

TEST_F(Page, WhatAChangeOfModeKeeps)
{
	enable();
	wr(0x80, 0x20);
	wr(0xd0, 0x40000000);
	wr(0x310, 0x07000000);
	wr(0x320, 0x300e0);
	wr(0x380, 5000000);
	lapic_accept(&l, 0x33, true);
	ASSERT_EQ(0, base(AT | 0xc00));
	uint64_t v;
	const std::pair<uint32_t, uint64_t> kept[] = {{0x802, 0x25},  {0x808, 0x20},    {0x80d, 0x20020},
						      {0x80f, 0x1ff}, {0x821, 1 << 19}, {0x819, 1 << 19},
						      {0x830, 0},     {0x832, 0x300e0}, {0x838, 5000000}};
	for (auto &k : kept) {
		ASSERT_EQ(0, lapic_read(&l, k.first, now, &v)) << std::hex << k.first;
		EXPECT_EQ(k.second, v) << std::hex << k.first;
	}
	ASSERT_EQ(0, base(AT)); // switched off it forgets all
	ASSERT_EQ(0, base(AT | 0x800));
	EXPECT_EQ(0u, rd(0xd0));
	EXPECT_EQ(0xffu, rd(0xf0));
	EXPECT_EQ(0u, rd(0x80));
	EXPECT_EQ(0u, rd(0x210));
	EXPECT_EQ(0u, rd(0x380));
}

TEST_F(Page, CommandsAreSentByTheLowWord)
{
	enable();
	wr(0x310, 0x03abcdef);
	EXPECT_EQ(0u, fx.flags);
	wr(0x300, 0xfff03000 | 0x800 | 0x44);
	ASSERT_EQ(LAPIC_FX_ICR, fx.flags);
	EXPECT_EQ(3u, fx.msg.dest);
	EXPECT_EQ(0x44, fx.msg.vector);
	EXPECT_TRUE(fx.msg.logical);
	EXPECT_FALSE(fx.msg.wide);
	EXPECT_EQ(APIC_TO_DEST, fx.msg.shorthand);
	wr(0x310, 0xff000000);
	wr(0x300, 0x4500);
	EXPECT_EQ(APIC_BROADCAST, fx.msg.dest);
	EXPECT_EQ(APIC_INIT, fx.msg.delivery);
	for (unsigned s = 1; s < 4; s++) {
		wr(0x300, s << 18 | 0x31);
		EXPECT_EQ(s, fx.msg.shorthand);
	}
	wr(0x300, 0x0f); // an exception's vector
	EXPECT_EQ(0u, fx.flags & LAPIC_FX_ICR);
	EXPECT_EQ(0x20u, errors());
}

TEST_F(Page, ErrorsInterrupt)
{
	enable();
	wr(0x370, 0xfe);
	rd(0x90);
	EXPECT_EQ(LAPIC_FX_IRQ, fx.flags);
	EXPECT_EQ(0xfe, lapic_next(&l));
	EXPECT_EQ(0u, rd(0x280)) << "until it is written";
	EXPECT_EQ(0x80u, errors());
	wr(0x3f0, 0x50); // SELF IPI is x2APIC's
	EXPECT_EQ(0x80u, errors());
	EXPECT_EQ(0u, errors());
}

TEST_F(Page, AnInterruptFromItsAcceptanceToItsEnd)
{
	enable();
	ASSERT_TRUE(lapic_accept(&l, 0x61, true));
	EXPECT_EQ(2u, rd(0x230));
	EXPECT_EQ(2u, rd(0x1b0));
	ASSERT_EQ(0x61, lapic_next(&l));
	lapic_ack(&l, 0x61);
	EXPECT_EQ(0u, rd(0x230));
	EXPECT_EQ(2u, rd(0x130));
	EXPECT_EQ(0x60u, rd(0xa0));
	wr(0xb0, 0xdeadbeef); // any value ends it
	EXPECT_EQ(LAPIC_FX_EOI, fx.flags & LAPIC_FX_EOI);
	EXPECT_EQ(0x61, fx.vector);
	EXPECT_EQ(0u, rd(0x130));
}

TEST_F(Page, TheTimerCounts)
{
	enable();
	wr(0x3e0, 0xb);
	wr(0x320, 0x200e0);
	wr(0x380, 100000);
	EXPECT_EQ(LAPIC_FX_TIMER, fx.flags & LAPIC_FX_TIMER);
	now.ns += 40000;
	EXPECT_EQ(60000u, rd(0x390));
	wr(0x390, 7);
	EXPECT_EQ(60000u, rd(0x390));
	now.ns += 60000;
	lapic_timer(&l, now, &fx);
	EXPECT_EQ(0xe0, lapic_next(&l));
	wr(0x320, 0x600e0); // there is no fourth mode
	EXPECT_EQ(0xe0u, rd(0x320));
}

TEST_F(Page, LogicalIds)
{
	const struct {
		uint32_t dfr, ldr, dest;
		bool is;
	} rows[] = {
		{~0u, 0x01, 0x01, true},         {~0u, 0x01, 0x03, true},         {~0u, 0x02, 0x01, false},
		{~0u, 0x80, 0x80, true},         {~0u, 0x00, 0x7f, false},        {~0u, 0x00, 0xff, true},
		{~0u, 0x01, 0x00, false},        {0x0fffffff, 0x21, 0x21, true},  {0x0fffffff, 0x21, 0x2f, true},
		{0x0fffffff, 0x21, 0x22, false}, {0x0fffffff, 0x21, 0x31, false}, {0x0fffffff, 0x21, 0x20, false},
		{0x0fffffff, 0x21, 0xff, true},
	};
	for (auto &r : rows) {
		wr(0xe0, r.dfr);
		wr(0xd0, r.ldr << 24);
		EXPECT_EQ(r.is, lapic_logical(&l, r.dest)) << std::hex << r.dfr << " " << r.ldr << " " << r.dest;
	}
	for (uint32_t id = 0; id < 40; id++) { // in x2APIC mode: cluster 0, by the id
		lapic_reset(&l, id, false, true);
		for (uint32_t dest = 1; dest < 0xff; dest <<= 1)
			EXPECT_EQ(id < 8 && dest == 1u << id, lapic_logical(&l, dest)) << id << " " << dest;
		EXPECT_TRUE(lapic_logical(&l, 0xff));
	}
}

TEST_F(Page, ItsStateGoesAlong)
{
	enable();
	wr(0xe0, 0x0fffffff);
	wr(0xd0, 0x42000000);
	wr(0x310, 0x09000000);
	uint8_t bytes[400];
	fields f = fields_writer(bytes, sizeof(bytes));
	lapic_fields(&f, &l);
	ASSERT_FALSE(f.bad);
	lapic there;
	memset(&there, 0, sizeof(there));
	f = fields_reader(bytes, sizeof(bytes) - f.left);
	lapic_fields(&f, &there);
	ASSERT_TRUE(!f.bad && !f.left && lapic_valid(&there, 0x25));
	l = there;
	EXPECT_EQ(0x42000000u, rd(0xd0));
	EXPECT_EQ(0x0fffffffu, rd(0xe0));
	EXPECT_EQ(0x09000000u, rd(0x310));
	EXPECT_TRUE(lapic_in_page(&l, AT));
	for (auto bad : {&lapic::ldr, &lapic::dfr}) {
		there = l;
		there.*bad ^= 1;
		EXPECT_FALSE(lapic_valid(&there, 0x25));
	}
}

TEST_F(Page, RandomAccessesLeaveALegalState)
{
	std::mt19937_64 rng(4);
	for (int i = 0; i < 300000; i++) {
		now.ns += rng() >> (30 + rng() % 30);
		now.tsc = now.ns * 3;
		uint32_t at = rng() % 5 ? (rng() % 0x40) << 4 : rng() & 0xfff;
		if (rng() & 1)
			wr(at, (uint32_t)(rng() >> rng() % 64), 1u << rng() % 4);
		else
			rd(at);
		if (rng() % 4 == 0)
			lapic_accept(&l, (uint8_t)rng(), rng() & 1);
		ASSERT_TRUE(lapic_valid(&l, 0x25)) << std::hex << at;
		int n = lapic_next(&l);
		if (n >= 0)
			lapic_ack(&l, (uint8_t)n);
		lapic_timer(&l, now, &fx);
		uint64_t ns, tsc;
		lapic_deadline(&l, &ns, &tsc);
		ASSERT_GT(ns, now.ns);
	}
}
