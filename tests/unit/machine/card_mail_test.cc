// SPDX-License-Identifier: Apache-2.0
// Order, copies, what merges, and where a peer has too much under way.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

extern "C" {
#include "vmm/machine/card_mail.h"
#include "vmm/virtio/handover.h"
}

namespace
{

struct CardMail : testing::Test {
	card_mail box;

	CardMail()
	{
		card_mail_init(&box);
	}
	~CardMail() override
	{
		card_mail_free(&box);
	}
	int put(host_id from, uint8_t kind, uint16_t queue, uint32_t card = 1)
	{
		msg m = {};
		m.kind = MSG_DEV_QUEUE;
		m.u.dev_queue.kind = kind;
		m.u.dev_queue.queue = queue;
		m.u.dev_queue.device = card;
		return card_mail_put(&box, from, 3, true, &m, 1000);
	}
	unsigned count()
	{
		unsigned n = 0;
		for (card_letter *l = card_mail_take(&box), *next; l; l = next, n++) {
			next = l->next;
			free(l);
		}
		return n;
	}
};

TEST_F(CardMail, InOrderWithACopyOfTheData)
{
	uint8_t data[] = {1, 2, 3};
	msg m = {};
	m.kind = MSG_BLK_WRITE;
	m.blob = data;
	m.blob_bytes = 3;
	EXPECT_EQ(nullptr, card_mail_take(&box));
	EXPECT_EQ(0, put(2, HANDOVER_ON, 5));
	EXPECT_EQ(0, card_mail_put(&box, 1, 4, false, &m, 3));
	data[0] = 9;
	card_letter *l = card_mail_take(&box);
	ASSERT_NE(nullptr, l);
	EXPECT_EQ(2, l->from);
	EXPECT_EQ(3, l->slot);
	EXPECT_TRUE(l->far);
	EXPECT_EQ(5, l->m.u.dev_queue.queue);
	card_letter *second = l->next;
	ASSERT_NE(nullptr, second);
	EXPECT_EQ(1, second->from);
	EXPECT_FALSE(second->far);
	EXPECT_EQ(1, second->m.blob[0]);
	EXPECT_EQ(nullptr, second->next);
	free(l);
	free(second);
}

TEST_F(CardMail, WhatAGuestSaysOftenMergesAndNothingElse)
{
	for (unsigned i = 0; i < 10000; i++) {
		EXPECT_EQ(0, put(1, HANDOVER_KICK, (uint16_t)(i % 3)));
		EXPECT_EQ(0, put(1, HANDOVER_PENDING, (uint16_t)(i % 3)));
	}
	EXPECT_EQ(0, put(1, HANDOVER_KICK, 0, 2)); // of another card
	EXPECT_EQ(0, put(2, HANDOVER_KICK, 0));    // of another host
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(0, put(1, HANDOVER_ENTRY, 0));
	EXPECT_EQ(CARD_MAIL_MERGE_FROM + 102, count());
	EXPECT_EQ(0, put(1, HANDOVER_KICK, 0));
	EXPECT_EQ(1u, count()) << "what was taken waits no more";
}

TEST_F(CardMail, NoPeerHasMoreThanAnHonestOneWould)
{
	uint8_t data[600] = {};
	msg m = {};
	for (unsigned i = 0; i < CARD_MAIL_MAX; i++)
		ASSERT_EQ(0, put(1, HANDOVER_ENTRY, 0));
	EXPECT_EQ(-ENOSPC, put(1, HANDOVER_ENTRY, 0));
	EXPECT_EQ(0, put(2, HANDOVER_ENTRY, 0)) << "another's bound is its own";
	m.kind = MSG_BLK_WRITE;
	m.blob = data;
	m.blob_bytes = sizeof(data);
	EXPECT_EQ(0, card_mail_put(&box, 2, 3, false, &m, 1000));
	EXPECT_EQ(-ENOSPC, card_mail_put(&box, 2, 3, false, &m, 1000));
	EXPECT_EQ(CARD_MAIL_MAX + 2u, count());
	EXPECT_EQ(0, card_mail_put(&box, 2, 3, false, &m, 1000));
}

} // namespace
