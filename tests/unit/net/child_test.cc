// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

extern "C" {
#include "net/child.h"
#include "net/now.h"
}

namespace
{

struct Child : testing::Test {
	struct loop *l = nullptr;
	struct child c = {};
	std::string how;
	unsigned ends = 0;

	void SetUp() override
	{
		struct loop_options o = {"poll", 0};
		c.pidfd = c.said_fd = -1;
		ASSERT_EQ(0, loop_create(&l, &o));
	}
	void TearDown() override
	{
		child_end(&c, 0);
		loop_destroy(l);
	}
	int sh(const char *script, const int *fds = nullptr, unsigned n = 0)
	{
		const char *argv[] = {"sh", "-c", script, nullptr};
		return child_start(&c, "test", argv, fds, n);
	}
	bool wait()
	{
		char text[96] = "";
		bool ended = child_wait(&c, 10000, text, sizeof(text));
		how = text;
		return ended;
	}
	int watch()
	{
		return child_watch(
			&c, l,
			[](void *ctx, const char *text) {
				((Child *)ctx)->how = text;
				((Child *)ctx)->ends++;
			},
			this);
	}
	bool until(const std::function<bool()> &done)
	{
		uint64_t end = now_ns() + 10000000000u;
		while (!done() && now_ns() < end)
			EXPECT_GE(loop_run(l, now_ns() + 100000000u), 0);
		return done();
	}
};

TEST_F(Child, SaysHowItEnded)
{
	ASSERT_EQ(0, sh("exit 3"));
	ASSERT_TRUE(wait());
	EXPECT_EQ("ended with status 3", how);
	EXPECT_FALSE(wait()) << "once";
	ASSERT_EQ(0, sh("kill -9 $$"));
	ASSERT_TRUE(wait());
	EXPECT_EQ("was killed by signal 9 (Killed)", how);
}

TEST_F(Child, ThereIsNoSuchProgram)
{
	const char *argv[] = {"pando-has-no-such-program", nullptr}, *path[] = {"/etc/passwd", nullptr};
	EXPECT_EQ(-ENOENT, child_start(&c, "test", argv, nullptr, 0));
	EXPECT_EQ(0, c.pid);
	EXPECT_EQ(-EACCES, child_start(&c, "test", path, nullptr, 0));
	EXPECT_FALSE(wait());
}

TEST_F(Child, TheLastLineIsKept)
{
	ASSERT_EQ(0, sh("echo one >&2; printf 'a\\033[31mb\\n'; exit 1"));
	ASSERT_TRUE(wait());
	EXPECT_STREQ("a [31mb", c.line);
	ASSERT_EQ(0, sh("echo first; printf 'without an end' >&2"));
	ASSERT_TRUE(wait());
	EXPECT_STREQ("without an end", c.line);
	ASSERT_EQ(0, sh("printf '%01000d\\n\\n' 7"));
	ASSERT_TRUE(wait());
	EXPECT_EQ(CHILD_LINE_BYTES - 1, strlen(c.line));
}

TEST_F(Child, InheritsWhatItIsGivenAndNothingElse)
{
	int one[2], two[2], stray = fcntl(0, F_DUPFD, 77);
	ASSERT_EQ(0, pipe(one));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, two));
	const int fds[] = {two[1], one[1]};
	/* Numbers that would overwrite each other if they were moved one by one. */
	ASSERT_EQ(0, sh("echo three >&3; echo four >&4; for f in /proc/self/fd/*; do echo ${f##*/}; done | sort -n | "
			"tr '\\n' ' '",
			fds, 2));
	ASSERT_TRUE(wait());
	EXPECT_EQ("ended with status 0", how);
	char bytes[32] = "";
	EXPECT_EQ(6, read(two[0], bytes, sizeof(bytes)));
	EXPECT_STREQ("three\n", bytes);
	memset(bytes, 0, sizeof(bytes));
	EXPECT_EQ(5, read(one[0], bytes, sizeof(bytes)));
	EXPECT_STREQ("four\n", bytes);
	std::string seen = c.line;
	EXPECT_EQ(0u, seen.find("0 1 2 3 4 ")) << seen;
	EXPECT_EQ(std::string::npos, seen.find(" " + std::to_string(stray) + " ")) << seen;
	for (int fd : {one[0], one[1], two[0], two[1], stray})
		EXPECT_EQ(0, close(fd)) << "they stay the caller's";
}

TEST_F(Child, HasNoBlockedOrIgnoredSignals)
{
	sigset_t term, was;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &term, &was);
	auto old = signal(SIGHUP, SIG_IGN);
	ASSERT_EQ(0, sh("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\n\\t'"));
	signal(SIGHUP, old);
	pthread_sigmask(SIG_SETMASK, &was, nullptr);
	ASSERT_TRUE(wait());
	unsigned long long blocked = 1, ignored = 1;
	ASSERT_EQ(2, sscanf(c.line, "SigBlk:%llxSigIgn:%llx", &blocked, &ignored)) << c.line;
	EXPECT_EQ(0u, blocked);
	EXPECT_EQ(0u, ignored & ~(3ull << 31)); // two are the C library's own
}

TEST_F(Child, TheLoopTellsItsEndOnce)
{
	ASSERT_EQ(0, sh("echo hello; read x; echo bye >&2; exit 5")); // standard input is empty
	ASSERT_EQ(0, watch());
	ASSERT_TRUE(until([&] { return ends != 0; }));
	EXPECT_EQ("ended with status 5", how);
	EXPECT_STREQ("bye", c.line);
	EXPECT_EQ(0, c.pid);
	EXPECT_EQ(1u, ends);
	ASSERT_EQ(0, sh("exec >&- 2>&-; sleep 0.1; exit 6")); // it says nothing any more, long before it ends
	ASSERT_EQ(0, watch());
	ASSERT_TRUE(until([&] { return ends == 2; }));
	EXPECT_EQ("ended with status 6", how);
}

TEST_F(Child, IsEnded)
{
	int pair[2];
	char byte;
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	ASSERT_EQ(0, sh("trap 'exit 0' TERM; echo y >&3; while :; do sleep 0.01; done", &pair[1], 1));
	close(pair[1]);
	ASSERT_EQ(0, watch());
	ASSERT_EQ(1, read(pair[0], &byte, 1));
	child_end(&c, 10000);
	EXPECT_EQ(0, c.pid);
	child_end(&c, 10000); // there is none
	close(pair[0]);
	/* One that does not want to. */
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	ASSERT_EQ(0, sh("trap '' TERM; echo y >&3; while :; do sleep 0.01; done", &pair[1], 1));
	close(pair[1]);
	ASSERT_EQ(1, read(pair[0], &byte, 1));
	pid_t pid = c.pid;
	child_end(&c, 20);
	EXPECT_EQ(-1, kill(pid, 0));
	EXPECT_EQ(0u, ends) << "who ends it is not told";
	close(pair[0]);
}

/* Where SIGCHLD is ignored nobody ever hears a status, and the end is an end all the same. */
TEST_F(Child, EndsWithoutAStatus)
{
	struct Ignored {
		sighandler_t old = signal(SIGCHLD, SIG_IGN);
		~Ignored()
		{
			signal(SIGCHLD, old);
		}
	} ignored;
	int pair[2]; // what ends before it is known cannot be watched
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	ASSERT_EQ(0, sh("read go <&3; echo bye; exit 5", &pair[1], 1));
	ASSERT_EQ(1, write(pair[0], "\n", 1));
	EXPECT_TRUE(wait());
	EXPECT_EQ("ended, with a status that is not known", how);
	EXPECT_STREQ("bye", c.line);
	ASSERT_EQ(0, sh("read go <&3; echo again; exit 5", &pair[1], 1));
	ASSERT_EQ(0, watch());
	ASSERT_EQ(1, write(pair[0], "\n", 1));
	EXPECT_TRUE(until([&] { return ends != 0; }));
	ASSERT_EQ(0, sh("sleep 1000"));
	child_end(&c, 10000);
	EXPECT_EQ(0, c.pid);
	close(pair[0]);
	close(pair[1]);
}

/* One that says without end holds up nothing: what it says is taken in pieces. */
TEST_F(Child, ThatNeverStopsTalkingIsOneOfMany)
{
	struct loop_timer due = {};
	bool fired = false;
	due.fn = [](void *arg) { *(bool *)arg = true; };
	due.arg = &fired;
	ASSERT_EQ(0, sh("exec yes"));
	ASSERT_EQ(0, watch());
	loop_timer_in(l, &due, 50000000);
	EXPECT_TRUE(until([&] { return fired && *c.line; })); // on a busy machine it begins late
	loop_timer_stop(&due);
	child_end(&c, 10000);
	EXPECT_STREQ("y", c.line);
}

} // namespace
