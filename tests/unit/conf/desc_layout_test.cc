// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/unit/conf/sample.h"

namespace
{

constexpr uint64_t kMiB = 1ull << 20, kGiB = 1ull << 30;

uint64_t address(page_idx page)
{
	uint64_t at = page * PAGE_BYTES;
	return at < 3 * kGiB ? at : at + kGiB;
}

} // namespace

// What is there at the start has the same numbers with room for others and without.
TEST(DescLayout, RoomRenumbersNothing)
{
	machine_desc a = sample_desc(2), b = sample_desc(2);
	ASSERT_EQ("", sample_layout(&a, {3, 2}, {512, 1024}));
	ASSERT_EQ("", sample_layout(&b, {3, 2}, {512, 1024}, {.vcpus_max = 8, .memory_max = 8 * kGiB, .nodes_max = 4}));
	EXPECT_EQ(2u, a.nodes_n);
	EXPECT_EQ(4u, b.nodes_n);
	EXPECT_EQ(a.ranges_n, b.ranges_n);
	EXPECT_EQ(0, memcmp(a.ranges, b.ranges, sizeof(a.ranges)));
	EXPECT_EQ(0, memcmp(a.vcpus, b.vcpus, 5 * sizeof(a.vcpus[0])));
	EXPECT_EQ(5u, desc_vcpus_present(&b));
	EXPECT_EQ(8u, desc_vcpus(&b));
	EXPECT_EQ(2u, b.nodes[2].vcpus_max);
	EXPECT_EQ(1u, b.nodes[3].vcpus_max);
	for (uint32_t v = 5; v < 8; v++)
		EXPECT_FALSE(desc_vcpu_present(&b, v));
	EXPECT_EQ(desc_memory_bytes(&a), desc_memory_bytes(&b));
}

TEST(DescLayout, WindowsOfHostsToComeSuitLinux)
{
	for (uint64_t mib : {64ull, 512ull, 3072ull, 3074ull, 5000ull}) {
		machine_desc d = sample_desc(1);
		uint64_t have = mib / 2 * 2;
		ASSERT_EQ("", sample_layout(&d, {1}, {have},
					    {.vcpus_max = 4, .memory_max = have * kMiB + 5 * kGiB, .nodes_max = 4}));
		uint64_t room = 0, end = address(desc_memory_bytes(&d) / PAGE_BYTES);
		for (unsigned n = 1; n < 4; n++) {
			uint64_t at = address(d.nodes[n].first);
			EXPECT_EQ(0u, at % (2 * kGiB)) << n;
			EXPECT_GE(at, end);
			EXPECT_GE(at, 4 * kGiB);
			EXPECT_EQ(0u, d.nodes[n].pages_max * PAGE_BYTES % (128 * kMiB));
			room += d.nodes[n].pages_max * PAGE_BYTES;
			end = at + d.nodes[n].pages_max * PAGE_BYTES;
		}
		EXPECT_GE(room, 5 * kGiB);
		EXPECT_LE(room, 5 * kGiB + 3 * 128 * kMiB);
		char why[DESC_REPORT_MAX];
		EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	}
}

TEST(DescLayout, RoomAloneMakesAPlaceForOneMoreHost)
{
	machine_desc d = sample_desc(2);
	ASSERT_EQ("", sample_layout(&d, {1, 1}, {512, 512}, {3, 0, 0}));
	EXPECT_EQ(3u, d.nodes_n);
	ASSERT_EQ("", sample_layout(&d, {1, 1}, {512, 512}, {1, 1, 0}));
	EXPECT_EQ(2u, d.nodes_n) << "less than there is asks for no room";
}

TEST(DescLayout, EveryRefusalNamesItsReason)
{
	machine_desc d = sample_desc(2);
	EXPECT_NE(std::string::npos, sample_layout(&d, {513, 512}, {512, 512}).find("1025 vCPUs in all"));
	EXPECT_NE(std::string::npos, sample_layout(&d, {1, 1}, {512, 512}, {2000, 0, 0}).find("2000 vCPUs"));
	EXPECT_NE(std::string::npos, sample_layout(&d, {1, 1}, {512, 512}, {0, 0, 65}).find("room for 65 hosts"));
	EXPECT_NE(std::string::npos, sample_layout(&d, {1, 1}, {512, 512}, {3, 0, 2}).find("a host that joins"));
	EXPECT_NE(std::string::npos, sample_layout(&d, {}, {}).find("0 hosts"));
}
