// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/requests.h"

#include <cerrno>

extern "C" {
#include "vmm/virtio/net.h"
}

using Bytes = std::vector<uint8_t>;

struct Net : Requests {
	net_header h = {};
	uint32_t frame = 0;
	bool drop = false;
	static Bytes packet(uint32_t n, const net_header &h = {})
	{
		Bytes b(12 + n);
		b[0] = h.flags;
		b[1] = h.gso;
		put_le(&b[2], h.header_bytes, 2);
		put_le(&b[4], h.segment_bytes, 2);
		put_le(&b[6], h.csum_start, 2);
		put_le(&b[8], h.csum_offset, 2);
		return b;
	}
	ring_error parse(uint64_t accepted, const Bytes &b, uint32_t piece = 0xffffffff)
	{
		return net_tx_parse(accepted, &d.mem, &make(b, 0, piece), &h, &frame, &drop);
	}
	bool sent(uint64_t accepted, const net_header &what, uint32_t n = 100)
	{
		EXPECT_EQ(RING_GOOD, parse(accepted, packet(n, what)));
		return !drop;
	}
};

TEST_F(Net, FramesOfEveryLength)
{
	for (uint32_t n : {0u, 13u, 14u, 1514u, 65549u, NET_FRAME_MAX, NET_FRAME_MAX + 1}) {
		ASSERT_EQ(RING_GOOD, parse(0, packet(n), 1000)) << n;
		EXPECT_EQ(n, frame);
		EXPECT_EQ(n < NET_FRAME_MIN || n > NET_FRAME_MAX, drop) << n;
	}
	EXPECT_EQ(RING_GOOD, parse(0, packet(60), 5)); // a header in pieces
	EXPECT_EQ(RING_BAD_REQUEST, parse(0, Bytes(11)));
	EXPECT_EQ(RING_NO_MEMORY, net_tx_parse(0, &d.mem, &nowhere(72, 0), &h, &frame, &drop));
}

TEST_F(Net, OnlyAcceptedOffloads)
{
	const uint64_t all = NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN;
	net_header csum = {NET_NEEDS_CSUM, NET_GSO_NONE, 0, 0, 34, 16};
	EXPECT_FALSE(sent(0, csum));
	EXPECT_TRUE(sent(NET_F_CSUM, csum));
	EXPECT_EQ(34, h.csum_start);
	EXPECT_EQ(16, h.csum_offset);
	csum.csum_start = 83; // its two bytes would end one behind the frame
	EXPECT_FALSE(sent(all, csum));
	csum.csum_start = 82;
	EXPECT_TRUE(sent(all, csum));
	csum.csum_start = csum.csum_offset = 0xffff;
	EXPECT_FALSE(sent(all, csum));
	for (unsigned gso = 1; gso < 256; gso++) {
		net_header t = {NET_NEEDS_CSUM, (uint8_t)gso, 54, 1448, 34, 16};
		unsigned kind = gso & 0x7f;
		for (uint64_t f : {(uint64_t)0, (uint64_t)NET_F_CSUM, (uint64_t)(NET_F_CSUM | NET_F_HOST_TSO4),
				   (uint64_t)(NET_F_CSUM | NET_F_HOST_TSO6), all}) {
			bool want = ((kind == 1 && (f & NET_F_HOST_TSO4)) || (kind == 4 && (f & NET_F_HOST_TSO6))) &&
				    (!(gso & 0x80) || (f & NET_F_HOST_ECN));
			EXPECT_EQ(want, sent(f, t)) << gso << " " << f;
		}
	}
	EXPECT_FALSE(sent(all, {NET_NEEDS_CSUM, NET_GSO_TCP4, 54, 0, 34, 16})); // segments of nothing
	EXPECT_FALSE(sent(all, {0, NET_GSO_TCP4, 54, 1448, 34, 16}));           // without its checksum
}

TEST_F(Net, ReceiveNeedsTheChainsThatHoldIt)
{
	std::vector<chain> store(70);
	std::vector<const chain *> c(70);
	for (unsigned i = 0; i < 70; i++) {
		store[i].writable_bytes = 1500;
		c[i] = &store[i];
	}
	EXPECT_EQ(0, net_rx_chains(0, c.data(), 0, 60));
	EXPECT_EQ(1, net_rx_chains(0, c.data(), 1, 1488));
	EXPECT_EQ(-EMSGSIZE, net_rx_chains(0, c.data(), 70, 1489));
	EXPECT_EQ(2, net_rx_chains(NET_F_MRG_RXBUF, c.data(), 70, 1489));
	EXPECT_EQ(0, net_rx_chains(NET_F_MRG_RXBUF, c.data(), 1, 1489));
	EXPECT_EQ(44, net_rx_chains(NET_F_MRG_RXBUF, c.data(), 70, 65535));
	for (auto &s : store)
		s.writable_bytes = 100;
	EXPECT_EQ(64, net_rx_chains(NET_F_MRG_RXBUF, c.data(), 70, 6388));
	EXPECT_EQ(-EMSGSIZE, net_rx_chains(NET_F_MRG_RXBUF, c.data(), 70, 6389)); // no driver offers so little
	EXPECT_EQ(0, net_rx_chains(NET_F_MRG_RXBUF, c.data(), 60, 6389));
	store[0].writable_bytes = 11;
	EXPECT_EQ(-EMSGSIZE, net_rx_chains(NET_F_MRG_RXBUF, c.data(), 70, 60));
}

TEST_F(Net, ReceivedFramesAreCutOverChains)
{
	Bytes data(100);
	for (unsigned i = 0; i < 100; i++)
		data[i] = (uint8_t)(i + 1);
	chain a = make({}, 50, 7), b = a;
	for (unsigned i = 0; i < b.segments; i++)
		b.segment[i].gpa += 0x1000;
	chain third = b;
	for (unsigned i = 0; i < b.segments; i++)
		third.segment[i].gpa += 0x1000;
	const chain *all[] = {&a, &b, &third};
	net_header what = {NET_DATA_VALID, NET_GSO_NONE, 0, 0, 0, 0};
	uint32_t used[3];
	ASSERT_EQ(3, net_rx_chains(NET_F_MRG_RXBUF, all, 3, 100));
	ASSERT_EQ(RING_GOOD, net_rx_put(&d.mem, all, 3, &what, data.data(), 100, used));
	EXPECT_EQ(50u, used[0]);
	EXPECT_EQ(50u, used[1]);
	EXPECT_EQ(12u, used[2]);
	EXPECT_EQ((Bytes{NET_DATA_VALID, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0}), out(12));
	EXPECT_EQ(Bytes(data.begin(), data.begin() + 38), out(38, 12));
	EXPECT_EQ(Bytes(data.begin() + 38, data.begin() + 88), out(50, 0x1000));
	EXPECT_EQ(Bytes(data.begin() + 88, data.end()), out(12, 0x2000));
	b.segment[0].gpa = d.bytes.size();
	EXPECT_EQ(RING_NO_MEMORY, net_rx_put(&d.mem, all, 3, &what, data.data(), 100, used));
}

TEST_F(Net, HeadersForTheDriver)
{
	const uint64_t tso = NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN;
	net_header t = {NET_NEEDS_CSUM | NET_DATA_VALID | 0x80, NET_GSO_NONE, 0, 0, 34, 16};
	EXPECT_FALSE(net_rx_header(0, &t));
	EXPECT_TRUE(net_rx_header(NET_F_GUEST_CSUM, &t));
	EXPECT_EQ(NET_NEEDS_CSUM | NET_DATA_VALID, t.flags);
	t.flags = NET_DATA_VALID;
	EXPECT_TRUE(net_rx_header(0, &t));
	EXPECT_EQ(0, t.flags) << "a hint that it did not ask for";
	const struct {
		uint8_t gso;
		uint64_t needs;
	} kinds[] = {{NET_GSO_TCP4, NET_F_GUEST_TSO4},
		     {NET_GSO_TCP6, NET_F_GUEST_TSO6},
		     {NET_GSO_TCP4 | NET_GSO_ECN, NET_F_GUEST_TSO4 | NET_F_GUEST_ECN},
		     {NET_GSO_NONE | NET_GSO_ECN, NET_F_GUEST_ECN}};
	for (auto &k : kinds) {
		t = {NET_NEEDS_CSUM, k.gso, 54, 1448, 34, 16};
		EXPECT_TRUE(net_rx_header(tso, &t));
		for (uint64_t bit = 1; bit <= NET_F_GUEST_ECN; bit <<= 1) {
			if (k.needs & bit) {
				EXPECT_FALSE(net_rx_header(tso & ~bit, &t)) << (int)k.gso << " " << bit;
			}
		}
	}
	t.gso = 3; // UDP, which is offered to nobody
	EXPECT_FALSE(net_rx_header(tso, &t));
	uint8_t raw[NET_HEADER_BYTES];
	net_header back;
	t = {1, 4, 0x102, 0x304, 0x506, 0x708};
	net_header_encode(&t, 0x90a, raw);
	EXPECT_EQ((Bytes{1, 4, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9}), Bytes(raw, raw + 12));
	net_header_decode(raw, &back);
	EXPECT_EQ(0x708, back.csum_offset);
	EXPECT_EQ(0x102, back.header_bytes);
}

TEST_F(Net, ControlQueue)
{
	net_command cmd;
	uint32_t used;
	auto ask = [&](uint64_t f, const Bytes &b) {
		EXPECT_EQ(RING_GOOD, net_ctrl_parse(f, 4, &d.mem, &make(b, 1, 1), &cmd));
		return cmd.good;
	};
	const uint64_t mq = NET_F_CTRL_VQ | NET_F_MQ;
	for (unsigned n = 0; n < 300; n++)
		EXPECT_EQ(n >= 1 && n <= 4, ask(mq, {4, 0, (uint8_t)n, (uint8_t)(n >> 8)}));
	ASSERT_TRUE(ask(mq, {4, 0, 3, 0}));
	EXPECT_EQ(3, cmd.pairs);
	EXPECT_FALSE(ask(NET_F_CTRL_VQ, {4, 0, 3, 0})); // not accepted
	EXPECT_FALSE(ask(mq, {4, 0, 3}));
	EXPECT_FALSE(ask(mq, {4, 1, 3, 0}));
	EXPECT_FALSE(ask(mq, {0, 0, 1}));
	for (bool good : {false, true}) {
		ASSERT_EQ(RING_GOOD, net_ctrl_finish(&d.mem, &c, good, &used));
		EXPECT_EQ(1u, used);
		EXPECT_EQ(!good, out(1)[0]);
	}
	EXPECT_EQ(RING_BAD_REQUEST, net_ctrl_parse(mq, 4, &d.mem, &make({4}, 1), &cmd));
	EXPECT_EQ(RING_BAD_REQUEST, net_ctrl_parse(mq, 4, &d.mem, &make({4, 0, 3, 0}, 0), &cmd));
	EXPECT_EQ(RING_NO_MEMORY, net_ctrl_parse(mq, 4, &d.mem, &nowhere(4, 1), &cmd));
	EXPECT_EQ(RING_NO_MEMORY, net_ctrl_finish(&d.mem, &c, true, &used));
}

TEST_F(Net, FeaturesThatNeedOthers)
{
	EXPECT_TRUE(net_features_good(0));
	EXPECT_FALSE(net_features_good(NET_F_HOST_TSO4));
	EXPECT_FALSE(net_features_good(NET_F_HOST_ECN | NET_F_CSUM));
	EXPECT_FALSE(net_features_good(NET_F_GUEST_TSO6 | NET_F_CSUM));
	EXPECT_FALSE(net_features_good(NET_F_GUEST_ECN | NET_F_GUEST_CSUM));
	EXPECT_FALSE(net_features_good(NET_F_MQ));
	EXPECT_TRUE(net_features_good(NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN |
				      NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN |
				      NET_F_MQ | NET_F_CTRL_VQ));
}

TEST_F(Net, Configuration)
{
	net_state s = {{0x52, 0x54, 0, 1, 2, 3}, true, 4, 65520};
	uint8_t b[NET_CONFIG_BYTES];
	net_put_config(&s, b);
	EXPECT_EQ((Bytes{0x52, 0x54, 0, 1, 2, 3, 1, 0, 4, 0, 0xf0, 0xff}), Bytes(b, b + sizeof(b)));
	s.link_up = false;
	net_put_config(&s, b);
	EXPECT_EQ(0, b[6]);
}
