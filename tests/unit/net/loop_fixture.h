// SPDX-License-Identifier: Apache-2.0
// A loop of each kind, for the tests of its files.
#ifndef TESTS_UNIT_NET_LOOP_FIXTURE_H
#define TESTS_UNIT_NET_LOOP_FIXTURE_H

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

extern "C" {
#include "net/loop.h"
#include "net/now.h"
}

namespace loop_test
{

using Fn = std::function<void()>;
using FdFn = std::function<void(int, unsigned)>;

inline void CallFn(void *f)
{
	(*(Fn *)f)();
}

inline void CallFdFn(void *f, int fd, unsigned events)
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

inline void Write(int fd)
{
	uint64_t one = 1;

	EXPECT_EQ(write(fd, &one, sizeof(one)), (ssize_t)sizeof(one));
}

inline void Read(int fd)
{
	uint64_t v;

	EXPECT_EQ(read(fd, &v, sizeof(v)), (ssize_t)sizeof(v));
}

inline int Event(unsigned n = 0)
{
	return eventfd(n, EFD_CLOEXEC | EFD_NONBLOCK);
}

inline auto Waits()
{
	return testing::Values(std::make_pair("uring", 0u), std::make_pair("uring", 50u), std::make_pair("poll", 0u),
			       std::make_pair("poll", 50u));
}

inline std::string Name(const testing::TestParamInfo<std::pair<const char *, unsigned>> &i)
{
	return std::string(i.param.first) + (i.param.second ? "_spinning" : "");
}

} // namespace loop_test

#endif
