// SPDX-License-Identifier: Apache-2.0
// An access waits for a page whose home answers as the test wants.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <sys/socket.h>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "net/now.h"
#include "vmm/mem/ram.h"
#include "vmm/span/span_priv.h"
}

namespace
{

struct Stuck : testing::Test {
	machine_desc desc = sample_desc(2, 1, 4);
	struct link *own = nullptr, *home = nullptr;
	::span *span = nullptr;
	::ram ram = {};
	int answer = -1; // to each ASK: an enum coh_told; -1: silence
	unsigned asked = 0, stuck = 0, lost = 0;
	uint64_t gpa = 0, waited = 0;
	std::string why;

	static void on_msg(void *ctx, unsigned peer, const msg *m)
	{
		Stuck *s = (Stuck *)ctx;
		msg told = *m;

		if (m->kind == MSG_PING) { // it lives
			told.kind = MSG_PONG;
			link_send(s->home, peer, &told);
		}
		if (m->kind != MSG_COH || m->u.coh.kind != COH_MSG_ASK)
			return;
		s->asked++;
		told.u.coh.kind = COH_MSG_TOLD;
		told.u.coh.rights = (uint8_t)s->answer;
		if (s->answer >= 0)
			link_send(s->home, peer, &told);
	}
	void SetUp() override
	{
		link_options o = {};
		link_handler ours = {this, [](void *, unsigned, const msg *) {}, [](void *, unsigned, const char *) {}};
		link_handler theirs = {this, on_msg, [](void *, unsigned, const char *) {}};
		span_handler h = {};
		char text[256] = "";
		int fd[2];

		o.transport = "uring";
		o.epoch = desc.epoch;
		ASSERT_EQ(0, link_create(&own, &o, &ours));
		ASSERT_EQ(0, link_create(&home, &o, &theirs));
		ASSERT_EQ(0, ram_map(&ram, desc_memory_bytes(&desc)));
		h.ctx = this;
		h.connected = [](void *) {};
		h.host_lost = [](void *x, host_id host, const char *reason) {
			((Stuck *)x)->lost += 1 + host;
			((Stuck *)x)->why = reason;
		};
		h.failed = [](void *x, const char *reason) { ((Stuck *)x)->why = reason; };
		h.stuck = [](void *x, uint64_t gpa, host_id, uint64_t ns) {
			((Stuck *)x)->stuck++;
			((Stuck *)x)->gpa = gpa;
			((Stuck *)x)->waited = ns;
		};
		ASSERT_EQ(0, span_create(&span, &desc, 0, &ram, own, 2600000, &h, text, sizeof(text))) << text;
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
		ASSERT_EQ(0, span_add_peer(span, 1, fd[0], nullptr));
		ASSERT_EQ(0, link_add_fd(home, 0, fd[1]));
	}
	void TearDown() override
	{
		if (span)
			span_destroy(span);
		link_destroy(own);
		link_destroy(home);
		ram_unmap(&ram);
	}
	template <typename F> bool until(F f)
	{
		for (unsigned i = 0; i < 30000 && !f(); i++) {
			loop_run(link_loop(own), now_ns() + 1000000);
			loop_run(link_loop(home), now_ns() + 1000000);
		}
		return f();
	}
	/* A thread reads the first page of host 1 until the test lets it go on. */
	std::future<uint8_t> read_theirs()
	{
		page_idx page = desc.ranges[1].first;

		return std::async(std::launch::async,
				  [this, page] { return *(volatile uint8_t *)(ram.base + (page << PAGE_SHIFT)); });
	}
};

TEST_F(Stuck, WhatTheHomeKnowsNothingOfEndsInALostHost)
{
	answer = COH_TOLD_NOTHING;
	auto read = read_theirs();
	ASSERT_TRUE(until([&] { return lost; }));
	EXPECT_EQ(2u, lost);
	EXPECT_EQ("page at 0x400000: it knows nothing of the request for the page; the link lost or altered a message",
		  why);
	EXPECT_EQ(1u, asked);
	EXPECT_EQ(0u, stuck) << "it was found out before";
	span_release_memory(span);
	read.get();
}

TEST_F(Stuck, WhatIsOnlyLateIsToldOfAndWaitsOn)
{
	answer = COH_TOLD_WAITS;
	auto read = read_theirs();
	ASSERT_TRUE(until([&] { return stuck; }));
	EXPECT_EQ(0x400000u, gpa);
	EXPECT_GE(waited, 5000000000u);
	EXPECT_GE(span_oldest_wait_ms(span), 5000u);
	EXPECT_GE(asked, 3u);
	unsigned before = asked;
	EXPECT_TRUE(until([&] { return asked > before; })); // it goes on asking, and says no more of it
	EXPECT_EQ(1u, stuck);
	EXPECT_EQ(0u, lost);
	span_release_memory(span);
	read.get();
}

TEST(GivesUp, LaterThanSilentHostsAreAndWithTheGuestsClock)
{
	machine_desc d = sample_desc(2, 1, 4);

	d.dilate = 1;
	d.peer_timeout_ms = 1500;
	EXPECT_EQ(60000000000u, pager_gives_up_after_ns(&d));
	d.peer_timeout_ms = 60000;
	EXPECT_EQ(240000000000u, pager_gives_up_after_ns(&d));
	d.dilate = 10;
	EXPECT_EQ(2400000000000u, pager_gives_up_after_ns(&d));
}

} // namespace
