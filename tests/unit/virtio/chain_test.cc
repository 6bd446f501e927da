// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/driver.h"

struct Chain : ::testing::Test {
	Driver d;
	chain c;
	ring_error read(uint16_t head = 0)
	{
		chain_table t;
		t.gpa = d.at.desc;
		t.size = d.at.size;
		t.indirect = d.at.indirect;
		return chain_read(&t, &d.mem, head, &c);
	}
	ring_error read(const std::vector<Driver::Buffer> &b)
	{
		d.chain_at(d.at.desc, 0, b);
		return read();
	}
	/* Descriptor 0 refers to a table of n descriptors at 0x8000. */
	void indirect(unsigned n, unsigned flags = Driver::INDIRECT)
	{
		d.desc(d.at.desc, 0, 0x8000, 16 * n, flags, 1);
	}
	std::vector<std::pair<uint64_t, uint32_t>> segments()
	{
		std::vector<std::pair<uint64_t, uint32_t>> s;
		for (unsigned i = 0; i < c.segments; i++)
			s.emplace_back(c.segment[i].gpa, c.segment[i].bytes);
		return s;
	}
};

using Segments = std::vector<std::pair<uint64_t, uint32_t>>;

TEST_F(Chain, ReadableThenWritable)
{
	ASSERT_EQ(RING_GOOD, read({{0x100, 16, 0}, {0x200, 10, 0}, {0x300, 512, 2}, {0x500, 1, 2}}));
	EXPECT_EQ((Segments{{0x100, 16}, {0x200, 10}, {0x300, 512}, {0x500, 1}}), segments());
	EXPECT_EQ(2, c.readable);
	EXPECT_EQ(26u, c.readable_bytes);
	EXPECT_EQ(513u, c.writable_bytes);
	ASSERT_EQ(RING_GOOD, read(3)); // any descriptor can be a head
	EXPECT_EQ(3, c.head);
	EXPECT_EQ((Segments{{0x500, 1}}), segments());
}

TEST_F(Chain, NoLengthIsLeftOut)
{
	ASSERT_EQ(RING_GOOD, read({{0x100, 0, 0}, {0x200, 4, 0}, {UINT64_MAX, 0, 0}, {0x300, 0, 2}, {0x400, 5, 2}}));
	EXPECT_EQ((Segments{{0x200, 4}, {0x400, 5}}), segments());
	ASSERT_EQ(RING_GOOD, read({{0x100, 0, 0}}));
	EXPECT_EQ(0, c.segments);
}

TEST_F(Chain, OrderLoopsAndEnds)
{
	EXPECT_EQ(RING_BAD_ORDER, read({{0x100, 1, 2}, {0x200, 1, 0}}));
	d.desc(d.at.desc, 0, 0x100, 1, Driver::NEXT, 0); // itself
	EXPECT_EQ(RING_LOOP, read());
	d.desc(d.at.desc, 0, 0x100, 1, Driver::NEXT, 8);
	EXPECT_EQ(RING_BAD_NEXT, read());
	d.desc(d.at.desc, 0, 0x100, 1, Driver::NEXT, 0xffff);
	EXPECT_EQ(RING_BAD_NEXT, read());
	std::vector<Driver::Buffer> all(8, {0x100, 1, 0});
	EXPECT_EQ(RING_GOOD, read(all));
	EXPECT_EQ(8, c.segments);
	d.desc(d.at.desc, 7, 0x100, 1, Driver::NEXT, 0);
	EXPECT_EQ(RING_LOOP, read());
}

TEST_F(Chain, LengthsAreBounded)
{
	EXPECT_EQ(RING_GOOD, read({{0x100, UINT32_MAX, 2}}));
	EXPECT_EQ(RING_TOO_LONG, read({{0x100, UINT32_MAX, 0}, {0x100, 1, 2}}));
	EXPECT_EQ(RING_TOO_LONG, read({{0x100, 0x80000000, 0}, {0x100, 0x80000000, 0}}));
	EXPECT_EQ(RING_TOO_LONG, read({{UINT64_MAX - 3, 4, 0}}));
	EXPECT_EQ(RING_GOOD, read({{UINT64_MAX - 4, 4, 0}})); // not memory, but a range
}

TEST_F(Chain, TablesOutsideOfMemory)
{
	d.at.desc = d.bytes.size() - 16;
	d.desc(d.at.desc, 0, 0x100, 1, Driver::NEXT, 1);
	EXPECT_EQ(RING_NO_MEMORY, read());
	d.at.desc = UINT64_MAX & ~15ull;
	EXPECT_EQ(RING_NO_MEMORY, read());
}

TEST_F(Chain, Indirect)
{
	d.chain_at(0x8000, 0, {{0x100, 16, 0}, {0x200, 512, 2}, {0x500, 1, 2}});
	indirect(3);
	ASSERT_EQ(RING_GOOD, read());
	EXPECT_EQ((Segments{{0x100, 16}, {0x200, 512}, {0x500, 1}}), segments());
	indirect(3, Driver::INDIRECT | Driver::WRITE); // ignored there
	EXPECT_EQ(RING_GOOD, read());
	/* After direct ones, whose number counts too. */
	d.chain_at(d.at.desc, 0, {{0x700, 4, 0}, {0x8000, 48, Driver::INDIRECT}});
	ASSERT_EQ(RING_GOOD, read());
	EXPECT_EQ((Segments{{0x700, 4}, {0x100, 16}, {0x200, 512}, {0x500, 1}}), segments());
	/* As long as the ring, and no longer. */
	d.chain_at(0x8000, 0, std::vector<Driver::Buffer>(8, {0x100, 1, 0}));
	indirect(8);
	EXPECT_EQ(RING_GOOD, read());
	d.chain_at(d.at.desc, 0, {{0x700, 4, 0}, {0x8000, 128, Driver::INDIRECT}});
	EXPECT_EQ(RING_LOOP, read());
}

TEST_F(Chain, BadIndirect)
{
	d.chain_at(0x8000, 0, std::vector<Driver::Buffer>(9, {0x100, 1, 0}));
	indirect(9);
	EXPECT_EQ(RING_BAD_INDIRECT, read());
	indirect(0);
	EXPECT_EQ(RING_BAD_INDIRECT, read());
	for (uint32_t n : {1u, 15u, 17u, UINT32_MAX}) {
		d.desc(d.at.desc, 0, 0x8000, n, Driver::INDIRECT, 0);
		EXPECT_EQ(RING_BAD_INDIRECT, read()) << n;
	}
	indirect(2, Driver::INDIRECT | Driver::NEXT);
	EXPECT_EQ(RING_BAD_INDIRECT, read());
	indirect(1);
	d.desc(0x8000, 0, 0x8000, 16, Driver::INDIRECT, 0); // nested
	EXPECT_EQ(RING_BAD_INDIRECT, read());
	d.desc(0x8000, 0, 0x100, 1, Driver::NEXT, 1); // outside of this table, though not of the ring
	EXPECT_EQ(RING_BAD_NEXT, read());
	d.desc(0x8000, 0, 0x100, 1, Driver::NEXT, 0);
	EXPECT_EQ(RING_LOOP, read());
	d.desc(d.at.desc, 0, d.bytes.size() - 16, 32, Driver::INDIRECT, 0);
	EXPECT_EQ(RING_NO_MEMORY, read());
	d.desc(d.at.desc, 0, UINT64_MAX - 7, 16, Driver::INDIRECT, 0);
	EXPECT_EQ(RING_NO_MEMORY, read());
	d.at.indirect = false;
	d.chain_at(0x8000, 0, {{0x100, 1, 0}});
	indirect(1);
	EXPECT_EQ(RING_BAD_INDIRECT, read());
}

/* Each descriptor is read in one piece and once, whatever memory says afterwards. */
TEST_F(Chain, EachDescriptorIsReadOnce)
{
	d.chain_at(d.at.desc, 0, {{0x100, 16, 0}, {0x8000, 32, Driver::INDIRECT}});
	d.chain_at(0x8000, 0, {{0x200, 512, 2}, {0x500, 1, 2}});
	d.after_read = [&] {
		if (d.reads == 1)
			d.desc(d.at.desc, 0, 0xdead, 99, 0, 0);
		else if (d.reads == 2)
			d.desc(d.at.desc, 1, 0xdead, 99, 0, 0);
		else
			d.chain_at(0x8000, 0, {{0xdead, 99, 0}, {0xdead, 99, 0}});
	};
	ASSERT_EQ(RING_GOOD, read());
	EXPECT_EQ(3u, d.reads);
	EXPECT_EQ((Segments{{0x100, 16}, {0x200, 512}, {0x500, 1}}), segments());
}

TEST_F(Chain, CopiesAcrossPieces)
{
	for (unsigned i = 0; i < 64; i++)
		d.put(0x100 + i, i, 1);
	ASSERT_EQ(RING_GOOD, read({{0x100, 3, 0}, {0x110, 4, 0}, {0x200, 2, 2}, {0x210, 6, 2}}));
	uint8_t b[8] = {0};
	for (uint32_t at = 0; at <= 8; at++)
		for (uint32_t n = 0; n <= 8; n++) {
			bool fits = at + n <= 7;
			EXPECT_EQ(fits || !n, chain_get(&c, &d.mem, at, b, n)) << at << " " << n;
			for (uint32_t i = 0; fits && i < n; i++)
				EXPECT_EQ(at + i < 3 ? at + i : 0x10 + at + i - 3, b[i]);
		}
	const uint8_t out[] = {1, 2, 3, 4, 5};
	EXPECT_TRUE(chain_put(&c, &d.mem, 1, out, 5));
	EXPECT_EQ(1u, d.get(0x201, 1));
	EXPECT_EQ(0x05040302u, d.get(0x210, 4));
	EXPECT_FALSE(chain_put(&c, &d.mem, 4, out, 5));
	EXPECT_FALSE(chain_put(&c, &d.mem, UINT32_MAX, out, 5));
	ASSERT_EQ(RING_GOOD, read({{d.bytes.size() - 2, 4, 0}, {d.bytes.size() - 2, 4, 2}}));
	EXPECT_TRUE(chain_get(&c, &d.mem, 0, b, 2));
	EXPECT_FALSE(chain_get(&c, &d.mem, 0, b, 4));
	EXPECT_FALSE(chain_put(&c, &d.mem, 0, out, 4));
}

TEST(ChainText, EachErrorHasOne)
{
	for (int e = 0; e < RING_ERRORS; e++)
		EXPECT_STRNE("unknown", ring_error_text((ring_error)e)) << e;
	EXPECT_STREQ("unknown", ring_error_text(RING_ERRORS));
}
