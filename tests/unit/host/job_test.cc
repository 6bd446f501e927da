// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <thread>

extern "C" {
#include "vmm/host/job.h"
}

namespace
{

struct State {
	std::atomic<bool> go{false};
	std::atomic<int> kicks{0};
};

int Work(void *ctx, char *why, unsigned cap)
{
	auto *s = static_cast<State *>(ctx);
	while (!s->go)
		std::this_thread::yield();
	snprintf(why, cap, "reason");
	return -7;
}

void Kick(void *ctx)
{
	static_cast<State *>(ctx)->kicks++;
}

TEST(Job, FinishesOnceWithResultAndReason)
{
	job j = {};
	State s;
	ASSERT_EQ(job_start(&j, Work, &s, Kick, &s), 0);
	EXPECT_FALSE(job_finished(&j));
	EXPECT_EQ(job_start(&j, Work, &s, Kick, &s), -EBUSY);
	s.go = true;
	while (!job_finished(&j))
		std::this_thread::yield();
	EXPECT_EQ(j.result, -7);
	EXPECT_STREQ(j.why, "reason");
	EXPECT_EQ(s.kicks, 1);
	EXPECT_FALSE(job_finished(&j));
}

} // namespace
