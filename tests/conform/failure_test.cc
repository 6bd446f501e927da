// SPDX-License-Identifier: Apache-2.0
// Peers that go, lie, or do not read; and callbacks that change the link under its own feet.
#include <atomic>
#include <cerrno>
#include <cstring>
#include <random>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "tests/conform/fixture.h"

using namespace conform;

namespace
{

class Failure : public Conform
{
      protected:
	// A peer of n that is no link: returns its descriptor.
	int stranger(Node &n, unsigned peer)
	{
		int fd[2];

		EXPECT_TRUE(tcp_pair(fd));
		EXPECT_EQ(link_add_fd(n.l, peer, fd[0]), 0);
		return fd[1];
	}
};

using Downs = std::vector<std::pair<unsigned, std::string>>;

} // namespace

TEST_P(Failure, PeerDeathIsReportedOnceAfterItsLastMessages)
{
	Node &a = add();
	auto b = std::make_unique<Node>(GetParam(), 1, 1);
	struct msg m = control(1);
	uint64_t seen_at_down = 0;

	if (*GetParam().more)
		GTEST_SKIP() << "what is lost with its sender can't be sent again";
	connect(a, 3, *b, 0);
	settle(a, *b);
	a.on_down = [&](unsigned, const char *) { seen_at_down = a.msgs; };
	for (int i = 0; i < 50; i++)
		b->send(0, m);
	link_flush(b->l);
	b.reset();
	ASSERT_TRUE(pump(2000, [&] { return !a.downs.empty(); }));
	pump(30, [] { return false; });
	EXPECT_EQ(a.downs, (Downs{{3, "closed the connection"}}));
	EXPECT_EQ(seen_at_down, 50u);
	EXPECT_EQ(a.send(3, m), -ENOTCONN);
}

TEST_P(Failure, PeerDeathWhileWeSend)
{
	Node &a = add();
	auto b = std::make_unique<Node>(GetParam(), 1, 1);
	std::vector<uint8_t> blob(MSG_BLOB_MAX);

	connect(a, 3, *b, 0);
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(a.send(3, bulk(0, blob)), 0);
	a.run(0);
	EXPECT_FALSE(link_drained(a.l, 3));
	b.reset();
	ASSERT_TRUE(pump(2000, [&] { return !a.downs.empty(); }));
	EXPECT_EQ(a.downs.size(), 1u);
	EXPECT_TRUE(link_drained(a.l, 3));
}

TEST_P(Failure, RemoveMakesNoCall)
{
	Node &a = add(), &b = add();

	connect(a, 1, b, 1);
	b.send(1, control(1));
	link_flush(b.l);
	link_remove(a.l, 1);
	ASSERT_TRUE(pump(2000, [&] { return !b.downs.empty(); }));
	EXPECT_TRUE(a.downs.empty());
	EXPECT_EQ(a.msgs, 0u);
	connect(a, 1, b, 1); // the slots are free again
	a.send(1, control(2));
	EXPECT_TRUE(pump(2000, [&] { return b.msgs == 1; }));
}

TEST_P(Failure, AnotherEpochBreaksTheProtocol)
{
	Node &a = add(1), &b = add(2);

	log_set(LOG_ERROR, "");
	connect(a, 4, b, 0);
	b.send(0, control(1));
	ASSERT_TRUE(pump(2000, [&] { return !a.downs.empty() && !b.downs.empty(); }));
	EXPECT_EQ(a.downs, (Downs{{4, "broke the protocol"}}));
	EXPECT_EQ(link_stats(a.l, 4)->bad_frames, 1u);
	EXPECT_EQ(a.msgs, 0u);
}

TEST_P(Failure, GarbageBreaksTheProtocolOfThatPeerOnly)
{
	Node &a = add(), &b = add();

	if (!GetParam().sockets)
		GTEST_SKIP() << "no raw bytes on this transport";
	log_set(LOG_ERROR, "");
	connect(a, 0, b, 0);
	for (unsigned seed = 0; seed < 20; seed++) {
		auto junk = pattern(seed, 1 + 5000 * seed);
		int fd = stranger(a, 7);

		(void)!send(fd, junk.data(), junk.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
		shutdown(fd, SHUT_WR);
		ASSERT_TRUE(pump(2000, [&] { return a.downs.size() == seed + 1; }));
		EXPECT_EQ(a.downs.back().first, 7u);
		EXPECT_EQ(a.downs.back().second,
			  seed ? "broke the protocol" : "closed the connection"); // one byte is no frame
		close(fd);
	}
	b.send(0, control(1));
	EXPECT_TRUE(pump(2000, [&] { return a.msgs == 1; }));
}

// A reset is a loss, not an orderly end; either way it is noticed once.
TEST_P(Failure, ResetIsNoticed)
{
	Node &a = add();
	linger hard = {1, 0};

	if (!GetParam().sockets)
		GTEST_SKIP() << "no raw bytes on this transport";
	int fd = stranger(a, 7);
	pump(5, [] { return false; });
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	ASSERT_TRUE(pump(2000, [&] { return !a.downs.empty(); }));
	pump(20, [] { return false; });
	EXPECT_EQ(a.downs, (Downs{{7, "connection lost"}}));
}

// A peer that does not read: bulk is refused before the maximum and may be repeated; control at the
// maximum is the end.
TEST_P(Failure, BackpressureUpToTheMaximum)
{
	Node &a = add(), &b = add();
	std::vector<uint8_t> blob(MSG_BLOB_MAX), bytes(PAGE_BYTES);
	uint64_t queued = 0, pages = 0;
	int r;

	connect(a, 0, b, 0);
	while ((r = a.send(0, bulk(0, blob))) == 0 && queued < 2000)
		queued++;
	EXPECT_EQ(r, -ENOBUFS);
	EXPECT_GE(queued * MSG_BLOB_MAX, LINK_SENDQ_BYTES_MAX / 2);
	EXPECT_LE(queued * MSG_BLOB_MAX, LINK_SENDQ_BYTES_MAX);
	EXPECT_EQ(a.run(0) < 0, false);
	EXPECT_TRUE(a.downs.empty()) << "bulk that is refused harms nobody";
	while ((r = a.send(0, page(0, bytes))) == 0 && pages < 40000)
		pages++;
	EXPECT_EQ(r, -ENOBUFS);
	EXPECT_GT(pages, 1000u) << "control still had room";
	EXPECT_TRUE(a.downs.empty()) << "never from inside link_send";
	EXPECT_EQ(a.send(0, control(0)), -ENOTCONN);
	a.run(0);
	EXPECT_EQ(a.downs, (Downs{{0, "send queue full"}}));
	EXPECT_TRUE(pump(5000, [&] { return !b.downs.empty(); }));
}

TEST_P(Failure, RefusedBulkGoesThroughOnceThereIsRoom)
{
	Node &a = add(), &b = add();
	std::vector<uint8_t> blob(MSG_BLOB_MAX);
	uint64_t sent = 0, next = 0;
	const uint64_t n = 400; // 100 MB

	connect(a, 0, b, 0);
	b.on_msg = [&](unsigned, const struct msg &m) { EXPECT_EQ(m.u.ctl_image.offset, next++); };
	EXPECT_TRUE(pump(30000, [&] {
		while (sent < n && a.send(0, bulk(sent, blob)) == 0)
			sent++;
		return next == n;
	}));
	EXPECT_TRUE(a.downs.empty());
}

TEST_P(Failure, DestroyWithDataInFlight)
{
	for (int round = 0; round < 5; round++) {
		Node &a = add(), &b = add();
		std::vector<uint8_t> blob(MSG_BLOB_MAX);

		connect(a, 0, b, 0);
		for (int i = 0; i < 60; i++) {
			a.send(0, bulk(0, blob));
			b.send(0, bulk(0, blob));
		}
		for (int i = 0; i < round; i++) {
			a.run(0);
			b.run(0);
		}
		nodes.clear();
	}
}

TEST_P(Failure, RemovedFromItsOwnMessage)
{
	Node &a = add(), &b = add();

	connect(a, 0, b, 0);
	a.on_msg = [&](unsigned peer, const struct msg &) { link_remove(a.l, peer); };
	for (int i = 0; i < 100; i++)
		b.send(0, control(1));
	ASSERT_TRUE(pump(2000, [&] { return !b.downs.empty(); }));
	EXPECT_EQ(a.msgs, 1u) << "nothing after link_remove()";
	EXPECT_TRUE(a.downs.empty());
}

TEST_P(Failure, CallbacksMayRebuildTheLink)
{
	Node &a = add(), &b = add(), &c = add();
	int again = 0;

	connect(a, 0, b, 0);
	connect(a, 1, c, 0);
	a.on_msg = [&](unsigned, const struct msg &m) {
		link_remove(a.l, 1); // another peer
		EXPECT_EQ(a.send(1, m), -ENOTCONN);
		EXPECT_EQ(a.send(0, m), 0);
		EXPECT_EQ(loop_run(link_loop(a.l), 0), -EBUSY);
	};
	c.on_down = [&](unsigned peer, const char *) {
		if (again++ == 0)
			connect(c, peer, a, 1); // the slot is free inside on_down
	};
	b.send(0, control(1));
	ASSERT_TRUE(pump(2000, [&] { return b.msgs == 1 && again == 1; }));
	a.on_msg = [](unsigned, const struct msg &) {};
	c.send(0, control(1));
	EXPECT_TRUE(pump(2000, [&] { return a.msgs == 2; }));
}

INSTANTIATE_TEST_SUITE_P(All, Failure, testing::ValuesIn(transports()), [](auto &i) { return i.param.shown; });
