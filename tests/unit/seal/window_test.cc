// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <set>

extern "C" {
#include "net/seal/window.h"
}

TEST(Window, TakesEachNumberOnce)
{
	window w = {};

	for (uint64_t n : {0ull, 1ull, 63ull, 64ull, 5ull, 8191ull, 8192ull}) {
		EXPECT_TRUE(window_wants(&w, n)) << n;
		window_take(&w, n);
		EXPECT_FALSE(window_wants(&w, n)) << n;
	}
	EXPECT_FALSE(window_wants(&w, 0)) << "8193 numbers back";
	EXPECT_TRUE(window_wants(&w, 2));
	EXPECT_FALSE(window_wants(&w, UINT64_MAX));
}

/* Against a set of all that came: jumps of every size, late ones and repeats. */
TEST(Window, IsWhatASetIs)
{
	for (unsigned seed = 0; seed < 40; seed++) {
		std::mt19937_64 r(seed);
		window w = {};
		std::set<uint64_t> got;
		uint64_t high = 0;
		bool any = false;

		for (unsigned i = 0; i < 20000; i++) {
			uint64_t jump = r() % 200 == 0 ? r() % 40000 : r() % 4;
			uint64_t n = r() % 3 == 0 ? high + jump : high - std::min<uint64_t>(high, r() % 9000);
			bool wanted = !got.count(n) && (!any || n > high || high - n < WINDOW_BITS);

			ASSERT_EQ(window_wants(&w, n), wanted) << seed << " " << i << " " << n << " " << high;
			if (!wanted)
				continue;
			window_take(&w, n);
			got.insert(n);
			high = any ? std::max(high, n) : n;
			any = true;
		}
	}
}
