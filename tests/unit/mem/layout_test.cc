// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

extern "C" {
#include "vmm/mem/layout.h"
}

static machine_desc hosts_of(std::vector<uint64_t> mib)
{
	machine_desc d;
	memset(&d, 0, sizeof(d));
	d.hosts_n = mib.size();
	std::vector<uint32_t> vcpus(mib.size(), 1);
	desc_room none = {};
	char why[DESC_REPORT_MAX];
	for (uint64_t &m : mib)
		m <<= 20;
	EXPECT_EQ(0, desc_lay_out(&d, vcpus.data(), mib.data(), &none, why, sizeof(why))) << why;
	return d;
}

TEST(Layout, RangesCoverAllRamInOrderAndKeepOutOfTheHole)
{
	const std::vector<std::vector<uint64_t>> cases = {
		{2},          {3072},       {3074},       {512, 512},          {3072, 1024},
		{2048, 2048}, {1, 0, 5000}, {0, 4, 8000}, {100000, 100000, 7}, std::vector<uint64_t>(64, 1024),
	};
	for (auto &mib : cases) {
		machine_desc d = hosts_of(mib);
		layout_range r[LAYOUT_RANGES_MAX];
		unsigned n = layout_ranges(&d, r);
		std::vector<uint64_t> got(mib.size());
		uint64_t end = 0, page = 0;
		ASSERT_LE(n, LAYOUT_RANGES_MAX);
		for (unsigned i = 0; i < n; i++) {
			EXPECT_GE(r[i].gpa, end);
			end = r[i].gpa + r[i].bytes;
			EXPECT_TRUE(end <= LAYOUT_LOW_END || r[i].gpa >= LAYOUT_HIGH);
			EXPECT_EQ(page, r[i].first);
			EXPECT_EQ(r[i].gpa, layout_gpa(r[i].first));
			EXPECT_GT(r[i].bytes, 0u);
			page += r[i].bytes / PAGE_BYTES;
			EXPECT_EQ(r[i].home, r[i].node);
			got[r[i].home] += r[i].bytes >> 20;
		}
		EXPECT_EQ(mib, got);
	}
}

TEST(Layout, StraddlingHostHasTwoRanges)
{
	machine_desc d = hosts_of({2048, 2048});
	layout_range r[LAYOUT_RANGES_MAX];
	ASSERT_EQ(3u, layout_ranges(&d, r));
	EXPECT_EQ(1u, r[1].home);
	EXPECT_EQ(LAYOUT_LOW_END, r[1].gpa + r[1].bytes);
	EXPECT_EQ(1u, r[2].home);
	EXPECT_EQ(LAYOUT_HIGH, r[2].gpa);
	EXPECT_EQ(1024ull << 20, r[2].bytes);
}

TEST(Layout, AddressAndPageAreInverse)
{
	const uint64_t ram = 5ull << 30;
	page_idx p;
	for (page_idx i = 0; i < ram / PAGE_BYTES; i += 997) {
		ASSERT_TRUE(layout_page(ram, layout_gpa(i) + 4095, &p));
		ASSERT_EQ(i, p);
	}
	EXPECT_TRUE(layout_page(ram, LAYOUT_LOW_END - 1, &p));
	EXPECT_FALSE(layout_page(ram, LAYOUT_LOW_END, &p));
	EXPECT_FALSE(layout_page(ram, LAYOUT_IOAPIC, &p));
	EXPECT_FALSE(layout_page(ram, LAYOUT_HIGH - 1, &p));
	EXPECT_TRUE(layout_page(ram, LAYOUT_HIGH, &p));
	EXPECT_TRUE(layout_page(ram, LAYOUT_HIGH + (2ull << 30) - 1, &p));
	EXPECT_EQ(ram / PAGE_BYTES - 1, p);
	EXPECT_FALSE(layout_page(ram, LAYOUT_HIGH + (2ull << 30), &p));
	EXPECT_FALSE(layout_page(ram, UINT64_MAX, &p));
	EXPECT_FALSE(layout_page(1 << 20, 1 << 20, &p));
	EXPECT_FALSE(layout_page(1 << 20, LAYOUT_HIGH, &p));
}
