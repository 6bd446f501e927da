// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/span/latency.h"
}

namespace
{

TEST(Latency, EveryDurationIsBelowItsBucketsBoundAndNotBelowTheOneBefore)
{
	for (uint64_t ns = 0; ns < 1u << 20; ns += ns < 5000 ? 1 : 37) {
		unsigned b = latency_bucket(ns);
		ASSERT_LT(b, LATENCY_BUCKETS);
		ASSERT_LT(ns, latency_upper_ns(b)) << ns;
		ASSERT_TRUE(b == 0 || ns >= latency_upper_ns(b - 1)) << ns;
	}
}

TEST(Latency, BoundsRiseAndAreTwoAnOctave)
{
	EXPECT_EQ(latency_upper_ns(0), 1024u);
	EXPECT_EQ(latency_upper_ns(1), 1536u);
	EXPECT_EQ(latency_upper_ns(2), 2048u);
	EXPECT_EQ(latency_upper_ns(3), 3072u);
	EXPECT_EQ(latency_upper_ns(LATENCY_BUCKETS - 1), 1ull << 35);
	for (unsigned b = 1; b < LATENCY_BUCKETS; b++)
		EXPECT_GT(latency_upper_ns(b), latency_upper_ns(b - 1));
}

TEST(Latency, WhatTakesLongerThanTheLastBoundIsCountedThere)
{
	EXPECT_EQ(latency_bucket(1ull << 36), LATENCY_BUCKETS - 1);
	EXPECT_EQ(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}

TEST(Latency, CountsAddsAndSums)
{
	latency a = {}, b = {};
	latency_count(&a, 100);
	latency_count(&a, 5000);
	latency_count(&b, 5001);
	latency_add(&a, &b);
	EXPECT_EQ(a.count, 3u);
	EXPECT_EQ(a.sum_ns, 10101u);
	EXPECT_EQ(a.bucket[0], 1u);
	EXPECT_EQ(a.bucket[latency_bucket(5000)], 2u);
}

} // namespace
