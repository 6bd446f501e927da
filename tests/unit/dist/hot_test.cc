// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/dist/hot.h"
}

namespace {

TEST(Hot, CountsReadsAndWritesByPage)
{
	hot h = {};
	hot_page out[HOT_PAGES];
	for (int i = 0; i < 5; i++)
		hot_count(&h, 7, i % 2);
	hot_count(&h, 9, true);
	ASSERT_EQ(hot_sorted(&h, out), 2u);
	EXPECT_EQ(out[0].page, 7u);
	EXPECT_EQ(out[0].reads, 3u);
	EXPECT_EQ(out[0].writes, 2u);
	EXPECT_EQ(out[1].page, 9u);
}

TEST(Hot, AFrequentPageIsFoundAmongManyOthers)
{
	hot h = {};
	hot_page out[HOT_PAGES];
	for (uint64_t i = 0; i < 100000; i++)
		hot_count(&h, i % 10 ? 1000 + i : 42, false); // a tenth of all
	ASSERT_EQ(hot_sorted(&h, out), HOT_PAGES);
	EXPECT_EQ(out[0].page, 42u);
	EXPECT_LE(out[0].reads, 10000u);
	EXPECT_GE(out[0].reads + out[0].error, 10000u);
}

} // namespace
