// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>

extern "C" {
#include "vmm/run/reset_notes.h"
}

namespace
{
constexpr uint64_t MS = 1000000;

struct Notes : testing::Test {
	reset_notes n = {};
	char line[600] = "";
	std::string add(uint64_t ms, const char *why = "the guest reset itself: port 0xcf9")
	{
		return reset_notes_add(&n, ms * MS, why, line, sizeof(line)) ? line : "";
	}
	std::string due(uint64_t ms, bool over = false)
	{
		return reset_notes_due(&n, ms * MS, over, line, sizeof(line)) ? line : "";
	}
};
} // namespace

TEST_F(Notes, OneNowAndThenIsToldAtOnce)
{
	for (uint64_t s = 5; s < 100; s += 7)
		EXPECT_EQ("the guest reset itself: port 0xcf9; it restarts", add(s * 1000));
	EXPECT_EQ("", due(200000));
}

TEST_F(Notes, AStormIsALineASecondAndNoneIsForgotten)
{
	unsigned lines = 0;
	for (uint64_t ms = 0; ms < 5000; ms++)
		lines += !add(ms).empty();
	EXPECT_EQ(5u, lines);
	EXPECT_EQ("", due(4999));
	EXPECT_EQ("the guest reset itself: port 0xcf9; it restarted 999 times more", due(5000));
	EXPECT_EQ("", due(9000));
}

TEST_F(Notes, TheLastOnesReasonIsTold)
{
	add(1000, "a");
	EXPECT_EQ("", add(1001, "b"));
	EXPECT_EQ("", add(1002, "c"));
	EXPECT_EQ("c; it restarted 2 times more", due(1003, true)); // the guest is over
	EXPECT_EQ("", due(1003, true));
	EXPECT_EQ("", add(1004, "d"));
	EXPECT_EQ("d; it restarts", due(2004));
}

TEST_F(Notes, ALongReasonIsCut)
{
	EXPECT_EQ(std::string(511, 'x') + "; it restarts", add(0, std::string(1000, 'x').c_str()));
}

TEST(ResetNotes, SaysWhenThoseHeldBackAreDue)
{
	struct reset_notes n = {};
	char line[256];

	EXPECT_EQ(reset_notes_deadline(&n), UINT64_MAX);
	EXPECT_TRUE(reset_notes_add(&n, 5000000000ull, "a", line, sizeof(line)));
	EXPECT_EQ(reset_notes_deadline(&n), UINT64_MAX);
	EXPECT_FALSE(reset_notes_add(&n, 5500000000ull, "b", line, sizeof(line)));
	EXPECT_EQ(reset_notes_deadline(&n), 6000000000ull);
	EXPECT_TRUE(reset_notes_due(&n, reset_notes_deadline(&n), false, line, sizeof(line)));
}
