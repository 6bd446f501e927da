// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/boot/disk_sample.h"

extern "C" {
#include "vmm/boot/partition.h"
}

namespace
{
struct Partition : testing::Test {
	MemoryDisk disk;
	partition_table t;
	char why[256] = "";

	void SetUp() override
	{
		disk.bytes.assign(1 << 20, 0);
	}
	int read()
	{
		disk_reader r = disk.reader();
		return partition_table_read(&r, &t, why, sizeof(why));
	}
	void mbr(size_t at, unsigned i, uint8_t type, uint32_t first, uint32_t sectors)
	{
		uint8_t *s = disk.bytes.data() + at * 512, *e = s + 446 + 16 * i;
		e[4] = type;
		put_le(e + 8, first, 4);
		put_le(e + 12, sectors, 4);
		put_le(s + 510, 0xaa55, 2);
	}
};
} // namespace

TEST_F(Partition, ADiskWithoutATableIsOneEntry)
{
	ASSERT_EQ(0, read());
	EXPECT_STREQ("none", t.kind);
	ASSERT_EQ(1u, t.n);
	EXPECT_EQ(0u, t.part[0].number);
	EXPECT_EQ(disk.bytes.size(), t.part[0].bytes);
}

TEST_F(Partition, ADiskSmallerThanASectorIsNoError)
{
	disk.bytes.assign(100, 0xff);
	ASSERT_EQ(0, read());
	EXPECT_EQ(100u, t.part[0].bytes);
}

TEST_F(Partition, GptNamesTheRoot)
{
	put_gpt(disk.bytes, {{100, 199}, {200, 399, true}});
	ASSERT_EQ(0, read());
	EXPECT_STREQ("GPT", t.kind);
	ASSERT_EQ(2u, t.n);
	EXPECT_EQ(100u * 512, t.part[0].offset);
	EXPECT_EQ(100u * 512, t.part[0].bytes);
	EXPECT_FALSE(t.part[0].linux_root);
	EXPECT_EQ(2u, t.part[1].number);
	EXPECT_TRUE(t.part[1].linux_root);
}

TEST_F(Partition, GptOfLargeSectors)
{
	put_gpt(disk.bytes, {{50, 99}}, 4096);
	ASSERT_EQ(0, read());
	ASSERT_EQ(1u, t.n);
	EXPECT_EQ(50u * 4096, t.part[0].offset);
}

TEST_F(Partition, GptIsFoundByItsCopy)
{
	put_gpt(disk.bytes, {{100, 199}});
	disk.bytes[512 + 20] ^= 1; // the first header's checksum is wrong now
	ASSERT_EQ(0, read());
	EXPECT_EQ(1u, t.n);
}

TEST_F(Partition, GptIsFoundByItsCopyIfItsEntriesAreDamaged)
{
	put_gpt(disk.bytes, {{100, 199}});
	disk.bytes[2 * 512 + 40] ^= 1;
	ASSERT_EQ(0, read());
	EXPECT_EQ(199u - 100 + 1, t.part[0].bytes / 512);
}

TEST_F(Partition, AGptThatIsDamagedTwiceIsRefused)
{
	put_gpt(disk.bytes, {{100, 199}});
	disk.bytes[512 + 20] ^= 1;
	disk.bytes[disk.bytes.size() - 512 + 20] ^= 1;
	EXPECT_EQ(-EINVAL, read());
	EXPECT_TRUE(strstr(why, "GPT")) << why;
}

TEST_F(Partition, GptEntriesOutsideTheDiskAreLeftOut)
{
	put_gpt(disk.bytes, {{100, 50}, {100, 1u << 30}, {1ull << 60, (1ull << 60) + 1}, {0, UINT64_MAX}, {100, 101}});
	ASSERT_EQ(0, read());
	ASSERT_EQ(1u, t.n);
	EXPECT_EQ(5u, t.part[0].number);
}

TEST_F(Partition, GptWithTooManyOrOddEntriesIsNone)
{
	put_gpt(disk.bytes, {{100, 199}});
	for (size_t at : {(size_t)512, disk.bytes.size() - 512}) {
		uint8_t *h = disk.bytes.data() + at;
		put_le(h + 80, 0xffffffff, 4);
		put_le(h + 16, 0, 4);
		put_le(h + 16, crc32_of(h, 92), 4);
	}
	EXPECT_EQ(-EINVAL, read());
}

TEST_F(Partition, MbrWithLogicalOnes)
{
	mbr(0, 0, 0x83, 10, 20);
	mbr(0, 2, 0x05, 100, 900);
	mbr(100, 0, 0x83, 1, 50);
	mbr(100, 1, 0x05, 200, 300);
	mbr(300, 0, 0x83, 2, 60);
	ASSERT_EQ(0, read());
	EXPECT_STREQ("MBR", t.kind);
	ASSERT_EQ(3u, t.n);
	EXPECT_EQ(1u, t.part[0].number);
	EXPECT_EQ(5u, t.part[1].number);
	EXPECT_EQ(101u * 512, t.part[1].offset);
	EXPECT_EQ(6u, t.part[2].number);
	EXPECT_EQ(302u * 512, t.part[2].offset);
}

TEST_F(Partition, AChainOfLogicalOnesThatIsARingEnds)
{
	mbr(0, 0, 0x0f, 100, 900);
	mbr(100, 0, 0x83, 1, 50);
	mbr(100, 1, 0x05, 200, 300);
	mbr(300, 1, 0x05, 0, 300); // back to the first
	ASSERT_EQ(0, read());
	EXPECT_LE(t.n, 60u);
	EXPECT_LT(disk.reads, 100u);
}

TEST_F(Partition, ALogicalOneBehindTheDiskEndsTheChain)
{
	mbr(0, 0, 0x0f, 0xfffffff0, 900);
	ASSERT_EQ(0, read());
	EXPECT_EQ(0u, t.n);
}

TEST_F(Partition, ABootSectorIsNoTable)
{
	put_le(disk.bytes.data() + 510, 0xaa55, 2);
	memset(disk.bytes.data() + 446, 'x', 64);
	ASSERT_EQ(0, read());
	EXPECT_STREQ("none", t.kind);
}

TEST_F(Partition, AnErrorOfTheDiskIsPassedOn)
{
	disk.broken = 0;
	EXPECT_EQ(-EIO, read());
}
