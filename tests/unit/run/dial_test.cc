// SPDX-License-Identifier: Apache-2.0
// Hosts that answer, refuse and say nothing, called at once.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

extern "C" {
#include "net/now.h"
#include "net/seal/stream.h"
#include "vmm/run/dial.h"
}

namespace
{

struct Dial : testing::Test {
	struct loop *loop = nullptr;
	session_key key = {};
	session_hello hello = {SESSION_CONTROL, 0, 7};
	char addresses[3][DESC_ADDRESS_MAX] = {};
	int listening[3] = {-1, -1, -1};
	struct dials *d = nullptr;
	struct Told {
		int fd;
		std::string why;
	};
	std::map<unsigned, Told> told;
	bool stop_at_first = false;

	void SetUp() override
	{
		loop_options o = {};
		o.waits = "poll";
		ASSERT_EQ(0, loop_create(&loop, &o));
		session_key_random(&key);
		for (unsigned i = 0; i < 3; i++) {
			const char *why = "";
			sockaddr_in a = {};
			socklen_t len = sizeof(a);
			listening[i] = session_listen("127.0.0.1:0", &why);
			ASSERT_GE(listening[i], 0) << why;
			ASSERT_EQ(getsockname(listening[i], (sockaddr *)&a, &len), 0);
			snprintf(addresses[i], DESC_ADDRESS_MAX, "127.0.0.1:%u", ntohs(a.sin_port));
		}
	}
	void TearDown() override
	{
		dials_stop(d);
		for (auto &t : told)
			if (t.second.fd >= 0)
				close(t.second.fd);
		for (int fd : listening)
			close(fd);
		loop_destroy(loop);
	}
	static void Done(void *ctx, unsigned host, int fd, seal_stream *seal, const char *why)
	{
		auto *t = static_cast<Dial *>(ctx);
		EXPECT_EQ(0u, t->told.count(host)) << "twice";
		seal_stream_free(seal);
		t->told[host] = {fd, why};
		if (t->stop_at_first) {
			dials_stop(t->d);
			t->d = nullptr;
		}
	}
	int Start(unsigned n, unsigned ms)
	{
		return dials_start(&d, loop, n, addresses, &key, &hello, ms, Done, this);
	}
	std::thread Host(unsigned i)
	{
		return std::thread([this, i] {
			session_hello h;
			int fd = accept(listening[i], nullptr, nullptr);
			seal_stream *seal;
			if (session_accept(fd, &key, &h, 3000, &seal) == 0)
				close(fd);
			seal_stream_free(seal);
		});
	}
	void Until(size_t n)
	{
		for (uint64_t end = now_ns() + 20000000000u; told.size() < n && now_ns() < end;)
			loop_run(loop, now_ns() + 10000000);
		ASSERT_EQ(n, told.size());
	}
};

TEST_F(Dial, OneThatSaysNothingHoldsUpNoOther)
{
	std::thread a = Host(0), b = Host(2);
	ASSERT_EQ(0, Start(3, 400)); // host 1 takes the connection, and that is all
	Until(2);
	EXPECT_GE(told[0].fd, 0);
	EXPECT_GE(told[2].fd, 0);
	EXPECT_EQ(0u, told.count(1));
	Until(3);
	EXPECT_EQ(-ETIMEDOUT, told[1].fd);
	EXPECT_EQ("no answer to the handshake in time", told[1].why);
	a.join();
	b.join();
}

TEST_F(Dial, WhoIsNotThereIsSaid)
{
	close(listening[0]);
	listening[0] = -1;
	ASSERT_EQ(0, Start(1, 1000));
	Until(1);
	EXPECT_EQ(-ECONNREFUSED, told[0].fd);
	EXPECT_EQ("Connection refused", told[0].why);
}

/* Ctrl-C while hosts are called: nothing is told any more, and what comes later is closed. */
TEST_F(Dial, StoppedItTellsNothing)
{
	ASSERT_EQ(0, Start(2, 200));
	dials_stop(d);
	d = nullptr;
	for (unsigned i = 0; i < 5; i++)
		loop_run(loop, now_ns() + 100000000);
	EXPECT_TRUE(told.empty());
}

TEST_F(Dial, MayBeStoppedByWhoIsTold)
{
	for (int &fd : listening) {
		close(fd);
		fd = -1;
	}
	stop_at_first = true;
	ASSERT_EQ(0, Start(3, 1000));
	Until(1);
	for (unsigned i = 0; i < 5; i++)
		loop_run(loop, now_ns() + 20000000);
	EXPECT_EQ(1u, told.size());
}

} // namespace
