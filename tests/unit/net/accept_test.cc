// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/accept.h"
#include "net/now.h"
}

namespace
{

struct Accept : testing::Test {
	struct loop *l = nullptr;
	struct acceptor a = {};
	int fd = -1;
	sockaddr_in at = {};
	std::vector<int> got;
	bool stop = false;
	std::vector<int> callers;

	void SetUp() override
	{
		struct loop_options o = {"uring", 0};
		socklen_t n = sizeof(at);

		ASSERT_EQ(loop_create(&l, &o), 0);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		at.sin_family = AF_INET;
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ASSERT_EQ(bind(fd, (sockaddr *)&at, n), 0);
		ASSERT_EQ(listen(fd, 32), 0);
		ASSERT_EQ(getsockname(fd, (sockaddr *)&at, &n), 0);
		ASSERT_EQ(acceptor_start(&a, l, fd, "test", Connection, this), 0);
	}
	void TearDown() override
	{
		acceptor_stop(&a);
		acceptor_stop(&a);
		loop_destroy(l);
		close(fd);
		for (int c : got)
			close(c);
		for (int c : callers)
			close(c);
	}
	static void Connection(void *ctx, int c)
	{
		auto *t = (Accept *)ctx;
		t->got.push_back(c);
		if (t->stop)
			acceptor_stop(&t->a);
	}
	int Socket()
	{
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	void Call(int c)
	{
		callers.push_back(c);
		ASSERT_EQ(connect(c, (sockaddr *)&at, sizeof(at)), 0);
	}
	bool Until(size_t n)
	{
		uint64_t end = now_ns() + 10000000000ull;

		while (got.size() < n && now_ns() < end)
			loop_run(l, now_ns() + 50000000);
		return got.size() == n;
	}
};

} // namespace

TEST_F(Accept, TakesWhoeverConnects)
{
	for (unsigned i = 0; i < 30; i++)
		Call(Socket());
	EXPECT_TRUE(Until(30));
	for (int c : got) {
		EXPECT_TRUE(fcntl(c, F_GETFD) & FD_CLOEXEC);
		EXPECT_TRUE(fcntl(c, F_GETFL) & O_NONBLOCK);
	}
	EXPECT_TRUE(fcntl(fd, F_GETFL) & O_NONBLOCK) << "who went again before he was taken is not waited for";
}

TEST_F(Accept, MayBeStoppedByAConnection)
{
	stop = true;
	Call(Socket());
	Call(Socket());
	EXPECT_TRUE(Until(1));
	loop_run(l, 0);
	EXPECT_EQ(got.size(), 1u);
}

// Such a socket stays readable: the loop took a whole processor, without a word.
TEST_F(Accept, WithoutDescriptorsItWaitsAndSaysSoOnce)
{
	struct rlimit old, none;
	int caller = Socket(), next = dup(fd);
	unsigned rounds = 0;

	Call(caller);
	ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	loop_run(l, 0);
	ASSERT_EQ(got.size(), 1u); // the ring is set up by now
	Call(Socket());
	close(next);
	none = old;
	none.rlim_cur = (rlim_t)next; // the next number is one too many
	testing::internal::CaptureStderr();
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (uint64_t end = now_ns() + 3 * ACCEPT_PAUSE_NS; now_ns() < end; rounds++)
		loop_run(l, end);
	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	std::string said = testing::internal::GetCapturedStderr();
	EXPECT_NE(said.find("test: no connection can be taken: Too many open files"), std::string::npos) << said;
	EXPECT_EQ(said.find("no connection"), said.rfind("no connection"));
	EXPECT_LT(rounds, 50u);
	EXPECT_EQ(got.size(), 1u);
	EXPECT_TRUE(Until(2)) << "when there are some again, it goes on";
}

TEST_F(Accept, ASocketThatDoesNotListenAnyMoreDoesNotSpin)
{
	unsigned rounds = 0;

	testing::internal::CaptureStderr();
	shutdown(fd, SHUT_RDWR);
	for (uint64_t end = now_ns() + 2 * ACCEPT_PAUSE_NS; now_ns() < end; rounds++)
		loop_run(l, end);
	EXPECT_NE(testing::internal::GetCapturedStderr().find("no connection can be taken"), std::string::npos);
	EXPECT_LT(rounds, 50u);
}

TEST_F(Accept, WhatDoesNotListenIsRefusedAtOnce)
{
	struct acceptor b = {};
	int plain = Socket(), file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	EXPECT_EQ(acceptor_start(&b, l, plain, "test", Connection, this), -EINVAL);
	EXPECT_EQ(acceptor_start(&b, l, file, "test", Connection, this), -ENOTSOCK);
	close(file);
	EXPECT_EQ(acceptor_start(&b, l, file, "test", Connection, this), -EBADF);
	EXPECT_EQ(acceptor_start(&b, l, fd, "test", Connection, this), -EEXIST) << "it has one already";
	EXPECT_EQ(accept_check(fd), 0);
	close(plain);
	acceptor_stop(&b);
}
