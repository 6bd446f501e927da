// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_VIRTIO_REQUESTS_H
#define TESTS_UNIT_VIRTIO_REQUESTS_H

#include "tests/unit/virtio/driver.h"

/* Chains of one request after the other, by pieces: readable bytes, then room to write. */
struct Requests : ::testing::Test {
	enum : uint64_t { kIn = 0x40000, kOut = 0x60000 };
	Driver d;
	chain c;
	/* Cut into pieces of that many bytes. */
	chain &make(const std::vector<uint8_t> &in, uint32_t out, uint32_t piece = 0xffffffff)
	{
		std::vector<Driver::Buffer> b;
		std::copy(in.begin(), in.end(), d.bytes.begin() + kIn);
		for (uint32_t at = 0; at < in.size(); at += std::min(piece, (uint32_t)in.size() - at))
			b.push_back({kIn + at, std::min(piece, (uint32_t)in.size() - at), 0});
		for (uint32_t at = 0; at < out; at += std::min(piece, out - at))
			b.push_back({kOut + at, std::min(piece, out - at), Driver::WRITE});
		if (b.empty())
			b.push_back({0, 0, 0});
		d.at.size = 1024;
		d.chain_at(0x8000, 0, b);
		d.desc(d.at.desc, 0, 0x8000, (uint32_t)b.size() * 16, Driver::INDIRECT, 0);
		chain_table t;
		t.gpa = d.at.desc;
		t.size = d.at.size;
		t.indirect = true;
		EXPECT_EQ(RING_GOOD, chain_read(&t, &d.mem, 0, &c));
		return c;
	}
	std::vector<uint8_t> out(uint32_t n, uint32_t from = 0)
	{
		return std::vector<uint8_t>(d.bytes.begin() + kOut + from, d.bytes.begin() + kOut + from + n);
	}
	/* The same, all outside of memory. */
	chain &nowhere(uint32_t in, uint32_t n)
	{
		make(std::vector<uint8_t>(in), n);
		for (unsigned i = 0; i < c.segments; i++)
			c.segment[i].gpa = d.bytes.size();
		return c;
	}
};

#endif
