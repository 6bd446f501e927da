// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sodium.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/seal/stream.h"
#include "net/session.h"
#include "net/session_rec.h"
}

namespace
{

using Clock = std::chrono::steady_clock;
constexpr unsigned SHORT_MS = 150;

long since_ms(Clock::time_point t)
{
	return (long)std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - t).count();
}

struct Session : testing::Test {
	session_key key, other_key;
	const char *why = nullptr;
	seal_stream *seal = nullptr; // of connect()
	int lfd = -1;
	std::string address;

	void SetUp() override
	{
		ASSERT_GE(sodium_init(), 0);
		session_key_random(&key);
		session_key_random(&other_key);
	}
	void TearDown() override
	{
		if (lfd >= 0)
			close(lfd);
		seal_stream_free(seal);
	}
	int connect(const session_key *k, const session_hello *h, unsigned ms)
	{
		seal_stream_free(seal);
		return session_connect(address.c_str(), k, h, ms, &seal, &why);
	}
	bool listen_at(const std::string &host)
	{
		sockaddr_storage a;
		socklen_t len = sizeof(a);

		lfd = session_listen((host + ":0").c_str(), &why);
		if (lfd < 0)
			return false;
		EXPECT_EQ(fcntl(lfd, F_GETFD), FD_CLOEXEC);
		EXPECT_EQ(getsockname(lfd, (sockaddr *)&a, &len), 0);
		unsigned port = ntohs(a.ss_family == AF_INET6 ? ((sockaddr_in6 *)&a)->sin6_port
							      : ((sockaddr_in *)&a)->sin_port);
		address = (host.empty() ? "127.0.0.1" : host) + ":" + std::to_string(port);
		return true;
	}
	// Accepts one connection on a thread of its own, as a listener does.
	struct Accepted {
		std::atomic<int> fd{-1};
		int r = 1;
		session_hello hello = {};
		seal_stream *seal = nullptr;
		long took_ms = 0;
		std::thread t;
		void wait()
		{
			t.join();
		}
		~Accepted()
		{
			seal_stream_free(seal);
		}
	};
	void accept_one(Accepted &a, const session_key &k, unsigned timeout = 1000)
	{
		a.t = std::thread([this, &a, k, timeout] {
			a.fd = accept(lfd, nullptr, nullptr);
			auto begin = Clock::now();
			a.r = session_accept(a.fd, &k, &a.hello, timeout, &a.seal);
			a.took_ms = since_ms(begin);
		});
	}
	// A stranger on the acceptor's port.
	int dial()
	{
		sockaddr_in to = {};
		char host[64], port[8];

		session_parse_address(address.c_str(), host, sizeof(host), port, sizeof(port));
		to.sin_family = AF_INET;
		to.sin_port = htons((uint16_t)atoi(port));
		inet_pton(AF_INET, host, &to.sin_addr);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT_EQ(::connect(fd, (sockaddr *)&to, sizeof(to)), 0);
		return fd;
	}
};

bool closed_by_peer(int fd)
{
	char buf[256];
	pollfd p = {fd, POLLIN, 0};

	for (;;) {
		if (poll(&p, 1, 2000) <= 0)
			return false;
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0)
			return true;
	}
}

void make_call(const session_key &key, const session_hello &me, uint8_t out[SESSION_CALL_BYTES])
{
	session_shake s;

	session_shake_begin(&s, SESSION_CONNECTOR, &key);
	session_call_make(&s, &key, &me, out);
}

void shake_well(Session &s, Session::Accepted &a, int *fd)
{
	session_hello me = {SESSION_PEER, 7, 0xabcd};

	s.accept_one(a, s.key);
	*fd = s.connect(&s.key, &me, 1000);
	a.wait();
}

} // namespace

TEST_F(Session, BothSidesKnowTheKey)
{
	for (const char *host : {"127.0.0.1", "[::1]", ""}) {
		Accepted a;
		int fd, one = 0;
		socklen_t len = sizeof(one);
		char byte = 'x';

		if (!listen_at(host)) {
			printf("SKIP Session.BothSidesKnowTheKey: no %s here: %s\n", host, why);
			continue;
		}
		shake_well(*this, a, &fd);
		ASSERT_GE(fd, 0) << why;
		ASSERT_EQ(a.r, 0);
		EXPECT_EQ(a.hello.role, SESSION_PEER);
		EXPECT_EQ(a.hello.arg, 7u);
		EXPECT_EQ(a.hello.epoch, 0xabcdu);
		for (int f : {fd, a.fd.load()}) {
			EXPECT_EQ(fcntl(f, F_GETFD), FD_CLOEXEC);
			EXPECT_EQ(getsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
			EXPECT_TRUE(one);
		}
		EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		EXPECT_EQ(write(fd, &byte, 1), 1); // what follows is the link's
		EXPECT_EQ(read(a.fd, &byte, 1), 1);
		close(fd);
		close(a.fd);
		close(lfd);
		lfd = -1;
	}
}

TEST_F(Session, WrongKeyIsRefusedOnBothSides)
{
	Accepted a;
	session_hello me = {SESSION_CONTROL, 0, 1};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	accept_one(a, key);
	EXPECT_EQ(connect(&other_key, &me, 1000), -EACCES);
	EXPECT_STREQ(why, "the other side does not have the same cluster key");
	a.wait();
	EXPECT_EQ(a.r, -EACCES);
	EXPECT_EQ(fcntl(a.fd, F_GETFD), -1) << "closed";
}

TEST_F(Session, GarbageIsRefusedAtOnce)
{
	std::vector<std::string> garbage = {std::string(4096, 'A'),
					    "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(64, ' '),
					    std::string(64, '\0'), std::string(1 << 20, '\xff')};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	for (auto &g : garbage) {
		Accepted a;

		accept_one(a, key, 1000);
		int fd = dial();
		(void)!send(fd, g.data(), g.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
		a.wait();
		EXPECT_EQ(a.r, -EPROTO);
		EXPECT_LT(a.took_ms, 900) << "before its time-out";
		EXPECT_TRUE(closed_by_peer(fd));
		close(fd);
	}
}

// Either side may be the newer one; who called can say which versions they are.
TEST_F(Session, AnotherVersionOfTheProtocolIsNamed)
{
	session_hello me = {SESSION_CONTROL, 0, 1};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	std::thread newer([&] {
		int fd = accept(lfd, nullptr, nullptr);
		uint8_t in[SESSION_HELLO_BYTES], out[SESSION_HELLO_BYTES];
		session_refusal_make(SESSION_TAKEN, out);
		out[6] = 77;
		EXPECT_EQ(recv(fd, in, sizeof(in), MSG_WAITALL), (ssize_t)sizeof(in));
		EXPECT_EQ(send(fd, out, sizeof(out), MSG_NOSIGNAL), (ssize_t)sizeof(out));
		close(fd);
	});
	EXPECT_EQ(connect(&key, &me, 1000), -EPROTONOSUPPORT);
	std::string own = std::to_string(SESSION_VERSION);
	EXPECT_EQ("the other side speaks version 77 of Pando's protocol, this one " + own, why);
	newer.join();

	Accepted a;
	uint8_t rec[SESSION_CALL_BYTES], theirs[SESSION_HELLO_BYTES];
	make_call(key, me, rec);
	rec[6] = 76;
	accept_one(a, key);
	int fd = dial();
	EXPECT_EQ(send(fd, rec, sizeof(rec), MSG_NOSIGNAL), (ssize_t)sizeof(rec));
	EXPECT_EQ(recv(fd, theirs, sizeof(theirs), MSG_WAITALL), (ssize_t)sizeof(theirs)) << "it is not told";
	EXPECT_EQ(SESSION_VERSION, session_hello_version(theirs));
	a.wait();
	EXPECT_EQ(a.r, -EPROTONOSUPPORT);
	EXPECT_TRUE(closed_by_peer(fd));
	close(fd);
}

// A process that reads nothing is stopped or busy; its machine is there as long as the kernel acknowledges.
TEST_F(Session, AMachineIsThereWhileItAcknowledges)
{
	int pair[2];
	std::vector<char> much(1 << 20, 'x');

	ASSERT_TRUE(listen_at("127.0.0.1"));
	int fd = dial(), other = accept(lfd, nullptr, nullptr);
	ASSERT_EQ(send(fd, "ping", 4, MSG_NOSIGNAL), 4);
	EXPECT_TRUE(session_acknowledged(fd, 1000));
	while (send(fd, much.data(), much.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		; // until it has closed its window
	usleep(50000);
	for (unsigned i = 0; i < 100 && !session_acknowledged(fd, 10); i++)
		usleep(20000);
	EXPECT_TRUE(session_acknowledged(fd, 10)) << "it is asked for more room, and answers";
	close(other);
	for (unsigned i = 0; i < 100 && session_acknowledged(fd, 1000); i++)
		usleep(20000);
	EXPECT_FALSE(session_acknowledged(fd, 1000)) << "the connection is over";
	close(fd);
	EXPECT_FALSE(session_acknowledged(fd, 1000));
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	EXPECT_FALSE(session_acknowledged(pair[0], 1000)) << "nobody can say";
	close(pair[0]);
	close(pair[1]);
}

TEST_F(Session, SilenceEndsWithTheTimeout)
{
	Accepted a;

	ASSERT_TRUE(listen_at("127.0.0.1"));
	accept_one(a, key, SHORT_MS);
	int fd = dial();
	a.wait();
	EXPECT_EQ(a.r, -ETIMEDOUT);
	EXPECT_GE(a.took_ms, (long)SHORT_MS - 5);
	EXPECT_LT(a.took_ms, (long)SHORT_MS + 500);
	EXPECT_TRUE(closed_by_peer(fd));
	close(fd);
}

// One byte now and then must not prolong the deadline: it is for the whole handshake.
TEST_F(Session, TricklingDoesNotProlongTheTimeout)
{
	Accepted a;
	uint8_t rec[SESSION_CALL_BYTES];
	session_hello me = {SESSION_PEER, 1, 1};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	make_call(key, me, rec);
	accept_one(a, key, SHORT_MS);
	int fd = dial();
	for (size_t i = 0; i < sizeof(rec) && send(fd, rec + i, 1, MSG_NOSIGNAL) == 1; i++)
		usleep(20000);
	a.wait();
	EXPECT_EQ(a.r, -ETIMEDOUT);
	EXPECT_LT(a.took_ms, (long)SHORT_MS + 500);
	close(fd);
}

TEST_F(Session, EveryShortRecordIsRefused)
{
	uint8_t rec[SESSION_CALL_BYTES];
	session_hello me = {SESSION_PEER, 1, 1};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	make_call(key, me, rec);
	for (size_t n = 0; n <= sizeof(rec); n += 8) {
		Accepted a;

		accept_one(a, key);
		int fd = dial();
		EXPECT_EQ(send(fd, rec, n, MSG_NOSIGNAL), (ssize_t)n);
		shutdown(fd, SHUT_WR);
		a.wait();
		EXPECT_EQ(a.r, -EPROTO) << n;
		EXPECT_LT(a.took_ms, 900);
		close(fd);
	}
}

// A stranger without the key sends back what it is sent.
TEST_F(Session, ReflectionProvesNothing)
{
	session_hello me = {SESSION_PEER, 1, 1};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	std::thread mirror([this] {
		int fd = accept(lfd, nullptr, nullptr);
		char buf[256];
		for (ssize_t n; (n = recv(fd, buf, sizeof(buf), 0)) > 0;)
			(void)!send(fd, buf, (size_t)n, MSG_NOSIGNAL);
		close(fd);
	});
	EXPECT_EQ(connect(&key, &me, 1000), -EPROTO);
	mirror.join();
}

// Who has recorded a call plays it again: he is answered, and has no session, whatever he says then.
TEST_F(Session, ARecordedCallIsNoSession)
{
	session_hello me = {SESSION_CONTROL, 0, 1};
	uint8_t call[SESSION_CALL_BYTES], answer[SESSION_ANSWER_BYTES];

	ASSERT_TRUE(listen_at("127.0.0.1"));
	make_call(key, me, call);
	for (unsigned how = 0; how < 3; how++) {
		Accepted a;

		accept_one(a, key);
		int fd = dial();
		EXPECT_EQ(send(fd, call, sizeof(call), MSG_NOSIGNAL), (ssize_t)sizeof(call));
		EXPECT_EQ(recv(fd, answer, sizeof(answer), MSG_WAITALL), (ssize_t)sizeof(answer));
		if (how == 0)
			shutdown(fd, SHUT_WR);
		else // of the call, or of the answer
			EXPECT_GT(send(fd, how == 1 ? call : answer, SESSION_PROOF_BYTES, MSG_NOSIGNAL), 0);
		a.wait();
		EXPECT_EQ(a.r, how ? -EBADMSG : -EPROTO) << how;
		EXPECT_EQ(a.seal, nullptr);
		EXPECT_TRUE(closed_by_peer(fd)) << "without a proof of its own";
		close(fd);
	}
}

// Somebody between the two changes one byte of what they say: neither has a session, and the words name him.
TEST_F(Session, WhoChangesTheHandshakeIsNamed)
{
	session_hello me = {SESSION_PEER, 1, 1};
	const struct {
		bool call;
		unsigned byte;
	} changes[] = {{true, 9},  {true, 10},  {true, 16},  {true, 40},
		       {true, 70}, {false, 10}, {false, 40}, {false, 100}};

	for (auto &x : changes) {
		Accepted a;
		uint8_t buf[SESSION_ANSWER_BYTES];

		ASSERT_TRUE(listen_at("127.0.0.1"));
		int far = dial(), inner = lfd;
		accept_one(a, key, 5000);
		while (a.fd < 0)
			usleep(1000);
		ASSERT_TRUE(listen_at("127.0.0.1")); // this is where connect() goes to
		std::thread middle([&] {
			int near = accept(lfd, nullptr, nullptr);
			EXPECT_EQ(recv(near, buf, SESSION_CALL_BYTES, MSG_WAITALL), (ssize_t)SESSION_CALL_BYTES);
			if (x.call)
				buf[x.byte] ^= x.byte == 9 ? 3 : 1; // of a role: another one that there is
			(void)!send(far, buf, SESSION_CALL_BYTES, MSG_NOSIGNAL);
			ssize_t n = recv(far, buf, SESSION_ANSWER_BYTES, MSG_WAITALL);
			if (!x.call)
				buf[x.byte] ^= 1;
			(void)!send(near, buf, n > 0 ? (size_t)n : 0, MSG_NOSIGNAL);
			shutdown(far, SHUT_WR);
			closed_by_peer(far);
			closed_by_peer(near);
			close(near);
			close(far);
		});
		EXPECT_EQ(connect(&key, &me, 5000), -EBADMSG) << x.call << " " << x.byte;
		EXPECT_TRUE(strstr(why, "somebody on the way changes the handshake")) << why;
		middle.join();
		a.wait();
		EXPECT_EQ(a.r, x.call ? -EBADMSG : -EPROTO) << x.call << " " << x.byte;
		close(inner);
		close(lfd);
		lfd = -1;
	}
}

// Both ends have to say the same, and who called is told what to do where they do not.
TEST_F(Session, PlainIsForBoth)
{
	for (unsigned who = 0; who < 4; who++) {
		session_key mine = key, theirs = key;
		session_hello me = {SESSION_PEER, 1, 1};
		Accepted a;

		mine.plain = who & 1;
		theirs.plain = who & 2;
		ASSERT_TRUE(listen_at("127.0.0.1"));
		accept_one(a, theirs);
		int fd = connect(&mine, &me, 1000);
		a.wait();
		if (who == 0 || who == 3) {
			ASSERT_GE(fd, 0) << why;
			EXPECT_EQ(a.seal == nullptr, who == 3);
			EXPECT_EQ(seal == nullptr, who == 3);
			close(fd);
			close(a.fd);
		} else {
			EXPECT_EQ(fd, -ENOTSUP);
			EXPECT_EQ(a.r, -ENOTSUP);
			EXPECT_TRUE(strstr(why, who == 1
							? "the other side seals its traffic, and --plain was given here"
							: "the other side was started with --plain"))
				<< why;
		}
		close(lfd);
		lfd = -1;
	}
}

TEST_F(Session, ConnectorTimesOutOnASilentListener)
{
	session_hello me = {SESSION_PEER, 1, 1};

	ASSERT_TRUE(listen_at("127.0.0.1")); // nobody accepts: the kernel completes the connection all the same
	auto begin = Clock::now();
	EXPECT_EQ(connect(&key, &me, SHORT_MS), -ETIMEDOUT);
	EXPECT_LT(since_ms(begin), (long)SHORT_MS + 500);
}

TEST_F(Session, NobodyListens)
{
	session_hello me = {SESSION_PEER, 1, 1};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	close(lfd);
	lfd = -1;
	EXPECT_EQ(connect(&key, &me, 500), -ECONNREFUSED);
	EXPECT_NE(why, nullptr);
	EXPECT_LT(session_connect("nonsense", &key, &me, 500, &seal, &why), 0);
}

TEST_F(Session, ManyAtOnceDoNotWaitForEachOther)
{
	Accepted silent, good;
	session_hello me = {SESSION_PEER, 1, 1};

	ASSERT_TRUE(listen_at("127.0.0.1"));
	accept_one(silent, key, 400);
	int idle = dial();
	while (silent.fd < 0)
		usleep(1000);
	accept_one(good, key);
	auto begin = Clock::now();
	int fd = connect(&key, &me, 1000);
	EXPECT_GE(fd, 0);
	EXPECT_LT(since_ms(begin), 300);
	good.wait();
	silent.wait();
	EXPECT_EQ(good.r, 0);
	EXPECT_EQ(silent.r, -ETIMEDOUT);
	close(idle);
	close(fd);
	close(good.fd);
}

TEST(SessionAddress, Parses)
{
	char host[32], port[8];
	auto parse = [&](const char *s) { return session_parse_address(s, host, sizeof(host), port, sizeof(port)); };

	ASSERT_EQ(parse("example:80"), 0);
	EXPECT_STREQ(host, "example");
	EXPECT_STREQ(port, "80");
	ASSERT_EQ(parse("[fe80::1]:7000"), 0);
	EXPECT_STREQ(host, "fe80::1");
	EXPECT_STREQ(port, "7000");
	ASSERT_EQ(parse(":0"), 0);
	EXPECT_STREQ(host, "");
	for (const char *bad :
	     {"", "host", "host:", "host:x", "host:-1", "host:65536", "host:123456", "::1:80", "[::1]", "[::1]80",
	      "[]:80", "]:80", "[a:80", "a]:80", "host: 80", "a-host-name-that-is-longer-than-the-buffer:80"})
		EXPECT_EQ(parse(bad), -EINVAL) << bad;
}
