// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "net/alive.h"
}

namespace
{
constexpr uint64_t T = 1000; // the time after which silence counts
} // namespace

TEST(Alive, PingsSoOftenThatOneMayBeLost)
{
	struct alive a;
	unsigned pings = 0;
	alive_begin(&a, T, 7);
	for (uint64_t now = 7; now < 7 + T; now = alive_deadline(&a)) {
		EXPECT_EQ(ALIVE_PING, alive_look(&a, now));
		EXPECT_EQ(ALIVE_NOTHING, alive_look(&a, now));
		pings++;
	}
	EXPECT_EQ(ALIVE_PINGS, pings);
}

TEST(Alive, SilentIsWhoSaysNothingForLongerThanTheTime)
{
	struct alive a;
	alive_begin(&a, T, 0);
	for (uint64_t now = 0; now <= 3 * T; now += T / 10) {
		alive_heard(&a, now);
		EXPECT_NE(ALIVE_SILENT, alive_look(&a, now)) << now;
	}
	for (uint64_t now = 3 * T; now <= 4 * T; now += T / 10)
		EXPECT_NE(ALIVE_SILENT, alive_look(&a, now)) << now;
	EXPECT_EQ(ALIVE_SILENT, alive_look(&a, 4 * T + 1));
	EXPECT_EQ(ALIVE_SILENT, alive_look(&a, 4 * T + 2)) << "until something is heard";
	EXPECT_GT(alive_deadline(&a), 4 * T + 2) << "who waits all the same does not spin";
	alive_heard(&a, 4 * T + 3);
	EXPECT_NE(ALIVE_SILENT, alive_look(&a, 4 * T + 3));
}

/* A process that was stopped (SIGSTOP, a suspended laptop) has heard nobody, and it was not their fault. */
TEST(Alive, WhoSleptBlamesNobody)
{
	struct alive a;
	alive_begin(&a, T, 0);
	EXPECT_EQ(ALIVE_PING, alive_look(&a, 0));
	EXPECT_EQ(ALIVE_PING, alive_look(&a, 100 * T));
	for (uint64_t now = 100 * T; now <= 101 * T; now += T / 10)
		EXPECT_NE(ALIVE_SILENT, alive_look(&a, now)) << now;
	EXPECT_EQ(ALIVE_SILENT, alive_look(&a, 101 * T + 1)) << "a fresh period, not more";
}

TEST(Alive, AnEarlierPingMayBeWanted)
{
	struct alive a;
	alive_begin(&a, T, 0);
	alive_look(&a, 0);
	a.next_ping_ns = 3;
	EXPECT_EQ(3u, alive_deadline(&a));
	EXPECT_EQ(ALIVE_NOTHING, alive_look(&a, 2));
	EXPECT_EQ(ALIVE_PING, alive_look(&a, 3));
}
