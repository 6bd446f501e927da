// SPDX-License-Identifier: Apache-2.0
// The event loop, over each way to wait. What links do on it is in tests/conform.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <pty.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/loop.h"
#include "net/now.h"
}

namespace
{

using Fn = std::function<void()>;
using FdFn = std::function<void(int, unsigned)>;

void CallFn(void *f)
{
	(*(Fn *)f)();
}

void CallFdFn(void *f, int fd, unsigned events)
{
	(*(FdFn *)f)(fd, events);
}

constexpr uint64_t kMs = 1000000;

struct Loop : testing::TestWithParam<std::pair<const char *, unsigned>> {
	struct loop *l = nullptr;

	void SetUp() override
	{
		struct loop_options o = {GetParam().first, GetParam().second};
		ASSERT_EQ(loop_create(&l, &o), 0);
	}
	void TearDown() override
	{
		loop_destroy(l);
	}
	// Runs until done, for ten seconds at most; returns done().
	bool Until(const std::function<bool()> &done)
	{
		uint64_t end = now_ns() + 10000 * kMs;

		while (!done() && now_ns() < end)
			EXPECT_GE(loop_run(l, now_ns() + 100 * kMs), 0);
		return done();
	}
	// A few rounds that wait for nothing.
	void Rounds(unsigned n = 5)
	{
		while (n--)
			EXPECT_GE(loop_run(l, 0), 0);
	}
};

struct Timer {
	struct loop_timer t = {};
	Fn fn;

	explicit Timer(Fn f) : fn(std::move(f))
	{
		t.fn = CallFn;
		t.arg = &fn;
	}
};

struct Task {
	struct loop_task t = {};
	Fn fn;

	explicit Task(Fn f) : fn(std::move(f))
	{
		t.fn = CallFn;
		t.arg = &fn;
	}
};

void Write(int fd)
{
	uint64_t one = 1;

	EXPECT_EQ(write(fd, &one, sizeof(one)), (ssize_t)sizeof(one));
}

void Read(int fd)
{
	uint64_t v;

	EXPECT_EQ(read(fd, &v, sizeof(v)), (ssize_t)sizeof(v));
}

int Event(unsigned n = 0)
{
	return eventfd(n, EFD_CLOEXEC | EFD_NONBLOCK);
}

} // namespace

// ---- timers ----

TEST_P(Loop, TimersGoOffInTheOrderOfTheirTimes)
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

TEST_P(Loop, ATimerIsNeverEarlyAndEndsASleep)
{
	uint64_t at = now_ns() + 20 * kMs, went = 0;
	Timer t([&] { went = now_ns(); });

	loop_timer_set(l, &t.t, at);
	EXPECT_EQ(loop_run(l, at - 10 * kMs), 0); // its own deadline comes first
	EXPECT_EQ(went, 0u);
	EXPECT_GE(loop_run(l, UINT64_MAX), 1);
	EXPECT_GE(went, at);
}

TEST_P(Loop, TimersMayBeChangedInsideOfOne)
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

TEST_P(Loop, AThousandTimers)
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

// ---- posted functions ----

TEST_P(Loop, PostedFunctionsOfOneThreadRunInOrderEachOnce)
{
	constexpr unsigned kThreads = 4, kEach = 5000;
	std::vector<unsigned> seen[kThreads];
	struct Item {
		std::vector<unsigned> *to;
		unsigned n;
	};
	std::vector<std::thread> t;
	std::atomic<unsigned> left{kThreads};
	unsigned all = 0;

	for (unsigned i = 0; i < kThreads; i++)
		t.emplace_back([&, i] {
			for (unsigned n = 0; n < kEach; n++) {
				int r = loop_post(
					l,
					[](void *p) {
						auto *item = (Item *)p;
						item->to->push_back(item->n);
						delete item;
					},
					new Item{&seen[i], n});
				ASSERT_EQ(r, 0);
			}
			left--;
		});
	EXPECT_TRUE(Until([&] {
		all = 0;
		for (auto &s : seen)
			all += (unsigned)s.size();
		return all == kThreads * kEach;
	}));
	for (auto &x : t)
		x.join();
	for (auto &s : seen)
		for (unsigned n = 0; n < s.size(); n++)
			ASSERT_EQ(s[n], n);
}

// No call is lost: after the last one the function runs once more.
TEST_P(Loop, CallStorm)
{
	std::atomic<uint64_t> given{0}, seen{0}, runs{0};
	constexpr unsigned kThreads = 3, kEach = 3000;
	Task task([&] {
		runs++;
		seen = given.load();
	});
	std::vector<std::thread> t;

	for (unsigned i = 0; i < kThreads; i++)
		t.emplace_back([&] {
			for (unsigned k = 0; k < kEach; k++) {
				given++;
				loop_call(l, &task.t);
				if (k % 8 == 0) // let the owner fall asleep
					while (seen < given)
						std::this_thread::yield();
			}
		});
	EXPECT_TRUE(Until([&] { return seen == kThreads * kEach; }));
	for (auto &x : t)
		x.join();
	EXPECT_LE(runs, kThreads * kEach);
}

TEST_P(Loop, ACallEndsASleep)
{
	bool ran = false;
	Task task([&] { ran = true; });

	for (int i = 0; i < 20; i++) {
		ran = false;
		std::thread t([&] {
			usleep(i % 4 * 2000);
			loop_call(l, &task.t);
		});
		while (!ran)
			EXPECT_GE(loop_run(l, UINT64_MAX), 0);
		t.join();
	}
}

TEST_P(Loop, PostedFromInsideRunsInTheNextRound)
{
	unsigned runs = 0;
	bool inside = false;
	Task *again = nullptr;
	Task task([&] {
		EXPECT_FALSE(inside);
		inside = true;
		runs++;
		loop_call(l, &again->t); // from inside: later
		loop_call(l, &again->t); // and once
		EXPECT_EQ(loop_run(l, 0), -EBUSY);
		inside = false;
	});
	again = &task;

	loop_call(l, &task.t);
	for (unsigned i = 0; i < 10; i++)
		loop_run(l, UINT64_MAX); // there is always one that waits: it does not sleep
	EXPECT_GE(runs, 10u);
	EXPECT_LE(runs, 21u);
	loop_uncall(l, &task.t);
	runs = 0;
	Rounds();
	EXPECT_EQ(runs, 0u);
}

TEST_P(Loop, UncallTakesOneOutOfTheMiddle)
{
	std::string order;
	Task a([&] { order += 'a'; }), b([&] { order += 'b'; }), c([&] { order += 'c'; }), d([&] { order += 'd'; });

	loop_call(l, &a.t);
	loop_call(l, &b.t);
	loop_call(l, &c.t);
	loop_uncall(l, &b.t);
	loop_uncall(l, &c.t); // the last one: others still find the end
	loop_call(l, &d.t);
	loop_run_posted(l);
	EXPECT_EQ(order, "ad");
	loop_call(l, &b.t);
	loop_run_posted(l);
	EXPECT_EQ(order, "adb");
}

TEST_P(Loop, WhatIsStillPostedIsForgottenWithTheLoop)
{
	static Task task([] { ADD_FAILURE(); }); // outlives the loop, as it must while it is queued

	loop_call(l, &task.t);
	EXPECT_EQ(loop_post(
			  l, [](void *) { ADD_FAILURE(); }, nullptr),
		  0); // its memory is freed: the sanitizer would tell
}

// ---- descriptors ----

TEST_P(Loop, WatchesAreLevelTriggered)
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

TEST_P(Loop, WritabilityIsToldWhileItIsWanted)
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

TEST_P(Loop, WatchesMayBeChangedAndFreedInsideOfOne)
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
TEST_P(Loop, ADescriptorMayBeReplacedUnderItsNumber)
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
TEST_P(Loop, AnUnwatchedSocketIsClosedByItsClose)
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

TEST_P(Loop, ADescriptorClosedWhileWatchedIsGivenUpAndSaidOnce)
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
TEST_P(Loop, AHangUpIsToldWithoutSpinning)
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
	EXPECT_EQ(loop_run(l, now_ns() + 2 * kMs), 0);
	EXPECT_EQ(calls, 1u);
	EXPECT_TRUE(Until([&] { return calls >= 3; }));
	loop_unwatch(l, fd[0]);
	close(fd[0]);
}

// The other side has sent its last, but listens: nobody asked for that, and io_uring tells it all the same.
TEST_P(Loop, HalfAHangUpThatNobodyAskedForDoesNotSpin)
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
TEST_P(Loop, ATerminalWhoseSettingsChangeIsStillWatched)
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

TEST_P(Loop, ThousandsOfDescriptors)
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

TEST_P(Loop, ASignalEndsASleep)
{
	struct sigaction act = {}, old;

	act.sa_handler = [](int) {};
	ASSERT_EQ(sigaction(SIGUSR1, &act, &old), 0);
	const pthread_t self = pthread_self();
	std::atomic<bool> done{false};
	std::thread t([&] {
		while (!done) { // the first may come before the sleep
			usleep(2000);
			pthread_kill(self, SIGUSR1);
		}
	});
	EXPECT_EQ(loop_run(l, UINT64_MAX), 0);
	done = true;
	t.join();
	sigaction(SIGUSR1, &old, nullptr);
}

// ---- pollers ----

TEST_P(Loop, APollerHasItsTurnBeforeEachSleepAndSaysWhenItIsDue)
{
	struct State {
		uint64_t due = UINT64_MAX, went = 0;
		unsigned turns = 0, sleeps = 0, wakes = 0;
	} s;
	struct loop_poller p = {};

	p.ctx = &s;
	p.turn = [](void *ctx) {
		auto *x = (State *)ctx;
		x->turns++;
		if (now_ns() < x->due)
			return 0;
		x->went = now_ns();
		x->due = UINT64_MAX;
		return 1;
	};
	p.due = [](void *ctx) { return ((State *)ctx)->due; };
	p.sleep = [](void *ctx, uint64_t *until) {
		auto *x = (State *)ctx;
		x->sleeps++;
		if (*until > now_ns() + kMs)
			*until = now_ns() + kMs; // naps, which the caller does not notice
		return 0;
	};
	p.wake = [](void *ctx) {
		((State *)ctx)->wakes++;
		return 0;
	};
	loop_add_poller(l, &p);
	uint64_t at = s.due = now_ns() + 10 * kMs;
	EXPECT_EQ(loop_run(l, UINT64_MAX), 1);
	EXPECT_GE(s.went, at);
	EXPECT_GE(s.sleeps, 1u);
	EXPECT_EQ(s.sleeps, s.wakes);
	EXPECT_GT(s.turns, s.sleeps);
	loop_remove_poller(l, &p);
	s.turns = 0;
	Rounds();
	EXPECT_EQ(s.turns, 0u);
}

INSTANTIATE_TEST_SUITE_P(Waits, Loop,
			 testing::Values(std::make_pair("uring", 0u), std::make_pair("uring", 50u),
					 std::make_pair("poll", 0u), std::make_pair("poll", 50u)),
			 [](auto &i) { return std::string(i.param.first) + (i.param.second ? "_spinning" : ""); });

TEST(LoopCreate, UnknownWayToWait)
{
	struct loop *l = nullptr;

	for (const char *name : {"", "select", (const char *)nullptr}) {
		struct loop_options o = {name, 0};
		EXPECT_EQ(loop_create(&l, &o), -EINVAL);
	}
	loop_destroy(nullptr);
}

TEST(LoopCreate, SetUpOnOneThreadRunOnAnotherTakenDownOnTheFirst)
{
	for (const char *waits : {"uring", "poll"}) {
		struct loop_options o = {waits, 0};
		struct loop *l = nullptr;
		unsigned calls = 0;
		int fd = Event(1), other = Event();
		FdFn fn = [&](int f, unsigned) {
			calls++;
			Read(f);
		};

		ASSERT_EQ(loop_create(&l, &o), 0);
		ASSERT_EQ(loop_watch(l, fd, LOOP_READ, CallFdFn, &fn), 0);
		ASSERT_EQ(loop_watch(l, other, LOOP_READ, CallFdFn, &fn), 0);
		std::thread([&] {
			while (!calls)
				ASSERT_GE(loop_run(l, UINT64_MAX), 0);
		}).join();
		EXPECT_EQ(calls, 1u);
		loop_unwatch(l, fd);
		close(fd);
		loop_destroy(l);
		close(other);
	}
}
