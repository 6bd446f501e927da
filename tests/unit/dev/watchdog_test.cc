// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

extern "C" {
#include "vmm/dev/device.h"
}

namespace
{

constexpr uint64_t S = 1000000000;

struct Watchdog : testing::Test {
	const struct device_kind *k = device_kind_of(DEVICE_WATCHDOG);
	std::vector<uint64_t> state = std::vector<uint64_t>(8);

	Watchdog()
	{
		device_fx fx = {};
		k->ops->reset(state.data(), 0, 0, &fx);
	}
	void write(unsigned range, uint8_t value, uint64_t now)
	{
		device_access a = {};
		device_fx fx = {};
		a.write = true, a.size = 1, a.range = (uint8_t)range, a.value = value, a.now_ns = now;
		EXPECT_EQ(0, k->ops->access(state.data(), &a, &fx));
	}
	bool bites(uint64_t now)
	{
		device_fx fx = {};
		unsigned rises = 0;
		EXPECT_FALSE(k->ops->run(state.data(), now, &rises, &fx));
		return fx.flags == DEVICE_FX_RESET && fx.why;
	}
	uint64_t due()
	{
		return k->ops->deadline(state.data());
	}
};

TEST_F(Watchdog, SleepsUntilItIsStarted)
{
	EXPECT_EQ(CHIP_NEVER, due());
	EXPECT_FALSE(bites(UINT64_MAX - 1));
}

TEST_F(Watchdog, BitesOnceWhoDoesNotFeedIt)
{
	write(1, 14, 5 * S); // two seconds
	EXPECT_EQ(7 * S, due());
	EXPECT_FALSE(bites(7 * S - 1));
	write(1, 14, 6 * S); // fed
	EXPECT_FALSE(bites(7 * S));
	EXPECT_TRUE(bites(8 * S));
	EXPECT_FALSE(bites(9 * S));
	EXPECT_EQ(CHIP_NEVER, due());
}

TEST_F(Watchdog, KnowsSixteenTimes)
{
	for (unsigned v = 0; v < 256; v++) {
		write(1, (uint8_t)v, S);
		EXPECT_EQ(S + (30 - 2 * (v & 15)) * S, due()) << v;
	}
}

TEST_F(Watchdog, IsStopped)
{
	write(1, 0, 0);
	write(0, 0, 1);
	EXPECT_EQ(CHIP_NEVER, due());
	EXPECT_FALSE(bites(100 * S));
}

} // namespace
