// SPDX-License-Identifier: Apache-2.0
// Timers and watched descriptors of a loop, over each way to wait.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <pty.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

#include "tests/unit/net/loop_fixture.h"

using namespace loop_test;

namespace
{

struct Watch : Loop {
};

} // namespace

// ---- timers ----

TEST_P(Watch, TimersGoOffInTheOrderOfTheirTimes)
{
	std::string order;
	Timer a([&] { order += 'a'; }), b([&] { order += 'b'; }), c([&] { order += 'c'; }), d([&] { order += 'd'; });
	uint64_t now = now_ns();

	loop_timer_set(l, &c.t, now + 3 * kMs);
	loop_timer_set(l, &a.t, now + 1 * kMs);
	loop_timer_set(l, &d.t, now + 3 * kMs); // the same time: the one armed first goes first
	loop_timer_set(l, &b.t, now + 2 * kMs);
	EXPECT_TRUE(Until([&] { return order.size() == 4; }));
	EXPECT_EQ(order, "abcd");
	EXPECT_FALSE(loop_timer_armed(&a.t));
}

TEST_P(Watch, ATimerIsNeverEarlyAndEndsASleep)
{
	uint64_t went = 0;
	Timer t([&] { went = now_ns(); });

	loop_timer_in(l, &t.t, 3600000 * kMs);
	EXPECT_EQ(loop_run(l, now_ns() + 5 * kMs), 0); // its own deadline comes first
	EXPECT_EQ(went, 0u);
	uint64_t at = now_ns() + 20 * kMs;
	loop_timer_set(l, &t.t, at); // armed already: from now on for this time
	EXPECT_GE(loop_run(l, UINT64_MAX), 1);
	EXPECT_GE(went, at);
}

TEST_P(Watch, TimersMayBeChangedInsideOfOne)
{
	std::string order;
	uint64_t now = now_ns();
	Timer b([&] { order += 'b'; }), c([&] { order += 'c'; });
	Timer *again = nullptr;
	Timer a([&] {
		order += 'a';
		loop_timer_stop(&b.t);             // due too
		loop_timer_set(l, &c.t, now_ns()); // armed anew: still once
		if (order.size() < 3)
			loop_timer_set(l, &again->t, 1); // a time that has passed: in the next round, and no hang
	});
	again = &a;

	loop_timer_set(l, &a.t, now);
	loop_timer_set(l, &b.t, now);
	loop_timer_set(l, &c.t, now);
	EXPECT_TRUE(Until([&] { return order.size() >= 4; }));
	Rounds();
	EXPECT_EQ(order, "aaac");
	loop_timer_stop(&a.t); // not armed: nothing
}

TEST_P(Watch, AThousandTimers)
{
	std::vector<std::unique_ptr<Timer>> all;
	std::vector<uint64_t> went;
	uint64_t now = now_ns(), x = 1;

	for (unsigned i = 0; i < 1000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint64_t at = now + (x >> 33) % (20 * kMs);
		all.push_back(std::make_unique<Timer>([&went, at] { went.push_back(at); }));
		loop_timer_set(l, &all.back()->t, at);
	}
	EXPECT_TRUE(Until([&] { return went.size() == 1000; }));
	EXPECT_TRUE(std::is_sorted(went.begin(), went.end()));
}

// ---- descriptors ----

TEST_P(Watch, WatchesAreLevelTriggered)
{
	int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC); // readable three times
	int calls = 0;
	FdFn fn = [&](int f, unsigned events) {
		EXPECT_EQ(events, LOOP_READ);
		if (calls++ != 1) // once it is left as it is
			Read(f);
	};

	ASSERT_EQ(loop_watch(l, fd, LOOP_READ, CallFdFn, &fn), 0);
	EXPECT_EQ(loop_watch(l, fd, LOOP_READ, CallFdFn, &fn), -EEXIST);
	EXPECT_EQ(loop_watch(l, -1, LOOP_READ, CallFdFn, &fn), -EBADF);
	EXPECT_TRUE(Until([&] { return calls == 4; }));
	Rounds();
	EXPECT_EQ(calls, 4);
	loop_unwatch(l, fd);
	loop_unwatch(l, fd);
	loop_unwatch(l, 123456);
	Write(fd);
	Rounds();
	EXPECT_EQ(calls, 4);
	close(fd);
}

TEST_P(Watch, WritabilityIsToldWhileItIsWanted)
{
	int fd[2];
	unsigned reads = 0, writes = 0;
	FdFn fn = [&](int f, unsigned events) {
		char c;
		reads += events & LOOP_READ ? 1 : 0;
		writes += events & LOOP_WRITE ? 1 : 0;
		if (events & LOOP_READ) {
			EXPECT_EQ(read(f, &c, 1), 1);
		}
	};

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	ASSERT_EQ(loop_watch(l, fd[0], LOOP_READ, CallFdFn, &fn), 0);
	Rounds();
	EXPECT_EQ(reads + writes, 0u);
	loop_rewatch(l, fd[0], LOOP_READ | LOOP_WRITE);
	EXPECT_TRUE(Until([&] { return writes >= 3; }));
	EXPECT_EQ(write(fd[1], "x", 1), 1);
	EXPECT_TRUE(Until([&] { return reads == 1; }));
	loop_rewatch(l, fd[0], LOOP_READ);
	Rounds();
	writes = 0;
	EXPECT_EQ(loop_run(l, now_ns() + 5 * kMs), 0);
	EXPECT_EQ(writes, 0u);
	EXPECT_EQ(write(fd[1], "x", 1), 1);
	EXPECT_TRUE(Until([&] { return reads == 2; }));
	while (write(fd[0], "0123456789abcdef", 16) > 0)
		;
	loop_rewatch(l, fd[0], LOOP_WRITE); // full: until the other side reads
	Rounds();
	EXPECT_EQ(writes, 0u);
	char bytes[65536];
	while (read(fd[1], bytes, sizeof(bytes)) > 0)
		;
	EXPECT_TRUE(Until([&] { return writes > 0; }));
	loop_unwatch(l, fd[0]);
	close(fd[0]);
	close(fd[1]);
}

TEST_P(Watch, WatchesMayBeChangedAndFreedInsideOfOne)
{
	int a = Event(), b = Event(1), c = Event(1), last = Event();
	unsigned calls[3] = {};
	FdFn *fc = new FdFn([&](int, unsigned) { calls[2]++; });
	FdFn *fb = new FdFn([&](int, unsigned) { calls[1]++; });
	FdFn *fa = nullptr;
	FdFn flast = [&](int f, unsigned) {
		calls[1] += 100;
		loop_unwatch(l, f);
	};
	auto gone = [&](int fd, FdFn *f) {
		loop_unwatch(l, fd);
		close(fd);
		delete f; // called once more it would be noticed
	};
	fa = new FdFn([&](int, unsigned) {
		calls[0]++;
		FdFn *self = fa;
		gone(b, fb);
		gone(c, fc);
		ASSERT_EQ(loop_watch(l, last, LOOP_READ, CallFdFn, &flast), 0);
		loop_unwatch(l, a);
		close(a);
		(void)self; // on the stack: freed below
	});
	ASSERT_EQ(loop_watch(l, a, LOOP_READ, CallFdFn, fa), 0);
	Write(a);
	ASSERT_EQ(loop_watch(l, b, LOOP_READ, CallFdFn, fb), 0);
	ASSERT_EQ(loop_watch(l, c, LOOP_READ, CallFdFn, fc), 0);
	EXPECT_TRUE(Until([&] { return calls[0] == 1; }));
	unsigned before = calls[1] + calls[2]; // they may have been told before a was
	Rounds();
	EXPECT_EQ(calls[1] + calls[2], before);
	delete fa;
	Write(last);
	EXPECT_TRUE(Until([&] { return calls[1] >= 100; }));
	close(last);
}

// The number of a closed descriptor is soon another one's: what was told of the old one must not reach the new one.
TEST_P(Watch, ADescriptorMayBeReplacedUnderItsNumber)
{
	unsigned old = 0, fresh = 0;
	FdFn a = [&](int, unsigned) { old++; }, b = [&](int f, unsigned) {
		fresh++;
		Read(f);
	};

	for (unsigned i = 0; i < 100; i++) {
		int fd = Event(1);
		ASSERT_EQ(loop_watch(l, fd, LOOP_READ, CallFdFn, &a), 0);
		if (i % 2)
			Rounds(1);
		loop_unwatch(l, fd);
		close(fd);
		int again = Event();
		ASSERT_EQ(again, fd);
		ASSERT_EQ(loop_watch(l, again, LOOP_READ, CallFdFn, &b), 0);
		unsigned before = old;
		Rounds(2);
		EXPECT_EQ(old, before);
		EXPECT_EQ(fresh, i);
		Write(again);
		EXPECT_TRUE(Until([&] { return fresh == i + 1; }));
		loop_unwatch(l, again);
		close(again);
	}
}

// Closing it must really close it: a poll in the kernel holds on to the file.
TEST_P(Watch, AnUnwatchedSocketIsClosedByItsClose)
{
	int fd[2];
	char c;
	FdFn fn = [](int, unsigned) { ADD_FAILURE(); };

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	ASSERT_EQ(loop_watch(l, fd[0], LOOP_READ, CallFdFn, &fn), 0);
	Rounds();
	loop_run(l, now_ns() + kMs);
	loop_unwatch(l, fd[0]);
	close(fd[0]);
	EXPECT_EQ(read(fd[1], &c, 1), 0) << "the other side sees the end";
	close(fd[1]);
}

TEST_P(Watch, ADescriptorClosedWhileWatchedIsGivenUpAndSaidOnce)
{
	int fd[2];
	FdFn fn = [](int, unsigned) { ADD_FAILURE() << "nothing is readable"; };

	ASSERT_EQ(pipe2(fd, O_CLOEXEC), 0);
	int high = fcntl(fd[0], F_DUPFD_CLOEXEC, 500); // nothing else opened meanwhile gets its number
	ASSERT_EQ(loop_watch(l, high, LOOP_READ, CallFdFn, &fn), 0);
	close(high);
	testing::internal::CaptureStderr();
	Rounds();
	std::string said = testing::internal::GetCapturedStderr();
	EXPECT_NE(said.find("descriptor 500 can't be watched"), std::string::npos) << said;
	EXPECT_EQ(said.find("can't be watched"), said.rfind("can't be watched"));
	EXPECT_EQ(loop_run(l, now_ns() + 5 * kMs), 0); // and sleeps
	close(fd[0]);
	close(fd[1]);
}

// A hang-up stays: who does not unwatch is told again, but the loop does not spin.
TEST_P(Watch, AHangUpIsToldWithoutSpinning)
{
	int fd[2];
	unsigned calls = 0;
	FdFn fn = [&](int, unsigned events) {
		EXPECT_TRUE(events & LOOP_HUP);
		calls++;
	};

	ASSERT_EQ(pipe2(fd, O_CLOEXEC), 0);
	ASSERT_EQ(loop_watch(l, fd[0], LOOP_READ, CallFdFn, &fn), 0);
	Rounds();
	EXPECT_EQ(calls, 0u);
	close(fd[1]);
	EXPECT_TRUE(Until([&] { return calls == 1; }));
	unsigned rounds = 0;
	for (uint64_t end = now_ns() + 60 * kMs; now_ns() < end; rounds++)
		EXPECT_GE(loop_run(l, end), 0);
	EXPECT_LT(rounds, 20u);
	EXPECT_TRUE(Until([&] { return calls >= 3; }));
	loop_unwatch(l, fd[0]);
	close(fd[0]);
}

// The other side has sent its last, but listens: nobody asked for that, and io_uring tells it all the same.
TEST_P(Watch, HalfAHangUpThatNobodyAskedForDoesNotSpin)
{
	int fd[2];
	unsigned calls = 0;
	FdFn fn = [&](int f, unsigned events) {
		calls++;
		EXPECT_TRUE(events & (LOOP_READ | LOOP_HUP));
		loop_unwatch(l, f);
	};

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
	ASSERT_EQ(loop_watch(l, fd[0], 0, CallFdFn, &fn), 0);
	shutdown(fd[1], SHUT_WR);
	Rounds();
	unsigned rounds = 0;
	for (uint64_t end = now_ns() + 50 * kMs; now_ns() < end; rounds++)
		EXPECT_GE(loop_run(l, end), 0);
	EXPECT_LT(rounds, 20u);
	EXPECT_EQ(calls, 0u);
	loop_rewatch(l, fd[0], LOOP_READ); // but its end is there to be read
	EXPECT_TRUE(Until([&] { return calls == 1; }));
	close(fd[0]);
	close(fd[1]);
}

// Linux 6.18 ends io_uring's poll of a terminal with EINVAL when the settings change; the keyboard must live on.
TEST_P(Watch, ATerminalWhoseSettingsChangeIsStillWatched)
{
	int master, slave;
	struct termios t;
	std::string got;
	FdFn fn = [&](int f, unsigned) {
		char c;
		if (read(f, &c, 1) == 1)
			got += c;
	};

	ASSERT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
	ASSERT_EQ(tcgetattr(slave, &t), 0);
	cfmakeraw(&t);
	ASSERT_EQ(loop_watch(l, slave, LOOP_READ, CallFdFn, &fn), 0);
	testing::internal::CaptureStderr();
	for (unsigned i = 0; i < 10; i++) {
		loop_run(l, now_ns() + kMs);
		t.c_cc[VTIME] = (cc_t)(i % 2);
		ASSERT_EQ(tcsetattr(slave, TCSANOW, &t), 0);
		loop_run(l, now_ns() + kMs);
		EXPECT_EQ(write(master, "k", 1), 1);
		EXPECT_TRUE(Until([&] { return got.size() == i + 1; }));
	}
	EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
	loop_unwatch(l, slave);
	close(master);
	close(slave);
}

TEST_P(Watch, ThousandsOfDescriptors)
{
	constexpr unsigned kN = 3000;
	struct rlimit old, more;
	std::vector<int> fds;
	std::vector<unsigned> calls(kN);
	unsigned at = 0, all = 0;
	FdFn fn = [&](int f, unsigned) {
		Read(f);
		at = (unsigned)f;
		all++;
	};

	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	more = old;
	more.rlim_cur = more.rlim_max;
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &more), 0);
	ASSERT_GE(more.rlim_max, kN + 100u) << "this test needs so many";
	for (unsigned i = 0; i < kN; i++) {
		fds.push_back(Event());
		ASSERT_GE(fds.back(), 0);
		ASSERT_EQ(loop_watch(l, fds.back(), LOOP_READ, CallFdFn, &fn), 0);
	}
	Rounds();
	for (unsigned i : {0u, 1u, kN / 2, kN - 1}) {
		Write(fds[i]);
		unsigned before = all;
		EXPECT_TRUE(Until([&] { return all == before + 1; }));
		EXPECT_EQ(at, (unsigned)fds[i]);
	}
	all = 0;
	for (int fd : fds)
		Write(fd);
	EXPECT_TRUE(Until([&] { return all == kN; })) << "all at once";
	Rounds();
	EXPECT_EQ(all, kN);
	for (int fd : fds) {
		loop_unwatch(l, fd);
		close(fd);
	}
	setrlimit(RLIMIT_NOFILE, &old);
}

INSTANTIATE_TEST_SUITE_P(Waits, Watch, Waits(), Name);
