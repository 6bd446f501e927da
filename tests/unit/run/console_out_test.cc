// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>

extern "C" {
#include "vmm/run/console_out.h"
}

namespace
{

struct ConsoleOut : testing::Test {
	int fd[2] = {-1, -1};

	void SetUp() override
	{
		ASSERT_EQ(pipe2(fd, O_CLOEXEC), 0);
	}
	void TearDown() override
	{
		for (int f : fd)
			if (f >= 0)
				close(f);
	}
	std::string ReadAll()
	{
		std::string all;
		char b[65536];
		ssize_t n;

		while ((n = read(fd[0], b, sizeof(b))) > 0)
			all.append(b, (size_t)n);
		return all;
	}
	static void Put(struct console_out *o, const std::string &s)
	{
		console_out_put(o, (const uint8_t *)s.data(), s.size());
	}
};

} // namespace

TEST_F(ConsoleOut, EverythingArrivesInOrder)
{
	struct console_out *o = console_out_open(fd[1]);
	std::string want, got;

	ASSERT_NE(o, nullptr);
	std::thread reader([&] { got = ReadAll(); });
	for (unsigned i = 0; i < 2000; i++) { // more than the ring, in uneven pieces, but never more than it takes
		std::string piece = std::to_string(i) + std::string(i % 1500, 'x') + "\n";
		want += piece;
		Put(o, piece);
		if (want.size() % 7 == 0)
			usleep(100);
	}
	uint64_t lost, failed;
	EXPECT_TRUE(console_out_close(o, &lost, &failed));
	close(fd[1]);
	fd[1] = -1;
	reader.join();
	EXPECT_EQ(got.size() + lost, want.size());
	if (!lost) { // a machine with no time for the reader may lose some
		EXPECT_EQ(got, want);
	}
}

// The fault: who put something there waited for the reader.
TEST_F(ConsoleOut, NobodyReadsAndNobodyWaits)
{
	struct console_out *o = console_out_open(fd[1]);
	std::string line(1000, 'y');

	ASSERT_NE(o, nullptr);
	for (unsigned i = 0; i < 5000; i++)
		Put(o, line); // 5 MB into a pipe of 64 KiB: the test would hang here
	testing::internal::CaptureStderr();
	uint64_t lost, failed;
	EXPECT_FALSE(console_out_close(o, &lost, &failed)); // gives up
	std::string said = testing::internal::GetCapturedStderr();
	EXPECT_NE(said.find("are given up"), std::string::npos) << said;
	EXPECT_GE(lost, 5000000u - CONSOLE_OUT_BYTES - 65536 * 2);
	EXPECT_GT(failed, CONSOLE_OUT_BYTES - 65536 * 2); // what was queued is given up; the rest was a slow reader's
	EXPECT_LE(failed, CONSOLE_OUT_BYTES);
	/* The writer is still there; it ends when the pipe does, and frees what it has. */
	close(fd[0]);
	fd[0] = fd[1] = -1; // the writer's stays open, as its header asks
	usleep(20000);
}

TEST_F(ConsoleOut, WhatWasLostIsSaidWhenItIsReadAgain)
{
	struct console_out *o = console_out_open(fd[1]);
	std::string line(1000, 'y'), got;

	ASSERT_NE(o, nullptr);
	testing::internal::CaptureStderr();
	for (unsigned i = 0; i < 5000; i++)
		Put(o, line);
	std::thread reader([&] { got = ReadAll(); });
	uint64_t lost, failed;
	EXPECT_TRUE(console_out_close(o, &lost, &failed));
	close(fd[1]);
	fd[1] = -1;
	reader.join();
	std::string said = testing::internal::GetCapturedStderr();
	EXPECT_NE(said.find("bytes of output were lost while nobody took them"), std::string::npos) << said;
	EXPECT_EQ(got.size() + lost, 5000000u);
	EXPECT_GT(lost, 0u);
	EXPECT_EQ(failed, 0u); // the reader was slow, and that is no failure of the output
}

TEST_F(ConsoleOut, AReaderThatIsGoneIsSaidOnce)
{
	struct console_out *o = console_out_open(fd[1]);

	ASSERT_NE(o, nullptr);
	signal(SIGPIPE, SIG_IGN);
	close(fd[0]);
	fd[0] = -1;
	testing::internal::CaptureStderr();
	for (unsigned i = 0; i < 10; i++) {
		Put(o, "hello\n");
		usleep(1000);
	}
	uint64_t lost, failed;
	EXPECT_TRUE(console_out_close(o, &lost, &failed));
	EXPECT_EQ(lost, 60u);
	EXPECT_EQ(failed, 60u);
	std::string said = testing::internal::GetCapturedStderr();
	EXPECT_NE(said.find("Broken pipe: its output is lost from here on"), std::string::npos) << said;
	EXPECT_EQ(said.find("is lost"), said.rfind("is lost"));
}

TEST_F(ConsoleOut, ANonBlockingFileIsWaitedFor)
{
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	struct console_out *o = console_out_open(fd[1]);
	std::string got, all(500000, 'z');

	ASSERT_NE(o, nullptr);
	Put(o, all);
	std::thread reader([&] {
		usleep(5000);
		got = ReadAll();
	});
	uint64_t lost, failed;
	EXPECT_TRUE(console_out_close(o, &lost, &failed));
	EXPECT_EQ(lost, 0u);
	close(fd[1]);
	fd[1] = -1;
	reader.join();
	EXPECT_EQ(got, all);
}

// The fault: "powered off" stood before what the guest had said last.
TEST_F(ConsoleOut, ALineHasItsPlaceInTheOutput)
{
	struct console_out *o = console_out_open(fd[1]);
	std::string all(300000, 'a'), got; // more than the pipe takes

	ASSERT_NE(o, nullptr);
	testing::internal::CaptureStderr();
	Put(o, all);
	console_out_tell(o, "pando: over");
	usleep(20000); // the writer stands in its write
	fflush(stderr);
	std::thread reader([&] { got = ReadAll(); });
	uint64_t lost, failed;
	EXPECT_TRUE(console_out_close(o, &lost, &failed));
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "pando: over\n");
	close(fd[1]);
	fd[1] = -1;
	reader.join();
	EXPECT_EQ(got, all);
}

TEST_F(ConsoleOut, ALineIsToldAtOnceWhereNothingWaits)
{
	struct console_out *o = console_out_open(fd[1]);
	uint64_t lost, failed;

	ASSERT_NE(o, nullptr);
	testing::internal::CaptureStderr();
	console_out_tell(o, "pando: first");
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "pando: first\n");
	EXPECT_TRUE(console_out_close(o, &lost, &failed));
}

TEST_F(ConsoleOut, ALineIsNotLostWithTheOutput)
{
	struct console_out *o = console_out_open(fd[1]);
	uint64_t lost, failed;

	ASSERT_NE(o, nullptr);
	testing::internal::CaptureStderr();
	Put(o, std::string(300000, 'a'));
	console_out_tell(o, "pando: over");
	EXPECT_FALSE(console_out_close(o, &lost, &failed));
	std::string said = testing::internal::GetCapturedStderr();
	EXPECT_EQ(said.find("pando: over\n"), 0u) << said;
	close(fd[0]);
	fd[0] = fd[1] = -1;
	usleep(20000);
}
