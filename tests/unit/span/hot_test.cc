// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/span/hot.h"
}

namespace
{

TEST(Hot, CountsReadsAndWritesByPage)
{
	hot h = {};
	hot_page out[HOT_PAGES];
	for (int i = 0; i < 5; i++)
		hot_count(&h, 7, i % 2, false, 0);
	hot_count(&h, 9, true, false, 0);
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
		hot_count(&h, i % 10 ? 1000 + i : 42, false, false, 0); // a tenth of all
	ASSERT_EQ(hot_sorted(&h, out), HOT_PAGES);
	EXPECT_EQ(out[0].page, 42u);
	EXPECT_LE(out[0].reads, 10000u);
	EXPECT_GE(out[0].reads + out[0].error, 10000u);
}

hot_page page_with(uint64_t reads, uint64_t migrated, uint64_t writes, uint64_t upgrades)
{
	hot_page p = {};
	p.reads = reads;
	p.migrated = migrated;
	p.writes = writes;
	p.upgrades = upgrades;
	return p;
}

TEST(Hot, TheKindOfSharingFollowsFromReadsWritesAndUpgrades)
{
	hot_page p = page_with(100, 0, 3, 3);
	EXPECT_STREQ(hot_sharing(&p), "read-mostly");
	p = page_with(100, 0, 98, 95); // each visit reads, then writes
	EXPECT_STREQ(hot_sharing(&p), "migratory");
	p = page_with(100, 95, 3, 3); // each read brought the right to write
	EXPECT_STREQ(hot_sharing(&p), "migratory");
	p = page_with(5, 0, 100, 4);
	EXPECT_STREQ(hot_sharing(&p), "write-shared");
	p = page_with(70, 0, 30, 10);
	EXPECT_STREQ(hot_sharing(&p), "mixed");
	p = page_with(2, 0, 0, 0);
	EXPECT_STREQ(hot_sharing(&p), "unknown");
	p = page_with(100, 0, 3, 3);
	p.error = 1000; // it has only just pushed another page out
	EXPECT_STREQ(hot_sharing(&p), "unknown");
}

TEST(Hot, TheRateIsThatOfTheLastSecondAndFallsToNothing)
{
	hot h = {};
	const uint64_t s = 1000000000;
	uint64_t now = 5 * s;
	for (int i = 0; i < 4000; i++, now += s / 1000) // a thousand a second, for four
		hot_count(&h, 7, false, false, now);
	EXPECT_NEAR(hot_rate(&h.v[0], now), 1000, 20);
	EXPECT_EQ(hot_rate(&h.v[0], now + 3 * s), 0);
	EXPECT_EQ(h.v[0].reads, 4000u);
}

} // namespace
