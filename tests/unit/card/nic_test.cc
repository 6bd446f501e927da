// SPDX-License-Identifier: Apache-2.0
// A network card in a slot, a driver's rings in memory, and a peer at the end of its stream.
#include "tests/unit/card/one_bus.h"

#include <functional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern "C" {
#include "net/loop.h"
#include "net/now.h"
#include "vmm/card/nic.h"
#include "vmm/virtio/net.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;

struct Nic : OneBus {
	enum : uint64_t { kFeatures = NET_F_MAC | NET_F_STATUS | NET_F_MTU | NET_F_MRG_RXBUF | NET_F_CTRL_VQ };
	struct loop *l = nullptr;
	char path[64];
	int listener = -1, peer = -1;
	uint16_t avail[3] = {}, seen[3] = {};

	Nic()
	{
		struct loop_options o = {"poll", 0};
		EXPECT_EQ(0, loop_create(&l, &o));
		host.loop = l;
		memory.resize(0x100000);
		snprintf(path, sizeof(path), "/tmp/pando-nic-%d", getpid());
		sockaddr_un a = {};
		a.sun_family = AF_UNIX;
		strcpy(a.sun_path, path);
		unlink(path);
		listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT_EQ(0, bind(listener, (sockaddr *)&a, sizeof(a)));
		EXPECT_EQ(0, listen(listener, 4));
	}
	~Nic() override
	{
		card_bus_destroy(bus);
		bus = nullptr;
		loop_destroy(l);
		close(listener);
		close(peer);
		unlink(path);
	}
	int make_nic(const char *more = "")
	{
		std::string c = std::string("{\"mac\":\"52:54:00:12:34:56\",\"back\":\"stream\",\"socket\":\"") + path +
				"\"" + more + "}";
		add(CARD_NET, c.c_str());
		int r = make();
		if (!r)
			accept_one();
		return r;
	}
	void accept_one()
	{
		pollfd p = {listener, POLLIN, 0};
		ASSERT_TRUE(until([&] { return poll(&p, 1, 0) == 1; }));
		peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
	}
	bool until(const std::function<bool()> &done)
	{
		uint64_t end = now_ns() + 10000000000u;
		woken = true;
		while (!done() && now_ns() < end) {
			serve();
			EXPECT_GE(loop_run(l, now_ns() + 5000000u), 0);
		}
		return done();
	}
	uint64_t ring(unsigned q)
	{
		return 0x10000 + 0x4000 * q;
	}
	void up(uint64_t features = kFeatures)
	{
		bar = (cfg(0x10, 4) & ~15u) | cfg(0x14, 4) << 32;
		set_cfg(4, 2, 6);
		for (unsigned cap = (unsigned)cfg(0x34, 1); cap; cap = (unsigned)cfg(cap + 1, 1))
			if (cfg(cap, 1) == 0x11)
				set_cfg(cap + 2, 2, 0x8000);
		for (unsigned i = 0; i < 4; i++) {
			set(VIRTIO_AT_TABLE + 16 * i, 8, 0xfee03000);
			set(VIRTIO_AT_TABLE + 16 * i + 8, 8, 0x40 + i);
		}
		set(0x14, 1, 3);
		for (unsigned i = 0; i < 2; i++) {
			set(8, 4, i);
			set(12, 4, (features | 1ull << 32) >> (32 * i));
		}
		set(0x14, 1, 11);
		ASSERT_EQ(11u, get(0x14, 1));
		set(0x10, 2, 0);
		for (unsigned q = 0; q < 3; q++) {
			avail[q] = seen[q] = 0;
			memset(&memory[ring(q)], 0, 0x4000);
			set(0x16, 2, q);
			set(0x18, 2, 16);
			set(0x1a, 2, q + 1);
			set(0x20, 8, ring(q));
			set(0x28, 8, ring(q) + 0x1000);
			set(0x30, 8, ring(q) + 0x2000);
			set(0x1c, 2, 1);
		}
		set(0x14, 1, 15);
		serve();
	}
	uint64_t buffer(unsigned q, unsigned d)
	{
		return 0x20000 + q * 0x20000 + d * 0x1000;
	}
	void add_buffer(unsigned q, uint32_t n, unsigned flags)
	{
		unsigned d = avail[q] % 16;
		put_le(&memory[ring(q) + 16 * d], buffer(q, d), 8);
		put_le(&memory[ring(q) + 16 * d + 8], n, 4);
		put_le(&memory[ring(q) + 16 * d + 12], flags, 2);
		put_le(&memory[ring(q) + 0x1004 + 2 * d], d, 2);
		put_le(&memory[ring(q) + 0x1002], ++avail[q], 2);
		set(VIRTIO_AT_NOTIFY + 4 * q, 2, q);
	}
	void send(const Bytes &b)
	{
		uint64_t at = buffer(1, avail[1] % 16);
		memset(&memory[at], 0, 12);
		memcpy(&memory[at + 12], b.data(), b.size());
		add_buffer(1, 12 + (uint32_t)b.size(), 0);
		serve();
	}
	unsigned done(unsigned q)
	{
		return (uint16_t)(get_le(&memory[ring(q) + 0x2002], 2) - seen[q]);
	}
	Bytes receive()
	{
		EXPECT_TRUE(until([&] { return done(0) != 0; }));
		uint64_t e = ring(0) + 0x2004 + 8 * (seen[0]++ % 16), at = buffer(0, (unsigned)get_le(&memory[e], 4));
		return Bytes(&memory[at + 12], &memory[at + get_le(&memory[e + 4], 4)]);
	}
	void say(const Bytes &b)
	{
		Bytes all = {0, 0, (uint8_t)(b.size() >> 8), (uint8_t)b.size()};
		all.insert(all.end(), b.begin(), b.end());
		EXPECT_EQ((ssize_t)all.size(), write(peer, all.data(), all.size()));
	}
	Bytes hear()
	{
		uint8_t h[4];
		EXPECT_EQ(4, recv(peer, h, 4, MSG_WAITALL));
		Bytes b((unsigned)h[2] << 8 | h[3]);
		EXPECT_EQ((ssize_t)b.size(), recv(peer, b.data(), b.size(), MSG_WAITALL));
		return b;
	}
	card_numbers numbers()
	{
		card_numbers n;
		card_bus_each(
			bus, [](void *to, const card *c) { *(card_numbers *)to = c->numbers; }, &n);
		return n;
	}
	card *the_card()
	{
		card *c;
		card_bus_each(
			bus, [](void *to, const card *x) { *(const card **)to = x; }, &c);
		return c;
	}
};

TEST_F(Nic, IsWhatItWasConfiguredAs)
{
	ASSERT_EQ(0, make_nic(",\"mtu\":9000")) << why;
	EXPECT_EQ(0x10411af4u, cfg(0, 4));
	EXPECT_EQ(0x02u, cfg(11, 1));
	up();
	EXPECT_EQ(0x12005452u, get(VIRTIO_AT_CONFIG, 4));
	EXPECT_EQ(0x5634u, get(VIRTIO_AT_CONFIG + 4, 2));
	EXPECT_EQ(1u, get(VIRTIO_AT_CONFIG + 6, 2));
	EXPECT_EQ(1u, get(VIRTIO_AT_CONFIG + 8, 2));
	EXPECT_EQ(9000u, get(VIRTIO_AT_CONFIG + 10, 2));
	set(0, 4, 0);
	EXPECT_EQ((uint32_t)(kFeatures | VIRTIO_F_ALWAYS), get(4, 4)) << "no offload, and no pairs";
}

TEST_F(Nic, SeveralPairs)
{
	ASSERT_EQ(0, make_nic(",\"queues\":4")) << why;
	up(kFeatures | NET_F_MQ);
	EXPECT_EQ(4u, get(VIRTIO_AT_CONFIG + 8, 2));
	EXPECT_EQ(9u, get(0x12, 2)) << "two a pair, and the control queue";
}

TEST_F(Nic, FramesBothWaysAndTheirNumbers)
{
	ASSERT_EQ(0, make_nic()) << why;
	up();
	send(Bytes(60, 7));
	EXPECT_EQ(Bytes(60, 7), hear());
	EXPECT_EQ(1u, done(1));
	ASSERT_EQ(1u, sent.size());
	EXPECT_EQ(0x42, sent[0].vector);
	add_buffer(0, 2048, 2);
	say(Bytes(1500, 9));
	EXPECT_EQ(Bytes(1500, 9), receive());
	EXPECT_EQ(0x41, sent.back().vector);
	EXPECT_EQ(2u, numbers().requests);
	EXPECT_EQ(60u, numbers().bytes_out);
	EXPECT_EQ(1500u, numbers().bytes_in);
	EXPECT_EQ(0u, numbers().errors);
	EXPECT_EQ(0u, numbers().under_way);
}

TEST_F(Nic, AFrameWaitsForItsBuffers)
{
	ASSERT_EQ(0, make_nic()) << why;
	up();
	say(Bytes(3000, 1));
	for (unsigned i = 0; i < 20; i++)
		loop_run(l, now_ns() + 1000000u);
	add_buffer(0, 2000, 2);
	serve();
	EXPECT_EQ(0u, done(0));
	add_buffer(0, 2000, 2);
	EXPECT_TRUE(until([&] { return done(0) == 2; }));
}

TEST_F(Nic, TheLinkGoesAndComes)
{
	ASSERT_EQ(0, make_nic()) << why;
	up();
	uint8_t generation = (uint8_t)get(0x15, 1);
	close(peer);
	ASSERT_TRUE(until([&] { return told.size() == 1; }));
	EXPECT_TRUE(strstr(told[0].c_str(), path)) << told[0];
	EXPECT_EQ(0x40, sent.back().vector) << "the configuration's";
	EXPECT_EQ(0u, get(VIRTIO_AT_CONFIG + 6, 2));
	EXPECT_NE(generation, get(0x15, 1));
	EXPECT_EQ(2u, get(0x100, 1));
	send(Bytes(60, 1)); // lost, as without a cable
	EXPECT_EQ(1u, done(1));
	EXPECT_EQ(1u, numbers().errors);
	accept_one();
	ASSERT_TRUE(until([&] { return told.size() == 2; }));
	EXPECT_EQ(1u, get(VIRTIO_AT_CONFIG + 6, 2));
	send(Bytes(61, 2));
	EXPECT_EQ(Bytes(61, 2), hear());
}

/* Nobody reads, so frames wait for room; without a link they are lost, and the driver gets its buffers back. */
TEST_F(Nic, TheLinkIsLostUnderLoad)
{
	ASSERT_EQ(0, make_nic()) << why;
	up();
	for (unsigned i = 0; i < 10000 && avail[1] == done(1); i++)
		send(Bytes(1500, 1));
	ASSERT_NE(avail[1], done(1)) << "it is never full";
	EXPECT_EQ(4, write(peer, "\0\0\0\1", 4)); // no frame is so short: it is cut off
	EXPECT_TRUE(until([&] { return told.size() == 1 && avail[1] == done(1); }));
}

TEST_F(Nic, TheCableIsPulled)
{
	ASSERT_EQ(0, make_nic()) << why;
	up();
	nic_plug(the_card(), false);
	EXPECT_EQ(1u, get(VIRTIO_AT_CONFIG + 6, 2)) << "on the device thread";
	serve();
	EXPECT_EQ(0u, get(VIRTIO_AT_CONFIG + 6, 2));
	ASSERT_EQ(1u, told.size());
	EXPECT_EQ("the cable was pulled", told[0]);
	nic_plug(the_card(), true);
	serve();
	EXPECT_EQ(1u, get(VIRTIO_AT_CONFIG + 6, 2));
	send(Bytes(60, 3));
	EXPECT_EQ(Bytes(60, 3), hear());
}

TEST_F(Nic, ResetsOfTheDriverAndOfTheMachine)
{
	ASSERT_EQ(0, make_nic()) << why;
	for (unsigned i = 0; i < 10; i++) {
		up();
		say(Bytes(60, (uint8_t)(100 + i))); // for the one after it, if this one has no buffer
		send(Bytes(60, (uint8_t)i));
		EXPECT_EQ(Bytes(60, (uint8_t)i), hear());
		if (i % 2) {
			set(0x14, 1, 0);
			serve();
			EXPECT_EQ(0u, get(0x14, 1));
		} else {
			power_on();
		}
		EXPECT_EQ(0u, done(0));
	}
	up();
	add_buffer(0, 2048, 2);
	EXPECT_EQ(Bytes(60, 100), receive()) << "they stayed with the network meanwhile";
}

TEST_F(Nic, WhatCannotBeOpenedIsSaid)
{
	close(listener);
	listener = -1;
	unlink(path);
	EXPECT_EQ(-ENOENT, make_nic());
	EXPECT_TRUE(strstr(why, "virtio-net")) << why;
	EXPECT_TRUE(strstr(why, path)) << why;
}

TEST_F(Nic, WithoutALinkWhereItIsOptional)
{
	close(listener);
	listener = -1;
	unlink(path);
	std::string c =
		std::string("{\"mac\":\"52:54:00:12:34:56\",\"back\":\"stream\",\"optional\":true,\"socket\":\"") +
		path + "\"}";
	add(CARD_NET, c.c_str());
	ASSERT_EQ(0, make()) << why;
	up();
	EXPECT_EQ(0u, get(VIRTIO_AT_CONFIG + 6, 2));
	send(Bytes(60, 1));
	EXPECT_EQ(1u, done(1));
}

TEST_F(Nic, ADescriptionThatIsNone)
{
	EXPECT_GT(0, desc_add_card(&desc, CARD_NET, 0, 0, "{\"back\":\"passt\"}", why, sizeof(why)) < 0
			     ? -1
			     : desc_check(&desc, why, sizeof(why)));
	EXPECT_TRUE(strstr(why, "\"mac\" is missing")) << why;
}

} // namespace
