// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/rel/pair.h"

using RelReceive = Pair;

TEST_F(RelReceive, OneAcknowledgementForManyFrames)
{
	for (unsigned i = 0; i < REL_ACK_FRAMES - 1; i++)
		ASSERT_TRUE(a.send(0, "x"));
	tick(1000);
	carry(a, b);
	rel_output(b.r, now);
	EXPECT_TRUE(b.out.empty()) << "it waits for data to travel with";
	EXPECT_EQ(rel_deadline(b.r), now + REL_ACK_NS);
	tick(REL_ACK_NS);
	EXPECT_EQ(b.out.size(), 1u);
	carry(b, a);
	EXPECT_EQ(a.released, REL_ACK_FRAMES - 1);
}

TEST_F(RelReceive, AnAnswerCarriesTheAcknowledgement)
{
	ASSERT_TRUE(a.send(0, "question"));
	tick(1000);
	carry(a, b);
	ASSERT_TRUE(b.send(0, "answer"));
	rel_output(b.r, now);
	EXPECT_EQ(carry(b, a), 1u);
	EXPECT_EQ(a.released, 1u);
	EXPECT_EQ(a.got[0].size(), 1u);
}

TEST_F(RelReceive, ALostBulkFrameDoesNotHoldUpControl)
{
	for (int i = 0; i < 4; i++)
		ASSERT_TRUE(a.send(1, "bulk"));
	ASSERT_TRUE(a.send(0, "control"));
	rel_output(a.r, now);
	carry(a, b, [](const rel_head &h) { return !(h.flags & REL_STREAM) || h.seq != 0xfffffd00u; });
	EXPECT_EQ(b.got[0].size(), 1u);
	EXPECT_TRUE(b.got[1].empty()) << "its first is missing";
	run(5000000);
	EXPECT_EQ(b.got[1].size(), 4u);
}

TEST_F(RelReceive, EveryOrderOfFiveFramesGivesTheSame)
{
	std::vector<int> order = {0, 1, 2, 3, 4};

	do {
		End x, y;

		x.open(3, 4, now);
		y.open(4, 3, now);
		for (int i = 0; i < 5; i++)
			ASSERT_TRUE(x.send(0, std::to_string(i)));
		rel_output(x.r, now);
		ASSERT_EQ(x.out.size(), 5u);
		for (int i : order)
			for (int twice = 0; twice < 2; twice++)
				rel_input(y.r, x.out[(size_t)i].data(), (uint32_t)x.out[(size_t)i].size(), now);
		EXPECT_EQ(y.got[0], (std::vector<std::string>{"0", "1", "2", "3", "4"}));
		EXPECT_EQ(y.stats().duplicates, 5u);
	} while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(RelReceive, AnEarlyFrameStaysWhereItIs)
{
	for (const char *text : {"first", "second", "third"})
		ASSERT_TRUE(a.send(0, text));
	rel_output(a.r, now);
	ASSERT_EQ(a.out.size(), 3u);
	b.looked_at = &a.out[2];
	rel_input(b.r, a.out[2].data(), (uint32_t)a.out[2].size(), now);
	EXPECT_EQ(b.held.size(), 1u);
	rel_input(b.r, a.out[2].data(), (uint32_t)a.out[2].size(), now);
	EXPECT_EQ(b.held.size(), 1u) << "the second copy is not kept";
	b.looked_at = nullptr; // the port has no more buffers to spare
	rel_input(b.r, a.out[1].data(), (uint32_t)a.out[1].size(), now);
	EXPECT_EQ(b.held.size(), 1u) << "this one was copied";
	rel_input(b.r, a.out[0].data(), (uint32_t)a.out[0].size(), now);
	EXPECT_EQ(b.got[0], (std::vector<std::string>{"first", "second", "third"}));
	EXPECT_EQ(b.last, a.out[2].data() + REL_HEAD) << "delivered from the frame";
	EXPECT_TRUE(b.held.empty()) << "and let go";
}

TEST_F(RelReceive, TheEndLetsGoOfWhatWasEarly)
{
	End x, y;
	Frame late;

	x.open(3, 4, now);
	y.open(4, 3, now);
	for (int i = 0; i < 2; i++)
		ASSERT_TRUE(x.send(0, "x"));
	rel_output(x.r, now);
	late = x.out[1];
	y.looked_at = &late;
	rel_input(y.r, late.data(), (uint32_t)late.size(), now);
	EXPECT_EQ(y.held.size(), 1u); // the rest is in ~End()
}

TEST_F(RelReceive, LongMessagesAreWhole)
{
	std::string text(262160, 0);

	for (size_t i = 0; i < text.size(); i++)
		text[i] = (char)(i * 7 + i / 251);
	ASSERT_TRUE(a.send(1, text));
	run(20000000);
	ASSERT_EQ(b.got[1].size(), 1u);
	EXPECT_EQ(b.got[1][0], text);
}

TEST_F(RelReceive, NumbersGoRound)
{
	for (int i = 0; i < 2000; i++) {
		ASSERT_TRUE(a.send(0, std::to_string(i)));
		run(20000);
	}
	run(2000000);
	ASSERT_EQ(b.got[0].size(), 2000u);
	EXPECT_EQ(b.got[0].back(), "1999");
	EXPECT_LT(a.r->out[0].next, 0x80000000u) << "it began just below 2^32";
}

TEST_F(RelReceive, FramesOfAnEarlierConnectionAreRefused)
{
	ASSERT_TRUE(a.send(0, "old"));
	rel_output(a.r, now);
	Frame old = a.out.front();
	End fresh; // b after a restart
	fresh.open(22, 11, now);
	rel_input(fresh.r, old.data(), (uint32_t)old.size(), now);
	EXPECT_TRUE(fresh.got[0].empty());
	EXPECT_EQ(fresh.stats().strange, 1u);
	EXPECT_FALSE(rel_broken(fresh.r));
}

namespace
{

Frame made(uint32_t seq, uint8_t flags, uint32_t message, uint32_t bytes, uint32_t ack)
{
	Frame f(REL_HEAD + bytes, 1);
	rel_head h = {};

	h.token = 2;
	h.seq = seq;
	h.flags = flags;
	h.message = message;
	h.bytes = (uint16_t)bytes;
	h.data_sum = bytes ? rel_sum(f.data() + REL_HEAD, bytes) : 0;
	h.ack[0] = h.ack[1] = ack;
	rel_head_write(f.data(), &h, true);
	return f;
}

constexpr uint32_t first = 0xfffffd00u;

} // namespace

TEST_F(RelReceive, SegmentsBeyondTheWindowAreCountedAndNotKept)
{
	for (uint32_t ahead : {REL_WINDOW, REL_WINDOW + 1, 1u << 20, 0x7fffffffu}) {
		Frame f = made(first + ahead, REL_DATA | REL_FIRST | REL_LAST, 8, 8, first);
		rel_input(b.r, f.data(), (uint32_t)f.size(), now);
	}
	EXPECT_EQ(b.stats().outside, 4u);
	EXPECT_EQ(b.r->in[0].early_n, 0u);
	EXPECT_FALSE(rel_broken(b.r));
}

TEST_F(RelReceive, AcknowledgementsOfWhatWasNeverSentAreRefused)
{
	Frame f = made(0, 0, 0, 0, first + 1);

	rel_input(b.r, f.data(), (uint32_t)f.size(), now);
	EXPECT_EQ(b.stats().outside, 1u);
	EXPECT_EQ(b.stats().bad, 1u);
	ASSERT_TRUE(b.send(0, "x"));
	EXPECT_EQ(b.released, 0u);
}

TEST_F(RelReceive, AMessageLongerThanAllowedBreaksTheConnection)
{
	Frame f = made(first, REL_DATA | REL_FIRST, 262161, 8, first);

	rel_input(b.r, f.data(), (uint32_t)f.size(), now);
	EXPECT_TRUE(rel_broken(b.r));
	EXPECT_TRUE(b.got[0].empty());
}

TEST_F(RelReceive, MoreThanAMessageAnnouncedBreaksTheConnection)
{
	Frame one = made(first, REL_DATA | REL_FIRST, 12, 8, first), two = made(first + 1, REL_DATA, 0, 8, first);

	rel_input(b.r, one.data(), (uint32_t)one.size(), now);
	EXPECT_FALSE(rel_broken(b.r));
	rel_input(b.r, two.data(), (uint32_t)two.size(), now);
	EXPECT_TRUE(rel_broken(b.r));
}

TEST_F(RelReceive, ASegmentOfNoMessageBreaksTheConnection)
{
	for (int flags : {+REL_DATA, REL_DATA | REL_LAST}) {
		Frame f = made(first, (uint8_t)flags, 0, 8, first);
		End fresh;

		fresh.open(2, 1, now);
		rel_input(fresh.r, f.data(), (uint32_t)f.size(), now);
		EXPECT_TRUE(rel_broken(fresh.r)) << flags;
		EXPECT_TRUE(fresh.got[0].empty());
	}
}
