// SPDX-License-Identifier: Apache-2.0
// Two spans, each with RAM and a pager of its own, that have a session with each other.
#ifndef TESTS_UNIT_SPAN_TWO_SPANS_H
#define TESTS_UNIT_SPAN_TWO_SPANS_H

#include <gtest/gtest.h>

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

struct Side {
	struct link *link = nullptr;
	struct span *span = nullptr;
	::ram ram = {};
	unsigned connected = 0, lost = 0, strays = 0;
	std::string why;
};

struct TwoSpans : testing::Test {
	machine_desc desc = sample_desc(2, 1, 4);
	Side side[2];
	uint32_t silence_ms = 60000; // no test waits for it, and a busy machine must not reach it; a PING each fifth

	void open(host_id self)
	{
		Side *s = &side[self];
		link_options o = {};
		link_handler own = {s, [](void *x, unsigned, const msg *) { ((Side *)x)->strays++; },
				    [](void *x, unsigned, const char *) { ((Side *)x)->strays++; }};
		span_handler h = {};
		char text[256] = "";

		o.transport = "uring";
		o.epoch = desc.epoch;
		ASSERT_EQ(0, link_create(&s->link, &o, &own));
		ASSERT_EQ(0, ram_map(&s->ram, desc_memory_bytes(&desc)));
		h.ctx = s;
		h.connected = [](void *x) { ((Side *)x)->connected++; };
		h.host_lost = [](void *x, host_id host, const char *reason) {
			((Side *)x)->lost += 1 + host;
			((Side *)x)->why = reason;
		};
		h.failed = [](void *x, const char *reason) { ((Side *)x)->why = reason; };
		ASSERT_EQ(0, span_create(&s->span, &desc, self, &s->ram, s->link, 2600000, &h, text, sizeof(text)))
			<< text;
	}
	void SetUp() override
	{
		int fd[2];

		desc.peer_timeout_ms = silence_ms;
		open(0);
		open(1);
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
		ASSERT_EQ(0, span_add_peer(side[0].span, 1, fd[0], nullptr));
		ASSERT_EQ(0, span_add_peer(side[1].span, 0, fd[1], nullptr));
	}
	void TearDown() override
	{
		for (Side &s : side) {
			if (s.span)
				span_destroy(s.span);
			if (s.link)
				link_destroy(s.link);
			ram_unmap(&s.ram);
		}
	}
	void turn()
	{
		for (Side &s : side)
			loop_run(link_loop(s.link), now_ns() + 1000000);
	}
	template <typename F> bool until(F f)
	{
		for (unsigned i = 0; i < 20000 && !f(); i++)
			turn();
		return f();
	}
};

} // namespace

#endif
