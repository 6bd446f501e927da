// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <vector>

extern "C" {
#include "vmm/virtio/net_flow.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;

Bytes ipv4(uint32_t from, uint32_t to, uint16_t from_port, uint16_t to_port, uint8_t protocol = 6, unsigned words = 5,
	   bool vlan = false, uint16_t fragment = 0)
{
	Bytes b(12, 2);
	auto be = [&](uint64_t v, unsigned n) {
		while (n--)
			b.push_back((uint8_t)(v >> (8 * n)));
	};
	if (vlan)
		be(0x8100, 2), be(7, 2);
	be(0x0800, 2);
	be(0x40 | words, 1);
	be(0, 5);
	be(fragment, 2);
	be(64, 1);
	be(protocol, 1);
	be(0, 2);
	be(from, 4);
	be(to, 4);
	b.resize(b.size() + (words - 5) * 4);
	be(from_port, 2);
	be(to_port, 2);
	b.resize(b.size() + 20);
	return b;
}

unsigned flow(const Bytes &b)
{
	return net_flow(b.data(), (uint32_t)b.size());
}

TEST(NetFlow, BothDirectionsAreOne)
{
	std::set<unsigned> all;
	for (uint16_t port = 40000; port < 40200; port++) {
		unsigned f = flow(ipv4(0x0a00020f, 0x0a000202, port, 80));
		EXPECT_EQ(f, flow(ipv4(0x0a000202, 0x0a00020f, 80, port)));
		EXPECT_LT(f, NET_FLOWS);
		all.insert(f);
		EXPECT_EQ(f, flow(ipv4(0x0a00020f, 0x0a000202, port, 80, 6, 5, true)));
	}
	EXPECT_GT(all.size(), 80u) << "they are spread";
	EXPECT_EQ(flow(ipv4(1, 2, 3, 4, 17)), flow(ipv4(2, 1, 4, 3, 17)));
	EXPECT_EQ(flow(ipv4(1, 2, 3, 4, 6, 8)), flow(ipv4(2, 1, 4, 3, 6, 8))) << "with options";
	EXPECT_EQ(flow(ipv4(1, 2, 3, 4, 1)), flow(ipv4(1, 2, 5, 6, 1))) << "ICMP has no ports";
	EXPECT_EQ(flow(ipv4(1, 2, 3, 4, 17, 5, false, 0x2000)), flow(ipv4(1, 2, 9, 9, 17, 5, false, 0x00b9)))
		<< "parts of a datagram stay together";
}

TEST(NetFlow, Version6)
{
	auto v6 = [](uint8_t from, uint8_t to, uint8_t from_port, uint8_t to_port) {
		Bytes b(14 + 40 + 20);
		b[12] = 0x86;
		b[13] = 0xdd;
		b[20] = 6;
		b[14 + 8] = 0xfe;
		b[14 + 24] = 0xfe;
		b[14 + 23] = from;
		b[14 + 39] = to;
		b[55] = from_port;
		b[57] = to_port;
		return b;
	};
	EXPECT_EQ(flow(v6(1, 2, 3, 4)), flow(v6(2, 1, 4, 3)));
	std::set<unsigned> all;
	for (unsigned i = 0; i < 64; i++)
		all.insert(flow(v6(1, 2, (uint8_t)i, 200)));
	EXPECT_GT(all.size(), 40u);
}

TEST(NetFlow, AnythingElseAndAnyLength)
{
	for (bool vlan : {false, true}) {
		Bytes whole = ipv4(1, 2, 3, 4, 6, 15, vlan);
		for (size_t n = 0; n <= whole.size(); n++) { // each in memory of its own: no byte behind is looked at
			Bytes part(whole.begin(), whole.begin() + (ssize_t)n);
			part.shrink_to_fit();
			EXPECT_LT(flow(part), NET_FLOWS);
		}
	}
	Bytes arp(42);
	arp[12] = 8;
	arp[13] = 6;
	EXPECT_EQ(0u, flow(arp));
}

} // namespace
