// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

extern "C" {
#include "vmm/host/handshakes.h"
}

namespace
{

struct Handshakes : testing::Test {
	handshakes h;
	int listening = -1;
	std::vector<int> ours, theirs; // both ends, in order

	void SetUp() override
	{
		sockaddr_in a = {};
		a.sin_family = AF_INET;
		a.sin_addr.s_addr = htonl(INADDR_ANY);
		listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(0, bind(listening, (sockaddr *)&a, sizeof(a)));
		ASSERT_EQ(0, listen(listening, 128));
		handshakes_init(&h);
	}
	void TearDown() override
	{
		for (int fd : ours)
			close(fd);
		for (int fd : theirs)
			close(fd);
		close(listening);
	}
	// A connection from 127.0.0.`from`.
	int Come(unsigned from)
	{
		sockaddr_in a = {}, to = {};
		socklen_t n = sizeof(to);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		a.sin_family = AF_INET;
		a.sin_addr.s_addr = htonl(0x7f000000 + from);
		EXPECT_EQ(0, bind(fd, (sockaddr *)&a, sizeof(a)));
		EXPECT_EQ(0, getsockname(listening, (sockaddr *)&to, &n));
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		EXPECT_EQ(0, connect(fd, (sockaddr *)&to, sizeof(to)));
		theirs.push_back(fd);
		ours.push_back(accept4(listening, nullptr, nullptr, SOCK_CLOEXEC));
		return handshakes_begin(&h, ours.back());
	}
	bool IsCut(size_t i)
	{
		char c;
		return recv(ours[i], &c, 1, MSG_DONTWAIT) == 0;
	}
};

TEST_F(Handshakes, TheOldestOfTheBusiestSourceGivesWay)
{
	std::vector<int> place;
	place.push_back(Come(9)); // the oldest of all, but the only one from there
	for (unsigned i = 1; i < HANDSHAKES_MAX; i++)
		place.push_back(Come(i < 5 ? 7 : 8));
	EXPECT_EQ(0u, h.gave_way);
	EXPECT_GE(Come(9), 0);
	EXPECT_FALSE(IsCut(0));
	EXPECT_FALSE(IsCut(1));
	EXPECT_TRUE(IsCut(5)) << "the first of the source with the most";
	EXPECT_EQ(1u, h.gave_way);
	EXPECT_TRUE(handshakes_end(&h, place[5]));
	EXPECT_FALSE(handshakes_end(&h, place[0]));
	EXPECT_EQ(HANDSHAKES_MAX - 1, h.n);
	EXPECT_EQ(0u, h.ending);
}

TEST_F(Handshakes, ThereIsAnEndToThoseThatAreToldAndDoNotEnd)
{
	for (unsigned i = 0; i < HANDSHAKES_AT_ONCE; i++)
		EXPECT_GE(Come(7), 0);
	EXPECT_EQ(HANDSHAKES_ENDING, h.ending);
	EXPECT_EQ(-1, Come(7));
	handshakes_cut(&h);
	for (size_t i = 0; i < HANDSHAKES_AT_ONCE; i++)
		EXPECT_TRUE(IsCut(i)) << i;
	for (unsigned i = 0; i < HANDSHAKES_AT_ONCE; i++)
		handshakes_end(&h, (int)i);
	EXPECT_EQ(0u, h.n);
	EXPECT_EQ(0u, h.ending);
}

} // namespace
