// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/rel/pair.h"

namespace
{

Frame data_frame(uint32_t bytes)
{
	Frame f(REL_HEAD + bytes, 0x5a);
	rel_head h = {};

	h.token = 0x0123456789abcdef;
	h.bytes = (uint16_t)bytes;
	h.flags = REL_DATA | REL_STREAM | REL_FIRST | REL_LAST;
	h.seq = 7;
	h.message = bytes;
	h.ack[0] = 8;
	h.ack[1] = 9;
	h.delay = 10;
	h.credit = 11;
	h.have[23] = 0x80;
	h.data_sum = rel_sum(f.data() + REL_HEAD, bytes);
	rel_head_write(f.data(), &h, true);
	return f;
}

bool reads(const Frame &f)
{
	rel_head h;

	return rel_head_read(f.data(), (uint32_t)f.size(), true, &h) == 0;
}

} // namespace

TEST(RelWire, WhatIsWrittenIsRead)
{
	Frame f = data_frame(100);
	rel_head h;

	ASSERT_EQ(rel_head_read(f.data(), (uint32_t)f.size(), true, &h), 0);
	EXPECT_EQ(h.token, 0x0123456789abcdefu);
	EXPECT_EQ(rel_token(f.data()), h.token);
	EXPECT_EQ(h.bytes, 100);
	EXPECT_EQ(h.seq, 7u);
	EXPECT_EQ(h.ack[0], 8u);
	EXPECT_EQ(h.ack[1], 9u);
	EXPECT_EQ(h.delay, 10);
	EXPECT_EQ(h.credit, 11);
	EXPECT_EQ(h.have[23], 0x80);
}

TEST(RelWire, EveryLengthButTheRightOneIsRefused)
{
	Frame f = data_frame(100);

	for (uint32_t n = 0; n < f.size(); n++)
		EXPECT_FALSE(reads(Frame(f.begin(), f.begin() + n))) << n;
	f.push_back(0);
	EXPECT_FALSE(reads(f));
}

TEST(RelWire, EveryFlippedBitAfterTheTokenIsRefused)
{
	const Frame good = data_frame(200);

	for (size_t bit = 64; bit < good.size() * 8; bit++) {
		Frame f = good;

		f[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_FALSE(reads(f)) << "bit " << bit;
	}
}

TEST(RelWire, FlagsThatMakeNoSenseAreRefused)
{
	struct {
		uint8_t flags;
		uint16_t bytes;
		uint32_t message;
	} cases[] = {
		{0x80, 0, 0},                 // unknown
		{0, 5, 0},                    // data that no flag announces
		{REL_DATA, 0, 0},             // and the reverse
		{REL_FIRST, 0, 0},            // the first of nothing
		{REL_DATA | REL_FIRST, 5, 5}, // the message ends here, but this is not its last
		{REL_DATA | REL_FIRST | REL_LAST, 5, 6},
		{REL_DATA | REL_LAST, 5, 5}, // a total where none belongs
	};

	for (auto &c : cases) {
		Frame f(REL_HEAD + c.bytes);
		rel_head h = {};

		h.flags = c.flags;
		h.bytes = c.bytes;
		h.message = c.message;
		h.data_sum = c.bytes ? rel_sum(f.data() + REL_HEAD, c.bytes) : 0;
		rel_head_write(f.data(), &h, true);
		EXPECT_FALSE(reads(f)) << (unsigned)c.flags << " " << c.bytes << " " << c.message;
	}
}

TEST(RelWire, SumsMayBeLeftOutOnlyWhereTheyAreNotWanted)
{
	Frame f(REL_HEAD);
	rel_head h = {};

	rel_head_write(f.data(), &h, false);
	EXPECT_EQ(rel_head_read(f.data(), REL_HEAD, false, &h), 0);
	EXPECT_NE(rel_head_read(f.data(), REL_HEAD, true, &h), 0);

	Frame data = data_frame(100);
	memset(data.data() + 8, 0, 4); // the head's sum
	EXPECT_FALSE(reads(data));
	EXPECT_EQ(rel_head_read(data.data(), (uint32_t)data.size(), false, &h), 0);
}

/* CRC-32C bit by bit, as RFC 3720 defines it. */
static uint32_t slow_sum(const Frame &f, size_t n)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < n; i++) {
		crc ^= f[i];
		for (unsigned b = 0; b < 8; b++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc ? ~crc : ~0u;
}

TEST(RelSum, IsTheCrcThatTheSpecificationNames)
{
	Frame f(300);

	for (size_t i = 0; i < f.size(); i++)
		f[i] = (uint8_t)(i * 37 + (i >> 3));
	for (size_t n = 1; n <= f.size(); n++)
		EXPECT_EQ(rel_sum(f.data(), n), slow_sum(f, n)) << n;
	EXPECT_EQ(rel_sum((const uint8_t *)"123456789", 9), 0xe3069283u);        // the check value of CRC-32C
	EXPECT_EQ(rel_sum((const uint8_t *)"\xff\xff\xff\xff", 4), 0xffffffffu); // never 0
}

/* Found by the simulator with an earlier sum: a bit flipped twice 24 bytes apart went unseen. */
TEST(RelSum, NoTwoFlipsCancelOut)
{
	Frame f(192, 0x33);
	const uint32_t good = rel_sum(f.data(), f.size());

	for (size_t i = 0; i < f.size() * 8; i++) {
		f[i / 8] ^= (uint8_t)(1u << i % 8);
		for (size_t k = i + 1; k < f.size() * 8; k++) {
			f[k / 8] ^= (uint8_t)(1u << k % 8);
			if (rel_sum(f.data(), f.size()) == good)
				ADD_FAILURE() << "bits " << i << " and " << k;
			f[k / 8] ^= (uint8_t)(1u << k % 8);
		}
		f[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}
