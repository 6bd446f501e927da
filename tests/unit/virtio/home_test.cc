// SPDX-License-Identifier: Apache-2.0
/* What tests/model does not show: each word that can't be, and the order of what is sent. */
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

extern "C" {
#include "vmm/virtio/home.h"
}

struct Home : ::testing::Test {
	home h = {};
	ring_place at = {};
	std::vector<handover> sent;

	handover word(handover_kind kind, uint32_t turn = 1)
	{
		handover m = {};
		m.kind = kind;
		m.turn = turn;
		m.entry.irq = HANDOVER_IRQ_SEND;
		if (kind == HANDOVER_ON) {
			m.setup.size = 8;
			m.setup.desc = 0x1000;
			m.setup.avail = 0x2000;
			m.setup.used = 0x3000;
		}
		return m;
	}
	int in(handover_kind kind, uint32_t turn = 1)
	{
		handover m = word(kind, turn);
		return home_in(&h, &m);
	}
	std::vector<int> next()
	{
		std::vector<int> kinds;
		handover m;
		while (home_next(&h, &at, &m)) {
			sent.push_back(m);
			kinds.push_back(m.kind);
		}
		return kinds;
	}
	void on()
	{
		EXPECT_EQ(in(HANDOVER_ON), HOME_BEGIN);
		EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ON_DONE}));
	}
};

TEST_F(Home, BeingGivenAQueueCountsAsAKick)
{
	EXPECT_FALSE(home_kick(&h)); // it is elsewhere
	on();
	EXPECT_TRUE(home_look(&h));
	EXPECT_FALSE(home_look(&h));
	EXPECT_TRUE(home_kick(&h));
	EXPECT_TRUE(home_look(&h));
	EXPECT_EQ(in(HANDOVER_KICK), HOME_NOTHING);
	EXPECT_TRUE(home_look(&h));
}

TEST_F(Home, ItLeavesWhenNothingIsUnderWay)
{
	on();
	home_took(&h);
	home_took(&h);
	EXPECT_EQ(in(HANDOVER_OFF), HOME_NOTHING);
	EXPECT_FALSE(home_look(&h));
	EXPECT_TRUE(home_kick(&h)); // taken: the next one looks
	EXPECT_FALSE(home_look(&h));
	EXPECT_EQ(next(), std::vector<int>());
	EXPECT_TRUE(home_ended(&h));
	EXPECT_EQ(next(), std::vector<int>());
	EXPECT_TRUE(home_ended(&h));
	at = {9, 9, 9};
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_OFF_DONE}));
	EXPECT_EQ(sent.back().place.next_used, 9);
	EXPECT_FALSE(home_kick(&h));
}

TEST_F(Home, AResetThrowsAwayWhatComesBack)
{
	on();
	home_took(&h);
	handover off = word(HANDOVER_OFF);
	off.discard = true;
	EXPECT_EQ(home_in(&h, &off), HOME_NOTHING);
	EXPECT_FALSE(home_ended(&h));
	at = {1, 0, 0}; // it was not given back
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_OFF_DONE}));
	EXPECT_EQ(sent.back().place.next_avail, 0);
}

TEST_F(Home, InterruptsGoByTheNewestEntry)
{
	on();
	EXPECT_TRUE(home_interrupts(&h));
	handover e = word(HANDOVER_ENTRY);
	e.entry.data = 7;
	e.entry.irq = HANDOVER_IRQ_TELL;
	EXPECT_EQ(home_in(&h, &e), HOME_NOTHING);
	EXPECT_FALSE(home_interrupts(&h));
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_PENDING, HANDOVER_ENTRY_DONE}));
	e.entry.irq = HANDOVER_IRQ_NONE;
	EXPECT_EQ(home_in(&h, &e), HOME_NOTHING);
	EXPECT_FALSE(home_interrupts(&h));
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ENTRY_DONE}));
	EXPECT_EQ(h.entry.data, 7u);
}

TEST_F(Home, AnEntryForAQueueThatHasLeftIsAnswered)
{
	on();
	EXPECT_EQ(in(HANDOVER_OFF), HOME_NOTHING);
	next();
	EXPECT_EQ(in(HANDOVER_ENTRY), HOME_NOTHING);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_ENTRY_DONE}));
}

TEST_F(Home, ABrokenRingIsToldOnceAndServedNoMore)
{
	on();
	home_took(&h);
	home_breaks(&h, RING_LOOP);
	home_breaks(&h, RING_BAD_HEAD);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_BROKEN}));
	EXPECT_EQ(sent.back().why, RING_LOOP);
	EXPECT_TRUE(home_kick(&h));
	EXPECT_FALSE(home_look(&h));
	EXPECT_FALSE(home_ended(&h));
	at = {5, 4, 4};
	EXPECT_EQ(in(HANDOVER_OFF), HOME_NOTHING);
	EXPECT_EQ(next(), (std::vector<int>{HANDOVER_OFF_DONE}));
	EXPECT_EQ(sent.back().place.next_avail, 0);
}

TEST_F(Home, OwnersSayWhatCanBeAndNothingElse)
{
	handover m = word(HANDOVER_ON);
	m.setup.size = 7;
	EXPECT_EQ(home_in(&h, &m), -EPROTO);
	m = word(HANDOVER_ON);
	m.place = {3, 2, 2};
	EXPECT_EQ(home_in(&h, &m), -EPROTO);
	m = word(HANDOVER_ON);
	m.entry.irq = HANDOVER_IRQS;
	EXPECT_EQ(home_in(&h, &m), -EPROTO);
	EXPECT_EQ(in(HANDOVER_OFF), -EPROTO);
	EXPECT_EQ(in(HANDOVER_KICK), -EPROTO);
	EXPECT_EQ(h.state, HOME_AWAY);
	on();
	EXPECT_EQ(in(HANDOVER_ON, 2), -EPROTO);
	EXPECT_EQ(in(HANDOVER_KICK, 2), -EPROTO);
	EXPECT_EQ(in(HANDOVER_OFF, 2), -EPROTO);
	EXPECT_EQ(in(HANDOVER_ENTRY, 2), -EPROTO);
	EXPECT_EQ(in(HANDOVER_ON_DONE), -EPROTO);
	m = word(HANDOVER_ENTRY);
	m.entry.irq = HANDOVER_IRQS;
	EXPECT_EQ(home_in(&h, &m), -EPROTO);
	EXPECT_EQ(in(HANDOVER_ENTRY), HOME_NOTHING);
	EXPECT_EQ(in(HANDOVER_ENTRY), -EPROTO); // one at a time
	EXPECT_EQ(in(HANDOVER_OFF), HOME_NOTHING);
	EXPECT_EQ(in(HANDOVER_OFF), -EPROTO);
	EXPECT_EQ(in(HANDOVER_KICK), -EPROTO);
}
