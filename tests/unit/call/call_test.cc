// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/call/call.h"
}

namespace
{

constexpr uint32_t kEpoch = 7;

struct Answer {
	unsigned host;
	int form;
	std::string text;
	bool late;
};

// The run side over a loop link, and hosts that only record what reaches them.
struct Calls : testing::Test {
	struct HostEnd {
		Calls *t;
		unsigned number;
		struct link *link = nullptr;
		std::vector<uint64_t> ids;
		std::vector<std::string> verbs;
	};
	struct link *run = nullptr;
	struct machine_desc desc = {};
	struct calls calls = {};
	HostEnd hosts[2];
	std::vector<std::vector<Answer>> done;

	static void RunMsg(void *ctx, unsigned peer, const struct msg *m)
	{
		if (m->kind == MSG_CTL_RETURN)
			calls_on_return(&static_cast<Calls *>(ctx)->calls, (host_id)peer, m);
	}
	static void RunDown(void *ctx, unsigned peer, const char *)
	{
		calls_on_down(&static_cast<Calls *>(ctx)->calls, (host_id)peer);
	}
	static void HostMsg(void *ctx, unsigned, const struct msg *m)
	{
		auto *h = static_cast<HostEnd *>(ctx);
		char name[CALL_VERB_MAX];
		json_t *args = nullptr;

		ASSERT_EQ(m->kind, MSG_CTL_CALL);
		ASSERT_TRUE(call_split(m->blob, m->blob_bytes, name, &args));
		char *text = json_dumps(args, JSON_COMPACT);
		h->ids.push_back(m->u.ctl_call.id);
		h->verbs.push_back(std::string(name) + text);
		free(text);
		json_decref(args);
	}
	static void HostDown(void *, unsigned, const char *)
	{
	}
	static void Done(void *ctx, const struct call_answer *a, unsigned n)
	{
		std::vector<Answer> all;
		for (unsigned i = 0; i < n; i++) {
			std::string text;
			if (a[i].form == CALL_JSON) {
				char *s = json_dumps(a[i].json, JSON_COMPACT | JSON_ENCODE_ANY);
				text = s;
				free(s);
			} else if (a[i].form == CALL_BYTES) {
				text.assign((const char *)a[i].bytes, a[i].bytes_n);
			} else {
				text = a[i].error;
			}
			all.push_back({a[i].host, a[i].form, text, a[i].late});
		}
		static_cast<Calls *>(ctx)->done.push_back(all);
	}
	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = kEpoch;
		struct link_handler h = {this, RunMsg, RunDown};
		ASSERT_EQ(link_create(&run, &o, &h), 0);
		desc.hosts_n = 2;
		for (unsigned h = 0; h < 2; h++)
			strcpy(desc.hosts[h].address, "a:1");
		desc.epoch = kEpoch;
		for (unsigned i = 0; i < 2; i++) {
			hosts[i].t = this;
			hosts[i].number = i;
			struct link_handler hh = {&hosts[i], HostMsg, HostDown};
			ASSERT_EQ(link_create(&hosts[i].link, &o, &hh), 0);
			ASSERT_EQ(link_join_loop(run, i, hosts[i].link, 64), 0);
		}
		calls_init(&calls, run, &desc);
	}
	void TearDown() override
	{
		calls_cancel(&calls, "end");
		link_destroy(run);
		for (auto &h : hosts)
			if (h.link)
				link_destroy(h.link);
	}
	void Turn()
	{
		for (auto &h : hosts)
			if (h.link)
				while (loop_run(link_loop(h.link), 0) > 0)
					;
		while (loop_run(link_loop(run), 0) > 0)
			;
	}
	void Return(unsigned host, uint64_t id, int form, const std::string &text)
	{
		struct msg m = {};
		m.kind = MSG_CTL_RETURN;
		m.epoch = kEpoch;
		m.u.ctl_return.id = id;
		m.u.ctl_return.form = (uint8_t)form;
		m.blob = (const uint8_t *)text.data();
		m.blob_bytes = (uint32_t)text.size();
		ASSERT_EQ(link_send(hosts[host].link, 64, &m), 0);
		link_flush(hosts[host].link);
	}
};

TEST_F(Calls, EveryHostIsAskedAndAllAnswersComeTogetherInTheirOrder)
{
	json_t *args = json_pack("{s:i}", "n", 5);
	ASSERT_EQ(calls_start(&calls, 3, VERB_PAUSE, args, 1000, Done, this), 0);
	json_decref(args);
	Turn();
	ASSERT_EQ(hosts[0].verbs, std::vector<std::string>{"pause{\"n\":5}"});
	ASSERT_EQ(hosts[1].verbs, std::vector<std::string>{"pause{\"n\":5}"});
	Return(1, hosts[1].ids[0], CALL_BYTES, "raw");
	Turn();
	EXPECT_TRUE(done.empty());
	Return(0, hosts[0].ids[0], CALL_JSON, "{\"a\":[1]}");
	Turn();
	ASSERT_EQ(done.size(), 1u);
	ASSERT_EQ(done[0].size(), 2u);
	EXPECT_EQ(done[0][0].text, "{\"a\":[1]}");
	EXPECT_EQ(done[0][1].text, "raw");
	EXPECT_EQ(done[0][1].form, CALL_BYTES);
}

TEST_F(Calls, ErrorsOfHostsAndAnswersThatAreNoJsonAreErrors)
{
	ASSERT_EQ(calls_start(&calls, 3, VERB_CLOCK, nullptr, 1000, Done, this), 0);
	Turn();
	EXPECT_EQ(hosts[0].verbs[0], "clock{}");
	Return(0, hosts[0].ids[0], CALL_ERROR, "no such thing");
	Return(1, hosts[1].ids[0], CALL_JSON, "{nonsense");
	Turn();
	ASSERT_EQ(done.size(), 1u);
	EXPECT_EQ(done[0][0].text, "no such thing");
	EXPECT_EQ(done[0][1].form, CALL_ERROR);
}

TEST_F(Calls, AJsonMayComeInParts)
{
	ASSERT_EQ(calls_start(&calls, 3, VERB_STATUS, nullptr, 1000, Done, this), 0);
	Turn();
	Return(0, hosts[0].ids[0], CALL_PART, "{\"a\":");
	Return(1, hosts[1].ids[0], CALL_PART, "{\"b\"");
	Return(0, hosts[0].ids[0], CALL_PART, "[1,");
	Return(0, hosts[0].ids[0], CALL_JSON, "2]}");
	Turn();
	EXPECT_TRUE(done.empty());
	Return(1, hosts[1].ids[0], CALL_ERROR, "no room"); // takes back what came of it
	Turn();
	ASSERT_EQ(done.size(), 1u);
	EXPECT_EQ(done[0][0].text, "{\"a\":[1,2]}");
	EXPECT_EQ(done[0][1].text, "no room");
	EXPECT_EQ(done[0][1].form, CALL_ERROR);
}

TEST_F(Calls, PartsThatNeverEndAreAnError)
{
	const std::string part(200000, ' ');
	ASSERT_EQ(calls_start(&calls, 1, VERB_STATUS, nullptr, 60000, Done, this), 0);
	Turn();
	for (unsigned i = 0; i <= CALL_WHOLE_MAX / part.size() && done.empty(); i++) {
		Return(0, hosts[0].ids[0], CALL_PART, part.c_str());
		Turn();
	}
	ASSERT_EQ(done.size(), 1u);
	EXPECT_EQ(done[0][0].form, CALL_ERROR);
}

// The fault: a host's text reached the operator's terminal as it was.
TEST_F(Calls, WhatHostsTellIsFitForATerminal)
{
	ASSERT_EQ(calls_start(&calls, 3, VERB_CLOCK, nullptr, 1000, Done, this), 0);
	Turn();
	Return(0, hosts[0].ids[0], CALL_ERROR, "no\x1b]0;title\x07\npando: forged");
	Return(1, hosts[1].ids[0], CALL_JSON, "\"\\u001b[2J\"");
	Turn();
	ASSERT_EQ(done.size(), 1u);
	EXPECT_EQ(done[0][0].text, "no?]0;title??pando: forged");
	EXPECT_EQ(done[0][1].text.find('\x1b'), std::string::npos) << done[0][1].text;
	EXPECT_EQ(done[0][1].text.find("u001b"), std::string::npos) << done[0][1].text;
}

TEST_F(Calls, AnUnknownFormOfAnswerIsAnError)
{
	ASSERT_EQ(calls_start(&calls, 1, VERB_CLOCK, nullptr, 1000, Done, this), 0);
	Turn();
	Return(0, hosts[0].ids[0], 77, "?");
	Turn();
	ASSERT_EQ(done.size(), 1u);
	EXPECT_EQ(done[0][0].form, CALL_ERROR);
}

TEST_F(Calls, ALostHostAnswersWithAnError)
{
	ASSERT_EQ(calls_start(&calls, 3, VERB_CLOCK, nullptr, 1000, Done, this), 0);
	Turn();
	Return(0, hosts[0].ids[0], CALL_JSON, "1");
	link_destroy(hosts[1].link);
	hosts[1].link = nullptr;
	Turn();
	ASSERT_EQ(done.size(), 1u);
	EXPECT_EQ(done[0][0].form, CALL_JSON);
	EXPECT_EQ(done[0][1].form, CALL_ERROR);
	/* The next one fails too, but never from inside calls_start(). */
	ASSERT_EQ(calls_start(&calls, 2, VERB_CLOCK, nullptr, 1000, Done, this), 0);
	EXPECT_EQ(done.size(), 1u);
	Turn();
	EXPECT_EQ(done.size(), 2u);
}

TEST_F(Calls, TimeRunsOutAndALateAnswerIsCountedOnly)
{
	ASSERT_EQ(calls_start(&calls, 1, VERB_CLOCK, nullptr, 0, Done, this), 0);
	Turn();
	ASSERT_EQ(done.size(), 1u);
	EXPECT_EQ(done[0][0].form, CALL_ERROR);
	EXPECT_EQ(done[0][0].text, "no answer to 'clock' within 0 s");
	EXPECT_TRUE(done[0][0].late);
	Return(0, hosts[0].ids[0], CALL_JSON, "1");
	Turn();
	EXPECT_EQ(done.size(), 1u);
	EXPECT_EQ(calls.strays, 1u);
}

TEST_F(Calls, ASecondAnswerOfOneHostIsAStray)
{
	ASSERT_EQ(calls_start(&calls, 3, VERB_CLOCK, nullptr, 1000, Done, this), 0);
	Turn();
	Return(0, hosts[0].ids[0], CALL_JSON, "1");
	Return(0, hosts[0].ids[0], CALL_JSON, "2");
	Turn();
	EXPECT_TRUE(done.empty());
	EXPECT_EQ(calls.strays, 1u);
}

TEST_F(Calls, WhatCannotBeSentIsRefused)
{
	json_t *large = json_pack("{s:o}", "t", json_string(std::string(70000, 'x').c_str()));

	EXPECT_EQ(calls_start(&calls, 1, VERBS, nullptr, 10, Done, this), -EINVAL);
	EXPECT_EQ(calls_start(&calls, 4, VERB_CLOCK, nullptr, 10, Done, this), -EINVAL);
	EXPECT_EQ(calls_start(&calls, 0, VERB_CLOCK, nullptr, 10, Done, this), -EINVAL);
	EXPECT_EQ(calls_start(&calls, 1, VERB_CLOCK, large, 10, Done, this), -E2BIG);
	json_decref(large);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		ASSERT_EQ(calls_start(&calls, 1, VERB_CLOCK, nullptr, 1000, Done, this), 0);
	EXPECT_EQ(calls_start(&calls, 1, VERB_CLOCK, nullptr, 10, Done, this), -ENOSPC);
	calls_cancel(&calls, "the guest is over");
	ASSERT_EQ(done.size(), (size_t)CALLS_MAX);
	EXPECT_EQ(done[0][0].text, "the guest is over");
}

TEST(CallSplit, MalformedBlobsAreRefused)
{
	char name[CALL_VERB_MAX];
	json_t *json = nullptr;
	auto split = [&](const std::string &s) { return call_split((const uint8_t *)s.data(), s.size(), name, &json); };

	EXPECT_FALSE(split(""));
	EXPECT_FALSE(split("name without end"));
	EXPECT_FALSE(split(std::string("\0{}", 3)));
	EXPECT_FALSE(split(std::string("v\0", 2)));
	EXPECT_FALSE(split(std::string("v\0{", 3)));
	EXPECT_FALSE(split(std::string("v\0{\"a\":1,\"a\":2}", 15)));
	EXPECT_FALSE(split(std::string(CALL_VERB_MAX, 'v') + std::string("\0{}", 3)));
	ASSERT_TRUE(split(std::string("v\0{}", 4)));
	EXPECT_STREQ(name, "v");
	json_decref(json);
}

} // namespace
