// SPDX-License-Identifier: Apache-2.0
// Two hosts that are only acted, and the run side of what is done to the whole machine against them.
#ifndef TESTS_UNIT_RUN_ACTED_HOSTS_H
#define TESTS_UNIT_RUN_ACTED_HOSTS_H

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/conf/sample.h"
#include "tests/unit/run/fake_clock.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "net/now.h"
#include "vmm/call/piece.h"
#include "vmm/run/mover.h"
#include "vmm/run/ops.h"
}

namespace
{

constexpr uint64_t kMib = 2; // of each host

struct Verbs : testing::Test {
	struct HostEnd {
		Verbs *t;
		unsigned number;
		struct link *link = nullptr;
		std::vector<std::string> verbs; // with their arguments
		uint64_t clock = 0, out = 0, in = 0;
		bool adjustable = true, quiet = true;
		std::string refuse;              // this verb fails
		std::string mute;                // this verb is answered when the test says so
		uint64_t kept = 0;               // ... the call
		int shows = -1;                  // the vCPU it tells registers of; -1: of its own number
		bool lacks = false;              // it leaves its vCPU out
		unsigned late = 0;               // looks until the interrupts on their way have arrived
		std::map<page_idx, char> memory; // pages that are not zero
		std::string state;               // of the board
	};
	struct link *run = nullptr;
	struct machine_desc desc = sample_desc(2, 1, kMib);
	struct calls calls = {};
	struct ops *v = nullptr;
	HostEnd hosts[2];
	std::vector<std::string> all;  // verbs of both hosts
	std::vector<std::string> said; // events and ends, in order
	bool inside = false;           // a function of ops.h is running

	static void RunMsg(void *ctx, unsigned peer, const struct msg *m)
	{
		if (m->kind == MSG_CTL_RETURN)
			calls_on_return(&static_cast<Verbs *>(ctx)->calls, (host_id)peer, m);
	}
	static void HostMsg(void *ctx, unsigned, const struct msg *m)
	{
		static_cast<HostEnd *>(ctx)->t->act(*static_cast<HostEnd *>(ctx), m);
	}
	static void Down(void *, unsigned, const char *)
	{
	}

	void answer(HostEnd &h, uint64_t id, unsigned form, const std::string &body)
	{
		struct msg m = {};
		m.kind = MSG_CTL_RETURN;
		m.epoch = desc.epoch;
		m.u.ctl_return.id = id;
		m.u.ctl_return.form = (uint8_t)form;
		m.blob = (const uint8_t *)body.data();
		m.blob_bytes = (uint32_t)body.size();
		link_send(h.link, 0, &m);
		link_flush(h.link);
	}

	std::string piece(HostEnd &h, page_idx first, page_idx end)
	{
		unsigned n = (unsigned)std::min<page_idx>(end - first, 100), full = 0;
		std::string bits((n + 7) / 8, 0), bytes;
		uint8_t head[8];

		for (unsigned i = 0; i < n; i++) {
			auto p = h.memory.find(first + i);
			if (p == h.memory.end())
				continue;
			bits[i / 8] |= (char)(1 << i % 8);
			bytes += std::string(PAGE_BYTES, p->second);
			full++;
		}
		put_le(head, n, 4);
		put_le(head + 4, full, 4);
		return std::string((char *)head, 8) + bits + bytes;
	}

	void act(HostEnd &h, const struct msg *m)
	{
		char name[CALL_VERB_MAX];
		json_t *args = nullptr;
		uint64_t id = m->u.ctl_call.id;

		ASSERT_TRUE(call_split(m->blob, m->blob_bytes, name, &args));
		char *text = json_dumps(args, JSON_COMPACT);
		std::string verb = name;
		h.verbs.push_back(verb + text);
		free(text);
		all.push_back(verb);
		if (verb == h.mute) {
			h.kept = id;
		} else if (verb == h.refuse) {
			answer(h, id, CALL_ERROR, "it will not");
		} else if (verb == "move-prepare" || verb == "traits") {
			answer(h, id, CALL_JSON, "{\"cpuid\":[[0,0,31,1,2,3]],\"xsave_bytes\":4096,\"msrs\":[]}");
		} else if (verb == "memory") {
			answer(h, id, CALL_BYTES,
			       piece(h, (page_idx)json_integer_value(json_object_get(args, "first")),
				     (page_idx)json_integer_value(json_object_get(args, "end"))));
		} else if (verb == "registers") {
			unsigned vcpu = h.shows < 0 ? h.number : (unsigned)h.shows;
			json_int_t only = json_integer_value(json_object_get(args, "vcpu"));
			answer(h, id, CALL_JSON,
			       h.lacks || (only >= 0 && only != vcpu)
				       ? "[]"
				       : "[{\"vcpu\":" + std::to_string(vcpu) +
						 ",\"rip\":" + std::to_string(66 + vcpu) + "}]");
		} else if (verb == "board-give") {
			answer(h, id, CALL_JSON, "{\"state\":\"" + h.state + "\"}");
		} else {
			uint64_t in = h.late ? h.in - 1 : h.in;
			h.late -= h.late && verb == "freeze";
			answer(h, id, CALL_JSON,
			       "{\"clock\":" + std::to_string(h.clock) + ",\"irqs_out\":" + std::to_string(h.out) +
				       ",\"irqs_in\":" + std::to_string(in) +
				       ",\"adjustable\":" + (h.adjustable ? "true" : "false") +
				       ",\"quiet\":" + (h.quiet ? "true" : "false") + "}");
		}
		json_decref(args);
	}

	static void Event(void *ctx, const char *event, const json_t *)
	{
		static_cast<Verbs *>(ctx)->said.push_back(event);
	}
	static void Broken(void *ctx, const char *text)
	{
		EXPECT_FALSE(static_cast<Verbs *>(ctx)->inside);
		static_cast<Verbs *>(ctx)->said.push_back(std::string("end: ") + text);
	}
	static void Done(void *ctx, const char *error)
	{
		auto *t = static_cast<Verbs *>(ctx);
		EXPECT_FALSE(t->inside);
		t->said.push_back(error ? std::string("error: ") + error : "done");
	}

	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = desc.epoch;
		struct link_handler h = {this, RunMsg, Down};
		ASSERT_EQ(link_create(&run, &o, &h), 0);
		for (unsigned i = 0; i < 2; i++) {
			hosts[i].t = this;
			hosts[i].number = i;
			struct link_handler hh = {&hosts[i], HostMsg, Down};
			ASSERT_EQ(link_create(&hosts[i].link, &o, &hh), 0);
			ASSERT_EQ(link_join_loop(run, i, hosts[i].link, 0), 0);
		}
		calls_init(&calls, run, &desc);
		v = ops_create(&calls, &desc);
		ASSERT_TRUE(v);
		ops_listen(v, Event, this);
		ops_set_broken(v, Broken, this);
	}
	void TearDown() override
	{
		calls_cancel(&calls, "end");
		ops_destroy(v);
		link_destroy(run);
		for (auto &h : hosts)
			link_destroy(h.link);
		fake_clock_back();
	}
	void turns(unsigned n = 40)
	{
		for (; n; n--) {
			for (auto &h : hosts)
				loop_run(link_loop(h.link), now_ns());
			loop_run(link_loop(run), now_ns());
		}
	}
	/* Looks are some milliseconds apart: the clock goes on with the turns, however fast this machine is. */
	bool until(std::function<bool()> holds)
	{
		for (unsigned i = 0; i < 20000 && !holds(); i++) {
			turns(1);
			fake_clock_forward_ms(1);
		}
		return holds();
	}
	/* An end has been told, good or bad. */
	bool over() const
	{
		return !said.empty() && (said.back() == "done" || said.back()[0] == 'e');
	}
	int call(std::function<int()> f)
	{
		inside = true;
		int r = f();
		inside = false;
		return r;
	}
	int stop()
	{
		return call([&] { return ops_stop(v, Done, this); });
	}
	int cont()
	{
		return call([&] { return ops_cont(v, Done, this); });
	}
	using Said = std::vector<std::string>;
};

/* With moves of vCPUs: one thing at a time. */
struct VerbsAndMoves : Verbs {
	mover *m = nullptr;
	std::vector<std::string> moved;

	static void Moved(void *ctx, const mover_result *r, const char *error)
	{
		auto *t = static_cast<VerbsAndMoves *>(ctx);
		EXPECT_FALSE(t->inside);
		t->moved.push_back(error ? error : std::to_string(r->vcpu) + ">" + std::to_string(r->to));
		t->all.push_back("moved");
	}
	void SetUp() override
	{
		Verbs::SetUp();
		m = mover_create(v);
		mover_started(m);
		ops_started(v);
	}
	void TearDown() override
	{
		Verbs::TearDown();
		mover_destroy(m);
	}
	int move(uint32_t vcpu, host_id to)
	{
		return call([&] { return mover_move(m, vcpu, to, Moved, this); });
	}
	void unmute(HostEnd &h)
	{
		h.mute.clear();
		answer(h, h.kept, CALL_JSON, "{}");
	}
	size_t at(const std::string &what)
	{
		return (size_t)(std::find(all.begin(), all.end(), what) - all.begin());
	}
};
} // namespace

#endif
