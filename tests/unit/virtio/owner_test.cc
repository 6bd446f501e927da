// SPDX-License-Identifier: Apache-2.0
/* What tests/model does not show: each word that can't be, and the order of what is sent. */
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

extern "C" {
#include "vmm/virtio/owner.h"
}

struct Owner : ::testing::Test {
	owner o;
	ring_setup setup = {};
	std::vector<std::pair<host_id, handover>> sent;

	Owner()
	{
		owner_init(&o);
		setup.size = 8;
		setup.desc = 0x1000;
		setup.avail = 0x2000;
		setup.used = 0x3000;
	}
	/* The kinds of what is to be sent now. */
	std::vector<int> next()
	{
		std::vector<int> kinds;
		host_id to;
		handover m;
		while (owner_next(&o, &to, &m)) {
			sent.push_back({to, m});
			kinds.push_back(m.kind);
		}
		return kinds;
	}
	int in(host_id from, handover_kind kind, ring_place place = {})
	{
		handover m = {};
		m.kind = kind;
		m.turn = o.turn;
		m.place = place;
		return owner_in(&o, from, &m);
	}
	void on(host_id home)
	{
		owner_want(&o, home, &setup);
		EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ON}));
		EXPECT_EQ(in(home, HANDOVER_ON_DONE), OWNER_NOTHING);
	}
	void entry(uint32_t data)
	{
		handover_entry e = {};
		e.data = data;
		e.irq = HANDOVER_IRQ_SEND;
		owner_set_entry(&o, &e);
	}
};

TEST_F(Owner, TheNextHomeGoesOnWhereTheLastOneStopped)
{
	on(1);
	EXPECT_EQ(sent.back().first, 1);
	owner_want(&o, 2, &setup);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_OFF}));
	EXPECT_EQ(sent.back().first, 1);
	EXPECT_FALSE(sent.back().second.discard);
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE, {7, 7, 5}), OWNER_NOTHING);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ON}));
	EXPECT_EQ(sent.back().first, 2);
	EXPECT_EQ(sent.back().second.place.next_avail, 7);
	EXPECT_EQ(sent.back().second.place.told, 5);
	EXPECT_EQ(sent.back().second.setup.avail, 0x2000u);
}

TEST_F(Owner, AResetIsOverWhenItsHomeSaysSo)
{
	on(1);
	owner_want_not(&o, true);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_OFF}));
	EXPECT_TRUE(sent.back().second.discard);
	EXPECT_FALSE(owner_quiet(&o));
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE, {3, 3, 3}), OWNER_NOTHING);
	EXPECT_TRUE(owner_quiet(&o));
	owner_forget(&o);
	on(1);
	EXPECT_EQ(sent.back().second.place.next_avail, 0);
}

TEST_F(Owner, EntriesAreToldOneAtATimeAndReadsWaitForThem)
{
	entry(1);
	on(1); // with it
	EXPECT_EQ(sent.back().second.entry.data, 1u);
	EXPECT_TRUE(owner_settled(&o));
	entry(1); // no news
	EXPECT_EQ(next(), std::vector<int>());
	entry(2);
	EXPECT_FALSE(owner_settled(&o));
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ENTRY}));
	entry(3);
	entry(4);
	EXPECT_EQ(next(), std::vector<int>());
	EXPECT_EQ(in(1, HANDOVER_ENTRY_DONE), OWNER_NOTHING);
	EXPECT_FALSE(owner_settled(&o));
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ENTRY}));
	EXPECT_EQ(sent.back().second.entry.data, 4u);
	EXPECT_EQ(in(1, HANDOVER_ENTRY_DONE), OWNER_NOTHING);
	EXPECT_TRUE(owner_settled(&o));
}

TEST_F(Owner, AnEntryThatCrossesTheEndOfATurnHoldsTheNextOneUp)
{
	on(1);
	owner_want(&o, 2, &setup);
	next();
	entry(5);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ENTRY})); // it interrupts while it leaves
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE), OWNER_NOTHING);
	EXPECT_EQ(next(), std::vector<int>());
	EXPECT_FALSE(owner_settled(&o));
	EXPECT_EQ(in(1, HANDOVER_ENTRY_DONE), OWNER_NOTHING);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ON}));
}

TEST_F(Owner, KicksFollowTheQueue)
{
	owner_kick(&o); // nobody has it: whoever gets it looks
	EXPECT_EQ(next(), std::vector<int>());
	owner_want(&o, 1, &setup);
	next();
	owner_kick(&o);
	owner_kick(&o);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_KICK})); // behind the ON, in the order sent
	owner_want(&o, 2, &setup);
	next();
	owner_kick(&o); // the next home looks
	EXPECT_EQ(next(), std::vector<int>());
}

TEST_F(Owner, HomesSayWhatTheyWereAskedAndNothingElse)
{
	EXPECT_EQ(in(1, HANDOVER_ON_DONE), -EPROTO);
	owner_want(&o, 1, &setup);
	next();
	EXPECT_EQ(in(1, HANDOVER_PENDING), -EPROTO); // before its ON_DONE
	EXPECT_EQ(in(1, HANDOVER_BROKEN), -EPROTO);
	EXPECT_EQ(in(2, HANDOVER_ON_DONE), -EPROTO);
	EXPECT_EQ(in(1, HANDOVER_ON_DONE), OWNER_NOTHING);
	EXPECT_EQ(in(1, HANDOVER_ON_DONE), -EPROTO);
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE), -EPROTO);
	EXPECT_EQ(in(1, HANDOVER_ENTRY_DONE), -EPROTO);
	EXPECT_EQ(in(1, HANDOVER_KICK), -EPROTO);
	EXPECT_EQ(in(1, HANDOVER_PENDING), OWNER_RAISE);
	EXPECT_EQ(in(1, HANDOVER_BROKEN), OWNER_BROKEN);
	handover m = {};
	m.kind = HANDOVER_PENDING;
	m.turn = o.turn - 1;
	EXPECT_EQ(owner_in(&o, 1, &m), -EPROTO);
	owner_want_not(&o, false);
	next();
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE, {2, 1, 1}), -EPROTO); // a chain is missing
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE, {9, 9, 0}), -EPROTO); // more than the ring has
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE, {8, 8, 0}), OWNER_NOTHING);
}

/* Its data may be here before its word: they are two streams of a link. */
TEST_F(Owner, ARequestMayComeBeforeTheWordThatItIsServed)
{
	owner_want(&o, 1, &setup);
	next();
	EXPECT_EQ(owner_request(&o, 2, o.turn), -EPROTO);
	EXPECT_EQ(owner_request(&o, 1, o.turn - 1), -EPROTO);
	EXPECT_EQ(owner_request(&o, 1, o.turn), 0);
	owner_want_not(&o, false);
	next();
	owner_replied(&o);
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE), -EPROTO); // words are in order
	EXPECT_EQ(in(1, HANDOVER_ON_DONE), OWNER_NOTHING);
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE), OWNER_NOTHING);
	EXPECT_TRUE(owner_quiet(&o));
}

TEST_F(Owner, AQueueIsGivenAnewWhereItIs)
{
	owner_again(&o); // nobody has it
	EXPECT_EQ(next(), std::vector<int>());
	EXPECT_TRUE(owner_settled(&o));
	on(1);
	owner_again(&o);
	EXPECT_FALSE(owner_settled(&o)) << "it takes kicks for what may be another device's place by now";
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_OFF}));
	EXPECT_FALSE(sent.back().second.discard);
	EXPECT_FALSE(owner_settled(&o));
	owner_again(&o); // the next ON says it
	EXPECT_EQ(next(), std::vector<int>());
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE, {4, 4, 4}), OWNER_NOTHING);
	EXPECT_TRUE(owner_settled(&o));
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ON}));
	EXPECT_EQ(sent.back().first, 1);
	EXPECT_EQ(sent.back().second.place.next_avail, 4);
	EXPECT_EQ(in(1, HANDOVER_ON_DONE), OWNER_NOTHING);
	EXPECT_TRUE(owner_settled(&o));
}

TEST_F(Owner, AQueueThatLeavesAnywayIsStaleUntilItHasLeft)
{
	on(1);
	owner_want_not(&o, true);
	next();
	EXPECT_TRUE(owner_settled(&o)) << "a reset holds no read up";
	owner_again(&o);
	EXPECT_FALSE(owner_settled(&o));
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE), OWNER_NOTHING);
	EXPECT_TRUE(owner_settled(&o));
	EXPECT_TRUE(owner_quiet(&o));
}

/* A request may be asked for in more pieces than the ring has places. */
TEST_F(Owner, RequestsAreThoseOfTheHome)
{
	on(1);
	EXPECT_EQ(owner_request(&o, 2, o.turn), -EPROTO);
	EXPECT_EQ(owner_request(&o, 1, o.turn + 1), -EPROTO);
	for (unsigned i = 0; i < 20; i++)
		EXPECT_EQ(owner_request(&o, 1, o.turn), 0);
	owner_want_not(&o, true);
	next();
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE), -EPROTO); // it has not got its answers
	for (unsigned i = 0; i < 20; i++)
		owner_replied(&o);
	EXPECT_EQ(in(1, HANDOVER_OFF_DONE), OWNER_NOTHING);
}
