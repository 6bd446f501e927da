// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

extern "C" {
#include "coherence/base/histogram.h"
}

namespace
{

TEST(Histogram, EveryDurationIsBelowItsBucketsBoundAndNotBelowTheOneBefore)
{
	for (uint64_t ns = 0; ns < 1u << 20; ns += ns < 5000 ? 1 : 37) {
		unsigned b = histogram_bucket(ns);
		ASSERT_LT(b, HISTOGRAM_BUCKETS);
		ASSERT_LT(ns, histogram_upper_ns(b)) << ns;
		ASSERT_TRUE(b == 0 || ns >= histogram_upper_ns(b - 1)) << ns;
	}
}

TEST(Histogram, BoundsRiseAndAreTwoAnOctave)
{
	EXPECT_EQ(histogram_upper_ns(0), 1024u);
	EXPECT_EQ(histogram_upper_ns(1), 1536u);
	EXPECT_EQ(histogram_upper_ns(2), 2048u);
	EXPECT_EQ(histogram_upper_ns(3), 3072u);
	EXPECT_EQ(histogram_upper_ns(HISTOGRAM_BUCKETS - 1), 1ull << 35);
	for (unsigned b = 1; b < HISTOGRAM_BUCKETS; b++)
		EXPECT_GT(histogram_upper_ns(b), histogram_upper_ns(b - 1));
}

TEST(Histogram, WhatTakesLongerThanTheLastBoundIsCountedThere)
{
	EXPECT_EQ(histogram_bucket(1ull << 36), HISTOGRAM_BUCKETS - 1);
	EXPECT_EQ(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

TEST(Histogram, CountsAddsAndSums)
{
	histogram a = {}, b = {};
	histogram_count(&a, 100);
	histogram_count(&a, 5000);
	histogram_count(&b, 5001);
	histogram_add(&a, &b);
	EXPECT_EQ(a.count, 3u);
	EXPECT_EQ(a.sum_ns, 10101u);
	EXPECT_EQ(a.bucket[0], 1u);
	EXPECT_EQ(a.bucket[histogram_bucket(5000)], 2u);
}

TEST(Histogram, QuantilesLieInTheirBucket)
{
	histogram h = {};
	EXPECT_TRUE(std::isnan(histogram_quantile_ns(&h, 0.5)));
	h.count = 100;
	h.bucket[10] = 99;
	h.bucket[20] = 1;
	EXPECT_LE(histogram_quantile_ns(&h, 0.5), (double)histogram_upper_ns(10));
	EXPECT_GT(histogram_quantile_ns(&h, 0.5), (double)histogram_upper_ns(9));
	EXPECT_GT(histogram_quantile_ns(&h, 0.999), (double)histogram_upper_ns(19));
	const int64_t upper[] = {20000, 50000, 100000}, count[] = {1, 2, 1};
	EXPECT_DOUBLE_EQ(histogram_quantile_of(upper, count, 3, 0.5), 35000);
	EXPECT_DOUBLE_EQ(histogram_quantile_of(upper, count, 3, 1), 100000);
}

} // namespace
