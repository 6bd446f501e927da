// SPDX-License-Identifier: Apache-2.0
// The front half of a disk of another host: the test is that host, and the driver of one queue.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "tests/unit/card/vector_memory.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/card/front.h"
#include "vmm/chip/icr.h"
#include "vmm/virtio/blk.h"
#include "vmm/virtio/transport.h"
}

namespace
{

enum : uint32_t { kQueue = 3, kNotify = 0x10000000, kRing = 16 };

struct Asked {
	block_ask a;
	std::vector<uint8_t> data;
};

struct FarFront : testing::Test {
	std::vector<uint8_t> memory = std::vector<uint8_t>(0x20000);
	guest_mem mem = {};
	card_host host = {};
	card_far far = {};
	front *f = nullptr;
	std::deque<card_word> said;
	std::deque<Asked> asked;
	std::vector<apic_msg> sent;
	uint32_t turn = 0;
	uint16_t given = 0;
	bool no_memory = false;

	static FarFront *self(void *x)
	{
		return (FarFront *)x;
	}
	void touched()
	{
	}
	FarFront()
	{
		host.ctx = this;
		vector_memory(&mem, this);
		host.mem = &mem;
		host.far = &far;
		host.send = [](void *x, const apic_msg *m) { self(x)->sent.push_back(*m); };
		far.tell = [](void *x, host_id to, uint32_t card, const card_word *w) {
			EXPECT_EQ(2, to);
			EXPECT_EQ(9u, card);
			self(x)->said.push_back(*w);
		};
		far.ask = [](void *x, host_id to, uint32_t card, const block_ask *a) {
			std::vector<uint8_t> data;
			EXPECT_EQ(2, to);
			EXPECT_EQ(9u, card);
			if (self(x)->no_memory)
				return false;
			if (a->data)
				data.assign(a->data, a->data + a->bytes);
			self(x)->asked.push_back({*a, data});
			return true;
		};
		EXPECT_EQ(0, front_create(&f, &host, 2, 9, "{\"path\":\"/disk\",\"serial\":\"FAR\"}"));
	}
	~FarFront() override
	{
		front_destroy(f);
	}
	card_word word(handover_kind kind, bool discard = false)
	{
		card_word w = {};
		w.queue = kQueue;
		w.m.kind = kind;
		turn += kind == HANDOVER_ON;
		w.m.turn = turn;
		w.m.discard = discard;
		w.m.setup.size = kRing;
		w.m.setup.desc = 0x1000;
		w.m.setup.avail = 0x2000;
		w.m.setup.used = 0x3000;
		w.m.setup.accepted = BLK_F_FLUSH | BLK_F_DISCARD;
		w.m.place = {given, given, given};
		w.m.entry.address = 0xfee05000;
		w.m.entry.data = 0x61;
		w.m.entry.irq = HANDOVER_IRQ_SEND;
		w.notify = kNotify;
		w.discards = true;
		return w;
	}
	int say(handover_kind kind, bool discard = false)
	{
		card_word w = word(kind, discard);
		int r = front_word(f, &w);
		work();
		return r;
	}
	void work()
	{
		while (front_work(f))
			;
	}
	// The kind of the next word, -1: none was said.
	int heard()
	{
		if (said.empty())
			return -1;
		card_word w = said.front();
		said.pop_front();
		EXPECT_EQ((int)kQueue, w.queue);
		EXPECT_EQ(turn, w.m.turn);
		return w.m.kind;
	}
	void desc(unsigned i, uint64_t at, uint32_t n, unsigned flags)
	{
		put_le(&memory[0x1000 + 16 * i], at, 8);
		put_le(&memory[0x1008 + 16 * i], n, 4);
		put_le(&memory[0x100c + 16 * i], flags, 2);
		put_le(&memory[0x100e + 16 * i], i + 1, 2);
	}
	// A request, of which three may be there; n bytes of data at 0x8000. Status at 0x7100 and further.
	void ask(uint32_t type, uint64_t sector, uint32_t n, bool write)
	{
		unsigned slot = given % 3, d = 3 * slot;
		put_le(&memory[0x7000 + 16 * slot], type, 4);
		put_le(&memory[0x7008 + 16 * slot], sector, 8);
		memory[0x7100 + slot] = 0xff;
		desc(d, 0x7000 + 16 * slot, 16, 1);
		desc(d + 1, 0x8000, n, write ? 3 : 1);
		desc(d + 2, 0x7100 + slot, 1, 2);
		if (!n) {
			desc(d + 1, 0x7100 + slot, 1, 2);
		}
		put_le(&memory[0x2004 + 2 * (given % kRing)], d, 2);
		put_le(&memory[0x2002], ++given, 2);
		EXPECT_TRUE(front_kick(f, kNotify + 4 * kQueue));
		work();
	}
	int answer(int error = 0, uint8_t with = 0)
	{
		Asked a = asked.front();
		asked.pop_front();
		std::vector<uint8_t> data(a.a.op == BLOCK_READ && !error ? a.a.bytes : 0, with);
		block_answer x = {};
		x.id = a.a.id;
		x.error = error;
		x.data = data.data();
		x.bytes = (uint32_t)data.size();
		int r = front_answer(f, &x);
		work();
		return r;
	}
	unsigned used()
	{
		return (unsigned)get_le(&memory[0x3002], 2);
	}
};

TEST_F(FarFront, ARequestGoesAndItsAnswerComes)
{
	EXPECT_FALSE(front_kick(f, kNotify + 4 * kQueue)) << "it is not here yet";
	ASSERT_EQ(0, say(HANDOVER_ON));
	EXPECT_EQ(HANDOVER_ON_DONE, heard());
	ask(0, 8, 1024, true);
	ASSERT_EQ(1u, asked.size());
	EXPECT_EQ(BLOCK_READ, asked[0].a.op);
	EXPECT_EQ(8u * 512, asked[0].a.offset);
	EXPECT_EQ(1024u, asked[0].a.bytes);
	EXPECT_EQ((int)kQueue, asked[0].a.queue);
	EXPECT_EQ(turn, asked[0].a.turn);
	EXPECT_EQ(0u, used());
	ASSERT_EQ(0, answer(0, 0x77));
	EXPECT_EQ(1u, used());
	EXPECT_EQ(0, memory[0x7100]);
	EXPECT_EQ(0x77, memory[0x8000 + 1023]);
	ASSERT_EQ(1u, sent.size());
	EXPECT_EQ(0x61, sent[0].vector);
	EXPECT_EQ(5u, sent[0].dest);
	memory[0x8000] = 0x12;
	ask(1, 0, 512, false);
	ASSERT_EQ(1u, asked.size());
	EXPECT_EQ(BLOCK_WRITE, asked[0].a.op);
	EXPECT_EQ(0x12, asked[0].data[0]);
	ASSERT_EQ(0, answer(-EIO));
	EXPECT_EQ(BLK_IOERR, memory[0x7101]);
	EXPECT_EQ(2u, front_requests(f));
	EXPECT_EQ(-1, heard());
}

/* How large the disk is only its owner knows; the rest is the same as there. */
TEST_F(FarFront, WhatIsAnsweredHere)
{
	ASSERT_EQ(0, say(HANDOVER_ON));
	ask(8, 0, 20, true);
	EXPECT_TRUE(asked.empty());
	EXPECT_EQ(1u, used());
	EXPECT_STREQ("FAR", (const char *)&memory[0x8000]);
	ask(99, 0, 512, true);
	EXPECT_EQ(BLK_UNSUPP, memory[0x7101]);
	memset(&memory[0x8000], 0, 16); // a discard of nothing
	ask(11, 0, 16, false);
	EXPECT_TRUE(asked.empty());
	EXPECT_EQ(3u, used());
	EXPECT_EQ(BLK_OK, memory[0x7102]);
	ask(0, 1ull << 40, 512, true);
	ASSERT_EQ(1u, asked.size());
	EXPECT_EQ(0, answer(-EIO));
	EXPECT_EQ(BLK_IOERR, memory[0x7100]);
}

/* More than are kept at once, of which the owner is asked for none: nobody else says that there is room again. */
TEST_F(FarFront, WhatEndsHereMakesRoomForTheRest)
{
	enum { kMany = 600 }; // in each of two queues
	put_le(&memory[0x7000], 11, 4);
	memset(&memory[0x8000], 0, 16); // a discard of nothing
	for (unsigned i = 0; i < kMany; i++) {
		desc(i, 0x7000, 16, 1);
		put_le(&memory[0x100e + 16 * i], kMany, 2); // the rest is the same for all
		put_le(&memory[0x10004 + 2 * i], i, 2);
		put_le(&memory[0x11004 + 2 * i], i, 2);
	}
	desc(kMany, 0x8000, 16, 1);
	desc(kMany + 1, 0x7100, 1, 2);
	card_word w = word(HANDOVER_ON);
	w.m.setup.size = 1024;
	for (unsigned i = 0; i < 2; i++) {
		w.queue = (uint16_t)i;
		w.m.setup.avail = 0x10000 + 0x1000 * i;
		w.m.setup.used = 0x14000 + 0x4000 * i;
		put_le(&memory[w.m.setup.avail + 2], kMany, 2);
		ASSERT_EQ(0, front_word(f, &w));
	}
	work();
	EXPECT_TRUE(asked.empty());
	EXPECT_EQ((uint64_t)kMany, get_le(&memory[0x14002], 2));
	EXPECT_EQ((uint64_t)kMany, get_le(&memory[0x18002], 2));
}

TEST_F(FarFront, OnlyItsNotificationsAreTaken)
{
	ASSERT_EQ(0, say(HANDOVER_ON));
	for (uint64_t at :
	     {kNotify + 4 * kQueue + 1, kNotify + 4 * kQueue + 4, kNotify + 4 * DISK_QUEUES_MAX, kNotify - 4u, 0u})
		EXPECT_FALSE(front_kick(f, at)) << at;
	EXPECT_TRUE(front_kick(f, kNotify + 4 * kQueue));
	ASSERT_EQ(0, say(HANDOVER_OFF));
	EXPECT_FALSE(front_kick(f, kNotify + 4 * kQueue)) << "it has left";
}

TEST_F(FarFront, AQueueLeavesWhenWhatIsUnderWayHasEnded)
{
	ASSERT_EQ(0, say(HANDOVER_ON));
	EXPECT_EQ(HANDOVER_ON_DONE, heard());
	ask(0, 0, 512, true);
	ASSERT_EQ(0, say(HANDOVER_OFF));
	EXPECT_EQ(-1, heard());
	ASSERT_EQ(0, answer());
	EXPECT_EQ(1u, used());
	ASSERT_FALSE(said.empty());
	EXPECT_EQ(1, said.front().m.place.next_avail);
	EXPECT_EQ(HANDOVER_OFF_DONE, heard());
	ASSERT_EQ(0, say(HANDOVER_ON));
	EXPECT_EQ(HANDOVER_ON_DONE, heard());
	memory[0x8000] = 0x33;
	ask(0, 0, 512, true);
	ASSERT_EQ(0, say(HANDOVER_OFF, true)); // a reset
	ASSERT_EQ(0, answer(0, 0x99));
	EXPECT_EQ(0x33, memory[0x8000]) << "nothing is written any more";
	EXPECT_EQ(0xff, memory[0x7101]);
	EXPECT_EQ(1u, used());
	EXPECT_EQ(HANDOVER_OFF_DONE, heard());
}

TEST_F(FarFront, WhatCannotBeSentIsAnError)
{
	ASSERT_EQ(0, say(HANDOVER_ON));
	no_memory = true;
	ask(0, 0, 512, true);
	EXPECT_EQ(1u, used());
	EXPECT_EQ(BLK_IOERR, memory[0x7100]);
	EXPECT_EQ(1u, sent.size());
	no_memory = false;
	ask(0, 0, 512, true);
	EXPECT_EQ(0, answer());
	EXPECT_EQ(BLK_OK, memory[0x7101]);
}

TEST_F(FarFront, WhatItsOwnerMayNotSay)
{
	block_answer a = {};
	a.id = 12345;
	EXPECT_EQ(-EPROTO, front_answer(f, &a)) << "nothing was asked";
	EXPECT_EQ(-EPROTO, say(HANDOVER_KICK)) << "it is not here";
	EXPECT_EQ(-EPROTO, say(HANDOVER_OFF));
	ASSERT_EQ(0, say(HANDOVER_ON));
	EXPECT_EQ(-EPROTO, say(HANDOVER_ON)) << "it is here";
	turn--;
	EXPECT_EQ(-EPROTO, say(HANDOVER_OFF_DONE)) << "that is the home's to say";
	card_word w = {};
	w.queue = DISK_QUEUES_MAX;
	EXPECT_EQ(-EPROTO, front_word(f, &w));
	front *none = nullptr;
	EXPECT_EQ(-EINVAL, front_create(&none, &host, 2, 9, "{\"path\":7}"));
}

/* At the end of the guest nothing is written any more either. */
TEST_F(FarFront, TheEndWithRequestsUnderWay)
{
	ASSERT_EQ(0, say(HANDOVER_ON));
	ask(0, 0, 512, true);
	ask(1, 0, 512, false);
	front_destroy(f);
	f = nullptr;
	EXPECT_EQ(0u, used());
	EXPECT_EQ(0xff, memory[0x7100]);
	EXPECT_EQ(0xff, memory[0x7101]);
}

} // namespace
