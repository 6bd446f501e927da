// SPDX-License-Identifier: Apache-2.0
// Two links, and between them somebody who has the whole of what they send, and does with it what he likes.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <sys/socket.h>
#include <unistd.h>

extern "C" {
#include "net/link.h"
#include "net/now.h"
#include "net/seal/stream.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;

struct End {
	struct link *l = nullptr;
	std::vector<Bytes> got;
	std::vector<std::string> downs;

	explicit End(const char *transport)
	{
		link_options o = {};
		link_handler h = {};

		o.transport = transport;
		o.epoch = 7;
		h.ctx = this;
		h.on_msg = [](void *ctx, unsigned, const msg *m) {
			((End *)ctx)->got.emplace_back(m->blob, m->blob + m->blob_bytes);
		};
		h.on_down = [](void *ctx, unsigned, const char *why) { ((End *)ctx)->downs.push_back(why); };
		EXPECT_EQ(link_create(&l, &o, &h), 0);
	}
	~End()
	{
		link_destroy(l);
	}
	void page(const Bytes &bytes, unsigned peer = 0)
	{
		msg m = {};

		m.kind = MSG_COH;
		m.u.coh.flags = COH_MSGF_DATA;
		m.blob = bytes.data();
		m.blob_bytes = (uint32_t)bytes.size();
		EXPECT_EQ(link_send(l, peer, &m), 0);
		link_flush(l);
	}
	void run()
	{
		while (loop_run(link_loop(l), now_ns() + 1000000) > 0)
			;
	}
};

/* One session: a's peer and b's, and the attacker's two ends of what is between them. */
struct Middle {
	int to_a = -1, to_b = -1;

	Middle(End &a, End &b, unsigned peer, uint8_t seed, seal_suite suite = SEAL_CHACHA20)
	{
		int fd[2], fe[2];
		uint8_t k1[32], k2[32];

		memset(k1, seed, sizeof(k1));
		memset(k2, seed + 1, sizeof(k2));
		EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
		EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fe), 0);
		EXPECT_EQ(link_add_sealed(a.l, peer, fd[0], seal_stream_new(suite, true, k1, k2, now_ns())), 0);
		EXPECT_EQ(link_add_sealed(b.l, peer, fe[0], seal_stream_new(suite, false, k1, k2, now_ns())), 0);
		to_a = fd[1];
		to_b = fe[1];
	}
	~Middle()
	{
		close(to_a);
		close(to_b);
	}
	/* All that a has said by now. */
	Bytes hear(End &a)
	{
		Bytes all, some(1 << 16);
		ssize_t n;

		a.run();
		while ((n = recv(to_a, some.data(), some.size(), MSG_DONTWAIT)) > 0)
			all.insert(all.end(), some.begin(), some.begin() + n);
		return all;
	}
	void say(const Bytes &b)
	{
		EXPECT_EQ(send(to_b, b.data(), b.size(), MSG_NOSIGNAL), (ssize_t)b.size());
	}
};

/* The records of it: their lengths are in the clear. */
std::vector<Bytes> records(const Bytes &all)
{
	std::vector<Bytes> v;

	for (size_t at = 0; at < all.size();) {
		int n = seal_stream_length(all.data() + at, (uint32_t)(all.size() - at));

		EXPECT_GT(n, 0);
		v.emplace_back(all.begin() + (long)at, all.begin() + (long)at + n);
		at += (size_t)n;
	}
	return v;
}

Bytes pattern(unsigned seed, size_t n = PAGE_BYTES)
{
	std::mt19937 r(seed);
	Bytes b(n);

	for (auto &x : b)
		x = (uint8_t)r();
	return b;
}

const char *const NOT_ITS = "what came was not sealed by it";

struct Sealed : testing::TestWithParam<const char *> {
	End a{GetParam()}, b{GetParam()};
	std::unique_ptr<Middle> m;
	std::vector<Bytes> said; // three records of a, a page in each

	void SetUp() override
	{
		m = std::make_unique<Middle>(a, b, 0, 1);
		said = three(*m);
	}
	std::vector<Bytes> three(Middle &in, unsigned peer = 0)
	{
		std::vector<Bytes> v;

		for (unsigned i = 0; i < 3; i++) {
			a.page(pattern(i), peer);
			for (auto &r : records(in.hear(a)))
				v.push_back(r);
		}
		EXPECT_EQ(v.size(), 3u);
		return v;
	}
	/* b has what the first of a's records said, and what came then ended it. */
	void ended_after(size_t n)
	{
		b.run();
		ASSERT_EQ(b.got.size(), n);
		for (size_t i = 0; i < n; i++)
			EXPECT_EQ(b.got[i], pattern((unsigned)i));
		EXPECT_EQ(b.downs, std::vector<std::string>{NOT_ITS});
		EXPECT_EQ(link_stats(b.l, 0)->bad_tags, 1u);
	}
};

} // namespace

TEST_P(Sealed, RelayedAsItIsItArrives)
{
	for (auto &r : said)
		m->say(r);
	b.run();
	ASSERT_EQ(b.got.size(), 3u);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(b.got[i], pattern(i));
	EXPECT_TRUE(b.downs.empty());
	struct link_net_stats s;
	link_net_stats(b.l, 0, &s);
	EXPECT_STREQ(s.seal, "ChaCha20-Poly1305");
	EXPECT_EQ(link_stats(b.l, 0)->bad_tags, 0u);
}

TEST_P(Sealed, CutAnywhereItArrives)
{
	Bytes all;

	for (auto &r : said)
		all.insert(all.end(), r.begin(), r.end());
	for (size_t at = 0; at < all.size(); at += 97) {
		m->say(Bytes(all.begin() + (long)at, all.begin() + (long)std::min(all.size(), at + 97)));
		b.run();
	}
	ASSERT_EQ(b.got.size(), 3u);
	EXPECT_EQ(b.got[2], pattern(2));
}

TEST_P(Sealed, NoByteOfThePageIsSeen)
{
	for (unsigned i = 0; i < 3; i++) {
		Bytes p = pattern(i);

		for (size_t at = 0; at + 8 <= p.size(); at++)
			ASSERT_EQ(memmem(said[i].data(), said[i].size(), p.data() + at, 8), nullptr) << at;
	}
	EXPECT_NE(said[0], said[1]);
}

TEST_P(Sealed, AFlippedBitEndsItAndNothingOfTheRecordIsHeard)
{
	for (size_t at : {0ul, 1ul, 2ul, 3ul, 4ul, 20ul, 100ul, said[1].size() - 17, said[1].size() - 1}) {
		End c{GetParam()};
		Middle other(a, c, (unsigned)at % 60 + 1, (uint8_t)at); // a fresh pair for each
		unsigned peer = (unsigned)at % 60 + 1;
		auto v = three(other, peer);

		other.say(v[0]);
		v[1][at] ^= 0x10;
		other.say(v[1]);
		other.say(v[2]);
		other.say(Bytes(SEAL_RECORD_MAX, 0)); // a longer record than there was waits for more
		c.run();
		ASSERT_EQ(c.got.size(), 1u) << at;
		EXPECT_EQ(c.got[0], pattern(0));
		EXPECT_EQ(c.downs, std::vector<std::string>{NOT_ITS}) << at;
		link_remove(a.l, peer);
	}
}

TEST_P(Sealed, ADroppedRecordEndsIt)
{
	m->say(said[0]);
	m->say(said[2]);
	ended_after(1);
}

TEST_P(Sealed, ARepeatedRecordEndsIt)
{
	m->say(said[0]);
	m->say(said[1]);
	m->say(said[1]);
	ended_after(2);
}

TEST_P(Sealed, ReorderedRecordsEndIt)
{
	m->say(said[1]);
	m->say(said[0]);
	ended_after(0);
}

TEST_P(Sealed, ARecordOfAnotherSessionEndsIt)
{
	Middle other(a, b, 1, 77);
	auto v = three(other, 1);

	m->say(said[0]);
	m->say(v[1]);
	ended_after(1);
	other.say(v[0]); // and that one goes on
	b.run();
	EXPECT_EQ(b.got.size(), 2u);
}

TEST_P(Sealed, AReflectedRecordEndsIt)
{
	EXPECT_EQ(send(m->to_a, said[0].data(), said[0].size(), MSG_NOSIGNAL), (ssize_t)said[0].size());
	a.run();
	EXPECT_TRUE(a.got.empty());
	EXPECT_EQ(a.downs, std::vector<std::string>{NOT_ITS});
}

TEST_P(Sealed, APlainFrameEndsIt)
{
	Bytes frame(MSG_HEADER_BYTES + MSG_FIELDS_MAX);
	msg p = {};

	p.kind = MSG_PING;
	p.epoch = 7;
	frame.resize((size_t)msg_encode(&p, frame.data(), frame.size()));
	m->say(said[0]);
	m->say(frame);
	m->say(Bytes(70000, 0));
	ended_after(1);
}

TEST_P(Sealed, ShortMessagesShareARecord)
{
	msg p = {};

	p.kind = MSG_PING;
	for (unsigned i = 0; i < 40; i++)
		EXPECT_EQ(link_send(a.l, 0, &p), 0);
	link_flush(a.l);
	auto v = records(m->hear(a));
	EXPECT_EQ(v.size(), 1u);
}

/* More than a socket takes: what is left waits, sealed once, and all of it arrives in order. */
TEST_P(Sealed, WhatTheSocketDoesNotTakeWaits)
{
	Bytes big = pattern(9, MSG_BLOB_MAX);
	msg p = {};
	size_t heard = 0;

	p.kind = MSG_CTL_IMAGE;
	p.blob = big.data();
	p.blob_bytes = (uint32_t)big.size();
	for (auto &r : said)
		m->say(r);
	for (unsigned i = 0; i < 20; i++)
		ASSERT_EQ(link_send(a.l, 0, &p), 0);
	a.run();
	EXPECT_FALSE(link_drained(a.l, 0));
	for (unsigned i = 0; i < 2000 && b.got.size() < 23; i++) {
		Bytes some = m->hear(a);

		heard += some.size();
		for (size_t at = 0; at < some.size(); at += 30000) {
			m->say(Bytes(some.begin() + (long)at, some.begin() + (long)std::min(some.size(), at + 30000)));
			b.run();
		}
	}
	ASSERT_EQ(b.got.size(), 23u) << heard;
	for (unsigned i = 3; i < 23; i++)
		EXPECT_EQ(b.got[i], big);
	EXPECT_TRUE(link_drained(a.l, 0));
}

INSTANTIATE_TEST_SUITE_P(Each, Sealed, testing::Values("uring", "uring-plain"),
			 [](const auto &i) { return std::string(strcmp(i.param, "uring") ? "plain_recv" : "uring"); });
