// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/unit/conf/sample.h"

namespace
{
constexpr uint64_t kMiB = 1ull << 20, kGiB = 1ull << 30;

struct DescGrow : testing::Test {
	machine_desc d = sample_desc(2), was;
	char why[DESC_REPORT_MAX] = "";

	DescGrow()
	{
		EXPECT_EQ("", sample_layout(&d, {2, 2}, {512, 512},
					    {.vcpus_max = 8, .memory_max = 3 * kGiB, .nodes_max = 4}));
		was = d;
	}
	desc_range piece(uint32_t node, uint64_t mib, uint32_t slot)
	{
		page_idx first;
		desc_free_pages(&d, node, &first);
		return {.first = first, .pages = mib * kMiB / PAGE_BYTES, .node = node, .home = 1, .slot = slot};
	}
	bool refused(const desc_range &r, const char *word)
	{
		machine_desc before = d;
		bool no = desc_fill_memory(&d, &r, why, sizeof(why)) != 0;
		return no && strstr(why, word) &&
		       !memcmp(&before.ranges, &d.ranges, d.ranges_n * sizeof(d.ranges[0])) &&
		       before.version == d.version && before.ranges_n == d.ranges_n;
	}
};

TEST_F(DescGrow, PlacesForVcpusAreFilledAndEmptied)
{
	uint32_t n = 8;
	EXPECT_EQ(4u, desc_free_vcpus(&d, 2, &n));
	EXPECT_EQ(2u, n);
	ASSERT_EQ(0, desc_fill_vcpus(&d, 5, 1, 1, why, sizeof(why))) << why;
	EXPECT_EQ(1u, d.version);
	EXPECT_EQ(0, desc_follows(&was, &d, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ(1, desc_host_of_vcpu(&d, 5));
	EXPECT_EQ(2u, desc_node_of_vcpu(&d, 5)) << "the node is for good, whoever serves it";
	n = 8;
	EXPECT_EQ(4u, desc_free_vcpus(&d, 2, &n));
	EXPECT_EQ(1u, n);
	n = 8;
	desc_free_vcpus(&d, 0, &n);
	EXPECT_EQ(0u, n);
	machine_desc full = d;
	ASSERT_EQ(0, desc_empty_vcpu(&d, 5, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_follows(&full, &d, why, sizeof(why))) << why;
	EXPECT_FALSE(desc_vcpu_present(&d, 5));
}

TEST_F(DescGrow, WhatCannotBeIsRefusedAndChangesNothing)
{
	EXPECT_EQ(-EINVAL, desc_fill_vcpus(&d, 3, 2, 1, why, sizeof(why))); // one is there
	EXPECT_NE(nullptr, strstr(why, "vCPU 3 is there already")) << why;
	EXPECT_EQ(-EINVAL, desc_fill_vcpus(&d, 4, 5, 1, why, sizeof(why)));
	EXPECT_EQ(-EINVAL, desc_fill_vcpus(&d, UINT32_MAX, 2, 1, why, sizeof(why)));
	EXPECT_EQ(-EINVAL, desc_fill_vcpus(&d, 4, 1, 2, why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "no host 2")) << why;
	EXPECT_EQ(-EINVAL, desc_empty_vcpu(&d, 0, why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "vCPU 0")) << why;
	EXPECT_EQ(-EINVAL, desc_empty_vcpu(&d, 7, why, sizeof(why)));
	EXPECT_EQ(0, memcmp(&was, &d, sizeof(d)));
	machine_desc without = sample_desc(2);
	EXPECT_EQ(-EINVAL, desc_fill_vcpus(&without, 1, 1, 0, why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "--max-cpus")) << why;
}

TEST_F(DescGrow, MemoryComesInPiecesToWhereItsNodeHasRoom)
{
	desc_range a = piece(3, 256, 1);
	ASSERT_EQ(0, desc_fill_memory(&d, &a, why, sizeof(why))) << why;
	machine_desc first = d;
	EXPECT_EQ(0, desc_follows(&was, &d, why, sizeof(why))) << why;
	desc_range b = piece(3, 768, 2), c = piece(2, 128, 3);
	EXPECT_EQ(a.first + a.pages, b.first);
	ASSERT_EQ(0, desc_fill_memory(&d, &b, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_follows(&first, &d, why, sizeof(why))) << why;
	ASSERT_EQ(0, desc_fill_memory(&d, &c, why, sizeof(why))) << why; // before the others
	EXPECT_EQ(c.first, d.ranges[2].first);
	EXPECT_EQ(3u, d.version);
	EXPECT_EQ(4u, desc_free_memory_slot(&d));
	page_idx at;
	EXPECT_EQ(0u, desc_free_pages(&d, 3, &at));
	EXPECT_EQ((896 * kMiB) / PAGE_BYTES, desc_free_pages(&d, 2, &at));
	EXPECT_EQ((1024 + 256 + 768 + 128) * kMiB, desc_memory_bytes(&d));
	EXPECT_EQ(1u, desc_home_of_page(&d, b.first));
	machine_desc full = d;
	ASSERT_EQ(0, desc_take_memory(&d, 1));
	EXPECT_EQ(0, desc_follows(&full, &d, why, sizeof(why))) << why;
	EXPECT_EQ(1u, desc_free_memory_slot(&d));
	EXPECT_EQ(-ENOENT, desc_take_memory(&d, 1));
	EXPECT_EQ(-ENOENT, desc_take_memory(&d, 0));
}

// One piece to the guest, wherever its homes are; it comes and goes as a whole.
TEST_F(DescGrow, APieceMayHaveSeveralHomes)
{
	desc_range r = piece(2, 256, 4), whole;
	ASSERT_EQ(0, desc_fill_memory(&d, &r, why, sizeof(why))) << why;
	machine_desc one = d;
	ASSERT_EQ(0, desc_rehome(&d, r.first + 512, 512, 0, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	EXPECT_EQ(0, desc_follows(&one, &d, why, sizeof(why))) << why;
	EXPECT_EQ(one.ranges_n + 2, d.ranges_n);
	ASSERT_TRUE(desc_slot_whole(&d, 4, &whole));
	EXPECT_EQ(r.first, whole.first);
	EXPECT_EQ(r.pages, whole.pages);
	EXPECT_EQ(5u, desc_free_memory_slot(&d) + 4) << "slot 1";
	machine_desc parts = d, bad = d;
	bad.version++;
	bad.ranges[3].slot = 5;
	EXPECT_NE(0, desc_check(&bad, why, sizeof(why))) << "another one's in the middle";
	bad = d;
	bad.version++;
	bad.ranges_n--; // its end is missing
	EXPECT_NE(0, desc_follows(&d, &bad, why, sizeof(why)));
	ASSERT_EQ(0, desc_rehome(&d, r.first + 512, 512, 1, why, sizeof(why)));
	EXPECT_EQ(one.ranges_n, d.ranges_n) << "joined again";
	d = parts;
	ASSERT_EQ(0, desc_take_memory(&d, 4));
	EXPECT_EQ(0, desc_follows(&parts, &d, why, sizeof(why))) << why;
	EXPECT_EQ(was.ranges_n, d.ranges_n);
	EXPECT_FALSE(desc_slot_whole(&d, 4, &whole));
	EXPECT_EQ(0u, desc_slot_pages(&d, 4));
}

TEST_F(DescGrow, WhatIsGivenBackIsRoomAgain)
{
	for (uint32_t slot = 1; slot <= 3; slot++) {
		desc_range r = piece(2, 256, slot);
		ASSERT_EQ(0, desc_fill_memory(&d, &r, why, sizeof(why))) << why;
	}
	page_idx second = desc_slot(&d, 2)->first, at;
	ASSERT_EQ(0, desc_take_memory(&d, 2));
	EXPECT_EQ(512 * kMiB / PAGE_BYTES, desc_room_pages(&d, 2));
	EXPECT_EQ(256 * kMiB / PAGE_BYTES, desc_free_pages(&d, 2, &at));
	EXPECT_EQ(second, at) << "the first of two that are alike";
	desc_range r = piece(2, 256, 2);
	EXPECT_EQ(0, desc_fill_memory(&d, &r, why, sizeof(why))) << why;
	EXPECT_EQ(256 * kMiB / PAGE_BYTES, desc_free_pages(&d, 2, &at));
	EXPECT_LT(second, at);
}

TEST_F(DescGrow, MemoryThatDoesNotFitIsRefused)
{
	desc_range r = piece(2, 256, 1);
	ASSERT_EQ(0, desc_fill_memory(&d, &r, why, sizeof(why)));
	EXPECT_TRUE(refused(r, "")) << "it is there already";
	EXPECT_TRUE(refused(piece(2, 1024, 2), "window")) << why;
	EXPECT_TRUE(refused(piece(2, 256, 1), "slot 1")) << why;
	EXPECT_TRUE(refused(piece(2, 256, DESC_MEMORY_SLOTS + 1), "slot")) << why;
	EXPECT_TRUE(refused(piece(2, 64, 2), "128 MiB")) << why;
	r = piece(2, 128, 2);
	r.first += (64 * kMiB) / PAGE_BYTES;
	EXPECT_TRUE(refused(r, "128 MiB")) << why;
	r = piece(2, 128, 2);
	r.home = 2;
	EXPECT_TRUE(refused(r, "home 2")) << why;
	r = piece(2, 128, 2);
	r.node = 4;
	EXPECT_TRUE(refused(r, "node 4")) << why;
	r = piece(2, 128, 2);
	r.pages = UINT64_MAX / 2 & ~0x7fffull;
	EXPECT_TRUE(refused(r, "")) << why;
}

TEST_F(DescGrow, APieceIsNoMoreThanAHostCanMap)
{
	ASSERT_EQ("", sample_layout(&d, {2, 2}, {512, 512},
				    {.vcpus_max = 8, .memory_max = 4 * DESC_PIECE_MAX, .nodes_max = 3}));
	EXPECT_TRUE(refused(piece(2, (DESC_PIECE_MAX + DESC_PIECE) / kMiB, 1), "4 TiB at most")) << why;
	desc_range r = piece(2, DESC_PIECE_MAX / kMiB, 1);
	EXPECT_EQ(0, desc_fill_memory(&d, &r, why, sizeof(why))) << why;
}

// Where anything may come, the firmware tables name each CPU at length.
TEST_F(DescGrow, RoomForMemoryAloneBoundsTheVcpusToo)
{
	EXPECT_EQ("", sample_layout(&d, {DESC_ROOM_VCPUS_MAX + 1}, {512}));
	EXPECT_NE("", sample_layout(&d, {DESC_ROOM_VCPUS_MAX + 1}, {512},
				    {.vcpus_max = 0, .memory_max = kGiB, .nodes_max = 0}));
	EXPECT_EQ("", sample_layout(&d, {DESC_ROOM_VCPUS_MAX}, {512},
				    {.vcpus_max = 0, .memory_max = kGiB, .nodes_max = 0}));
}

TEST_F(DescGrow, MemoryOfTheStartStays)
{
	machine_desc next = d;
	next.version++;
	next.ranges_n--;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &next, why, sizeof(why)));
	next = d;
	next.version++;
	next.room = 0;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &next, why, sizeof(why)));
}

TEST_F(DescGrow, ThereAndBackAsText)
{
	desc_range r = piece(2, 256, 9);
	ASSERT_EQ(0, desc_fill_memory(&d, &r, why, sizeof(why)));
	char *text = desc_to_json(&d);
	ASSERT_NE(nullptr, text);
	machine_desc back;
	memset(&back, 0, sizeof(back));
	EXPECT_EQ(0, desc_from_json(text, strlen(text), &back, why, sizeof(why))) << why;
	EXPECT_EQ(9u, back.ranges[2].slot);
	EXPECT_EQ(1u, back.room);
	free(text);
}
} // namespace
