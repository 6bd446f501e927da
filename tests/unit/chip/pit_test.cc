// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

extern "C" {
#include "vmm/chip/pit.h"
}

/* Guest time at which n ticks are over. */
static uint64_t after(uint64_t n)
{
	return (n * 1000000000ull + PIT_HZ - 1) / PIT_HZ;
}

struct Pit : ::testing::Test {
	pit p;
	uint64_t t0 = 0;

	Pit()
	{
		pit_reset(&p, 0);
	}
	void set(unsigned ch, unsigned mode, unsigned count, uint64_t now, bool bcd = false)
	{
		pit_write(&p, 0x43, ch << 6 | 0x30 | mode << 1 | bcd, now);
		pit_write(&p, 0x40 + ch, count & 0xff, now);
		pit_write(&p, 0x40 + ch, count >> 8, now);
	}
	unsigned latched(unsigned ch, uint64_t now)
	{
		pit_write(&p, 0x43, ch << 6, now);
		unsigned low = pit_read(&p, 0x40 + ch, now + 999999);
		return low | pit_read(&p, 0x40 + ch, now + 9999999) << 8;
	}
};

/* Linux's pit_calibrate_tsc(): channel 2, mode 0, polls OUT2 in port 0x61. */
TEST_F(Pit, LinuxCalibrationOnChannel2)
{
	uint64_t now = 123456789;
	pit_write(&p, 0x61, (pit_read(&p, 0x61, now) & ~2) | 1, now);
	set(2, 0, 11931, now);
	uint64_t end = now + after(11931);
	EXPECT_FALSE(pit_read(&p, 0x61, now) & 0x20);
	EXPECT_FALSE(pit_read(&p, 0x61, end - 1) & 0x20);
	EXPECT_TRUE(pit_read(&p, 0x61, end) & 0x20);
	EXPECT_TRUE(pit_read(&p, 0x61, end + (1ull << 40)) & 0x20);
}

/* quick_pit_calibrate(): counts down from 0xffff, reading the high byte unlatched. */
TEST_F(Pit, LinuxQuickCalibration)
{
	uint64_t now = 5000;
	pit_write(&p, 0x61, 1, now);
	pit_write(&p, 0x43, 0xb0, now);
	pit_write(&p, 0x42, 0xff, now);
	pit_write(&p, 0x42, 0xff, now);
	for (unsigned msb = 0xff; msb > 0xf0; msb--) {
		uint64_t t = now + after((0xff - msb) * 256 + 1);
		pit_read(&p, 0x42, t);
		EXPECT_EQ(msb, pit_read(&p, 0x42, t));
	}
}

TEST_F(Pit, PeriodicModes)
{
	for (unsigned mode : {2u, 3u, 6u, 7u}) {
		uint64_t now = 777;
		set(0, mode, 1000, now);
		for (unsigned i = 1; i < 50; i++) {
			uint64_t due = now + after(i * 1000);
			EXPECT_EQ(due, pit_deadline(&p));
			EXPECT_FALSE(pit_take_irq(&p, due - 1));
			EXPECT_TRUE(pit_take_irq(&p, due));
			EXPECT_FALSE(pit_take_irq(&p, due));
		}
		EXPECT_TRUE(pit_take_irq(&p, now + after(100500))); // merged
		EXPECT_EQ(now + after(101000), pit_deadline(&p));
	}
	set(0, 3, 1000, 0);
	EXPECT_TRUE(pit_out(&p, 0, after(499)));
	EXPECT_FALSE(pit_out(&p, 0, after(500)));
	EXPECT_TRUE(pit_out(&p, 0, after(1000)));
	set(0, 2, 1000, 0);
	EXPECT_TRUE(pit_out(&p, 0, after(998)));
	EXPECT_FALSE(pit_out(&p, 0, after(999)));
	EXPECT_EQ(1000u, latched(0, 0));
	EXPECT_EQ(1u, latched(0, after(999)));
	EXPECT_EQ(1000u, latched(0, after(1000)));
}

TEST_F(Pit, OneShotModes)
{
	for (unsigned mode : {0u, 4u}) {
		set(0, mode, 40000, 10);
		uint64_t due = 10 + after(40000 + (mode == 4));
		EXPECT_EQ(due, pit_deadline(&p));
		EXPECT_TRUE(pit_take_irq(&p, due));
		EXPECT_EQ(CHIP_NEVER, pit_deadline(&p));
		EXPECT_FALSE(pit_take_irq(&p, due * 5));
	}
	set(0, 0, 0, 0); // 65536
	EXPECT_EQ(after(65536), pit_deadline(&p));
	EXPECT_EQ(0xffffu, latched(0, after(1)));
	for (unsigned mode : {1u, 5u}) { // wait for a gate that never comes
		set(0, mode, 100, 0);
		EXPECT_EQ(CHIP_NEVER, pit_deadline(&p));
		EXPECT_TRUE(pit_out(&p, 0, 1 << 30));
	}
}

TEST_F(Pit, FastInterruptsAreBounded)
{
	set(0, 2, 2, 1000);
	EXPECT_EQ(1000 + PIT_IRQ_NS_MIN, pit_deadline(&p));
	EXPECT_TRUE(pit_take_irq(&p, 1000 + PIT_IRQ_NS_MIN));
	EXPECT_GE(pit_deadline(&p), 1000 + 2 * PIT_IRQ_NS_MIN);
}

TEST_F(Pit, GateStopsAndGoesOn)
{
	set(2, 0, 1000, 0); // gate is closed at reset
	EXPECT_EQ(1000u, latched(2, after(500)));
	pit_write(&p, 0x61, 1, after(500));
	EXPECT_EQ(900u, latched(2, after(600)));
	pit_write(&p, 0x61, 0, after(600));
	EXPECT_NEAR(900, latched(2, after(5000)), 1);
	pit_write(&p, 0x61, 1, after(5000));
	EXPECT_NEAR(800, latched(2, after(5100)), 2);
	set(2, 1, 100, 0); // one-shot by the gate
	pit_write(&p, 0x61, 0, 0);
	EXPECT_TRUE(pit_out(&p, 2, 0));
	pit_write(&p, 0x61, 1, 0);
	EXPECT_FALSE(pit_out(&p, 2, after(99)));
	EXPECT_TRUE(pit_out(&p, 2, after(100)));
}

TEST_F(Pit, ReadBackAndAccessModes)
{
	set(0, 2, 0x1234, 0);
	pit_write(&p, 0x43, 0xc2, 0);           // latch count and status of channel 0
	pit_write(&p, 0x43, 0xc2, after(50));   // a second latch changes nothing
	EXPECT_EQ(0xb4, pit_read(&p, 0x40, 0)); // OUT, both bytes, mode 2
	EXPECT_EQ(0x34, pit_read(&p, 0x40, 0));
	EXPECT_EQ(0x12, pit_read(&p, 0x40, 0));
	pit_write(&p, 0x43, 0x14, 0); // low byte only
	pit_write(&p, 0x43, 0xe2, 0);
	EXPECT_EQ(0x40, pit_read(&p, 0x40, 0) & 0x40); // null count
	pit_write(&p, 0x40, 0x80, 0);
	EXPECT_EQ(after(0x80), pit_deadline(&p));
	pit_write(&p, 0x43, 0x24, 0); // high byte only
	pit_write(&p, 0x40, 0x80, 0);
	EXPECT_EQ(after(0x8000), pit_deadline(&p));
	EXPECT_EQ(0x80, pit_read(&p, 0x40, 0));
	EXPECT_EQ(0xff, pit_read(&p, 0x43, 0));
}

TEST_F(Pit, DecimalCounting)
{
	set(0, 0, 0x1000, 0, true);
	EXPECT_EQ(0x0999u, latched(0, after(1)));
	EXPECT_EQ(after(1000), pit_deadline(&p));
	set(0, 0, 0, 0, true);
	EXPECT_EQ(after(10000), pit_deadline(&p));
}

TEST_F(Pit, RefreshToggles)
{
	unsigned changes = 0, last = 0;
	for (uint64_t t = 0; t < 1510000; t += 1000) {
		unsigned bit = pit_read(&p, 0x61, t) & 0x10;
		changes += bit != last;
		last = bit;
	}
	EXPECT_NEAR(100, changes, 1);
}

TEST_F(Pit, RandomUseNeverHurts)
{
	std::mt19937_64 rng(5);
	uint64_t now = 0;
	for (int i = 0; i < 300000; i++) {
		now += rng() >> (24 + rng() % 40);
		uint16_t port = rng() % 5 == 4 ? 0x61 : 0x40 + rng() % 4;
		pit_write(&p, port, rng(), now);
		pit_read(&p, port, now);
		pit_take_irq(&p, now);
		ASSERT_GT(pit_deadline(&p), now);
	}
	set(0, 2, 3, UINT64_MAX - 1);
	EXPECT_EQ(CHIP_NEVER, pit_deadline(&p));
}
