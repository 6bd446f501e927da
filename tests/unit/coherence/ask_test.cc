// SPDX-License-Identifier: Apache-2.0
#include "cluster.h"

static const uint64_t ask_ns = 1000000;

static void asks(coh_config &c)
{
	c.ask_ns = ask_ns;
	c.ask_max = 4;
}

// Host h's look at what waits, twice: what began before the first is asked about in the second.
static void wait_long(Cluster &c, unsigned h)
{
	c.tick(h);
	c.tick(h);
}

// Page 0 (home h0) is owned by h1; h2 has a read copy if shared.
static void owned_by_1(Cluster &c, bool shared)
{
	c.write(1, 0);
	c.run();
	if (shared) {
		c.read(2, 0);
		c.run();
	}
	c.trace();
}

TEST(Ask, WhoWaitsLongAsksAndIsAnsweredBehindWhatItWaitsFor)
{
	Cluster c(3, 3, asks);
	owned_by_1(c, false);
	c.read(2, 0);
	c.deliver(2, 0);
	c.deliver(0, 1); // h1's grant is on its way
	c.trace();
	wait_long(c, 2);
	c.deliver(2, 0);
	c.deliver(0, 1);
	EXPECT_EQ("h2 -> h0 ASK p0\n"
		  "h0 -> h1 CHASE p0 grant for h2\n"
		  "h1 -> h2 TOLD p0 grant\n",
		  c.trace());
	c.run();
	EXPECT_EQ("h2 install p0 ro\n"
		  "h2 -> h0 DONE p0\n",
		  c.trace());
	EXPECT_EQ(0u, c.stats(2).waits_lost);
	EXPECT_EQ(1u, c.stats(2).waits_asked);
}

TEST(Ask, NobodyLooksWhileNobodyWaits)
{
	Cluster c(3, 3, asks);
	EXPECT_EQ(UINT64_MAX, coh_engine_deadline(c.engines[1]));
	owned_by_1(c, false);
	c.tick(1);
	EXPECT_EQ(UINT64_MAX, coh_engine_deadline(c.engines[1]));
	EXPECT_EQ("", c.trace());
}

TEST(Ask, ALostRequestIsUnknownToTheHome)
{
	Cluster c(3, 3, asks);
	owned_by_1(c, false);
	c.read(2, 0);
	c.lose(2, 0);
	c.trace();
	wait_long(c, 2);
	c.run();
	EXPECT_EQ("h2 -> h0 ASK p0\n"
		  "h0 -> h2 TOLD p0 nothing\n"
		  "h2 lost p0 of h0: it knows nothing of the request for the page\n",
		  c.trace());
}

TEST(Ask, ALostOrderIsMissedAtTheOwner)
{
	Cluster c(3, 3, asks);
	owned_by_1(c, false);
	c.write(2, 0);
	c.deliver(2, 0);
	c.lose(0, 1);
	c.trace();
	wait_long(c, 2);
	c.run();
	EXPECT_EQ("h2 -> h0 ASK p0\n"
		  "h0 -> h1 CHASE p0 grant for h2\n"
		  "h1 -> h2 TOLD p0 grant\n"
		  "h2 lost p0 of h1: it has given the page, which never came\n",
		  c.trace());
}

TEST(Ask, ALostAcknowledgementIsMissedByHost)
{
	Cluster c(4, 4, asks);
	owned_by_1(c, true);
	c.write(3, 0);
	c.deliver(3, 0);
	c.deliver(0, 1);
	c.deliver(0, 2);
	c.deliver(1, 3);
	c.lose(2, 3);
	c.trace();
	wait_long(c, 3);
	c.run();
	EXPECT_EQ("h3 -> h0 ASK p0\n"
		  "h0 -> h1 CHASE p0 grant acks 1 for h3\n"
		  "h0 -> h2 CHASE p0 ack for h3\n"
		  "h1 -> h3 TOLD p0 grant acks 1\n"
		  "h2 -> h3 TOLD p0 ack\n"
		  "h3 lost p0 of h2: it has acknowledged, which never came\n",
		  c.trace());
}

TEST(Ask, AGrantThatDemandsTooMuchIsSeen)
{
	Cluster c(4, 4, asks);
	owned_by_1(c, true);
	c.write(3, 0);
	c.deliver(3, 0);
	c.deliver(0, 1);
	c.front(1, 3).acks++; // the link alters it
	c.run();
	c.trace();
	wait_long(c, 3);
	c.run();
	EXPECT_NE(std::string::npos, c.trace().find("h3 lost p0 of h1: it demanded other acknowledgements than came"));
}

// Nobody waits for a DONE but who comes next: its question is passed on to who should have sent it.
TEST(Ask, ALostEndIsMissedByWhoComesNext)
{
	Cluster c(3, 3, asks);
	owned_by_1(c, false);
	c.read(2, 0);
	c.deliver(2, 0);
	c.deliver(0, 1);
	c.deliver(1, 2);
	c.lose(2, 0);
	c.write(1, 0);
	c.deliver(1, 0);
	c.trace();
	wait_long(c, 1);
	c.run();
	EXPECT_EQ("h1 -> h0 ASK p0\n"
		  "h0 -> h1 TOLD p0 waits\n"
		  "h0 -> h2 CHASE p0 done\n"
		  "h2 -> h0 TOLD p0 done\n"
		  "h0 lost p0 of h2: its word that it has the page never came\n",
		  c.trace());
}

TEST(Ask, WhoWaitsForItsTurnIsToldSo)
{
	Cluster c(3, 3, asks);
	owned_by_1(c, false);
	c.read(2, 0);
	c.deliver(2, 0); // h1 has not answered yet
	c.read(0, 0);
	c.trace();
	wait_long(c, 0);
	c.deliver(0, 1);
	c.deliver(0, 2); // chased for its DONE: it still waits, and is silent
	EXPECT_EQ(0u, c.waiting(2, 0));
	c.run();
	EXPECT_EQ("rrr", c.rights(0));
	for (unsigned h = 0; h < 3; h++)
		EXPECT_EQ(0u, c.stats(h).waits_lost) << h;
}

// However long others take: whoever's turn it is looks for itself.
TEST(Ask, AHomeThatSaysItWaitsIsNotGivenUp)
{
	Cluster c(4, 3, asks);
	owned_by_1(c, false);
	c.read(2, 0);
	c.deliver(2, 0); // h1 has not answered yet
	c.read(3, 0);
	c.deliver(3, 0);
	c.tick(3);
	for (unsigned i = 0; i < 10; i++) {
		c.tick(3);
		c.deliver(3, 0);
		c.deliver(0, 3);
	}
	EXPECT_EQ(10u, c.stats(3).waits_asked);
	EXPECT_EQ(0u, c.stats(3).waits_lost);
	c.run();
	EXPECT_EQ("-rrr", c.rights(0));
}

TEST(Ask, AHoldEndsWhenSomebodyHasWaitedLong)
{
	Cluster c(2, 2, [](coh_config &cfg) {
		asks(cfg);
		cfg.hold_ns = cfg.hold_max_ns = 500000000;
	});
	c.write(1, 0);
	c.run();
	c.write(0, 0);
	c.deliver(0, 1);
	EXPECT_EQ(0u, c.waiting(1, 0));
	c.trace();
	c.tick(0);
	c.tick(0);
	c.run();
	EXPECT_EQ("h0 -> h1 CHASE p0 grant\n"
		  "h1 protect p0\n"
		  "h1 -> h0 GRANT p0 rw data\n"
		  "h1 drop p0\n"
		  "h1 -> h0 TOLD p0 grant\n"
		  "h0 install p0 rw\n",
		  c.trace());
}

TEST(Ask, ARefusedRequestIsNotAskedAbout)
{
	Cluster c(2, 4, [](coh_config &cfg) {
		asks(cfg);
		cfg.queue_max = 2;
		cfg.ask_ns = 10000; // before it is tried again
	});
	c.write(1, 0);
	c.write(1, 2); // the only place is taken
	c.deliver(1, 0);
	c.deliver(1, 0);
	c.deliver(0, 1);
	c.deliver(0, 1);
	c.trace();
	c.tick(1);
	c.tick(1);
	EXPECT_EQ("", c.trace());
	c.run();
}

// Every question is lost: time alone ends it.
TEST(Ask, AHomeThatNeverAnswersIsGivenUp)
{
	Cluster c(3, 3, asks);
	owned_by_1(c, false);
	c.read(2, 0);
	c.lose(2, 0);
	c.tick(2);
	for (unsigned i = 0; i < 3; i++) {
		c.tick(2);
		c.lose(2, 0);
	}
	c.trace();
	c.tick(2);
	EXPECT_EQ("h2 lost p0 of h0: the page never came, and nobody says why\n", c.trace());
}

TEST(Ask, AtItsOwnHomeTheHostThatOwesIsGivenUp)
{
	Cluster c(3, 3, asks);
	owned_by_1(c, true);
	c.write(0, 0);
	c.lose(0, 1);
	c.lose(0, 2);
	c.tick(0);
	for (unsigned i = 0; i < 3; i++) {
		c.tick(0);
		c.lose(0, 1);
		c.lose(0, 2);
	}
	c.trace();
	c.tick(0);
	EXPECT_EQ("h0 lost p0 of h1: the page never came, and nobody says why\n", c.trace());
}

TEST(Ask, RoomThatNobodyMakesIsGivenUp)
{
	Cluster c(2, 400, [](coh_config &cfg) {
		asks(cfg);
		cfg.homes_n = 0;
		for (unsigned h = 0; h < 2; h++)
			cfg.homes[cfg.homes_n++] = {200 * h, 200, (host_id)h};
		cfg.quota_pages = 200;
	});
	for (page_idx p = 0; p < 200; p++)
		c.write(0, p);
	unsigned more = 0;
	while (c.stats(0).waits_lost == 0 && more < 200) { // pages of h1 until there is no room for one more
		c.write(0, 200 + more++);
		for (unsigned i = 0; c.waiting(1, 0) + c.waiting(0, 1) && i < 1000; i++) {
			if (c.waiting(0, 1) && c.front(0, 1).kind == COH_MSG_EVICT)
				c.lose(0, 1); // nobody takes any back
			else if (c.waiting(0, 1))
				c.deliver(0, 1);
			else
				c.deliver(1, 0);
		}
		for (unsigned i = 0; coh_engine_pending(c.engines[0], 200 + more - 1) && i < 5000; i++) {
			c.tick(0);
			while (c.waiting(0, 1))
				c.lose(0, 1);
			if (c.stats(0).waits_lost)
				break;
		}
	}
	EXPECT_EQ(COH_RESERVE + 1, more);
	EXPECT_NE(std::string::npos, c.trace().find("of h0: there is no room for the page, and nobody makes any"));
}

TEST(Ask, WordsFromWhoHasNothingToSayAreRefused)
{
	static const struct {
		unsigned from;
		uint8_t kind, rights;
		host_id requester;
	} bad[] = {
		{1, COH_MSG_ASK, 0, 1},                  // h0 is not the home of page 1
		{2, COH_MSG_CHASE, COH_TOLD_GRANT, 2},   // not the home
		{1, COH_MSG_CHASE, COH_TOLD_GRANT, 0},   // what is owed to itself
		{1, COH_MSG_CHASE, COH_TOLD_DONE, 2},    // another's DONE
		{1, COH_MSG_CHASE, COH_TOLD_NOTHING, 2}, // nothing
		{2, COH_MSG_TOLD, COH_TOLD_NOTHING, 0},  // not the home
		{1, COH_MSG_TOLD, COH_TOLD_ACK, 2},      // another's
		{1, COH_MSG_TOLD, COH_TOLD_DONE, 1},     // to who is not the home
		{1, COH_MSG_TOLD, COH_TOLD_DONE + 1, 0}, // unknown
		{1, COH_MSG_REQ_READ, COH_TOLD_GRANT + 1, 1},
	};
	for (auto &b : bad) {
		Cluster c(3, 3, asks);
		coh_msg m = {};
		m.kind = b.kind;
		m.rights = b.rights;
		m.requester = b.requester;
		m.epoch = 3;
		m.txn = 1;
		m.page = 1;
		c.inject(b.from, 0, m);
		EXPECT_EQ(1u, c.stats(0).bad_msgs) << coh_msg_name(b.kind) << " " << (unsigned)b.rights;
	}
}
