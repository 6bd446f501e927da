// SPDX-License-Identifier: Apache-2.0
/* Short messages in one segment, and long ones that are not copied into their frame. */
#include "tests/unit/rel/pair.h"

namespace
{

struct RelPack : Pair {
	void SetUp() override
	{
		a.open(1, 2, now, 1024, true);
		b.open(2, 1, now, 1024, true);
	}
	rel_head head(const Frame &f)
	{
		rel_head h;

		EXPECT_EQ(rel_head_read(f.data(), (uint32_t)f.size(), true, &h), 0);
		return h;
	}
};

constexpr uint8_t packed = REL_DATA | REL_FIRST | REL_LAST | REL_PACKED;

/* A packed segment of our own making, to whom() of token 2. */
Frame made(uint32_t messages, const std::string &data)
{
	Frame f(REL_HEAD + data.size());
	rel_head h = {};

	std::copy(data.begin(), data.end(), f.begin() + REL_HEAD);
	h.token = 2;
	h.seq = h.ack[0] = h.ack[1] = 0xfffffd00u;
	h.flags = packed;
	h.message = messages;
	h.bytes = (uint16_t)data.size();
	h.data_sum = rel_sum(f.data() + REL_HEAD, data.size());
	rel_head_write(f.data(), &h, true);
	return f;
}

} // namespace

TEST_F(RelPack, ThoseThatWaitTogetherGoTogether)
{
	for (int i = 0; i < 10; i++)
		ASSERT_TRUE(a.send(0, std::to_string(i)));
	rel_output(a.r, now);
	ASSERT_EQ(a.out.size(), 1u);
	EXPECT_EQ(head(a.out[0]).message, 10u);
	EXPECT_EQ(a.stats().segments_out, 1u);
	run(2000000);
	ASSERT_EQ(b.got[0].size(), 10u);
	for (int i = 0; i < 10; i++)
		EXPECT_EQ(b.got[0][(size_t)i], std::to_string(i));
	EXPECT_EQ(a.released, 10u);
}

TEST_F(RelPack, OneAloneIsNotPacked)
{
	ASSERT_TRUE(a.send(0, "alone"));
	ASSERT_TRUE(a.send(1, "alone too"));
	rel_output(a.r, now);
	ASSERT_EQ(a.out.size(), 2u);
	EXPECT_FALSE(head(a.out[0]).flags & REL_PACKED);
	EXPECT_FALSE(head(a.out[1]).flags & REL_PACKED);
}

TEST_F(RelPack, LongOnesKeepTheirPlace)
{
	const std::string page(4096, 'p');
	const std::vector<std::string> all = {"a", "b", page, "c", "d", std::string(REL_SMALL + 1, 'x'), "e"};

	for (const std::string &m : all)
		ASSERT_TRUE(a.send(1, m));
	run(2000000);
	EXPECT_EQ(b.got[1], all);
	EXPECT_EQ(a.released, all.size());
}

TEST_F(RelPack, ASegmentTakesWhatFits)
{
	for (int i = 0; i < 20; i++)
		ASSERT_TRUE(a.send(0, std::string(REL_SMALL - (i & 3), (char)('a' + i))));
	rel_output(a.r, now);
	EXPECT_EQ(a.out.size(), 7u) << "three in each, two in the last";
	for (const Frame &f : a.out)
		EXPECT_LE(f.size() + REL_SEAL, REL_HEAD + 1024u);
	run(2000000);
	EXPECT_EQ(b.got[0].size(), 20u);
}

TEST_F(RelPack, ALostSegmentIsRepeatedWithAllOfIt)
{
	for (int i = 0; i < 30; i++) {
		ASSERT_TRUE(a.send(0, std::to_string(i)));
		if (i % 5 == 4)
			rel_output(a.r, now);
	}
	unsigned k = 0;
	carry(a, b, [&](const rel_head &) { return k++ != 2; });
	EXPECT_EQ(k, 6u);
	EXPECT_EQ(b.got[0].size(), 10u);
	run(5000000);
	ASSERT_EQ(b.got[0].size(), 30u);
	EXPECT_EQ(b.got[0].back(), "29");
	EXPECT_EQ(a.stats().retransmits, 1u);
	EXPECT_EQ(a.released, 30u);
}

TEST_F(RelPack, NothingIsDeliveredAfterAStop)
{
	b.stop_at = 2;
	for (int i = 0; i < 5; i++)
		ASSERT_TRUE(a.send(0, "x"));
	rel_output(a.r, now);
	carry(a, b);
	EXPECT_EQ(b.got[0].size(), 2u);
	EXPECT_FALSE(rel_broken(b.r));
}

TEST_F(RelPack, LengthsThatDoNotAddUpBreakTheConnection)
{
	using namespace std::string_literals;
	const struct {
		uint32_t messages;
		std::string data;
		size_t delivered;
		bool breaks;
	} cases[] = {
		{2, "\1\0a\2\0b"s, 1, true},    // longer than what is left
		{2, "\1\0a\0\0bbb"s, 1, true},  // empty
		{2, "\1\0a\1\0bc"s, 2, true},   // something behind the last
		{2, "\377\377abcd"s, 0, true},  // far longer
		{3, "\1\0a\4\0bcde"s, 2, true}, // fewer than it says
		{3, "\1\0a\1\0b\1\0c"s, 3, false},
	};

	for (const auto &c : cases) {
		End e;
		e.open(2, 1, now);
		Frame f = made(c.messages, c.data);
		rel_input(e.r, f.data(), (uint32_t)f.size(), now);
		EXPECT_EQ(e.got[0].size(), c.delivered);
		EXPECT_EQ(rel_broken(e.r), c.breaks) << c.messages << " " << c.delivered;
	}
}

TEST_F(RelPack, MoreMessagesThanBytesAreRefusedAtOnce)
{
	rel_head h;

	for (uint32_t n : {0u, 1u, 3u, 1000u, 0xffffffffu}) {
		Frame f = made(n, std::string("\1\0a\1\0b", 6));
		EXPECT_NE(rel_head_read(f.data(), (uint32_t)f.size(), true, &h), 0) << n;
	}
	Frame bare = made(2, std::string("\1\0a\1\0b", 6));
	bare[14] = REL_DATA | REL_PACKED;
	EXPECT_NE(rel_head_read(bare.data(), (uint32_t)bare.size(), false, &h), 0);
}

TEST_F(RelPack, LongMessagesLeaveFromWhereTheyLie)
{
	const std::string page(4160, 'p');
	End x, y;

	x.open(5, 6, now, 9000 - REL_HEAD, true, true);
	y.open(6, 5, now, 9000 - REL_HEAD, true, true);
	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(x.send(1, page));
	ASSERT_TRUE(x.send(1, "short"));
	rel_output(x.r, now);
	ASSERT_EQ(x.lent.size(), 3u);
	for (size_t i = 0; i < 3; i++) {
		EXPECT_EQ(x.lent[i].msg, &x.kept[i]);
		EXPECT_EQ(x.lent[i].data, (const uint8_t *)x.kept[i].data());
		EXPECT_EQ(x.lent[i].bytes, page.size());
		EXPECT_EQ(x.out[x.lent[i].at].size(), REL_HEAD);
	}
	x.leave();
	carry(x, y, [](const rel_head &h) { return h.seq != 0xfffffd00u; }); // its sum was right all the same
	EXPECT_TRUE(y.got[1].empty());
	for (int i = 0; i < 400; i++) {
		now += 10000;
		rel_output(x.r, now);
		x.leave(); // the repeat too
		carry(x, y);
		rel_output(y.r, now);
		carry(y, x);
	}
	EXPECT_EQ(y.got[1], (std::vector<std::string>{page, page, page, "short"}));
	EXPECT_EQ(x.released, 4u);
}

TEST_F(RelPack, AKnownSumIsTakenForWholeMessagesOnly)
{
	const std::string text(3000, 'q');
	const uint32_t sum = rel_sum((const uint8_t *)text.data(), text.size());

	for (uint32_t segment : {1024u, 9000u}) {
		End x, y;

		x.open(5, 6, now, segment);
		y.open(6, 5, now, segment);
		x.kept.push_back(text);
		ASSERT_TRUE(rel_send(x.r, 0, (const uint8_t *)x.kept[0].data(), 3000, sum, &x.kept[0]));
		rel_output(x.r, now);
		carry(x, y);
		ASSERT_EQ(y.got[0].size(), 1u) << segment;
		EXPECT_EQ(y.got[0][0], text);
	}
}
