// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <set>

extern "C" {
#include "vmm/block/bounce.h"
}

namespace
{

TEST(Bounce, EachBufferIsAnotherAndAligned)
{
	bounce b;
	std::set<uint8_t *> all;

	ASSERT_EQ(bounce_init(&b), 0);
	for (unsigned i = 0; i < BOUNCE_LARGE; i++)
		all.insert((uint8_t *)bounce_get(&b, BOUNCE_LARGE_BYTES, false));
	for (unsigned i = 0; i < BOUNCE_SMALL; i++)
		all.insert((uint8_t *)bounce_get(&b, 1, false));
	EXPECT_EQ(all.size(), BOUNCE_LARGE + BOUNCE_SMALL);
	EXPECT_EQ(bounce_get(&b, 1, true), nullptr);
	EXPECT_EQ(bounce_get(&b, BOUNCE_SMALL_BYTES + 1, true), nullptr);
	for (uint8_t *at : all) {
		EXPECT_EQ((uintptr_t)at % BOUNCE_ALIGN, 0u);
		bounce_put(&b, at);
	}
	unsigned n = 0;

	while (bounce_get(&b, BOUNCE_LARGE_BYTES, true))
		n++;
	EXPECT_EQ(n, BOUNCE_LARGE);
	bounce_free(&b);
}

TEST(Bounce, NoneReachesIntoAnother)
{
	bounce b;
	std::vector<std::pair<uint8_t *, size_t>> all;

	ASSERT_EQ(bounce_init(&b), 0);
	while (uint8_t *p = (uint8_t *)bounce_get(&b, BOUNCE_LARGE_BYTES, true))
		all.emplace_back(p, BOUNCE_LARGE_BYTES);
	while (uint8_t *p = (uint8_t *)bounce_get(&b, BOUNCE_SMALL_BYTES, true))
		all.emplace_back(p, BOUNCE_SMALL_BYTES);
	for (size_t i = 0; i < all.size(); i++)
		memset(all[i].first, (int)i, all[i].second);
	for (size_t i = 0; i < all.size(); i++)
		for (size_t k = 0; k < all[i].second; k += 4095)
			ASSERT_EQ(all[i].first[k], (uint8_t)i);
	bounce_free(&b);
}

TEST(Bounce, ALargeOneStandsInOnlyIfNobodyWaitsForIt)
{
	bounce b;

	ASSERT_EQ(bounce_init(&b), 0);
	for (unsigned i = 0; i < BOUNCE_SMALL; i++)
		ASSERT_NE(bounce_get(&b, 4096, true), nullptr);
	EXPECT_EQ(bounce_get(&b, 4096, false), nullptr);
	EXPECT_NE(bounce_get(&b, 4096, true), nullptr);
	EXPECT_EQ(b.large_n, BOUNCE_LARGE - 1);
	bounce_free(&b);
}

} // namespace
