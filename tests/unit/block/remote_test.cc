// SPDX-License-Identifier: Apache-2.0
/*
 * Both halves of a disk that is on another host, with a disk in memory: its requests end in any order. The same
 * requests go to a disk at hand, and what is on both must be the same.
 */
#include <gtest/gtest.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <random>
#include <vector>

extern "C" {
#include "vmm/block/remote.h"
#include "vmm/block/serve.h"
}

namespace
{

enum : uint64_t { kBytes = 4u << 20 };

struct MemoryDisk {
	std::vector<uint8_t> bytes = std::vector<uint8_t>(kBytes);
	std::deque<block_request *> given;
	int fails = 0;

	void End(size_t i)
	{
		block_request *r = given[i];
		given.erase(given.begin() + (long)i);
		int error = fails;
		uint8_t *at = bytes.data() + r->offset;
		if (!error && block_op_has_data(r->op) && !r->copy(r, 0, at, r->bytes))
			error = -ECANCELED;
		if (!error && (r->op == BLOCK_ZEROES || r->op == BLOCK_DISCARD))
			memset(at, 0, r->bytes);
		r->done(r, error);
	}
};

struct Ask {
	block_ask a;
	std::vector<uint8_t> data;
};
struct Answer {
	block_answer a;
	std::vector<uint8_t> data;
};

struct Mine {
	block_request r = {};
	std::vector<uint8_t> data;
	int result = 1; // not ended
	bool wanted = true;
};

struct Remote : testing::Test {
	block_remote b;
	block_serve s;
	block_serve_ops ops = {};
	MemoryDisk disk;
	struct block_info info = {kBytes, false, true, 512, 512};
	std::deque<Ask> asks;
	std::deque<Answer> answers;
	uint32_t turn = 5;
	unsigned begun = 0, told = 0;
	bool no_memory = false;

	static Remote *self(void *x)
	{
		return (Remote *)x;
	}
	Remote()
	{
		ops.submit = [](void *x, block_request *r) { self(x)->disk.given.push_back(r); };
		ops.info = [](void *x) { return self(x)->info; };
		ops.answer = [](void *x, host_id to, const block_answer *a) {
			EXPECT_EQ(to, 1);
			std::vector<uint8_t> data;
			if (a->bytes)
				data.assign(a->data, a->data + a->bytes);
			self(x)->answers.push_back({*a, data});
		};
		ops.begins = [](void *x, host_id from, uint16_t queue, uint32_t t) {
			bool good = from == 1 && queue == 3 && t == self(x)->turn;
			self(x)->begun += good;
			return good;
		};
		ops.ended = [](void *x, uint16_t queue) {
			EXPECT_EQ(queue, 3);
			self(x)->begun--;
		};
		ops.failed = [](void *x, block_op, uint64_t, uint64_t, int error) {
			EXPECT_GT(0, error);
			self(x)->told++;
		};
		EXPECT_EQ(0, block_remote_init(
				     &b,
				     [](void *x, const block_ask *a) {
					     if (self(x)->no_memory) {
						     block_answer none = {};
						     none.id = a->id;
						     none.error = -ENOMEM;
						     EXPECT_EQ(0, block_remote_answer(&self(x)->b, &none));
						     return;
					     }
					     std::vector<uint8_t> data;
					     if (a->op == BLOCK_WRITE)
						     data.assign(a->data, a->data + a->bytes);
					     self(x)->asks.push_back({*a, data});
				     },
				     this));
		block_serve_init(&s, &ops, this);
	}
	~Remote() override
	{
		block_remote_free(&b);
	}
	std::unique_ptr<Mine> Make(block_op op, uint64_t offset, uint64_t bytes)
	{
		auto m = std::make_unique<Mine>();
		m->r.op = op;
		m->r.offset = offset;
		m->r.bytes = bytes;
		m->data.resize(block_op_has_data(op) ? bytes : 0);
		m->r.copy = [](block_request *r, uint64_t at, void *buf, size_t n) {
			Mine *x = (Mine *)r;
			EXPECT_LE(at + n, x->data.size());
			if (!x->wanted)
				return false;
			if (r->op == BLOCK_WRITE)
				memcpy(buf, &x->data[at], n);
			else
				memcpy(&x->data[at], buf, n);
			return true;
		};
		m->r.done = [](block_request *r, int error) {
			EXPECT_EQ(((Mine *)r)->result, 1) << "ended twice";
			((Mine *)r)->result = error;
		};
		return m;
	}
	int Asked()
	{
		Ask a = asks.front();
		asks.pop_front();
		a.a.data = a.data.data();
		return block_serve_ask(&s, 1, &a.a);
	}
	int Answered()
	{
		Answer a = answers.front();
		answers.pop_front();
		a.a.data = a.data.data();
		return block_remote_answer(&b, &a.a);
	}
	void Rest()
	{
		do {
			block_remote_turn(&b);
			while (!asks.empty())
				ASSERT_EQ(0, Asked());
			while (!disk.given.empty())
				disk.End(0);
			while (!answers.empty())
				ASSERT_EQ(0, Answered());
		} while (b.first || b.used);
		EXPECT_EQ(0u, begun);
		EXPECT_EQ(0u, s.under_way);
		EXPECT_EQ(0u, b.bytes);
	}
	void Submit(Mine *m)
	{
		block_remote_submit(&b, 3, turn, &m->r);
	}
};

TEST_F(Remote, WhatIsOnTheDiskIsTheSameAsWithTheDiskAtHand)
{
	MemoryDisk plain;
	std::mt19937 random(7);
	for (unsigned i = 0; i < 800; i++) {
		/* One after the other where they overlap: else their order is the disk's. */
		static const block_op kinds[] = {BLOCK_READ,  BLOCK_READ,  BLOCK_WRITE,
						 BLOCK_WRITE, BLOCK_FLUSH, BLOCK_ZEROES};
		block_op op = kinds[random() % 6];
		uint64_t most = random() % 20 ? 16 : 2500, bytes = 512 * (1 + random() % most);
		uint64_t offset = 512 * (random() % ((kBytes - bytes) / 512));
		auto m = Make(op, op == BLOCK_FLUSH ? 0 : offset, op == BLOCK_FLUSH ? 0 : bytes);
		for (auto &x : m->data)
			x = (uint8_t)random();
		std::vector<uint8_t> wanted;
		if (op == BLOCK_WRITE)
			memcpy(&plain.bytes[offset], m->data.data(), bytes);
		else if (op == BLOCK_ZEROES)
			memset(&plain.bytes[offset], 0, bytes);
		else if (op == BLOCK_READ)
			wanted.assign(&plain.bytes[offset], &plain.bytes[offset] + bytes);
		Submit(m.get());
		/* Its pieces in any order. */
		while (m->result == 1) {
			block_remote_turn(&b);
			if (!asks.empty() && random() % 2) {
				ASSERT_EQ(0, Asked());
			}
			if (!disk.given.empty() && random() % 2)
				disk.End(random() % disk.given.size());
			if (!answers.empty() && random() % 2) {
				ASSERT_EQ(0, Answered());
			}
		}
		ASSERT_EQ(0, m->result);
		if (op == BLOCK_READ) {
			ASSERT_EQ(wanted, m->data);
		}
	}
	EXPECT_EQ(plain.bytes, disk.bytes);
	Rest();
}

TEST_F(Remote, MoreThanMayBeUnderWayWaitsItsTurn)
{
	std::vector<std::unique_ptr<Mine>> mine;

	for (unsigned i = 0; i < 600; i++) {
		mine.push_back(Make(i % 2 ? BLOCK_READ : BLOCK_WRITE, 512 * i, 512));
		Submit(mine.back().get());
	}
	mine.push_back(Make(BLOCK_READ, 0, kBytes));
	Submit(mine.back().get());
	mine.push_back(Make(BLOCK_READ, 0, kBytes));
	Submit(mine.back().get());
	mine.push_back(Make(BLOCK_WRITE, 0, kBytes));
	Submit(mine.back().get());
	block_remote_turn(&b);
	EXPECT_EQ(asks.size(), (size_t)BLOCK_ASKS_MAX);
	Rest();
	for (auto &m : mine)
		EXPECT_EQ(0, m->result);
}

TEST_F(Remote, NoMoreBytesThanAHostMayHave)
{
	auto a = Make(BLOCK_READ, 0, kBytes), c = Make(BLOCK_READ, 0, kBytes), d = Make(BLOCK_READ, 0, kBytes);
	for (Mine *m : {a.get(), c.get(), d.get()})
		Submit(m);
	block_remote_turn(&b);
	EXPECT_EQ(asks.size() * BLOCK_ASK_BYTES, (size_t)BLOCK_ASKS_BYTES);
	Rest();
	EXPECT_EQ(0, d->result);
}

TEST_F(Remote, ErrorsComeBackAndEndOneRequest)
{
	auto a = Make(BLOCK_READ, 0, 600u << 10), c = Make(BLOCK_WRITE, 0, 512);
	disk.fails = -EIO;
	Submit(a.get());
	Rest();
	EXPECT_EQ(-EIO, a->result);
	EXPECT_EQ(3u, told); // once a piece
	disk.fails = 0;
	info.read_only = true;
	Submit(c.get());
	Rest();
	EXPECT_EQ(-EROFS, c->result);
	auto beyond = Make(BLOCK_READ, kBytes, 512);
	Submit(beyond.get());
	Rest();
	EXPECT_EQ(-EIO, beyond->result);
	EXPECT_EQ(2u, s.refused);
	EXPECT_EQ(5u, s.errors);
	EXPECT_EQ(3u, told);
	auto unwanted = Make(BLOCK_READ, 0, 512), unread = Make(BLOCK_WRITE, 0, 512);
	Submit(unwanted.get());
	Submit(unread.get());
	unwanted->wanted = unread->wanted = false;
	Rest();
	EXPECT_EQ(-ECANCELED, unwanted->result);
	EXPECT_EQ(-ECANCELED, unread->result);
}

/* The specification lets a driver discard nothing. */
TEST_F(Remote, NothingIsAskedForNoBytes)
{
	for (block_op op : {BLOCK_DISCARD, BLOCK_ZEROES}) {
		auto m = Make(op, 512, 0);
		Submit(m.get());
		block_remote_turn(&b);
		EXPECT_EQ(0, m->result);
	}
	EXPECT_TRUE(asks.empty());
	auto flush = Make(BLOCK_FLUSH, 0, 0);
	Submit(flush.get());
	block_remote_turn(&b);
	EXPECT_EQ(1u, asks.size());
	Rest();
	EXPECT_EQ(0, flush->result);
}

// The fault: the pieces that were on the disk were done, and only the rest of the request was refused.
TEST_F(Remote, WhatGoesOverTheEndOfTheDiskIsRefusedWhole)
{
	const uint64_t half = 600u << 10;
	std::fill(disk.bytes.begin(), disk.bytes.end(), (uint8_t)7);
	std::vector<uint8_t> before = disk.bytes;
	for (block_op op : {BLOCK_WRITE, BLOCK_READ, BLOCK_ZEROES, BLOCK_DISCARD}) {
		auto m = Make(op, kBytes - half, half + 512), fits = Make(BLOCK_READ, kBytes - half, half);
		Submit(m.get());
		Submit(fits.get());
		Rest();
		EXPECT_EQ(-EIO, m->result) << op;
		EXPECT_EQ(0, fits->result) << op;
		EXPECT_EQ(before, disk.bytes) << op;
	}
	auto first = Make(BLOCK_DISCARD, 0, 4096); // of several ranges, of which the last one is too far out
	first->r.reach = kBytes + 512;
	Submit(first.get());
	Rest();
	EXPECT_EQ(-EIO, first->result);
	EXPECT_EQ(before, disk.bytes);
}

TEST_F(Remote, WhatCannotBeSentFails)
{
	auto large = Make(BLOCK_READ, 0, 600u << 10), small = Make(BLOCK_WRITE, 0, 512);
	Submit(large.get());
	Submit(small.get());
	no_memory = true;
	block_remote_turn(&b);
	EXPECT_EQ(-ENOMEM, large->result);
	EXPECT_EQ(-ENOMEM, small->result);
	EXPECT_EQ(0u, b.used);
	EXPECT_EQ(0u, b.bytes);
	no_memory = false;
	auto next = Make(BLOCK_READ, 0, 512);
	Submit(next.get());
	Rest();
	EXPECT_EQ(0, next->result);
}

/* Some with pieces under way, one of which has more to give, and some that wait. */
TEST_F(Remote, AtTheEndEachRequestEndsOnce)
{
	std::vector<std::unique_ptr<Mine>> mine;

	for (uint64_t bytes : {uint64_t{512}, uint64_t{1} << 20, uint64_t{kBytes}, uint64_t{kBytes}, uint64_t{512}}) {
		mine.push_back(Make(BLOCK_READ, 0, bytes));
		Submit(mine.back().get());
	}
	block_remote_turn(&b);
	ASSERT_NE(nullptr, b.first);
	block_remote_cancel(&b);
	for (auto &m : mine)
		EXPECT_EQ(-ECANCELED, m->result);
}

TEST_F(Remote, AnswersThatNobodyAskedForAreRefused)
{
	auto m = Make(BLOCK_READ, 0, 1024);
	std::vector<uint8_t> data(1024);
	block_answer a = {};
	EXPECT_EQ(-EPROTO, block_remote_answer(&b, &a));
	Submit(m.get());
	block_remote_turn(&b);
	a.id = asks.front().a.id + 1;
	a.data = data.data();
	a.bytes = 1024;
	EXPECT_EQ(-EPROTO, block_remote_answer(&b, &a));
	a.id--;
	a.bytes = 512;
	EXPECT_EQ(-EPROTO, block_remote_answer(&b, &a));
	a.bytes = 1024;
	a.error = -EIO; // an error has no data
	EXPECT_EQ(-EPROTO, block_remote_answer(&b, &a));
	a.error = 5;
	EXPECT_EQ(-EPROTO, block_remote_answer(&b, &a));
	a.error = -5000;
	EXPECT_EQ(-EPROTO, block_remote_answer(&b, &a));
	EXPECT_EQ(1, m->result);
	a.error = 0;
	EXPECT_EQ(0, block_remote_answer(&b, &a));
	EXPECT_EQ(0, m->result);
	EXPECT_EQ(-EPROTO, block_remote_answer(&b, &a)); // twice
}

TEST_F(Remote, AsksThatCannotBeAreRefused)
{
	std::vector<uint8_t> data(BLOCK_ASK_BYTES);
	block_ask good = {};
	good.id = 1;
	good.queue = 3;
	good.turn = turn;
	good.op = BLOCK_WRITE;
	good.bytes = good.reach = 512;
	good.data = data.data();
	auto refused = [&](auto change) {
		block_ask a = good;
		change(a);
		return block_serve_ask(&s, 1, &a) == -EPROTO;
	};
	EXPECT_TRUE(refused([](block_ask &a) { a.id = 0; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.op = BLOCK_OPS; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.offset = 1; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.bytes = 513; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.bytes = 0; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.bytes = BLOCK_ASK_BYTES + 512; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.offset = UINT64_MAX - 511; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.op = BLOCK_FLUSH; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.reach = 0; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.offset = 512; })) << "it ends behind its request";
	EXPECT_TRUE(refused([](block_ask &a) { a.turn++; }));
	EXPECT_TRUE(refused([](block_ask &a) { a.queue++; }));
	EXPECT_EQ(-EPROTO, block_serve_ask(&s, 2, &good));
	EXPECT_EQ(0u, begun);
	for (unsigned i = 0; i < BLOCK_ASKS_MAX; i++)
		EXPECT_EQ(0, block_serve_ask(&s, 1, &good));
	EXPECT_EQ(-EPROTO, block_serve_ask(&s, 1, &good)); // more than a host may have
	while (!disk.given.empty())
		disk.End(0);
	good.bytes = good.reach = BLOCK_ASK_BYTES;
	for (unsigned i = 0; i < BLOCK_ASKS_BYTES / BLOCK_ASK_BYTES; i++)
		EXPECT_EQ(0, block_serve_ask(&s, 1, &good));
	EXPECT_EQ(-EPROTO, block_serve_ask(&s, 1, &good));
	while (!disk.given.empty())
		disk.End(0);
	EXPECT_EQ(0u, begun);
}

} // namespace
