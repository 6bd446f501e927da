// SPDX-License-Identifier: Apache-2.0
// Messages arrive whole, once, in order, and control ahead of bulk.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <random>
#include <thread>

#include "net/now.h"
#include "tests/conform/dpdk_net.h"
#include "tests/conform/fixture.h"

using namespace conform;

namespace
{

class Traffic : public Conform
{
};

} // namespace

TEST_P(Traffic, OrderAndOnceWithinAPriority)
{
	Node &a = add(), &b = add();
	std::vector<uint64_t> got[2];
	std::vector<uint8_t> blob = pattern(1, 1000);
	const uint64_t n = 3000;

	connect(a, 2, b, 5);
	b.on_msg = [&](unsigned peer, const struct msg &m) {
		EXPECT_EQ(peer, 5u);
		if (m.kind == MSG_PING) {
			got[0].push_back(m.u.ping.t_sent);
			EXPECT_EQ(link_stats(b.l, 5)->first_in, got[0].size())
				<< "the message itself, and none but what came";
		} else
			got[1].push_back(m.u.ctl_image.offset);
	};
	for (uint64_t i = 0; i < n; i++) {
		ASSERT_EQ(a.send(2, bulk(i, blob)), 0);
		ASSERT_EQ(a.send(2, control(i)), 0);
		if (i % 100 == 0)
			link_flush(a.l);
	}
	ASSERT_TRUE(pump(10000, [&] { return b.msgs >= 2 * n; }));
	pump(20, [] { return false; });
	for (auto &g : got) {
		ASSERT_EQ(g.size(), n);
		for (uint64_t i = 0; i < n; i++)
			ASSERT_EQ(g[i], i);
	}
	EXPECT_TRUE(link_drained(a.l, 2));
	EXPECT_EQ(link_stats(a.l, 2)->msgs_out, 2 * n);
	EXPECT_EQ(link_stats(b.l, 5)->msgs_in, 2 * n);
	EXPECT_EQ(link_stats(a.l, 2)->first_out, n);
	EXPECT_EQ(link_stats(a.l, 2)->bytes_out, link_stats(b.l, 5)->bytes_in);
}

TEST_P(Traffic, BlobsOfEverySize)
{
	Node &a = add(), &b = add();
	std::vector<size_t> sizes = {
		0, 1, 15, 16, 17, 4095, 4096, 4097, 65535, 65536, 65537, MSG_BLOB_MAX - 1, MSG_BLOB_MAX};
	uint64_t next = 0;

	connect(a, 0, b, 0);
	b.on_msg = [&](unsigned, const struct msg &m) {
		ASSERT_EQ(m.u.ctl_image.offset, next);
		auto want = pattern(next, sizes[next % sizes.size()]);
		ASSERT_EQ(m.blob_bytes, want.size());
		ASSERT_TRUE(want.empty() || std::equal(want.begin(), want.end(), m.blob));
		next++;
	};
	for (uint64_t i = 0; i < 3 * sizes.size(); i++) {
		auto blob = pattern(i, sizes[i % sizes.size()]);
		ASSERT_EQ(a.send(0, bulk(i, blob)), 0);
		std::fill(blob.begin(), blob.end(), 0xee); // the caller may reuse it at once
	}
	EXPECT_TRUE(pump(10000, [&] { return next == 3 * sizes.size(); }));
}

TEST_P(Traffic, TooLargeABlobIsRefused)
{
	Node &a = add(), &b = add();
	std::vector<uint8_t> blob(MSG_BLOB_MAX + 1);

	connect(a, 0, b, 0);
	EXPECT_EQ(a.send(0, bulk(0, blob)), -EINVAL);
	struct msg m = page(0, blob);
	EXPECT_EQ(a.send(0, m), -EINVAL);
	EXPECT_TRUE(link_drained(a.l, 0));
}

// With megabytes of bulk queued, a control message sent last arrives long before the end of the
// bulk.
TEST_P(Traffic, ControlOvertakesBulk)
{
	Node &a = add(), &b = add();
	std::vector<uint8_t> blob = pattern(1, MSG_BLOB_MAX);
	uint64_t bulk_seen = 0, bulk_before = UINT64_MAX;
	const uint64_t n = 120; // 30 MB

	connect(a, 0, b, 0);
	b.on_msg = [&](unsigned, const struct msg &m) {
		if (m.kind == MSG_PING)
			bulk_before = bulk_seen;
		else
			EXPECT_EQ(m.u.ctl_image.offset, bulk_seen++);
	};
	for (uint64_t i = 0; i < n; i++)
		ASSERT_EQ(a.send(0, bulk(i, blob)), 0);
	link_flush(a.l); // fills what the transport holds
	ASSERT_EQ(a.send(0, control(1)), 0);
	ASSERT_TRUE(pump(20000, [&] { return bulk_seen == n && bulk_before != UINT64_MAX; }));
	EXPECT_LT(bulk_before, n / 2) << "only what the transport already held may go first";
}

TEST_P(Traffic, BothWaysFromTwoThreadsWithChecksums)
{
	Node &a = add(), &b = add();
	const uint64_t n = 8000;
	std::atomic<unsigned> finished{0};

	connect(a, 1, b, 0);
	auto work = [&](Node &me, unsigned peer, unsigned seed) {
		std::mt19937 rng(seed);
		uint64_t sent = 0, got = 0, bad = 0, end = now_ns() + 30000000000ull;
		bool done = false;

		me.on_msg = [&](unsigned, const struct msg &m) {
			bad += m.u.coh.page != got++ || m.u.coh.txn != sum(m.blob, m.blob_bytes);
		};
		while (finished < 2 && now_ns() < end) {
			for (unsigned burst = rng() % 32; burst && sent < n; burst--, sent++) {
				auto bytes = pattern(sent + seed * n, PAGE_BYTES);
				struct msg m = page(sent, bytes);

				m.u.coh.txn = sum(bytes.data(), bytes.size());
				ASSERT_EQ(me.send(peer, m), 0);
				if (rng() % 4 == 0)
					link_flush(me.l);
			}
			ASSERT_GE(me.run(sent < n ? 0 : 5), 0);
			if (!done && sent == n && got == n && link_drained(me.l, peer)) {
				done = true;
				finished++;
			}
		}
		EXPECT_EQ(got, n);
		EXPECT_EQ(bad, 0u);
		EXPECT_TRUE(me.downs.empty());
	};
	std::thread ta(work, std::ref(a), 1, 1), tb(work, std::ref(b), 0, 2);
	ta.join();
	tb.join();
}

TEST_P(Traffic, ManyPeersOfOneLink)
{
	Node &hub = add();
	const unsigned n = GetParam().dpdk ? DPDK_NODES - 1 : 16;
	std::vector<uint64_t> got(n);

	for (unsigned i = 0; i < n; i++) {
		Node &spoke = add();
		connect(hub, i, spoke, 9);
		spoke.on_msg = [&spoke](unsigned peer, const struct msg &m) { spoke.send(peer, m); }; // an echo
	}
	hub.on_msg = [&](unsigned peer, const struct msg &m) {
		EXPECT_EQ(m.u.ping.t_sent, 1000 * peer + got[peer]);
		got[peer]++;
	};
	for (unsigned k = 0; k < 200; k++)
		for (unsigned i = 0; i < n; i++)
			ASSERT_EQ(hub.send(i, control(1000 * i + k)), 0);
	EXPECT_TRUE(
		pump(10000, [&] { return std::all_of(got.begin(), got.end(), [](uint64_t g) { return g == 200; }); }));
}

TEST_P(Traffic, LateReaderLosesNothing)
{
	Node &a = add(), &b = add();
	std::vector<uint8_t> blob = pattern(3, 100000);
	uint64_t next = 0;
	const uint64_t n = 300; // 30 MB while b does not run

	connect(a, 0, b, 0);
	b.on_msg = [&](unsigned, const struct msg &m) {
		EXPECT_EQ(m.u.ctl_image.offset, next++);
		EXPECT_TRUE(std::equal(blob.begin(), blob.end(), m.blob));
	};
	for (uint64_t i = 0; i < n; i++) {
		ASSERT_EQ(a.send(0, bulk(i, blob)), 0);
		a.run(0);
	}
	EXPECT_FALSE(link_drained(a.l, 0));
	EXPECT_TRUE(pump(20000, [&] { return next == n; }));
	EXPECT_TRUE(pump(1000, [&] { return link_drained(a.l, 0); }));
}

INSTANTIATE_TEST_SUITE_P(All, Traffic, testing::ValuesIn(transports()), [](auto &i) { return i.param.shown; });
