// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "net/signals.h"
}

namespace
{

// In a process of its own: the mask and what is ignored are the process's. Returns its exit status, or 128 and a
// signal.
template <typename F> int InChild(F f)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(f());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int Next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

} // namespace

TEST(Signals, AreToldByTheDescriptor)
{
	EXPECT_EQ(InChild([] {
			  const int set[] = {SIGINT, SIGTERM};
			  int fd = signals_open(set, 2);
			  raise(SIGTERM);
			  return fd >= 0 && Next(fd) == SIGTERM && Next(fd) == 0 ? 0 : 1;
		  }),
		  0);
}

TEST(Signals, WhatWasIgnoredStaysIgnored)
{
	EXPECT_EQ(InChild([] {
			  const int set[] = {SIGHUP, SIGTERM};
			  signal(SIGHUP, SIG_IGN);
			  int fd = signals_open(set, 2);
			  raise(SIGHUP);
			  raise(SIGTERM);
			  return Next(fd) == SIGTERM && Next(fd) == 0 ? 0 : 1;
		  }),
		  0);
}

TEST(Signals, ContinuingIsTold)
{
	EXPECT_EQ(InChild([] {
			  const int set[] = {SIGCONT};
			  int fd = signals_open(set, 1);
			  raise(SIGCONT);
			  return Next(fd) == SIGCONT ? 0 : 1;
		  }),
		  0);
}
