// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "vmm/run/run_phase.h"
}

namespace
{

struct Turn {
	run_turn turn;
	run_phase next;
	std::string why;
};

Turn Of(unsigned p, unsigned e)
{
	char why[256] = "";
	run_phase next = RUN_PHASES;
	run_turn t = run_phase_turn((run_phase)p, (run_event)e, &next, why, sizeof(why));
	return {t, next, why};
}

} // namespace

TEST(RunPhase, EveryPairIsAMoveNoNewsOrRefusedWithASentence)
{
	for (unsigned p = 0; p < RUN_PHASES; p++)
		for (unsigned e = 0; e < RUN_EVENTS; e++) {
			Turn t = Of(p, e);
			SCOPED_TRACE(std::to_string(p) + ", " + std::to_string(e));
			EXPECT_EQ(t.turn == RUN_MOVES, t.next != RUN_PHASES);
			EXPECT_TRUE(t.turn != RUN_MOVES || t.next > p) << "nothing goes back";
			EXPECT_EQ(t.turn == RUN_REFUSES, !t.why.empty());
		}
	EXPECT_EQ("'done' came in the phase 'runs', which nothing but 'end' and 'hurry' ends",
		  Of(PHASE_RUNS, RUN_EV_DONE).why);
	EXPECT_EQ(RUN_REFUSES, Of(RUN_PHASES, RUN_EV_END).turn);
	EXPECT_EQ(RUN_REFUSES, Of(PHASE_RUNS, RUN_EVENTS).turn);
}

TEST(RunPhase, OnePhaseAfterTheOtherUntilTheGuestRuns)
{
	for (unsigned p = PHASE_CONNECT; p < PHASE_RUNS; p++)
		EXPECT_EQ(p + 1, Of(p, RUN_EV_DONE).next);
	EXPECT_EQ(RUN_REFUSES, Of(PHASE_RUNS, RUN_EV_LATE).turn) << "a guest may run for years";
}

TEST(RunPhase, AnEndAsksTheHostsToQuitOnce)
{
	for (unsigned p = 0; p < PHASE_QUIT; p++) {
		EXPECT_EQ(PHASE_QUIT, Of(p, RUN_EV_END).next);
		EXPECT_EQ(PHASE_QUIT, Of(p, RUN_EV_HURRY).next);
		if (p != PHASE_RUNS) {
			EXPECT_EQ(PHASE_QUIT, Of(p, RUN_EV_LATE).next);
		}
	}
	for (unsigned p = PHASE_QUIT; p < RUN_PHASES; p++)
		EXPECT_EQ(RUN_STAYS, Of(p, RUN_EV_END).turn);
}

TEST(RunPhase, AHostThatDoesNotStopHoldsUpNobody)
{
	EXPECT_EQ(PHASE_SAVE, Of(PHASE_QUIT, RUN_EV_DONE).next);
	EXPECT_EQ(PHASE_OVER, Of(PHASE_SAVE, RUN_EV_DONE).next);
	for (unsigned p : {PHASE_QUIT, PHASE_SAVE})
		for (unsigned e : {RUN_EV_LATE, RUN_EV_HURRY})
			EXPECT_EQ(PHASE_OVER, Of(p, e).next);
	for (unsigned e = 0; e < RUN_EVENTS; e++)
		EXPECT_EQ(RUN_STAYS, Of(PHASE_OVER, e).turn);
}

TEST(RunPhase, EachHasAName)
{
	for (unsigned p = 0; p < RUN_PHASES; p++)
		EXPECT_STRNE("none", run_phase_name((run_phase)p));
	EXPECT_STREQ("none", run_phase_name(RUN_PHASES));
}
