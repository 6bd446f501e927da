// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/requests.h"

extern "C" {
#include "vmm/virtio/blk.h"
}

using Bytes = std::vector<uint8_t>;

struct Blk : Requests {
	blk_disk disk = {};
	blk_request r;
	uint64_t accepted = BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
	Blk()
	{
		disk.sectors = 1000;
		disk.discards = true;
		disk.block_bytes = 4096;
		disk.discard_blocks = 8;
		disk.queues = 4;
		disk.queue_size = 256;
		memcpy(disk.id, "0123456789abcdefghij", 20);
	}
	static Bytes header(uint32_t type, uint64_t sector, size_t data = 0)
	{
		Bytes b(16 + data);
		put_le(&b[0], type, 4);
		put_le(&b[8], sector, 8);
		for (size_t i = 0; i < data; i++)
			b[16 + i] = (uint8_t)i;
		return b;
	}
	Bytes ranges(uint32_t type, const std::vector<std::vector<uint64_t>> &all)
	{
		Bytes b = header(type, 0);
		for (auto &x : all) {
			uint8_t raw[16];
			put_le(raw, x[0], 8);
			put_le(raw + 8, x[1], 4);
			put_le(raw + 12, x[2], 4);
			b.insert(b.end(), raw, raw + 16);
		}
		return b;
	}
	ring_error parse(const Bytes &in, uint32_t n, uint32_t piece = 0xffffffff)
	{
		memset(&r, 0xee, sizeof(r));
		return blk_parse(&disk, accepted, &d.mem, &make(in, n, piece), &r);
	}
	/* The status that a request gets without a disk being asked. */
	int answered(const Bytes &in, uint32_t n)
	{
		EXPECT_EQ(RING_GOOD, parse(in, n));
		return r.op == BLK_ANSWER ? r.status : -1;
	}
	uint32_t finish(uint8_t status)
	{
		uint32_t used = 12345;
		EXPECT_EQ(RING_GOOD, blk_finish(&disk, &d.mem, &c, &r, status, &used));
		return used;
	}
};

TEST_F(Blk, ReadAndWriteHoweverTheyAreCut)
{
	for (uint32_t piece : {1u, 7u, 16u, 513u, 0xffffffffu}) {
		if (piece == 1)
			d.at.size = 1024; // as many pieces as may be
		uint32_t n = piece == 1 ? 512 : 1024;
		ASSERT_EQ(RING_GOOD, parse(header(0, 5), n + 1, piece));
		EXPECT_EQ(BLK_READ, r.op);
		EXPECT_EQ(5u * 512, r.offset);
		EXPECT_EQ(n, r.bytes);
		Bytes data(n, 0x5a);
		ASSERT_TRUE(chain_put(&c, &d.mem, 0, data.data(), n));
		EXPECT_EQ(n + 1, finish(BLK_OK));
		EXPECT_EQ(data, out(n));
		EXPECT_EQ(0, out(1, n)[0]);
		EXPECT_EQ(0u, finish(BLK_IOERR)); // nothing from the beginning on
		EXPECT_EQ(1, out(1, n)[0]);

		ASSERT_EQ(RING_GOOD, parse(header(1, 999, 512), 1, piece));
		EXPECT_EQ(BLK_WRITE, r.op);
		EXPECT_EQ(512u, r.bytes);
		uint8_t two[2];
		ASSERT_TRUE(chain_get(&c, &d.mem, BLK_HEADER_BYTES + 254, two, 2));
		EXPECT_EQ(254, two[0]);
		EXPECT_EQ(1u, finish(BLK_OK));
	}
}

TEST_F(Blk, TransfersStayOnTheDisk)
{
	for (uint32_t type : {0u, 1u}) {
		auto ask = [&](uint64_t sector, uint32_t n) {
			return type ? answered(header(1, sector, n), 1) : answered(header(0, sector), n + 1);
		};
		EXPECT_EQ(-1, ask(998, 1024));
		EXPECT_EQ(BLK_IOERR, (unsigned)ask(999, 1024));
		EXPECT_EQ(BLK_IOERR, (unsigned)ask(1001, 0));
		EXPECT_EQ(BLK_OK, (unsigned)ask(1000, 0)); // nothing asked
		EXPECT_EQ(BLK_IOERR, (unsigned)ask(UINT64_MAX, 512));
		EXPECT_EQ(BLK_IOERR, (unsigned)ask(1ull << 55, 512)); // 2^64 bytes
		EXPECT_EQ(BLK_IOERR, (unsigned)ask(0, 511));
		EXPECT_EQ(BLK_IOERR, (unsigned)ask(0, 513));
	}
}

TEST_F(Blk, WhatCanNotEvenBeAnsweredBreaksTheQueue)
{
	EXPECT_EQ(RING_BAD_REQUEST, parse(Bytes(15), 513));
	EXPECT_EQ(RING_BAD_REQUEST, parse({}, 513));
	EXPECT_EQ(RING_BAD_REQUEST, parse(header(1, 0, 512), 0));
	EXPECT_EQ(RING_NO_MEMORY, blk_parse(&disk, accepted, &d.mem, &nowhere(16, 513), &r));
	ASSERT_EQ(RING_GOOD, parse(header(0, 0), 513));
	uint32_t used;
	c.segment[c.segments - 1].gpa = d.bytes.size();
	EXPECT_EQ(RING_NO_MEMORY, blk_finish(&disk, &d.mem, &c, &r, BLK_OK, &used));
	ASSERT_EQ(RING_GOOD, parse(header(8, 0), 21));
	c.segment[c.segments - 1].gpa = d.bytes.size() - 4;
	EXPECT_EQ(RING_NO_MEMORY, blk_finish(&disk, &d.mem, &c, &r, BLK_OK, &used));
}

TEST_F(Blk, FlushAndIdOfAnyDisk)
{
	for (bool ro : {false, true}) {
		disk.read_only = ro;
		ASSERT_EQ(RING_GOOD, parse(header(4, 0), 1)); // no data
		EXPECT_EQ(BLK_FLUSH, r.op);
		EXPECT_EQ(1u, finish(BLK_OK));
		EXPECT_EQ(0, out(1)[0]);
		ASSERT_EQ(BLK_OK, (unsigned)answered(header(8, 0), 21));
		EXPECT_EQ(21u, finish(r.status));
		EXPECT_EQ(Bytes(disk.id, disk.id + 20), out(20));
		ASSERT_EQ(BLK_OK, (unsigned)answered(header(8, 0), 6)); // room for less
		EXPECT_EQ(6u, finish(r.status));
		EXPECT_EQ(Bytes(disk.id, disk.id + 5), out(5));
		ASSERT_EQ(BLK_OK, (unsigned)answered(header(8, 0), 41)); // and for more
		EXPECT_EQ(20u, finish(r.status));
		EXPECT_EQ(0, out(1, 40)[0]);
	}
}

TEST_F(Blk, ReadOnlyDisksAreNotWrittenWhateverWasAccepted)
{
	disk.read_only = true;
	EXPECT_EQ(BLK_IOERR, (unsigned)answered(header(1, 0, 512), 1));
	EXPECT_EQ(BLK_IOERR, (unsigned)answered(ranges(11, {{0, 8, 0}}), 1));
	EXPECT_EQ(BLK_IOERR, (unsigned)answered(ranges(13, {{0, 8, 0}}), 1));
	EXPECT_EQ(-1, answered(header(0, 0), 513));
	EXPECT_EQ(BLK_F_RO, blk_features(&disk) & (BLK_F_RO | BLK_F_DISCARD | BLK_F_WRITE_ZEROES));
}

TEST_F(Blk, DiscardAndZeroes)
{
	ASSERT_EQ(-1, answered(ranges(11, {{0, 8, 0}, {992, 8, 0}}), 1));
	EXPECT_EQ(BLK_DISCARD, r.op);
	ASSERT_EQ(2u, r.ranges);
	EXPECT_EQ(992u * 512, r.range[1].offset);
	EXPECT_EQ(4096u, r.range[1].bytes);
	ASSERT_EQ(-1, answered(ranges(13, {{1, 2, 1}, {3, 4, 0}}), 1));
	EXPECT_EQ(BLK_ZEROES, r.op);
	EXPECT_TRUE(r.range[0].unmap);
	EXPECT_FALSE(r.range[1].unmap);
	disk.discards = false; // zeroes, and the space stays
	ASSERT_EQ(-1, answered(ranges(13, {{1, 2, 1}}), 1));
	EXPECT_FALSE(r.range[0].unmap);
	disk.discards = true;

	EXPECT_EQ(BLK_UNSUPP, (unsigned)answered(ranges(11, {{0, 8, 1}}), 1)); // unmap of a discard
	for (uint32_t flag = 2; flag; flag <<= 1)
		for (uint32_t type : {11u, 13u})
			EXPECT_EQ(BLK_UNSUPP, (unsigned)answered(ranges(type, {{0, 8, 0}, {0, 8, flag}}), 1));
	for (uint32_t type : {11u, 13u}) {
		EXPECT_EQ(BLK_IOERR, (unsigned)answered(ranges(type, {}), 1));
		EXPECT_EQ(BLK_IOERR, (unsigned)answered(ranges(type, {{0, 8, 0}, {993, 8, 0}}), 1));
		EXPECT_EQ(BLK_IOERR, (unsigned)answered(ranges(type, {{UINT64_MAX, 8, 0}}), 1));
		EXPECT_EQ(BLK_IOERR, (unsigned)answered(ranges(type, {{0, 0xffffffff, 0}}), 1));
		EXPECT_EQ(-1, answered(ranges(type, std::vector<std::vector<uint64_t>>(32, {0, 1, 0})), 1));
		EXPECT_EQ(32u, r.ranges);
		EXPECT_EQ(BLK_IOERR,
			  (unsigned)answered(ranges(type, std::vector<std::vector<uint64_t>>(33, {0, 1, 0})), 1));
		Bytes half = ranges(type, {{0, 8, 0}});
		half.resize(half.size() - 1);
		EXPECT_EQ(BLK_IOERR, (unsigned)answered(half, 1));
		accepted = BLK_F_FLUSH;
		EXPECT_EQ(BLK_UNSUPP, (unsigned)answered(ranges(type, {{0, 8, 0}}), 1));
		accepted = BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
	}
	disk.sectors = 1ull << 40;
	EXPECT_EQ(-1, answered(ranges(11, {{1 << 30, BLK_RANGE_SECTORS_MAX, 0}}), 1));
	EXPECT_EQ(BLK_IOERR, (unsigned)answered(ranges(11, {{1 << 30, BLK_RANGE_SECTORS_MAX + 1, 0}}), 1));
}

TEST_F(Blk, OtherTypesAreNotSupported)
{
	for (uint32_t type = 0; type < 100; type++) {
		int s = answered(header(type, 0), 1);
		bool known = type == 0 || type == 1 || type == 4 || type == 8 || type == 11 || type == 13;
		EXPECT_EQ(!known, s == (int)BLK_UNSUPP) << type;
	}
	EXPECT_EQ(BLK_UNSUPP, (unsigned)answered(header(0x80000000, 0), 1)); // a flag of old drivers: none here
	EXPECT_EQ(1u, finish(BLK_UNSUPP));
	EXPECT_EQ(2, out(1)[0]);
}

TEST_F(Blk, FeaturesAndConfiguration)
{
	EXPECT_EQ(BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_MQ | BLK_F_DISCARD |
			  BLK_F_WRITE_ZEROES,
		  blk_features(&disk));
	EXPECT_FALSE(blk_writes_through(BLK_F_FLUSH));
	EXPECT_TRUE(blk_writes_through(BLK_F_DISCARD));
	uint8_t b[BLK_CONFIG_BYTES];
	blk_config(&disk, b);
	EXPECT_EQ(1000u, get_le(b, 8));
	EXPECT_EQ(0u, get_le(b + 8, 4));    // size_max is not offered
	EXPECT_EQ(254u, get_le(b + 12, 4)); // with header and status as long as the ring
	EXPECT_EQ(512u, get_le(b + 20, 4));
	EXPECT_EQ(3, b[24]); // 4096
	EXPECT_EQ(8u, get_le(b + 26, 2));
	EXPECT_EQ(4u, get_le(b + 34, 2));
	EXPECT_EQ(BLK_RANGE_SECTORS_MAX, get_le(b + 36, 4));
	EXPECT_EQ(32u, get_le(b + 40, 4));
	EXPECT_EQ(8u, get_le(b + 44, 4));
	EXPECT_EQ(BLK_RANGE_SECTORS_MAX, get_le(b + 48, 4));
	EXPECT_EQ(32u, get_le(b + 52, 4));
	EXPECT_EQ(1, b[56]);
	disk.read_only = true;
	blk_config(&disk, b);
	for (unsigned i = 36; i < BLK_CONFIG_BYTES; i++)
		EXPECT_EQ(0, b[i]);
}
