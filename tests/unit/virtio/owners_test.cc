// SPDX-License-Identifier: Apache-2.0
/*
 * A device on host 0 whose queues are served on three hosts: real registers, real rings, words and requests that wait
 * in queues of their own, in an order that a seed chooses. The same driver runs with all queues at the owner, and must
 * see the same.
 */
#include "tests/unit/virtio/driver.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

extern "C" {
#include "vmm/virtio/owners.h"
}

enum { HOSTS = 3, QUEUES = 2, SIZE = 8, SLOTS = SIZE / 2, DATA = 8 };

static const uint64_t address = 0xfee00000; // bits 12 and up: the host of the vCPU
static uint64_t answer_to(uint64_t x)
{
	return x * 0x9e3779b97f4a7c15ull + 1;
}

struct World;

struct Host {
	World *w;
	host_id number;
	server s;
	ring rings[QUEUES];
};

/* A queue as its driver has it: slot i is descriptors 2i and 2i + 1, and data at two places. */
struct Queue {
	ring_setup at;
	uint16_t avail = 0, used = 0;
	uint64_t asked[SLOTS] = {}; // 0: the slot is free
	bool irq = false;
};

struct Request {
	host_id host;
	uint16_t queue, head;
	uint32_t turn;
	uint64_t reply; // where the answer goes
	uint64_t value;
};

/* A word, or a request, which stays behind the words that were sent before it. */
struct Word {
	uint16_t queue;
	handover m;
	std::optional<Request> request;
};

struct World {
	Memory memory{1 << 16};
	virtio v;
	owners o;
	Host hosts[HOSTS];
	Queue queues[QUEUES];
	std::deque<Word> to_home[HOSTS], to_owner[HOSTS];
	std::deque<Request> back, replies[HOSTS];
	std::mt19937 random;
	bool locked = false, plain, waiting_for_reset = false, event_idx;
	host_id vcpu[QUEUES] = {0, 0}; // whose interrupt it is, by the entry
	unsigned ended = 0, resets = 0, moves = 0, remote = 0;
	uint64_t next_value = 1, sum = 0;
	virtio_fx fx;

	World(unsigned seed, bool plain_way, bool events) : random(seed), plain(plain_way), event_idx(events)
	{
		virtio_params p = {};
		p.type = 4;
		p.queues = QUEUES;
		p.queue_size = SIZE;
		p.window = 1ull << 38;
		p.window_bytes = 1ull << 32;
		p.address = 1ull << 38;
		virtio_init(&v, &p);
		for (host_id h = 0; h < HOSTS; h++) {
			hosts[h].w = this;
			hosts[h].number = h;
			server_link link = {&hosts[h], nullptr, tell_owner, interrupt};
			if (h == 0)
				link = owners_link(&o);
			server_init(&hosts[h].s, QUEUES, hosts[h].rings, &memory.mem, &ops, &hosts[h], &link);
		}
		owners_init(&o, &v, &hosts[0].s, 0, plain ? &plain_registers : &registers, this);
		bring_up();
	}
	static const owners_ops registers, plain_registers;
	static const server_ops ops;

	/* ---- what the code asks for ---- */

	static void tell_owner(void *host, uint16_t queue, const handover *m)
	{
		Host *h = (Host *)host;
		h->w->to_owner[h->number].push_back({queue, *m, {}});
	}
	static void interrupt(void *host, const handover_entry *e)
	{
		((Host *)host)->w->raised(e->address, e->data);
	}
	void raised(uint64_t at, uint32_t queue)
	{
		ASSERT_EQ(address, at & 0xfff00000);
		ASSERT_LT(queue, QUEUES);
		queues[queue].irq = true;
	}
	static ring_error request(void *host, uint16_t queue, const chain *c, uint32_t *, bool *later)
	{
		Host *h = (Host *)host;
		uint8_t raw[DATA];
		if (c->segments != 2 || !chain_get(c, &h->w->memory.mem, 0, raw, DATA))
			return RING_BAD_REQUEST;
		Request r = {h->number, queue, c->head, h->s.homes[queue].turn, c->segment[1].gpa, get_le(raw, 8)};
		h->w->to_owner[h->number].push_back({queue, {}, r});
		h->w->remote += h->number != 0;
		*later = true;
		return RING_GOOD;
	}

	/* ---- the driver ---- */

	void w(uint64_t at, unsigned n, uint64_t x)
	{
		virtio_bar_write(&v, at, n, x, &fx);
		owners_accessed(&o, &fx);
		msix_message m;
		while (msix_take(&v.msix, &m))
			raised(m.address, m.data);
	}
	void bring_up()
	{
		virtio_pci_write(&v, PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, &fx);
		virtio_pci_write(&v, v.msix.cap + 2u, 2, 0x8000, &fx);
		owners_accessed(&o, &fx);
		w(0x14, 1, 3);
		w(0x08, 4, 1);
		w(0x0c, 4, 1);
		w(0x08, 4, 0);
		w(0x0c, 4, event_idx ? VIRTIO_F_EVENT_IDX : 0);
		w(0x14, 1, 11);
		for (unsigned q = 0; q < QUEUES; q++) {
			Queue &x = queues[q];
			x = Queue();
			x.at.size = SIZE;
			x.at.event_idx = event_idx;
			x.at.desc = 0x1000 + 0x4000 * q;
			x.at.avail = 0x2000 + 0x4000 * q;
			x.at.used = 0x3000 + 0x4000 * q;
			memset(&memory.bytes[x.at.desc], 0, 0x3000);
			w(0x16, 2, q);
			w(0x1a, 2, q + 1);
			w(0x20, 8, x.at.desc);
			w(0x28, 8, x.at.avail);
			w(0x30, 8, x.at.used);
			w(0x1c, 2, 1);
			set_entry(q, vcpu[q]);
		}
		w(0x14, 1, 15);
	}
	void set_entry(unsigned q, host_id to)
	{
		uint64_t at = VIRTIO_AT_TABLE + 16 * (q + 1);
		w(at + 12, 4, 1);
		w(at, 8, address | (uint64_t)to << 12);
		w(at + 8, 4, q);
		w(at + 12, 4, 0);
		vcpu[q] = to;
	}
	uint64_t reply_at(unsigned q, unsigned slot)
	{
		return 0xa000 + 0x400 * q + 0x40 * slot;
	}
	void add(unsigned q, host_id from)
	{
		Queue &x = queues[q];
		unsigned slot = 0;
		while (slot < SLOTS && x.asked[slot])
			slot++;
		if (slot == SLOTS)
			return;
		x.asked[slot] = next_value++;
		memory.put(reply_at(q, slot) + 0x20, x.asked[slot], 8);
		memory.put(reply_at(q, slot), 0, 8);
		for (unsigned i = 0; i < 2; i++) {
			uint64_t d = x.at.desc + 16 * (2 * slot + i);
			memory.put(d, reply_at(q, slot) + (i ? 0 : 0x20), 8);
			memory.put(d + 8, DATA, 4);
			memory.put(d + 12, i ? 2 : 1, 2);
			memory.put(d + 14, 2 * slot + 1, 2);
		}
		uint16_t was = x.avail;
		memory.put(x.at.avail + 4 + 2 * (x.avail % SIZE), 2 * slot, 2);
		memory.put(x.at.avail + 2, ++x.avail, 2);
		uint16_t event = (uint16_t)memory.get(x.at.used + 4 + 8 * SIZE, 2);
		bool kick = event_idx ? (uint16_t)(x.avail - event - 1) < (uint16_t)(x.avail - was)
				      : !(memory.get(x.at.used, 2) & 1);
		if (kick && !server_kick(&hosts[from].s, (uint16_t)q))
			w(VIRTIO_AT_NOTIFY + 4 * q, 2, q);
	}
	void handle(unsigned q)
	{
		Queue &x = queues[q];
		if (!x.irq)
			return;
		x.irq = false;
		while (x.used != (uint16_t)memory.get(x.at.used + 2, 2)) {
			uint64_t e = x.at.used + 4 + 8 * (x.used++ % SIZE);
			unsigned slot = (unsigned)memory.get(e, 4) / 2;
			ASSERT_LT(slot, SLOTS);
			ASSERT_NE(0u, x.asked[slot]) << "given back twice";
			uint64_t got = memory.get(reply_at(q, slot), 8);
			ASSERT_EQ(answer_to(x.asked[slot]), got);
			sum += got;
			x.asked[slot] = 0;
			ended++;
		}
		memory.put(x.at.avail + 4 + 2 * SIZE, x.used, 2); // of the next one, please
		if (x.used != (uint16_t)memory.get(x.at.used + 2, 2))
			x.irq = true;
	}
	uint8_t status()
	{
		return (uint8_t)virtio_bar_read(&v, 0x14, 1);
	}

	/* ---- what goes on by itself ---- */

	void owner_hears(host_id h)
	{
		auto &all = to_owner[h];
		auto at = all.begin();
		if (random() % 4 == 0) // data has a stream of its own, and may come before words that were sent earlier
			at = std::find_if(at, all.end(), [](const Word &w) { return w.request.has_value(); });
		if (at == all.end())
			at = all.begin();
		Word x = *at;
		all.erase(at);
		if (x.request) {
			ASSERT_EQ(0, owner_request(&o.queue[x.queue], h, x.request->turn));
			back.push_back(*x.request);
			return;
		}
		ASSERT_EQ(0, owners_in(&o, h, x.queue, &x.m));
		server_round(&hosts[0].s);
	}
	void home_hears(host_id h)
	{
		Word x = to_home[h].front();
		to_home[h].pop_front();
		ASSERT_EQ(0, server_in(&hosts[h].s, x.queue, &x.m));
	}
	void back_answers()
	{
		size_t i = random() % back.size();
		Request r = back[i];
		back.erase(back.begin() + (long)i);
		owner_replied(&o.queue[r.queue]);
		replies[r.host].push_back(r);
	}
	void reply_comes(host_id h)
	{
		Request r = replies[h].front();
		replies[h].pop_front();
		uint8_t raw[DATA];
		put_le(raw, answer_to(r.value), DATA);
		bool wanted = server_wanted(&hosts[h].s, r.queue);
		if (wanted) {
			ASSERT_FALSE(!v.status) << "memory is written after a reset";
			memory.write(r.reply, raw, DATA);
		}
		server_complete(&hosts[h].s, r.queue, r.head, DATA, RING_GOOD);
		server_told(&hosts[h].s, r.queue);
	}
	/* One thing that can happen at a host; false: none of this kind. */
	bool goes_on(unsigned what, host_id h)
	{
		switch (what) {
		case 0:
			return !to_owner[h].empty() && (owner_hears(h), true);
		case 1:
			return !to_home[h].empty() && (home_hears(h), true);
		case 2:
			return !back.empty() && (back_answers(), true);
		case 3:
			return !replies[h].empty() && (reply_comes(h), true);
		default:
			return server_round(&hosts[h].s);
		}
	}
	bool on_the_way()
	{
		bool any = !back.empty();
		for (host_id h = 0; h < HOSTS; h++)
			any |= !to_owner[h].empty() || !to_home[h].empty() || !replies[h].empty();
		return any;
	}
	void rest()
	{
		for (bool more = true; more && !::testing::Test::HasFatalFailure();) {
			more = false;
			for (unsigned what = 0; what < 5; what++)
				for (host_id h = 0; h < HOSTS; h++)
					more |= goes_on(what, h);
			more |= on_the_way();
		}
	}

	void step()
	{
		unsigned q = random() % QUEUES, what = random() % 100;
		host_id h = (host_id)(random() % HOSTS);

		if (waiting_for_reset && !status()) {
			waiting_for_reset = false;
			resets++;
			bring_up();
		}
		if (what < 20 && !waiting_for_reset)
			add(q, h);
		else if (what < 35 && !waiting_for_reset)
			handle(q);
		else if (what < 37 && !waiting_for_reset) {
			set_entry(q, h);
			moves++;
		} else if (what == 37 && !waiting_for_reset)
			owners_bar_moved(&o);
		else if (what == 38 && random() % 8 == 0 && !waiting_for_reset) {
			w(0x14, 1, 0);
			waiting_for_reset = true;
		} else
			goes_on(random() % 5, h);
	}
	/* Whatever was begun ends, and a driver without news sees it. */
	void end()
	{
		rest();
		if (waiting_for_reset) {
			ASSERT_EQ(0, status());
			waiting_for_reset = false;
			bring_up();
			rest();
		}
		for (unsigned i = 0; i < 3; i++)
			for (unsigned q = 0; q < QUEUES; q++)
				handle(q);
		for (unsigned q = 0; q < QUEUES; q++) {
			for (uint64_t asked : queues[q].asked)
				ASSERT_EQ(0u, asked) << "not answered";
			ASSERT_EQ(plain ? 0 : vcpu[q], o.queue[q].at);
		}
		ASSERT_TRUE(owners_settled(&o));
	}
};

static void on_lock(void *w)
{
	ASSERT_FALSE(((World *)w)->locked);
	((World *)w)->locked = true;
}

static void on_unlock(void *w)
{
	ASSERT_TRUE(((World *)w)->locked);
	((World *)w)->locked = false;
}

static void on_send(void *w, const msix_message *m)
{
	ASSERT_FALSE(((World *)w)->locked);
	((World *)w)->raised(m->address, m->data);
}

static host_id home_of(void *, uint16_t, const handover_entry *e)
{
	return (host_id)(e->address >> 12 & 0xf);
}

static void tell_home(void *w, host_id to, uint16_t queue, const handover *m)
{
	ASSERT_NE(0, to);
	((World *)w)->to_home[to].push_back({queue, *m, {}});
}

const owners_ops World::registers = {on_lock, on_unlock, on_send, home_of, tell_home};
const owners_ops World::plain_registers = {on_lock, on_unlock, on_send, nullptr, nullptr};
const server_ops World::ops = {request, nullptr, nullptr};

TEST(Owners, EveryRequestIsAnsweredOnceWhereverItsQueueIs)
{
	unsigned ended = 0, resets = 0, remote = 0;

	for (unsigned seed = 0; seed < 300 && !::testing::Test::HasFatalFailure(); seed++) {
		auto w = std::make_unique<World>(seed, false, seed & 1);
		for (unsigned i = 0; i < 1500 && !::testing::Test::HasFatalFailure(); i++)
			w->step();
		w->end();
		ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
		ended += w->ended;
		resets += w->resets;
		remote += w->remote;
	}
	EXPECT_GT(ended, 5000u);
	EXPECT_GT(resets, 100u);
	EXPECT_GT(remote, ended / 3); // else it shows nothing
}

/* The plain way: the owner serves all, and touches every ring itself. Which requests are made is the same. */
TEST(Owners, ADriverSeesTheSameAsWithAllQueuesAtTheOwner)
{
	for (unsigned seed = 0; seed < 20; seed++) {
		uint64_t sum[2];
		for (bool plain : {false, true}) {
			auto w = std::make_unique<World>(seed, plain, true);
			for (unsigned i = 0; i < 300; i++) {
				w->add(i % QUEUES, (host_id)(i % HOSTS));
				if (i % 7 == 0)
					w->set_entry(i % QUEUES, (host_id)(i / 7 % HOSTS));
				if (i % 3 == 0)
					w->end();
				ASSERT_FALSE(::testing::Test::HasFatalFailure()) << i;
			}
			w->end();
			EXPECT_EQ(300u, w->ended);
			EXPECT_EQ(plain, w->remote == 0);
			sum[plain] = w->sum;
		}
		EXPECT_EQ(sum[0], sum[1]);
	}
}

/* What a register says of an interrupt is so at the home when it can be read. */
TEST(Owners, ReadsWaitUntilTheHomeHasTheEntry)
{
	World w(1, false, true);
	w.set_entry(0, 2);
	w.rest();
	ASSERT_EQ(2, w.o.queue[0].at);
	ASSERT_TRUE(owners_settled(&w.o));
	w.w(VIRTIO_AT_TABLE + 16 + 12, 4, 1); // masks it
	EXPECT_FALSE(owners_settled(&w.o));
	server_round(&w.hosts[0].s);
	EXPECT_FALSE(owners_settled(&w.o));
	ASSERT_EQ(1u, w.to_home[2].size());
	w.home_hears(2);
	EXPECT_FALSE(owners_settled(&w.o));
	w.owner_hears(2);
	EXPECT_TRUE(owners_settled(&w.o));
	w.add(0, 2);
	w.rest();
	EXPECT_FALSE(w.queues[0].irq);
	EXPECT_EQ(2u, virtio_bar_read(&w.v, VIRTIO_AT_PBA, 8)); // the owner has the bit
	w.w(VIRTIO_AT_TABLE + 16 + 12, 4, 0);
	EXPECT_TRUE(w.queues[0].irq);
	w.rest();
	w.handle(0);
	EXPECT_EQ(1u, w.ended);
}

TEST(Owners, AQueueThatIsBrokenElsewhereFailsTheDevice)
{
	World w(1, false, true);
	w.set_entry(0, 2);
	w.rest();
	w.memory.put(w.queues[0].at.avail + 2, 1000, 2);
	ASSERT_TRUE(server_kick(&w.hosts[2].s, 0));
	w.rest();
	EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, w.status());
	EXPECT_EQ(1u, w.o.broken);
	EXPECT_EQ(RING_INDEX_JUMP, w.o.why);
	EXPECT_FALSE(server_kick(&w.hosts[2].s, 0)); // it has left
	EXPECT_EQ(HOST_NONE, w.o.queue[1].at);       // and so have the others
	w.w(0x14, 1, 0);
	w.rest();
	EXPECT_EQ(0, w.status());
	w.bring_up();
	w.add(0, 2);
	w.end();
	EXPECT_EQ(1u, w.ended);
}

/* A reset of the machine: what is under way ends where it is, then nothing is elsewhere, and nothing goes there. */
TEST(Owners, QueuesThatAreRecalledComeHome)
{
	World w(1, false, true);
	w.set_entry(0, 2);
	w.set_entry(1, 1);
	w.rest();
	ASSERT_EQ(2, w.o.queue[0].at);
	w.add(0, 2);
	while (w.back.empty())
		for (host_id h = 0; h < HOSTS; h++)
			for (unsigned what : {0, 1, 4})
				w.goes_on(what, h);
	server_hold(&w.hosts[0].s, true);
	owners_recall(&w.o);
	for (unsigned i = 0; i < 50; i++)
		for (host_id h = 0; h < HOSTS; h++)
			for (unsigned what : {0, 1, 4})
				w.goes_on(what, h);
	EXPECT_FALSE(owners_home(&w.o)) << "a request of it is at the back";
	EXPECT_EQ(HOST_NONE, w.o.queue[1].at);
	w.set_entry(1, 2); // by a vCPU that has not stopped yet
	w.rest();
	EXPECT_TRUE(owners_home(&w.o));
	EXPECT_EQ(HOST_NONE, w.o.queue[0].at);
	EXPECT_EQ(HOST_NONE, w.o.queue[1].at);
	w.handle(0);
	EXPECT_EQ(1u, w.ended);
	virtio_power_on(&w.v);
	owners_power_on(&w.o);
	server_hold(&w.hosts[0].s, false);
	w.bring_up();
	w.set_entry(0, 2);
	w.add(0, 1);
	w.end();
	EXPECT_EQ(2u, w.ended);
}

TEST(Owners, WordsThatCannotBeAreRefused)
{
	World w(1, false, true);
	handover m = {};
	m.kind = HANDOVER_OFF_DONE;
	EXPECT_EQ(-EPROTO, owners_in(&w.o, 1, 0, &m));
	EXPECT_EQ(-EPROTO, owners_in(&w.o, 1, QUEUES, &m));
	EXPECT_EQ(-EPROTO, server_in(&w.hosts[1].s, 0, &m));
	EXPECT_EQ(-EPROTO, server_in(&w.hosts[1].s, QUEUES, &m));
}

/* Words that two threads share. */
struct SharedWords {
	std::vector<uint16_t> words = std::vector<uint16_t>(0x4000);
	guest_mem mem;

	SharedWords()
	{
		mem.owner = this;
		mem.read = [](void *o, uint64_t gpa, void *to, size_t n) {
			memcpy(to, (char *)((SharedWords *)o)->words.data() + gpa, n);
			return true;
		};
		mem.write = [](void *o, uint64_t gpa, const void *from, size_t n) {
			for (size_t i = 0; i < n / 2; i++)
				__atomic_store_n(&((SharedWords *)o)->words[gpa / 2 + i], ((const uint16_t *)from)[i],
						 __ATOMIC_RELAXED);
			return true;
		};
		mem.read16 = [](void *o, uint64_t gpa, uint16_t *v) {
			*v = __atomic_load_n(((SharedWords *)o)->at(gpa), __ATOMIC_ACQUIRE);
			return true;
		};
		mem.write16 = [](void *o, uint64_t gpa, uint16_t v) {
			__atomic_store_n(((SharedWords *)o)->at(gpa), v, __ATOMIC_RELEASE);
			return true;
		};
	}
	uint16_t *at(uint64_t gpa)
	{
		return &words.at(gpa / 2);
	}
};

/* One thread serves a queue that moves between two hosts whenever something was given back; the other kicks either. */
struct Moving {
	SharedWords memory;
	std::mutex lock;
	owner o;
	server s[2];
	ring rings[2];
	ring_setup setup = {};
	std::atomic<bool> over{false};

	static ring_error request(void *, uint16_t, const chain *, uint32_t *used, bool *)
	{
		*used = 0;
		return RING_GOOD;
	}
	template <int N> static void tell(void *x, uint16_t, const handover *m)
	{
		Moving *t = (Moving *)x;
		std::lock_guard<std::mutex> hold(t->lock);
		EXPECT_LE(0, owner_in(&t->o, N, m));
	}
	Moving()
	{
		static const server_ops ops = {request, nullptr, nullptr};
		setup.size = 4;
		setup.event_idx = true;
		setup.desc = 0x1000;
		setup.avail = 0x2000;
		setup.used = 0x3000;
		for (unsigned i = 0; i < 4; i++) {
			*memory.at(setup.desc + 16 * i) = 0x100;
			*memory.at(setup.desc + 16 * i + 8) = 1;
			*memory.at(setup.desc + 16 * i + 12) = 2;
		}
		owner_init(&o);
		server_link link = {this, nullptr, tell<0>, nullptr};
		server_init(&s[0], 1, &rings[0], &memory.mem, &ops, this, &link);
		link.tell = tell<1>;
		server_init(&s[1], 1, &rings[1], &memory.mem, &ops, this, &link);
		owner_want(&o, 0, &setup);
	}
	bool next(host_id *to, handover *m)
	{
		std::lock_guard<std::mutex> hold(lock);
		return owner_next(&o, to, m);
	}
	void serve()
	{
		uint16_t moved_at = 0, used;
		host_id home = 0, to;
		handover m;

		while (!over) {
			while (next(&to, &m))
				EXPECT_EQ(0, server_in(&s[to], 0, &m));
			server_round(&s[0]);
			server_round(&s[1]);
			used = __atomic_load_n(memory.at(setup.used + 2), __ATOMIC_ACQUIRE);
			if (used == moved_at)
				continue; // a move would be a kick, and hide one that was lost
			moved_at = used;
			home ^= 1;
			std::lock_guard<std::mutex> hold(lock);
			owner_want(&o, home, &setup);
		}
	}
};

TEST(Owners, NoKickIsLostWhileAQueueMoves)
{
	static const unsigned kRounds = 1000;
	Moving w;
	std::thread device([&] { w.serve(); });
	auto late = std::chrono::steady_clock::now() + std::chrono::seconds(120);
	uint16_t avail = 0, used = 0;

	while (used < kRounds) {
		uint16_t was = avail;
		__atomic_store_n(w.memory.at(w.setup.avail + 4 + 2 * (avail % 4)), avail % 4, __ATOMIC_RELAXED);
		avail++;
		__atomic_store_n(w.memory.at(w.setup.avail + 2), avail, __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		uint16_t event = __atomic_load_n(w.memory.at(w.setup.used + 4 + 8 * 4), __ATOMIC_ACQUIRE);
		if ((uint16_t)(avail - event - 1) < (uint16_t)(avail - was) && !server_kick(&w.s[avail % 2], 0)) {
			std::lock_guard<std::mutex> hold(w.lock);
			owner_kick(&w.o);
		}
		while ((used = __atomic_load_n(w.memory.at(w.setup.used + 2), __ATOMIC_ACQUIRE)) != avail) {
			std::this_thread::yield();
			if (std::chrono::steady_clock::now() > late) {
				ADD_FAILURE() << "nobody looks after " << used;
				w.over = true;
				device.join();
				return;
			}
		}
	}
	w.over = true;
	device.join();
	EXPECT_GT(w.o.turn, 100u); // it has moved
}
