// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>

extern "C" {
#include "net/clock_est.h"
}

namespace
{

// Two counters and the way between them. Own counter: ticks of true time. Peer: offset + ticks * (1
// + ppm).
struct World {
	int64_t offset = 0;
	double ppm = 0;
	uint64_t now = 1000000;

	uint64_t peer(uint64_t t) const
	{
		return (uint64_t)((int64_t)t + offset + (int64_t)std::llround((double)t * ppm / 1e6));
	}
	clock_sample exchange(uint64_t there, uint64_t answer, uint64_t back)
	{
		clock_sample s;

		s.sent = now;
		s.peer_received = peer(now + there);
		s.peer_answered = peer(now + there + answer);
		now += there + answer + back;
		s.received = now;
		return s;
	}
	int64_t true_offset() const
	{
		return (int64_t)(peer(now) - now);
	}
};

uint64_t error(const clock_est &c, const World &w)
{
	return (uint64_t)std::llabs(c.offset - w.true_offset());
}

} // namespace

TEST(ClockEst, SymmetricPathIsExact)
{
	for (int64_t offset : {(int64_t)0, (int64_t)123456789, (int64_t)-987654321, INT64_MIN / 2, INT64_MAX / 2}) {
		clock_est c;
		World w;

		w.offset = offset;
		clock_est_init(&c);
		EXPECT_FALSE(c.valid);
		clock_sample s = w.exchange(1000, 300, 1000);
		ASSERT_TRUE(clock_est_add(&c, &s));
		EXPECT_TRUE(c.valid);
		EXPECT_EQ(c.offset, offset);
		EXPECT_EQ(c.rtt_min, 2000u);
		EXPECT_GE(c.bound, 1000u);
		EXPECT_LE(c.bound, 1010u);
	}
}

TEST(ClockEst, AsymmetryStaysInsideTheBound)
{
	for (uint64_t there : {0u, 1u, 500u, 1999u, 2000u}) {
		clock_est c;
		World w;

		w.offset = -5000;
		clock_est_init(&c);
		clock_sample s = w.exchange(there, 100, 2000 - there);
		ASSERT_TRUE(clock_est_add(&c, &s));
		EXPECT_LE(error(c, w), c.bound) << there;
	}
}

TEST(ClockEst, TrueOffsetIsAlwaysWithinTheBound)
{
	for (unsigned seed = 1; seed <= 40; seed++) {
		std::mt19937_64 rng(seed);
		clock_est c;
		World w;

		w.offset = (int64_t)(rng() % 2000000000u) - 1000000000;
		w.ppm = (double)(rng() % 161) - 80;
		clock_est_init(&c);
		for (int i = 0; i < 300; i++) {
			uint64_t slow = rng() % 10 == 0 ? rng() % 5000000 : 0; // an outlier one way

			w.now += rng() % 200000000; // up to 0.1 s between exchanges at 2 GHz
			clock_sample s =
				w.exchange(10000 + rng() % 3000 + slow, 500 + rng() % 1000, 10000 + rng() % 3000);
			ASSERT_TRUE(clock_est_add(&c, &s));
			ASSERT_LE(error(c, w), c.bound) << "seed " << seed << " exchange " << i;
		}
	}
}

TEST(ClockEst, OutliersDoNotSpoilAGoodSample)
{
	clock_est c;
	World w;

	w.offset = 77;
	clock_est_init(&c);
	clock_sample s = w.exchange(1000, 10, 1000);
	clock_est_add(&c, &s);
	for (int i = 0; i < 10; i++) {
		s = w.exchange(900000, 10, 1000);
		ASSERT_TRUE(clock_est_add(&c, &s));
	}
	EXPECT_EQ(c.rtt_min, 2000u);
	EXPECT_EQ(c.offset, 77);
	EXPECT_LT(c.bound, 3000u);
}

TEST(ClockEst, OldSamplesLoseToFreshOnes)
{
	clock_est c;
	World w;

	w.ppm = 50;
	clock_est_init(&c);
	clock_sample s = w.exchange(100, 10, 100);
	clock_est_add(&c, &s);
	w.now += 2000000000; // a second: the good sample may be wrong by 200,000 ticks now
	s = w.exchange(2000, 10, 2000);
	clock_est_add(&c, &s);
	EXPECT_LE(c.bound, 2100u);
	EXPECT_LE(error(c, w), c.bound);
}

TEST(ClockEst, WindowForgets)
{
	clock_est c;
	World w;

	clock_est_init(&c);
	clock_sample s = w.exchange(10, 10, 10);
	clock_est_add(&c, &s);
	for (unsigned i = 0; i < CLOCK_EST_WINDOW; i++) {
		s = w.exchange(1000, 10, 1000);
		clock_est_add(&c, &s);
	}
	EXPECT_EQ(c.n, CLOCK_EST_WINDOW);
	EXPECT_EQ(c.rtt_min, 2000u);
}

TEST(ClockEst, ImpossibleSamplesAreRefused)
{
	const clock_sample bad[] = {
		{100, 0, 0, 99},           // received before it was sent
		{100, 500, 499, 200},      // answered before it arrived
		{100, 500, 700, 200},      // longer at the peer than the whole
		{100, 0, UINT64_MAX, 200}, // made up
		{0, 0, 0, UINT64_MAX},
	};
	clock_est c;

	clock_est_init(&c);
	for (const clock_sample &s : bad)
		EXPECT_FALSE(clock_est_add(&c, &s));
	EXPECT_EQ(c.n, 0u);
	EXPECT_FALSE(c.valid);
	clock_sample now = {1000000, 5, 5, 1000010}, earlier = {500, 5, 5, 510};
	EXPECT_TRUE(clock_est_add(&c, &now));
	EXPECT_FALSE(clock_est_add(&c, &earlier)) << "our own counter never runs back";
	EXPECT_EQ(c.n, 1u);
}
