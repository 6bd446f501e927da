// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/nets/fixture.h"

#include <fcntl.h>
#include <thread>

extern "C" {
#include "vmm/nets/frames.h"
}

namespace
{

struct Frames : ::testing::Test {
	struct loop *l = nullptr;
	frames f;
	int peer = -1;
	bool take = true;
	std::vector<Bytes> got;
	unsigned rooms = 0, lost = 0;
	std::vector<std::string> ends;

	static void Received(void *ctx)
	{
		((Frames *)ctx)->pull();
	}
	void pull(unsigned most = 100000)
	{
		uint32_t k;
		const uint8_t *b;
		while (take && most-- && (b = frames_peek(&f, &k))) {
			got.emplace_back(b, b + k);
			frames_consume(&f);
		}
	}
	frames_events ev = {Received, [](void *ctx) { ((Frames *)ctx)->rooms++; },
			    [](void *ctx, const char *why, unsigned n) {
				    ((Frames *)ctx)->ends.push_back(why ? why : "");
				    ((Frames *)ctx)->lost += n;
				    EXPECT_EQ(-1, ((Frames *)ctx)->f.fd);
			    }};
	void SetUp() override
	{
		struct loop_options lo = {"poll", 0};
		ASSERT_EQ(0, loop_create(&l, &lo));
		ASSERT_EQ(0, frames_init(&f, l, &ev, this));
		begin();
	}
	void begin()
	{
		int pair[2];
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		if (peer >= 0)
			close(peer);
		peer = pair[0];
		ASSERT_EQ(0, frames_begin(&f, pair[1]));
	}
	void TearDown() override
	{
		frames_fini(&f);
		loop_destroy(l);
		close(peer);
	}
	bool until(const std::function<bool()> &done)
	{
		return loop_until(l, done);
	}
	void rounds(unsigned k = 5)
	{
		loop_rounds(l, k);
	}
	bool send(const Bytes &b)
	{
		uint8_t *place = frames_room(&f);
		if (!place)
			return false;
		memcpy(place, b.data(), b.size());
		frames_commit(&f, (uint32_t)b.size());
		return true;
	}
	void put(const Bytes &b)
	{
		ASSERT_EQ((ssize_t)b.size(), write(peer, b.data(), b.size()));
	}
	/* As much as the peer's socket takes, without waiting. */
	size_t pour(const Bytes &b)
	{
		ssize_t k = ::send(peer, b.data(), b.size(), MSG_DONTWAIT);
		return k > 0 ? (size_t)k : 0;
	}
};

TEST_F(Frames, OfEveryLengthBothWays)
{
	const std::vector<uint32_t> sizes = {14, 15, 60, 1514, 9000, 65534, 65535};
	for (unsigned i = 0; i < sizes.size(); i++) {
		ASSERT_TRUE(send(frame(sizes[i], i)));
		frames_flush(&f);
		std::thread t([&] {
			EXPECT_EQ(frame(sizes[i], i), read_frame(peer));
			Bytes b = with_length(frame(sizes[i], i + 100));
			EXPECT_EQ((ssize_t)b.size(), write(peer, b.data(), b.size()));
		});
		EXPECT_TRUE(until([&] { return got.size() == i + 1; }));
		t.join();
		EXPECT_EQ(frame(sizes[i], i + 100), got[i]);
	}
	EXPECT_TRUE(ends.empty());
}

TEST_F(Frames, InPiecesOfOneByte)
{
	for (uint8_t b : with_length(frame(20, 1)))
		put({b}), rounds(1);
	for (uint8_t b : with_length(frame(21, 2)))
		put({b}), rounds(1);
	ASSERT_EQ(2u, got.size());
	EXPECT_EQ(frame(20, 1), got[0]);
	EXPECT_EQ(frame(21, 2), got[1]);
}

TEST_F(Frames, ManyInOnePiece)
{
	Bytes all;
	for (unsigned i = 0; i < 50; i++) {
		Bytes b = with_length(frame(14 + i, i));
		all.insert(all.end(), b.begin(), b.end());
	}
	put(all);
	ASSERT_TRUE(until([&] { return got.size() == 50; }));
	for (unsigned i = 0; i < 50; i++)
		EXPECT_EQ(frame(14 + i, i), got[i]);
}

TEST_F(Frames, ALengthThatNoFrameHasEndsTheSession)
{
	const struct {
		uint32_t n;
		const char *text;
	} bad[] = {{0, "frame of 0 bytes"},
		   {13, "frame of 13 bytes"},
		   {65536, "frame of 65536 bytes"},
		   {0xffffffff, "frame of 4294967295 bytes"}};
	for (auto &b : bad) {
		got.clear();
		ends.clear();
		Bytes all = with_length(frame(60, 7)), wrong = with_length({}, b.n);
		all.insert(all.end(), wrong.begin(), wrong.end());
		put(all);
		put(with_length(frame(60, 8))); // believed no more
		ASSERT_TRUE(until([&] { return !ends.empty(); }));
		EXPECT_TRUE(strstr(ends[0].c_str(), b.text)) << ends[0];
		ASSERT_EQ(1u, got.size());
		rounds();
		EXPECT_EQ(1u, ends.size());
		uint8_t byte;
		EXPECT_EQ(0, recv(peer, &byte, 1, 0)) << "the peer is hung up on";
		begin();
	}
}

TEST_F(Frames, WhatNobodyTakesIsLeftWithWhoSends)
{
	take = false;
	Bytes one = with_length(frame(1000, 3));
	size_t poured = 0;
	for (unsigned still = 0; still < 20; still++) { // until nothing goes any more
		size_t k = pour(Bytes(one.begin() + (ssize_t)(poured % one.size()), one.end()));
		poured += k;
		still = k ? 0 : still;
		rounds(1);
	}
	int sndbuf;
	socklen_t len = sizeof(sndbuf);
	getsockopt(peer, SOL_SOCKET, SO_SNDBUF, &sndbuf, &len);
	EXPECT_LE(poured, FRAMES_BUFFER_BYTES + (size_t)sndbuf);
	EXPECT_GE(f.in_n, one.size());
	uint32_t had = f.in_n;
	rounds(20);
	EXPECT_EQ(had, f.in_n) << "nothing is read while nobody takes";
	/* And all of it comes, in its order, once somebody does. */
	take = true;
	std::thread t([&] {
		while (poured < 2000 * one.size()) {
			size_t at = poured % one.size();
			ssize_t k = write(peer, &one[at], one.size() - at);
			if (k > 0)
				poured += (size_t)k;
		}
	});
	pull(); // who has room again looks by himself
	EXPECT_TRUE(until([&] { return got.size() == 2000; })) << got.size();
	t.join();
	for (auto &g : got)
		ASSERT_EQ(frame(1000, 3), g);
}

TEST_F(Frames, APeerThatDoesNotReadStopsUs)
{
	unsigned sent = 0;
	while (send(frame(5000, sent)) && sent < 10000) {
		sent++;
		frames_flush(&f);
	}
	ASSERT_LT(sent, 10000u);
	EXPECT_EQ(0u, rooms);
	rounds();
	EXPECT_EQ(0u, rooms) << "nothing has changed";
	unsigned had = sent, seen = 0;
	while (seen < had + 500) { // each one, whole and in order, whatever was cut where
		if (rooms) {
			rooms = 0;
			while (sent < had + 500 && send(frame(5000, sent)))
				sent++;
			frames_flush(&f);
		}
		ASSERT_EQ(frame(5000, seen), read_frame(peer)) << seen;
		seen++;
		rounds(1);
	}
	EXPECT_EQ(had + 500, sent);
}

TEST_F(Frames, ThePeerGoes)
{
	close(peer);
	peer = -1;
	ASSERT_TRUE(until([&] { return !ends.empty(); }));
	EXPECT_EQ(1u, ends.size());
	/* While frames wait that nobody takes. */
	begin();
	take = false;
	put(with_length(frame(60, 1)));
	put(with_length(frame(60, 2)));
	ASSERT_TRUE(until([&] { return f.in_n >= 128; }));
	rounds();
	close(peer);
	peer = -1;
	ASSERT_TRUE(until([&] { return ends.size() == 2; }));
	EXPECT_EQ(2u, lost);
	/* What it sent before it went is heard. */
	begin();
	take = true;
	put(with_length(frame(60, 5)));
	close(peer);
	peer = -1;
	ASSERT_TRUE(until([&] { return ends.size() == 3; }));
	ASSERT_EQ(1u, got.size());
	EXPECT_EQ(2u, lost);
}

TEST_F(Frames, ThePeerGoesWhileWeWrite)
{
	close(peer);
	peer = -1;
	for (unsigned i = 0; i < 200; i++) {
		if (send(frame(5000, i)))
			frames_flush(&f);
		EXPECT_TRUE(ends.empty()) << "never from inside a call";
	}
	ASSERT_TRUE(until([&] { return !ends.empty(); }));
	rounds();
	EXPECT_EQ(1u, ends.size());
	begin();
	ASSERT_TRUE(send(frame(60, 9)));
	frames_flush(&f);
	EXPECT_EQ(frame(60, 9), read_frame(peer)) << "nothing of the old session";
}

TEST_F(Frames, EndedWithoutAWord)
{
	take = false;
	put(with_length(frame(60, 1)));
	ASSERT_TRUE(until([&] { return f.in_n == 64; }));
	unsigned k = 9;
	frames_end(&f, &k);
	EXPECT_EQ(1u, k);
	frames_end(&f, &k);
	EXPECT_EQ(0u, k);
	rounds();
	EXPECT_TRUE(ends.empty());
}

} // namespace
