// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <vector>

extern "C" {
#include "net/dpdk_frame.h"
}

namespace
{

const dpdk_addr here = {{2, 0, 0, 0, 0, 1}, 7412, 0x0a010203}, there = {{2, 0, 0, 0, 0, 2}, 7413, 0x0a010204};

dpdk_addr raw(dpdk_addr a)
{
	a.ip = a.port = 0;
	return a;
}

std::vector<uint8_t> frame(const dpdk_addr &from, const dpdk_addr &to, uint32_t n)
{
	std::vector<uint8_t> f(dpdk_head_bytes(&to) + n, 0x5a);

	dpdk_head_write(f.data(), &from, &to, n);
	return f;
}

} // namespace

TEST(DpdkFrame, RawThereAndBack)
{
	dpdk_addr a = raw(here), b = raw(there), from;
	const uint8_t *in;
	auto f = frame(a, b, 20);

	f.resize(60); // padded, as short Ethernet frames are
	EXPECT_EQ(dpdk_head_read(f.data(), 60, &b, &from, &in), 20);
	EXPECT_EQ(in, f.data() + DPDK_RAW_HEAD);
	EXPECT_EQ(memcmp(from.mac, a.mac, 6), 0);
	EXPECT_EQ(f[12] << 8 | f[13], 0x88b5);
}

TEST(DpdkFrame, UdpThereAndBack)
{
	dpdk_addr from;
	const uint8_t *in;
	auto f = frame(here, there, 1000);

	ASSERT_EQ(f.size(), 1042u);
	EXPECT_EQ(dpdk_head_read(f.data(), (uint32_t)f.size(), &there, &from, &in), 1000);
	EXPECT_EQ(in, f.data() + DPDK_UDP_HEAD);
	EXPECT_EQ(from.ip, here.ip);
	EXPECT_EQ(from.port, here.port);
	EXPECT_EQ(dpdk_head_read(f.data(), (uint32_t)f.size(), &here, &from, &in), -EPROTO) << "not for this host";
}

// RFC 1071's sum, by hand: the header as bytes.
TEST(DpdkFrame, UdpGolden)
{
	auto f = frame(here, there, 4);
	const uint8_t want[] = {2,    0, 0,  0,  0, 2, 2,    0,    0,    0,    0,    1,    8,  0,
				0x45, 0, 0,  32, 0, 0, 0x40, 0,    64,   17,   0x22, 0xc5, 10, 1,
				2,    3, 10, 1,  2, 4, 0x1c, 0xf4, 0x1c, 0xf5, 0,    12,   0,  0};

	ASSERT_EQ(sizeof(want), DPDK_UDP_HEAD);
	for (unsigned i = 0; i < sizeof(want); i++)
		EXPECT_EQ(f[i], want[i]) << "byte " << i;
}

TEST(DpdkFrame, WhatIsNotOursIsRefused)
{
	dpdk_addr b = raw(there), from;
	const uint8_t *in;

	for (auto self : {there, b}) {
		auto f = frame(self.ip ? here : raw(here), self, 64);
		ASSERT_EQ(dpdk_head_read(f.data(), (uint32_t)f.size(), &self, &from, &in), 64);
		for (uint32_t n = 0; n < f.size(); n++) {
			std::vector<uint8_t> cut(f.begin(), f.begin() + n);
			EXPECT_EQ(dpdk_head_read(cut.data(), n, &self, &from, &in), -EPROTO) << n;
		}
		f[12] ^= 1;
		EXPECT_EQ(dpdk_head_read(f.data(), (uint32_t)f.size(), &self, &from, &in), -EPROTO);
	}
	auto f = frame(here, there, 64);
	for (unsigned at : {14u, 16u, 20u, 23u, 25u, 30u, 36u, 38u}) {
		f[at] ^= at == 20 ? 0x20 : 0x11; // version, length, fragment, protocol, sum, address, port, length
		EXPECT_EQ(dpdk_head_read(f.data(), (uint32_t)f.size(), &there, &from, &in), -EPROTO) << at;
		f[at] ^= at == 20 ? 0x20 : 0x11;
	}
}
