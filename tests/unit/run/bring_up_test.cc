// SPDX-License-Identifier: Apache-2.0
// The phases from the boot images to the exit, against hosts that do them, fail and say nothing.
#include "tests/unit/run/acted_run.h"

namespace
{
using BringUp = ActedRun;
} // namespace

TEST_F(BringUp, EachStepIsAVerbOfAllHosts)
{
	Enter(PHASE_PEERS);
	Until([&] { return r->phase == PHASE_RUNS; });
	for (auto &h : hosts)
		EXPECT_EQ(Words({"connect", "create", "run"}), h.verbs);
	EXPECT_EQ(1u, ran);
	EXPECT_EQ(OPS_RUNNING, ops_state(r->ops));
	EXPECT_FALSE(loop_timer_armed(&r->deadline)) << "a guest may run for years";
	run_end(r.get(), RUN_POWEROFF);
	Until([&] { return r->phase == PHASE_OVER; });
	EXPECT_EQ("quit", hosts[1].verbs.back());
	EXPECT_EQ(RUN_POWEROFF, r->exit_status);
}

TEST_F(BringUp, AHostThatCannotIsNamedWithItsSentence)
{
	hosts[1].refuse = "create";
	std::string said = Said([&] {
		Enter(PHASE_PEERS);
		Until([&] { return r->phase == PHASE_OVER; });
	});
	EXPECT_EQ("pando: host 1 failed: it will not\n", said);
	EXPECT_EQ(RUN_FAILED, r->exit_status);
	for (auto &h : hosts)
		EXPECT_EQ(Words({"connect", "create", "quit"}), h.verbs);
}

TEST_F(BringUp, AHostThatIsLateIsNamed)
{
	opt.start_timeout_ms = 50;
	hosts[1].mute = "connect";
	std::string said = Said([&] {
		Enter(PHASE_PEERS);
		Until([&] { return r->phase == PHASE_OVER; });
	});
	EXPECT_EQ("pando: host 1 at 10.0.0.2:4000 did not connect to the others in time\n", said);
}

TEST_F(BringUp, SoIsOneThatIsNotReadyInTime)
{
	opt.start_timeout_ms = 50;
	r->offers[0] = r->offers[1] = {1, 2u << 20, 40};
	opt.wish.vcpus = 2;
	opt.wish.memory_bytes = 4u << 20;
	std::string said = Said([&] {
		run_status_start(&r->status, &r->calls, &r->desc);
		Enter(PHASE_SET_UP);
		EXPECT_EQ(PHASE_SET_UP, r->phase);
		Tell(0, "READY", "{}");
		Until([&] { return r->phase == PHASE_OVER; });
		run_status_stop(&r->status);
	});
	EXPECT_EQ("pando: host 1 at 10.0.0.2:4000 did not set itself up in time\n", said);
}

/* Its call comes back all the same, and must not be taken for the next phase's. */
TEST_F(BringUp, AnAnswerAfterTheEndIsNobodys)
{
	hosts[0].mute = hosts[1].mute = "connect";
	std::string said = Said([&] {
		Enter(PHASE_PEERS);
		turns();
		run_fail(r.get(), RUN_INTERRUPTED, "interrupted");
		run_fail(r.get(), RUN_FAILED, "and this is no news");
		Until([&] { return r->phase == PHASE_OVER; });
		calls_cancel(&r->calls, "end");
	});
	EXPECT_EQ("pando: interrupted\n", said);
	EXPECT_EQ(RUN_INTERRUPTED, r->exit_status);
	EXPECT_EQ(PHASE_OVER, r->phase);
}

TEST_F(BringUp, AHostThatDoesNotStopIsLeftToItself)
{
	Enter(PHASE_RUNS);
	hosts[0].mute = "quit";
	run_end(r.get(), RUN_POWEROFF);
	turns();
	EXPECT_EQ(PHASE_QUIT, r->phase);
	run_happens(r.get(), RUN_EV_HURRY);
	EXPECT_EQ(PHASE_OVER, r->phase);
	EXPECT_EQ(RUN_POWEROFF, r->exit_status);
}

TEST_F(BringUp, WhenNoHostIsLeftThereIsNobodyToAsk)
{
	Enter(PHASE_RUNS);
	r->up = 0;
	run_end(r.get(), RUN_FAILED);
	EXPECT_EQ(PHASE_OVER, r->phase);
}
