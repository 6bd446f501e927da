// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/log.h"
}

namespace
{

struct Log : testing::Test {
	void TearDown() override
	{
		log_set(LOG_INFO, "");
	}
};

} // namespace

TEST_F(Log, LineHasWhoAndLevel)
{
	testing::internal::CaptureStderr();
	log_set(LOG_INFO, "host3");
	log_warn("%d pages", 7);
	log_set(LOG_INFO, NULL);
	log_error("x");
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "pando[host3]: warn: 7 pages\npando: error: x\n");
}

TEST_F(Log, LevelsAreCutOff)
{
	testing::internal::CaptureStderr();
	log_set(LOG_WARN, "");
	log_info("not this");
	log_debug("nor this");
	log_warn("this");
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "pando: warn: this\n");
}

TEST_F(Log, HostileTextCannotForgeLinesOrDriveTheTerminal)
{
	testing::internal::CaptureStderr();
	log_info("a\npando: error: forged\x1b[2J\x7f");
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "pando: info: a?pando: error: forged?[2J?\n");
}

TEST_F(Log, LongTextIsCut)
{
	testing::internal::CaptureStderr();
	log_info("%s", std::string(5000, 'y').c_str());
	std::string out = testing::internal::GetCapturedStderr();
	EXPECT_LE(out.size(), 1024u);
	EXPECT_EQ(out.back(), '\n');
}

TEST_F(Log, LinesOfThreadsDoNotMix)
{
	testing::internal::CaptureStderr();
	std::vector<std::thread> t;
	for (int i = 0; i < 4; i++)
		t.emplace_back([i] {
			for (int n = 0; n < 100; n++)
				log_info("%s", std::string(50, (char)('a' + i)).c_str());
		});
	for (auto &x : t)
		x.join();
	std::string out = testing::internal::GetCapturedStderr();
	size_t lines = 0;
	for (size_t at = 0; at < out.size(); at = out.find('\n', at) + 1, lines++) {
		ASSERT_EQ(out.compare(at, 13, "pando: info: "), 0);
		ASSERT_EQ(out.substr(at + 13, 50), std::string(50, out[at + 13]));
	}
	EXPECT_EQ(lines, 400u);
}

TEST_F(Log, WhatIsToldHasNoLevelAndKeepsItsLines)
{
	testing::internal::CaptureStderr();
	log_tell("\rpando: %s", "a\nb\x1b[2J");
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "\rpando: a\nb?[2J\n");
}

// A pager on standard error that is not read stopped whoever logged: the thread that serves pages, for one.
TEST_F(Log, NobodyWaitsForWhoeverReadsIt)
{
	int fd[2], old = dup(STDERR_FILENO);
	std::string got;
	char b[65536];

	ASSERT_EQ(pipe(fd), 0);
	ASSERT_EQ(dup2(fd[1], STDERR_FILENO), STDERR_FILENO);
	for (unsigned i = 0; i < 5000; i++)
		log_info("%063u", i); // the test would hang here
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	while (read(fd[0], b, sizeof(b)) > 0)
		;
	log_info("again");
	dup2(old, STDERR_FILENO);
	ssize_t n = read(fd[0], b, sizeof(b));
	got.assign(b, n > 0 ? (size_t)n : 0);
	EXPECT_NE(got.find(" lines were lost here\npando: info: again\n"), std::string::npos) << got;
	close(fd[0]);
	close(fd[1]);
	close(old);
}
