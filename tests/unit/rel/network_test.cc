// SPDX-License-Identifier: Apache-2.0
// Two connections joined by a network of this test: it loses, repeats, delays and damages frames by a seed, in virtual
// time.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

extern "C" {
#include "net/rel/rel.h"
}

namespace
{

struct Faults {
	double loss = 0, twice = 0, late = 0, damage = 0;
	uint32_t segment = 1400;
};

struct Side;

struct Net {
	std::mt19937_64 rng;
	Faults f;
	uint64_t now = 1000000;
	bool cut[2] = {false, false}; // frames towards side 0, 1 vanish
	std::multimap<uint64_t, std::pair<int, std::vector<uint8_t>>> wire;

	bool chance(double p)
	{
		return std::uniform_real_distribution<>(0, 1)(rng) < p;
	}
	void put(int to, std::vector<uint8_t> b)
	{
		if (cut[to] || chance(f.loss))
			return;
		if (chance(f.damage))
			b[rng() % b.size()] ^= (uint8_t)(1u << rng() % 8);
		uint64_t at = now + 5000 + (chance(f.late) ? rng() % 300000 : 0);
		if (chance(f.twice))
			wire.emplace(at + rng() % 100000, std::make_pair(to, b));
		wire.emplace(at, std::make_pair(to, std::move(b)));
	}
};

struct Side {
	Net *net = nullptr;
	int self = 0;
	rel *r = nullptr;
	std::vector<uint8_t> frame; // being filled
	bool filled = false;
	uint64_t got[2] = {0, 0}, bad = 0, released = 0;
	std::vector<std::unique_ptr<std::vector<uint8_t>>> messages;

	void flush()
	{
		if (filled)
			net->put(!self, frame);
		filled = false;
	}
	void output()
	{
		rel_output(r, net->now);
		flush();
	}
};

std::vector<uint8_t> content(unsigned stream, uint64_t n)
{
	std::mt19937_64 g(n * 2 + stream);
	size_t bytes = g() % 4 ? 1 + g() % 200 : 1 + g() % 20000;
	std::vector<uint8_t> b(bytes);

	for (auto &c : b)
		c = (uint8_t)g();
	return b;
}

rel_options options(Side *s, uint32_t segment, uint64_t in, uint64_t out)
{
	rel_options o = {};

	o.ctx = s;
	o.token_in = in;
	o.token_out = out;
	o.segment_bytes = segment;
	o.message_max = 1 << 18;
	o.sums = true;
	o.deliver = [](void *ctx, unsigned stream, const uint8_t *b, uint32_t n) {
		auto me = (Side *)ctx;
		auto want = content(stream, me->got[stream]++);
		me->bad += want.size() != n || memcmp(want.data(), b, n);
	};
	o.release = [](void *ctx, void *) { ((Side *)ctx)->released++; };
	o.frame = [](void *ctx, uint32_t n) {
		auto me = (Side *)ctx;
		me->flush();
		me->frame.assign(n, 0xee);
		me->filled = true;
		return me->frame.data();
	};
	return o;
}

struct Pair {
	Net net;
	Side a, b;

	Pair(Faults f, uint64_t seed)
	{
		a.net = b.net = &net;
		b.self = 1;
		net.f = f;
		net.rng.seed(seed);
		rel_options oa = options(&a, f.segment, 11, 22), ob = options(&b, f.segment, 22, 11);
		EXPECT_EQ(rel_open(&a.r, &oa, net.now), 0);
		EXPECT_EQ(rel_open(&b.r, &ob, net.now), 0);
	}
	~Pair()
	{
		rel_close(a.r);
		rel_close(b.r);
	}
	Side &side(int i)
	{
		return i ? b : a;
	}
	// The next thing that happens: a frame arrives or a timer is due. False: nothing ever will.
	bool step()
	{
		uint64_t at = std::min(rel_deadline(a.r), rel_deadline(b.r));

		if (!net.wire.empty())
			at = std::min(at, net.wire.begin()->first);
		if (at == UINT64_MAX)
			return false;
		net.now = std::max(at, net.now + 1);
		while (!net.wire.empty() && net.wire.begin()->first <= net.now) {
			auto f = net.wire.begin()->second;
			net.wire.erase(net.wire.begin());
			std::unique_ptr<uint8_t[]> exact(
				new uint8_t[f.second.size()]); // the sanitizer sees every step beyond
			memcpy(exact.get(), f.second.data(), f.second.size());
			rel_input(side(f.first).r, exact.get(), (uint32_t)f.second.size(), net.now);
		}
		a.output();
		b.output();
		return true;
	}
	// Sends n messages on each stream each way; returns the virtual time it took, 0 if it never ended.
	uint64_t run(uint64_t n, uint64_t limit_ns)
	{
		uint64_t sent[2][2] = {}, begin = net.now;

		for (;;) {
			for (int i = 0; i < 2; i++)
				for (unsigned s = 0; s < 2; s++)
					while (sent[i][s] < n && rel_room(side(i).r, s)) {
						auto m = std::make_unique<std::vector<uint8_t>>(
							content(s, sent[i][s]++));
						EXPECT_TRUE(rel_send(side(i).r, s, m->data(), (uint32_t)m->size(), 0,
								     m.get()));
						side(i).messages.push_back(std::move(m));
					}
			a.output();
			b.output();
			bool done = a.got[0] == n && a.got[1] == n && b.got[0] == n && b.got[1] == n &&
				    a.released == 2 * n && b.released == 2 * n;
			if (done)
				return net.now - begin + 1;
			if (!step() || net.now - begin > limit_ns)
				return 0;
		}
	}
};

class RelFaults : public testing::TestWithParam<Faults>
{
};

} // namespace

TEST_P(RelFaults, EverythingArrivesOnceInOrder)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		Pair p(GetParam(), seed);

		EXPECT_NE(p.run(120, 60000000000ull), 0u) << "seed " << seed << ": " << p.a.got[0] << " " << p.b.got[1];
		EXPECT_EQ(p.a.bad + p.b.bad, 0u) << "seed " << seed;
		EXPECT_FALSE(rel_broken(p.a.r) || rel_broken(p.b.r));
		if (GetParam().loss > 0) {
			EXPECT_GT(rel_stats(p.a.r)->retransmits, 0u);
		}
		if (GetParam().damage > 0) {
			EXPECT_GT(rel_stats(p.a.r)->bad, 0u);
		}
	}
}

INSTANTIATE_TEST_SUITE_P(All, RelFaults,
			 testing::Values(Faults{}, Faults{0.01}, Faults{0.2}, Faults{0, 0.2}, Faults{0, 0, 0.3},
					 Faults{0, 0, 0, 0.1}, Faults{0.2, 0.1, 0.2, 0.05}, Faults{0.2, 0, 0, 0, 8900},
					 Faults{0.1, 0.1, 0.1, 0.01, 256}),
			 [](auto &i) { return "network" + std::to_string(i.index); });

TEST(RelNetwork, WithoutFaultsNothingIsSentTwice)
{
	Pair p(Faults{}, 1);

	EXPECT_NE(p.run(500, 60000000000ull), 0u);
	EXPECT_EQ(rel_stats(p.a.r)->retransmits, 0u);
	EXPECT_EQ(rel_stats(p.b.r)->duplicates, 0u);
	EXPECT_GT(rel_stats(p.a.r)->rtt_ns, 8000u);
	EXPECT_LT(rel_stats(p.a.r)->rtt_ns, 60000u) << "the time an acknowledgement waits is not on the network";
}

TEST(RelNetwork, AOneWayCutHealsByItself)
{
	for (int side = 0; side < 2; side++) {
		Pair p(Faults{}, 3);

		p.net.cut[side] = true;
		EXPECT_EQ(p.run(50, 300000000), 0u);
		EXPECT_GT(rel_silent_ns(p.a.r, p.net.now) + rel_silent_ns(p.b.r, p.net.now), 200000000u);
		p.net.cut[side] = false;
		for (int i = 0; i < 20000 && p.step(); i++)
			;
		EXPECT_EQ(p.a.got[0] + p.b.got[0], 100u);
		EXPECT_EQ(p.a.bad + p.b.bad, 0u);
	}
}

TEST(RelNetwork, AnIdleConnectionHasNoTimer)
{
	Pair p(Faults{}, 1);

	EXPECT_NE(p.run(10, 60000000000ull), 0u);
	for (int i = 0; i < 100 && p.step(); i++)
		;
	EXPECT_EQ(rel_deadline(p.a.r), UINT64_MAX);
	EXPECT_EQ(rel_deadline(p.b.r), UINT64_MAX);
	EXPECT_EQ(rel_silent_ns(p.a.r, p.net.now + 1000000000), 0u);
}

TEST(RelNetwork, WhatWaitsIsBounded)
{
	Pair p(Faults{}, 1);
	std::vector<uint8_t> m(100);
	unsigned n = 0;

	p.net.cut[1] = true;
	while (rel_send(p.a.r, 0, m.data(), 100, 0, nullptr) && n < 10000) {
		n++;
		p.a.output();
	}
	EXPECT_LE(n, REL_MSGS_MAX);
	EXPECT_TRUE(rel_room(p.a.r, 1)) << "the other stream is not held up";
}

TEST(RelNetwork, WhoSleepsIsKnown)
{
	Pair p(Faults{}, 1);

	rel_say_asleep(p.a.r, p.net.now);
	p.a.flush();
	p.step();
	uint32_t first = rel_peer_asleep(p.b.r);
	EXPECT_NE(first, 0u);
	EXPECT_NE(p.run(1, 1000000000), 0u);
	EXPECT_EQ(rel_peer_asleep(p.b.r), 0u);
	rel_say_asleep(p.a.r, p.net.now);
	p.a.flush();
	while (p.step())
		;
	EXPECT_NE(rel_peer_asleep(p.b.r), 0u);
	EXPECT_NE(rel_peer_asleep(p.b.r), first);
}

TEST(RelNetwork, WhoWasWokenByOtherWaysSaysAgainThatItSleeps)
{
	Pair p(Faults{}, 1);
	auto sleep = [&] {
		rel_say_asleep(p.a.r, p.net.now);
		p.a.flush();
		while (p.step())
			;
		return rel_peer_asleep(p.b.r);
	};
	const uint32_t first = sleep();

	EXPECT_NE(first, 0u);
	EXPECT_EQ(sleep(), first) << "once is enough: two that sleep would wake each other for ever";
	rel_woken(p.a.r);
	EXPECT_NE(sleep(), first) << "woken, it has to be woken anew";
}
