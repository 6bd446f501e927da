// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/nets/fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace
{

struct Stream : Nets {
	char dir[32] = "/tmp/pando-stream-XXXXXX";
	int listener = -1, peer = -1;

	void SetUp() override
	{
		Nets::SetUp();
		ASSERT_TRUE(mkdtemp(dir));
		c.back = NET_BACK_STREAM;
		snprintf(c.socket, sizeof(c.socket), "%s/s", dir);
	}
	void TearDown() override
	{
		Nets::TearDown();
		gone();
		unlink(c.socket);
		rmdir(dir);
	}
	void gone()
	{
		for (int *fd : {&listener, &peer}) {
			if (*fd >= 0)
				close(*fd);
			*fd = -1;
		}
	}
	void listen_there()
	{
		sockaddr_un a = {};
		a.sun_family = AF_UNIX;
		strcpy(a.sun_path, c.socket);
		unlink(c.socket);
		listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(0, bind(listener, (sockaddr *)&a, sizeof(a)));
		ASSERT_EQ(0, listen(listener, 1));
	}
	void listen_tcp()
	{
		sockaddr_in a = {};
		socklen_t len = sizeof(a);
		a.sin_family = AF_INET;
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(0, bind(listener, (sockaddr *)&a, sizeof(a)));
		ASSERT_EQ(0, listen(listener, 1));
		ASSERT_EQ(0, getsockname(listener, (sockaddr *)&a, &len));
		snprintf(c.socket, sizeof(c.socket), "127.0.0.1:%u", ntohs(a.sin_port));
	}
	void accept_one()
	{
		pollfd p = {listener, POLLIN, 0};
		ASSERT_TRUE(until([&] { return poll(&p, 1, 0) == 1; }));
		peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
		ASSERT_GE(peer, 0);
	}
	void talk(unsigned seed)
	{
		ASSERT_TRUE(send(frame(1514, seed)));
		nets_flush(n);
		EXPECT_EQ(frame(1514, seed), read_frame(peer));
		Bytes b = with_length(frame(60, seed + 1));
		size_t had = got.size();
		ASSERT_EQ((ssize_t)b.size(), write(peer, b.data(), b.size()));
		ASSERT_TRUE(until([&] { return got.size() > had; }));
		EXPECT_EQ(frame(60, seed + 1), got.back());
	}
};

TEST_F(Stream, OverAPathAndOverTcp)
{
	listen_there();
	ASSERT_EQ(0, open()) << why;
	accept_one();
	talk(1);
	EXPECT_EQ(1u, counts().sent);
	EXPECT_EQ(1514u, counts().sent_bytes);
	EXPECT_EQ(1u, counts().received);
	EXPECT_EQ(60u, counts().received_bytes);
	EXPECT_EQ(0u, nets_features(n));
	nets_close(n);
	n = nullptr;
	gone();
	unlink(c.socket);
	listen_tcp();
	ASSERT_EQ(0, open()) << why;
	accept_one();
	talk(2);
	EXPECT_TRUE(links.empty());
	strcpy(c.socket, "/nothing-to-unlink");
}

TEST_F(Stream, NobodyListens)
{
	EXPECT_EQ(-ENOENT, open());
	EXPECT_TRUE(strstr(why, c.socket)) << why;
	EXPECT_TRUE(strstr(why, "No such file")) << why;
	listen_tcp();
	gone();
	EXPECT_EQ(-ECONNREFUSED, open());
	EXPECT_TRUE(strstr(why, "127.0.0.1:")) << why;
	strcpy(c.socket, "pando.invalid:1");
	EXPECT_EQ(-EADDRNOTAVAIL, open());
	EXPECT_TRUE(strstr(why, "pando.invalid")) << why;
	strcpy(c.socket, "/nothing-to-unlink");
}

TEST_F(Stream, ThePeerGoesAndComesBack)
{
	listen_there();
	ASSERT_EQ(0, open()) << why;
	accept_one();
	gone(); // the listener too
	ASSERT_TRUE(until([&] { return links.size() == 1; }));
	EXPECT_TRUE(strstr(links[0].c_str(), c.socket)) << links[0];
	EXPECT_FALSE(nets_up(n));
	EXPECT_EQ(1u, counts().links_lost);
	for (unsigned i = 0; i < 1000; i++) // as with the cable out: dropped, and never told to wait
		ASSERT_TRUE(send(frame(65535, i)));
	nets_flush(n);
	EXPECT_EQ(1000u, counts().dropped_out);
	EXPECT_EQ(0u, counts().sent);
	rounds(50); // some tries in vain
	listen_there();
	ASSERT_TRUE(until([&] { return links.size() == 2; }));
	EXPECT_EQ("", links[1]);
	accept_one();
	talk(3);
}

TEST_F(Stream, APeerThatLies)
{
	listen_there();
	ASSERT_EQ(0, open()) << why;
	accept_one();
	Bytes b = with_length({}, 70000);
	ASSERT_EQ((ssize_t)b.size(), write(peer, b.data(), b.size()));
	ASSERT_TRUE(until([&] { return links.size() == 1; }));
	EXPECT_TRUE(strstr(links[0].c_str(), "frame of 70000 bytes")) << links[0];
	close(peer);
	ASSERT_TRUE(until([&] { return links.size() == 2; }));
	accept_one();
	talk(4);
}

TEST_F(Stream, TooLongForThisProtocol)
{
	listen_there();
	ASSERT_EQ(0, open()) << why;
	accept_one();
	ASSERT_TRUE(send(frame(65536, 1)));
	ASSERT_TRUE(send(frame(NET_FRAME_MAX, 1)));
	EXPECT_EQ(2u, counts().dropped_out);
	talk(5);
}

TEST_F(Stream, TheCableIsPulled)
{
	listen_there();
	ASSERT_EQ(0, open()) << why;
	accept_one();
	nets_pull(n, true);
	nets_pull(n, true);
	EXPECT_EQ((std::vector<std::string>{"the cable was pulled"}), links);
	EXPECT_EQ(0u, counts().links_lost);
	ASSERT_TRUE(send(frame(60, 1)));
	Bytes b = with_length(frame(60, 2));
	ASSERT_EQ((ssize_t)b.size(), write(peer, b.data(), b.size()));
	ASSERT_TRUE(until([&] { return counts().dropped_in == 1; }));
	EXPECT_EQ(1u, counts().dropped_out);
	EXPECT_TRUE(got.empty());
	nets_pull(n, false);
	EXPECT_EQ(2u, links.size());
	talk(6);
	/* Both ends: up again when both are. */
	nets_pull(n, true);
	close(peer);
	ASSERT_TRUE(until([&] { return counts().links_lost == 1; }));
	EXPECT_EQ(3u, links.size());
	accept_one();
	rounds(50);
	EXPECT_FALSE(nets_up(n));
	nets_pull(n, false);
	ASSERT_TRUE(until([&] { return links.size() == 4; }));
	talk(7);
}

TEST_F(Stream, ClosedWhileItIsTriedAgain)
{
	listen_there();
	ASSERT_EQ(0, open()) << why;
	accept_one();
	gone();
	ASSERT_TRUE(until([&] { return links.size() == 1; }));
	nets_close(n);
	n = nullptr;
	rounds(20);
}

TEST_F(Nets, NothingBehindTheCard)
{
	ASSERT_EQ(0, open()) << why;
	EXPECT_FALSE(nets_up(n));
	EXPECT_TRUE(send(frame(60, 1)));
	nets_flush(n);
	net_frame f;
	EXPECT_FALSE(nets_peek(n, &f));
	EXPECT_EQ(1u, counts().dropped_out);
	nets_accepted(n, ~0ull);
	rounds();
}

} // namespace
