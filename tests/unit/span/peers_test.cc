// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

extern "C" {
#include "vmm/span/peers.h"
}

namespace
{

constexpr uint64_t kMs = 1000000;

class Peers : public ::testing::Test
{
      protected:
	void Start(host_id self, uint64_t own_tsc)
	{
		desc.hosts_n = 3;
		for (auto &h : desc.hosts)
			strcpy(h.address, &h < desc.hosts + 3 ? "a" : "");
		desc.peer_timeout_ms = 1000;
		peers_init(&p, &desc, self, own_tsc, 2000000);
	}
	void Tick(uint64_t now)
	{
		peers_tick(&p, now, &ping, &lost);
	}
	/* An exchange with host 0, whose counter is ahead of ours by lead, with a symmetric round trip. */
	void Exchange(uint64_t own, int64_t lead, uint64_t rtt, uint64_t now, uint64_t khz = 2000000)
	{
		msg_pong m = {};
		m.t_sent = peers_clock(&p, own);
		m.t_received = m.t_answered = own + (uint64_t)lead + rtt / 2;
		m.tsc_khz = khz;
		p.v[0].ping_out = true;
		peers_on_pong(&p, 0, &m, own + rtt, now);
	}
	machine_desc desc = {};
	peers p;
	host_set ping = 0, lost = 0;
};

TEST_F(Peers, TheGuestsFrequencyIsHostZerosOnEveryHost)
{
	Start(0, 5);
	EXPECT_EQ(peers_guest_khz(&p), 2000000u);
	EXPECT_TRUE(peers_same_rate(&p));
	Start(1, 5);
	Exchange(1000, 0, 10, kMs, 2003000); // the same, measured a little differently
	EXPECT_EQ(peers_guest_khz(&p), 2003000u);
	EXPECT_TRUE(peers_same_rate(&p));
	Exchange(2000, 0, 10, 2 * kMs, 2600000);
	EXPECT_FALSE(peers_same_rate(&p));
	Exchange(3000, 0, 10, 3 * kMs, 0); // nonsense from the network
	EXPECT_FALSE(peers_same_rate(&p));
}

// Who joins measures against the host that has the board then, which shows the guest's clock and not its own.
TEST_F(Peers, TheGuestsClockOutlivesTheHostThatItBeganOn)
{
	Start(1, 5);
	Exchange(1000, 700, 0, kMs, 2003000);
	peers_settle(&p);
	Exchange(2000, 900, 0, 2 * kMs, 2009000); // what is measured later changes nothing
	peers_forget(&p, 0);
	EXPECT_TRUE(peers_clock_ready(&p));
	EXPECT_EQ(700, peers_tsc_offset(&p));
	EXPECT_EQ(2003000u, peers_guest_khz(&p));
	EXPECT_EQ(5700u, peers_shown_clock(&p, 5000));
	EXPECT_EQ(2003000u, peers_shown_khz(&p));
	EXPECT_EQ(5000u, peers_clock(&p, 5000)) << "its own";

	desc.version = 4;
	desc.board = 1;
	Start(0, 77); // another host has the place of the first
	EXPECT_FALSE(peers_clock_ready(&p));
	for (unsigned i = 0; i < PEERS_CLOCK_SAMPLES; i++) {
		msg_pong m = {};
		m.t_sent = peers_clock(&p, 1000 * i);
		m.t_received = m.t_answered = 1000 * i + 4321;
		m.tsc_khz = 2003000;
		p.v[1].ping_out = true;
		peers_on_pong(&p, 1, &m, 1000 * i, kMs * i);
	}
	EXPECT_TRUE(peers_clock_ready(&p));
	EXPECT_EQ(4321, peers_tsc_offset(&p));
	EXPECT_EQ(2003000u, peers_guest_khz(&p));
}

TEST_F(Peers, SilentPeerIsLostAfterTheTimeout)
{
	Start(0, 5);
	peers_up(&p, 1, 0);
	peers_up(&p, 2, 0);
	for (uint64_t t = 0; t <= 1000; t += 100) {
		peers_heard(&p, 2, t * kMs);
		Tick(t * kMs);
		EXPECT_EQ(lost, 0u) << t;
	}
	peers_heard(&p, 2, 1100 * kMs);
	Tick(1101 * kMs);
	EXPECT_EQ(lost, host_bit(1));
}

TEST_F(Peers, PingsEveryFifthOfTheTimeout)
{
	Start(1, 5);
	peers_up(&p, 2, 0);
	Tick(0);
	EXPECT_EQ(ping, host_bit(2));
	Tick(100 * kMs);
	EXPECT_EQ(ping, 0u);
	EXPECT_EQ(peers_deadline(&p), 200 * kMs);
	Tick(200 * kMs);
	EXPECT_EQ(ping, host_bit(2));
}

TEST_F(Peers, OwnPauseIsNotTheOthersFault)
{
	Start(0, 5);
	peers_up(&p, 1, 0);
	Tick(10 * kMs);
	Tick(5000 * kMs); // this host was stopped for five seconds
	EXPECT_EQ(lost, 0u);
	for (uint64_t t = 5100; t <= 6000; t += 100)
		Tick(t * kMs);
	Tick(6101 * kMs);
	EXPECT_EQ(lost, host_bit(1));
}

TEST_F(Peers, HostZeroCountsFromItsStart)
{
	Start(0, 123456);
	EXPECT_TRUE(peers_clock_ready(&p));
	EXPECT_EQ(peers_clock(&p, 123456 + 77), 77u);
	EXPECT_EQ(peers_tsc_offset(&p), -123456);
}

TEST_F(Peers, OffsetComesFromTheShortestExchange)
{
	Start(1, 1000);
	const int64_t lead = -900000;
	for (unsigned i = 0; i < PEERS_CLOCK_SAMPLES; i++) {
		EXPECT_FALSE(peers_clock_ready(&p));
		Exchange(1000000 + i * 10000, lead, i == 7 ? 100 : 5000 + i, i * kMs);
	}
	EXPECT_TRUE(peers_clock_ready(&p));
	EXPECT_EQ(peers_tsc_offset(&p), lead);
	EXPECT_GE(peers_clock_bound(&p), 50u);
	EXPECT_LE(peers_clock_bound(&p), 1000u);
}

TEST_F(Peers, SkewKnobDoesNotChangeWhatTheGuestSees)
{
	desc.tsc_skew = 1 << 30;
	Start(1, 1000);
	/* Host 0 sees our counter skewed; the measured offset takes the skew out again. */
	for (unsigned i = 0; i < PEERS_CLOCK_SAMPLES; i++)
		Exchange(1000000 + i * 1000, 500, 100, i * kMs);
	EXPECT_EQ(peers_tsc_offset(&p), 500);
}

TEST_F(Peers, PongWithoutPingIsIgnored)
{
	Start(1, 1000);
	msg_pong m = {};
	m.t_received = m.t_answered = 1u << 30;
	peers_on_pong(&p, 0, &m, 2000, 0);
	EXPECT_EQ(p.v[0].pongs, 0u);
}

/* One that joins is pinged as others are, and nobody waits for it; one that has left is as if it had never been. */
TEST_F(Peers, WhoJoinsIsNoMemberYetAndWhoHasLeftIsNoneAnyMore)
{
	Start(0, 5);
	desc.nodes_n = 4;
	peers_init(&p, &desc, 0, 5, 2000000);
	peers_up(&p, 1, 0);
	EXPECT_FALSE(peers_all_up(&p));
	peers_up(&p, 2, 0);
	EXPECT_TRUE(peers_all_up(&p));
	EXPECT_FALSE(peers_all_heard(&p));
	peers_heard(&p, 1, kMs);
	peers_heard(&p, 2, kMs);
	EXPECT_TRUE(peers_all_heard(&p));
	peers_up(&p, 3, kMs);
	EXPECT_TRUE(peers_all_heard(&p)) << "it is no member";
	Tick(kMs);
	EXPECT_TRUE(ping & 1u << 3);
	EXPECT_EQ(0x7u, p.counted) << "nor is its loss the guest's";
	peers_member(&p, 3, true);
	peers_count(&p, 3, true);
	EXPECT_FALSE(peers_all_heard(&p));
	EXPECT_EQ(0xfu, p.counted);
	peers_member(&p, 1, false);
	peers_count(&p, 1, false);
	peers_forget(&p, 1);
	peers_heard(&p, 3, kMs);
	EXPECT_TRUE(peers_all_heard(&p)) << "there is a gap at 1";
	EXPECT_EQ(0xdu, p.counted);
	EXPECT_FALSE(p.v[1].up);
}

} // namespace
