// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

extern "C" {
#include "vmm/mem/uffd.h"
}

namespace
{

TEST(Uffd, FeaturesAreNamedOnceWithTheKernelThatBroughtThem)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < uffd_features_n; i++) {
		EXPECT_EQ(seen & uffd_features[i].bit, 0u);
		EXPECT_EQ(__builtin_popcountll(uffd_features[i].bit), 1);
		seen |= uffd_features[i].bit;
		EXPECT_TRUE(*uffd_features[i].name && *uffd_features[i].since && *uffd_features[i].without);
	}
}

/* What the probe says is what opening finds. */
TEST(Uffd, TheProbeAgreesWithOpening)
{
	struct ram ram = {};
	struct uffd u;
	uint64_t features = 0, needed = 0;
	char why[256] = "";
	int probed = uffd_probe(&features);

	for (unsigned i = 0; i < uffd_features_n; i++)
		needed |= uffd_features[i].needed ? uffd_features[i].bit : 0;
	ASSERT_EQ(ram_map(&ram, 2 << 20), 0);
	int opened = uffd_open(&u, &ram, why, sizeof(why));
	EXPECT_EQ(opened == 0, probed == 0 && (features & needed) == needed) << why;
	if (opened == 0)
		uffd_close(&u);
	ram_unmap(&ram);
}

/* Memory of a few pages that nobody touches but the test. */
struct UffdRuns : testing::Test {
	static constexpr uint32_t kPages = 16;

	void SetUp() override
	{
		char why[256] = "";

		ASSERT_EQ(ram_map(&ram, 2 << 20), 0);
		int r = uffd_open(&u, &ram, why, sizeof(why));
		if (r == -EPERM)
			GTEST_SKIP() << why;
		ASSERT_EQ(r, 0) << why;
		for (uint32_t i = 0; i < kPages; i++)
			memset(bytes + (size_t)i * PAGE_BYTES, (int)i + 1, PAGE_BYTES);
	}
	void TearDown() override
	{
		if (u.fd >= 0)
			uffd_close(&u);
		ram_unmap(&ram);
	}
	int install(page_idx page, uint32_t pages, bool writable = true)
	{
		return uffd_install(&u, page, pages, bytes, writable, &done);
	}
	uint8_t at(page_idx page)
	{
		return ram.base[page * PAGE_BYTES + 5];
	}
	struct ram ram = {};
	struct uffd u = {};
	uint32_t done = 0;
	uint8_t bytes[kPages * PAGE_BYTES];
};

TEST_F(UffdRuns, ARunIsPlacedUpToAPageThatIsThere)
{
	ASSERT_EQ(0, install(0, 8));
	EXPECT_EQ(8u, done);
	EXPECT_EQ(1, at(0));
	EXPECT_EQ(8, at(7));
	ASSERT_EQ(0, install(20, 1));
	EXPECT_EQ(-EEXIST, install(16, 8));
	EXPECT_EQ(4u, done);
	EXPECT_EQ(4, at(19));
	EXPECT_EQ(1, at(20)) << "what was there stays";
	EXPECT_EQ(13u, u.copies);
	EXPECT_EQ(-EEXIST, install(16, 1));
	EXPECT_EQ(0u, done);
}

TEST_F(UffdRuns, ZeroesOfAnyNumber)
{
	ASSERT_EQ(0, uffd_install_zero(&u, 0, 77, true));
	EXPECT_EQ(0, at(76));
	EXPECT_EQ(0, install(77, 1)) << "no more than that";
	EXPECT_EQ(77u, u.zeroes);
	EXPECT_EQ(1u, u.copies);
	EXPECT_EQ(-EEXIST, uffd_install_zero(&u, 70, 10, true));
}

TEST_F(UffdRuns, WhatIsDroppedIsAbsent)
{
	ASSERT_EQ(0, install(0, 8));
	ASSERT_EQ(0, uffd_drop(&u, 2, 4));
	EXPECT_EQ(-EEXIST, install(0, 8));
	EXPECT_EQ(0u, done);
	ASSERT_EQ(0, install(2, 4));
	EXPECT_EQ(1, at(2));
	EXPECT_EQ(4, at(5));
	EXPECT_EQ(7, at(6));
}

TEST_F(UffdRuns, ARunIsTakenWithItsBytes)
{
	const void *taken[2] = {};

	if (!u.can_move)
		GTEST_SKIP() << "this kernel has no UFFDIO_MOVE (6.8)";
	ASSERT_EQ(0, install(0, 8));
	ASSERT_EQ(3u, uffd_take(&u, 1, 3, &taken[0]));
	ASSERT_EQ(0, install(1, 3)) << "absent";
	ASSERT_EQ(2u, uffd_take(&u, 6, 2, &taken[1]));
	const uint8_t *first = (const uint8_t *)taken[0], *second = (const uint8_t *)taken[1];

	EXPECT_EQ(2, first[0]);
	EXPECT_EQ(4, first[2 * PAGE_BYTES + 99]);
	EXPECT_EQ(7, second[0]);
	EXPECT_EQ(8, second[PAGE_BYTES]);
	EXPECT_EQ(5u, u.moves);
	EXPECT_EQ(1u, uffd_take(&u, 5, 2, &taken[0])) << "the second is absent";
	/* The area is used again and again. */
	for (unsigned i = 0; i < UFFD_STAGING_PAGES; i++) {
		ASSERT_EQ(0, install(100, 7));
		ASSERT_EQ(7u, uffd_take(&u, 100, 7, &taken[0]));
		ASSERT_EQ(7, ((const uint8_t *)taken[0])[6 * PAGE_BYTES]);
	}
}

TEST_F(UffdRuns, ReadOnlyPagesAreTakenToo)
{
	const void *taken = nullptr;

	if (!u.can_move)
		GTEST_SKIP() << "this kernel has no UFFDIO_MOVE (6.8)";
	ASSERT_EQ(0, install(0, 4, false));
	ASSERT_EQ(0, install(4, 4, true));
	ASSERT_EQ(0, uffd_protect(&u, 0, 8));
	ASSERT_EQ(8u, uffd_take(&u, 0, 8, &taken));
	EXPECT_EQ(4, ((const uint8_t *)taken)[7 * PAGE_BYTES]);
	EXPECT_EQ(8u, u.protects);
}

} // namespace
