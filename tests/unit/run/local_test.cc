// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "vmm/run/local.h"
}

namespace
{

struct Local : testing::Test {
	struct local_hosts l = {};
	char text[128] = "";

	template <typename F> pid_t Start(F f)
	{
		pid_t pid = fork();

		if (pid == 0) {
			f();
			_exit(0);
		}
		l.pids[l.n++] = pid;
		return pid;
	}
	void TearDown() override
	{
		for (unsigned h = 0; h < l.n; h++)
			if (l.pids[h]) {
				kill(l.pids[h], SIGKILL);
				waitpid(l.pids[h], nullptr, 0);
			}
	}
	bool Ended(unsigned h, unsigned ms = 10000)
	{
		return local_ended(&l, h, ms, text, sizeof(text));
	}
};

} // namespace

TEST_F(Local, AStatusIsNamed)
{
	pid_t pid = Start([] { _exit(2); });

	EXPECT_TRUE(Ended(0));
	EXPECT_EQ(text, "its process " + std::to_string(pid) + " ended with status 2");
	EXPECT_TRUE(Ended(0)); // it is still there to be asked after
}

TEST_F(Local, ASignalIsNamed)
{
	pid_t pid = Start([] { pause(); });

	EXPECT_FALSE(Ended(0, 0));
	kill(pid, SIGKILL);
	EXPECT_TRUE(Ended(0));
	EXPECT_EQ(text, "its process " + std::to_string(pid) + " was killed by signal 9 (Killed)");
}

TEST_F(Local, OneThatLivesAndOnesThatAreNotThere)
{
	Start([] { pause(); });
	EXPECT_FALSE(Ended(0, 1));
	EXPECT_FALSE(Ended(1, 1));
	EXPECT_FALSE(Ended(HOSTS_MAX + 5, 1));
}
