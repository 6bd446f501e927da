// SPDX-License-Identifier: Apache-2.0
// What changes while engines run: memory that comes, quotas, hosts in slots that others have left.
#include "cluster.h"

#include <cerrno>

// Two hosts with four pages each; behind them there is room for eight more.
static void with_room(coh_config &c)
{
	c.granule_shift = 2;
	c.homes_n = 2;
	c.homes[0] = {0, 4, 0};
	c.homes[1] = {4, 4, 1};
}

static int add(Cluster &c, unsigned h, page_idx first, uint64_t pages, host_id home)
{
	coh_home_range r = {first, pages, home};

	return coh_engine_range_add(c.engines[h], &r);
}

TEST(Grow, MemoryThatComesIsMemory)
{
	Cluster c(2, 18, with_room);
	c.write(0, 12);
	EXPECT_EQ("", c.trace()); // not yet
	for (unsigned h = 0; h < 2; h++) {
		ASSERT_EQ(0, add(c, h, 12, 4, 0));
		ASSERT_EQ(0, add(c, h, 16, 2, 1)); // the last granule ends with the pages
	}
	c.write(0, 12);
	EXPECT_EQ("", c.trace()) << "not before all have it";
	for (unsigned h = 0; h < 2; h++) {
		ASSERT_EQ(0, coh_engine_range_open(c.engines[h], 12, 4));
		ASSERT_EQ(0, coh_engine_range_open(c.engines[h], 16, 2));
	}
	EXPECT_EQ(0u, coh_engine_home(c.engines[1], 15));
	EXPECT_EQ(1u, coh_engine_home(c.engines[0], 17));
	EXPECT_EQ(HOST_NONE, coh_engine_home(c.engines[0], 8)); // a hole is left
	EXPECT_TRUE(coh_engine_untouched(c.engines[0], 12));
	c.write(1, 12);
	c.write(0, 17);
	c.run();
	EXPECT_EQ("-W", c.rights(12));
	EXPECT_EQ("W-", c.rights(17));
	EXPECT_EQ(1u, coh_engine_lent(c.engines[0], 1));
	EXPECT_EQ(1u, coh_engine_lent(c.engines[1], 0));
	c.read(0, 12);
	c.run();
	EXPECT_EQ("rr", c.rights(12));
}

// One host has it before the other: a stream of reads that comes to its border does not ask for it.
TEST(Grow, NothingIsFetchedAheadOfWhatNotAllHave)
{
	Cluster c(2, 12, [](coh_config &x) {
		with_room(x);
		x.prefetch_max = 8;
	});
	for (page_idx p = 4; p < 8; p++)
		c.write(1, p);
	ASSERT_EQ(0, add(c, 0, 8, 4, 1));
	for (page_idx p = 4; p < 8; p++) {
		c.read(0, p);
		c.run();
	}
	EXPECT_EQ(std::string::npos, c.trace().find("fence"));
	ASSERT_EQ(0, add(c, 1, 8, 4, 1));
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_range_open(e, 8, 4));
	c.read(0, 8);
	c.run();
	EXPECT_EQ("r-", c.rights(8));
}

TEST(Grow, MemoryThatCantBe)
{
	Cluster c(2, 18, with_room);
	EXPECT_EQ(-EINVAL, add(c, 0, 9, 4, 0));          // does not begin with a granule
	EXPECT_EQ(-EINVAL, add(c, 0, 8, 3, 0));          // nor end with one
	EXPECT_EQ(-EINVAL, add(c, 0, 4, 8, 0));          // there is memory
	EXPECT_EQ(-EINVAL, add(c, 0, 8, 12, 0));         // behind the last page
	EXPECT_EQ(-EINVAL, add(c, 0, 8, UINT64_MAX, 0)); // and around
	EXPECT_EQ(-EINVAL, add(c, 0, UINT64_MAX - 3, 4, 0));
	EXPECT_EQ(-EINVAL, add(c, 0, 8, 0, 0));
	EXPECT_EQ(-EINVAL, add(c, 0, 8, 4, 2)); // no such slot
	for (page_idx p = 8; p < 18; p++)
		EXPECT_EQ(HOST_NONE, coh_engine_home(c.engines[0], p));
}

TEST(Grow, QuotaComesBeforeMemory)
{
	Cluster c(2, 18, [](coh_config &x) {
		with_room(x);
		x.quota_pages = 5;
	});
	EXPECT_EQ(-ENOSPC, add(c, 0, 8, 4, 0));
	EXPECT_EQ(0, add(c, 0, 8, 4, 1)); // elsewhere
	EXPECT_EQ(0, coh_engine_set_quota(c.engines[0], 9));
	EXPECT_EQ(0, add(c, 0, 12, 4, 0));
	EXPECT_EQ(-EINVAL, coh_engine_set_quota(c.engines[0], 7));
	EXPECT_EQ(-EINVAL, coh_engine_set_quota(c.engines[0], COH_QUOTA_NOTHING));
	EXPECT_EQ(0, coh_engine_set_quota(c.engines[0], 8));
	EXPECT_EQ(0, coh_engine_set_quota(c.engines[0], 0));
}

// A host that is home of nothing gives back all that it has.
TEST(Grow, AQuotaOfNothingEmptiesAHost)
{
	Cluster c(3, 8, [](coh_config &x) {
		with_room(x);
		x.hosts = 3;
	});
	for (page_idx p = 0; p < 8; p++)
		p % 2 ? c.write(2, p) : c.read(2, p);
	c.run();
	EXPECT_EQ(8u, c.stats(2).resident);
	EXPECT_EQ(2u, coh_engine_lent(c.engines[0], 2));
	EXPECT_EQ(-EBUSY, coh_engine_host_gone(c.engines[0], 2));
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[2], COH_QUOTA_NOTHING));
	for (unsigned i = 0; i < 100 && c.stats(2).resident; i++) {
		c.tick(2);
		c.run();
	}
	EXPECT_EQ(0u, c.stats(2).resident);
	EXPECT_EQ(0u, c.stats(2).owned);
	EXPECT_EQ(0u, coh_engine_lent(c.engines[0], 2));
	EXPECT_EQ(0u, coh_engine_lent(c.engines[1], 2));
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[2], 0));
	c.write(2, 0);
	c.run();
	EXPECT_EQ("--W", c.rights(0));
}

// Copies are dropped without a word, so the directory may still name who has left: nobody waits for it.
TEST(Grow, AHostThatLeftIsNotAsked)
{
	Cluster c(3, 8, [](coh_config &x) {
		with_room(x);
		x.hosts = 3;
	});
	c.write(1, 0);
	c.run();
	c.read(2, 0);
	c.run();
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[2], COH_QUOTA_NOTHING));
	c.tick(2); // both chances
	EXPECT_EQ("-r-", c.rights(0));
	for (unsigned h = 0; h < 2; h++)
		ASSERT_EQ(0, coh_engine_host_gone(c.engines[h], 2));
	c.trace();
	c.write(0, 0);
	c.run();
	EXPECT_EQ("W--", c.rights(0));
	EXPECT_EQ(std::string::npos, c.trace().find("h2"));
	coh_msg m = {};
	m.kind = COH_MSG_REQ_READ;
	m.requester = 2;
	m.epoch = 3;
	m.txn = 99;
	c.inject(2, 0, m);
	EXPECT_EQ("", c.trace());
	EXPECT_EQ(1u, c.stats(0).bad_msgs);
}

/* Directories still list the one before it; but nobody has a session with it yet, or some have and some have not. */
TEST(Grow, AHostThatIsExpectedIsNotAskedYet)
{
	Cluster c(3, 8, [](coh_config &x) {
		with_room(x);
		x.hosts = 3;
	});
	c.write(1, 0);
	c.run();
	c.read(2, 0);
	c.run();
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[2], COH_QUOTA_NOTHING));
	c.tick(2); // both chances
	for (unsigned h = 0; h < 2; h++) {
		ASSERT_EQ(0, coh_engine_host_gone(c.engines[h], 2));
		ASSERT_EQ(0, coh_engine_host_new(c.engines[h], 2));
	}
	c.trace();
	c.write(0, 0);
	c.run();
	EXPECT_EQ("W--", c.rights(0));
	EXPECT_EQ(std::string::npos, c.trace().find("h2"));
	for (unsigned h = 0; h < 2; h++)
		coh_engine_host_joined(c.engines[h], 2);
	c.read(2, 0);
	c.run();
	c.write(1, 0);
	c.run();
	EXPECT_EQ("-W-", c.rights(0)) << "as any host";
}

TEST(Grow, TheNextHostOfASlotBeginsAnew)
{
	Cluster c(3, 8, [](coh_config &x) {
		with_room(x);
		x.hosts = 3;
	});
	coh_msg m = {};
	m.kind = COH_MSG_REQ_READ;
	m.requester = 2;
	m.epoch = 3;
	m.txn = 1000;
	c.inject(2, 0, m);
	EXPECT_EQ(-EBUSY, coh_engine_host_new(c.engines[0], 2)); // its request is open
	m.kind = COH_MSG_DONE;
	c.inject(2, 0, m);
	ASSERT_EQ(0, coh_engine_host_gone(c.engines[0], 2));
	ASSERT_EQ(0, coh_engine_host_new(c.engines[0], 2));
	coh_engine_host_joined(c.engines[0], 2);
	c.trace();
	c.lose(0, 2);  // the answer to the first one
	c.write(2, 0); // number 1 of a new host
	c.run();
	EXPECT_EQ("--W", c.rights(0));
	EXPECT_EQ(-EINVAL, coh_engine_host_new(c.engines[0], 0));
	EXPECT_EQ(-EINVAL, coh_engine_host_gone(c.engines[0], 3));
}
