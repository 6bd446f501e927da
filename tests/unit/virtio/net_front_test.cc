// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/driver.h"

#include <deque>
#include <memory>

extern "C" {
#include "vmm/virtio/net_front.h"
#include "vmm/virtio/owners.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;

Bytes frame(uint32_t n, unsigned seed)
{
	Bytes b(n);
	for (uint32_t i = 0; i < n; i++)
		b[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
	return b;
}

/* A card of two pairs, its driver with a ring in each queue, and a back that is two lists. */
struct Front : ::testing::Test {
	enum : unsigned { kPairs = 2, kQueues = 2 * kPairs + 1, kSize = 16, kBuffers = 0x100000, kStep = 0x20000 };
	enum : uint64_t { kAll = NET_F_CTRL_VQ | NET_F_MQ | NET_F_MRG_RXBUF | NET_F_STATUS | NET_F_MTU | NET_F_MAC };
	Memory m{16 << 20};
	virtio v;
	server s;
	owners o;
	net_front f;
	std::vector<ring> rings = std::vector<ring>(kQueues);
	std::vector<chain> chains = std::vector<chain>(NET_RX_CHAINS_MAX);
	bool locked = false;
	std::vector<unsigned> sent; // interrupts
	struct Queue {
		uint64_t at;
		uint16_t avail = 0, seen = 0, next = 0;
		unsigned size = kSize;
	} q[kQueues];
	/* The back. */
	Bytes place = Bytes(NET_FRAME_MAX);
	unsigned room = 1000;
	std::vector<Bytes> out;
	std::vector<net_header> out_headers;
	unsigned flushed = 0;
	std::deque<Bytes> in;
	net_header in_header = {};
	std::vector<uint64_t> accepted;

	static Front *self(void *ctx)
	{
		return (Front *)ctx;
	}
	const net_back_ops back = {
		[](void *c) { return self(c)->room ? self(c)->place.data() : nullptr; },
		[](void *c, uint32_t n, const net_header *h) {
			self(c)->room--;
			self(c)->out.emplace_back(self(c)->place.begin(), self(c)->place.begin() + n);
			self(c)->out_headers.push_back(*h);
		},
		[](void *c) { self(c)->flushed++; },
		[](void *c, net_frame *o) {
			if (self(c)->in.empty())
				return false;
			*o = {self(c)->in[0].data(), (uint32_t)self(c)->in[0].size(), self(c)->in_header};
			return true;
		},
		[](void *c) { self(c)->in.pop_front(); },
		[](void *c, uint64_t a) { self(c)->accepted.push_back(a); },
	};
	const owners_ops registers = {
		[](void *c) {
			EXPECT_FALSE(self(c)->locked);
			self(c)->locked = true;
		},
		[](void *c) { self(c)->locked = false; },
		[](void *c, const msix_message *msg) { self(c)->sent.push_back(msg->vector); },
		nullptr,
		nullptr,
	};
	const server_ops ops = {
		[](void *c, uint16_t queue, const chain *ch, uint32_t *used, bool *) {
			return net_front_request(&self(c)->f, queue, ch, used);
		},
		[](void *c, uint16_t queue) { return net_front_on_demand(&self(c)->f, queue); },
		nullptr,
	};

	Front()
	{
		virtio_params p = {};
		p.type = NET_TYPE;
		p.class_code = NET_CLASS;
		p.queues = kQueues;
		p.queue_size = 256;
		p.features = kAll | NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_GUEST_CSUM;
		p.config_bytes = NET_CONFIG_BYTES;
		p.features_good = net_features_good;
		p.window = p.address = 1ull << 38;
		p.window_bytes = 1ull << 32;
		virtio_init(&v, &p);
		server_link link = owners_link(&o);
		server_init(&s, kQueues, rings.data(), &m.mem, &ops, this, &link);
		owners_init(&o, &v, &s, 0, &registers, this);
		net_front_init(&f, &s, kPairs, chains.data(), &back, this);
		for (unsigned i = 0; i < kQueues; i++)
			q[i].at = 0x1000 + i * 0x8000;
	}
	void w(uint64_t at, unsigned n, uint64_t x)
	{
		virtio_fx fx;
		virtio_bar_write(&v, at, n, x, &fx);
		owners_accessed(&o, &fx);
	}
	void cfg(unsigned at, unsigned n, uint32_t x)
	{
		virtio_fx fx;
		virtio_pci_write(&v, at, n, x, &fx);
		owners_accessed(&o, &fx);
	}
	uint64_t desc(unsigned i)
	{
		return q[i].at;
	}
	uint64_t avail(unsigned i)
	{
		return q[i].at + 0x4000;
	}
	uint64_t used(unsigned i)
	{
		return q[i].at + 0x6000;
	}
	void bring_up(uint64_t features, unsigned queues = kQueues)
	{
		features |= VIRTIO_F_VERSION_1;
		cfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		cfg(v.msix.cap + 2u, 2, 0x8000);
		for (unsigned i = 0; i <= kQueues; i++) {
			w(VIRTIO_AT_TABLE + 16 * i, 8, 0xfee00000);
			w(VIRTIO_AT_TABLE + 16 * i + 8, 8, 0x30);
		}
		w(0x14, 1, 3);
		for (unsigned i = 0; i < 2; i++) {
			w(0x08, 4, i);
			w(0x0c, 4, features >> (32 * i));
		}
		w(0x14, 1, 11);
		ASSERT_EQ(11u, virtio_bar_read(&v, 0x14, 1));
		w(0x10, 2, 0);
		for (unsigned i = 0; i < queues; i++) {
			q[i].avail = q[i].seen = q[i].next = 0;
			m.put(avail(i), 0, 4);
			m.put(used(i), 0, 4);
			w(0x16, 2, i);
			w(0x18, 2, q[i].size);
			w(0x1a, 2, i + 1);
			w(0x20, 8, desc(i));
			w(0x28, 8, avail(i));
			w(0x30, 8, used(i));
			w(0x1c, 2, 1);
		}
		w(0x14, 1, 15);
		work();
	}
	void reset()
	{
		w(0x14, 1, 0);
		work();
		ASSERT_EQ(0u, virtio_bar_read(&v, 0x14, 1));
	}
	unsigned work()
	{
		unsigned n = 0;
		bool more = true;
		while (more && n++ < 100) {
			more = server_round(&s);
			more |= net_front_work(&f);
		}
		EXPECT_LT(n, 100u);
		return n;
	}
	/* A buffer of its own for each descriptor. */
	uint64_t buffer(unsigned i, unsigned d)
	{
		return kBuffers + i * 0x200000 + d * kStep;
	}
	void offer(unsigned i, uint16_t head)
	{
		m.put(avail(i) + 4 + 2 * (q[i].avail % q[i].size), head, 2);
		m.put(avail(i) + 2, ++q[i].avail, 2);
	}
	void kick(unsigned i)
	{
		w(VIRTIO_AT_NOTIFY + 4 * i, 2, i);
	}
	uint16_t add(unsigned i, uint32_t n, unsigned flags)
	{
		uint16_t d = q[i].next++ % q[i].size;
		m.put(desc(i) + 16u * d, buffer(i, d), 8);
		m.put(desc(i) + 16u * d + 8, n, 4);
		m.put(desc(i) + 16u * d + 12, flags, 4);
		offer(i, d);
		return d;
	}
	void send(unsigned i, const Bytes &b, const net_header &h = {})
	{
		uint16_t d = add(i, (uint32_t)b.size() + NET_HEADER_BYTES, 0);
		net_header_encode(&h, 0, &m.bytes[buffer(i, d)]);
		std::copy(b.begin(), b.end(), &m.bytes[buffer(i, d) + NET_HEADER_BYTES]);
	}
	void post(unsigned i, uint32_t n, unsigned times = 1)
	{
		while (times--)
			add(i, n, Driver::WRITE);
		kick(i);
	}
	unsigned done(unsigned i)
	{
		return (uint16_t)(m.get(used(i) + 2, 2) - q[i].seen);
	}
	/* The next frame that the driver gets in a queue, as it puts it together. */
	Bytes receive(unsigned i)
	{
		Bytes all;
		unsigned buffers = 1;
		for (unsigned k = 0; k < buffers; k++) {
			if (!done(i)) {
				ADD_FAILURE() << "a buffer of the frame is missing";
				return {};
			}
			uint64_t e = used(i) + 4 + 8 * (q[i].seen++ % q[i].size);
			uint64_t at = buffer(i, (unsigned)m.get(e, 4));
			uint32_t n = (uint32_t)m.get(e + 4, 4);
			if (!k)
				buffers = (unsigned)m.get(at + 10, 2);
			all.insert(all.end(), &m.bytes[at + (k ? 0 : NET_HEADER_BYTES)], &m.bytes[at + n]);
		}
		return all;
	}
	uint8_t status()
	{
		return (uint8_t)virtio_bar_read(&v, 0x14, 1);
	}
};

TEST_F(Front, FramesBothWays)
{
	bring_up(kAll);
	EXPECT_EQ((std::vector<uint64_t>{kAll | VIRTIO_F_VERSION_1}), accepted);
	send(1, frame(60, 1));
	send(1, frame(1514, 2));
	kick(1);
	work();
	ASSERT_EQ(2u, out.size());
	EXPECT_EQ(frame(60, 1), out[0]);
	EXPECT_EQ(frame(1514, 2), out[1]);
	EXPECT_GE(flushed, 1u);
	EXPECT_EQ(2u, done(1));
	EXPECT_EQ((std::vector<unsigned>{2}), sent) << "one interrupt for both";
	post(0, 2000, 3);
	in = {frame(60, 3), frame(1988, 4)};
	work();
	EXPECT_EQ(frame(60, 3), receive(0));
	EXPECT_EQ(frame(1988, 4), receive(0));
	EXPECT_EQ(0u, done(0));
	EXPECT_EQ(2u, f.count.sent);
	EXPECT_EQ(1574u, f.count.sent_bytes);
	EXPECT_EQ(2u, f.count.received);
	EXPECT_EQ(2048u, f.count.received_bytes);
	EXPECT_EQ(0u, s.under_way) << "nothing is held";
}

TEST_F(Front, OverSeveralBuffersOrNotAtAll)
{
	bring_up(kAll);
	in = {frame(5000, 1)};
	post(0, 1500, 3);
	work();
	EXPECT_EQ(1u, in.size());
	EXPECT_EQ(0u, done(0)) << "three are too few: none is used";
	EXPECT_EQ(0u, s.under_way);
	EXPECT_TRUE(sent.empty());
	post(0, 1500);
	work();
	EXPECT_EQ(4u, done(0));
	EXPECT_EQ(frame(5000, 1), receive(0));
	EXPECT_TRUE(in.empty());
	/* The longest, over the whole ring but one. */
	in = {frame(16 * 4000, 2), frame(60, 3)};
	post(0, 4300, 16);
	work();
	EXPECT_EQ(frame(16 * 4000, 2), receive(0));
	EXPECT_EQ(frame(60, 3), receive(0));
}

TEST_F(Front, WithoutMergedBuffersAFrameFitsOneOrIsDropped)
{
	bring_up(0);
	post(0, 1526, 3);
	in = {frame(1514, 1), frame(1515, 2), frame(60, 3)};
	work();
	EXPECT_EQ(frame(1514, 1), receive(0));
	EXPECT_EQ(frame(60, 3), receive(0)) << "the one that was too long is gone, and took no buffer";
	EXPECT_EQ(0u, done(0));
	EXPECT_EQ(1u, f.count.bad_in);
	EXPECT_TRUE(in.empty());
	in = {frame(60, 4), frame(60, 5)};
	work();
	EXPECT_EQ(frame(60, 4), receive(0));
	EXPECT_EQ(1u, in.size()) << "it waits";
}

TEST_F(Front, AFrameThatNoRingHolds)
{
	bring_up(kAll);
	post(0, 100, 16); // 1600 bytes in all
	in = {frame(1700, 1), frame(60, 2)};
	work();
	EXPECT_EQ(1u, f.count.bad_in);
	EXPECT_EQ(frame(60, 2), receive(0)) << "it does not stand in the way for ever";
	post(0, 5); // no room for a header: such a driver gets nothing
	in = {frame(100, 3)};
	for (unsigned i = 0; i < 20; i++)
		work();
	EXPECT_EQ(0, status() & VIRTIO_NEEDS_RESET);
}

TEST_F(Front, NoRoomBehind)
{
	bring_up(kAll);
	room = 2;
	for (unsigned i = 0; i < 5; i++)
		send(1, frame(100, i));
	kick(1);
	work();
	EXPECT_EQ(2u, out.size());
	EXPECT_EQ(2u, done(1)) << "what has no room stays the driver's";
	EXPECT_EQ(0u, s.under_way);
	room = 2;
	net_front_room(&f);
	EXPECT_EQ(4u, out.size());
	room = 2;
	net_front_room(&f);
	ASSERT_EQ(5u, out.size());
	for (unsigned i = 0; i < 5; i++)
		EXPECT_EQ(frame(100, i), out[i]);
	send(1, frame(100, 9));
	kick(1);
	work();
	EXPECT_EQ(6u, out.size());
}

TEST_F(Front, OthersHaveTheirTurn)
{
	q[1].size = 256;
	bring_up(kAll);
	for (unsigned i = 0; i < 200; i++) {
		m.put(desc(1) + 16 * i, kBuffers, 8);
		m.put(desc(1) + 16 * i + 8, 72, 4);
		m.put(desc(1) + 16 * i + 12, 0, 4);
		offer(1, (uint16_t)i);
	}
	kick(1);
	EXPECT_FALSE(server_round(&s));
	EXPECT_TRUE(net_front_work(&f));
	EXPECT_EQ(NET_ROUND, out.size());
	work();
	EXPECT_EQ(200u, out.size());
	post(0, 100, 16);
	in.assign(100, frame(60, 1));
	work();
	EXPECT_EQ(16u, done(0));
	EXPECT_EQ(84u, in.size());
}

TEST_F(Front, WhatTheDriverDidNotAccept)
{
	bring_up(kAll | NET_F_CSUM);
	net_header csum = {NET_NEEDS_CSUM, NET_GSO_NONE, 0, 0, 34, 16},
		   tso = {NET_NEEDS_CSUM, NET_GSO_TCP4, 54, 1448, 34, 16};
	send(1, frame(100, 1), csum);
	send(1, frame(100, 2), tso);
	send(1, frame(13, 3));
	send(1, frame(100, 4));
	kick(1);
	work();
	ASSERT_EQ(2u, out.size());
	EXPECT_EQ(NET_NEEDS_CSUM, out_headers[0].flags);
	EXPECT_EQ(frame(100, 4), out[1]);
	EXPECT_EQ(2u, f.count.bad_out);
	EXPECT_EQ(4u, done(1)) << "all are given back";
	/* And the other way. */
	post(0, 2000, 2);
	in_header = csum;
	in = {frame(60, 5)};
	work();
	EXPECT_EQ(0u, done(0));
	EXPECT_EQ(1u, f.count.bad_in);
	in_header = {NET_DATA_VALID, 0, 0, 0, 0, 0};
	in = {frame(60, 6)};
	work();
	EXPECT_EQ(frame(60, 6), receive(0));
	EXPECT_EQ(0, m.bytes[buffer(0, 0)]);
}

/* Both directions of a flow in the pair that the driver chose. */
TEST_F(Front, PairsAndFlows)
{
	auto tcp = [](uint8_t from, uint8_t to, uint8_t from_port, uint8_t to_port) {
		Bytes b(60);
		b[12] = 8;
		b[14] = 0x45;
		b[23] = 6;
		b[29] = from;
		b[33] = to;
		b[35] = from_port;
		b[37] = to_port;
		return b;
	};
	bring_up(kAll);
	post(0, 2000, 8);
	post(2, 2000, 8);
	send(3, tcp(1, 2, 3, 4)); // before it said that it uses it
	kick(3);
	work();
	ASSERT_EQ(1u, out.size());
	in = {tcp(2, 1, 4, 3)};
	work();
	EXPECT_EQ(tcp(2, 1, 4, 3), receive(0)) << "one pair is in use";
	/* MQ_VQ_PAIRS_SET 2. */
	uint64_t c = kBuffers + 4 * 0x200000;
	auto command = [&](const Bytes &b) {
		std::copy(b.begin(), b.end(), &m.bytes[c]);
		m.bytes[c + 0x100] = 0xee;
		m.put(desc(4), c, 8);
		m.put(desc(4) + 8, b.size(), 4);
		m.put(desc(4) + 12, 1 | 1 << 16, 4);
		m.put(desc(4) + 16, c + 0x100, 8);
		m.put(desc(4) + 24, 1, 4);
		m.put(desc(4) + 28, Driver::WRITE, 4);
		offer(4, 0);
		kick(4);
		work();
		return m.bytes[c + 0x100];
	};
	EXPECT_EQ(0, command({4, 0, 2, 0}));
	EXPECT_EQ(2, f.pairs);
	in = {tcp(2, 1, 4, 3), tcp(9, 1, 9, 9)};
	work();
	EXPECT_EQ(tcp(2, 1, 4, 3), receive(2));
	EXPECT_EQ(tcp(9, 1, 9, 9), receive(0)) << "one that nobody sent";
	send(1, tcp(1, 2, 3, 4));
	kick(1);
	work();
	in = {tcp(2, 1, 4, 3)};
	work();
	EXPECT_EQ(tcp(2, 1, 4, 3), receive(0)) << "it has moved";
	EXPECT_EQ(1, command({4, 0, 3, 0}));
	EXPECT_EQ(2, f.pairs);
	send(3, tcp(1, 2, 3, 4));
	kick(3);
	work();
	EXPECT_EQ(0, command({4, 0, 1, 0}));
	in = {tcp(2, 1, 4, 3)};
	work();
	EXPECT_EQ(tcp(2, 1, 4, 3), receive(0));
	EXPECT_EQ(0u, done(2));
}

/* Without MQ the control queue is the third, and there is one pair. */
TEST_F(Front, ControlQueueWithoutPairs)
{
	bring_up(NET_F_CTRL_VQ, 3);
	uint64_t c = kBuffers;
	m.put(desc(2), c, 8);
	m.put(desc(2) + 8, 4, 4);
	m.put(desc(2) + 12, 1 | 1 << 16, 4);
	m.put(desc(2) + 16, c + 0x100, 8);
	m.put(desc(2) + 24, 1, 4);
	m.put(desc(2) + 28, Driver::WRITE, 4);
	m.bytes[c] = 4;
	offer(2, 0);
	kick(2);
	work();
	EXPECT_EQ(1u, done(2));
	EXPECT_EQ(1, m.bytes[c + 0x100]);
	send(1, frame(60, 1));
	kick(1);
	work();
	EXPECT_EQ(1u, out.size());
}

TEST_F(Front, ResetInEveryState)
{
	for (unsigned round = 0; round < 20; round++) {
		uint64_t features = round % 2 ? (uint64_t)kAll : 0;
		bring_up(features);
		ASSERT_EQ(features | VIRTIO_F_VERSION_1, accepted.back());
		out.clear();
		in = {frame(3000, 1)};
		post(0, 1000, 2);
		room = round % 3 ? 1 : 0;
		for (unsigned i = 0; i < 3; i++)
			send(1, frame(60, i));
		kick(1);
		work();
		reset();
		EXPECT_EQ(0u, accepted.back());
		EXPECT_EQ(1, f.pairs);
		EXPECT_EQ(0u, s.under_way);
		room = 100;
		out.clear();
		net_front_room(&f);
		net_front_received(&f);
		EXPECT_TRUE(out.empty()) << "nothing of before";
	}
	bring_up(kAll);
	in = {frame(60, 7)};
	post(0, 1000);
	work();
	EXPECT_EQ(frame(60, 7), receive(0));
}

TEST_F(Front, HeldStill)
{
	bring_up(kAll);
	server_hold(&s, true);
	send(1, frame(60, 1));
	kick(1);
	in = {frame(60, 2)};
	post(0, 1000);
	work();
	EXPECT_TRUE(out.empty());
	EXPECT_EQ(1u, in.size());
	EXPECT_EQ(0u, done(0));
}

/* What is impossible breaks the device until it is reset, and the network behind it stays as it was. */
TEST_F(Front, HostileRings)
{
	struct {
		const char *what;
		std::function<void()> make;
		unsigned queue;
	} all[] = {
		{"transmit index jumps", [&] { m.put(avail(1) + 2, 999, 2); }, 1},
		{"receive index jumps", [&] { m.put(avail(0) + 2, 999, 2); }, 0},
		{"a head that is none", [&] { offer(1, 999); }, 1},
		{"a header that is cut off", [&] { add(1, 11, 0); }, 1},
		{"to send from nowhere",
		 [&] {
			 add(1, 100, 0);
			 m.put(desc(1), 1ull << 40, 8);
		 },
		 1},
		{"to receive into nowhere",
		 [&] {
			 add(0, 1000, Driver::WRITE);
			 m.put(desc(0), 1ull << 40, 8);
		 },
		 0},
		{"a loop",
		 [&] {
			 add(1, 100, Driver::NEXT);
			 m.put(desc(1) + 14, 0, 2);
		 },
		 1},
		{"the same buffer twice, for a frame in two",
		 [&] {
			 add(0, 700, Driver::WRITE);
			 offer(0, 0);
		 },
		 0},
	};
	for (auto &a : all) {
		bring_up(kAll);
		ASSERT_EQ(15, status()) << a.what;
		in = {frame(900, 1)};
		a.make();
		kick(a.queue);
		work();
		EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, status()) << a.what;
		EXPECT_TRUE(out.empty()) << a.what;
		EXPECT_EQ(0u, s.under_way) << a.what;
		send(1, frame(60, 1));
		kick(1);
		work();
		EXPECT_TRUE(out.empty()) << a.what;
		reset();
	}
	bring_up(kAll);
	post(0, 1000);
	in = {frame(60, 2)};
	work();
	EXPECT_EQ(frame(60, 2), receive(0));
}

/* Buffers to read where they are to be written: a receive chain with readable parts has that much less room. */
TEST_F(Front, ReadableBuffersToReceiveInto)
{
	bring_up(0);
	add(0, 1000, 0);
	add(0, 1000, Driver::WRITE);
	kick(0);
	in = {frame(60, 1), frame(60, 2)};
	work();
	EXPECT_EQ(2u, f.count.bad_in) << "the first one in the ring is none";
	EXPECT_EQ(0u, done(0));
}

} // namespace
