// SPDX-License-Identifier: Apache-2.0
// The event loop with a link of each kind on it: deadlines, calls, watched descriptors. tests/unit/net/loop_test.cc has
// the loop alone.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "net/now.h"
#include "tests/conform/fixture.h"

using namespace conform;

namespace
{

class Loop : public Conform
{
};

uint64_t ms_since(uint64_t t)
{
	return (now_ns() - t) / 1000000;
}

} // namespace

TEST_P(Loop, DeadlinesAreKept)
{
	Node &a = add(), &b = add();

	connect(a, 0, b, 0);
	while (a.run(0) > 0)
		;
	for (unsigned ms : {0u, 1u, 30u, 100u}) {
		uint64_t t = now_ns();
		EXPECT_EQ(a.run(ms), 0);
		EXPECT_GE(now_ns() - t + 100000, ms * 1000000ull);
		EXPECT_LT(ms_since(t), ms + 200u);
	}
}

TEST_P(Loop, KickFromOtherThreadsEndsASleep)
{
	Node &a = add();

	for (int i = 0; i < 20; i++) {
		std::thread t([&] {
			usleep(i % 4 * 2000);
			loop_call(link_loop(a.l), &a.kick);
		});
		uint64_t begin = now_ns(), before = a.kicks;
		while (a.kicks == before && ms_since(begin) < 5000)
			loop_run(link_loop(a.l), begin + 5000000000ull);
		t.join();
		EXPECT_EQ(a.kicks, before + 1);
		EXPECT_LT(ms_since(begin), 2000u);
	}
}

// No kick is lost: the last one is always followed by a call.
TEST_P(Loop, KickStorm)
{
	Node &a = add();
	std::atomic<uint64_t> given{0}, seen{0};
	const unsigned threads = 3, each = 3000;
	std::vector<std::thread> t;
	uint64_t kicks = 0, end = now_ns() + 20000000000ull;

	for (unsigned i = 0; i < threads; i++)
		t.emplace_back([&] {
			for (unsigned k = 0; k < each; k++) {
				given++;
				loop_call(link_loop(a.l), &a.kick);
				if (k % 8 == 0) // let the owner fall asleep
					while (seen < given && now_ns() < end)
						std::this_thread::yield();
			}
		});
	while (seen < threads * each && now_ns() < end) {
		loop_run(link_loop(a.l), end);
		if (a.kicks != kicks) {
			kicks = a.kicks;
			seen = given.load();
		}
	}
	for (auto &x : t)
		x.join();
	EXPECT_EQ(seen, threads * each);
	EXPECT_LE(a.kicks, threads * each);
}

TEST_P(Loop, WatchedDescriptorsAreLevelTriggered)
{
	Node &a = add();
	int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC); // readable three times
	static int calls;

	calls = 0;
	ASSERT_EQ(loop_watch(
			  link_loop(a.l), fd, LOOP_READ,
			  [](void *ctx, int f, unsigned) {
				  uint64_t v;
				  EXPECT_EQ(ctx, &calls);
				  if (calls++ != 1) { // once it is left as it is
					  EXPECT_EQ(read(f, &v, sizeof(v)), (ssize_t)sizeof(v));
				  }
			  },
			  &calls),
		  0);
	EXPECT_TRUE(pump(1000, [&] { return calls == 4; }));
	pump(20, [] { return false; });
	EXPECT_EQ(calls, 4);
	loop_unwatch(link_loop(a.l), fd);
	uint64_t one = 1;
	EXPECT_EQ(write(fd, &one, sizeof(one)), (ssize_t)sizeof(one));
	pump(20, [] { return false; });
	EXPECT_EQ(calls, 4);
	close(fd);
}

TEST_P(Loop, WatchEndsASleepAndMayBeChangedInside)
{
	Node &a = add();
	struct Ctx {
		struct link *l;
		int fd[2], calls[2];
	} c = {a.l, {eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)}, {0, 0}};

	loop_watch(
		link_loop(a.l), c.fd[0], LOOP_READ,
		[](void *ctx, int fd, unsigned) {
			auto x = (Ctx *)ctx;
			x->calls[0]++;
			loop_unwatch(link_loop(x->l), fd); // itself
			close(fd);
			loop_watch(
				link_loop(x->l), x->fd[1], LOOP_READ,
				[](void *ctx2, int fd2, unsigned) {
					((Ctx *)ctx2)->calls[1]++;
					loop_unwatch(link_loop(((Ctx *)ctx2)->l), fd2);
				},
				x);
		},
		&c);
	int writer = dup(c.fd[0]); // the callback closes its own
	std::thread t([writer] {
		uint64_t one = 1;
		usleep(20000);
		EXPECT_EQ(write(writer, &one, sizeof(one)), (ssize_t)sizeof(one));
	});
	uint64_t begin = now_ns();
	while (!c.calls[1] && ms_since(begin) < 5000)
		loop_run(link_loop(a.l), begin + 5000000000ull);
	t.join();
	close(writer);
	pump(10, [] { return false; });
	EXPECT_EQ(c.calls[0], 1);
	EXPECT_EQ(c.calls[1], 1);
	EXPECT_LT(ms_since(begin), 2000u);
	close(c.fd[1]);
}

TEST_P(Loop, MessageEndsASleep)
{
	std::atomic<bool> done{false};
	Node &a = add(), &b = add();

	connect(a, 0, b, 0);
	a.run(0);
	std::thread t([&] {
		usleep(20000);
		b.send(0, control(1));
		/* Until it is there: a link that loses frames sends them again only while it runs. */
		do
			loop_run(link_loop(b.l), now_ns() + 5000000);
		while (!done);
	});
	uint64_t begin = now_ns();
	while (!a.msgs && ms_since(begin) < 5000)
		loop_run(link_loop(a.l), begin + 5000000000ull);
	done = true;
	t.join();
	EXPECT_EQ(a.msgs, 1u);
	EXPECT_LT(ms_since(begin), 2000u);
}

TEST_P(Loop, ASignalEndsASleep)
{
	Node &a = add(), &b = add();
	struct sigaction act = {}, old;

	connect(a, 0, b, 0);
	settle(a, b);
	act.sa_handler = [](int) {};
	ASSERT_EQ(sigaction(SIGUSR1, &act, &old), 0);
	const pthread_t self = pthread_self();
	std::atomic<bool> done{false};
	std::thread t([&] {
		while (!done) { // the first may come before the sleep
			usleep(20000);
			pthread_kill(self, SIGUSR1);
		}
	});
	uint64_t begin = now_ns();
	EXPECT_EQ(loop_run(link_loop(a.l), begin + 5000000000ull), 0);
	EXPECT_LT(ms_since(begin), 2000u);
	done = true;
	t.join();
	sigaction(SIGUSR1, &old, nullptr);
}

INSTANTIATE_TEST_SUITE_P(All, Loop, testing::ValuesIn(transports()), [](auto &i) { return i.param.shown; });
