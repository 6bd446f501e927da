// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

extern "C" {
#include "vmm/machine/threads.h"
}

namespace
{
struct Threads : testing::Test {
	threads t = {};
	void TearDown() override
	{
		threads_close(&t);
	}
};

TEST_F(Threads, NobodyIsInAnEmptyOne)
{
	EXPECT_EQ(THREADS_NONE, threads_find(&t, 5)); // not even made yet
	threads_remove(&t, 5);
	ASSERT_EQ(0, threads_init(&t, 0));
	EXPECT_EQ(THREADS_NONE, threads_find(&t, 5));
	EXPECT_EQ(THREADS_NONE, threads_find(&t, 0));
	threads_remove(&t, 5);
	threads_remove(&t, 0);
}

TEST_F(Threads, EachIsFoundAndNoOther)
{
	const uint32_t n = 1024;
	ASSERT_EQ(0, threads_init(&t, n));
	for (uint32_t i = 0; i < n; i++)
		ASSERT_EQ(0, threads_add(&t, 4000000 + i, n - 1 - i));
	for (uint32_t i = 0; i < n; i++) {
		ASSERT_EQ(n - 1 - i, threads_find(&t, 4000000 + i));
		ASSERT_EQ(THREADS_NONE, threads_find(&t, 4000000 + n + i));
	}
}

TEST_F(Threads, AFullOneSaysSoAndFindsWhatItHas)
{
	ASSERT_EQ(0, threads_init(&t, 4)); // eight slots
	for (uint32_t i = 1; i <= 8; i++)
		ASSERT_EQ(0, threads_add(&t, i, i));
	EXPECT_EQ(-ENOSPC, threads_add(&t, 9, 9));
	EXPECT_EQ(THREADS_NONE, threads_find(&t, 9)); // and the search ends
	for (uint32_t i = 1; i <= 8; i++)
		EXPECT_EQ(i, threads_find(&t, i));
}

TEST_F(Threads, WhoLeavesIsForgottenAndHisPlaceIsTaken)
{
	ASSERT_EQ(0, threads_init(&t, 4));
	for (uint32_t i = 1; i <= 10000; i++) {
		ASSERT_EQ(0, threads_add(&t, i, i % 7)) << i;
		if (i <= 4)
			continue;
		threads_remove(&t, i - 4);
		ASSERT_EQ(THREADS_NONE, threads_find(&t, i - 4));
		for (uint32_t k = i - 3; k <= i; k++)
			ASSERT_EQ(k % 7, threads_find(&t, k)) << i;
	}
}

/* The reader looks for one that stays, among some that come and go in the slots before it. */
TEST_F(Threads, WhoStaysIsFoundWhileOthersComeAndGo)
{
	std::atomic<bool> over{false};
	std::vector<std::thread> all;
	ASSERT_EQ(0, threads_init(&t, 8)); // sixteen slots
	for (uint32_t i = 1; i <= 6; i++)
		ASSERT_EQ(0, threads_add(&t, i, i));
	for (uint32_t i = 1; i <= 2; i++) // so that the later ones did not get their first slot
		threads_remove(&t, i);
	for (uint32_t who : {100u, 200u})
		all.emplace_back([&, who] {
			for (uint32_t i = 0; i < 20000; i++) {
				EXPECT_EQ(0, threads_add(&t, who + i % 50, who));
				EXPECT_EQ(who, threads_find(&t, who + i % 50));
				threads_remove(&t, who + i % 50);
			}
			over = true;
		});
	while (!over)
		for (uint32_t i = 3; i <= 6; i++)
			EXPECT_EQ(i, threads_find(&t, i));
	for (auto &x : all)
		x.join();
}
} // namespace
