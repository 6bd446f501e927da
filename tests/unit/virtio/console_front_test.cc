// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/driver.h"

extern "C" {
#include "vmm/virtio/console_front.h"
#include "vmm/virtio/owners.h"
}

namespace
{
/* A console, its driver with a ring in each queue, who shows and who types. */
struct ConsoleFront : ::testing::Test {
	enum : unsigned { kSize = 8, kText = 0x100000, kBuffer = 0x8000 };
	Memory m{2 << 20};
	virtio v;
	server s;
	owners o;
	console_front f;
	std::vector<ring> rings = std::vector<ring>(CONSOLE_QUEUES);
	unsigned interrupts = 0;
	uint16_t avail[CONSOLE_QUEUES] = {};
	std::string shown, typed;
	unsigned shows = 0;

	static ConsoleFront *self(void *ctx)
	{
		return (ConsoleFront *)ctx;
	}
	const console_back_ops back = {
		[](void *c, const uint8_t *bytes, uint32_t n) {
			EXPECT_GE(CONSOLE_PIECE, n);
			self(c)->shown.append((const char *)bytes, n);
			self(c)->shows++;
		},
		[](void *c, uint8_t *to, uint32_t cap) {
			auto n = (uint32_t)self(c)->typed.copy((char *)to, cap);
			self(c)->typed.erase(0, n);
			return n;
		},
	};
	const owners_ops registers = {[](void *) {}, [](void *) {},
				      [](void *c, const msix_message *) { self(c)->interrupts++; }, nullptr, nullptr};
	const server_ops ops = {
		[](void *, uint16_t, const chain *, uint32_t *, bool *) {
			ADD_FAILURE() << "both queues are on demand";
			return RING_BAD_REQUEST;
		},
		[](void *c, uint16_t queue) { return console_front_on_demand(&self(c)->f, queue); },
		nullptr,
	};

	ConsoleFront()
	{
		virtio_params p = {};
		p.type = CONSOLE_TYPE;
		p.class_code = CONSOLE_CLASS;
		p.queues = CONSOLE_QUEUES;
		p.queue_size = CONSOLE_QUEUE_SIZE;
		p.window = p.address = 1ull << 38;
		p.window_bytes = 1ull << 32;
		virtio_init(&v, &p);
		server_link link = owners_link(&o);
		server_init(&s, CONSOLE_QUEUES, rings.data(), &m.mem, &ops, this, &link);
		owners_init(&o, &v, &s, 0, &registers, this);
		console_front_init(&f, &s, &back, this);
		bring_up();
	}
	void w(uint64_t at, unsigned n, uint64_t x)
	{
		virtio_fx fx;
		virtio_bar_write(&v, at, n, x, &fx);
		owners_accessed(&o, &fx);
	}
	void bring_up()
	{
		virtio_fx fx;
		virtio_pci_write(&v, PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, &fx);
		virtio_pci_write(&v, v.msix.cap + 2u, 2, 0x8000, &fx);
		for (unsigned i = 0; i <= CONSOLE_QUEUES; i++) {
			w(VIRTIO_AT_TABLE + 16 * i, 8, 0xfee00000);
			w(VIRTIO_AT_TABLE + 16 * i + 8, 8, 0x30);
		}
		w(0x14, 1, 3);
		w(0x08, 4, 1);
		w(0x0c, 4, VIRTIO_F_VERSION_1 >> 32);
		w(0x14, 1, 11);
		for (unsigned q = 0; q < CONSOLE_QUEUES; q++) {
			avail[q] = 0;
			memset(&m.bytes[ring_at(q)], 0, 0x1000);
			w(0x16, 2, q);
			w(0x18, 2, kSize);
			w(0x1a, 2, q);
			w(0x20, 8, ring_at(q));
			w(0x28, 8, ring_at(q) + 0x400);
			w(0x30, 8, ring_at(q) + 0x800);
			w(0x1c, 2, 1);
		}
		w(0x14, 1, 15);
	}
	uint64_t ring_at(unsigned q)
	{
		return 0x1000 + 0x1000 * q;
	}
	uint16_t used(unsigned q)
	{
		return (uint16_t)m.get(ring_at(q) + 0x802, 2);
	}
	uint32_t used_bytes(unsigned q, unsigned i)
	{
		return (uint32_t)m.get(ring_at(q) + 0x804 + 8 * (i % kSize) + 4, 4);
	}
	void offer(unsigned q, uint64_t gpa, uint32_t n, bool write)
	{
		unsigned head = avail[q] % kSize;
		m.put(ring_at(q) + 16 * head, gpa, 8);
		m.put(ring_at(q) + 16 * head + 8, n, 4);
		m.put(ring_at(q) + 16 * head + 12, write ? 2 : 0, 2);
		m.put(ring_at(q) + 0x404 + 2 * head, head, 2);
		m.put(ring_at(q) + 0x402, ++avail[q], 2);
		server_kick(&s, (uint16_t)q);
	}
	void say(const std::string &text)
	{
		memcpy(&m.bytes[kText], text.data(), text.size());
		offer(CONSOLE_OUT, kText, (uint32_t)text.size(), false);
	}
	bool work()
	{
		bool more = server_round(&s);
		return console_front_work(&f) || more;
	}
	void serve()
	{
		for (unsigned n = 0; work(); n++)
			ASSERT_GT(1000u, n) << "it has no end";
	}
	bool broken()
	{
		return virtio_bar_read(&v, 0x14, 1) & 64;
	}
};

std::string words(unsigned n)
{
	std::string t;
	for (unsigned i = 0; t.size() < n; i++)
		t += std::to_string(i) + " ";
	return t.substr(0, n);
}

TEST_F(ConsoleFront, WhatTheGuestWritesIsShownInOrder)
{
	std::string all;
	for (unsigned i = 0; i < 100; i++) {
		std::string t = words(1 + i * 13);
		say(t);
		serve();
		all += t;
		ASSERT_EQ((uint16_t)(i + 1), used(CONSOLE_OUT)) << "a kernel spins until its buffer is back";
	}
	EXPECT_EQ(all, shown);
	EXPECT_EQ(100u, interrupts);
	EXPECT_EQ(all.size(), f.bytes_out);
	EXPECT_EQ(0u, s.under_way);
}

TEST_F(ConsoleFront, ALongRequestLeavesOthersTheirTurn)
{
	std::string t = words(200000);
	say(t);
	offer(CONSOLE_IN, kBuffer, 16, true);
	typed = "x";
	EXPECT_TRUE(work());
	EXPECT_EQ(CONSOLE_ROUND * CONSOLE_PIECE, shown.size());
	EXPECT_EQ(0u, used(CONSOLE_OUT));
	EXPECT_EQ(1u, used(CONSOLE_IN)) << "input waits for no output";
	serve();
	EXPECT_EQ(t, shown);
	EXPECT_EQ(1u, used(CONSOLE_OUT));
	EXPECT_EQ((200000u + CONSOLE_PIECE - 1) / CONSOLE_PIECE, shows);
}

TEST_F(ConsoleFront, AResetInTheMidstOfARequestEndsIt)
{
	say(words(200000));
	EXPECT_TRUE(work());
	w(0x14, 1, 0);
	EXPECT_EQ(15u, virtio_bar_read(&v, 0x14, 1));
	size_t before = shown.size();
	serve();
	EXPECT_EQ(0u, virtio_bar_read(&v, 0x14, 1));
	EXPECT_EQ(before, shown.size());
	EXPECT_EQ(0u, s.under_way);
	bring_up();
	say("again\n");
	serve();
	EXPECT_EQ("again\n", shown.substr(before));
}

TEST_F(ConsoleFront, ADrainEndsWhatIsUnderWay)
{
	say(words(200000));
	EXPECT_TRUE(work());
	server_hold(&s, true);
	console_front_drain(&f);
	EXPECT_EQ(0u, s.under_way);
	EXPECT_EQ(1u, used(CONSOLE_OUT));
	EXPECT_FALSE(work());
	server_hold(&s, false);
	say("b");
	serve();
	EXPECT_EQ('b', shown.back());
}

TEST_F(ConsoleFront, WhatIsTypedFillsBuffersAndWaitsForThem)
{
	typed = words(700);
	std::string all = typed, got;
	serve();
	EXPECT_EQ(0u, used(CONSOLE_IN));
	for (unsigned i = 0; got.size() < all.size(); i++) {
		ASSERT_GT(100u, i);
		offer(CONSOLE_IN, kBuffer, 30, true);
		serve();
		ASSERT_EQ((uint16_t)(i + 1), used(CONSOLE_IN));
		uint32_t n = used_bytes(CONSOLE_IN, i);
		ASSERT_TRUE(n && n <= 30);
		got.append((const char *)&m.bytes[kBuffer], n);
	}
	EXPECT_EQ(all, got);
	offer(CONSOLE_IN, kBuffer, 30, true);
	serve();
	unsigned had = used(CONSOLE_IN);
	typed = "late";
	serve();
	EXPECT_EQ(had + 1, used(CONSOLE_IN)) << "a buffer that was there first is filled without a notification";
	EXPECT_EQ(all.size() + 4, f.bytes_in);
}

TEST_F(ConsoleFront, WhatNobodyReadStaysThroughAReset)
{
	typed = "abc";
	serve();
	w(0x14, 1, 0);
	serve();
	bring_up();
	offer(CONSOLE_IN, kBuffer, 2, true);
	offer(CONSOLE_IN, kBuffer + 2, 2, true);
	serve();
	EXPECT_EQ(0, memcmp(&m.bytes[kBuffer], "abc", 3));
}

TEST_F(ConsoleFront, HostileBuffersBreakTheQueueAndHarmNobody)
{
	const struct {
		const char *what;
		unsigned queue;
		uint64_t gpa;
		uint32_t n;
		bool write;
	} cases[] = {
		{"output that is not in memory", CONSOLE_OUT, 1ull << 40, 4, false},
		{"half of it is not", CONSOLE_OUT, (2 << 20) - 2000, 4000, false},
		{"4 GiB of it", CONSOLE_OUT, 0, UINT32_MAX, false},
		{"input into no memory", CONSOLE_IN, 1ull << 40, 4, true},
		{"input into what is to be read", CONSOLE_IN, kBuffer, 4, false},
	};
	for (const auto &c : cases) {
		typed = "typed";
		f.typed_n = 0;
		offer(c.queue, c.gpa, c.n, c.write);
		for (unsigned n = 0; n < 5000 && work(); n++)
			;
		EXPECT_TRUE(broken()) << c.what;
		EXPECT_EQ(0u, s.under_way) << c.what;
		w(0x14, 1, 0);
		serve();
		EXPECT_EQ(0u, virtio_bar_read(&v, 0x14, 1)) << c.what;
		bring_up();
		shown.clear();
		say("ok");
		offer(CONSOLE_IN, kBuffer, 16, true);
		serve();
		EXPECT_EQ("ok", shown) << c.what;
		EXPECT_EQ(0, memcmp(&m.bytes[kBuffer], "typed", 5)) << c.what << ": nothing that was typed is lost";
	}
	offer(CONSOLE_OUT, kBuffer, 16, true); // nothing to show
	serve();
	EXPECT_FALSE(broken());
	EXPECT_EQ(2u, used(CONSOLE_OUT));
}

// What is read is what is there at that moment: the driver may write on.
TEST_F(ConsoleFront, MemoryThatChangesMeanwhile)
{
	unsigned n = 0;
	m.after_read = [&] {
		m.put(ring_at(CONSOLE_OUT) + 8, ++n * 2654435761u, 4); // the length
		m.put(ring_at(CONSOLE_OUT), n * 40503u, 8);
	};
	say("abcdef");
	for (unsigned i = 0; i < 10000 && work(); i++)
		;
	EXPECT_EQ(0u, s.under_way);
}
} // namespace
