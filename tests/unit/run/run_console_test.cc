// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

extern "C" {
#include "net/now.h"
#include "vmm/run/run_console.h"
}

namespace
{

constexpr uint64_t kMs = 1000000;

struct RunConsole : testing::TestWithParam<const char *> {
	struct loop *l = nullptr;
	struct run_console c = {};
	std::string typed;
	char why[256] = "";
	int user = -1; // who types
	char path[64] = "";

	void SetUp() override
	{
		struct loop_options o = {GetParam(), 0};
		ASSERT_EQ(loop_create(&l, &o), 0);
	}
	void TearDown() override
	{
		run_console_close(&c);
		loop_destroy(l);
		if (user >= 0)
			close(user);
		if (path[0])
			unlink(path);
	}
	void OpenPty()
	{
		struct console_options o = {CONSOLE_PTY, nullptr, false};
		ASSERT_EQ(run_console_open(&c, &o, why, sizeof(why)), 0) << why;
		run_console_start(
			&c, l,
			[](void *x, const uint8_t *b, size_t n) {
				((RunConsole *)x)->typed.append((const char *)b, n);
			},
			this);
		user = open(c.pty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
		ASSERT_GE(user, 0);
	}
	std::string OpenFile(const char *where)
	{
		struct console_options o = {CONSOLE_FILE, where, false};
		EXPECT_EQ(run_console_open(&c, &o, why, sizeof(why)), 0) << why;
		return why;
	}
	// Until nothing comes any more.
	void Settle()
	{
		while (loop_run(l, now_ns() + 20 * kMs) > 0)
			;
	}
};

} // namespace

// The fault: everything was read, and what the guest had no room for was lost.
TEST_P(RunConsole, KeysAreReadAsFarAsTheGuestHasRoom)
{
	OpenPty();
	ASSERT_EQ(write(user, "0123456789", 10), 10);
	Settle();
	EXPECT_EQ(typed, "");
	EXPECT_TRUE(run_console_grant(&c, 4));
	Settle();
	EXPECT_EQ(typed, "0123");
	EXPECT_TRUE(run_console_grant(&c, 9));
	Settle();
	EXPECT_EQ(typed, "012345678");
	EXPECT_TRUE(run_console_grant(&c, 1000));
	Settle();
	EXPECT_EQ(typed, "0123456789");
}

// The fault: endless input kept a processor busy.
TEST_P(RunConsole, WithoutRoomNothingGoesRound)
{
	OpenPty();
	EXPECT_TRUE(run_console_grant(&c, 3));
	while (write(user, "yyyyyyyy", 8) > 0)
		;
	Settle();
	EXPECT_EQ(typed, "yyy");
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(loop_run(l, now_ns() + 5 * kMs), 0); // time-outs: nothing was there to be done
}

TEST_P(RunConsole, ANumberThatMakesNoSenseIsRefused)
{
	OpenPty();
	EXPECT_TRUE(run_console_grant(&c, 10));
	EXPECT_FALSE(run_console_grant(&c, 9));
	EXPECT_FALSE(run_console_grant(&c, UINT64_MAX));
	ASSERT_EQ(write(user, "abc", 3), 3);
	Settle();
	EXPECT_EQ(typed, "abc");
}

TEST_P(RunConsole, RoomToldBeforeTheStartCounts)
{
	EXPECT_TRUE(run_console_grant(&c, 1));
	c = {};
	struct console_options o = {CONSOLE_NULL, nullptr, false};
	ASSERT_EQ(run_console_open(&c, &o, why, sizeof(why)), 0) << why;
	EXPECT_TRUE(run_console_grant(&c, 7)); // a host may run before the others
	EXPECT_EQ(credit_left(&c.credit), 7u);
}

TEST_P(RunConsole, WhatAFullDiskDidNotTakeIsCounted)
{
	OpenFile("/dev/full");
	testing::internal::CaptureStderr();
	run_console_write(&c, (const uint8_t *)"lost", 4);
	EXPECT_EQ(run_console_close(&c), 4u);
	std::string said = testing::internal::GetCapturedStderr();
	EXPECT_NE(said.find("No space left on device: its output is lost from here on"), std::string::npos) << said;
}

TEST_P(RunConsole, NothingIsLostInAFile)
{
	snprintf(path, sizeof(path), "/tmp/pando-console-%d", (int)getpid());
	OpenFile(path);
	run_console_write(&c, (const uint8_t *)"kept", 4);
	EXPECT_EQ(run_console_close(&c), 0u);
}

INSTANTIATE_TEST_SUITE_P(Loops, RunConsole, testing::Values("uring", "poll"));
