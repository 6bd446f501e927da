// SPDX-License-Identifier: Apache-2.0
// What hosts tell, and what becomes of the guest.
#include "tests/unit/run/acted_run.h"

namespace
{

struct RunEvents : ActedRun {
	void SetUp() override
	{
		ActedRun::SetUp();
		Enter(PHASE_RUNS);
	}
};

} // namespace

TEST_F(RunEvents, EachEndHasItsSentenceAndStatus)
{
	const struct {
		const char *event, *said;
		int status;
	} ends[] = {
		{"POWEROFF", "", RUN_POWEROFF},
		{"CRASHED", "pando: the guest died: so it goes\n", RUN_CRASHED},
		{"FAILED", "pando: host 1 failed: so it goes\n", RUN_FAILED},
		{"BUSY", "pando: host 1 at 10.0.0.2:4000 so it goes\n", RUN_FAILED},
	};
	for (auto &e : ends) {
		r->phase = PHASE_RUNS;
		EXPECT_EQ(e.said, Said([&] { Tell(1, e.event, R"({"text": "so it goes"})"); })) << e.event;
		EXPECT_EQ(e.status, r->exit_status) << e.event;
		EXPECT_EQ(PHASE_OVER, r->phase) << e.event;
	}
}

TEST_F(RunEvents, AFailureWithoutAReasonIsOneToo)
{
	EXPECT_EQ("pando: host 0 failed: it did not say why\n", Said([&] { Tell(0, "FAILED", R"({"text": 5})"); }));
}

TEST_F(RunEvents, AGuestThatWasOverAtOnceIsTimedFromItsStart)
{
	opt.quiet = false;
	r->running_ns = 0;
	r->started_ns = now_ns();
	std::string said = Said([&] { Tell(0, "POWEROFF", R"({"text": ""})"); });
	EXPECT_EQ(0u, said.find("\rpando: the guest powered off after 0.")) << said;
}

TEST_F(RunEvents, AResetEndsTheGuestWhereNoneIsWanted)
{
	opt.no_reboot = true;
	EXPECT_EQ("pando: the guest reset itself: port 0x64\n",
		  Said([&] { Tell(0, "RESET", R"({"text": "port 0x64"})"); }));
	EXPECT_EQ(RUN_RESET, r->exit_status);
}

TEST_F(RunEvents, AResetStopsAllHostsElse)
{
	hosts[0].mute = hosts[1].mute = "pause";
	Tell(0, "RESET", R"({"text": "port 0x64"})");
	EXPECT_EQ(PHASE_RUNS, r->phase);
	EXPECT_EQ(Words({"pause"}), hosts[0].verbs);
	EXPECT_EQ(Words({"pause"}), hosts[1].verbs);
}

TEST_F(RunEvents, ReadyCountsWhileItIsWaitedForOnly)
{
	r->phase = PHASE_CREATE;
	r->reached = 0;
	Tell(0, "READY", "{}");
	Tell(1, "READY", "{}");
	EXPECT_EQ(PHASE_CREATE, r->phase);
	r->phase = PHASE_SET_UP;
	Tell(0, "READY", "{}");
	EXPECT_EQ(PHASE_SET_UP, r->phase);
	Tell(0, "READY", "{}");
	EXPECT_EQ(PHASE_SET_UP, r->phase) << "twice the same host";
	Tell(1, "READY", "{}");
	EXPECT_EQ(PHASE_IMAGES, r->phase);
}

TEST_F(RunEvents, WhatIsNoEventIsNoNews)
{
	Tell(0, "NONSENSE", "{}");
	EXPECT_EQ(PHASE_RUNS, r->phase);
}
