// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/rel/pair.h"

using RelSend = Pair;

TEST_F(RelSend, AcknowledgedMessagesAreGivenBack)
{
	ASSERT_TRUE(a.send(0, "one"));
	ASSERT_TRUE(a.send(1, "two"));
	run(2000000);
	EXPECT_EQ(b.got[0], std::vector<std::string>{"one"});
	EXPECT_EQ(b.got[1], std::vector<std::string>{"two"});
	EXPECT_EQ(a.released, 2u);
	EXPECT_EQ(a.stats().retransmits, 0u);
	EXPECT_EQ(rel_deadline(a.r), UINT64_MAX) << "nothing is left to do";
}

TEST_F(RelSend, ControlLeavesBeforeBulkThatWasThereFirst)
{
	for (int i = 0; i < 5; i++)
		ASSERT_TRUE(a.send(1, "bulk"));
	ASSERT_TRUE(a.send(0, "control"));
	rel_output(a.r, now);
	rel_head h;
	ASSERT_EQ(a.out.size(), 6u);
	ASSERT_EQ(rel_head_read(a.out[0].data(), (uint32_t)a.out[0].size(), true, &h), 0);
	EXPECT_FALSE(h.flags & REL_STREAM);
}

TEST_F(RelSend, APageIsThreeFramesAt1500AndOneAt9000)
{
	End small, jumbo;

	small.open(5, 6, now, 1500 - REL_HEAD);
	jumbo.open(7, 8, now, 9000 - REL_HEAD);
	small.send(0, std::string(4096 + 64, 'p'));
	jumbo.send(0, std::string(4096 + 64, 'p'));
	rel_output(small.r, now);
	rel_output(jumbo.r, now);
	EXPECT_EQ(small.out.size(), 3u);
	EXPECT_EQ(jumbo.out.size(), 1u);
	for (const Frame &f : small.out)
		EXPECT_LE(f.size() + REL_SEAL, 1500u) << "the place for encryption stays free";
}

TEST_F(RelSend, ALostSegmentIsRepeatedAfterThreeLaterOnesWithoutATimeout)
{
	for (int i = 0; i < 6; i++)
		ASSERT_TRUE(a.send(0, std::to_string(i)));
	rel_output(a.r, now);
	unsigned k = 0;
	carry(a, b, [&](const rel_head &) { return k++ != 1; });
	EXPECT_EQ(b.got[0].size(), 1u);
	tick(20000);
	carry(b, a);
	rel_output(a.r, now);
	EXPECT_EQ(a.stats().retransmits, 1u);
	carry(a, b);
	EXPECT_EQ(b.got[0].size(), 6u);
	EXPECT_EQ(a.stats().timeouts, 0u);
}

TEST_F(RelSend, ALostLastSegmentIsProbedForAfterTwoRoundTrips)
{
	ASSERT_TRUE(a.send(0, "warm"));
	run(2000000); // the round trip is known
	ASSERT_TRUE(a.send(0, "tail"));
	rel_output(a.r, now);
	a.out.clear();
	const uint64_t at = rel_deadline(a.r);
	const uint32_t window = (uint32_t)a.stats().cwnd;
	EXPECT_GE(at, now + REL_PROBE_MIN_NS);
	EXPECT_LT(at, now + REL_RTO_MIN_NS);
	run(at - now + 100000);
	EXPECT_EQ(b.got[0].size(), 2u);
	EXPECT_EQ(a.stats().probes, 1u);
	EXPECT_EQ(a.stats().timeouts, 0u);
	EXPECT_EQ(a.stats().cwnd, window) << "a probe is no loss";
	run(10000000);
	EXPECT_EQ(rel_deadline(a.r), UINT64_MAX);
	EXPECT_EQ(b.got[0].size(), 2u) << "once";
}

TEST_F(RelSend, AProbeThatWasNeedlessTeachesNoPatience)
{
	ASSERT_TRUE(a.send(0, "warm"));
	run(2000000);
	ASSERT_TRUE(a.send(0, "slow peer"));
	rel_output(a.r, now);
	now = rel_deadline(a.r);
	rel_output(a.r, now);
	ASSERT_EQ(a.stats().probes, 1u);
	carry(a, b); // both
	rel_output(b.r, now);
	carry(b, a); // sooner after the probe than a round trip takes
	EXPECT_EQ(a.released, 2u);
	EXPECT_EQ(a.r->late_ns, 0u) << "the peer was slow: nothing came out of order";
}

TEST_F(RelSend, APeerThatBecomesSlowIsSoonNotProbed)
{
	auto question = [&](uint64_t takes) {
		ASSERT_TRUE(a.send(0, "question"));
		for (const uint64_t answered = now + takes; now < answered; now += 5000)
			rel_output(a.r, now);
		carry(a, b);
		ASSERT_TRUE(b.send(0, "answer"));
		rel_output(b.r, now);
		carry(b, a);
	};
	for (int i = 0; i < 50; i++)
		question(80000);
	EXPECT_EQ(a.stats().probes, 0u);
	for (int i = 0; i < 20; i++)
		question(300000);
	const uint64_t probes = a.stats().probes;
	EXPECT_GT(probes, 0u);
	EXPECT_EQ(a.stats().needless, probes);
	for (int i = 0; i < 200; i++)
		question(300000);
	EXPECT_EQ(a.stats().probes, probes);
	EXPECT_EQ(a.stats().timeouts, 0u);
}

TEST_F(RelSend, WhereTheProbeIsLostTooThereIsATimeout)
{
	ASSERT_TRUE(a.send(0, "warm"));
	run(2000000);
	ASSERT_TRUE(a.send(0, "tail"));
	rel_output(a.r, now);
	a.out.clear();
	now = rel_deadline(a.r);
	rel_output(a.r, now);
	EXPECT_EQ(a.out.size(), 1u);
	a.out.clear();
	const uint64_t at = rel_deadline(a.r);
	EXPECT_GT(at, now);
	EXPECT_LE(at, now + 5000000);
	run(at - now + 100000);
	EXPECT_EQ(b.got[0].size(), 2u);
	EXPECT_EQ(a.stats().probes, 1u) << "one, until something comes";
	EXPECT_EQ(a.stats().timeouts, 1u);
}

TEST_F(RelSend, WhoWaitsForNoAnswerIsNotProbedFor)
{
	ASSERT_TRUE(a.send(0, "warm"));
	run(2000000);
	for (int i = 0; i < 50; i++) { // the acknowledgement comes by itself, and in time
		ASSERT_TRUE(a.send(0, "news"));
		run(2000000);
	}
	EXPECT_EQ(a.stats().probes, 0u);
	EXPECT_EQ(a.stats().retransmits, 0u);
}

TEST_F(RelSend, TimeoutsGrowButNeverBeyondTheMaximum)
{
	ASSERT_TRUE(a.send(0, "to nobody"));
	uint64_t last = now, longest = 0;
	for (unsigned i = 0; i < 40; i++) {
		rel_output(a.r, now);
		a.out.clear();
		now = rel_deadline(a.r);
		longest = std::max(longest, now - last);
		last = now;
	}
	EXPECT_EQ(longest, REL_RTO_MAX_NS);
	EXPECT_GE(rel_silent_ns(a.r, now), 10ull * REL_RTO_MAX_NS) << "a dead peer shows";
}

TEST_F(RelSend, LateSegmentsTeachPatience)
{
	for (unsigned round = 0; round < 20; round++) {
		Frame late;

		for (int i = 0; i < 8; i++)
			ASSERT_TRUE(a.send(1, "x"));
		rel_output(a.r, now);
		late = a.out.front();
		a.out.pop_front();
		now += 10000; // there
		carry(a, b);
		rel_output(b.r, now);
		now += 10000; // and back
		carry(b, a);  // seven have arrived, the first has not
		rel_output(a.r, now);
		rel_input(b.r, late.data(), (uint32_t)late.size(), now);
		rel_output(b.r, now);
		now += 5000; // sooner than a repeat could have been answered
		carry(b, a);
		run(2000000);
	}
	EXPECT_EQ(b.got[1].size(), 160u);
	EXPECT_LE(a.stats().retransmits, 3u) << "once it is known that they come late";
}

TEST_F(RelSend, CreditIsKeptAndAStallIsCounted)
{
	b.r->credit = 3;
	b.send(0, "tells a");
	run(2000000);
	for (int i = 0; i < 10; i++)
		ASSERT_TRUE(a.send(1, "x"));
	rel_output(a.r, now);
	EXPECT_EQ(a.out.size(), 3u);
	EXPECT_EQ(a.stats().stalls, 1u);
	run(10000000);
	EXPECT_EQ(b.got[1].size(), 10u);
}

TEST_F(RelSend, WithoutCreditItAsksNowAndThenAndGoesOnWhenItHasSome)
{
	b.r->credit = 0;
	b.send(0, "tells a");
	run(2000000);
	for (int i = 0; i < 60; i++)
		ASSERT_TRUE(a.send(1, "x"));
	run(50000000);
	const size_t asked = b.got[1].size();
	EXPECT_GE(asked, 1u) << "else a lost word of new credit would be the end";
	EXPECT_LE(asked, 40u);
	b.r->credit = REL_WINDOW;
	b.r->ack_now = true;
	run(5000000);
	EXPECT_EQ(b.got[1].size(), 60u);
}

TEST_F(RelSend, NoFrameNowIsTriedAgain)
{
	a.full = 1;
	ASSERT_TRUE(a.send(0, "x"));
	rel_output(a.r, now);
	EXPECT_TRUE(a.out.empty());
	EXPECT_LE(rel_deadline(a.r), now + 1000000);
	a.full = 0;
	run(1000000);
	EXPECT_EQ(b.got[0].size(), 1u);
}

TEST_F(RelSend, FullIsSaid)
{
	unsigned n = 0;

	while (a.send(1, "x"))
		n++;
	a.kept.pop_back(); // the one that was refused
	EXPECT_LE(n, REL_BURST);
	EXPECT_FALSE(rel_room(a.r, 1));
	EXPECT_TRUE(rel_room(a.r, 0));
	run(2000000);
	EXPECT_TRUE(rel_room(a.r, 1));
}
