// SPDX-License-Identifier: Apache-2.0
// `pando run` from the phase in which a test puts it, and two hosts that are only acted.
#ifndef TESTS_UNIT_RUN_ACTED_RUN_H
#define TESTS_UNIT_RUN_ACTED_RUN_H

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "net/now.h"
#include "vmm/run/run_priv.h"
#include "vmm/run/tracer.h"
}

namespace
{

struct ActedRun : testing::Test {
	struct HostEnd {
		ActedRun *t;
		struct link *link = nullptr;
		std::vector<std::string> verbs;
		std::string refuse, mute; // this verb fails; is not answered
		unsigned pongs = 0;
	};
	std::unique_ptr<struct run> r{new struct run()};
	struct run_options opt = {};
	struct link *run = nullptr;
	HostEnd hosts[2];
	unsigned ran = 0; // how often the guest was told to run

	static void RunMsg(void *ctx, unsigned peer, const struct msg *m)
	{
		auto *t = static_cast<ActedRun *>(ctx);
		char name[CALL_VERB_MAX];
		json_t *data = nullptr;
		run_alive_heard(t->r.get(), (host_id)peer, m);
		if (m->kind == MSG_CTL_RETURN)
			calls_on_return(&t->r->calls, (host_id)peer, m);
		if (m->kind != MSG_CTL_EVENT)
			return;
		ASSERT_TRUE(call_split(m->blob, m->blob_bytes, name, &data));
		run_on_event(t->r.get(), (host_id)peer, name, data);
		json_decref(data);
	}
	static void RunDown(void *ctx, unsigned peer, const char *reason)
	{
		run_host_gone(static_cast<ActedRun *>(ctx)->r.get(), (host_id)peer, reason);
	}
	static void HostMsg(void *ctx, unsigned, const struct msg *m)
	{
		auto *h = static_cast<HostEnd *>(ctx);
		char name[CALL_VERB_MAX];
		json_t *args = nullptr;
		struct msg a = {};
		h->pongs += m->kind == MSG_PONG;
		if (m->kind != MSG_CTL_CALL)
			return;
		ASSERT_TRUE(call_split(m->blob, m->blob_bytes, name, &args));
		json_decref(args);
		h->verbs.push_back(name);
		if (h->mute == name)
			return;
		bool ok = h->refuse != name;
		const char *text = ok ? "{}" : "it will not";
		a.kind = MSG_CTL_RETURN;
		a.u.ctl_return.id = m->u.ctl_call.id;
		a.u.ctl_return.form = ok ? CALL_JSON : CALL_ERROR;
		a.blob = (const uint8_t *)text;
		a.blob_bytes = (uint32_t)strlen(text);
		link_send(h->link, 0, &a);
	}
	static void HostDown(void *, unsigned, const char *)
	{
	}
	static void Running(void *ctx, struct ops *, struct link *)
	{
		static_cast<ActedRun *>(ctx)->ran++;
	}
	void SetUp() override
	{
		opt.quiet = true;
		opt.start_timeout_ms = 20000;
		opt.running = Running;
		opt.running_ctx = this;
		opt.console_to.kind = CONSOLE_NULL;
		r->opt = &opt;
		r->desc = sample_desc(2, 1, 2);
		r->exit_status = RUN_FAILED;
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = r->desc.epoch;
		struct link_handler h = {this, RunMsg, RunDown};
		ASSERT_EQ(0, link_create(&run, &o, &h));
		for (unsigned i = 0; i < 2; i++) {
			hosts[i].t = this;
			struct link_handler hh = {&hosts[i], HostMsg, HostDown};
			ASSERT_EQ(0, link_create(&hosts[i].link, &o, &hh));
			ASSERT_EQ(0, link_join_loop(run, i, hosts[i].link, 0));
			r->up |= host_bit((host_id)i);
		}
		r->link = run;
		r->loop = link_loop(run);
		calls_init(&r->calls, run, &r->desc);
		r->ops = ops_create(&r->calls, &r->desc);
		r->mover = mover_create(r->ops);
		r->tracer = tracer_create(r->ops);
		char why[DESC_REPORT_MAX];
		ASSERT_EQ(0, run_consoles_open(r.get(), why, sizeof(why)));
	}
	void TearDown() override
	{
		calls_cancel(&r->calls, "end");
		loop_run_posted(r->loop);
		ops_destroy(r->ops);
		mover_destroy(r->mover);
		tracer_destroy(r->tracer);
		run_consoles_close(r.get());
		loop_timer_stop(&r->deadline);
		loop_timer_stop(&r->alive_due);
		loop_timer_stop(&r->resets_due);
		link_destroy(run);
		for (auto &h : hosts)
			link_destroy(h.link);
	}
	void turns(unsigned n = 20)
	{
		for (; n; n--) {
			for (auto &h : hosts)
				loop_run(link_loop(h.link), now_ns());
			loop_run(r->loop, now_ns());
		}
	}
	void Until(const std::function<bool()> &done)
	{
		for (uint64_t end = now_ns() + 20000000000u; !done() && now_ns() < end;) {
			turns(1);
			loop_run(r->loop, now_ns() + 5000000);
		}
		ASSERT_TRUE(done());
	}
	void Tell(unsigned host, const char *event, const char *json)
	{
		json_t *data = json_loads(json, 0, nullptr);
		size_t n = 0;
		uint8_t *blob = call_join(event, data, &n);
		struct msg m = {};
		m.kind = MSG_CTL_EVENT;
		m.blob = blob;
		m.blob_bytes = (uint32_t)n;
		ASSERT_EQ(0, link_send(hosts[host].link, 0, &m));
		free(blob);
		json_decref(data);
		turns();
	}
	/* The phase is entered as it is in life: by the end of the one before. */
	void Enter(run_phase p)
	{
		r->phase = (run_phase)(p - 1);
		run_happens(r.get(), RUN_EV_DONE);
	}
	/* What is said on the terminal meanwhile. */
	std::string Said(const std::function<void()> &what)
	{
		testing::internal::CaptureStderr();
		what();
		return testing::internal::GetCapturedStderr();
	}
	using Words = std::vector<std::string>;
};

} // namespace

#endif
