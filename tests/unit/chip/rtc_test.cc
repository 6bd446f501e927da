// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <ctime>
#include <random>

extern "C" {
#include "vmm/chip/rtc.h"
}

static const uint64_t S = 1000000000ull;

struct Rtc : ::testing::Test {
	rtc r;
	uint64_t now = 0;

	void start(int64_t unix_s)
	{
		rtc_reset(&r, unix_s, now);
	}
	unsigned rd(uint8_t reg)
	{
		rtc_write(&r, 0x70, reg, now);
		return rtc_read(&r, 0x71, now);
	}
	void wr(uint8_t reg, uint8_t v)
	{
		rtc_write(&r, 0x70, reg, now);
		rtc_write(&r, 0x71, v, now);
	}
	unsigned dec(uint8_t reg)
	{
		unsigned v = rd(reg);
		return (v >> 4) * 10 + (v & 15);
	}
	int64_t time()
	{
		struct tm t = {};
		t.tm_sec = dec(0);
		t.tm_min = dec(2);
		t.tm_hour = dec(4);
		t.tm_mday = dec(7);
		t.tm_mon = dec(8) - 1;
		t.tm_year = dec(0x32) * 100 + dec(9) - 1900;
		int64_t u = timegm(&t);
		EXPECT_EQ(t.tm_wday + 1, (int)dec(6));
		return u;
	}
};

TEST_F(Rtc, EveryDateAgreesWithTheLibrary)
{
	for (int64_t u = 0; u < 253402300800ll; u += 86400 * 97 + 3607 * 3 + 61) { // to the year 9999
		start(u);
		ASSERT_EQ(u, time());
	}
	for (int64_t u : {951782399ll, 951782400ll, 951868800ll, 1709164800ll, 4107542399ll, 4107542400ll}) {
		start(u);
		EXPECT_EQ(u, time()); // around 29 February 2000 and 2024, and 1 March 2100
	}
}

TEST_F(Rtc, RunsWithTheGuestClock)
{
	now = 5 * S + 123;
	start(1700000000);
	EXPECT_EQ(1700000000, time());
	now += 86400 * 400 * S;
	EXPECT_EQ(1700000000 + 86400 * 400, time());
}

TEST_F(Rtc, Formats)
{
	start(1700000000); // 2023-11-14 22:13:20
	EXPECT_EQ(0x22u, rd(4));
	wr(11, 0x06);
	EXPECT_EQ(22u, rd(4));
	EXPECT_EQ(13u, rd(2));
	wr(11, 0x04);
	EXPECT_EQ(10u | 0x80, rd(4));
	wr(11, 0x00);
	EXPECT_EQ(0x10u | 0x80, rd(4));
	now += 2 * 3600 * S; // past midnight: 12 AM
	EXPECT_EQ(0x12u, rd(4));
	now += 12 * 3600 * S;
	EXPECT_EQ(0x92u, rd(4));
	EXPECT_EQ(0x80u, rd(13));
}

TEST_F(Rtc, LinuxSetsTheTime)
{
	start(1000000000);
	now = 1234 * S;
	wr(11, 0x82); // SET
	wr(10, 0x76); // divider reset
	const uint8_t v[][2] = {{9, 0x31}, {8, 0x12}, {7, 0x31}, {4, 0x23}, {2, 0x59}, {0, 0x58}, {0x32, 0x20}};
	for (auto &p : v)
		wr(p[0], p[1]);
	now += 10 * S;
	EXPECT_EQ(0x58u, rd(0)); // frozen
	EXPECT_EQ(0u, rd(10) & 0x80);
	wr(11, 0x02);
	wr(10, 0x26);
	EXPECT_EQ(1956527998, time()); // 2031-12-31 23:59:58
	now += 2 * S;
	EXPECT_EQ(1956528000, time());
	wr(2, 0x30); // and one register while it runs
	EXPECT_EQ(1956528000 + 1800, time());
}

TEST_F(Rtc, UpdateInProgressIsShortAndNeverStuck)
{
	start(1700000000);
	unsigned up = 0;
	for (unsigned us = 0; us < 3000000; us += 10) {
		now = us * 1000ull;
		bool uip = rd(10) & 0x80;
		EXPECT_EQ(us % 1000000 >= 999756, uip) << us;
		up += uip;
	}
	EXPECT_GT(up, 60u);
	now = 999900000;
	wr(11, 0x82);
	EXPECT_EQ(0u, rd(10) & 0x80);
}

TEST_F(Rtc, UpdateInterrupt)
{
	start(1700000000);
	EXPECT_EQ(CHIP_NEVER, rtc_deadline(&r));
	wr(11, 0x12);
	EXPECT_EQ(S, rtc_deadline(&r));
	EXPECT_FALSE(rtc_line(&r, now = S - 1));
	EXPECT_TRUE(rtc_line(&r, now = S));
	EXPECT_EQ(CHIP_NEVER, rtc_deadline(&r));
	EXPECT_EQ(0x80u, rd(12) & 0x90 & ~0x10);
	EXPECT_FALSE(rtc_line(&r, now));
	EXPECT_EQ(2 * S, rtc_deadline(&r));
}

TEST_F(Rtc, Alarm)
{
	start(1700000000); // 22:13:20
	wr(5, 0x07);
	wr(3, 0x15);
	wr(1, 0x30);
	wr(11, 0x22);
	uint64_t due = ((7 + 24 - 22) * 3600 + (15 - 13) * 60 + 10) * S;
	EXPECT_EQ(due, rtc_deadline(&r));
	EXPECT_FALSE(rtc_line(&r, due - 1));
	EXPECT_TRUE(rtc_line(&r, now = due));
	EXPECT_EQ(0xa0u, rd(12) & 0xa0);
	EXPECT_EQ(due + 86400 * S, rtc_deadline(&r));
	wr(5, 0xff); // every hour
	EXPECT_EQ(due + 3600 * S, rtc_deadline(&r));
	wr(3, 0xc0);
	EXPECT_EQ(due + 60 * S, rtc_deadline(&r));
	wr(1, 0xc0);
	EXPECT_EQ(due + S, rtc_deadline(&r));
	wr(5, 0x77); // no such hour
	EXPECT_EQ(CHIP_NEVER, rtc_deadline(&r));
	EXPECT_FALSE(rtc_line(&r, due + 86400 * 30 * S));
}

TEST_F(Rtc, Periodic)
{
	start(1700000000);
	wr(11, 0x42);
	uint64_t step = S / 1024;
	for (unsigned i = 1; i < 20; i++) {
		EXPECT_NEAR((double)i * step, (double)rtc_deadline(&r), i + 1);
		now = rtc_deadline(&r);
		EXPECT_TRUE(rtc_line(&r, now));
		EXPECT_EQ(0xc0u, rd(12) & 0xc0);
		EXPECT_FALSE(rtc_line(&r, now));
	}
	wr(10, 0x20);
	EXPECT_EQ(CHIP_NEVER, rtc_deadline(&r));
	const unsigned hz[16] = {0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2};
	for (unsigned rate = 1; rate < 16; rate++) {
		start(1700000000);
		now = 0;
		r.seen_ns = 0;
		wr(11, 0x42);
		wr(10, 0x20 | rate);
		EXPECT_EQ((S + hz[rate] - 1) / hz[rate], rtc_deadline(&r)) << rate;
	}
}

TEST_F(Rtc, CmosRamHoldsAndRandomUseNeverHurts)
{
	start(1700000000);
	for (unsigned i = 14; i < 128; i++)
		if (i != 0x32)
			wr(i, i * 3);
	for (unsigned i = 14; i < 128; i++) {
		if (i != 0x32) {
			EXPECT_EQ((uint8_t)(i * 3), rd(i));
		}
	}
	EXPECT_EQ(0xff, rtc_read(&r, 0x70, now));
	std::mt19937_64 rng(9);
	for (int i = 0; i < 300000; i++) {
		now += rng() >> (30 + rng() % 34);
		wr(rng() % 5 ? rng() % 14 : rng(), rng());
		rd(rng());
		if (!rtc_line(&r, now)) {
			ASSERT_GT(rtc_deadline(&r), now);
		}
	}
}
