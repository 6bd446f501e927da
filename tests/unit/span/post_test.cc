// SPDX-License-Identifier: Apache-2.0
// Posted writes: they leave before any coherence message that is sent after them, and their number is bounded.
#include <gtest/gtest.h>

#include <cerrno>
#include <future>
#include <string>
#include <unistd.h>
#include <vector>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "vmm/span/span_priv.h"
}

namespace
{

struct Post : testing::Test {
	machine_desc desc = sample_desc(2, 1, 4);
	struct span *d = (struct span *)calloc(1, sizeof(struct span));
	struct link *other = nullptr;
	std::vector<std::string> got;

	static void Msg(void *ctx, unsigned, const struct msg *m)
	{
		std::string text = msg_name(m->kind);
		if (m->kind == MSG_IO_REQ)
			text += " " + std::to_string(m->u.io_req.value) + " id " + std::to_string(m->u.io_req.id);
		static_cast<Post *>(ctx)->got.push_back(text);
	}
	static void SendOutbox(void *arg)
	{
		span_send_outbox(static_cast<struct span *>(arg));
	}
	static void Down(void *, unsigned, const char *)
	{
	}
	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = desc.epoch;
		struct link_handler mine = {this, Msg, Down}, theirs = {this, Msg, Down};
		ASSERT_EQ(0, link_create(&d->link, &o, &mine));
		ASSERT_EQ(0, link_create(&other, &o, &theirs));
		ASSERT_EQ(0, link_join_loop(d->link, 0, other, 1));
		d->desc = &desc;
		d->peers.hosts = desc_host_slots(&desc);
		d->self = 1;
		outbox_init(&d->outbox);
		iofwd_init(&d->iofwd);
		d->outbox_full = {};
		d->outbox_full.fn = SendOutbox;
		d->outbox_full.arg = d;
	}
	void TearDown() override
	{
		loop_uncall(link_loop(d->link), &d->outbox_full);
		link_destroy(d->link);
		link_destroy(other);
		free(d);
	}
	int post(uint64_t value)
	{
		struct msg_io_req r = {};
		r.addr = 0x3f8, r.write = 1, r.size = 1, r.vcpu = 1, r.value = value;
		return span_post_io(d, 0, &r);
	}
	// Until n accesses came that are waited for: their numbers.
	std::vector<uint64_t> waited(size_t n)
	{
		std::vector<uint64_t> ids;
		for (int i = 0; i < 20000 && ids.size() < n; i++) {
			turn();
			ids.clear();
			for (auto &text : got)
				if (uint64_t id = std::stoull(text.substr(text.rfind(' '))))
					ids.push_back(id);
			usleep(100);
		}
		return ids;
	}
	void turn()
	{
		link_flush(d->link);
		for (int i = 0; i < 10; i++) {
			loop_run(link_loop(d->link), 0);
			loop_run(link_loop(other), 0);
		}
	}
};

TEST_F(Post, ACoherenceMessageDoesNotOvertakeAWrite)
{
	struct msg m = {};
	m.kind = MSG_COH;
	m.epoch = desc.epoch;
	ASSERT_EQ(0, post(1)); // in the outbox; the span thread has not been woken yet
	ASSERT_EQ(0, post(2));
	post_flush(d); // what the pager does before it sends
	link_send(d->link, 0, &m);
	ASSERT_EQ(0, post(3));
	turn();
	EXPECT_EQ((std::vector<std::string>{"IO_REQ 1 id 0", "IO_REQ 2 id 0", "COH", "IO_REQ 3 id 0"}), got);
	EXPECT_EQ(0u, d->posted_waiting);
}

TEST_F(Post, EverySoOftenOneIsWaitedFor)
{
	for (unsigned i = 0; i < 64; i++)
		ASSERT_EQ(0, post(i));
	auto first = std::async(std::launch::async, [&] { return post(64); });
	auto ids = waited(1);
	ASSERT_EQ(1u, ids.size());
	iofwd_answer(&d->iofwd, ids[0], 0);
	EXPECT_EQ(1, first.get()); // it was waited for, and with it all before: room again
	EXPECT_EQ(0, post(65));
	uint64_t out, in;
	span_irqs(d, &out, &in);
	EXPECT_EQ(65u, out) << "of what nobody waits for";
	EXPECT_EQ(0u, in);
}

// However many vCPUs write: who comes while one waits must wait too, and whose answer is of before them makes no room.
TEST_F(Post, VcpusTogetherHaveNoMoreOnTheirWay)
{
	for (unsigned i = 0; i < 64; i++)
		ASSERT_EQ(0, post(i));
	auto first = std::async(std::launch::async, [&] { return post(64); });
	auto second = std::async(std::launch::async, [&] { return post(65); });
	auto ids = waited(2);
	ASSERT_EQ(2u, ids.size());
	iofwd_answer(&d->iofwd, ids[0], 0);
	while (__atomic_load_n(&d->posted_done, __ATOMIC_RELAXED) < 64)
		usleep(100);
	for (unsigned i = 0; i < 64; i++)
		ASSERT_EQ(0, post(i));
	iofwd_answer(&d->iofwd, ids[1], 0); // it was sent before the last 64
	EXPECT_EQ(1, first.get());
	EXPECT_EQ(1, second.get());
	auto third = std::async(std::launch::async, [&] { return post(66); });
	ids = waited(3);
	ASSERT_EQ(3u, ids.size()) << "there was room for one more";
	iofwd_answer(&d->iofwd, ids[2], 0);
	EXPECT_EQ(1, third.get());
}

TEST_F(Post, WithAThirdHostEveryWriteIsWaitedFor)
{
	desc = sample_desc(3, 1, 4);
	d->peers.hosts = 3;
	EXPECT_EQ(-EAGAIN, post(1));
}

TEST_F(Post, AfterTheEndNothingIsLeftBehind)
{
	outbox_close(&d->outbox);
	EXPECT_EQ(0, post(1));
	EXPECT_EQ(0u, d->posted_waiting);
}

} // namespace
