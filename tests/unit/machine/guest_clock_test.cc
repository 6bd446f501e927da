// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/machine/guest_clock.h"
#include "vmm/machine/pvclock.h"
}

TEST(GuestClock, NanosecondsAreOfTheBelievedFrequency)
{
	guest_clock c = {2000000, 1};
	EXPECT_EQ(500u, guest_clock_ns(&c, 1000));
	c.dilate = 10;
	EXPECT_EQ(20000000u, guest_clock_khz(&c));
	EXPECT_EQ(50u, guest_clock_ns(&c, 1000));
	EXPECT_EQ(500u, guest_clock_real_ns(&c, 1000)); // real time has not changed
}

TEST(GuestClock, ADeadlineIsNeverEarly)
{
	for (uint64_t khz : {1ull, 999ull, 2599999ull, 3700001ull})
		for (uint32_t k : {1u, 7u, 100u}) {
			guest_clock c = {khz, k};
			for (uint64_t ns : {1ull, 999ull, 1000000007ull, 86400000000000ull})
				EXPECT_GE(guest_clock_ns(&c, guest_clock_tsc(&c, ns)), ns) << khz << " " << ns;
		}
}

TEST(GuestClock, LongUptimesDoNotWrap)
{
	guest_clock c = {3000000, 1};
	uint64_t ten_years = 10ull * 365 * 86400 * 3000000000ull;
	EXPECT_EQ(10ull * 365 * 86400 * 1000000000ull, guest_clock_ns(&c, ten_years));
	EXPECT_EQ(UINT64_MAX, guest_clock_tsc(&c, CLOCK_NEVER));
	EXPECT_EQ(UINT64_MAX, guest_clock_tsc(&c, UINT64_MAX - 1)); // saturates
}

TEST(GuestClock, MonotonicDeadlines)
{
	guest_clock c = {1000000, 5};
	EXPECT_EQ(CLOCK_NEVER, guest_clock_mono(&c, CLOCK_NEVER, 5, 100));
	EXPECT_EQ(100u, guest_clock_mono(&c, 4, 5, 100)); // passed
	EXPECT_EQ(100u, guest_clock_mono(&c, 5, 5, 100));
	EXPECT_EQ(1100u, guest_clock_mono(&c, 1005, 5, 100));
	EXPECT_EQ(CLOCK_NEVER, guest_clock_mono(&c, UINT64_MAX - 1, 5, 100)); // beyond any timespec
}

TEST(GuestClock, Valid)
{
	guest_clock c = {2600000, 1651};
	EXPECT_TRUE(guest_clock_valid(&c));
	c.dilate = 1652;
	EXPECT_FALSE(guest_clock_valid(&c));
	c = {0, 1};
	EXPECT_FALSE(guest_clock_valid(&c));
	c = {1, 0};
	EXPECT_FALSE(guest_clock_valid(&c));
}

TEST(PvClock, ScaleGivesNanosecondsAndTheFrequencyBack)
{
	for (uint64_t khz : {1ull, 999999ull, 1000000ull, 1000001ull, 2599970ull, 25989584ull, 4294967295ull}) {
		uint32_t mul;
		int8_t shift;
		pvclock_scale((uint32_t)khz, &mul, &shift);
		EXPECT_GE(mul, 1u << 31) << khz;
		double factor = std::ldexp((double)mul, shift - 32);
		EXPECT_NEAR(1.0, factor * (double)khz / 1e6, 1e-9) << khz;
		/* what Linux does with it (pvclock_tsc_khz) */
		uint64_t back = (1000000ull << 32) / mul;
		back = shift < 0 ? back << -shift : back >> shift;
		EXPECT_NEAR(1.0, (double)back / (double)khz, 1e-5) << khz;
	}
}

TEST(PvClock, Pages)
{
	uint8_t t[PVCLOCK_TIME_BYTES], w[PVCLOCK_WALL_BYTES];
	pvclock_time(2000000, t);
	EXPECT_EQ(0u, get_le(t, 4) & 1);
	EXPECT_EQ(0u, get_le(t + 8, 8));
	EXPECT_EQ(0u, get_le(t + 16, 8));
	EXPECT_EQ(1u, t[29]);
	pvclock_wall(1000, 2500000000ull, w); // 2.5 s after the start it is 1000: it began at 997.5
	EXPECT_EQ(997u, get_le(w + 4, 4));
	EXPECT_EQ(500000000u, get_le(w + 8, 4));
	pvclock_wall(1000, 2000000000ull, w);
	EXPECT_EQ(998u, get_le(w + 4, 4));
	EXPECT_EQ(0u, get_le(w + 8, 4));
}
