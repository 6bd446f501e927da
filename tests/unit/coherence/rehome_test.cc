// SPDX-License-Identifier: Apache-2.0
// Homes that move, step by step, with everything that can be late.
#include "cluster.h"

#include <cerrno>

using Bytes = std::vector<uint8_t>;

// One granule of four pages at host 0, one at host 1.
static void granules(coh_config &c)
{
	c.granule_shift = 2;
	c.homes_n = 2;
	c.homes[0] = {0, 4, 0};
	c.homes[1] = {4, 4, 1};
}

static void prepare(Cluster &c, host_id from, host_id to, page_idx first = 0)
{
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_rehome_prepare(e, first, from, to));
}

static Bytes ship(Cluster &c, unsigned h, page_idx first = 0)
{
	Bytes b(COH_REHOME_BYTES(2));
	int n = coh_engine_rehome_ship(c.engines[h], first, b.data(), b.size());

	EXPECT_GE(n, 0);
	b.resize(n < 0 ? 0 : (size_t)n);
	return b;
}

static const char *adopt(Cluster &c, unsigned h, host_id from, const Bytes &b, page_idx first = 0)
{
	return coh_engine_rehome_adopt(c.engines[h], from, first, b.data(), b.size());
}

static void commit(Cluster &c, host_id to, page_idx first = 0)
{
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_rehome_commit(e, first, to));
}

static void finish(Cluster &c, page_idx first = 0)
{
	for (coh_engine *e : c.engines)
		ASSERT_EQ(0, coh_engine_rehome_finish(e, first));
}

static Bytes freeze_and_ship(Cluster &c, host_id from, host_id to)
{
	prepare(c, from, to);
	EXPECT_EQ(0, coh_engine_rehome_freeze(c.engines[from], 0));
	return ship(c, from);
}

static void move(Cluster &c, host_id from, host_id to)
{
	Bytes b = freeze_and_ship(c, from, to);

	ASSERT_EQ(nullptr, adopt(c, to, from, b));
	commit(c, to);
	finish(c);
}

TEST(Rehome, TheNewHomeKnowsWhatTheOldOneKnew)
{
	Cluster c(3, 8, granules);
	c.write(0, 0); // owned at home
	c.write(2, 1); // owned elsewhere, shared
	c.run();
	c.read(0, 1);
	c.read(1, 1);
	c.write(1, 2); // owned by the next home
	c.run();
	c.trace();
	move(c, 0, 1);
	EXPECT_EQ("", c.trace());
	for (coh_engine *e : c.engines)
		EXPECT_EQ(1u, coh_engine_home(e, 3));
	EXPECT_EQ(0u, coh_engine_owner(c.engines[1], 0));
	EXPECT_EQ(2u, coh_engine_owner(c.engines[1], 1));
	EXPECT_EQ(1u, coh_engine_owner(c.engines[1], 2));
	EXPECT_TRUE(coh_engine_untouched(c.engines[1], 3));
	EXPECT_FALSE(coh_engine_untouched(c.engines[0], 3));
	EXPECT_EQ(1u, coh_engine_lent(c.engines[1], 0));
	EXPECT_EQ(1u, coh_engine_lent(c.engines[1], 2));
	EXPECT_EQ(8u, coh_engine_homed(c.engines[1]));
	EXPECT_EQ(0u, coh_engine_homed(c.engines[0]));
	c.write(0, 1);
	c.run();
	EXPECT_EQ("h0 -> h1 REQ_UPGRADE p1\n"
		  "h1 -> h2 INV p1 for h0\n"
		  "h1 -> h0 GRANT p1 rw acks 2\n"
		  "h1 drop p1\n"
		  "h1 -> h0 ACK p1\n"
		  "h2 drop p1\n"
		  "h2 -> h0 ACK p1\n"
		  "h0 unprotect p1\n"
		  "h0 -> h1 DONE p1\n",
		  c.trace());
	c.write(1, 3);
	EXPECT_EQ("h1 zero p3 rw\n", c.trace());
}

TEST(Rehome, ThereAndBack)
{
	Cluster c(3, 8, granules);
	for (page_idx p = 0; p < 3; p++)
		c.write((unsigned)p, p);
	c.run();
	move(c, 0, 2);
	move(c, 2, 1);
	move(c, 1, 0);
	c.trace();
	for (unsigned p = 0; p < 3; p++) {
		EXPECT_EQ(p, (unsigned)coh_engine_owner(c.engines[0], p));
		c.read((p + 1) % 3, p);
	}
	c.run();
	EXPECT_EQ("rr-", c.rights(0));
	EXPECT_EQ("-rr", c.rights(1));
	EXPECT_EQ("r-r", c.rights(2));
}

TEST(Rehome, ARunningTransactionEndsFirst)
{
	Cluster c(3, 8, granules);
	c.write(1, 0);
	c.deliver(1, 0);
	prepare(c, 0, 1);
	ASSERT_EQ(0, coh_engine_rehome_freeze(c.engines[0], 0));
	uint8_t b[COH_REHOME_BYTES(2)];
	EXPECT_EQ(-EAGAIN, coh_engine_rehome_ship(c.engines[0], 0, b, sizeof(b)));
	c.run();
	EXPECT_EQ("W", c.rights(0).substr(1, 1));
	EXPECT_LT(0, coh_engine_rehome_ship(c.engines[0], 0, b, sizeof(b)));
}

// What waits for its turn, and what comes, is refused; asked again it finds the new home.
TEST(Rehome, FrozenPagesRefuse)
{
	Cluster c(3, 8, granules);
	c.write(1, 0);
	c.deliver(1, 0);
	c.write(2, 0);
	c.deliver(2, 0); // behind it
	prepare(c, 0, 1);
	ASSERT_EQ(0, coh_engine_rehome_freeze(c.engines[0], 0));
	c.trace();
	c.run();
	EXPECT_EQ("h1 zero p0 rw\n"
		  "h1 -> h0 DONE p0\n"
		  "h0 -> h2 NACK p0\n",
		  c.trace());
	c.read(0, 3); // no zeroes on the spot
	EXPECT_EQ("", c.trace());
	EXPECT_EQ(2u, c.stats(0).refused_moving);
	ASSERT_EQ(nullptr, adopt(c, 1, 0, ship(c, 0)));
	commit(c, 1);
	c.tick(2); // at once
	c.tick(0);
	c.run();
	EXPECT_EQ("--W", c.rights(0));
	EXPECT_EQ("r--", c.rights(3));
	finish(c);
}

// A request on its way to the former home is refused by it, at any time.
TEST(Rehome, ALateRequestIsRefused)
{
	Cluster c(3, 8, granules);
	c.write(0, 0);
	c.write(2, 0);
	c.trace();
	move(c, 0, 1);
	c.deliver(2, 0);
	EXPECT_EQ("h0 -> h2 NACK p0\n", c.trace());
	c.deliver(0, 2);
	c.tick(2);
	c.run();
	EXPECT_EQ("--W", c.rights(0));
}

// It came after the home was back where it had been sent: served, and its end goes there too.
TEST(Rehome, ALateRequestFindsTheHomeBack)
{
	Cluster c(3, 8, granules);
	c.write(0, 0);
	c.write(2, 0);
	move(c, 0, 1);
	Bytes b = freeze_and_ship(c, 1, 0);
	ASSERT_EQ(nullptr, adopt(c, 0, 1, b));
	c.trace();
	c.deliver(2, 0); // host 2 has not committed yet
	c.run();
	EXPECT_NE(std::string::npos, c.trace().find("h2 -> h0 DONE p0"));
	EXPECT_EQ("--W", c.rights(0));
	commit(c, 0);
	finish(c);
}

TEST(Rehome, TheNextHomeRefusesUntilItHasTheDirectory)
{
	Cluster c(3, 8, granules);
	Bytes b = freeze_and_ship(c, 0, 1);
	c.write(0, 0); // already asks the next home
	c.run();
	EXPECT_EQ("h0 -> h1 REQ_WRITE p0\nh1 -> h0 NACK p0\n", c.trace());
	ASSERT_EQ(nullptr, adopt(c, 1, 0, b));
	c.tick(0);
	c.run();
	EXPECT_EQ("W--", c.rights(0));
	// Host 2 has not heard of it yet: an order of either end is right.
	c.write(2, 1);
	c.run();
	EXPECT_NE(std::string::npos, c.trace().find("h0 -> h2 NACK p1"));
	commit(c, 1);
	c.tick(2);
	c.run();
	EXPECT_EQ("--W", c.rights(1));
}

TEST(Rehome, HintsToAFormerHomeAreIgnored)
{
	Cluster c(3, 8, granules);
	c.write(2, 0);
	c.run();
	coh_msg m = {};
	m.kind = COH_MSG_EVICT;
	m.requester = 2;
	m.epoch = 3;
	move(c, 0, 1);
	c.trace();
	c.inject(2, 0, m);
	EXPECT_EQ("", c.trace());
	c.inject(2, 1, m);
	c.run();
	EXPECT_EQ("-W-", c.rights(0));
}

// The answer to a question goes the way of what was asked about.
TEST(Rehome, AskingFollowsTheRequest)
{
	Cluster c(3, 8, [](coh_config &x) {
		granules(x);
		x.ask_ns = 1000000;
		x.ask_max = 10;
	});
	c.write(0, 0);
	c.write(2, 0); // to host 0, slowly
	move(c, 0, 1);
	c.trace();
	c.tick(2);
	c.tick(2);
	EXPECT_EQ("h2 -> h0 ASK p0\n", c.trace());
	c.run();
	EXPECT_EQ(std::string::npos, c.trace().find("lost"));
	EXPECT_EQ(0u, c.stats(2).waits_lost);
	c.tick(2);
	c.run();
	EXPECT_EQ("--W", c.rights(0));
}

// Zeroes with read copies: the next home that has one becomes an owner like any other.
TEST(Rehome, ZeroesThatAreRead)
{
	Cluster c(3, 8, granules);
	c.read(1, 0);
	c.read(2, 0);
	c.read(2, 1);
	c.run();
	move(c, 0, 1);
	EXPECT_EQ(1u, coh_engine_owner(c.engines[1], 0));
	EXPECT_TRUE(coh_engine_untouched(c.engines[1], 1));
	c.write(0, 0);
	c.write(0, 1);
	c.run();
	EXPECT_EQ("W--", c.rights(0));
	EXPECT_EQ("W--", c.rights(1));
}

TEST(Rehome, WhatIsOwnedAtHomeIsKeptAndElsewhereGoes)
{
	Cluster c(2, 8, granules);
	for (page_idx p = 0; p < 4; p++)
		c.write(0, p);
	move(c, 0, 1);
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[0], COH_QUOTA_NOTHING));
	for (unsigned i = 0; i < 100 && c.stats(0).resident; i++) {
		c.tick(0);
		c.run();
	}
	EXPECT_EQ(0u, c.stats(0).resident);
	EXPECT_EQ(4u, c.stats(1).owned);
	EXPECT_EQ(0u, coh_engine_lent(c.engines[1], 0));
	EXPECT_EQ(0, coh_engine_host_gone(c.engines[1], 0));
}

// Host 2 has left with a copy on its name, and host 3 came later, which never knew it: nobody is to be asked there.
static void becomes_home_after_host_2(bool told_who_is_gone)
{
	Cluster c(4, 8, granules);
	c.write(1, 0);
	c.run();
	c.read(2, 0);
	c.run();
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[2], COH_QUOTA_NOTHING));
	c.tick(2); // both chances
	for (unsigned h : {0u, 1u})
		ASSERT_EQ(0, coh_engine_host_gone(c.engines[h], 2));
	if (told_who_is_gone) {
		ASSERT_EQ(0, coh_engine_host_gone(c.engines[3], 2));
	}
	for (unsigned h : {0u, 1u, 3u})
		ASSERT_EQ(0, coh_engine_rehome_prepare(c.engines[h], 0, 0, 3));
	ASSERT_EQ(0, coh_engine_rehome_freeze(c.engines[0], 0));
	ASSERT_EQ(nullptr, adopt(c, 3, 0, ship(c, 0)));
	for (unsigned h : {0u, 1u, 3u})
		ASSERT_EQ(0, coh_engine_rehome_commit(c.engines[h], 0, 3));
	for (unsigned h : {0u, 1u, 3u})
		ASSERT_EQ(0, coh_engine_rehome_finish(c.engines[h], 0));
	c.trace();
	c.write(0, 0);
	c.run();
	EXPECT_EQ("W---", c.rights(0));
	EXPECT_EQ(std::string::npos, c.trace().find("h2"));
}

TEST(Rehome, WhoIsGoneIsNotPassedOn)
{
	becomes_home_after_host_2(false);
	becomes_home_after_host_2(true);
}

// Whoever sends it: what a directory says of one that is gone is nothing to the next home that knows.
TEST(Rehome, AnEntryOfWhoIsGoneIsLeftOut)
{
	Cluster c(4, 8, granules);
	ASSERT_EQ(0, coh_engine_host_gone(c.engines[3], 2));
	for (unsigned h : {0u, 1u, 3u})
		ASSERT_EQ(0, coh_engine_rehome_prepare(c.engines[h], 0, 0, 3));
	Bytes b{4, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0}; // four pages of host 0, with copies on host 2
	ASSERT_EQ(nullptr, adopt(c, 3, 0, b));
	ASSERT_EQ(0, coh_engine_host_new(c.engines[3], 2)); // who comes into the place has no copy
	coh_engine_host_joined(c.engines[3], 2);
	coh_msg m = {};
	m.kind = COH_MSG_REQ_WRITE;
	m.requester = 1;
	m.epoch = 3;
	m.txn = 1;
	c.trace();
	c.inject(1, 3, m);
	EXPECT_EQ("h3 -> h0 FWD_WRITE p0 for h1\n", c.trace());
}

TEST(Rehome, CalledOff)
{
	Cluster c(3, 8, [](coh_config &x) {
		granules(x);
		x.quota_pages = 6;
	});
	for (unsigned h : {0u, 2u})
		ASSERT_EQ(0, coh_engine_rehome_prepare(c.engines[h], 0, 0, 1));
	EXPECT_EQ(-ENOSPC, coh_engine_rehome_prepare(c.engines[1], 0, 0, 1));
	ASSERT_EQ(0, coh_engine_rehome_freeze(c.engines[0], 0));
	for (coh_engine *e : c.engines)
		EXPECT_EQ(0, coh_engine_rehome_cancel(e, 0));
	c.write(0, 0);
	EXPECT_EQ("h0 zero p0 rw\n", c.trace());
	ASSERT_EQ(0, coh_engine_set_quota(c.engines[1], 8));
	Bytes b = freeze_and_ship(c, 0, 1);
	EXPECT_EQ(-EINVAL, coh_engine_set_quota(c.engines[1], 7)); // it is to come
	EXPECT_EQ(-EBUSY, coh_engine_rehome_cancel(c.engines[0], 0));
	ASSERT_EQ(nullptr, adopt(c, 1, 0, b));
	commit(c, 1);
	finish(c);
	c.read(2, 0);
	c.run();
	EXPECT_EQ("r-r", c.rights(0));
}

TEST(Rehome, StepsOutOfOrder)
{
	Cluster c(3, 8, granules);
	coh_engine *e = c.engines[0];
	uint8_t b[64];
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 2, 0, 1)); // begins no granule
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 8, 0, 1));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 0, 1, 2)); // its home is another one
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 0, 0, 0));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 0, 0, 3));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_freeze(e, 0));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_ship(e, 0, b, sizeof(b)));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_commit(e, 0, 1));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_finish(e, 0));
	ASSERT_EQ(0, coh_engine_rehome_prepare(e, 0, 0, 1));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_prepare(e, 0, 0, 2)); // it moves already
	EXPECT_EQ(-EINVAL, coh_engine_rehome_commit(e, 0, 1));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_finish(e, 0));
	ASSERT_EQ(0, coh_engine_rehome_freeze(e, 0));
	EXPECT_EQ(-ENOBUFS, coh_engine_rehome_ship(e, 0, b, 3));
	EXPECT_EQ(4, coh_engine_rehome_ship(e, 0, b, sizeof(b))); // one run
	EXPECT_EQ(-EINVAL, coh_engine_rehome_commit(e, 0, 2));
	EXPECT_EQ(0, coh_engine_rehome_commit(e, 0, 1));
	EXPECT_EQ(-EINVAL, coh_engine_rehome_freeze(e, 0));
}

TEST(Rehome, OrdersOfAStrangerAreAFault)
{
	Cluster c(3, 8, granules);
	coh_msg m = {};
	m.kind = COH_MSG_INV;
	m.requester = 0;
	m.epoch = 3;
	move(c, 0, 1);
	c.inject(0, 2, m); // its former home
	EXPECT_NE(std::string::npos, c.trace().find("h2 fence h0"));
	prepare(c, 1, 0);
	c.inject(0, 2, m); // its next one
	EXPECT_EQ(std::string::npos, c.trace().find("fence"));
}

// What a peer ships is looked at, all of it, before any of it counts.
struct Hostile {
	const char *what;
	Bytes bytes;
};

TEST(Rehome, HostileDirectories)
{
	const Hostile all[] = {
		{"nothing", {}},
		{"half a run", {4, 0, 0}},
		{"an empty run", {0, 0, 0, 0, 4, 0, 0, 0}},
		{"too few pages", {3, 0, 0, 0}},
		{"too many pages", {5, 0, 0, 0}},
		{"more runs", {4, 0, 0, 0, 4, 0, 0, 0}},
		{"unknown flags", {4, 0, 0, 4}},
		{"an owner that is no host", {4, 0, 3, 1}},
		{"an untouched page that left home", {4, 0, 2, 0}},
		{"sharers that are no hosts", {4, 0, 0, 3, 8, 0, 0, 0, 0, 0, 0, 0}},
		{"the owner among the sharers", {4, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0}},
		{"no sharers, said at length", {4, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"sharers cut off", {4, 0, 0, 3, 2, 0, 0}},
		{"an owner that does not know of it", {4, 0, 1, 1}},
		{"not the owner who owns it", {1, 0, 2, 1, 1, 0, 0, 1, 2, 0, 0, 0}},
		{"a copy that is not listed", {1, 0, 0, 1, 1, 0, 1, 1, 2, 0, 0, 0}},
	};

	for (const Hostile &h : all) {
		Cluster c(3, 8, granules);
		c.write(0, 0);
		c.read(1, 0);
		c.write(1, 1);
		c.run();
		Bytes right = freeze_and_ship(c, 0, 1);
		EXPECT_NE(nullptr, adopt(c, 1, 0, h.bytes)) << h.what;
		EXPECT_NE(nullptr, adopt(c, 1, 2, right)) << "from a host that is not its home";
		EXPECT_NE(nullptr, adopt(c, 2, 0, right)) << "to a host that is not to have it";
		EXPECT_NE(nullptr, adopt(c, 1, 0, right, 4)) << "of another granule";
		EXPECT_EQ(nullptr, adopt(c, 1, 0, right)) << h.what;
		EXPECT_NE(nullptr, adopt(c, 1, 0, right)) << "twice";
	}
}
