// SPDX-License-Identifier: Apache-2.0
// Frames of two sealed dpdk peers without ports: what one has made, and what somebody makes of it on the way.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "net/link_dpdk.h"
#include "net/now.h"
#include "net/seal/datagram.h"
#include "net/seal/half.h"
#include "net/seal/stream.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;
constexpr uint64_t TOKEN = 0x1122334455667788;

struct End {
	dpdk_link d = {};
	link_peer_stats stats = {};
	link_peer p = {};
	dpdk_peer dp = {};

	explicit End(bool connector, uint8_t seed = 1)
	{
		uint8_t k1[AEAD_KEY_BYTES], k2[AEAD_KEY_BYTES];
		memset(k1, seed, sizeof(k1));
		memset(k2, seed + 100, sizeof(k2));
		p.stats = &stats;
		dp.p = &p;
		dp.d = &d;
		EXPECT_EQ(link_seal_new(&p, seal_stream_new(SEAL_CHACHA20, connector, k1, k2, 0)), 0);
		EXPECT_EQ(dpdk_seal_new(&dp), 0);
	}
	~End()
	{
		dpdk_seal_free(&dp);
		link_seal_free(&p);
	}
	End(const End &) = delete;

	/* A frame as rel fills one: the token, then text. */
	Bytes make(const std::string &text)
	{
		Bytes frame(8 + text.size() + REL_SEAL);
		const uint64_t token = TOKEN;
		uint8_t *at = dpdk_seal_room(&dp, frame.data(), (uint32_t)(8 + text.size()));

		memcpy(at, &token, 8);
		memcpy(at + 8, text.data(), text.size());
		dpdk_seal_close(&dp);
		dpdk_seal_close(&dp); // nothing more to be done
		return frame;
	}
	std::string take(Bytes frame) // "": it was dropped
	{
		frame.reserve(1); // one of no bytes lies somewhere too
		const uint8_t *bytes = frame.data();
		int n = dpdk_seal_open(&dp, &bytes, (uint32_t)frame.size());

		if (n < 0)
			return "";
		EXPECT_EQ(rel_token(bytes), TOKEN);
		return std::string((const char *)bytes + 8, (size_t)n - 8);
	}
};

} // namespace

TEST(DpdkSeal, ArrivesInAnyOrderOnceAndNobodyReadsIt)
{
	End a(true), b(false);
	Bytes one = a.make("a page of the guest"), two = a.make("a page of the guest"), back = b.make("another");

	EXPECT_EQ(rel_token(one.data()), TOKEN) << "who receives finds the peer by it";
	EXPECT_EQ(std::string(one.begin(), one.end()).find("guest"), std::string::npos);
	EXPECT_NE(one, two) << "a frame that is sent again is sealed again";
	EXPECT_EQ(b.take(two), "a page of the guest");
	EXPECT_EQ(b.take(one), "a page of the guest");
	EXPECT_EQ(a.take(back), "another");
	EXPECT_EQ(b.take(one), "") << "played again";
	EXPECT_EQ(dpdk_seal_again(&b.dp), 1u);
	EXPECT_EQ(b.stats.bad_tags, 0u);
	EXPECT_EQ(a.take(two), "") << "sent back to where it came from";
	EXPECT_EQ(a.stats.bad_tags, 1u);
}

/* Any bit: the frame is dropped and counted, and the next one is taken all the same. */
TEST(DpdkSeal, OneThatIsAlteredIsDroppedAndCounted)
{
	End a(true), b(false);
	uint64_t dropped = 0;

	for (size_t bit = 0; bit < 8 * a.make("text").size(); bit++) {
		Bytes frame = a.make("text");

		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_EQ(b.take(frame), "") << bit;
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_EQ(b.take(frame), "text") << bit;
		dropped++;
	}
	for (size_t n = 0; n < a.make("text").size(); n++) {
		Bytes frame = a.make("text");

		frame.resize(n);
		EXPECT_EQ(b.take(frame), "") << n;
		dropped++;
	}
	/* A counter that was altered into one that had come is told before its tag is looked at. */
	EXPECT_EQ(b.stats.bad_tags + dpdk_seal_again(&b.dp), dropped);
	EXPECT_GT(b.stats.bad_tags, dropped / 2);
	EXPECT_EQ(b.p.down_reason, nullptr) << "a cable may damage frames too";
}

TEST(DpdkSeal, OfAnotherSessionIsNone)
{
	End a(true), other(false, 2);

	EXPECT_EQ(other.take(a.make("text")), "");
	EXPECT_EQ(other.stats.bad_tags, 1u);
}

/* Its stream counts there too. */
TEST(DpdkSeal, WhatWasCountedBeforeStays)
{
	End a(true), b(false);
	Bytes bad = a.make("text");

	b.stats.bad_tags = 1;
	bad.back() ^= 1;
	EXPECT_EQ(b.take(bad), "");
	EXPECT_EQ(b.take(a.make("text")), "text");
	EXPECT_EQ(b.stats.bad_tags, 2u);
}

/* A key grows old under way: what was sealed before and comes after is opened for a while, and then no more. */
TEST(DpdkSeal, KeysChangeUnderWay)
{
	End a(true), b(false);
	Bytes early = a.make("early"), late = a.make("late");

	for (unsigned i = 0; i < SEAL_PHASE_MIN; i++)
		a.make("");
	a.d.now_ns = b.d.now_ns = now_ns() + HALF_LIFE_NS;
	Bytes next = a.make("next");
	EXPECT_NE(next[15], early[15]) << "the phase";
	EXPECT_EQ(b.take(next), "next");
	EXPECT_EQ(b.take(early), "early");
	b.d.now_ns += SEAL_OLD_NS + 1;
	EXPECT_EQ(b.take(late), "");
	EXPECT_EQ(b.stats.bad_tags, 1u);
	EXPECT_EQ(b.take(a.make("on")), "on");
}
