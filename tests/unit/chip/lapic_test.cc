// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <random>
#include <set>

extern "C" {
#include "vmm/chip/lapic.h"
}

struct Lapic : ::testing::Test {
	lapic l;
	lapic_fx fx;
	lapic_now now = {1000, 5000};

	Lapic()
	{
		lapic_reset(&l, 0x25, true, true);
	}
	int wr(uint32_t reg, uint64_t v)
	{
		return msr(0x800 + reg, v);
	}
	int msr(uint32_t number, uint64_t v)
	{
		return lapic_write(&l, number, v, now, &fx);
	}
	uint64_t rd(uint32_t reg)
	{
		uint64_t v = 0xdead;
		EXPECT_EQ(0, lapic_read(&l, 0x800 + reg, now, &v)) << std::hex << reg;
		return v;
	}
	void enable()
	{
		ASSERT_EQ(0, wr(0x0f, 0x1ff));
	}
};

TEST_F(Lapic, PowerUp)
{
	EXPECT_EQ(0x25u, rd(2));
	EXPECT_EQ(0x50014u, rd(3));
	EXPECT_EQ(0x2u << 16 | 1 << 5, rd(0xd));
	EXPECT_EQ(0xffu, rd(0xf));
	for (uint32_t r = 0x32; r <= 0x37; r++)
		EXPECT_EQ(0x10000u, rd(r));
	uint64_t base;
	ASSERT_EQ(0, lapic_read(&l, MSR_APIC_BASE, now, &base));
	EXPECT_EQ(0xfee00d00u, base);
	EXPECT_EQ(-1, lapic_next(&l));
}

/* Which registers exist, which take what: all 256 of the range. */
TEST_F(Lapic, EveryRegister)
{
	const std::set<uint32_t> readable = {2,    3,    8,    0xa,  0xd,  0xf,  0x28, 0x30, 0x32,
					     0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e};
	const std::set<uint32_t> takes_zero = {8,    0xb,  0xf,  0x28, 0x30, 0x32, 0x33,
					       0x34, 0x35, 0x36, 0x37, 0x38, 0x3e, 0x3f};
	const std::map<uint32_t, uint64_t> widest = {
		{8, 0xff},       {0xf, 0x3ff},    {0x30, 0xffffffff000cdfffull},
		{0x32, 0x710ff}, {0x33, 0x117ff}, {0x34, 0x117ff},
		{0x35, 0x1f7ff}, {0x36, 0x1f7ff}, {0x37, 0x110ff},
		{0x38, ~0u},     {0x3e, 0xb},     {0x3f, 0xff},
	};
	for (uint32_t reg = 0; reg < 0x100; reg++) {
		uint64_t v;
		bool bits = reg >= 0x10 && reg < 0x28; // ISR, TMR, IRR
		EXPECT_EQ(readable.count(reg) || bits ? 0 : -EINVAL, lapic_read(&l, 0x800 + reg, now, &v))
			<< std::hex << reg;
		lapic_reset(&l, 1, false, true);
		EXPECT_EQ(takes_zero.count(reg) ? 0 : -EINVAL, wr(reg, 0)) << std::hex << reg;
		uint64_t mask = widest.count(reg) ? widest.at(reg) : 0;
		for (int bit = 0; bit < 64; bit++) {
			lapic_reset(&l, 1, false, true);
			enable();
			lapic before = l;
			uint64_t one = 1ull << bit;
			bool ok = takes_zero.count(reg) && (mask & one);
			EXPECT_EQ(ok ? 0 : -EINVAL, wr(reg, one)) << std::hex << reg << " bit " << bit;
			if (!ok) {
				EXPECT_EQ(0, memcmp(&before, &l, sizeof(l))) << "a #GP changes nothing";
				EXPECT_EQ(0u, fx.flags);
			}
		}
	}
	EXPECT_EQ(-EINVAL, lapic_read(&l, 0x1000, now, &now.ns));
}

TEST_F(Lapic, ReadBackOfWhatWasWritten)
{
	enable();
	for (auto &p : std::initializer_list<std::pair<uint32_t, uint64_t>>{{8, 0x35},
									    {0x33, 0x10231},
									    {0x34, 0x400},
									    {0x35, 0x1a7ff},
									    {0x36, 0x400},
									    {0x37, 0xfe},
									    {0x3e, 0xb},
									    {0x30, 0x500004031ull}}) {
		ASSERT_EQ(0, wr(p.first, p.second));
		EXPECT_EQ(p.second, rd(p.first));
	}
	ASSERT_EQ(0, wr(0x30, 0x1031)); // delivery status never sticks
	EXPECT_EQ(0x31u, rd(0x30));
	ASSERT_EQ(0, wr(0x36, 0x5400)); // nor do the read-only LVT bits
	EXPECT_EQ(0x400u, rd(0x36));
	EXPECT_EQ(-EINVAL, wr(0x32, 3 << 17)); // there is no fourth timer mode
}

TEST_F(Lapic, EveryVectorGoesThrough)
{
	enable();
	for (unsigned v = 0; v < 256; v++) {
		for (bool level : {false, true}) {
			bool ok = v >= 16;
			EXPECT_EQ(ok, lapic_accept(&l, v, level));
			EXPECT_EQ(ok ? (int)v : -1, lapic_next(&l));
			if (!ok)
				continue;
			EXPECT_EQ(1u << (v % 32), rd(0x20 + v / 32));
			EXPECT_EQ(level, rd(0x18 + v / 32) >> (v % 32) & 1);
			lapic_ack(&l, v);
			EXPECT_EQ(0u, rd(0x20 + v / 32));
			EXPECT_EQ(1u << (v % 32), rd(0x10 + v / 32));
			EXPECT_EQ(v & 0xf0, rd(0xa));
			EXPECT_EQ(-1, lapic_next(&l));
			ASSERT_EQ(0, wr(0xb, 0));
			EXPECT_EQ(level, !!(fx.flags & LAPIC_FX_EOI));
			EXPECT_EQ(level ? v : fx.vector, fx.vector);
			EXPECT_EQ(0u, rd(0x10 + v / 32));
		}
	}
	ASSERT_EQ(0, wr(0xb, 0)); // EOI with nothing in service
	EXPECT_EQ(0u, fx.flags);
	ASSERT_EQ(0, wr(0x28, 0));
	EXPECT_EQ(0x40u, rd(0x28)); // illegal vectors were received
	ASSERT_EQ(0, wr(0x28, 0));
	EXPECT_EQ(0u, rd(0x28));
}

TEST_F(Lapic, Priorities)
{
	enable();
	lapic_accept(&l, 0x45, false);
	lapic_set_cr8(&l, 4);
	EXPECT_EQ(4, lapic_cr8(&l));
	EXPECT_EQ(0x40u, rd(8));
	EXPECT_EQ(-1, lapic_next(&l));
	ASSERT_EQ(0, wr(8, 0x3f));
	EXPECT_TRUE(fx.flags & LAPIC_FX_IRQ);
	EXPECT_EQ(3, lapic_cr8(&l));
	EXPECT_EQ(0x45, lapic_next(&l));
	lapic_ack(&l, 0x45);
	EXPECT_EQ(0x40u, rd(0xa));
	lapic_accept(&l, 0x4f, false); // same class waits
	EXPECT_EQ(-1, lapic_next(&l));
	lapic_accept(&l, 0x50, false); // a higher one nests
	EXPECT_EQ(0x50, lapic_next(&l));
	lapic_ack(&l, 0x50);
	ASSERT_EQ(0, wr(0xb, 0)); // ends the highest first
	EXPECT_EQ(0x40u, rd(0xa));
	ASSERT_EQ(0, wr(0xb, 0));
	EXPECT_EQ(0x4f, lapic_next(&l));
	ASSERT_EQ(0, wr(8, 0x48)); // the task is above its class: PPR has all of TPR
	EXPECT_EQ(0x48u, rd(0xa));
}

TEST_F(Lapic, DisabledTakesNothing)
{
	EXPECT_FALSE(lapic_accept(&l, 0x40, false));
	enable();
	ASSERT_EQ(0, wr(0x37, 0x40));
	EXPECT_TRUE(lapic_accept(&l, 0x50, false));
	ASSERT_EQ(0, wr(0xf, 0xff));
	EXPECT_EQ(-1, lapic_next(&l));
	EXPECT_EQ(0x10040u, rd(0x37)); // masks are forced
	ASSERT_EQ(0, wr(0x37, 0x40));
	EXPECT_EQ(0x10040u, rd(0x37));
	enable();
	EXPECT_EQ(0x50, lapic_next(&l)); // was only held
}

TEST_F(Lapic, IcrIsHandedToTheOwner)
{
	enable();
	ASSERT_EQ(0, wr(0x30, 0x0000000700000831ull));
	ASSERT_EQ(LAPIC_FX_ICR, fx.flags);
	EXPECT_EQ(7u, fx.msg.dest);
	EXPECT_TRUE(fx.msg.logical);
	EXPECT_EQ(0x31, fx.msg.vector);
	for (unsigned mode : {4u, 5u, 6u}) { // vectors below 16 mean something else there
		ASSERT_EQ(0, wr(0x30, mode << 8 | 0x4000));
		EXPECT_EQ(LAPIC_FX_ICR, fx.flags);
		EXPECT_EQ(mode, fx.msg.delivery);
	}
	ASSERT_EQ(0, wr(0x30, 0x8500)); // INIT de-assert
	EXPECT_EQ(0u, fx.flags);
	ASSERT_EQ(0, wr(0x30, 0x0f));
	EXPECT_FALSE(fx.flags & LAPIC_FX_ICR);
	ASSERT_EQ(0, wr(0x28, 0));
	EXPECT_EQ(0x20u, rd(0x28));
}

TEST_F(Lapic, ErrorsInterruptWhenAsked)
{
	enable();
	ASSERT_EQ(0, wr(0x37, 0xfe));
	ASSERT_EQ(0, wr(0x3f, 3));
	EXPECT_TRUE(fx.flags & LAPIC_FX_IRQ);
	EXPECT_EQ(0xfe, lapic_next(&l));
	ASSERT_EQ(0, wr(0x37, 0x0)); // an error vector that is itself illegal must not recurse
	ASSERT_EQ(0, wr(0x3f, 3));
	EXPECT_EQ(0xfe, lapic_next(&l));
}

TEST_F(Lapic, SelfIpi)
{
	enable();
	ASSERT_EQ(0, wr(0x3f, 0x77));
	EXPECT_EQ(LAPIC_FX_IRQ, fx.flags);
	EXPECT_EQ(0x77, lapic_next(&l));
}

TEST_F(Lapic, LocalSources)
{
	enable();
	lapic_lvt_fire(&l, LAPIC_LVT_LINT1, &fx);
	EXPECT_EQ(0u, fx.flags);
	ASSERT_EQ(0, wr(0x36, 0x400));
	lapic_lvt_fire(&l, LAPIC_LVT_LINT1, &fx);
	EXPECT_EQ(LAPIC_FX_NMI, fx.flags);
	EXPECT_FALSE(lapic_takes_intr(&l));
	ASSERT_EQ(0, wr(0x35, 0x700)); // ExtINT: the 8259 says the vector, not the entry
	lapic_lvt_fire(&l, LAPIC_LVT_LINT0, &fx);
	EXPECT_EQ(0u, fx.flags);
	EXPECT_TRUE(lapic_takes_intr(&l));
	ASSERT_EQ(0, wr(0x35, 0x10700));
	EXPECT_FALSE(lapic_takes_intr(&l));
	ASSERT_EQ(0, wr(0x35, 0x55));
	EXPECT_FALSE(lapic_takes_intr(&l));
	ASSERT_EQ(0, wr(0x34, 0xee));
	lapic_lvt_fire(&l, LAPIC_LVT_PERF, &fx);
	EXPECT_EQ(LAPIC_FX_IRQ, fx.flags);
	EXPECT_EQ(0xee, lapic_next(&l));
	EXPECT_EQ(0x100eeu, rd(0x34)); // masks itself
}

/* Without its APIC a processor has its pins: LINT0 is INTR, LINT1 is NMI. */
TEST_F(Lapic, SwitchedOffItLeavesThePins)
{
	enable();
	ASSERT_EQ(0, wr(0x36, 0x10400));
	ASSERT_EQ(0, msr(MSR_APIC_BASE, 0xfee00000));
	EXPECT_FALSE(lapic_on(&l));
	EXPECT_TRUE(lapic_takes_intr(&l));
	lapic_lvt_fire(&l, LAPIC_LVT_LINT1, &fx);
	EXPECT_EQ(LAPIC_FX_NMI, fx.flags);
	lapic_lvt_fire(&l, LAPIC_LVT_LINT0, &fx);
	EXPECT_EQ(0u, fx.flags);
	EXPECT_FALSE(lapic_accept(&l, 0x50, false));
}

TEST_F(Lapic, FirmwareLeavesTheBootProcessorTheVirtualWire)
{
	lapic_virtual_wire(&l);
	EXPECT_EQ(0x1ffu, rd(0xf));
	EXPECT_EQ(0x700u, rd(0x35));
	EXPECT_EQ(0x400u, rd(0x36));
	EXPECT_TRUE(lapic_takes_intr(&l));
	lapic_init(&l);
	EXPECT_FALSE(lapic_takes_intr(&l));
}

TEST_F(Lapic, InitKeepsTheIdAndTheMode)
{
	enable();
	lapic_accept(&l, 0x50, true);
	wr(8, 0x20);
	lapic_init(&l);
	EXPECT_EQ(0x25u, rd(2));
	EXPECT_EQ(0xffu, rd(0xf));
	EXPECT_EQ(0u, rd(8));
	EXPECT_EQ(0u, rd(0x22));
	uint64_t ns, tsc, base;
	lapic_deadline(&l, &ns, &tsc);
	EXPECT_EQ(CHIP_NEVER, ns);
	ASSERT_EQ(0, lapic_read(&l, MSR_APIC_BASE, now, &base));
	EXPECT_EQ(0xfee00d00u, base);
}

TEST_F(Lapic, BaseModeChanges)
{
	const uint64_t A = 0xfee00000, EN = 0x800, X2 = 0x400;
	const struct {
		uint64_t from, to;
		bool ok;
	} moves[] = {{EN | X2, EN | X2, true},
		     {EN | X2, EN, false},
		     {EN | X2, 0, true},
		     {EN | X2, X2, false},
		     {0, 0, true},
		     {0, EN, true},
		     {0, X2, false},
		     {0, EN | X2, false},
		     {EN, EN, true},
		     {EN, 0, true},
		     {EN, EN | X2, true},
		     {EN, X2, false}};
	for (auto &m : moves) {
		lapic_reset(&l, 3, true, true);
		l.base = A | 0x100 | m.from;
		EXPECT_EQ(m.ok ? 0 : -EINVAL, msr(MSR_APIC_BASE, A | m.to)) << m.from << "->" << m.to;
		EXPECT_EQ(A | 0x100 | (m.ok ? m.to : m.from), l.base);
		uint64_t v;
		EXPECT_EQ((l.base & (EN | X2)) == (EN | X2) ? 0 : -EINVAL, lapic_read(&l, 0x802, now, &v));
	}
	for (int bit : {0, 7, 9, 52, 63})
		EXPECT_EQ(-EINVAL, msr(MSR_APIC_BASE, l.base | 1ull << bit));
}

TEST_F(Lapic, RandomWritesKeepTheInvariants)
{
	std::mt19937_64 rng(3);
	for (int i = 0; i < 300000; i++) {
		static const uint32_t regs[] = {8, 0xb, 0xf, 0x28, 0x30, 0x32, 0x37, 0x38, 0x3e, 0x3f};
		uint64_t v = rng() >> (rng() % 64), ns, tsc;
		now.ns += rng() >> (20 + rng() % 40);
		now.tsc = now.ns * 3;
		switch (rng() % 5) {
		case 0:
			lapic_accept(&l, rng(), rng() & 1);
			break;
		case 1:
			lapic_write(&l, MSR_TSC_DEADLINE, v, now, &fx);
			break;
		case 2:
			lapic_timer(&l, now, &fx);
			break;
		default:
			wr(regs[rng() % 10], v);
		}
		int n = lapic_next(&l);
		ASSERT_GE(n, -1);
		if (n >= 0) {
			ASSERT_GE(n, 16);
			ASSERT_GT(n & 0xf0, (int)(rd(0xa) & 0xf0));
			lapic_ack(&l, n);
		}
		lapic_timer(&l, now, &fx);
		lapic_deadline(&l, &ns, &tsc);
		ASSERT_GT(ns, now.ns); // never due again at once
		ASSERT_GT(tsc, now.tsc);
	}
}
