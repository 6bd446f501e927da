// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "tests/unit/conf/sample.h"

namespace
{

// "first+pages@home ..." in granules.
std::string ranges(const machine_desc &d)
{
	std::string s;

	for (unsigned i = 0; i < d.ranges_n; i++)
		s += (i ? " " : "") + std::to_string(d.ranges[i].first / 512) + "+" +
		     std::to_string(d.ranges[i].pages / 512) + "@" + std::to_string(d.ranges[i].home);
	return s;
}

struct Homes : testing::Test {
	machine_desc d = sample_desc(3);
	char why[DESC_REPORT_MAX] = "";
	void SetUp() override
	{
		ASSERT_EQ("", sample_layout(&d, {1, 1, 1}, {16, 16, 16}));
		ASSERT_EQ("0+8@0 8+8@1 16+8@2", ranges(d));
	}
	int Move(page_idx first, uint64_t n, uint32_t to)
	{
		machine_desc before = d;
		int r = desc_rehome(&d, first * 512, n * 512, to, why, sizeof(why));

		if (!r) {
			EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
			EXPECT_EQ(0, desc_follows(&before, &d, why, sizeof(why))) << why;
		}
		return r;
	}
};

TEST_F(Homes, RangesAreSplitAndJoined)
{
	EXPECT_EQ(0, Move(8, 8, 2));
	EXPECT_EQ("0+8@0 8+8@2 16+8@2", ranges(d)); // of two nodes: two ranges
	EXPECT_EQ(0, Move(10, 2, 0));
	EXPECT_EQ("0+8@0 8+2@2 10+2@0 12+4@2 16+8@2", ranges(d));
	EXPECT_EQ(0u, desc_home_of_page(&d, 11 * 512 + 5));
	EXPECT_EQ(2u, desc_home_of_page(&d, 12 * 512));
	EXPECT_EQ(0, Move(8, 4, 2));
	EXPECT_EQ("0+8@0 8+8@2 16+8@2", ranges(d));
	EXPECT_EQ(0u, desc_host_pages(&d, 1));
	EXPECT_EQ(0, Move(8, 16, 1)); // over two ranges
	EXPECT_EQ("0+8@0 8+8@1 16+8@1", ranges(d));
	EXPECT_EQ(4u, d.version);
}

TEST_F(Homes, WhatCannotBe)
{
	machine_desc before = d;
	EXPECT_EQ(-EINVAL, Move(8, 8, 3)); // no such host
	EXPECT_EQ(-EINVAL, Move(8, 0, 1));
	EXPECT_EQ(-EINVAL, Move(20, 8, 1)); // behind the memory
	EXPECT_EQ(-EINVAL, Move(8, UINT64_MAX / 512, 1));
	EXPECT_EQ(-EINVAL, desc_rehome(&d, 5, 512, 1, why, sizeof(why)));
	EXPECT_EQ(-EINVAL, desc_rehome(&d, 512, 5, 1, why, sizeof(why)));
	EXPECT_EQ(ranges(before), ranges(d));
	EXPECT_EQ(0u, d.version);
}

TEST_F(Homes, NotInTooManyPieces)
{
	ASSERT_EQ("", sample_layout(&d, {1, 1, 1}, {1200, 16, 16}));
	int r = 0;
	for (unsigned i = 1; !r && i < 600; i += 2)
		r = Move(i, 1, 1);
	EXPECT_EQ(-ENOSPC, r);
	EXPECT_GE(d.ranges_n, DESC_RANGES_MAX - 2);
	EXPECT_LE(d.ranges_n, DESC_RANGES_MAX);
}

// Memory that is missing is not followed, in however many pieces the rest is.
TEST_F(Homes, MemoryStays)
{
	machine_desc next = d;
	ASSERT_EQ(0, desc_rehome(&next, 8 * 512, 2 * 512, 0, why, sizeof(why)));
	machine_desc less = next;
	less.ranges[1].pages -= 512;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &less, why, sizeof(why)));
	less = next;
	less.ranges[2].first += 512;
	less.ranges[2].pages -= 512;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &less, why, sizeof(why)));
	less = next;
	less.ranges[1].node = 0;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &less, why, sizeof(why)));
	less = next;
	less.ranges_n--;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &less, why, sizeof(why)));
}

} // namespace
