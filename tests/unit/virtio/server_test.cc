// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/driver.h"

#include <map>

extern "C" {
#include "vmm/virtio/owners.h"
}

/* A device with two queues, a driver with a ring in each, and a lock that must not be held when memory is touched. */
struct Server : ::testing::Test {
	Driver d{8}, second{8};
	virtio v;
	server s;
	owners o;
	ring rings[2];
	bool locked = false;
	std::vector<unsigned> sent; // vectors
	std::map<uint16_t, std::vector<uint16_t>> heads;
	enum ring_error answer = RING_GOOD;
	bool later = false, demand = false;
	size_t room = SIZE_MAX;       // requests of queue 0 that are taken
	std::function<void()> during; // a request, once
	guest_mem mem;
	virtio_fx fx;

	Server()
	{
		mem.owner = this;
		mem.read = [](void *o, uint64_t gpa, void *to, size_t n) { return free(o) && m(o).read(gpa, to, n); };
		mem.write = [](void *o, uint64_t gpa, const void *from, size_t n) {
			return free(o) && m(o).write(gpa, from, n);
		};
		mem.read16 = [](void *o, uint64_t gpa, uint16_t *x) {
			return free(o) && m(o).mem.read16(&m(o), gpa, x);
		};
		mem.write16 = [](void *o, uint64_t gpa, uint16_t x) {
			return free(o) && m(o).mem.write16(&m(o), gpa, x);
		};
		make(&v);
		serve();
		second.at.desc += 0x40000;
		second.at.avail += 0x40000;
		second.at.used += 0x40000;
		bring_up();
	}
	static Driver &m(void *o)
	{
		return ((Server *)o)->d;
	}
	static bool free(void *o)
	{
		EXPECT_FALSE(((Server *)o)->locked) << "memory under the lock";
		return true;
	}
	static void make(virtio *v)
	{
		virtio_params p = {};
		p.type = 4;
		p.queues = 2;
		p.queue_size = 8;
		p.window = 1ull << 38;
		p.window_bytes = 1ull << 32;
		p.address = 1ull << 38;
		virtio_init(v, &p);
	}
	static const server_ops ops;
	static const owners_ops registers;
	void serve()
	{
		server_link link = owners_link(&o);
		server_init(&s, 2, rings, &mem, &ops, this, &link);
		owners_init(&o, &v, &s, 0, &registers, this);
	}

	/* An access of a vCPU: true if the serving thread is wanted. */
	bool w(uint64_t at, unsigned n, uint64_t x)
	{
		virtio_bar_write(&v, at, n, x, &fx);
		return owners_accessed(&o, &fx);
	}
	bool cfg(unsigned at, unsigned n, uint32_t x)
	{
		virtio_pci_write(&v, at, n, x, &fx);
		return owners_accessed(&o, &fx);
	}
	bool kick(unsigned q = 0)
	{
		return w(VIRTIO_AT_NOTIFY + 4 * q, 2, q);
	}
	void bring_up()
	{
		cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		cfg(v.msix.cap + 2, 2, 0x8000);
		for (unsigned i = 0; i < 3; i++) {
			w(VIRTIO_AT_TABLE + 16 * i, 8, 0xfee00000);
			w(VIRTIO_AT_TABLE + 16 * i + 8, 8, 0x30);
		}
		w(0x14, 1, 3);
		w(0x08, 4, 1);
		w(0x0c, 4, 1);
		w(0x14, 1, 11);
		w(0x10, 2, 0);
		for (unsigned q = 0; q < 2; q++) {
			Driver &x = q ? second : d;
			x.avail = x.next_desc = 0;
			d.put(x.at.avail, 0, 4);
			d.put(x.at.used, 0, 4);
			w(0x16, 2, q);
			w(0x1a, 2, q + 1);
			w(0x20, 8, x.at.desc);
			w(0x28, 8, x.at.avail);
			w(0x30, 8, x.at.used);
			w(0x1c, 2, 1);
		}
		EXPECT_TRUE(w(0x14, 1, 15));
	}
	/* Makes one buffer available in a queue; its ring is in d's memory. */
	uint16_t add(unsigned q = 0)
	{
		Driver &x = q ? second : d;
		uint16_t head = x.next_desc;
		x.next_desc = (uint16_t)((head + 1) % 8);
		d.desc(x.at.desc, head, 0x100, 16, Driver::WRITE, 0);
		d.put(x.at.avail + 4 + 2 * (x.avail % 8), head, 2);
		d.put(x.at.avail + 2, ++x.avail, 2);
		return head;
	}
	unsigned used(unsigned q = 0)
	{
		return (unsigned)d.get((q ? second : d).at.used + 2, 2);
	}
	uint8_t status()
	{
		return (uint8_t)virtio_bar_read(&v, 0x14, 1);
	}
};

const owners_ops Server::registers = {
	[](void *c) {
		EXPECT_FALSE(((Server *)c)->locked);
		((Server *)c)->locked = true;
	},
	[](void *c) {
		EXPECT_TRUE(((Server *)c)->locked);
		((Server *)c)->locked = false;
	},
	[](void *c, const msix_message *m) {
		EXPECT_FALSE(((Server *)c)->locked);
		((Server *)c)->sent.push_back(m->vector);
	},
	nullptr,
	nullptr,
};

const server_ops Server::ops = {
	[](void *c, uint16_t q, const chain *ch, uint32_t *used, bool *later) {
		Server *t = (Server *)c;
		EXPECT_FALSE(t->locked);
		t->heads[q].push_back(ch->head);
		*used = 7;
		*later = t->later;
		if (auto f = std::move(t->during)) {
			t->during = nullptr;
			f();
		}
		return t->answer;
	},
	[](void *c, uint16_t) { return ((Server *)c)->demand; },
	[](void *c) { return ((Server *)c)->heads[0].size() >= ((Server *)c)->room; },
};

TEST_F(Server, ServesWhatWasKicked)
{
	EXPECT_FALSE(server_round(&s)); // being ready is a look, and there is nothing
	add();
	add();
	add(1);
	EXPECT_FALSE(server_round(&s)); // no kick
	EXPECT_EQ(0u, used());
	EXPECT_TRUE(kick(0));
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(2u, used());
	EXPECT_EQ(0u, used(1));
	EXPECT_EQ(7u, d.element(0).second);
	EXPECT_EQ((std::vector<unsigned>{1}), sent); // one interrupt for both
	EXPECT_TRUE(kick(1));
	server_round(&s);
	EXPECT_EQ(1u, used(1));
	EXPECT_EQ((std::vector<unsigned>{1, 2}), sent);
	EXPECT_EQ(3u, s.served);
}

TEST_F(Server, WhatWasAvailableBeforeItWasReadyNeedsNoKick)
{
	add();
	server_round(&s); // of bring_up()
	EXPECT_EQ(1u, used());
}

TEST_F(Server, FillingDriverDoesNotKeepItFromOthers)
{
	for (unsigned i = 0; i < 4; i++)
		add();
	unsigned more = 24;
	std::function<void()> again = [&] {
		if (more--) {
			add(); // one for each that is taken
			during = again;
		}
	};
	during = again;
	add(1);
	kick();
	kick(1);
	EXPECT_TRUE(server_round(&s));
	EXPECT_EQ(8u, used()); // a ring's size, and then the other
	EXPECT_EQ(1u, used(1));
	unsigned rounds = 1;
	while (server_round(&s))
		rounds++;
	EXPECT_EQ(28u, used());
	EXPECT_LE(rounds, 5u);
}

TEST_F(Server, BrokenQueueNeedsReset)
{
	server_round(&s);
	sent.clear();
	d.put(d.at.avail + 2, 100, 2);
	kick();
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, status());
	EXPECT_EQ((std::vector<unsigned>{0}), sent);
	EXPECT_EQ(RING_INDEX_JUMP, o.why);
	EXPECT_FALSE(kick());
	EXPECT_FALSE(kick(1)); // the device as a whole
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(1u, o.broken);
	EXPECT_TRUE(w(0x14, 1, 0));
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(0, status());
	bring_up();
	add();
	server_round(&s);
	EXPECT_EQ(1u, used());
	/* A request that can't be answered does the same. */
	answer = RING_BAD_REQUEST;
	add();
	kick();
	server_round(&s);
	EXPECT_EQ(RING_BAD_REQUEST, o.why);
	EXPECT_EQ(2u, o.broken);
	EXPECT_EQ(1u, used());
}

TEST_F(Server, ResetEndsOnTheServingThread)
{
	add();
	server_round(&s);
	EXPECT_TRUE(w(0x14, 1, 0));
	EXPECT_EQ(15, status());
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(0, status());
	for (unsigned i = 0; i < 50; i++) { // as a driver that is bound and unbound
		bring_up();
		add();
		add(1);
		EXPECT_FALSE(server_round(&s));
		EXPECT_EQ(1u, used());
		EXPECT_EQ(1u, used(1));
		w(0x14, 1, 0);
		server_round(&s);
		ASSERT_EQ(0, status());
	}
}

TEST_F(Server, ResetInTheMiddleOfARequest)
{
	add();
	add();
	during = [&] { w(0x14, 1, 0); };
	kick();
	server_round(&s);
	EXPECT_EQ(0, status()); // when it came to the next queue: nothing is under way
	EXPECT_TRUE(sent.empty());
}

TEST_F(Server, LaterRequests)
{
	later = true;
	uint16_t a = add(), b = add();
	kick();
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(2u, s.under_way);
	EXPECT_EQ(0u, used());
	server_complete(&s, 0, b, 3, RING_GOOD);
	server_complete(&s, 0, a, 4, RING_GOOD);
	EXPECT_TRUE(sent.empty());
	server_told(&s, 0);
	EXPECT_EQ((std::vector<unsigned>{1}), sent);
	EXPECT_EQ(std::make_pair((uint32_t)b, 3u), d.element(0));
	EXPECT_EQ(std::make_pair((uint32_t)a, 4u), d.element(1));
	server_told(&s, 0);
	EXPECT_EQ(1u, sent.size());
}

/* By what ends while the driver has its queue taken away: a broken ring has no place, and is told first. */
TEST_F(Server, ARingThatBreaksWhileItsQueueLeaves)
{
	for (bool leaves_first : {true, false}) {
		later = true;
		uint16_t a = add();
		kick();
		server_round(&s);
		ASSERT_EQ(1u, s.under_way);
		if (leaves_first) {
			cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY);
			server_round(&s);
		}
		server_complete(&s, 0, a, 0, RING_NO_MEMORY);
		if (!leaves_first)
			cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY);
		server_round(&s); // hears of it before server_told()
		server_told(&s, 0);
		EXPECT_EQ(RING_NO_MEMORY, o.why);
		EXPECT_EQ(HOST_NONE, o.queue[0].at);
		EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, status());
		w(0x14, 1, 0);
		server_round(&s);
		ASSERT_EQ(0, status());
		later = false;
		bring_up();
		add();
		kick();
		server_round(&s);
		EXPECT_EQ(1u, used());
		w(0x14, 1, 0);
		server_round(&s);
		bring_up();
	}
}

/* A frame after the other, and the driver refills: more than a ring's size has been given back before it is told. */
TEST_F(Server, AQueueLeavesBeforeALotWasTold)
{
	demand = true;
	server_round(&s);
	for (unsigned i = 0; i < 20; i++) {
		add();
		ASSERT_TRUE(server_take(&s, 0));
		server_complete(&s, 0, s.chain.head, 1, RING_GOOD);
	}
	cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY);
	server_round(&s);
	EXPECT_EQ(HOST_NONE, o.queue[0].at);
	EXPECT_EQ(20u, o.queue[0].place.next_used);
	EXPECT_EQ(20u - 8, o.queue[0].place.told);
	cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	server_round(&s);
	server_told(&s, 0);
	EXPECT_EQ((std::vector<unsigned>{1}), sent); // and it is told still
}

TEST_F(Server, HeldNothingIsTaken)
{
	demand = true;
	server_round(&s);
	add();
	server_hold(&s, true);
	EXPECT_FALSE(server_take(&s, 0));
	server_hold(&s, false);
	EXPECT_TRUE(server_take(&s, 0));
}

/* What there is no room for stays in the ring, whatever is kicked, until there is a look. */
TEST_F(Server, WhoIsFullTakesNoMore)
{
	room = 2;
	for (unsigned i = 0; i < 5; i++)
		add();
	kick();
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(2u, used());
	kick();
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(2u, used());
	room = 100;
	EXPECT_TRUE(server_kick(&s, 0));
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(5u, used());
	add();
	EXPECT_TRUE(kick()); // and notifications are on again
	server_round(&s);
	EXPECT_EQ(6u, used());
}

TEST_F(Server, ResetWaitsForWhatIsUnderWayAndThrowsItAway)
{
	later = true;
	uint16_t a = add(), b = add();
	kick();
	server_round(&s);
	w(0x14, 1, 0);
	server_round(&s);
	EXPECT_EQ(15, status());
	server_complete(&s, 0, a, 4, RING_GOOD);
	EXPECT_EQ(15, status());
	server_complete(&s, 0, b, 4, RING_NO_MEMORY);
	server_told(&s, 0);
	EXPECT_EQ(0, status());
	EXPECT_EQ(0u, used());
	EXPECT_EQ(2u, s.discarded);
	EXPECT_TRUE(sent.empty());
	EXPECT_EQ(0u, o.broken);
	later = false;
	bring_up();
	add();
	server_round(&s);
	EXPECT_EQ(1u, used());
}

TEST_F(Server, BuffersOnDemand)
{
	demand = true;
	kick();
	EXPECT_FALSE(server_round(&s));
	EXPECT_FALSE(server_take(&s, 0));
	uint16_t a = add(), b = add();
	kick();
	EXPECT_FALSE(server_round(&s));
	EXPECT_TRUE(heads.empty());
	ASSERT_TRUE(server_take(&s, 0));
	EXPECT_EQ(a, s.chain.head);
	ASSERT_TRUE(server_take(&s, 0));
	EXPECT_EQ(b, s.chain.head);
	EXPECT_FALSE(server_take(&s, 0));
	server_complete(&s, 0, a, 9, RING_GOOD);
	server_complete(&s, 0, b, 9, RING_GOOD);
	server_told(&s, 0);
	EXPECT_EQ(2u, used());
	d.put(d.at.avail + 2, 100, 2);
	EXPECT_FALSE(server_take(&s, 0));
	EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, status());
	EXPECT_FALSE(server_take(&s, 0));
	EXPECT_FALSE(server_take(&s, 1));
}

TEST_F(Server, SeveralBuffersOfOneThing)
{
	demand = true;
	uint16_t a = add(), b = add();
	kick();
	server_round(&s);
	ASSERT_TRUE(server_take(&s, 0));
	chain first = s.chain;
	ASSERT_TRUE(server_take(&s, 0));
	chain second_one = s.chain;
	EXPECT_FALSE(server_take(&s, 0)); // they are too few: all are put back
	server_untake(&s, 0, &second_one);
	server_untake(&s, 0, &first);
	EXPECT_EQ(0u, s.under_way);
	EXPECT_EQ(0u, used());
	uint16_t c = add();
	server_used all[3];
	for (auto &u : all) {
		ASSERT_TRUE(server_take(&s, 0));
		u.head = s.chain.head;
		u.bytes = 10u + u.head;
	}
	EXPECT_EQ(a, all[0].head);
	EXPECT_EQ(b, all[1].head);
	EXPECT_EQ(c, all[2].head);
	unsigned writes = d.writes;
	server_complete_all(&s, 0, all, 3, RING_GOOD);
	EXPECT_EQ(3u, used());
	EXPECT_EQ(writes + 4, d.writes) << "three elements, then one index";
	EXPECT_EQ(0u, s.under_way);
	server_told(&s, 0);
	EXPECT_EQ((std::vector<unsigned>{1}), sent);
}

TEST_F(Server, SeveralBuffersAndAReset)
{
	demand = true;
	server_used all[2];
	chain kept[2];
	for (bool back : {false, true}) {
		add();
		add();
		kick();
		server_round(&s);
		for (unsigned i = 0; i < 2; i++) {
			ASSERT_TRUE(server_take(&s, 0));
			kept[i] = s.chain;
			all[i] = {s.chain.head, 1};
		}
		w(0x14, 1, 0);
		server_round(&s);
		EXPECT_EQ(15, status());
		if (back) {
			server_untake(&s, 0, &kept[1]);
			EXPECT_EQ(15, status());
			server_untake(&s, 0, &kept[0]);
		} else {
			server_complete_all(&s, 0, all, 2, RING_GOOD);
			EXPECT_EQ(2u, s.discarded);
		}
		EXPECT_EQ(0u, used());
		EXPECT_EQ(0, status());
		bring_up();
	}
	/* What is wrong with one of them breaks the queue, and none is seen. */
	add();
	add();
	kick();
	server_round(&s);
	for (auto &u : all) {
		ASSERT_TRUE(server_take(&s, 0));
		u.head = s.chain.head;
	}
	server_complete_all(&s, 0, all, 2, RING_NO_MEMORY);
	server_told(&s, 0);
	EXPECT_EQ(0u, used());
	EXPECT_EQ(RING_NO_MEMORY, o.why);
	EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, status());
}

TEST_F(Server, NotWhileItMayNotWriteToMemory)
{
	server_round(&s);
	add();
	kick();
	cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY);
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(0u, used());
	EXPECT_TRUE(cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	server_round(&s);
	EXPECT_EQ(1u, used());
}

TEST_F(Server, PowerOn)
{
	add();
	kick();
	virtio_power_on(&v);
	owners_power_on(&o);
	EXPECT_FALSE(server_round(&s));
	EXPECT_EQ(0u, used());
	bring_up();
	add();
	server_round(&s);
	EXPECT_EQ(1u, used());
}

TEST_F(Server, FieldsGoOnWhereItWas)
{
	add();
	add();
	kick();
	server_round(&s);
	std::vector<uint8_t> buf(8192);
	fields out = fields_writer(buf.data(), buf.size());
	virtio_fields(&out, &v);
	owners_fields(&out, &o);
	ASSERT_FALSE(out.bad);
	size_t n = buf.size() - out.left;
	make(&v);
	memset(rings, 0xee, sizeof(rings));
	serve();
	fields in = fields_reader(buf.data(), n);
	virtio_fields(&in, &v);
	owners_fields(&in, &o);
	ASSERT_FALSE(in.bad);
	EXPECT_EQ(0u, in.left);
	add();
	add(1);
	server_round(&s); // a kick may have been on its way
	EXPECT_EQ(3u, used());
	EXPECT_EQ(1u, used(1));
	later = true;
	add();
	kick();
	server_round(&s);
	out = fields_writer(buf.data(), buf.size());
	owners_fields(&out, &o);
	EXPECT_TRUE(out.bad); // something is under way
}
