// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "vmm/conf/tuning.h"
}

namespace
{

TEST(Tuning, StandardValuesMakeAValidDescription)
{
	machine_desc d = sample_desc();
	char why[512] = "";
	tuning t;

	tuning_clear(&t);
	tuning_apply(&t, &d);
	EXPECT_EQ(desc_check(&d, why, sizeof(why)), 0) << why;
	EXPECT_EQ(d.hold_ns, 50000u);
	EXPECT_EQ(d.reserve_pages, 1024u);
}

TEST(Tuning, BothEndsOfEveryRangeAreValid)
{
	char why[512] = "";

	for (unsigned k = 0; k < TUNINGS; k++) {
		for (uint64_t v : {tuning_rules[k].min, tuning_rules[k].max, tuning_rules[k].standard}) {
			machine_desc d = sample_desc();
			tuning t;

			EXPECT_GE(v, tuning_rules[k].min);
			EXPECT_LE(v, tuning_rules[k].max);
			tuning_clear(&t);
			t.value[k] = v;
			tuning_apply(&t, &d);
			EXPECT_EQ(desc_check(&d, why, sizeof(why)), 0) << tuning_rules[k].name << ": " << why;
		}
	}
}

TEST(Tuning, WhatIsSetWinsOverWhatIsUnder)
{
	tuning over, under;

	tuning_clear(&over);
	tuning_clear(&under);
	over.value[TUNING_HOLD] = 7;
	under.value[TUNING_HOLD] = 8;
	under.value[TUNING_DILATE] = 9;
	tuning_merge(&over, &under);
	EXPECT_EQ(over.value[TUNING_HOLD], 7u);
	EXPECT_EQ(over.value[TUNING_DILATE], 9u);
	EXPECT_EQ(over.value[TUNING_SPIN], TUNING_UNSET);
}

} // namespace
