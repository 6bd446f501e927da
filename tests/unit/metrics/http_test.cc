// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <vector>

extern "C" {
#include "vmm/metrics/http.h"
}

namespace
{

struct Http : testing::Test {
	struct metrics_http *server = nullptr;
	int fd = -1;
	uint16_t port = 0;
	int wanted = 0, refuse = 0;

	static int Wanted(void *ctx)
	{
		static_cast<Http *>(ctx)->wanted++;
		return static_cast<Http *>(ctx)->refuse;
	}
	void SetUp() override
	{
		if (!metrics_http_built_in())
			GTEST_SKIP() << "built without libmicrohttpd";
		fd = metrics_listen(":0", false);
		ASSERT_GE(fd, 0);
		struct sockaddr_in a;
		socklen_t n = sizeof(a);
		ASSERT_EQ(0, getsockname(fd, (struct sockaddr *)&a, &n));
		port = ntohs(a.sin_port);
		ASSERT_EQ(0, metrics_http_start(&server, Wanted, this));
	}
	void TearDown() override
	{
		metrics_http_stop(server);
		close(fd);
	}
	void Take()
	{
		for (int c; (c = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;)
			metrics_http_add(server, c);
	}
	int Connect(const std::string &text)
	{
		struct sockaddr_in a = {};
		a.sin_family = AF_INET;
		a.sin_port = htons(port);
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		int c = socket(AF_INET, SOCK_STREAM, 0);
		struct timeval limit = {1, 0};
		setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		EXPECT_EQ(0, connect(c, (struct sockaddr *)&a, sizeof(a)));
		EXPECT_EQ((ssize_t)text.size(), send(c, text.data(), text.size(), MSG_NOSIGNAL));
		return c;
	}
	// Runs the server while its descriptor says that there is work.
	void Run()
	{
		struct pollfd p = {metrics_http_fd(server), POLLIN, 0};
		Take();
		for (int i = 0; i < 50 && poll(&p, 1, 20) > 0; i++)
			metrics_http_run(server);
		metrics_http_run(server); // and now and then, as its header asks
	}
	std::string Answer(int fd)
	{
		std::string all;
		char buf[4096];
		ssize_t n;
		Run();
		while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
			all.append(buf, (size_t)n);
		close(fd);
		return all;
	}
	std::string Get(const std::string &request)
	{
		return Answer(Connect(request));
	}
};

} // namespace

TEST_F(Http, AScrapeWaitsForTheText)
{
	int a = Connect("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
	    b = Connect("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	char c;
	Run();
	EXPECT_EQ(2, wanted);
	EXPECT_EQ(-1, recv(a, &c, 1, MSG_DONTWAIT)) << "nothing yet";
	metrics_http_answer(server, "pando_x 1\n", 10);
	for (int fd : {a, b}) {
		std::string t = Answer(fd);
		EXPECT_EQ(0u, t.rfind("HTTP/1.1 200", 0)) << t;
		EXPECT_NE(std::string::npos, t.find("text/plain; version=0.0.4"));
		EXPECT_NE(std::string::npos, t.find("\r\n\r\npando_x 1\n"));
	}
}

TEST_F(Http, NoTextIsUnavailable)
{
	int fd = Connect("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	Run();
	metrics_http_answer(server, nullptr, 0);
	EXPECT_EQ(0u, Answer(fd).rfind("HTTP/1.1 503", 0));
	refuse = -ENOSPC;
	EXPECT_EQ(0u, Get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").rfind("HTTP/1.1 503", 0));
}

TEST_F(Http, OtherRequests)
{
	EXPECT_EQ(0u, Get("GET / HTTP/1.1\r\nHost: x\r\n\r\n").rfind("HTTP/1.1 200", 0));
	EXPECT_EQ(0u, Get("GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n").rfind("HTTP/1.1 404", 0));
	EXPECT_EQ(0u, Get("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx").rfind("HTTP/1.1 405", 0));
	EXPECT_EQ(0, wanted);
}

TEST_F(Http, StrangeClientsHarmNobody)
{
	std::string large = "GET /metrics HTTP/1.1\r\nX: " + std::string(100000, 'a') + "\r\n\r\n";
	Get(large);
	Get(std::string("\0\xff\x16\x03garbage\r\n\r\n", 16));
	Get("GET /metrics HTT"); // half a request, then gone
	int gone = Connect("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	Run();
	EXPECT_EQ(1, wanted);
	close(gone); // while it waits
	Run();
	metrics_http_answer(server, "y\n", 2);
	Run();
	std::vector<int> idle;
	for (unsigned i = 0; i < METRICS_CONNECTIONS_MAX + 4; i++) {
		idle.push_back(Connect(""));
		Run();
	}
	for (int fd : idle)
		close(fd);
	Run();
	int fd = Connect("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	Run();
	metrics_http_answer(server, "z\n", 2);
	EXPECT_NE(std::string::npos, Answer(fd).find("\r\n\r\nz\n"));
}

TEST_F(Http, StopsWhileAScrapeWaits)
{
	int fd = Connect("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	Run();
	EXPECT_EQ(1, wanted);
	metrics_http_stop(server);
	server = nullptr;
	close(fd);
}

TEST(MetricsListen, OnlyLoopbackUnlessAsked)
{
	EXPECT_EQ(-EACCES, metrics_listen("0.0.0.0:0", false));
	EXPECT_EQ(-EACCES, metrics_listen("[::]:0", false));
	for (const char *bad : {"", "9477", "x y:1", "127.0.0.1:", "127.0.0.1:99999", "::1:9477"})
		EXPECT_EQ(-EINVAL, metrics_listen(bad, true)) << bad;
	for (const char *good : {":0", "127.0.0.1:0", "127.9.9.9:0"}) {
		int fd = metrics_listen(good, false);
		EXPECT_GE(fd, 0) << good;
		close(fd);
	}
	int fd = metrics_listen("0.0.0.0:0", true);
	EXPECT_GE(fd, 0);
	close(fd);
}
