// SPDX-License-Identifier: Apache-2.0
// Each event in each phase: what it does, or that it is refused with a sentence.
#include <gtest/gtest.h>

#include <string>
#include <vector>

extern "C" {
#include "vmm/host/guest_phase.h"
}

namespace
{

struct Turn {
	guest_turn turn;
	guest_phase next;
	std::string why;
};

Turn Of(unsigned p, unsigned e)
{
	char why[256] = "";
	guest_phase next = GUEST_PHASES;
	guest_turn t = guest_phase_turn((guest_phase)p, (guest_event)e, &next, why, sizeof(why));
	return {t, next, why};
}

std::vector<guest_phase> Moves(guest_event e)
{
	std::vector<guest_phase> all;
	for (unsigned p = 0; p < GUEST_PHASES; p++)
		all.push_back(Of(p, e).turn == GUEST_MOVES ? Of(p, e).next : GUEST_PHASES);
	return all;
}

constexpr guest_phase Not = GUEST_PHASES; // it does not move

} // namespace

TEST(GuestPhase, EveryPairIsAMoveNoNewsOrRefusedWithASentence)
{
	for (unsigned p = 0; p < GUEST_PHASES; p++)
		for (unsigned e = 0; e < GUEST_EVENTS; e++) {
			Turn t = Of(p, e);
			SCOPED_TRACE(std::to_string(p) + ", " + std::to_string(e));
			EXPECT_EQ(t.turn == GUEST_MOVES, t.next != GUEST_PHASES);
			EXPECT_EQ(t.turn == GUEST_REFUSES, !t.why.empty());
			if (t.turn != GUEST_REFUSES)
				continue;
			EXPECT_NE(std::string::npos, t.why.find(guest_event_name((guest_event)e))) << t.why;
			EXPECT_NE(std::string::npos, t.why.find(guest_phase_name((guest_phase)p))) << t.why;
			EXPECT_NE(std::string::npos, t.why.find("expected")) << t.why;
		}
	EXPECT_EQ(GUEST_REFUSES, Of(GUEST_PHASES, GUEST_EV_RUN).turn);
	EXPECT_EQ(GUEST_REFUSES, Of(GUEST_CALLED, GUEST_EVENTS).turn);
}

TEST(GuestPhase, NothingGoesBack)
{
	for (unsigned p = 0; p < GUEST_PHASES; p++)
		for (unsigned e = 0; e < GUEST_EVENTS; e++) {
			Turn t = Of(p, e);
			EXPECT_TRUE(t.turn != GUEST_MOVES || t.next > p) << p << ", " << e;
		}
}

TEST(GuestPhase, ALifeAsItShouldBe)
{
	const struct {
		guest_event e;
		guest_phase p;
	} way[] = {
		{GUEST_EV_SET_UP, GUEST_SETTING_UP},  {GUEST_EV_DONE, GUEST_SET_UP},
		{GUEST_EV_CONNECT, GUEST_CONNECTING}, {GUEST_EV_DONE, GUEST_CONNECTED},
		{GUEST_EV_CREATE, GUEST_CREATING},    {GUEST_EV_DONE, GUEST_CREATED},
		{GUEST_EV_RUN, GUEST_STARTING},       {GUEST_EV_DONE, GUEST_RUNNING},
		{GUEST_EV_DIED, GUEST_ENDED},         {GUEST_EV_QUIT, GUEST_HALTED},
		{GUEST_EV_HUNG_UP, GUEST_OVER},
	};
	guest_phase p = GUEST_CALLED;
	for (auto &s : way) {
		Turn t = Of(p, s.e);
		ASSERT_EQ(GUEST_MOVES, t.turn) << t.why;
		ASSERT_EQ(s.p, t.next);
		p = t.next;
	}
}

TEST(GuestPhase, EachStepHasOnePhaseWhereItMayBegin)
{
	const struct {
		guest_event e;
		guest_phase from;
	} steps[] = {{GUEST_EV_SET_UP, GUEST_CALLED},
		     {GUEST_EV_CONNECT, GUEST_SET_UP},
		     {GUEST_EV_CREATE, GUEST_CONNECTED},
		     {GUEST_EV_RUN, GUEST_CREATED}};
	for (auto &s : steps)
		for (unsigned p = 0; p < GUEST_PHASES; p++)
			EXPECT_EQ(p == s.from ? GUEST_MOVES : GUEST_REFUSES, Of(p, s.e).turn) << p << ", " << s.e;
	EXPECT_EQ("'create' came while the guest is connecting its hosts: expected nothing before that is done, or "
		  "'quit'",
		  Of(GUEST_CONNECTING, GUEST_EV_CREATE).why);
	EXPECT_EQ("'run' came while the guest is set up: expected boot images, then 'connect'",
		  Of(GUEST_SET_UP, GUEST_EV_RUN).why);
}

TEST(GuestPhase, BootImagesComeBetweenSetUpAndConnectAndForTheBoard)
{
	EXPECT_EQ(GUEST_STAYS, Of(GUEST_SET_UP, GUEST_EV_IMAGE).turn);
	EXPECT_EQ(GUEST_STAYS, Of(GUEST_RUNNING, GUEST_EV_IMAGE).turn) << "the board is to come here";
	for (unsigned p : {GUEST_CALLED, GUEST_CONNECTING, GUEST_CREATED})
		EXPECT_EQ(GUEST_REFUSES, Of(p, GUEST_EV_IMAGE).turn);
	EXPECT_EQ(GUEST_STAYS, Of(GUEST_HALTED, GUEST_EV_IMAGE).turn) << "they were on their way when it failed";
}

TEST(GuestPhase, QuitHaltsFromAnywhereAndIsNoNewsTwice)
{
	for (unsigned p = 0; p < GUEST_HALTED; p++)
		EXPECT_EQ(GUEST_HALTED, Of(p, GUEST_EV_QUIT).next) << p;
	for (unsigned p = GUEST_HALTED; p < GUEST_PHASES; p++)
		EXPECT_EQ(GUEST_STAYS, Of(p, GUEST_EV_QUIT).turn) << p;
}

/* Hosts that go at a guest's end are no losses, and what fails then fails nobody. */
TEST(GuestPhase, LossAndFailureHaltWhatHasNotEnded)
{
	const std::vector<guest_phase> failed = {GUEST_HALTED, GUEST_HALTED, GUEST_HALTED, GUEST_HALTED, GUEST_HALTED,
						 GUEST_HALTED, GUEST_HALTED, GUEST_HALTED, GUEST_HALTED, Not,
						 Not,          Not,          Not};
	EXPECT_EQ(failed, Moves(GUEST_EV_FAILED));
	EXPECT_EQ(GUEST_REFUSES, Of(GUEST_CALLED, GUEST_EV_LOST).turn) << "it knows no other host yet";
	for (unsigned p = GUEST_SETTING_UP; p < GUEST_PHASES; p++)
		EXPECT_EQ(p < GUEST_ENDED ? GUEST_MOVES : GUEST_STAYS, Of(p, GUEST_EV_LOST).turn) << p;
}

/* A guest of a few instructions is over before the last of its vCPUs was started. */
TEST(GuestPhase, AGuestMayEndOrResetWhileItIsStarted)
{
	EXPECT_EQ(GUEST_ENDED, Of(GUEST_STARTING, GUEST_EV_DIED).next);
	EXPECT_EQ(GUEST_STAYS, Of(GUEST_STARTING, GUEST_EV_RESET).turn);
	EXPECT_EQ(GUEST_STAYS, Of(GUEST_ENDED, GUEST_EV_DONE).turn);
	for (unsigned p = 0; p < GUEST_STARTING; p++)
		EXPECT_EQ(GUEST_REFUSES, Of(p, GUEST_EV_DIED).turn) << p;
}

TEST(GuestPhase, TheEndOfTheControlSessionIsTheEnd)
{
	for (unsigned p = 0; p < GUEST_OVER; p++)
		EXPECT_EQ(GUEST_OVER, Of(p, GUEST_EV_HUNG_UP).next) << p;
	for (unsigned p = 0; p < GUEST_OVER_FOR_GOOD; p++)
		EXPECT_EQ(GUEST_OVER_FOR_GOOD, Of(p, GUEST_EV_SIGNAL).next) << p;
	EXPECT_EQ(GUEST_STAYS, Of(GUEST_OVER_FOR_GOOD, GUEST_EV_HUNG_UP).turn) << "the host still ends";
}

TEST(GuestPhase, EndedIsFromTheGuestsEndOn)
{
	EXPECT_FALSE(guest_phase_ended(GUEST_RUNNING));
	EXPECT_TRUE(guest_phase_ended(GUEST_ENDED));
	EXPECT_TRUE(guest_phase_ended(GUEST_HALTED));
}
