// SPDX-License-Identifier: Apache-2.0
// Reset, the run side.
#include "tests/unit/run/acted_hosts.h"

namespace
{

struct Reset : Verbs {
};

struct ResetAndMoves : VerbsAndMoves {
};

TEST_F(Reset, ResetOfARunningAndOfAStoppedMachine)
{
	ops_started(v);
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns();
	EXPECT_EQ((Said{"RESET", "done"}), said);
	EXPECT_EQ((Said{"pause{}", "freeze{}", "reset{}", "clock{}", "resume{\"not_before\":0,\"held\":0}"}),
		  hosts[1].verbs);
	EXPECT_EQ(OPS_RESTARTED, ops_reason(v));
	said.clear();
	stop();
	turns();
	hosts[0].verbs.clear();
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"STOP", "done", "RESET", "done"}), said);
	EXPECT_EQ((Said{"reset{}"}), hosts[0].verbs);
	EXPECT_EQ(OPS_PAUSED, ops_state(v));
}

/* Cards of the others write into memory until they are reset: the kernel is not loaded before. */
TEST_F(Reset, TheFirstHostIsResetWhenAllOthersAre)
{
	ops_started(v);
	hosts[1].mute = "reset";
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ("reset{}", hosts[1].verbs.back());
	EXPECT_EQ("freeze{}", hosts[0].verbs.back());
	answer(hosts[1], hosts[1].kept, CALL_JSON, "{}");
	turns();
	EXPECT_EQ((Said{"RESET", "done"}), said);
	EXPECT_EQ((Said{"pause{}", "freeze{}", "reset{}", "clock{}", "resume{\"not_before\":0,\"held\":0}"}),
		  hosts[0].verbs);
	EXPECT_EQ(2, std::count(all.begin(), all.end(), "reset"));
}

TEST_F(Reset, AMachineOfOneHostIsResetThere)
{
	desc.hosts_n = 1;
	ops_started(v);
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"RESET", "done"}), said);
	EXPECT_EQ(1, std::count(all.begin(), all.end(), "reset"));
	EXPECT_EQ(Said{}, hosts[1].verbs);
}

/* Part of the machine is reset and part is not, and nobody can say which: that is its end. */
TEST_F(Reset, AResetThatOneHostRefusesEndsTheGuest)
{
	ops_started(v);
	hosts[1].refuse = "reset";
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not", "end: the guest could not be reset: host 1: it will not"}), said);
	EXPECT_EQ("freeze{}", hosts[0].verbs.back()); // it stays where it is
	said.clear();
	hosts[1].refuse.clear();
	hosts[0].refuse = "reset"; // the others are reset already
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 0: it will not", "end: the guest could not be reset: host 0: it will not"}), said);
	said.clear();
	hosts[0].refuse.clear();
	hosts[1].refuse = "resume"; // reset, but it does not go on
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not", "end: the guest could not be reset: host 1: it will not"}), said);
}

TEST_F(Reset, AResetOfAStoppedMachineThatOneHostRefusesEndsItToo)
{
	ops_started(v);
	stop();
	turns();
	said.clear();
	hosts[0].refuse = "reset";
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 0: it will not", "end: the guest could not be reset: host 0: it will not"}), said);
}

TEST_F(Reset, AResetForWhichAHostDoesNotStopChangesNothing)
{
	ops_started(v);
	hosts[1].refuse = "freeze";
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not"}), said);
	EXPECT_EQ("resume{\"not_before\":0,\"held\":0}", hosts[0].verbs.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Reset, AGuestThatResetsItselfBeforeAllHostsRun)
{
	ops_guest_reset(v, Done, this);
	turns();
	EXPECT_EQ(Said{}, said);
	ops_started(v);
	turns();
	EXPECT_EQ((Said{"RESET", "done"}), said);
}

TEST_F(Reset, ResetsThatSeveralHostsReportAtOnceAreOne)
{
	ops_started(v);
	stop();
	for (int i = 0; i < 3; i++) // before it has its turn
		EXPECT_EQ(i == 0, ops_guest_reset(v, nullptr, this));
	turns();
	EXPECT_EQ((Said{"STOP", "done", "RESET"}), said);
	cont();
	turns();
	said.clear();
	hosts[1].mute = "pause";
	ops_guest_reset(v, nullptr, this);
	turns();
	ops_guest_reset(v, nullptr, this); // while vCPUs leave the guest
	hosts[1].mute = "";
	answer(hosts[1], hosts[1].kept, CALL_JSON, "{}");
	turns();
	EXPECT_EQ((Said{"RESET"}), said);
	said.clear();
	/* One that comes when the machine has been reset is another one. */
	hosts[1].mute = "resume";
	ops_guest_reset(v, nullptr, this);
	turns();
	ops_guest_reset(v, nullptr, this);
	hosts[1].mute = "";
	answer(hosts[1], hosts[1].kept, CALL_JSON, "{}");
	turns();
	EXPECT_EQ((Said{"RESET", "RESET"}), said);
}

TEST_F(ResetAndMoves, ForAResetTheFirstVcpuComesHomeBeforeThoseThatWait)
{
	ASSERT_EQ(0, move(0, 1));
	turns();
	ASSERT_EQ((Said{"0>1"}), moved);
	all.clear();
	ASSERT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(2);
	ASSERT_EQ(0, move(1, 0));
	turns(200);
	EXPECT_EQ((Said{"RESET", "done"}), said);
	EXPECT_EQ((Said{"0>1", "1>0"}), moved);
	EXPECT_EQ(0, mover_host(m, 0));
	EXPECT_LT(at("pause"), at("move-prepare"));
	EXPECT_LT(at("move-commit"), at("reset"));
	EXPECT_LT(at("reset"), at("moved")); // the one that waited
}

/* Nothing was reset yet: the guest goes on, and the first vCPU is where it was. */
TEST_F(ResetAndMoves, AResetForWhichTheFirstVcpuDoesNotComeHomeLetsTheGuestGoOn)
{
	ASSERT_EQ(0, move(0, 1));
	turns();
	ASSERT_EQ((Said{"0>1"}), moved);
	all.clear();
	hosts[1].refuse = "move-prepare";
	hosts[0].refuse = "move-prepare";
	ASSERT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(200);
	ASSERT_EQ(1u, said.size());
	EXPECT_EQ(0u, said[0].find("error: ")) << said[0];
	EXPECT_EQ(all.end(), std::find(all.begin(), all.end(), "reset"));
	EXPECT_EQ("resume", all.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

} // namespace
