// SPDX-License-Identifier: Apache-2.0
// One host asks another over a real session; and what others may send.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <functional>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "tests/unit/check/facts.h"

extern "C" {
#include "net/msg.h"
#include "net/now.h"
#include "net/seal/stream.h"
#include "vmm/check/ask.h"
}

namespace
{

struct Ask : testing::Test {
	session_key key = {};
	int lfd = -1;
	std::string address;
	check_identity is = {};
	session_hello hello = {};
	std::thread server;

	void SetUp() override
	{
		const char *why = "";
		sockaddr_in a = {};
		socklen_t len = sizeof(a);

		session_key_random(&key);
		good_identity(&is);
		lfd = session_listen("127.0.0.1:0", &why);
		ASSERT_GE(lfd, 0) << why;
		ASSERT_EQ(getsockname(lfd, (sockaddr *)&a, &len), 0);
		address = "127.0.0.1:" + std::to_string(ntohs(a.sin_port));
	}
	void TearDown() override
	{
		if (server.joinable())
			server.join();
		close(lfd);
	}
	/* Takes one session and serves it. */
	void Serve(std::function<void(int, seal_stream *)> fn)
	{
		server = std::thread([this, fn] {
			int fd = accept(lfd, nullptr, nullptr);
			seal_stream *seal;
			if (session_accept(fd, &key, &hello, 2000, &seal) == 0) {
				fn(fd, seal);
				seal_stream_free(seal);
				close(fd);
			}
		});
	}
	check_other Asked()
	{
		check_other o;
		check_ask(address.c_str(), &key, &o);
		return o;
	}
};

std::string frame(const msg &m)
{
	uint8_t head[MSG_HEADER_BYTES + MSG_FIELDS_MAX];
	int n = msg_encode(&m, head, sizeof(head));
	std::string s((char *)head, n > 0 ? n : 0);
	return s.append((const char *)m.blob, m.blob_bytes);
}

msg status(const char *text)
{
	msg m = {};
	m.kind = MSG_CTL_RETURN;
	m.u.ctl_return.id = 1;
	m.blob = (const uint8_t *)text;
	m.blob_bytes = (uint32_t)strlen(text);
	return m;
}

TEST_F(Ask, AHostAnswers)
{
	Serve([this](int fd, seal_stream *seal) { check_answer(fd, seal, &is); });
	check_other o = Asked();
	ASSERT_EQ(o.error, 0) << o.why;
	EXPECT_EQ(hello.role, SESSION_CHECK);
	EXPECT_STREQ(o.address, address.c_str());
	EXPECT_STREQ(o.is.model, "A processor");
	EXPECT_EQ(o.is.tsc_khz, is.tsc_khz);
	EXPECT_GT(o.rtt_ns, 0u);
	EXPECT_GE(o.bound_ns, o.rtt_ns / 2);
	EXPECT_LT(o.bound_ns, 1000000000u);
}

TEST_F(Ask, AHostAnswersInPlainWhereBothSaySo)
{
	key.plain = true;
	Serve([this](int fd, seal_stream *seal) {
		EXPECT_EQ(seal, nullptr);
		check_answer(fd, seal, &is);
	});
	EXPECT_EQ(Asked().error, 0);
}

TEST_F(Ask, AWrongKeyAndNobodyAreNamed)
{
	session_key other;
	check_other o;

	Serve([](int, seal_stream *) {});
	session_key_random(&other);
	check_ask(address.c_str(), &other, &o);
	EXPECT_EQ(o.error, -EACCES);
	EXPECT_TRUE(strstr(o.why, "key")) << o.why;
	check_ask("127.0.0.1:1", &key, &o);
	EXPECT_NE(o.error, 0);
	EXPECT_STRNE(o.why, "");
}

TEST_F(Ask, WhatIsNoAnswerIsRefused)
{
	key.plain = true;
	msg offer = {};
	offer.kind = MSG_CTL_OFFER;
	const std::string huge(100000, ' ');
	const std::string bad[] = {
		"",
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		frame(offer),
		frame(status("")),
		frame(status("[]")),
		frame(status("{\"version\":1}")),
		frame(status(huge.c_str())),
	};
	for (const std::string &b : bad) {
		Serve([&](int fd, seal_stream *) { EXPECT_EQ(write(fd, b.data(), b.size()), (ssize_t)b.size()); });
		check_other o = Asked();
		server.join();
		EXPECT_NE(o.error, 0) << b.substr(0, 60);
		EXPECT_TRUE(strstr(o.why, "no answer")) << o.why;
	}
}

/* Whoever knows the key may still be wrong: the session ends, and the host goes on. */
TEST_F(Ask, AnAskerThatAsksForSomethingElseIsLeft)
{
	session_hello me = {SESSION_CHECK, 0, 0};
	const char *why = "";
	seal_stream *seal;
	char byte;
	msg m = {};

	key.plain = true;

	m.kind = MSG_CTL_OFFER;
	const std::string quit("quit\0{}", 7), no_json("identity\0{", 10);
	msg other = {}, half = {};
	other.kind = half.kind = MSG_CTL_CALL;
	other.blob = (const uint8_t *)quit.data();
	other.blob_bytes = (uint32_t)quit.size();
	half.blob = (const uint8_t *)no_json.data();
	half.blob_bytes = (uint32_t)no_json.size();
	for (const std::string &b : {frame(m), frame(other), frame(half), std::string(5000, 'x')}) {
		Serve([this](int fd, seal_stream *seal) { check_answer(fd, seal, &is); });
		int fd = session_connect(address.c_str(), &key, &me, 2000, &seal, &why);
		ASSERT_GE(fd, 0) << why;
		ASSERT_EQ(write(fd, b.data(), b.size()), (ssize_t)b.size());
		EXPECT_LE(read(fd, &byte, 1), 0);
		close(fd);
		server.join();
	}
}

TEST_F(Ask, ASessionIsBoundedInAnswersAndInTime)
{
	session_hello me = {SESSION_CHECK, 0, 0};
	const char *why = "";
	seal_stream *seal;
	msg m = {};

	key.plain = true;
	m.kind = MSG_PING;
	std::string all;
	for (unsigned i = 0; i < CHECK_ANSWERS_MAX + 10; i++)
		all += frame(m);
	Serve([this](int fd, seal_stream *seal) { check_answer(fd, seal, &is); });
	int fd = session_connect(address.c_str(), &key, &me, 2000, &seal, &why);
	ASSERT_GE(fd, 0) << why;
	ASSERT_EQ(write(fd, all.data(), all.size()), (ssize_t)all.size());
	server.join(); // it returned with more asked
	close(fd);

	Serve([this](int f, seal_stream *seal) { check_answer(f, seal, &is); });
	fd = session_connect(address.c_str(), &key, &me, 2000, &seal, &why);
	ASSERT_GE(fd, 0) << why;
	server.join(); // it returned with nothing asked and nobody gone
	close(fd);
}

} // namespace
