// SPDX-License-Identifier: Apache-2.0
#include "cluster.h"

#include <sys/mman.h>

#include <algorithm>

TEST(Engine, ReadMissOfTwoHosts)
{
	Cluster c(2, 2);
	c.write(0, 0);
	EXPECT_EQ("h0 zero p0 rw\n", c.trace());
	c.read(1, 0);
	c.run();
	EXPECT_EQ("h1 -> h0 REQ_READ p0\n"
		  "h0 protect p0\n"
		  "h0 -> h1 GRANT p0 ro data\n"
		  "h1 install p0 ro\n"
		  "h1 -> h0 DONE p0\n",
		  c.trace());
	EXPECT_EQ("rr", c.rights(0));
}

TEST(Engine, ReadMissOfThreeHostsGoesToTheOwner)
{
	Cluster c(3, 3);
	c.write(1, 0);
	c.run();
	c.trace();
	c.read(2, 0);
	c.run();
	EXPECT_EQ("h2 -> h0 REQ_READ p0\n"
		  "h0 -> h1 FWD_READ p0 for h2\n"
		  "h1 protect p0\n"
		  "h1 -> h2 GRANT p0 ro data\n"
		  "h2 install p0 ro\n"
		  "h2 -> h0 DONE p0\n",
		  c.trace());
	EXPECT_EQ("-rr", c.rights(0));
}

TEST(Engine, WriteMissTakesThePage)
{
	Cluster c(3, 3);
	c.write(1, 0);
	c.run();
	c.trace();
	c.write(2, 0);
	c.run();
	EXPECT_EQ("h2 -> h0 REQ_WRITE p0\n"
		  "h0 -> h1 FWD_WRITE p0 for h2\n"
		  "h1 protect p0\n"
		  "h1 -> h2 GRANT p0 rw data\n"
		  "h1 drop p0\n"
		  "h2 install p0 rw\n"
		  "h2 -> h0 DONE p0\n",
		  c.trace());
}

// Host 1 owns p0, 0 and 2 have read copies.
static void share(Cluster &c)
{
	c.write(1, 0);
	c.run();
	c.read(0, 0);
	c.run();
	c.read(2, 0);
	c.run();
	ASSERT_EQ("rrr", c.rights(0).substr(0, 3));
	c.trace();
}

TEST(Engine, UpgradeCarriesNoData)
{
	Cluster c(3, 3);
	share(c);
	c.write(2, 0);
	c.run();
	EXPECT_EQ("h2 -> h0 REQ_UPGRADE p0\n"
		  "h0 -> h1 INV p0 for h2\n"
		  "h0 -> h2 GRANT p0 rw acks 2\n"
		  "h0 drop p0\n"
		  "h0 -> h2 ACK p0\n"
		  "h1 drop p0\n"
		  "h1 -> h2 ACK p0\n"
		  "h2 unprotect p0\n"
		  "h2 -> h0 DONE p0\n",
		  c.trace());
	EXPECT_EQ("--W", c.rights(0));
}

TEST(Engine, TwoUpgradesRaceAndTheLoserGetsData)
{
	Cluster c(3, 3);
	share(c);
	c.write(1, 0);
	c.write(2, 0);
	c.deliver(2, 0); // wins
	c.run();
	EXPECT_EQ("h1 -> h0 REQ_UPGRADE p0\n"
		  "h2 -> h0 REQ_UPGRADE p0\n"
		  "h0 -> h1 INV p0 for h2\n"
		  "h0 -> h2 GRANT p0 rw acks 2\n"
		  "h0 drop p0\n"
		  "h0 -> h2 ACK p0\n"
		  "h1 drop p0\n"
		  "h1 -> h2 ACK p0\n"
		  "h2 unprotect p0\n"
		  "h2 -> h0 DONE p0\n"
		  "h0 -> h2 FWD_WRITE p0 for h1\n"
		  "h2 protect p0\n"
		  "h2 -> h1 GRANT p0 rw data\n"
		  "h2 drop p0\n"
		  "h1 install p0 rw\n"
		  "h1 -> h0 DONE p0\n",
		  c.trace());
}

// A writer without a copy, with owner 1 and sharer 0 and 3 to be emptied.
static void write_among_sharers(Cluster &c)
{
	share(c);
	c.write(3, 0);
	c.deliver(3, 0);
	c.trace();
}

TEST(Engine, GrantBeforeAcknowledgements)
{
	Cluster c(4, 4);
	write_among_sharers(c);
	c.deliver(0, 1); // FWD_WRITE
	c.deliver(1, 3); // the data
	EXPECT_EQ("--rr", c.rights(0).replace(0, 2, "--"));
	c.run();
	EXPECT_EQ("h1 -> h3 GRANT p0 rw data acks 2\n"
		  "h1 drop p0\n"
		  "h3 install p0 ro\n"
		  "h2 drop p0\n"
		  "h2 -> h3 ACK p0\n"
		  "h3 unprotect p0\n"
		  "h3 -> h0 DONE p0\n",
		  c.trace());
}

TEST(Engine, AcknowledgementsBeforeGrant)
{
	Cluster c(4, 4);
	write_among_sharers(c);
	c.deliver(0, 2);
	c.deliver(2, 3);
	c.deliver(0, 3); // the home's own acknowledgement
	c.run();
	EXPECT_EQ("h2 drop p0\n"
		  "h2 -> h3 ACK p0\n"
		  "h1 -> h3 GRANT p0 rw data acks 2\n"
		  "h1 drop p0\n"
		  "h3 install p0 rw\n"
		  "h3 -> h0 DONE p0\n",
		  c.trace());
}

TEST(Engine, InvalidationDuringAPendingReadIsOfAnEarlierTransaction)
{
	Cluster c(3, 3);
	share(c);
	coh_fx_list fx;
	coh_canon_give_up(c.engines[2], 0, &fx); // dropped silently: the directory does not know
	EXPECT_EQ("rr-", c.rights(0));
	c.write(1, 0);
	c.deliver(1, 0); // the upgrade starts, INV to 2
	c.read(2, 0);
	c.run();
	EXPECT_EQ("h1 -> h0 REQ_UPGRADE p0\n"
		  "h0 -> h2 INV p0 for h1\n"
		  "h0 -> h1 GRANT p0 rw acks 2\n"
		  "h0 drop p0\n"
		  "h0 -> h1 ACK p0\n"
		  "h2 -> h0 REQ_READ p0\n"
		  "h2 -> h1 ACK p0\n"
		  "h1 unprotect p0\n"
		  "h1 -> h0 DONE p0\n"
		  "h0 -> h1 FWD_READ p0 for h2\n"
		  "h1 protect p0\n"
		  "h1 -> h2 GRANT p0 ro data\n"
		  "h2 install p0 ro\n"
		  "h2 -> h0 DONE p0\n",
		  c.trace());
}

TEST(Engine, SilentDropThenWriteGetsData)
{
	Cluster c(3, 3);
	share(c);
	coh_fx_list fx;
	coh_canon_give_up(c.engines[2], 0, &fx);
	c.write(2, 0);
	c.run();
	EXPECT_EQ("h2 -> h0 REQ_WRITE p0\n"
		  "h0 -> h1 FWD_WRITE p0 acks 1 for h2\n"
		  "h0 drop p0\n"
		  "h0 -> h2 ACK p0\n"
		  "h1 -> h2 GRANT p0 rw data acks 1\n"
		  "h1 drop p0\n"
		  "h2 install p0 rw\n"
		  "h2 -> h0 DONE p0\n",
		  c.trace());
}

TEST(Engine, WriteFaultDuringAPendingReadBecomesAnUpgrade)
{
	Cluster c(2, 2);
	c.write(0, 0);
	c.read(1, 0);
	c.write(1, 0);
	c.trace();
	c.run();
	EXPECT_EQ("h0 protect p0\n"
		  "h0 -> h1 GRANT p0 ro data\n"
		  "h1 install p0 ro\n"
		  "h1 -> h0 DONE p0\n"
		  "h1 -> h0 REQ_UPGRADE p0\n"
		  "h0 -> h1 GRANT p0 rw acks 1\n"
		  "h0 drop p0\n"
		  "h0 -> h1 ACK p0\n"
		  "h1 unprotect p0\n"
		  "h1 -> h0 DONE p0\n",
		  c.trace());
}

TEST(Engine, UntouchedPagesCarryNoData)
{
	Cluster c(2, 2);
	c.read(1, 0);
	c.run();
	EXPECT_EQ("h1 -> h0 REQ_READ p0\n"
		  "h0 -> h1 GRANT p0 ro zero\n"
		  "h1 zero p0 ro\n"
		  "h1 -> h0 DONE p0\n",
		  c.trace());
	c.read(0, 0); // the home: zeroes too, but no longer alone
	EXPECT_EQ("h0 zero p0 ro\n", c.trace());
	c.write(0, 0);
	c.run();
	EXPECT_EQ("h0 -> h1 INV p0\n"
		  "h1 drop p0\n"
		  "h1 -> h0 ACK p0\n"
		  "h0 unprotect p0\n",
		  c.trace());
}

TEST(Engine, ZeroRunStopsAtTouchedNeighbours)
{
	auto one_home = [](coh_config &c) {
		c.homes_n = 1;
		c.homes[0] = {0, c.pages, 0};
		c.zero_run = 8;
	};
	Cluster c(2, 16, one_home);
	c.write(1, 5);
	c.run();
	c.trace();
	c.write(0, 2);
	EXPECT_EQ("h0 zero p0+4 rw\n", c.trace());
	c.read(0, 6);
	EXPECT_EQ("h0 zero p6+1 rw\n", c.trace());
}

TEST(Engine, HomeAsRequesterTakesItsPageBack)
{
	Cluster c(2, 2);
	c.write(1, 0);
	c.run();
	c.trace();
	c.write(0, 0);
	c.run();
	EXPECT_EQ("h0 -> h1 FWD_WRITE p0\n"
		  "h1 protect p0\n"
		  "h1 -> h0 GRANT p0 rw data\n"
		  "h1 drop p0\n"
		  "h0 install p0 rw\n",
		  c.trace());
}

static void with_hold(coh_config &c)
{
	c.hold_ns = 1000000;
	c.hold_max_ns = 8000000;
}

TEST(Engine, HoldPutsOffUntilItsTimeHasPassed)
{
	Cluster c(2, 2, with_hold);
	c.write(1, 0);
	c.run();
	c.write(0, 0);
	c.trace();
	c.deliver(0, 1);
	EXPECT_EQ("", c.trace());
	EXPECT_EQ(1u, c.stats(1).holds);
	uint64_t before = c.now;
	c.tick(1);
	EXPECT_NEAR(1000000.0, (double)(c.now - before), 40000.0);
	EXPECT_EQ("h1 protect p0\n"
		  "h1 -> h0 GRANT p0 rw data\n"
		  "h1 drop p0\n",
		  c.trace());
	c.run();
}

TEST(Engine, RanEndsTheHold)
{
	Cluster c(2, 2, with_hold);
	c.write(1, 0);
	c.run();
	c.write(0, 0);
	c.deliver(0, 1);
	c.trace();
	c.ran(1, 0);
	EXPECT_EQ("h1 protect p0\n"
		  "h1 -> h0 GRANT p0 rw data\n"
		  "h1 drop p0\n",
		  c.trace());
	c.run();
}

TEST(Engine, HoldGrowsWhenAPageIsFoughtOver)
{
	Cluster c(2, 2, with_hold);
	uint64_t took = 0;
	c.write(1, 0);
	c.run();
	for (int round = 0; round < 6; round++) {
		c.write(0, 0);
		c.run();
		uint64_t before = c.now;
		c.tick(1);
		took = c.now - before;
		c.run();
		c.write(1, 0);
		c.run();
		c.tick(0);
		c.run();
	}
	EXPECT_GT(took, 3000000u);
	EXPECT_LE(took, 8100000u);
}

TEST(Engine, EvictionCrossesAForward)
{
	Cluster c(3, 3);
	coh_fx_list fx;
	c.write(1, 0);
	c.run();
	c.write(2, 0);
	c.deliver(2, 0); // FWD_WRITE is on its way to 1
	coh_canon_give_up(c.engines[1], 0, &fx);
	ASSERT_EQ(1u, fx.n);
	c.trace();
	c.inject(1, 0, fx.v[0].msg); // the hint arrives at a busy page
	EXPECT_EQ("", c.trace());
	c.run();
	EXPECT_EQ("--W", c.rights(0));
	c.inject(1, 0, fx.v[0].msg); // and again, when 1 no longer owns it
	EXPECT_EQ("--W", c.rights(0));
}

TEST(Engine, FullQueueRefusesAndTheRequesterTriesAgain)
{
	Cluster c(2, 4, [](coh_config &x) {
		x.queue_max = 2;
		x.homes_n = 1;
		x.homes[0] = {0, x.pages, 0};
	});
	c.write(1, 0);
	c.write(1, 1);
	c.deliver(1, 0);
	c.trace();
	c.deliver(1, 0);
	EXPECT_EQ("h0 -> h1 NACK p1\n", c.trace());
	c.run();
	EXPECT_TRUE(coh_engine_pending(c.engines[1], 1));
	c.trace();
	c.tick(1);
	c.run();
	EXPECT_EQ("h1 -> h0 REQ_WRITE p1\n"
		  "h0 -> h1 GRANT p1 rw zero\n"
		  "h1 zero p1 rw\n"
		  "h1 -> h0 DONE p1\n",
		  c.trace());
}

TEST(Engine, MessagesOfAnotherEpochAreIgnored)
{
	Cluster c(2, 2);
	c.read(1, 0);
	coh_msg m = c.front(1, 0);
	m.epoch--;
	c.trace();
	c.inject(1, 0, m);
	EXPECT_EQ("", c.trace());
	EXPECT_EQ(1u, c.stats(0).stale_msgs);
	c.run();
}

TEST(Engine, DuplicatesAreHarmless)
{
	Cluster c(2, 2);
	c.write(0, 0);
	c.read(1, 0);
	coh_msg req = c.front(1, 0);
	c.deliver(1, 0);
	coh_msg grant = c.front(0, 1);
	c.inject(1, 0, req);
	c.deliver(0, 1);
	coh_msg done = c.front(1, 0);
	c.inject(0, 1, grant);
	c.deliver(1, 0);
	c.trace();
	c.inject(1, 0, done);
	c.inject(1, 0, req);
	c.inject(0, 1, grant);
	EXPECT_EQ("", c.trace());
	EXPECT_EQ("rr", c.rights(0));
}

TEST(Engine, SequentialReadsAreFetchedAhead)
{
	auto one_home = [](coh_config &c) {
		c.homes_n = 1;
		c.homes[0] = {0, c.pages, 0};
		c.prefetch_max = 4;
	};
	Cluster c(2, 32, one_home);
	for (page_idx p = 0; p < 32; p++)
		c.write(0, p);
	c.read(1, 0);
	c.run();
	c.trace();
	c.read(1, 1);
	EXPECT_EQ("h1 -> h0 REQ_READ p1\nh1 -> h0 REQ_READ p2\nh1 -> h0 REQ_READ p3\n", c.trace());
	c.run();
	c.trace();
	c.read(1, 4);
	EXPECT_EQ("h1 -> h0 REQ_READ p4\nh1 -> h0 REQ_READ p5\nh1 -> h0 REQ_READ p6\n"
		  "h1 -> h0 REQ_READ p7\nh1 -> h0 REQ_READ p8\n",
		  c.trace());
	c.run();
	EXPECT_EQ(2u, c.stats(1).prefetch_hits);
}

TEST(Engine, QuotaDropsCopiesAndSendsOwnedPagesHome)
{
	auto quota = [](coh_config &c) {
		c.homes_n = 2;
		c.homes[0] = {0, c.pages - 1, 0};
		c.homes[1] = {c.pages - 1, 1, 1};
		c.quota_pages = c.self == 1 ? 4 : 0;
	};
	Cluster c(2, 400, quota);
	for (page_idx p = 0; p < 300; p++) {
		c.fault(1, p, p % 3 ? COH_WRITE : COH_READ);
		c.run();
	}
	EXPECT_LE(c.stats(1).resident, 4u + COH_RESERVE);
	EXPECT_LE(c.stats(1).resident_max, 4u + COH_RESERVE);
	EXPECT_GT(c.stats(1).drops_silent, 50u);
	EXPECT_GT(c.stats(1).evict_hints, 100u);
	EXPECT_EQ(0u, coh_engine_pending(c.engines[1], 299));
}

TEST(Engine, MetadataOfALargeGuestIsSmall)
{
	for (unsigned hosts : {2u, 64u}) {
		coh_config c = test_config(2, 2, 0);
		c.hosts = hosts;
		c.pages = 8u << 20; // 32 GiB
		c.granule_shift = 9;
		c.homes_n = hosts;
		c.requests_max = 256;
		c.queue_max = 4096;
		for (unsigned h = 0; h < hosts; h++)
			c.homes[h] = {h * (c.pages / hosts), c.pages / hosts, (host_id)h};
		ASSERT_EQ(nullptr, coh_config_error(&c));
		EXPECT_LT((double)coh_engine_used_bytes(&c) / (double)c.pages, 13.0);
	}
}

// A host of a large guest must not touch, at its start, memory for pages that nobody has used.
TEST(Engine, TablesAreUntouchedUntilAPageIsUsed)
{
	coh_config c = test_config(2, 2, 0);
	c.pages = 64ull << 20; // 256 GiB
	c.homes_n = 2;
	c.granule_shift = 9;
	for (unsigned h = 0; h < 2; h++)
		c.homes[h] = {h * c.pages / 2, c.pages / 2, (host_id)h};
	ASSERT_EQ(nullptr, coh_config_error(&c));
	size_t bytes = coh_engine_bytes(&c);
	void *mem = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	coh_engine *e = coh_engine_init(mem, &c);
	std::vector<unsigned char> resident((bytes + 4095) / 4096);
	ASSERT_EQ(0, mincore(mem, bytes, resident.data()));
	size_t touched = (size_t)std::count_if(resident.begin(), resident.end(), [](unsigned char b) { return b & 1; });
	EXPECT_LT(touched * 4096, 4u << 20) << "of " << bytes << " bytes";
	EXPECT_EQ(0u, coh_engine_home(e, c.pages / 2 - 1));
	EXPECT_EQ(1u, coh_engine_home(e, c.pages / 2));
	EXPECT_TRUE(coh_engine_untouched(e, 7));
	munmap(mem, bytes);
}

// Between home ranges there may be no memory: nothing asks for it, and a peer that does is at fault.
TEST(Engine, PagesWithoutMemory)
{
	auto holes = [](coh_config &c) {
		c.homes_n = 2;
		c.granule_shift = 2;
		c.homes[0] = {0, 4, 0};
		c.homes[1] = {12, 4, 1};
		c.prefetch_max = 8;
	};
	Cluster c(2, 16, holes);
	EXPECT_EQ(HOST_NONE, coh_engine_home(c.engines[0], 4));
	EXPECT_EQ(HOST_NONE, coh_engine_home(c.engines[0], 11));
	EXPECT_EQ(1u, coh_engine_home(c.engines[0], 12));
	c.fault(0, 8, COH_WRITE);
	EXPECT_EQ("", c.trace());
	coh_msg m = {};
	m.kind = COH_MSG_REQ_READ;
	m.requester = 1;
	m.epoch = 3;
	m.txn = 1;
	m.page = 8;
	c.inject(1, 0, m);
	EXPECT_NE(std::string::npos, c.trace().find("h0 fence h1: page out of range"));
	for (page_idx p = 0; p < 4; p++) { // streams end with the memory
		c.fault(1, p, COH_READ);
		c.run();
	}
	EXPECT_EQ(0u, coh_engine_pending(c.engines[1], 4));
}

TEST(Engine, HomesBeginAndEndWithGranules)
{
	coh_config c = test_config(2, 64, 0);
	c.granule_shift = 4;
	c.homes_n = 2;
	c.homes[0] = {0, 32, 0};
	c.homes[1] = {32, 32, 1};
	EXPECT_EQ(nullptr, coh_config_error(&c));
	c.homes[1] = {48, 16, 1}; // a hole of a granule
	EXPECT_EQ(nullptr, coh_config_error(&c));
	c.homes[1] = {40, 24, 1};
	EXPECT_NE(nullptr, coh_config_error(&c));
	c.homes[1] = {16, 48, 1}; // overlaps
	EXPECT_NE(nullptr, coh_config_error(&c));
	c.homes[1] = {32, 16, 1}; // room behind it
	EXPECT_EQ(nullptr, coh_config_error(&c));
	c.homes[1] = {32, UINT64_MAX, 1};
	EXPECT_NE(nullptr, coh_config_error(&c));
	c.homes[1] = {32, 32, 1};
	c.granule_shift = 60;
	EXPECT_NE(nullptr, coh_config_error(&c));
}

// Whatever a peer sends: bounded effects, own invariants hold, no crash.
TEST(Engine, RandomMessagesDoNoHarm)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		Cluster c(4, 8, [](coh_config &x) { x.queue_max = 8; });
		uint64_t r = seed * 0x9e3779b97f4a7c15ull;
		auto rnd = [&r](uint64_t n) {
			r ^= r << 13, r ^= r >> 7, r ^= r << 17;
			return r % n;
		};
		for (unsigned i = 0; i < 20000; i++) {
			coh_msg m = {};
			m.kind = (uint8_t)rnd(COH_MSG_KINDS + 1);
			m.flags = (uint8_t)(rnd(3) ? 0 : rnd(5));
			m.requester = (host_id)(rnd(20) ? rnd(4) : rnd(256));
			m.rights = (uint8_t)rnd(4);
			m.acks = (uint16_t)(rnd(2) ? 0 : rnd(6));
			m.epoch = rnd(30) ? 3 : 4;
			m.txn = rnd(10) ? rnd(3 + i / 50) : rnd(UINT64_MAX);
			m.page = rnd(20) ? rnd(8) : rnd(UINT64_MAX);
			c.now += rnd(50000);
			if (rnd(8) == 0)
				c.fault(0, rnd(8), rnd(2) ? COH_READ : COH_WRITE);
			else
				c.inject((unsigned)rnd(5), 0, m);
			if (coh_engine_deadline(c.engines[0]) <= c.now)
				c.tick(0);
			ASSERT_LT(c.fx->n, 64u);
			if (i % 500 == 0)
				c.trace();
		}
		c.trace();
	}
}
