// SPDX-License-Identifier: Apache-2.0
// A back end of memory, which does nothing by itself: the test says which piece ends, when, and how.
#ifndef TESTS_UNIT_BLOCK_FAKE_H
#define TESTS_UNIT_BLOCK_FAKE_H

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <functional>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/block/block_priv.h"
}

/* A request of a test, with its data. */
struct Request : block_request {
	std::vector<uint8_t> data;
	unsigned ended = 0;
	int result = 1;
	bool unwanted = false;
	std::function<void()> then;

	Request(block_op o, uint64_t at, uint64_t n, uint8_t fill = 0) : block_request(), data(n, fill)
	{
		op = o;
		offset = at;
		bytes = o == BLOCK_FLUSH ? 0 : n;
		copy = [](block_request *r, uint64_t from, void *buf, size_t len) {
			Request *q = (Request *)r;

			EXPECT_LE(from + len, q->data.size());
			if (q->unwanted)
				return false;
			if (r->op == BLOCK_READ)
				memcpy(q->data.data() + from, buf, len);
			else
				memcpy(buf, q->data.data() + from, len);
			return true;
		};
		done = [](block_request *r, int e) {
			Request *q = (Request *)r;

			q->ended++;
			q->result = e;
			if (q->then)
				q->then();
		};
	}
};

/* Runs the loop until r has ended, for so many seconds at most, and says with what. */
inline int wait_for(struct loop *l, Request &r, unsigned seconds)
{
	uint64_t end = now_ns() + seconds * 1000000000ull;

	while (!r.ended && now_ns() < end)
		EXPECT_GE(loop_run(l, end), 0);
	EXPECT_EQ(r.ended, 1u);
	return r.result;
}

struct Fake {
	loop *l = nullptr;
	block *b = nullptr;
	struct block_info info = {};
	std::vector<uint8_t> disk;
	std::deque<block_piece *> held;
	size_t most = 0; // bytes in buffers at once
	unsigned resized = 0;
	int start_error = 0;

	static Fake *of(block *b)
	{
		return (Fake *)b->back;
	}
	explicit Fake(size_t bytes = 4 << 20, bool start = true) : disk(bytes)
	{
		loop_options o = {"poll", 0};

		info.bytes = bytes;
		info.block_bytes = info.discard_bytes = 512;
		EXPECT_EQ(loop_create(&l, &o), 0);
		if (start)
			begin();
	}
	void begin()
	{
		make();
		start();
	}
	void make()
	{
		static block_ops ops;

		ops.kind = "fake";
		ops.start = [](block *b) { return of(b)->start_error; };
		ops.give = [](block *b, block_piece *p) { of(b)->take(p); };
		ops.push = [](block *) { return 0; };
		ops.size = [](block *b, uint64_t *n) {
			*n = of(b)->disk.size();
			return 0;
		};
		ops.wait = [](block *b) {
			ASSERT_FALSE(of(b)->held.empty()) << "nothing to wait for";
			of(b)->finish(0);
		};
		ops.close = [](block *) {};
		b = block_make(&ops, this, "fake", &info);
		ASSERT_NE(b, nullptr);
	}
	void start()
	{
		block_events ev = {};

		ev.resized = [](void *c) { ((Fake *)c)->resized++; };
		ev.ctx = this;
		ASSERT_EQ(block_start(b, l, &ev), start_error);
	}
	~Fake()
	{
		if (b)
			block_close(b);
		loop_destroy(l);
	}
	void take(block_piece *p)
	{
		size_t n = 0;

		held.push_back(p);
		for (block_piece *x : held)
			n += x->buffer ? (x->bytes <= BOUNCE_SMALL_BYTES ? BOUNCE_SMALL_BYTES : BOUNCE_LARGE_BYTES) : 0;
		most = n > most ? n : most;
	}
	/* One round without waiting. */
	void round()
	{
		EXPECT_GE(loop_run(l, 0), 0);
	}
	void submit(Request &r)
	{
		block_submit(b, &r);
		round();
	}
	/* Ends a held piece: all of it, or a part, or with an error. */
	void finish(size_t which, int64_t res = INT64_MAX)
	{
		block_piece *p = held.at(which);
		int64_t n = res > (int64_t)p->bytes ? (int64_t)p->bytes : res;

		held.erase(held.begin() + (long)which);
		if (n > 0 && p->op == BLOCK_READ) {
			uint64_t there = p->offset < disk.size() ? disk.size() - p->offset : 0;

			n = n > (int64_t)there ? (int64_t)there : n;
			memcpy(p->buf, disk.data() + p->offset, (size_t)n);
		} else if (n > 0 && p->op == BLOCK_WRITE) {
			if (p->offset + (uint64_t)n > disk.size())
				disk.resize(p->offset + (uint64_t)n);
			memcpy(disk.data() + p->offset, p->buf, (size_t)n);
		} else if (n > 0 && p->op == BLOCK_ZEROES) {
			memset(disk.data() + p->offset, 0, (size_t)n);
		}
		block_piece_done(b, p, n);
	}
	/* Ends all, those that come after them too; which: of how many held ones is the next. */
	void drain(const std::function<size_t(size_t)> &which = [](size_t) { return (size_t)0; })
	{
		round();
		while (!held.empty()) {
			finish(which(held.size()));
			round();
		}
	}
	struct block_stats stats()
	{
		return block_stats(b);
	}
};

#endif
