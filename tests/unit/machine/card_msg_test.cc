// SPDX-License-Identifier: Apache-2.0
// What is put into a message comes out of it; what no honest host sends is refused.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

extern "C" {
#include "vmm/machine/card_msg.h"
#include "vmm/virtio/transport.h"
}

namespace
{

card_word word(handover_kind kind)
{
	card_word w = {};

	w.queue = 7;
	w.m.kind = kind;
	w.m.turn = 0x1234567;
	return w;
}

bool taken(const msg &m)
{
	card_word w;

	return card_msg_word(&m, &w);
}

TEST(CardMsg, AWordThereAndBack)
{
	card_word w = word(HANDOVER_ON), got;
	w.m.place = {5, 5, 3};
	w.m.setup.size = 64;
	w.m.setup.indirect = true;
	w.m.setup.desc = 0x11000;
	w.m.setup.avail = 0x12000;
	w.m.setup.used = 0x13000;
	w.m.setup.accepted = VIRTIO_F_INDIRECT_DESC | VIRTIO_F_VERSION_1 | 2;
	w.m.setup.epoch = 9;
	w.m.entry.address = 0xfee03000;
	w.m.entry.data = 0x44;
	w.m.entry.irq = HANDOVER_IRQ_SEND;
	w.notify = 0x4000001000;
	w.discards = true;
	msg m = card_msg_of_word(11, &w);
	EXPECT_EQ(11u, card_msg_card(&m));
	ASSERT_TRUE(card_msg_word(&m, &got));
	EXPECT_EQ(7, got.queue);
	EXPECT_EQ(HANDOVER_ON, got.m.kind);
	EXPECT_EQ(w.m.turn, got.m.turn);
	EXPECT_FALSE(got.m.discard);
	EXPECT_EQ(0, memcmp(&w.m.place, &got.m.place, sizeof(w.m.place)));
	EXPECT_EQ(64, got.m.setup.size);
	EXPECT_TRUE(got.m.setup.indirect);
	EXPECT_FALSE(got.m.setup.event_idx);
	EXPECT_EQ(0x11000u, got.m.setup.desc);
	EXPECT_EQ(0x12000u, got.m.setup.avail);
	EXPECT_EQ(0x13000u, got.m.setup.used);
	EXPECT_EQ(w.m.setup.accepted, got.m.setup.accepted);
	EXPECT_EQ(9u, got.m.setup.epoch);
	EXPECT_EQ(0xfee03000u, got.m.entry.address);
	EXPECT_EQ(0x44u, got.m.entry.data);
	EXPECT_EQ(HANDOVER_IRQ_SEND, got.m.entry.irq);
	EXPECT_EQ(w.notify, got.notify);
	EXPECT_TRUE(got.discards);
	EXPECT_FALSE(got.read_only);
}

TEST(CardMsg, EachKindGoesOneWay)
{
	for (int kind = 0; kind < HANDOVER_KINDS; kind++) {
		card_word w = word((handover_kind)kind);
		w.m.why = kind == HANDOVER_BROKEN ? RING_LOOP : RING_GOOD;
		w.m.discard = kind == HANDOVER_OFF;
		msg m = card_msg_of_word(1, &w);
		card_word got;
		ASSERT_TRUE(card_msg_word(&m, &got)) << kind;
		EXPECT_EQ(w.m.discard, got.m.discard);
		EXPECT_EQ(w.m.why, got.m.why);
		EXPECT_EQ(kind <= HANDOVER_KICK, card_msg_is_to_front(&m));
		EXPECT_EQ(kind == HANDOVER_KICK || kind == HANDOVER_PENDING, card_msg_merges(&m));
	}
}

TEST(CardMsg, WordsThatNobodySays)
{
	card_word w = word(HANDOVER_ON);
	const msg good = card_msg_of_word(1, &w);
	ASSERT_TRUE(taken(good));
	msg m = good;
	m.u.dev_queue.kind = HANDOVER_KINDS;
	EXPECT_FALSE(taken(m));
	m = good;
	m.u.dev_queue.irq = HANDOVER_IRQS;
	EXPECT_FALSE(taken(m));
	m = good;
	m.u.dev_queue.why = RING_LOOP;
	EXPECT_FALSE(taken(m)) << "only a broken ring has a reason";
	m.u.dev_queue.kind = HANDOVER_BROKEN;
	EXPECT_TRUE(taken(m));
	m.u.dev_queue.why = RING_GOOD;
	EXPECT_FALSE(taken(m));
	m.u.dev_queue.why = RING_ERRORS;
	EXPECT_FALSE(taken(m));
}

TEST(CardMsg, AsksThereAndBack)
{
	uint8_t data[512] = {42};
	for (int op = 0; op < BLOCK_OPS; op++) {
		block_ask a = {}, got;
		a.id = 77;
		a.queue = 3;
		a.turn = 4;
		a.op = (block_op)op;
		a.stable = op == BLOCK_WRITE;
		a.unmap = op == BLOCK_ZEROES;
		a.offset = 1024;
		a.bytes = 512;
		a.reach = 4096;
		a.data = op == BLOCK_WRITE ? data : nullptr;
		msg m = card_msg_of_ask(9, &a);
		EXPECT_EQ(op == BLOCK_WRITE ? MSG_BLK_WRITE : MSG_BLK_REQ, m.kind);
		EXPECT_EQ(9u, card_msg_card(&m));
		EXPECT_FALSE(card_msg_is_to_front(&m));
		ASSERT_TRUE(card_msg_ask(&m, &got));
		EXPECT_EQ(77u, got.id);
		EXPECT_EQ(3, got.queue);
		EXPECT_EQ(4u, got.turn);
		EXPECT_EQ(op, got.op);
		EXPECT_EQ(a.stable, got.stable);
		EXPECT_EQ(a.unmap, got.unmap);
		EXPECT_EQ(1024u, got.offset);
		EXPECT_EQ(512u, got.bytes);
		EXPECT_EQ(4096u, got.reach);
		EXPECT_EQ(a.data, got.data);
	}
}

TEST(CardMsg, AsksThatNobodySends)
{
	block_ask a = {}, got;
	a.id = 1;
	a.bytes = 512;
	msg m = card_msg_of_ask(9, &a);
	m.u.blk_req.op = BLOCK_WRITE; // has data, and is another message
	EXPECT_FALSE(card_msg_ask(&m, &got));
	m.u.blk_req.op = BLOCK_OPS;
	EXPECT_FALSE(card_msg_ask(&m, &got));
	m.u.blk_req.op = BLOCK_READ;
	EXPECT_TRUE(card_msg_ask(&m, &got));
	m.u.blk_req.flags = 4;
	EXPECT_FALSE(card_msg_ask(&m, &got));
	m = {};
	m.kind = MSG_BLK_WRITE;
	EXPECT_FALSE(card_msg_ask(&m, &got)) << "without data";
}

TEST(CardMsg, AnswersThereAndBack)
{
	uint8_t data[512] = {};
	block_answer a = {}, got;
	a.id = 5;
	a.data = data;
	a.bytes = 512;
	msg m = card_msg_of_answer(9, &a);
	EXPECT_EQ(9u, card_msg_card(&m));
	EXPECT_TRUE(card_msg_is_to_front(&m));
	ASSERT_TRUE(card_msg_answer(&m, &got));
	EXPECT_EQ(5u, got.id);
	EXPECT_EQ(0, got.error);
	EXPECT_EQ(512u, got.bytes);
	EXPECT_EQ(data, got.data);
	m.u.blk_rep.error = EIO; // and data
	EXPECT_FALSE(card_msg_answer(&m, &got));
	a = {};
	a.error = -EIO;
	m = card_msg_of_answer(9, &a);
	ASSERT_TRUE(card_msg_answer(&m, &got));
	EXPECT_EQ(-EIO, got.error);
	m.u.blk_rep.error = 4096;
	EXPECT_FALSE(card_msg_answer(&m, &got));
}

} // namespace
