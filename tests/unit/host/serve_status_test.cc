// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/run/status.h"
}

namespace
{

constexpr uint32_t kEpoch = 9;

// A guest without span and machine, and the run side of its control session.
struct ServeStatus : testing::Test {
	struct link *run = nullptr;
	std::unique_ptr<struct guest> g{new struct guest()};
	struct listener listener = {};
	struct calls calls = {};
	bool serves = true; // else the test answers
	struct run_status status = {};
	struct host_options opt = {};
	struct machine_desc *desc = &g->desc;
	unsigned pieces = 0, biggest = 0;
	json_t *got = nullptr;

	static void RunMsg(void *ctx, unsigned, const struct msg *m)
	{
		auto *t = static_cast<ServeStatus *>(ctx);
		if (m->kind != MSG_CTL_RETURN)
			return;
		t->pieces++;
		t->biggest = std::max(t->biggest, m->blob_bytes);
		calls_on_return(&t->calls, 0, m);
	}
	static void HostMsg(void *ctx, unsigned, const struct msg *m)
	{
		auto *t = static_cast<ServeStatus *>(ctx);
		if (t->serves)
			serve_on_call(t->g.get(), m);
	}
	static void Down(void *, unsigned, const char *)
	{
	}
	static void Done(void *ctx, const json_t *doc)
	{
		static_cast<ServeStatus *>(ctx)->got = json_incref((json_t *)doc);
	}
	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = kEpoch;
		struct link_handler rh = {this, RunMsg, Down}, hh = {this, HostMsg, Down};
		ASSERT_EQ(0, link_create(&run, &o, &rh));
		ASSERT_EQ(0, link_create(&g->link, &o, &hh));
		ASSERT_EQ(0, link_join_loop(run, 0, g->link, GUEST_CONTROL));
		g->loop = link_loop(g->link);
		strcpy(desc->name, "g");
		strcpy(desc->hosts[0].address, "10.0.0.1:7411");
		desc->hosts_n = desc->nodes_n = 1;
		desc->vcpus_n = 3; // all on host 0
		desc->epoch = g->epoch = kEpoch;
		listener.refused = 5;
		g->listener = &listener;
		guest_works_init(&g->works, g.get());
		g->opt = &opt;
		calls_init(&calls, run, desc);
		run_status_start(&status, &calls, desc);
	}
	void TearDown() override
	{
		guest_works_join(&g->works);
		run_status_stop(&status);
		calls_cancel(&calls, "end");
		json_decref(got);
		link_destroy(run);
		link_destroy(g->link);
	}
	void Ask()
	{
		ASSERT_EQ(0, run_status_request(&status, Done, this));
		loop_run(link_loop(g->link), 0);
	}
	json_t *Host()
	{
		return json_array_get(json_object_get(got, "hosts"), 0);
	}
	void WaitFor(const std::function<bool()> &done)
	{
		for (uint64_t end = now_ns() + 20000000000u; !done() && now_ns() < end;) {
			loop_run(link_loop(g->link), now_ns() + 10000000);
			loop_run(link_loop(run), 0);
		}
		ASSERT_TRUE(done());
	}
};

} // namespace

TEST_F(ServeStatus, TheWorkerMakesTheDocument)
{
	Ask();
	WaitFor([&] { return got != nullptr; });
	EXPECT_TRUE(g->works.all.has_thread);
	EXPECT_EQ(0, json_integer_value(json_object_get(Host(), "host")));
	EXPECT_EQ(3, json_integer_value(json_object_get(Host(), "vcpus")));
	EXPECT_EQ(5, json_integer_value(json_object_get(Host(), "strangers_refused")));
	EXPECT_STREQ("10.0.0.1:7411", json_string_value(json_object_get(Host(), "address")));
	EXPECT_EQ(nullptr, json_object_get(Host(), "machine"));
	EXPECT_EQ(1u, pieces);
}

TEST_F(ServeStatus, AGuestThatHasEndedStillAnswers)
{
	guest_works_cancel(&g->works);
	Ask();
	loop_run(link_loop(run), 0);
	ASSERT_NE(nullptr, got);
	EXPECT_EQ(3, json_integer_value(json_object_get(Host(), "vcpus")));
}

TEST_F(ServeStatus, WhatIsUnderWayWhenTheGuestEndsIsAnswered)
{
	Ask();
	guest_works_join(&g->works);
	loop_run(link_loop(run), 0);
	ASSERT_NE(nullptr, got);
	EXPECT_EQ(3, json_integer_value(json_object_get(Host(), "vcpus")));
}

namespace
{

struct Whole {
	json_t *json = nullptr;
	std::string error;
};

void OnWhole(void *ctx, const struct call_answer *a, unsigned)
{
	auto *w = static_cast<Whole *>(ctx);
	w->json = json_incref(a[0].json);
	w->error = a[0].form == CALL_ERROR ? a[0].error : "";
}

} // namespace

TEST_F(ServeStatus, WhatIsLargerThanAFrameGoesInParts)
{
	json_t *big = json_pack("{s:o}", "text", json_string(std::string(3 * SERVE_BYTES_MAX, 'x').c_str()));
	Whole w;
	serves = false;
	ASSERT_EQ(0, calls_start(&calls, 1, VERB_IDENTITY, nullptr, 60000, OnWhole, &w));
	serve_return_json(g.get(), calls.last_id, json_incref(big));
	WaitFor([&] { return w.json != nullptr; });
	EXPECT_EQ(4u, pieces);
	EXPECT_EQ(SERVE_BYTES_MAX, biggest);
	EXPECT_TRUE(json_equal(big, w.json));
	json_decref(w.json);
	json_decref(big);
}

TEST_F(ServeStatus, WhatIsLargerThanAnyAnswerIsSaid)
{
	std::string text(CALL_WHOLE_MAX + 1, ' ');
	Whole w;
	serves = false;
	ASSERT_EQ(0, calls_start(&calls, 1, VERB_IDENTITY, nullptr, 60000, OnWhole, &w));
	serve_return_text(g.get(), calls.last_id, text.data(), text.size());
	WaitFor([&] { return !w.error.empty(); });
	EXPECT_EQ("the answer has no room on its way: Argument list too long", w.error);
}

TEST_F(ServeStatus, AGuestsHostSaysWhatItIsToo)
{
	Whole w;
	strcpy(opt.is.version, "1.2.3");
	ASSERT_EQ(0, calls_start(&calls, 1, VERB_IDENTITY, nullptr, 60000, OnWhole, &w));
	WaitFor([&] {
		loop_run(link_loop(g->link), 0);
		return w.json != nullptr;
	});
	EXPECT_STREQ("1.2.3", json_string_value(json_object_get(w.json, "version")));
	json_decref(w.json);
}
