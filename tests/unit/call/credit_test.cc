// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/call/credit.h"
}

TEST(Credit, NothingBeforeTheFirstGrant)
{
	struct credit c = {};

	EXPECT_EQ(credit_left(&c), 0u);
	EXPECT_TRUE(credit_grant(&c, 4096));
	EXPECT_EQ(credit_left(&c), 4096u);
}

TEST(Credit, TotalsAreToldTwiceWithoutHarm)
{
	struct credit c = {};

	EXPECT_TRUE(credit_grant(&c, 100));
	credit_use(&c, 60);
	EXPECT_TRUE(credit_grant(&c, 100));
	EXPECT_EQ(credit_left(&c), 40u);
	EXPECT_TRUE(credit_grant(&c, 160));
	EXPECT_EQ(credit_left(&c), 100u);
}

TEST(Credit, WhatMakesNoSenseChangesNothing)
{
	struct credit c = {};

	EXPECT_TRUE(credit_grant(&c, 1000));
	credit_use(&c, 1000);
	EXPECT_FALSE(credit_grant(&c, 999));
	EXPECT_FALSE(credit_grant(&c, 1000 + CREDIT_AHEAD_MAX + 1));
	EXPECT_FALSE(credit_grant(&c, UINT64_MAX));
	EXPECT_EQ(credit_left(&c), 0u);
	EXPECT_TRUE(credit_grant(&c, 1000 + CREDIT_AHEAD_MAX));
	EXPECT_EQ(credit_left(&c), CREDIT_AHEAD_MAX);
}

TEST(CreditDeath, MoreThanIsLeftIsAMistakeOfOurs)
{
	struct credit c = {};

	EXPECT_TRUE(credit_grant(&c, 1));
	EXPECT_DEATH(credit_use(&c, 2), "internal check");
}
