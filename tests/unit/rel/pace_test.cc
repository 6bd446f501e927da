// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/rel/pair.h"

using RelPace = Pair;

namespace
{

/* As if n segments had been acknowledged in rounds of that round trip. */
void rounds(rel *r, unsigned n, uint64_t rtt, unsigned lost, uint64_t *now)
{
	r->stats.rtt_ns = rtt;
	while (n--) {
		*now += rtt + 1;
		rel_pace_sample(r, rtt, *now);
		r->pace.acked = 100;
		r->pace.lost = lost;
		r->pace.full = true;
		rel_pace_round(r, *now);
	}
}

} // namespace

TEST_F(RelPace, TheWindowGrowsWhileItIsUsedAndRoundTripsAreShort)
{
	rounds(a.r, 30, 50000, 0, &now);
	EXPECT_EQ(a.stats().cwnd, REL_CWND_MAX);
}

TEST_F(RelPace, LongRoundTripsShrinkIt)
{
	rounds(a.r, 5, 50000, 0, &now);
	const uint64_t before = a.stats().cwnd;
	rounds(a.r, 5, 2000000, 0, &now);
	EXPECT_LT(a.stats().cwnd, before / 2);
	rounds(a.r, 100, 2000000, 0, &now);
	EXPECT_EQ(a.stats().cwnd, REL_CWND_MIN);
}

TEST_F(RelPace, AFewLostFramesDoNot)
{
	rounds(a.r, 30, 50000, 5, &now);
	EXPECT_EQ(a.stats().cwnd, REL_CWND_MAX) << "5 % lost";
	rounds(a.r, 3, 50000, 30, &now);
	EXPECT_LT(a.stats().cwnd, REL_CWND_MAX) << "23 % lost";
}

TEST_F(RelPace, AfterAPauseABurstAndThenThePace)
{
	rounds(a.r, 30, 1000000, 0, &now);
	for (int i = 0; i < 64; i++)
		ASSERT_TRUE(a.send(1, "x"));
	rel_output(a.r, now);
	for (int i = 0; i < 60; i++)
		ASSERT_TRUE(a.send(1, "x"));
	rel_output(a.r, now);
	EXPECT_EQ(a.out.size(), REL_BURST) << "the bucket is empty";
	EXPECT_EQ(a.stats().paced, 1u);
	const uint64_t at = rel_deadline(a.r);
	EXPECT_GT(at, now);
	EXPECT_LE(at, now + 100000);
	rel_output(a.r, at);
	EXPECT_GE(a.out.size(), REL_BURST + 8);
	EXPECT_LT(a.out.size(), REL_BURST + 20);
	ASSERT_TRUE(a.send(0, "control"));
	const size_t before = a.out.size();
	rel_output(a.r, at);
	EXPECT_GE(a.out.size(), before + 1) << "control does not wait for the pace";
}
