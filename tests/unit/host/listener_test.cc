// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/session_talk.h"
#include "vmm/host/listener.h"
}

namespace
{

struct Listener : testing::Test {
	listener l;
	session_key key;
	std::string address;
	std::atomic<int> answered{0};
	seal_stream *seal = nullptr; // of Connect()

	void TearDown() override
	{
		seal_stream_free(seal);
	}

	static void Answer(void *ctx, int fd, seal_stream *seal)
	{
		static_cast<Listener *>(ctx)->answered++;
		EXPECT_EQ(session_say(fd, seal, (const uint8_t *)"hi", 2), 0);
	}
	void SetUp() override
	{
		const char *why = "";
		sockaddr_in a = {};
		socklen_t len = sizeof(a);
		int fd = session_listen("127.0.0.1:0", &why);

		ASSERT_GE(fd, 0) << why;
		ASSERT_EQ(getsockname(fd, (sockaddr *)&a, &len), 0);
		address = "127.0.0.1:" + std::to_string(ntohs(a.sin_port));
		session_key_random(&key);
		ASSERT_EQ(listener_start(&l, fd, &key, Answer, this), 0);
	}
	int Connect(uint8_t role)
	{
		session_hello me = {role, 0, 0};
		const char *why = "";
		int fd = session_connect(address.c_str(), &key, &me, 2000, &seal, &why);
		EXPECT_GE(fd, 0) << why;
		return fd;
	}
};

TEST_F(Listener, AnswersACheckItselfAndHandsItToNobody)
{
	session_talk talk;
	uint8_t got[2];
	int fd = Connect(SESSION_CHECK);

	session_talk_begin(&talk, fd, seal, 5000);
	EXPECT_EQ(session_talk_get(&talk, got, 2), 0);
	EXPECT_EQ(memcmp(got, "hi", 2), 0);
	EXPECT_EQ(read(fd, got, 1), 0) << "and closes it";
	close(fd);
	listener_stop(&l);
	EXPECT_EQ(answered, 1);
	EXPECT_EQ(l.ready_n, 0u);
	EXPECT_EQ(l.refused, 0u);
}

TEST_F(Listener, HandsOverTheOthers)
{
	listener_session s;
	int fd = Connect(SESSION_CONTROL);
	pollfd p = {l.event_fd, POLLIN, 0};

	ASSERT_EQ(poll(&p, 1, 5000), 1);
	ASSERT_TRUE(listener_take(&l, &s));
	EXPECT_EQ(s.hello.role, SESSION_CONTROL);
	EXPECT_FALSE(fcntl(s.fd, F_GETFL) & O_NONBLOCK);
	EXPECT_FALSE(listener_take(&l, &s));
	EXPECT_EQ(answered, 0);
	EXPECT_NE(s.seal, nullptr);
	listener_session_close(&s);
	close(fd);
	listener_stop(&l);
}

// Whoever fills the table with silence keeps out nobody who knows the key.
TEST_F(Listener, SilentStrangersKeepNobodyOut)
{
	std::vector<int> silent;
	listener_session s;
	pollfd p = {l.event_fd, POLLIN, 0};

	for (unsigned i = 0; i < 3 * HANDSHAKES_AT_ONCE; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in a = {};
		a.sin_family = AF_INET;
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a.sin_port = htons((uint16_t)std::stoi(address.substr(address.find(':') + 1)));
		ASSERT_EQ(connect(fd, (sockaddr *)&a, sizeof(a)), 0);
		silent.push_back(fd);
	}
	int fd = -1;
	const char *why = "";
	session_hello me = {SESSION_CONTROL, 0, 0};
	for (int i = 0; i < 20 && fd < 0; i++) // those in the queue before it are taken first
		fd = session_reach(address.c_str(), &key, &me, 2000, -1, &seal, &why);
	ASSERT_GE(fd, 0) << why;
	ASSERT_EQ(poll(&p, 1, 5000), 1);
	ASSERT_TRUE(listener_take(&l, &s));
	EXPECT_NE(s.seal, nullptr);
	listener_session_close(&s);
	close(fd);
	listener_stop(&l);
	EXPECT_GE(l.refused, 2 * HANDSHAKES_AT_ONCE);
	for (int each : silent)
		close(each);
}

TEST_F(Listener, StopsWhileNobodyCalls)
{
	listener_stop(&l);
}

TEST(ListenerStart, WhatDoesNotListenIsRefused)
{
	session_key key = {};
	listener l;

	EXPECT_EQ(listener_start(&l, open("/dev/null", O_RDONLY | O_CLOEXEC), &key, nullptr, nullptr), -ENOTSOCK);
	EXPECT_EQ(listener_start(&l, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), &key, nullptr, nullptr), -EINVAL);
	EXPECT_EQ(listener_start(&l, 900, &key, nullptr, nullptr), -EBADF);
}

} // namespace
