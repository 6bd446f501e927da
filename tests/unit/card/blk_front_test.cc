// SPDX-License-Identifier: Apache-2.0
// Chains of a driver on one side, a back half that does what the test says on the other.
#include <gtest/gtest.h>

#include <deque>
#include <vector>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/card/blk_front.h"
}

namespace
{

struct Ended {
	uint16_t queue, head;
	uint32_t used;
	enum ring_error e;
};

struct Front : testing::Test {
	std::vector<uint8_t> memory = std::vector<uint8_t>(0x40000);
	guest_mem mem = {};
	blk_front f = {};
	std::deque<block_request *> given;
	std::vector<Ended> ended;
	unsigned failures = 0;
	bool want = true;
	uint64_t accepted = ~0ull;

	static Front *self(void *x)
	{
		return (Front *)x;
	}
	bool Inside(uint64_t gpa, size_t n) const
	{
		return gpa <= memory.size() && n <= memory.size() - gpa;
	}
	Front()
	{
		static blk_front_ops ops;

		mem.owner = this;
		mem.read = [](void *x, uint64_t gpa, void *to, size_t n) {
			if (!self(x)->Inside(gpa, n))
				return false;
			memcpy(to, &self(x)->memory[gpa], n);
			return true;
		};
		mem.write = [](void *x, uint64_t gpa, const void *from, size_t n) {
			EXPECT_TRUE(self(x)->want) << "memory that the driver has back is written";
			if (!self(x)->Inside(gpa, n))
				return false;
			memcpy(&self(x)->memory[gpa], from, n);
			return true;
		};
		ops.submit = [](void *x, uint16_t, block_request *r) { self(x)->given.push_back(r); };
		ops.complete = [](void *x, uint16_t q, uint16_t h, uint32_t used, enum ring_error e) {
			self(x)->ended.push_back({q, h, used, e});
		};
		ops.wanted = [](void *x, uint16_t) { return self(x)->want; };
		ops.failed = [](void *x, enum block_op, uint64_t, uint64_t, int) { self(x)->failures++; };
		f.ops = &ops;
		f.ctx = this;
		f.mem = &mem;
		f.disk.sectors = 1024;
		f.disk.block_bytes = 512;
		f.disk.discards = true;
		f.disk.discard_blocks = 1;
		f.disk.queues = 4;
		f.disk.queue_size = 256;
		memcpy(f.disk.id, "serial", 6);
	}
	~Front() override
	{
		while (!given.empty())
			End(-EIO);
		EXPECT_EQ(f.kept, 0u);
	}
	/* A request with its header at 0x100, data at `data` and its status at 0x200. */
	chain Chain(uint32_t type, uint64_t sector, bool write, uint32_t n, uint64_t data = 0x1000)
	{
		chain c = {};

		put_le(&memory[0x100], type, 4);
		put_le(&memory[0x108], sector, 8);
		memory[0x200] = 0xff;
		c.segment[c.segments++] = {0x100, 16};
		if (n)
			c.segment[c.segments++] = {data, n};
		c.readable = (uint16_t)(c.segments - (write && n ? 1 : 0));
		c.segment[c.segments++] = {0x200, 1};
		c.readable_bytes = 16 + (write ? 0 : n);
		c.writable_bytes = 1 + (write ? n : 0);
		return c;
	}
	/* Offers it as head h of queue q; it must be taken for later. */
	void Later(chain c, uint16_t h = 0, uint16_t q = 0)
	{
		uint32_t used = 0;
		bool later = false;

		c.head = h;
		EXPECT_EQ(blk_front_request(&f, accepted, q, &c, &used, &later), RING_GOOD);
		EXPECT_TRUE(later);
		memset(&c, 0xee, sizeof(c)); // it was ours for the call only
	}
	uint8_t Now(chain c)
	{
		uint32_t used = 0;
		bool later = false;

		EXPECT_EQ(blk_front_request(&f, accepted, 0, &c, &used, &later), RING_GOOD);
		EXPECT_FALSE(later);
		return memory[0x200];
	}
	void End(int error, size_t which = 0)
	{
		block_request *r = given.at(which);

		given.erase(given.begin() + (long)which);
		r->done(r, error);
	}
};

TEST_F(Front, AReadGoesToTheBackAndItsDataToTheDriver)
{
	uint8_t data[1024];

	memset(data, 0x77, sizeof(data));
	Later(Chain(0, 3, true, 1024), 9, 2);
	ASSERT_EQ(given.size(), 1u);
	EXPECT_EQ(given[0]->op, BLOCK_READ);
	EXPECT_EQ(given[0]->offset, 3u * 512);
	EXPECT_EQ(given[0]->bytes, 1024u);
	EXPECT_TRUE(given[0]->copy(given[0], 512, data, 512)); // in any order
	EXPECT_TRUE(given[0]->copy(given[0], 0, data, 512));
	EXPECT_EQ(memory[0x200], 0xff); // the status after the data
	End(0);
	ASSERT_EQ(ended.size(), 1u);
	EXPECT_EQ(ended[0].queue, 2);
	EXPECT_EQ(ended[0].head, 9);
	EXPECT_EQ(ended[0].used, 1025u);
	EXPECT_EQ(memory[0x200], BLK_OK);
	EXPECT_EQ(memory[0x1000], 0x77);
	EXPECT_EQ(memory[0x13ff], 0x77);
	EXPECT_EQ(f.numbers.bytes_read, 1024u);
}

TEST_F(Front, AWriteTakesItsDataWhenTheBackAsksForIt)
{
	uint8_t got[512];

	Later(Chain(1, 0, false, 512));
	memset(&memory[0x1000], 0x31, 512);
	EXPECT_TRUE(given[0]->copy(given[0], 0, got, 512));
	EXPECT_EQ(got[511], 0x31);
	EXPECT_FALSE(given[0]->stable);
	End(0);
	EXPECT_EQ(ended[0].used, 1u);
	accepted &= ~BLK_F_FLUSH;
	Later(Chain(1, 0, false, 512));
	EXPECT_TRUE(given[0]->stable); // no flush will come
}

TEST_F(Front, AnErrorIsTheGuestsAndIsTold)
{
	Later(Chain(0, 0, true, 512));
	End(-EIO);
	EXPECT_EQ(memory[0x200], BLK_IOERR);
	EXPECT_EQ(ended[0].e, RING_GOOD);
	EXPECT_EQ(ended[0].used, 0u); // no data
	EXPECT_EQ(failures, 1u);
	EXPECT_EQ(f.numbers.errors, 1u);
}

/* The head is the guest's word: two requests with the same one are two. */
TEST_F(Front, RequestsAreNotFoundByTheirHead)
{
	Later(Chain(0, 0, true, 512), 5, 0);
	Later(Chain(4, 0, false, 0), 5, 1);
	Later(Chain(0, 8, true, 512), 5, 0);
	End(0, 1);
	ASSERT_EQ(ended.size(), 1u);
	EXPECT_EQ(ended[0].queue, 1);
	End(0, 1);
	EXPECT_EQ(ended[1].queue, 0);
	EXPECT_EQ(ended[1].used, 513u);
	EXPECT_EQ(given[0]->offset, 0u);
}

/* Between the driver's reset and its end nothing of its memory is touched. */
TEST_F(Front, AfterAResetNothingIsTouched)
{
	uint8_t data[512] = {};

	Later(Chain(0, 0, true, 512));
	Later(Chain(1, 0, false, 512));
	Later(Chain(0, 0, true, 512));
	want = false;
	EXPECT_FALSE(given[0]->copy(given[0], 0, data, 512));
	EXPECT_FALSE(given[1]->copy(given[1], 0, data, 512));
	End(-ECANCELED);
	End(-ECANCELED);
	End(0);
	EXPECT_EQ(ended.size(), 3u); // all are given back, to whoever throws them away
	EXPECT_EQ(failures, 0u);
	EXPECT_EQ(f.kept, 0u);
}

TEST_F(Front, DataThatIsNotInMemoryBreaksTheQueue)
{
	uint8_t data[512] = {};

	for (uint32_t type : {0u, 1u}) {
		ended.clear();
		Later(Chain(type, 0, type == 0, 512, 0x3ff00));
		EXPECT_FALSE(given[0]->copy(given[0], 0, data, 512));
		End(-ECANCELED);
		ASSERT_EQ(ended.size(), 1u);
		EXPECT_EQ(ended[0].e, RING_NO_MEMORY);
	}
	EXPECT_EQ(failures, 0u); // the disk is not to blame
}

TEST_F(Front, RangesAreDoneOneAfterTheOther)
{
	for (unsigned i = 0; i < 3; i++) {
		put_le(&memory[0x1000 + 16 * i], 10 * i, 8);
		put_le(&memory[0x1008 + 16 * i], 2, 4);
		put_le(&memory[0x100c + 16 * i], i == 1, 4);
	}
	Later(Chain(13, 0, false, 48));
	for (unsigned i = 0; i < 3; i++) {
		ASSERT_EQ(given.size(), 1u);
		EXPECT_EQ(given[0]->op, BLOCK_ZEROES);
		EXPECT_EQ(given[0]->offset, 10 * i * 512);
		EXPECT_EQ(given[0]->bytes, 1024u);
		EXPECT_EQ(given[0]->unmap, i == 1);
		EXPECT_EQ(ended.size(), 0u);
		End(0);
	}
	EXPECT_EQ(memory[0x200], BLK_OK);
	ended.clear();
	Later(Chain(13, 0, false, 48));
	End(0);
	End(-ENOSPC); // the rest is not tried
	EXPECT_TRUE(given.empty());
	EXPECT_EQ(memory[0x200], BLK_IOERR);
	EXPECT_EQ(ended.size(), 1u);
}

TEST_F(Front, WhatTheBackIsNotAskedFor)
{
	EXPECT_EQ(Now(Chain(0, 1023, true, 1024)), BLK_IOERR); // over the end
	EXPECT_EQ(Now(Chain(0, UINT64_MAX, true, 512)), BLK_IOERR);
	EXPECT_EQ(Now(Chain(0, 0, true, 511)), BLK_IOERR);
	EXPECT_EQ(Now(Chain(99, 0, true, 512)), BLK_UNSUPP);
	EXPECT_EQ(Now(Chain(8, 0, true, 20)), BLK_OK);
	EXPECT_STREQ((const char *)&memory[0x1000], "serial");
	f.disk.read_only = true;
	EXPECT_EQ(Now(Chain(1, 0, false, 512)), BLK_IOERR);
	EXPECT_TRUE(given.empty());
	chain c = Chain(0, 0, true, 512);
	uint32_t used;
	bool later = false;

	c.segment[0].gpa = 1ull << 60;
	EXPECT_EQ(blk_front_request(&f, accepted, 0, &c, &used, &later), RING_NO_MEMORY);
}

TEST_F(Front, WhatIsKeptIsBounded)
{
	for (unsigned i = 0; i < BLK_FRONT_REQUESTS; i++) {
		ASSERT_FALSE(blk_front_full(&f));
		Later(Chain(4, 0, false, 0));
	}
	EXPECT_TRUE(blk_front_full(&f));
	End(0);
	EXPECT_FALSE(blk_front_full(&f));
}

TEST_F(Front, OneWordAQueueForAllThatHaveEnded)
{
	static std::vector<uint16_t> told;

	told.clear();
	for (uint16_t q : {3, 1, 3, 3})
		Later(Chain(4, 0, false, 0), 0, q);
	for (unsigned i = 0; i < 4; i++)
		End(0);
	blk_front_told(&f, [](void *, uint16_t q) { told.push_back(q); });
	EXPECT_EQ(told, (std::vector<uint16_t>{1, 3}));
	blk_front_told(&f, [](void *, uint16_t q) { told.push_back(q); });
	EXPECT_EQ(told.size(), 2u);
}

} // namespace
