// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/chip/lapic.h"
}

static const uint32_t TIMER = 0x832, INITIAL = 0x838, CURRENT = 0x839, DIVIDE = 0x83e;
static const uint32_t PERIODIC = 1 << 17, TSC = 2 << 17, MASK = 1 << 16;

struct LapicTimer : ::testing::Test {
	lapic l;
	lapic_fx fx;
	lapic_now now = {1000000, 7000};

	LapicTimer()
	{
		lapic_reset(&l, 0, true, true);
		wr(0x80f, 0x1ff);
		wr(DIVIDE, 0xb); // by 1
	}
	void wr(uint32_t msr, uint64_t v)
	{
		ASSERT_EQ(0, lapic_write(&l, msr, v, now, &fx));
	}
	uint64_t rd(uint32_t msr)
	{
		uint64_t v = 0xdead;
		EXPECT_EQ(0, lapic_read(&l, msr, now, &v));
		return v;
	}
	uint64_t ns()
	{
		uint64_t n, t;
		lapic_deadline(&l, &n, &t);
		return n;
	}
	uint64_t tsc()
	{
		uint64_t n, t;
		lapic_deadline(&l, &n, &t);
		return t;
	}
	/* Runs the timer; did it interrupt? */
	bool fires()
	{
		lapic_timer(&l, now, &fx);
		int v = lapic_next(&l);
		EXPECT_EQ(v >= 0, !!(fx.flags & LAPIC_FX_IRQ));
		if (v < 0)
			return false;
		lapic_ack(&l, v);
		wr(0x80b, 0);
		return true;
	}
};

TEST_F(LapicTimer, EveryDivisor)
{
	const unsigned by[16] = {2, 4, 8, 16, 0, 0, 0, 0, 32, 64, 128, 1};
	for (unsigned code : {0u, 1u, 2u, 3u, 8u, 9u, 10u, 11u}) {
		wr(DIVIDE, code);
		EXPECT_EQ(code, rd(DIVIDE));
		wr(TIMER, 0x40);
		wr(INITIAL, 1000000);
		EXPECT_EQ(now.ns + 1000000ull * by[code], ns()) << code;
		EXPECT_EQ(1000000u, rd(CURRENT));
		now.ns += 300000ull * by[code];
		EXPECT_EQ(700000u, rd(CURRENT));
		wr(INITIAL, 0);
		EXPECT_EQ(CHIP_NEVER, ns());
		EXPECT_EQ(0u, rd(CURRENT));
	}
}

TEST_F(LapicTimer, OneShotFiresOnce)
{
	wr(TIMER, 0x40);
	wr(INITIAL, 5000);
	EXPECT_TRUE(fx.flags & LAPIC_FX_TIMER);
	now.ns += 4999;
	EXPECT_EQ(1u, rd(CURRENT));
	EXPECT_FALSE(fires());
	now.ns++;
	EXPECT_TRUE(fires());
	EXPECT_EQ(0u, rd(CURRENT));
	EXPECT_EQ(5000u, rd(INITIAL));
	now.ns += 1000000;
	EXPECT_FALSE(fires());
	EXPECT_EQ(CHIP_NEVER, ns());
}

TEST_F(LapicTimer, PeriodicKeepsItsPhaseAndMergesWhatWasMissed)
{
	uint64_t start = now.ns;
	wr(TIMER, PERIODIC | 0x40);
	wr(INITIAL, 100000);
	now.ns = start + 100001;
	EXPECT_TRUE(fires());
	EXPECT_EQ(start + 200000, ns());
	now.ns = start + 1050000;
	EXPECT_EQ(50000u, rd(CURRENT));
	EXPECT_TRUE(fires());
	EXPECT_FALSE(fires());
	EXPECT_EQ(start + 1100000, ns());
	EXPECT_EQ(8u, l.missed);
	EXPECT_EQ(50000u, rd(CURRENT));
}

TEST_F(LapicTimer, ShortestPeriodIsBounded)
{
	wr(TIMER, PERIODIC | 0x40);
	wr(INITIAL, 1);
	now.ns++;
	EXPECT_TRUE(fires());
	EXPECT_GE(ns(), now.ns + LAPIC_PERIOD_NS_MIN - 1);
}

TEST_F(LapicTimer, MaskedCountsButIsSilent)
{
	wr(TIMER, MASK | PERIODIC | 0x40);
	wr(INITIAL, 100000);
	EXPECT_EQ(CHIP_NEVER, ns());
	now.ns += 250000;
	EXPECT_EQ(50000u, rd(CURRENT));
	wr(TIMER, PERIODIC | 0x40); // what passed while masked is lost
	EXPECT_EQ(-1, lapic_next(&l));
	EXPECT_EQ(now.ns + 50000, ns());
}

TEST_F(LapicTimer, DueInterruptSurvivesAWrite)
{
	wr(TIMER, 0x40);
	wr(INITIAL, 5000);
	now.ns += 6000; // due, but the owner's timer is late
	wr(INITIAL, 9000);
	EXPECT_EQ(0x40, lapic_next(&l));
	EXPECT_EQ(now.ns + 9000, ns());
}

TEST_F(LapicTimer, NewDivisorKeepsTheCount)
{
	wr(TIMER, 0x40);
	wr(INITIAL, 5000);
	now.ns += 1000;
	wr(DIVIDE, 0); // by 2
	EXPECT_EQ(4000u, rd(CURRENT));
	EXPECT_EQ(now.ns + 8000, ns());
}

TEST_F(LapicTimer, TscDeadline)
{
	wr(MSR_TSC_DEADLINE, 9000); // not in that mode: ignored
	EXPECT_EQ(0u, rd(MSR_TSC_DEADLINE));
	wr(TIMER, TSC | 0x40);
	wr(MSR_TSC_DEADLINE, 9000);
	EXPECT_EQ(9000u, rd(MSR_TSC_DEADLINE));
	EXPECT_EQ(9000u, tsc());
	EXPECT_EQ(CHIP_NEVER, ns());
	wr(INITIAL, 77); // ignored in this mode
	EXPECT_EQ(0u, rd(INITIAL));
	EXPECT_EQ(0u, rd(CURRENT));
	now.tsc = 8999;
	EXPECT_FALSE(fires());
	now.tsc = 9000;
	EXPECT_TRUE(fires());
	EXPECT_EQ(0u, rd(MSR_TSC_DEADLINE));
	EXPECT_EQ(CHIP_NEVER, tsc());
	wr(MSR_TSC_DEADLINE, 5); // in the past: at once
	EXPECT_TRUE(fx.flags & LAPIC_FX_IRQ);
	EXPECT_EQ(0x40, lapic_next(&l));
	wr(MSR_TSC_DEADLINE, UINT64_MAX);
	wr(MSR_TSC_DEADLINE, 0);
	EXPECT_EQ(CHIP_NEVER, tsc());
}

TEST_F(LapicTimer, ModeChangesDisarm)
{
	wr(TIMER, TSC | 0x40);
	wr(MSR_TSC_DEADLINE, 9000);
	wr(TIMER, PERIODIC | 0x40);
	EXPECT_EQ(CHIP_NEVER, tsc());
	EXPECT_EQ(CHIP_NEVER, ns());
	wr(INITIAL, 100000);
	wr(TIMER, TSC | 0x40);
	EXPECT_EQ(CHIP_NEVER, ns());
	wr(TIMER, 0x40);
	EXPECT_EQ(CHIP_NEVER, ns());
	EXPECT_EQ(0u, rd(MSR_TSC_DEADLINE));
}

TEST_F(LapicTimer, EndOfTime)
{
	now.ns = UINT64_MAX - 10;
	wr(DIVIDE, 0xa); // by 128
	wr(TIMER, PERIODIC | 0x40);
	wr(INITIAL, UINT32_MAX);
	EXPECT_EQ(CHIP_NEVER, ns());
	EXPECT_FALSE(fires());
}
