// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

extern "C" {
#include "vmm/machine/cpu_time.h"
}

namespace
{

TEST(CpuTime, TheSharesAddUpToTheTimeSinceTheStart)
{
	cpu_time t = {};
	cpu_time_start(&t, 1000);
	ASSERT_TRUE(cpu_time_rest(&t, 1100));
	cpu_time_go(&t, 1400);
	cpu_time_waited(&t, 50);
	cpu_time_shares s = cpu_time_get(&t, 2000);
	EXPECT_EQ(s.halted, 300u);
	EXPECT_EQ(s.page_wait, 50u);
	EXPECT_EQ(s.running, 650u);
}

TEST(CpuTime, ARestCountsWhileItLastsAndOnce)
{
	cpu_time t = {};
	cpu_time_start(&t, 1000);
	ASSERT_TRUE(cpu_time_rest(&t, 1500));
	EXPECT_FALSE(cpu_time_rest(&t, 1600)); // paused while halted
	EXPECT_EQ(cpu_time_get(&t, 2000).halted, 500u);
	cpu_time_go(&t, 2100);
	EXPECT_EQ(cpu_time_get(&t, 3000).halted, 600u);
	EXPECT_EQ(cpu_time_get(&t, 3000).running, 1400u);
}

TEST(CpuTime, NothingBeforeTheStartAndNothingAfterTheEnd)
{
	cpu_time t = {};
	EXPECT_EQ(cpu_time_get(&t, 500).running, 0u);
	cpu_time_start(&t, 1000);
	cpu_time_end(&t, 1200);
	EXPECT_EQ(cpu_time_get(&t, 9000).running, 200u);
}

TEST(CpuTime, AReaderNeverSeesHaltedTimeShrink)
{
	cpu_time t = {};
	std::atomic<bool> over{false};
	std::atomic<uint64_t> clock{1};
	cpu_time_start(&t, 1);
	std::thread vcpu([&] {
		for (int i = 0; i < 200000; i++) {
			cpu_time_rest(&t, clock += 3);
			cpu_time_go(&t, clock += 5);
		}
		over = true;
	});
	uint64_t last = 0, shrunk = 0;
	while (!over) {
		uint64_t halted = cpu_time_get(&t, clock).halted;
		// the clock was read before the rest was: it may lag by what passed meanwhile, never by a whole rest
		shrunk += halted + 8 < last;
		last = halted > last ? halted : last;
	}
	vcpu.join();
	EXPECT_EQ(shrunk, 0u);
	EXPECT_EQ(cpu_time_get(&t, clock).halted, 200000u * 5);
}

} // namespace
