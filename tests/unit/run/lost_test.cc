// SPDX-License-Identifier: Apache-2.0
// The three ways by which a host is known to be lost, and their one answer.
#include "tests/unit/run/acted_run.h"

namespace
{

struct Lost : ActedRun {
	void SetUp() override
	{
		ActedRun::SetUp();
		Enter(PHASE_RUNS);
	}
	void Ping(unsigned host)
	{
		struct msg m = {};
		m.kind = MSG_PING;
		link_send(hosts[host].link, 0, &m);
		link_flush(hosts[host].link);
	}
};

} // namespace

TEST_F(Lost, ASessionThatEndsEndsTheGuestOnTheOthers)
{
	std::string said = Said([&] {
		run_host_gone(r.get(), 1, "closed the connection");
		turns();
	});
	EXPECT_EQ("pando: lost host 1 at 10.0.0.2:4000: closed the connection\n", said);
	EXPECT_EQ(RUN_HOST_LOST, r->exit_status);
	EXPECT_EQ(OPS_LOST_HOST, ops_reason(r->ops));
	EXPECT_EQ(Words({"quit"}), hosts[0].verbs);
	EXPECT_EQ(Words(), hosts[1].verbs) << "there is nobody to tell";
	EXPECT_EQ(PHASE_OVER, r->phase);
}

TEST_F(Lost, AHostThatLostAnotherSaysSo)
{
	std::string said = Said([&] { Tell(0, "HOST_LOST", R"({"host": 1, "reason": "silent for too long"})"); });
	EXPECT_EQ("pando: host 0 has lost host 1 at 10.0.0.2:4000: silent for too long\n", said);
	EXPECT_EQ(RUN_HOST_LOST, r->exit_status);
	EXPECT_EQ(Words({"quit"}), hosts[0].verbs);
	EXPECT_EQ(Words({"quit"}), hosts[1].verbs) << "it may only be cut off from the other one";
}

TEST_F(Lost, ASilentHostIsLostAndOneThatPingsIsNot)
{
	r->desc.peer_timeout_ms = 100;
	run_alive_begin(r.get());
	std::string said = Said([&] {
		Until([&] {
			Ping(0);
			return r->phase != PHASE_RUNS;
		});
		turns();
	});
	EXPECT_EQ("pando: lost host 1 at 10.0.0.2:4000: silent for too long\n", said);
	EXPECT_EQ(RUN_HOST_LOST, r->exit_status);
	EXPECT_GT(hosts[0].pongs, 0u) << "it hears that we are here";
	EXPECT_FALSE(r->up & host_bit(1));
}

TEST_F(Lost, AtTheEndOfAGuestHostsLeaveAndNobodyIsLost)
{
	hosts[0].mute = "quit";
	run_end(r.get(), RUN_POWEROFF);
	EXPECT_EQ("", Said([&] {
			  run_host_gone(r.get(), 1, "closed the connection");
			  Tell(0, "HOST_LOST", R"({"host": 1, "reason": "closed the connection"})");
		  }));
	EXPECT_EQ(RUN_POWEROFF, r->exit_status);
	EXPECT_EQ(PHASE_QUIT, r->phase);
	run_host_gone(r.get(), 0, "closed the connection");
	EXPECT_EQ(PHASE_OVER, r->phase) << "who has gone has stopped";
}

/* What waited for that host fails as a part of the loss, and does not end the guest for a reason of its own. */
TEST_F(Lost, TheLossIsToldBeforeTheCallsThatItFails)
{
	hosts[1].mute = "create";
	std::string said = Said([&] {
		Enter(PHASE_CREATE);
		turns();
		run_host_gone(r.get(), 1, "closed the connection");
	});
	EXPECT_EQ("pando: lost host 1 at 10.0.0.2:4000: closed the connection\n", said);
	EXPECT_EQ(RUN_HOST_LOST, r->exit_status);
}

TEST_F(Lost, ALossThatCannotBeIsNotBelieved)
{
	for (const char *data :
	     {R"({"host": 2, "reason": "x"})", R"({"host": -1, "reason": "x"})", R"({"host": 0, "reason": "x"})",
	      R"({"host": "1", "reason": "x"})", R"({"host": 1, "reason": 5})", R"({"host": 1})", "{}"})
		Tell(0, "HOST_LOST", data);
	EXPECT_EQ(PHASE_RUNS, r->phase);
}
