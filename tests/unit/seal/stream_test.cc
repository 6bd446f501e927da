// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "net/seal/half.h"
#include "net/seal/stream.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;

struct Pair {
	uint8_t k1[32], k2[32];
	seal_stream *c, *a;

	explicit Pair(seal_suite suite = SEAL_CHACHA20, uint8_t seed = 1)
	{
		memset(k1, seed, 32);
		memset(k2, seed + 100, 32);
		c = seal_stream_new(suite, true, k1, k2, 0);
		a = seal_stream_new(suite, false, k1, k2, 0);
	}
	~Pair()
	{
		seal_stream_free(c);
		seal_stream_free(a);
	}
	Pair(const Pair &) = delete;
};

Bytes seal(seal_stream *s, const std::string &text, uint64_t now = 0)
{
	Bytes out(text.size() + SEAL_RECORD_MORE);

	out.resize(seal_stream_seal(s, (const uint8_t *)text.data(), (uint32_t)text.size(), out.data(), now));
	return out;
}

std::string open(seal_stream *s, const Bytes &r, uint64_t now = 0)
{
	Bytes out(SEAL_RECORD_DATA);
	int n = seal_stream_open(s, r.data(), (uint32_t)r.size(), out.data(), now);

	return n < 0 ? "bad" : std::string(out.begin(), out.begin() + n);
}

} // namespace

TEST(SealStream, BothWays)
{
	for (seal_suite suite : {SEAL_AES256GCM, SEAL_CHACHA20}) {
		if (!aead_find(suite))
			continue;
		Pair p(suite);

		for (unsigned i = 0; i < 100; i++) {
			std::string text(1 + i * 163, (char)i);
			Bytes there = seal(p.c, text), back = seal(p.a, text);

			EXPECT_EQ(seal_stream_length(there.data(), (uint32_t)there.size()), (int)there.size());
			EXPECT_NE(there, back);
			EXPECT_EQ(open(p.a, there), text);
			EXPECT_EQ(open(p.c, back), text);
		}
		EXPECT_EQ(seal_stream_suite(p.c), suite);
	}
	EXPECT_EQ(seal_stream_new(SEAL_PLAIN, true, nullptr, nullptr, 0), nullptr);
}

/* To another process: what the other end sealed meanwhile opens there; one that was used does not go on. */
TEST(SealStream, GoesOnInAnotherProcess)
{
	for (seal_suite suite : {SEAL_AES256GCM, SEAL_CHACHA20}) {
		if (!aead_find(suite))
			continue;
		Pair p(suite), used(suite);
		seal_parcel parcel;
		seal_stream *none = nullptr;
		Bytes before = seal(p.c, "before");

		ASSERT_TRUE(seal_stream_pack(p.a, &parcel));
		ASSERT_EQ(seal_stream_unpack(&parcel, 0, &p.a), 0);
		ASSERT_NE(p.a, nullptr);
		EXPECT_EQ(open(p.a, before), "before");
		EXPECT_EQ(open(p.c, seal(p.a, "back")), "back");
		EXPECT_EQ(seal_stream_suite(p.a), suite);
		EXPECT_EQ(Bytes(sizeof(parcel)), Bytes((uint8_t *)&parcel, (uint8_t *)(&parcel + 1))) << "wiped";
		EXPECT_FALSE(seal_stream_pack(p.a, &parcel)) << "its numbers were used";
		p.a = nullptr;
		seal(used.a, "x");
		EXPECT_FALSE(seal_stream_pack(used.a, &parcel));
		used.a = nullptr;
		EXPECT_EQ(parcel.suite, SEAL_PLAIN) << "nothing of it is in there";
		EXPECT_TRUE(seal_stream_pack(nullptr, &parcel));
		EXPECT_EQ(seal_stream_unpack(&parcel, 0, &none), 0);
		EXPECT_EQ(none, nullptr);
		parcel.suite = 77;
		EXPECT_EQ(seal_stream_unpack(&parcel, 0, &none), -ENOMEM);
	}
}

TEST(SealStream, NothingOfTheTextIsSeen)
{
	Pair p;
	std::string text(1000, 'x');
	Bytes r1 = seal(p.c, text), r2 = seal(p.c, text);

	EXPECT_EQ(std::string(r1.begin(), r1.end()).find("xxxx"), std::string::npos);
	EXPECT_NE(r1, r2) << "the same twice does not look the same";
}

/*
 * An attacker with all that four senders of two sessions sealed (two records of each direction, one a last one of its
 * key) gives one receiver any three of them in any order: what it takes is what was sent to it, in order, from the
 * first on, and nothing after the first that was not.
 */
TEST(SealStream, EverySchedule)
{
	Pair one(SEAL_CHACHA20, 1), two(SEAL_CHACHA20, 2);
	seal_stream *senders[4] = {one.c, one.a, two.c, two.a};
	std::vector<Bytes> known;

	for (unsigned s = 0; s < 4; s++)
		for (unsigned k = 0; k < 3; k++) // the second ends a form of the key
			known.push_back(seal(senders[s], std::string(1, (char)('a' + 3 * s + k)),
					     k == 1   ? HALF_LIFE_NS
					     : k == 2 ? HALF_LIFE_NS + 1
						      : 0));
	unsigned whole = 0;
	for (unsigned w = 0; w < 12 * 12 * 12; w++) {
		unsigned order[3] = {w % 12, w / 12 % 12, w / 144};
		Pair fresh(SEAL_CHACHA20, 1); // its acceptor expects records 0, 1, 2
		unsigned next = 0;
		bool over = false;

		for (unsigned i : order) {
			std::string got = open(fresh.a, known[i]);
			bool due = !over && i == next && next < 3;

			ASSERT_EQ(got, due ? std::string(1, (char)('a' + i)) : "bad") << w;
			over |= !due;
			next += due;
		}
		whole += next == 3;
	}
	EXPECT_EQ(whole, 1u);
}

TEST(SealStream, EveryBitCounts)
{
	Pair p;
	Bytes r = seal(p.c, "a page of memory");

	for (size_t bit = 0; bit < r.size() * 8; bit++) {
		Pair q;
		Bytes bad = r;

		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_EQ(open(q.a, bad), "bad") << bit;
		EXPECT_EQ(open(q.a, r), "bad") << "and it is over";
	}
}

TEST(SealStream, LengthsThatCannotBe)
{
	uint8_t head[4] = {1, 0, 0, 0}, none[4] = {0}, much[4] = {1, 0x40, 0, 0}, last[4] = {0, 0x40, 0, 0x80};
	Pair p;
	Bytes r = seal(p.c, "text");
	uint8_t out[64];

	EXPECT_EQ(seal_stream_length(head, 3), 0);
	EXPECT_EQ(seal_stream_length(head, 4), (int)(1 + SEAL_RECORD_MORE));
	EXPECT_EQ(seal_stream_length(none, 4), -EPROTO);
	EXPECT_EQ(seal_stream_length(much, 4), -EPROTO);
	EXPECT_EQ(seal_stream_length(last, 4), (int)SEAL_RECORD_MAX);
	EXPECT_EQ(seal_stream_open(p.a, r.data(), (uint32_t)r.size() - 1, out, 0), -EBADMSG);
}

TEST(SealStream, TheKeyChangesWithTime)
{
	Pair p;
	uint64_t now = 0;

	for (unsigned i = 0; i < 10; i++, now += HALF_LIFE_NS / 2) {
		ASSERT_EQ(open(p.a, seal(p.c, "there", now), now), "there") << i;
		ASSERT_EQ(open(p.c, seal(p.a, "back", now), now), "back") << i;
	}
	EXPECT_GE(seal_stream_rekeys(p.c), 6u);
	EXPECT_EQ(seal_stream_rekeys(p.c), seal_stream_rekeys(p.a));
}

/* Both directions of half.h alone: a form is good for so many records, and what follows it opens nothing before it. */
TEST(SealStream, FormsOfAKey)
{
	half h = {}, next = {};
	uint8_t key[32] = {5}, out[4], back[4], tag[16];

	half_begin(&h, aead_find(SEAL_CHACHA20), key, 0);
	EXPECT_NE(memcmp(h.key, key, 32), 0) << "the handshake's key is used for nothing by itself";
	half_seal(&h, 0, nullptr, 0, (const uint8_t *)"text", 4, out, tag);
	half_next(&next, &h, 1);
	EXPECT_NE(memcmp(h.key, next.key, 32), 0);
	EXPECT_FALSE(half_open(&next, 0, nullptr, 0, out, 4, tag, back));
	EXPECT_TRUE(half_open(&h, 0, nullptr, 0, out, 4, tag, back));
	h.records = HALF_RECORDS_MAX - 2;
	EXPECT_FALSE(half_last(&h, 1));
	h.records++;
	EXPECT_TRUE(half_last(&h, 1));
	half_next(&h, &h, 1);
	EXPECT_EQ(memcmp(h.key, next.key, 32), 0) << "in place is the same";
	EXPECT_EQ(h.form, 1u);
}
