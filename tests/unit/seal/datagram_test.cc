// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <vector>

extern "C" {
#include "net/seal/datagram.h"
#include "net/seal/half.h"
#include "net/seal/stream.h"
#include "net/seal/window.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;

struct Pair {
	uint8_t k1[32], k2[32];
	seal_datagram *c, *a;

	explicit Pair(uint8_t seed = 1, seal_suite suite = SEAL_CHACHA20)
	{
		memset(k1, seed, 32);
		memset(k2, seed + 100, 32);
		c = seal_datagram_new(suite, true, k1, k2, 0);
		a = seal_datagram_new(suite, false, k1, k2, 0);
	}
	~Pair()
	{
		seal_datagram_free(c);
		seal_datagram_free(a);
	}
	Pair(const Pair &) = delete;
};

Bytes seal(seal_datagram *d, const std::string &text, uint64_t now = 0)
{
	Bytes out(text.size() + SEAL_DATAGRAM_MORE);

	out.resize(seal_datagram_seal(d, 0x1122334455667788, (const uint8_t *)text.data(), (uint32_t)text.size(),
				      out.data(), now));
	return out;
}

/* So many that its phase may end; nobody gets them. */
void enough(seal_datagram *d, uint64_t now = 0)
{
	for (unsigned i = 0; i < SEAL_PHASE_MIN; i++)
		seal(d, "", now);
}

std::string open(seal_datagram *d, const Bytes &r, uint64_t now = 0)
{
	Bytes out(r.size() + 1);
	int n = seal_datagram_open(d, r.data(), (uint32_t)r.size(), out.data(), now);

	return n == -EALREADY ? "again" : n < 0 ? "bad" : std::string(out.begin(), out.begin() + n);
}

} // namespace

TEST(SealDatagram, InAnyOrderAndOnce)
{
	for (seal_suite suite : {SEAL_AES256GCM, SEAL_CHACHA20}) {
		if (!aead_find(suite))
			continue;
		Pair p(1, suite);
		Bytes r[3] = {seal(p.c, "zero"), seal(p.c, "one"), seal(p.c, "")};

		EXPECT_EQ(open(p.a, r[2]), "");
		EXPECT_EQ(open(p.a, r[0]), "zero");
		EXPECT_EQ(open(p.a, r[0]), "again");
		EXPECT_EQ(open(p.a, r[1]), "one");
		EXPECT_EQ(open(p.a, r[2]), "again");
		EXPECT_EQ(seal_datagram_stats(p.a)->again, 2u);
		EXPECT_EQ(open(p.c, r[0]), "bad") << "reflected";
		EXPECT_EQ(seal_datagram_stats(p.c)->forged, 1u);
	}
}

/*
 * An attacker with twelve datagrams of two sessions and both directions, of two phases, gives one receiver any four of
 * them in any order. Each that was sent to it is taken once, and nothing else ever.
 */
TEST(SealDatagram, EverySchedule)
{
	Pair one(1), two(2);
	seal_datagram *senders[4] = {one.c, one.a, two.c, two.a};
	std::vector<Bytes> known;

	for (unsigned s = 0; s < 4; s++) {
		for (unsigned k = 0; k < 3; k++) { // the third is of the next phase
			if (k == 2)
				enough(senders[s]);
			known.push_back(
				seal(senders[s], std::string(1, (char)('a' + 3 * s + k)), k == 2 ? HALF_LIFE_NS : 0));
		}
		EXPECT_EQ(known.back()[15], 1) << "the phase";
	}
	for (unsigned w = 0; w < 12 * 12 * 12; w++) {
		unsigned order[3] = {w % 12, w / 12 % 12, w / 144};
		Pair fresh(1);
		std::set<unsigned> taken;

		for (unsigned i : order) {
			std::string got = open(fresh.a, known[i], HALF_LIFE_NS);

			ASSERT_EQ(got.size() == 1, i < 3 && !taken.count(i)) << w;
			if (got.size() == 1) {
				ASSERT_EQ(got[0], (char)('a' + i));
				taken.insert(i);
			}
		}
	}
}

TEST(SealDatagram, EveryBitCounts)
{
	Pair p;
	Bytes r = seal(p.c, "a page");

	for (size_t bit = 0; bit < r.size() * 8; bit++) {
		Bytes bad = r;

		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_EQ(open(p.a, bad), "bad") << bit;
	}
	for (size_t n = 0; n < r.size(); n++)
		EXPECT_EQ(open(p.a, Bytes(r.begin(), r.begin() + (long)n)), "bad") << n;
	Bytes longer = r;
	longer.push_back(0);
	EXPECT_EQ(open(p.a, longer), "bad");
	EXPECT_EQ(open(p.a, r), "a page") << "what was forged has changed nothing";
	EXPECT_EQ(seal_datagram_stats(p.a)->again, 0u);
}

TEST(SealDatagram, ARepeatHasAnotherNumber)
{
	Pair p;
	Bytes once = seal(p.c, "segment 7"), twice = seal(p.c, "segment 7");

	EXPECT_NE(memcmp(once.data() + 8, twice.data() + 8, 8), 0);
	EXPECT_EQ(open(p.a, twice), "segment 7");
	EXPECT_EQ(open(p.a, once), "segment 7") << "rel knows what it has, not this";
}

TEST(SealDatagram, OldOnesAreNotTaken)
{
	Pair p;
	Bytes first = seal(p.c, "old"), last;

	for (unsigned i = 0; i < WINDOW_BITS; i++)
		last = seal(p.c, "new");
	EXPECT_EQ(open(p.a, last), "new");
	EXPECT_EQ(open(p.a, first), "again");
}

TEST(SealDatagram, Phases)
{
	Pair p;
	uint64_t now = 0;
	Bytes early = seal(p.c, "early", now), late = seal(p.c, "late", now);

	enough(p.c, now);
	now = HALF_LIFE_NS;
	Bytes next = seal(p.c, "next", now);
	EXPECT_NE(next[15], early[15]) << "the phase is in the counter";
	EXPECT_EQ(open(p.a, next, now), "next");
	EXPECT_EQ(open(p.a, early, now + SEAL_OLD_NS), "early") << "overtaken by the change";
	EXPECT_EQ(open(p.a, late, now + SEAL_OLD_NS + 1), "bad") << "too late: that key is gone";
	for (unsigned i = 0; i < 600; i++) { // the phase's byte goes round
		enough(p.c, now);
		now += HALF_LIFE_NS;
		ASSERT_EQ(open(p.a, seal(p.c, "on", now), now), "on") << i;
	}
	EXPECT_EQ(seal_datagram_stats(p.c)->rekeys, 601u);
	EXPECT_EQ(seal_datagram_stats(p.a)->rekeys, 601u);
}

/* Two hosts with hardly anything to say, on a network that loses what they do: the session lasts. */
TEST(SealDatagram, NoPhaseIsLostWithAFewDatagrams)
{
	Pair p;
	uint64_t now = 0;

	for (unsigned i = 0; i < 10; i++)
		seal(p.c, "lost", now += HALF_LIFE_NS);
	now += HALF_LIFE_NS;
	EXPECT_EQ(open(p.a, seal(p.c, "heard", now), now), "heard");
}

/* Times of one round of a link are a little older than the key that was made in it. */
TEST(SealDatagram, ATimeBeforeTheKeyIsNoAge)
{
	uint8_t k1[32] = {1}, k2[32] = {2};
	seal_datagram *from = seal_datagram_new(SEAL_CHACHA20, true, k1, k2, 1000);

	for (unsigned i = 0; i < 2 * SEAL_PHASE_MIN; i++)
		seal(from, "text", 999);
	EXPECT_EQ(seal_datagram_stats(from)->rekeys, 0u);
	seal_datagram_free(from);
}

TEST(SealDatagram, AForgedPhaseMovesNothing)
{
	Pair p;
	Bytes r = seal(p.c, "text"), bad = r;

	bad[15] = 1;
	for (unsigned i = 0; i < 10; i++)
		EXPECT_EQ(open(p.a, bad), "bad");
	EXPECT_EQ(seal_datagram_stats(p.a)->rekeys, 0u);
	EXPECT_EQ(open(p.a, r), "text");
}

TEST(SealDatagram, AStreamOfTheSameKeysIsNoDatagram)
{
	Pair p;
	seal_stream *s = seal_stream_new(SEAL_CHACHA20, true, p.k1, p.k2, 0);
	Bytes r(4 + SEAL_RECORD_MORE), d = seal(p.c, "text");

	seal_stream_seal(s, (const uint8_t *)"text", 4, r.data(), 0);
	EXPECT_NE(memcmp(r.data() + 4, d.data() + 16, 4), 0) << "not the same key stream";
	seal_stream_free(s);
}
