// SPDX-License-Identifier: Apache-2.0
// The order of a round, and posted functions, over each way to wait. What links do on it is in tests/conform.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <sched.h>
#include <sys/time.h>
#include <thread>
#include <vector>

#include "tests/unit/net/loop_fixture.h"

using namespace loop_test;

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
	loop_uncall(l, &task.t); // a thread whose last number another one's call has shown may have called since
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

// ---- rounds ----

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

// A timer's signals, more often than a system call takes: some come in the middle of one that does not sleep.
TEST_P(Loop, ASignalInARoundThatDoesNotSleepIsNoError)
{
	struct sigaction act = {}, old;
	const struct itimerval often = {{0, 20}, {0, 20}}, never = {};
	static volatile sig_atomic_t signals;
	int wrong = 0;

	signals = 0;
	act.sa_handler = [](int) { signals = signals + 1; };
	act.sa_flags = SA_RESTART; // which poll and io_uring do not heed
	ASSERT_EQ(sigaction(SIGALRM, &act, &old), 0);
	ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
	while (signals < 5000 && !wrong)
		wrong = loop_run(l, 0);
	setitimer(ITIMER_REAL, &never, nullptr);
	EXPECT_EQ(wrong, 0);
	sigaction(SIGALRM, &old, nullptr);
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
		((State *)ctx)->turns++;
		return 0;
	};
	p.due = [](void *ctx) { return ((State *)ctx)->due; };
	p.expire = [](void *ctx) {
		auto *x = (State *)ctx;
		x->went = now_ns();
		x->due = UINT64_MAX;
	};
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

INSTANTIATE_TEST_SUITE_P(Waits, Loop, Waits(), Name);

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

TEST(LoopThread, GoesFirstWhereItMayAndItsThreadsDoNot)
{
	int own = -1, child = -1;
	bool may = false;
	std::thread([&] {
		sched_param param = {};
		param.sched_priority = 1;
		loop_go_first(1);
		own = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
		may = sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) == 0;
		std::thread([&] { child = sched_getscheduler(0); }).join();
	}).join();
	EXPECT_EQ(may ? SCHED_FIFO : SCHED_OTHER, own);
	EXPECT_EQ(SCHED_OTHER, child);
}
