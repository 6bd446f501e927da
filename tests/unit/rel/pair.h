// SPDX-License-Identifier: Apache-2.0
/* Two ends of a connection in one process; the test carries the frames, at times it chooses. */
#ifndef TESTS_UNIT_REL_PAIR_H
#define TESTS_UNIT_REL_PAIR_H

#include <gtest/gtest.h>

#include <algorithm>

#include <deque>
#include <functional>
#include <string>
#include <vector>

extern "C" {
#include "net/rel/priv.h"
#include "net/rel/sum.h"
}

using Frame = std::vector<uint8_t>;

struct End {
	rel *r = nullptr;
	std::deque<Frame> out; // frames of this end that nobody carried yet
	std::vector<std::string> got[REL_STREAMS];
	std::deque<std::string> kept; // messages given to rel and not released
	unsigned released = 0, full = 0;
	unsigned stop_at = 0; // deliver() stops the connection with that message
	struct Lent {         // a frame of two pieces: the second stays where it is until the frame is carried
		size_t at;    // in out
		const void *msg;
		const uint8_t *data;
		uint32_t bytes;
	};
	std::vector<Lent> lent;

	static void deliver(void *c, unsigned s, const uint8_t *b, uint32_t n)
	{
		End *e = (End *)c;

		e->got[s].emplace_back((const char *)b, n);
		e->last = b;
		if (e->stop_at && e->got[s].size() == e->stop_at)
			rel_stop(e->r);
	}
	static void release(void *c, void *)
	{
		((End *)c)->released++;
	}
	static uint8_t *frame(void *c, uint32_t n)
	{
		End *e = (End *)c;

		if (e->full)
			return nullptr;
		e->out.emplace_back(n);
		return e->out.back().data();
	}
	static uint8_t *frame_before(void *c, uint32_t n, void *msg, const uint8_t *data, uint32_t bytes)
	{
		End *e = (End *)c;

		if (e->full)
			return nullptr;
		e->lent.push_back({e->out.size(), msg, data, bytes});
		e->out.emplace_back(n);
		return e->out.back().data();
	}
	/* Frames received that stay where they are; looked_at: the one that rel_input() has, NULL: none that may. */
	const Frame *looked_at = nullptr;
	std::vector<const Frame *> held;
	const uint8_t *last = nullptr; // where the message lay that came last
	static void *keep(void *c)
	{
		End *e = (End *)c;

		if (e->looked_at)
			e->held.push_back(e->looked_at);
		return (void *)e->looked_at;
	}
	static void let_go(void *c, void *f)
	{
		auto &held = ((End *)c)->held;
		auto at = std::find(held.begin(), held.end(), (const Frame *)f);

		ASSERT_NE(at, held.end()) << "let go what was not kept";
		held.erase(at);
	}
	/* What was lent leaves now. */
	void leave()
	{
		for (const Lent &l : lent)
			out[l.at].insert(out[l.at].end(), l.data, l.data + l.bytes);
		lent.clear();
	}
	void open(uint64_t in, uint64_t to, uint64_t now, uint32_t segment = 1024, bool pack = false, bool lend = false)
	{
		rel_options o = {};

		o.pack = pack;
		o.frame_before = lend ? frame_before : nullptr;

		o.ctx = this;
		o.token_in = in;
		o.token_out = to;
		o.segment_bytes = segment;
		o.message_max = 262160;
		o.sums = true;
		o.deliver = deliver;
		o.release = release;
		o.frame = frame;
		o.keep = keep;
		o.let_go = let_go;
		ASSERT_EQ(rel_open(&r, &o, now), 0);
	}
	bool send(unsigned stream, const std::string &text)
	{
		kept.push_back(text);
		return rel_send(r, stream, (const uint8_t *)kept.back().data(), (uint32_t)kept.back().size(), 0,
				&kept.back());
	}
	const struct rel_stats &stats() const
	{
		return *::rel_stats(r);
	}
	~End()
	{
		rel_close(r);
		EXPECT_EQ(released, kept.size()) << "every message is given back once";
		EXPECT_TRUE(held.empty()) << "every frame that was kept is let go";
	}
};

struct Pair : ::testing::Test {
	uint64_t now = 1000000;
	End a, b;

	void SetUp() override
	{
		a.open(1, 2, now);
		b.open(2, 1, now);
	}
	/* Carries every frame of from that keep() wants. Returns how many there were. */
	unsigned carry(End &from, End &to, std::function<bool(const rel_head &)> keep = nullptr)
	{
		unsigned n = 0;

		for (; !from.out.empty(); from.out.pop_front(), n++) {
			rel_head h;
			Frame f = from.out.front();

			EXPECT_EQ(rel_head_read(f.data(), (uint32_t)f.size(), true, &h), 0);
			if (!keep || keep(h))
				rel_input(to.r, f.data(), (uint32_t)f.size(), now);
		}
		return n;
	}
	void tick(uint64_t ns)
	{
		now += ns;
		rel_output(a.r, now);
		rel_output(b.r, now);
	}
	/* Lets time pass, in steps, without loss. */
	void run(uint64_t ns, uint64_t step = 10000)
	{
		for (uint64_t end = now + ns; now < end;) {
			tick(step);
			carry(a, b);
			carry(b, a);
		}
	}
};

#endif
