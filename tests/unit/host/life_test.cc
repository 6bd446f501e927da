// SPDX-License-Identifier: Apache-2.0
// When a guest is called silent, and above all when not.
#include <gtest/gtest.h>

extern "C" {
#include "vmm/host/life.h"
}

namespace
{
constexpr uint64_t S = 1000000000ull;

/* A vCPU in a small loop with a processor to itself, seen every LIFE_EVERY_NS; a test changes what it is about. */
struct Life : testing::Test {
	life l = {};
	life_sample s = {};
	Life()
	{
		life_begin(&l, nullptr);
		s.rip = 0x1000000;
	}
	life_news next(uint64_t after = LIFE_EVERY_NS)
	{
		s.now_ns += after;
		s.cpu_ns += after;
		return life_take(&l, &s);
	}
	/* How many samples until the silence is told, 0: not within 100. */
	template <typename F> unsigned until_silent(F change)
	{
		for (unsigned i = 1; i <= 100; i++) {
			change(i);
			if (next() == LIFE_SILENT)
				return i;
		}
		return 0;
	}
};
} // namespace

TEST_F(Life, ALoopIsSilentAfterItsTimeAndToldOnce)
{
	EXPECT_EQ(1 + LIFE_SILENT_NS / LIFE_EVERY_NS, until_silent([](unsigned) {}));
	EXPECT_TRUE(l.silent);
	EXPECT_EQ(LIFE_SILENT_NS, life_silent_ns(&l));
	EXPECT_EQ(0u, until_silent([](unsigned) {}));
	EXPECT_TRUE(l.silent);
}

TEST_F(Life, ALoopOfSomeInstructions)
{
	EXPECT_NE(0u, until_silent([&](unsigned i) { s.rip = 0x1000000 + i % 2 * (LIFE_LOOP_BYTES - 1); }));
}

TEST_F(Life, AHaltWithoutInterrupts)
{
	s.halts = 1, s.halted = true;
	EXPECT_NE(0u, until_silent([&](unsigned) { s.cpu_ns = 0; }));
}

TEST_F(Life, AMovingRipIsNoSilence)
{
	EXPECT_EQ(0u, until_silent([&](unsigned i) { s.rip = 0x1000000 + i % 2 * LIFE_LOOP_BYTES; }));
	EXPECT_FALSE(l.alive); // nor a sign of life: it may stop moving
	EXPECT_NE(0u, until_silent([](unsigned) {}));
}

TEST_F(Life, SignsOfLifeEndTheWatch)
{
	uint64_t life_sample::*const signs[] = {&life_sample::console_bytes, &life_sample::interrupts,
						&life_sample::halts};
	for (auto sign : signs) {
		life_begin(&l, nullptr);
		s = {};
		next();
		s.*sign = 1;
		EXPECT_EQ(LIFE_NOTHING, next());
		EXPECT_TRUE(l.alive);
		EXPECT_EQ(0u, until_silent([](unsigned) {}));
		EXPECT_EQ(0u, life_silent_ns(&l));
	}
	life_begin(&l, nullptr); // a halt that an interrupt may end
	s = {};
	s.halts = 1, s.halted = s.interrupts_on = true;
	EXPECT_EQ(LIFE_NOTHING, next());
	EXPECT_TRUE(l.alive);
}

TEST_F(Life, WhatWasWrittenBeforeTheFirstSampleCounts)
{
	s.console_bytes = 4; // and then a loop for ever
	EXPECT_EQ(0u, until_silent([](unsigned) {}));
}

TEST_F(Life, AfterAResetOnlyWhatIsNewCounts)
{
	s.console_bytes = 900, s.halts = 12, s.interrupts = 7;
	life_begin(&l, &s);
	EXPECT_NE(0u, until_silent([](unsigned) {}));
	life_begin(&l, &s);
	s.console_bytes++;
	EXPECT_EQ(0u, until_silent([](unsigned) {}));
}

TEST_F(Life, WhatMeetsDevicesOrWaitsForPagesIsNotSilent)
{
	EXPECT_EQ(0u, until_silent([&](unsigned) { s.accesses++; }));
	EXPECT_EQ(0u, until_silent([&](unsigned) { s.page_waits++; }));
}

TEST_F(Life, WhatGetsNoProcessorIsNotSilent)
{
	EXPECT_EQ(0u, until_silent([&](unsigned) { s.cpu_ns -= LIFE_EVERY_NS - LIFE_EVERY_NS / LIFE_CPU_SHARE / 2; }));
	EXPECT_NE(0u, until_silent([&](unsigned) { s.cpu_ns -= LIFE_EVERY_NS - 2 * LIFE_EVERY_NS / LIFE_CPU_SHARE; }));
}

TEST_F(Life, APausedGuestIsNotSilent)
{
	s.halts = 1, s.halted = true;
	EXPECT_EQ(0u, until_silent([&](unsigned i) { s.held = i % 3 == 0; }));
}

TEST_F(Life, FewSamplesProveNothing)
{
	next();
	EXPECT_EQ(LIFE_NOTHING, next(100 * S));
	EXPECT_EQ(LIFE_SILENT, next(1 * S));
}

TEST_F(Life, ASignAfterAllIsToldAndTheStatusFollows)
{
	ASSERT_NE(0u, until_silent([](unsigned) {}));
	s.rip += 0x10000;
	EXPECT_EQ(LIFE_AGAIN, next());
	EXPECT_FALSE(l.silent);
	EXPECT_EQ(0u, until_silent([](unsigned) {})) << "told once";
	EXPECT_TRUE(l.silent);
	s.console_bytes++;
	EXPECT_EQ(LIFE_AGAIN, next());
	EXPECT_TRUE(l.alive);
	EXPECT_FALSE(l.silent);
}
