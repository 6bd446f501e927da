// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

extern "C" {
#include "vmm/run/status.h"
}

namespace
{

constexpr uint32_t kEpoch = 9;

// The run side over a loop link, and one host that answers only when told to.
struct Statusd : testing::Test {
	struct link *run = nullptr, *host = nullptr;
	struct machine_desc desc = {};
	struct calls calls = {};
	struct run_status status = {};
	std::vector<uint64_t> asked;
	std::vector<std::string> got;
	bool again = false;

	static void RunMsg(void *ctx, unsigned peer, const struct msg *m)
	{
		if (m->kind == MSG_CTL_RETURN)
			calls_on_return(&static_cast<Statusd *>(ctx)->calls, (host_id)peer, m);
	}
	static void HostMsg(void *ctx, unsigned, const struct msg *m)
	{
		ASSERT_EQ(m->kind, MSG_CTL_CALL);
		ASSERT_STREQ("status", (const char *)m->blob);
		static_cast<Statusd *>(ctx)->asked.push_back(m->u.ctl_call.id);
	}
	static void Down(void *, unsigned, const char *)
	{
	}
	static void Done(void *ctx, const json_t *doc)
	{
		auto *t = static_cast<Statusd *>(ctx);
		const char *name = json_string_value(json_object_get(doc, "name"));
		t->got.push_back(doc ? name : "nothing");
		if (t->again) {
			t->again = false;
			EXPECT_EQ(0, run_status_request(&t->status, Done, t));
		}
	}
	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = kEpoch;
		struct link_handler rh = {this, RunMsg, Down}, hh = {this, HostMsg, Down};
		ASSERT_EQ(0, link_create(&run, &o, &rh));
		ASSERT_EQ(0, link_create(&host, &o, &hh));
		ASSERT_EQ(0, link_join_loop(run, 0, host, 0));
		strcpy(desc.name, "g");
		desc.hosts_n = 1;
		strcpy(desc.hosts[0].address, "a:1");
		desc.epoch = kEpoch;
		calls_init(&calls, run, &desc);
		run_status_start(&status, &calls, &desc);
	}
	void TearDown() override
	{
		run_status_stop(&status);
		calls_cancel(&calls, "end");
		link_destroy(run);
		link_destroy(host);
	}
	void Answer(uint64_t id, const std::string &text = "{\"host\":0}", enum call_form form = CALL_JSON)
	{
		struct msg m = {};
		m.kind = MSG_CTL_RETURN;
		m.epoch = kEpoch;
		m.u.ctl_return.id = id;
		m.u.ctl_return.form = (uint8_t)form;
		m.blob = (const uint8_t *)text.data();
		m.blob_bytes = (uint32_t)text.size();
		ASSERT_EQ(0, link_send(host, 0, &m));
		link_flush(host);
		loop_run(link_loop(run), 0);
	}
	uint64_t Ask()
	{
		EXPECT_EQ(0, Request());
		loop_run(link_loop(host), 0);
		return asked.back();
	}
	/* What the last document says of the host: its name, or why it has none. */
	std::string Told()
	{
		json_t *h = json_array_get(json_object_get(status.last, "hosts"), 0);
		const char *name = json_string_value(json_object_get(h, "is"));
		const char *error = json_string_value(json_object_get(h, "error"));
		return name ? name : error ? error : "";
	}
	int Request()
	{
		return run_status_request(&status, Done, this);
	}
};

TEST_F(Statusd, RequestsThatOverlapShareOneQuestion)
{
	EXPECT_EQ(0, Request());
	EXPECT_EQ(0, Request());
	loop_run(link_loop(host), 0);
	ASSERT_EQ(1u, asked.size());
	EXPECT_TRUE(got.empty());
	Answer(asked[0]);
	EXPECT_EQ((std::vector<std::string>{"g", "g"}), got);
}

TEST_F(Statusd, DoneMayAskAgain)
{
	again = true;
	EXPECT_EQ(0, Request());
	loop_run(link_loop(host), 0);
	Answer(asked[0]);
	EXPECT_EQ(1u, got.size());
	loop_run(link_loop(host), 0);
	ASSERT_EQ(2u, asked.size());
	Answer(asked[1]);
	EXPECT_EQ(2u, got.size());
}

TEST_F(Statusd, AnAnswerMayComeInParts)
{
	uint64_t id = Ask();
	Answer(id, "{\"is\":", CALL_PART);
	Answer(id, "\"here\"", CALL_PART);
	EXPECT_TRUE(got.empty());
	Answer(id, " }");
	EXPECT_EQ(1u, got.size());
	EXPECT_EQ("here", Told());
}

TEST_F(Statusd, WhatIsNoAnswerIsSaidInTheDocument)
{
	Answer(Ask(), "it cannot", CALL_ERROR);
	EXPECT_EQ("no answer", Told());
	Answer(Ask(), "[]");
	EXPECT_EQ("no answer", Told());
	Answer(Ask(), "{\"is\":");
	EXPECT_EQ("no answer", Told());
	Answer(Ask(), "{\"is\":\"new\"}");
	EXPECT_EQ("new", Told());
	EXPECT_EQ(4u, got.size());
}

TEST_F(Statusd, WhenNobodyCanBeAskedTheDocumentSaysSo)
{
	static const unsigned all = CALLS_MAX;
	for (unsigned i = 0; i < all; i++)
		ASSERT_EQ(0, calls_start(
				     &calls, 1, VERB_CLOCK, nullptr, 60000,
				     [](void *, const struct call_answer *, unsigned) {}, nullptr));
	EXPECT_EQ(0, Request());
	EXPECT_TRUE(got.empty()) << "never from inside";
	loop_run(link_loop(run), 0);
	EXPECT_EQ(1u, got.size());
	EXPECT_EQ("no answer", Told());
}

TEST_F(Statusd, ThereIsALimit)
{
	for (unsigned i = 0; i < RUN_STATUS_REQUESTS_MAX; i++)
		EXPECT_EQ(0, Request());
	EXPECT_EQ(-ENOSPC, Request());
}

TEST_F(Statusd, AFileOfItEndsWithANewline)
{
	std::string path = testing::TempDir() + "status.json." + std::to_string(getpid());
	EXPECT_EQ(-ENODATA, run_status_write(&status, path.c_str()));
	EXPECT_EQ(0, Request());
	loop_run(link_loop(host), 0);
	Answer(asked[0]);
	EXPECT_EQ(-ENOENT, run_status_write(&status, "/nowhere/status.json"));
	ASSERT_EQ(0, run_status_write(&status, path.c_str()));
	std::ifstream f(path);
	std::string text((std::istreambuf_iterator<char>(f)), {});
	EXPECT_EQ(0u, text.find("{\n"));
	ASSERT_GT(text.size(), 2u);
	EXPECT_EQ("}\n", text.substr(text.size() - 2));
	unlink(path.c_str());
}

TEST_F(Statusd, StopAnswersWithNothing)
{
	EXPECT_EQ(0, Request());
	run_status_stop(&status);
	EXPECT_EQ((std::vector<std::string>{"nothing"}), got);
	EXPECT_EQ(-ENOTCONN, Request());
	calls_cancel(&calls, "end"); // the question itself ends later, and is nobody's
	EXPECT_EQ(1u, got.size());
}

/* The end of the guest ends all calls first: that is no document, and not the last one. */
TEST_F(Statusd, CancelledCallsMakeNoDocument)
{
	Answer(Ask(), "{\"is\":\"old\"}");
	EXPECT_EQ(0, Request());
	calls_cancel(&calls, "end");
	EXPECT_EQ("old", Told());
	run_status_stop(&status);
	EXPECT_EQ((std::vector<std::string>{"g", "nothing"}), got);
}

TEST_F(Statusd, WarningsAreInEveryDocumentFromThenOn)
{
	run_status_ask(&status);
	loop_run(link_loop(host), 0);
	Answer(asked.back());
	json_t *w = json_object_get(status.last, "warnings");
	ASSERT_TRUE(json_is_array(w));
	EXPECT_EQ(json_array_size(w), 0u);
	run_status_warn(&status, "page-walks", "slow", "do this");
	run_status_ask(&status);
	loop_run(link_loop(host), 0);
	Answer(asked.back());
	w = json_object_get(status.last, "warnings");
	ASSERT_EQ(json_array_size(w), 1u);
	EXPECT_STREQ(json_string_value(json_object_get(json_array_get(w, 0), "warning")), "page-walks");
	EXPECT_STREQ(json_string_value(json_object_get(json_array_get(w, 0), "text")), "slow");
	EXPECT_STREQ(json_string_value(json_object_get(json_array_get(w, 0), "remedy")), "do this");
}

} // namespace
