// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/driver.h"

#include <cerrno>
#include <random>
#include <set>
#include <thread>

struct Ring : ::testing::Test {
	Driver d;
	ring r;
	chain c;
	Ring()
	{
		start();
	}
	void start(uint16_t size = 8, bool event_idx = false)
	{
		d.at.size = size;
		d.at.event_idx = event_idx;
		ring_start(&r, &d.at);
	}
	int pop()
	{
		return ring_pop(&r, &d.mem, &c);
	}
	int push(uint16_t head, uint32_t n = 0)
	{
		return ring_push(&r, &d.mem, head, n);
	}
	bool wants()
	{
		return ring_wants_interrupt(&r, &d.mem);
	}
};

TEST(RingCheck, WhatTheSpecificationRulesOut)
{
	ring_setup s = {};
	s.desc = 0x1000;
	s.avail = 0x2000;
	s.used = 0x3000;
	for (unsigned n = 0; n <= 65535; n++) {
		s.size = (uint16_t)n;
		bool good = n && n <= RING_SIZE_MAX && !(n & (n - 1));
		ASSERT_EQ(good ? 0 : -EINVAL, ring_check(&s)) << n;
	}
	s.size = 4;
	for (unsigned i = 1; i < 16; i++) {
		ring_setup t = s;
		t.desc += i;
		EXPECT_EQ(-EINVAL, ring_check(&t));
		t = s;
		t.avail += i;
		EXPECT_EQ(i % 2 ? -EINVAL : 0, ring_check(&t));
		t = s;
		t.used += i;
		EXPECT_EQ(i % 4 ? -EINVAL : 0, ring_check(&t));
	}
	s.size = 8;
	for (uint64_t *p : {&s.desc, &s.avail, &s.used}) {
		uint64_t was = *p;
		*p = UINT64_MAX & ~15ull;
		EXPECT_EQ(-EINVAL, ring_check(&s));
		*p = was;
	}
}

TEST_F(Ring, TakesAndGivesBackInAnyOrder)
{
	EXPECT_EQ(0, pop());
	uint16_t a = d.add({{0x100, 4, 0}, {0x200, 4, 2}}), b = d.add({{0x300, 8, 2}});
	ASSERT_EQ(1, pop());
	EXPECT_EQ(a, c.head);
	ASSERT_EQ(1, pop());
	EXPECT_EQ(b, c.head);
	EXPECT_EQ(0, pop());
	EXPECT_EQ(2, r.taken);
	EXPECT_EQ(0, push(b, 8));
	EXPECT_EQ(1, d.used_idx());
	EXPECT_EQ(std::make_pair((uint32_t)b, 8u), d.element(0));
	EXPECT_EQ(0, push(a, 4));
	EXPECT_EQ(std::make_pair((uint32_t)a, 4u), d.element(1));
	EXPECT_EQ(0, r.taken);
	EXPECT_EQ(0, push(a, 4)); // twice: it has it no more
	EXPECT_EQ(2, d.used_idx());
	EXPECT_EQ(0, push(9000, 4));
	EXPECT_EQ(2, d.used_idx());
}

TEST_F(Ring, GoesOnElsewhereWhereItStopped)
{
	for (unsigned i = 0; i < 5; i++)
		d.add({{0x100, 4, 2}});
	for (unsigned i = 0; i < 3; i++) {
		ASSERT_EQ(1, pop());
		ASSERT_EQ(0, push(c.head, 4));
	}
	ASSERT_TRUE(wants());
	ring_place p = ring_place_of(&r);
	EXPECT_TRUE(ring_place_good(&p, r.at.size));
	ring_setup s = r.at;
	memset(&r, 0xff, sizeof(r));
	ring_resume(&r, &s, &p);
	ASSERT_EQ(1, pop()); // the fourth
	EXPECT_EQ(0, push(c.head, 4));
	EXPECT_EQ(4, d.used_idx());
	EXPECT_TRUE(wants());
	ASSERT_EQ(1, pop());
	EXPECT_EQ(0, pop());
	p = ring_place_of(&r);
	EXPECT_FALSE(ring_place_good(&p, r.at.size)); // it has a chain
}

TEST_F(Ring, IndicesWrap)
{
	for (unsigned i = 0; i < 70000; i++) {
		d.next_desc = 0;
		d.add({{0x100, 4, 2}});
		ASSERT_EQ(1, pop()) << i;
		ASSERT_EQ(0, push(0, i));
		ASSERT_EQ((uint16_t)(i + 1), d.used_idx());
		ASSERT_EQ(i, d.element(i).second);
		ASSERT_TRUE(wants());
	}
}

TEST_F(Ring, AnIndexThatJumpsBreaksIt)
{
	d.put(d.at.avail + 2, 8, 2); // full is good
	EXPECT_EQ(1, pop());
	for (uint16_t bad : {9, 100, 0x8000, 0xffff}) {
		start();
		d.put(d.at.avail + 2, bad, 2);
		EXPECT_EQ(-EPROTO, pop()) << bad;
		EXPECT_EQ(RING_INDEX_JUMP, r.broken);
		d.put(d.at.avail + 2, 1, 2);
		EXPECT_EQ(-EPROTO, pop()); // for good
		EXPECT_EQ(-EPROTO, push(0));
		EXPECT_FALSE(wants());
		EXPECT_FALSE(ring_arm(&r, &d.mem));
	}
	/* Back by one: everything but one was made available. */
	start();
	d.avail = 0;
	d.add({{0x100, 1, 0}});
	ASSERT_EQ(1, pop());
	d.put(d.at.avail + 2, 0, 2);
	EXPECT_EQ(-EPROTO, pop());
}

TEST_F(Ring, HeadsAreChecked)
{
	d.offer(8);
	EXPECT_EQ(-EPROTO, pop());
	EXPECT_EQ(RING_BAD_HEAD, r.broken);
	start();
	d.avail = 0;
	d.desc(d.at.desc, 3, 0x100, 1, 0, 0);
	d.offer(3);
	d.offer(3);
	EXPECT_EQ(1, pop());
	EXPECT_EQ(-EPROTO, pop());
	EXPECT_EQ(RING_HEAD_TWICE, r.broken);
	start();
	d.avail = 0;
	d.desc(d.at.desc, 3, 0x100, 1, Driver::NEXT, 3);
	d.offer(3);
	EXPECT_EQ(-EPROTO, pop());
	EXPECT_EQ(RING_LOOP, r.broken);
}

TEST_F(Ring, RingsOutsideOfMemory)
{
	uint64_t end = d.bytes.size();
	for (uint64_t *p : {&d.at.desc, &d.at.avail, &d.at.used}) {
		uint64_t was = *p;
		d.avail = 0;
		d.next_desc = 0;
		d.add({{0x100, 1, 2}});
		*p = end;
		start();
		bool popped = pop() == 1;
		EXPECT_EQ(p == &d.at.used, popped);
		EXPECT_TRUE(!popped || push(0) == -EPROTO);
		EXPECT_EQ(RING_NO_MEMORY, r.broken);
		start();
		ring_disarm(&r, &d.mem);
		EXPECT_FALSE(ring_arm(&r, &d.mem) && p != &d.at.desc);
		EXPECT_EQ(p != &d.at.desc, r.broken == RING_NO_MEMORY);
		*p = was;
	}
	/* The used ring begins in memory and ends outside. */
	d.at.used = end - 8;
	start();
	d.avail = 0;
	d.add({{0x100, 1, 2}});
	ASSERT_EQ(1, pop());
	EXPECT_EQ(-EPROTO, push(c.head));
}

TEST_F(Ring, ElementBeforeIndex)
{
	d.add({{0x100, 1, 2}});
	ASSERT_EQ(1, pop());
	std::vector<uint64_t> order;
	struct Spy {
		Driver *d;
		std::vector<uint64_t> *order;
	} spy{&d, &order};
	guest_mem m = d.mem;
	m.owner = &spy;
	m.write = [](void *o, uint64_t gpa, const void *from, size_t n) {
		((Spy *)o)->order->push_back(gpa);
		return ((Spy *)o)->d->write(gpa, from, n);
	};
	m.write16 = [](void *o, uint64_t gpa, uint16_t v) {
		((Spy *)o)->order->push_back(gpa);
		return ((Spy *)o)->d->mem.write16(((Spy *)o)->d, gpa, v);
	};
	EXPECT_EQ(0, ring_push(&r, &m, 0, 1));
	EXPECT_EQ((std::vector<uint64_t>{d.at.used + 4, d.at.used + 2}), order);
}

TEST_F(Ring, SeveralAreSeenAtOnce)
{
	chain a, b;
	d.add({{0x100, 16, Driver::WRITE}});
	d.add({{0x200, 16, Driver::WRITE}});
	ASSERT_EQ(1, ring_pop(&r, &d.mem, &a));
	ASSERT_EQ(1, ring_pop(&r, &d.mem, &b));
	ASSERT_EQ(0, ring_put(&r, &d.mem, a.head, 5));
	ASSERT_EQ(0, ring_put(&r, &d.mem, b.head, 6));
	EXPECT_EQ(0, d.used_idx()) << "a driver that looks now sees none of them";
	EXPECT_EQ(std::make_pair((uint32_t)a.head, 5u), d.element(0));
	EXPECT_EQ(std::make_pair((uint32_t)b.head, 6u), d.element(1));
	ASSERT_EQ(0, ring_publish(&r, &d.mem));
	EXPECT_EQ(2, d.used_idx());
	EXPECT_EQ(0, r.taken);
	EXPECT_EQ(0, ring_put(&r, &d.mem, a.head, 5)); // it has it no more
	EXPECT_EQ(2, r.next_used);
	ring_break(&r, RING_LOOP);
	EXPECT_EQ(-EPROTO, ring_publish(&r, &d.mem));
	EXPECT_EQ(-EPROTO, ring_put(&r, &d.mem, a.head, 5));
}

TEST_F(Ring, FlagsSuppressWithoutEventIndices)
{
	for (bool quiet : {false, true}) {
		d.put(d.at.avail, quiet, 2);
		d.next_desc = 0;
		d.add({{0x100, 1, 2}});
		ASSERT_EQ(1, pop());
		EXPECT_FALSE(wants()); // nothing was given back
		push(0);
		EXPECT_EQ(!quiet, wants());
		EXPECT_FALSE(wants()); // once
	}
	ring_disarm(&r, &d.mem);
	EXPECT_EQ(1u, d.get(d.at.used, 2));
	EXPECT_FALSE(ring_arm(&r, &d.mem));
	EXPECT_EQ(0u, d.get(d.at.used, 2));
	d.next_desc = 0;
	d.add({{0x100, 1, 2}});
	EXPECT_TRUE(ring_arm(&r, &d.mem));
}

/* The whole space of (old, new, event): an interrupt exactly if the event lies in what is new. */
TEST_F(Ring, EventIndicesAreARange)
{
	start(8, true);
	for (unsigned base : {0u, 65530u})
		for (unsigned n = 1; n <= 8; n++)
			for (int event = -20; event <= 20; event++) {
				r.told = (uint16_t)base;
				r.next_used = (uint16_t)(base + n);
				d.set_used_event((uint16_t)(base + (unsigned)event));
				EXPECT_EQ(event >= 0 && event < (int)n, wants()) << base << " " << n << " " << event;
				EXPECT_EQ(r.next_used, r.told);
			}
	r.next_avail = 77;
	r.seen_avail = 77;
	d.put(d.at.avail + 2, 77, 2);
	ring_disarm(&r, &d.mem);
	EXPECT_FALSE(ring_arm(&r, &d.mem));
	EXPECT_EQ(77, d.avail_event());
	d.put(d.at.avail + 2, 78, 2);
	EXPECT_TRUE(ring_arm(&r, &d.mem));
}

TEST_F(Ring, PutBackComesAgain)
{
	uint16_t a = d.add({{0x100, 1, 0}}), b = d.add({{0x100, 1, 0}});
	ASSERT_EQ(1, pop());
	ring_unpop(&r, &c);
	EXPECT_EQ(0, r.taken);
	ASSERT_EQ(1, pop());
	EXPECT_EQ(a, c.head);
	ASSERT_EQ(1, pop());
	EXPECT_EQ(b, c.head);
	EXPECT_EQ(0, pop());
}

/* Another thread makes chains available and takes them back as fast as it can, in both modes: none is lost, and whoever
 * sleeps is woken. */
TEST(RingThreads, NoKickAndNoInterruptIsLost)
{
	for (bool event_idx : {false, true}) {
		/* Words that both change, so atomic; the descriptors are written before all begins. */
		static const unsigned kRounds = 20000, kSize = 4;
		struct Shared {
			std::vector<uint16_t> words = std::vector<uint16_t>(0x8000);
		} s;
		auto at = [&](uint64_t gpa) { return &s.words.at(gpa / 2); };
		guest_mem m;
		m.owner = &s;
		m.read = [](void *o, uint64_t gpa, void *to, size_t n) {
			memcpy(to, (char *)((Shared *)o)->words.data() + gpa, n);
			return true;
		};
		m.write = [](void *o, uint64_t gpa, const void *from, size_t n) {
			for (size_t i = 0; i < n / 2; i++)
				__atomic_store_n(&((Shared *)o)->words[gpa / 2 + i], ((const uint16_t *)from)[i],
						 __ATOMIC_RELAXED);
			return true;
		};
		m.read16 = [](void *o, uint64_t gpa, uint16_t *v) {
			*v = __atomic_load_n(&((Shared *)o)->words[gpa / 2], __ATOMIC_ACQUIRE);
			return true;
		};
		m.write16 = [](void *o, uint64_t gpa, uint16_t v) {
			__atomic_store_n(&((Shared *)o)->words[gpa / 2], v, __ATOMIC_RELEASE);
			return true;
		};
		ring_setup setup = {};
		setup.size = kSize;
		setup.event_idx = event_idx;
		setup.desc = 0x1000;
		setup.avail = 0x2000;
		setup.used = 0x3000;
		for (unsigned i = 0; i < kSize; i++) {
			uint8_t raw[16];
			put_le(raw, 0x100, 8);
			put_le(raw + 8, 1, 4);
			put_le(raw + 12, 2, 4);
			memcpy((char *)s.words.data() + setup.desc + 16 * i, raw, 16);
		}
		std::atomic<unsigned> kicks{0}, interrupts{0};
		std::atomic<bool> over{false};
		std::thread device([&] {
			ring r;
			chain c;
			ring_start(&r, &setup);
			unsigned seen = 0;
			for (;;) {
				ring_disarm(&r, &m);
				while (ring_pop(&r, &m, &c) == 1)
					ring_push(&r, &m, c.head, 1);
				if (ring_wants_interrupt(&r, &m))
					interrupts++;
				ASSERT_EQ(RING_GOOD, r.broken);
				if (ring_arm(&r, &m))
					continue;
				while (kicks == seen && !over) // asleep
					std::this_thread::yield();
				if (over)
					return;
				seen = kicks;
			}
		});
		uint16_t avail = 0, used = 0;
		while (used < kRounds) {
			uint16_t was = avail;
			while ((uint16_t)(avail - used) < kSize && avail < kRounds) {
				__atomic_store_n(at(setup.avail + 4 + 2 * (avail % kSize)), avail % kSize,
						 __ATOMIC_RELAXED);
				avail++;
			}
			__atomic_store_n(at(setup.avail + 2), avail, __ATOMIC_RELEASE);
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if (event_idx) {
				uint16_t e = __atomic_load_n(at(setup.used + 4 + 8 * kSize), __ATOMIC_ACQUIRE);
				if ((uint16_t)(avail - e - 1) < (uint16_t)(avail - was))
					kicks++;
			} else if (was != avail && !__atomic_load_n(at(setup.used), __ATOMIC_ACQUIRE)) {
				kicks++;
			}
			/* Ask for an interrupt, look again, sleep. */
			unsigned seen = interrupts;
			__atomic_store_n(at(setup.avail + 4 + 2 * kSize), used, __ATOMIC_RELEASE);
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			uint16_t idx;
			while ((idx = __atomic_load_n(at(setup.used + 2), __ATOMIC_ACQUIRE)) == used &&
			       interrupts == seen)
				std::this_thread::yield();
			idx = __atomic_load_n(at(setup.used + 2), __ATOMIC_ACQUIRE);
			used = idx;
		}
		over = true;
		device.join();
		EXPECT_EQ(kRounds, used);
	}
}

TEST_F(Ring, FieldsThereAndBack)
{
	d.add({{0x100, 1, 2}});
	ASSERT_EQ(1, pop());
	uint8_t buf[64];
	fields out = fields_writer(buf, sizeof(buf));
	ring_fields(&out, &r);
	EXPECT_TRUE(out.bad); // the device has a chain
	push(0);
	wants();
	out = fields_writer(buf, sizeof(buf));
	ring_fields(&out, &r);
	ASSERT_FALSE(out.bad);
	size_t n = sizeof(buf) - out.left;
	ring back = {};
	fields in = fields_reader(buf, n);
	ring_fields(&in, &back);
	EXPECT_FALSE(in.bad);
	EXPECT_TRUE(back.at.desc == r.at.desc && back.next_used == r.next_used && back.told == r.told &&
		    back.seen_avail == 1);
	std::mt19937 rnd(1);
	for (unsigned i = 0; i < 3000; i++) {
		uint8_t odd[64];
		memcpy(odd, buf, n);
		odd[rnd() % n] = (uint8_t)rnd();
		ring x = {};
		in = fields_reader(odd, n);
		ring_fields(&in, &x);
		EXPECT_TRUE(in.bad || ring_check(&x.at) == 0);
	}
}
