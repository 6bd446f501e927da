// SPDX-License-Identifier: Apache-2.0
// Memory that goes while engines run: what is under way ends, nothing new begins, and nothing of it is left.
#include "cluster.h"

#include <cerrno>

namespace
{

// Four pages at each of two hosts, and four more at host 1 that may go.
void with_more(coh_config &c)
{
	c.granule_shift = 2;
	c.homes_n = 3;
	c.homes[0] = {0, 4, 0};
	c.homes[1] = {4, 4, 1};
	c.homes[2] = {8, 4, 1};
}

struct Range : testing::Test {
	Cluster c{2, 12, with_more};

	void close()
	{
		for (coh_engine *e : c.engines)
			ASSERT_EQ(0, coh_engine_range_close(e, 8, 4));
	}
	std::string quiet()
	{
		std::string s;
		for (coh_engine *e : c.engines)
			s += coh_engine_range_quiet(e, 8, 4) ? "q" : "-";
		return s;
	}
	void take()
	{
		for (coh_engine *e : c.engines)
			ASSERT_EQ(0, coh_engine_range_take(e, 8, 4));
	}
};

TEST_F(Range, WhatIsThereIsForgottenEverywhere)
{
	c.write(0, 8);
	c.write(1, 9);
	c.read(0, 9);
	c.write(0, 4); // of another range
	c.run();
	EXPECT_EQ(3u, c.stats(0).resident);
	EXPECT_EQ(2u, coh_engine_lent(c.engines[1], 0));
	EXPECT_EQ(8u, coh_engine_homed(c.engines[1]));
	close();
	EXPECT_EQ("qq", quiet());
	take();
	EXPECT_EQ(1u, c.stats(0).resident) << "page 4";
	EXPECT_EQ(1u, coh_engine_lent(c.engines[1], 0));
	EXPECT_EQ(4u, coh_engine_homed(c.engines[1]));
	EXPECT_EQ(HOST_NONE, coh_engine_home(c.engines[0], 8));
	EXPECT_EQ("--", c.rights(8));
	c.trace();
	c.write(0, 8);
	EXPECT_EQ("", c.trace()) << "no memory is there";
}

TEST_F(Range, ItMayComeAgainWithAnotherHome)
{
	c.write(0, 8);
	c.run();
	close();
	take();
	coh_home_range r = {8, 4, 0};
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_range_add(e, &r));
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_range_open(e, 8, 4));
	EXPECT_TRUE(coh_engine_untouched(c.engines[0], 8));
	c.write(1, 8);
	c.run();
	EXPECT_EQ("-W", c.rights(8));
	EXPECT_EQ(1u, coh_engine_lent(c.engines[0], 1));
}

TEST_F(Range, WhatIsUnderWayEndsFirst)
{
	c.write(1, 8);
	c.write(0, 8); // its request is on the way
	close();
	EXPECT_EQ("-q", quiet());
	EXPECT_EQ(-EBUSY, coh_engine_range_take(c.engines[0], 8, 4));
	c.deliver(0, 1);
	EXPECT_EQ("--", quiet()) << "the home waits for its end";
	c.deliver(1, 0);
	EXPECT_EQ("q-", quiet());
	EXPECT_EQ(-EBUSY, coh_engine_range_take(c.engines[1], 8, 4));
	c.deliver(0, 1);
	EXPECT_EQ("qq", quiet());
	take();
}

TEST_F(Range, NothingNewBegins)
{
	c.write(1, 8);
	close();
	c.trace();
	c.write(0, 8);
	c.read(0, 10);
	c.write(1, 11); // homed here, and nobody ever wrote it
	EXPECT_EQ("", c.trace());
	coh_msg m = {};
	m.kind = COH_MSG_EVICT;
	m.requester = 0;
	m.epoch = 3;
	m.page = 8;
	c.inject(0, 1, m);
	EXPECT_EQ("", c.trace()) << "a hint is none";
	EXPECT_EQ("qq", quiet());
	take();
}

// A host that is to be emptied has pages of it: they go with it, and not one by one.
TEST_F(Range, NothingOfItIsGivenUp)
{
	c.write(0, 8);
	c.run();
	close();
	ASSERT_EQ(-EINVAL, coh_engine_set_quota(c.engines[0], 1)); // four pages have their home here
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[0], 4));
	for (unsigned i = 0; i < 4; i++)
		c.write(0, i);
	c.trace();
	c.tick(0);
	c.run();
	EXPECT_EQ(std::string::npos, c.trace().find("p8"));
	EXPECT_EQ("W-", c.rights(8));
	take();
	EXPECT_EQ(4u, c.stats(0).resident);
}

TEST_F(Range, FetchingAheadStopsAtIt)
{
	Cluster d(2, 12, [](coh_config &x) {
		with_more(x);
		x.prefetch_max = 8;
	});
	for (page_idx p = 4; p < 12; p++)
		d.write(1, p);
	for (coh_engine *e : d.engines)
		ASSERT_EQ(0, coh_engine_range_close(e, 8, 4));
	d.trace();
	for (page_idx p = 4; p < 8; p++) {
		d.read(0, p);
		d.run();
	}
	std::string t = d.trace();
	EXPECT_NE(std::string::npos, t.find("p7"));
	for (const char *p : {"p8", "p9", "p10", "p11"})
		EXPECT_EQ(std::string::npos, t.find(p)) << p;
}

TEST_F(Range, AFaultThatWaitsForRoomIsForgotten)
{
	Cluster d(2, 140, [](coh_config &x) {
		x.granule_shift = 2;
		x.homes_n = 2;
		x.homes[0] = {0, 4, 0};
		x.homes[1] = {4, 136, 1};
		x.quota_pages = x.self ? 0 : 4;
		x.requests_max = 128;
		x.queue_max = 512;
	});
	for (page_idx p = 4; p < 4 + 4 + COH_RESERVE; p++)
		d.write(0, p);
	d.write(0, 138); // no room
	EXPECT_TRUE(coh_engine_pending(d.engines[0], 138));
	for (coh_engine *e : d.engines)
		ASSERT_EQ(0, coh_engine_range_close(e, 136, 4));
	EXPECT_FALSE(coh_engine_range_quiet(d.engines[0], 136, 4));
	d.run();
	d.tick(0);
	d.run();
	EXPECT_TRUE(coh_engine_range_quiet(d.engines[0], 136, 4));
	EXPECT_EQ("--", d.rights(138));
}

// Words that may be late by any time say nothing of memory that is gone, nor of what comes there.
TEST_F(Range, LateWordsAreNothing)
{
	close();
	take();
	coh_msg m = {};
	m.requester = 0;
	m.epoch = 3;
	m.page = 8;
	for (unsigned kind : {COH_MSG_EVICT, COH_MSG_ASK}) {
		m.kind = (uint8_t)kind;
		c.inject(0, 1, m);
	}
	m.requester = 1;
	for (unsigned kind : {COH_MSG_NACK, COH_MSG_TOLD, COH_MSG_CHASE}) {
		m.kind = (uint8_t)kind;
		c.inject(0, 1, m);
	}
	EXPECT_EQ("", c.trace());
	EXPECT_EQ(5u, c.stats(1).stale_msgs);
	m.kind = COH_MSG_REQ_READ;
	m.requester = 0;
	m.txn = 77;
	c.inject(0, 1, m);
	EXPECT_NE(std::string::npos, c.trace().find("fence h0")) << "a request can't be late";
}

TEST_F(Range, WhatCannotBe)
{
	EXPECT_EQ(-EBUSY, coh_engine_range_take(c.engines[0], 8, 4)) << "not closed";
	EXPECT_EQ(-EINVAL, coh_engine_range_close(c.engines[0], 9, 3));
	EXPECT_EQ(-EINVAL, coh_engine_range_close(c.engines[0], 8, 2));
	EXPECT_EQ(-EINVAL, coh_engine_range_close(c.engines[0], 8, 0));
	EXPECT_EQ(-EINVAL, coh_engine_range_close(c.engines[0], 8, UINT64_MAX - 3));
	EXPECT_EQ(-EINVAL, coh_engine_range_close(c.engines[0], 16, 4));
	EXPECT_EQ(-EINVAL, coh_engine_range_take(c.engines[0], 9, 3));
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_rehome_prepare(e, 8, 1, 0));
	EXPECT_EQ(-EBUSY, coh_engine_range_close(c.engines[0], 8, 4)) << "its home moves";
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_rehome_cancel(e, 8));
	close();
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(c.engines[0], 8, 1, 0)) << "and then moves no more";
	take();
	close(); // where nothing is: as if there were
	take();
}

} // namespace
