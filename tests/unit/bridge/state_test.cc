// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "vmm/bridge/state.h"
}

TEST(BridgeState, EveryPhaseHasAStateAndWords)
{
	for (int p = 0; p < BRIDGE_PHASES; p++) {
		bridge_status s = bridge_status_of((bridge_phase)p);
		EXPECT_NE(s.state, BRIDGE_NOSTATE) << p;
		EXPECT_STRNE(bridge_state_name(s.state), "unknown") << p;
		if (s.reason != BRIDGE_REASON_UNKNOWN) {
			EXPECT_STRNE(bridge_reason_name(s.state, s.reason), "unknown") << p;
		}
	}
	EXPECT_STREQ(bridge_state_name(77), "unknown");
	EXPECT_STREQ(bridge_reason_name(BRIDGE_RUNNING, 77), "unknown");
}

TEST(BridgeState, NumbersAreLibvirts)
{
	EXPECT_EQ(bridge_status_of(BRIDGE_PHASE_RUNNING).state, 1);
	EXPECT_EQ(bridge_status_of(BRIDGE_PHASE_RUNNING).reason, 1);
	EXPECT_EQ(bridge_status_of(BRIDGE_PHASE_PAUSED).state, 3);
	EXPECT_EQ(bridge_status_of(BRIDGE_PHASE_OFF).state, 5);
	EXPECT_EQ(bridge_status_of(BRIDGE_PHASE_PANICKED).state, 6);
}
