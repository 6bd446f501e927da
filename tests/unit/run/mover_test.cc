// SPDX-License-Identifier: Apache-2.0
// The order of a move's steps, and what becomes of it when one of them fails: the run side against hosts that say what
// a test wants.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "net/now.h"
#include "vmm/run/mover.h"
#include "vmm/run/ops.h"
}

namespace
{
constexpr unsigned HOSTS = 3;
const char *const kTraits = "{\"cpuid\":[[0,0,31,1,2,3],[7,0,1,2,3,4]],\"xsave_bytes\":4096,\"msrs\":[374,375]}";
const char *const kMoved = "{\"vcpu\":1,\"ran\":true,\"left\":1000,\"packed\":2000,\"received\":4000,\"entered\":8000,"
			   "\"bytes\":77,\"tsc_khz\":1000000}";

struct Outcome {
	std::string error;
	mover_result r;
};

struct Mover : testing::Test {
	struct HostEnd {
		Mover *t;
		unsigned number;
		struct link *link;
	};
	struct link *run = nullptr;
	machine_desc desc;
	struct calls calls = {};
	struct ops *v = nullptr;
	mover *m = nullptr;
	HostEnd hosts[HOSTS];
	std::vector<std::string> asked;          // "verb@host"
	std::map<std::string, std::string> says; // "verb@host" or "verb": JSON, "!error", "-": nothing
	std::vector<Outcome> done;

	static void run_msg(void *ctx, unsigned peer, const struct msg *msg)
	{
		if (msg->kind == MSG_CTL_RETURN)
			calls_on_return(&((Mover *)ctx)->calls, (host_id)peer, msg);
	}
	static void host_msg(void *ctx, unsigned, const struct msg *msg)
	{
		auto *h = (HostEnd *)ctx;
		char name[CALL_VERB_MAX];
		json_t *args = nullptr;
		ASSERT_TRUE(call_split(msg->blob, msg->blob_bytes, name, &args));
		json_decref(args);
		std::string key = std::string(name) + "@" + std::to_string(h->number);
		h->t->asked.push_back(key);
		std::string text = h->t->says.count(key)    ? h->t->says[key]
				   : h->t->says.count(name) ? h->t->says[name]
							    : "{}";
		if (text == "-")
			return;
		struct msg back = {};
		back.kind = MSG_CTL_RETURN;
		back.u.ctl_return.id = msg->u.ctl_call.id;
		back.u.ctl_return.form = text[0] == '!' ? CALL_ERROR : CALL_JSON;
		if (text[0] == '!')
			text.erase(0, 1);
		back.blob = (const uint8_t *)text.data();
		back.blob_bytes = (uint32_t)text.size();
		ASSERT_EQ(0, link_send(h->link, 64, &back));
		link_flush(h->link);
	}
	static void down(void *, unsigned, const char *)
	{
	}
	static void on_done(void *ctx, const mover_result *r, const char *error)
	{
		Outcome o = {error ? error : "", {}};
		if (r)
			o.r = *r;
		((Mover *)ctx)->done.push_back(o);
	}

	void SetUp() override
	{
		desc = sample_desc(HOSTS, 1);
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = desc.epoch;
		struct link_handler h = {this, run_msg, down};
		ASSERT_EQ(0, link_create(&run, &o, &h));
		for (unsigned i = 0; i < HOSTS; i++) {
			hosts[i] = {this, i, nullptr};
			struct link_handler hh = {&hosts[i], host_msg, down};
			ASSERT_EQ(0, link_create(&hosts[i].link, &o, &hh));
			ASSERT_EQ(0, link_join_loop(run, i, hosts[i].link, 64));
		}
		calls_init(&calls, run, &desc);
		v = ops_create(&calls, &desc);
		m = mover_create(v);
		mover_started(m);
		ops_started(v);
		says["move-prepare"] = kTraits;
		says["move-wait"] = kMoved;
	}
	void TearDown() override
	{
		calls_cancel(&calls, "end");
		ops_destroy(v);
		mover_destroy(m);
		link_destroy(run);
		for (auto &h : hosts)
			link_destroy(h.link);
	}
	void turn(unsigned rounds = 12)
	{
		while (rounds--) {
			for (auto &h : hosts)
				loop_run(link_loop(h.link), now_ns());
			loop_run(link_loop(run), now_ns());
		}
	}
	void move(uint32_t vcpu, host_id to)
	{
		ASSERT_EQ(0, mover_move(m, vcpu, to, on_done, this));
		turn();
	}
	unsigned count(const std::string &key)
	{
		unsigned n = 0;
		for (auto &a : asked)
			n += a == key;
		return n;
	}
};
} // namespace

TEST_F(Mover, StepsInOrderAndAllHostsKnowInTheEnd)
{
	move(1, 2);
	ASSERT_EQ(1u, done.size());
	EXPECT_EQ("", done[0].error);
	EXPECT_EQ(2, mover_host(m, 1));
	EXPECT_EQ(7000u, done[0].r.pause_ns);
	EXPECT_EQ(1000u, done[0].r.pack_ns);
	EXPECT_EQ(2000u, done[0].r.wire_ns);
	EXPECT_EQ(4000u, done[0].r.unpack_ns);
	EXPECT_EQ(77u, done[0].r.bytes);
	EXPECT_EQ(1u, count("move-prepare@1") + count("move-prepare@0") * 9);
	EXPECT_EQ(1u, count("move-prepare@2"));
	EXPECT_EQ(1u, count("move-out@1"));
	EXPECT_EQ(1u, count("move-wait@2"));
	for (unsigned h = 0; h < HOSTS; h++)
		EXPECT_EQ(1u, count("move-commit@" + std::to_string(h)));
	json_t *p = mover_placement(m);
	EXPECT_EQ(2, json_integer_value(json_object_get(json_array_get(p, 1), "host")));
	EXPECT_EQ(1, json_integer_value(json_object_get(json_array_get(p, 1), "home")));
	json_decref(p);
}

TEST_F(Mover, OneAtATimeAndInTheOrderAsked)
{
	for (uint32_t v = 0; v < 3; v++)
		ASSERT_EQ(0, mover_move(m, v, (host_id)((v + 1) % 3), on_done, this));
	turn(40);
	ASSERT_EQ(3u, done.size());
	for (uint32_t v = 0; v < 3; v++)
		EXPECT_EQ(v, done[v].r.vcpu);
	size_t commits = 0;
	for (auto &a : asked) { // no prepare before the commits of the move before
		commits += a.rfind("move-commit", 0) == 0;
		if (a == "move-prepare@2" && commits < 3) {
			ADD_FAILURE() << "a second move began too early";
		}
	}
}

TEST_F(Mover, WhereItIsAlreadyNothingMoves)
{
	move(1, 1);
	ASSERT_EQ(1u, done.size());
	EXPECT_EQ("", done[0].error);
	EXPECT_EQ(0u, count("move-prepare@1"));
}

TEST_F(Mover, NobodyIsAskedForWhatDoesNotExist)
{
	EXPECT_EQ(-EINVAL, mover_move(m, 3, 0, on_done, this));
	EXPECT_EQ(-EINVAL, mover_move(m, 0, 3, on_done, this));
	says["move-prepare"] = "-";
	for (unsigned i = 0; i < OP_ROOM; i++)
		ASSERT_EQ(0, mover_move(m, 0, 1, on_done, this));
	EXPECT_EQ(-ENOSPC, mover_move(m, 0, 1, on_done, this));
	EXPECT_TRUE(done.empty());
	says["move-prepare"] = "!enough";
	says["move-cancel"] = "{}";
	calls_cancel(&calls, "end");
	turn(600);
}

TEST_F(Mover, AnotherProcessorIsRefusedByNameAndItStays)
{
	says["move-prepare@2"] = "{\"cpuid\":[[0,0,31,1,2,3],[7,0,1,6,3,4]],\"xsave_bytes\":4096,\"msrs\":[374,375]}";
	move(1, 2);
	ASSERT_EQ(1u, done.size());
	EXPECT_NE(std::string::npos, done[0].error.find("leaf 0x7.0, ebx is 0x2 and 0x6")) << done[0].error;
	EXPECT_EQ(1, mover_host(m, 1));
	EXPECT_EQ(0u, count("move-out@1"));
	EXPECT_EQ(1u, count("move-cancel@2")); // it expects nothing any more
	EXPECT_EQ(0u, count("move-commit@0"));
	says["move-prepare@2"] = kTraits;
	move(1, 2); // the next one is not in its way
	EXPECT_EQ("", done[1].error);
}

TEST_F(Mover, WhatTheDestinationLacksIsNamed)
{
	char why[512];
	json_error_t e;
	json_t *a = json_loads(kTraits, 0, &e);
	auto against = [&](const char *text) {
		json_t *b = json_loads(text, 0, &e);
		mover_compare(a, b, why, sizeof(why));
		json_decref(b);
		return std::string(why);
	};
	EXPECT_EQ("", against(kTraits));
	EXPECT_EQ("", against("{\"cpuid\":[[0,0,31,1,2,3],[7,0,1,2,3,4]],\"xsave_bytes\":4096,\"msrs\":[1,374,375]}"));
	EXPECT_NE(std::string::npos,
		  against("{\"cpuid\":[[0,0,31,1,2,3],[7,0,1,2,3,4]],\"xsave_bytes\":4096,\"msrs\":[374]}")
			  .find("MSR 0x177"));
	EXPECT_NE(std::string::npos,
		  against("{\"cpuid\":[[0,0,31,1,2,3],[7,0,1,2,3,4]],\"xsave_bytes\":8192,\"msrs\":[374,375]}")
			  .find("8192"));
	EXPECT_NE(std::string::npos,
		  against("{\"cpuid\":[[0,0,31,1,2,3]],\"xsave_bytes\":4096,\"msrs\":[374,375]}").find("not in both"));
	EXPECT_NE("", against("{}"));
	EXPECT_NE("", against("[]"));
	json_decref(a);
}

TEST_F(Mover, PairsAreComparedOnce)
{
	move(1, 2);
	says["move-prepare"] = "{}"; // no traits: they are not asked for
	move(1, 1);
	EXPECT_NE("", done[1].error); // the way back is another pair
	says["move-prepare"] = kTraits;
	move(1, 1);
	says["move-prepare"] = "{}";
	move(1, 2);
	move(1, 1);
	ASSERT_EQ(5u, done.size());
	EXPECT_EQ("", done[2].error);
	EXPECT_EQ("", done[3].error);
	EXPECT_EQ("", done[4].error);
}

TEST_F(Mover, ASourceThatRefusesKeepsIt)
{
	says["move-out"] = "!vCPU 1 is being looked at";
	says["move-wait"] = "-"; // until it is cancelled
	move(1, 2);
	EXPECT_EQ(1u, count("move-cancel@1"));
	EXPECT_EQ(1u, count("move-cancel@2"));
	EXPECT_TRUE(done.empty());
	calls_on_down(&calls, 2); // what ends the wait here; a real host answers it with an error
	turn();
	ASSERT_EQ(1u, done.size());
	EXPECT_EQ("vCPU 1 is being looked at", done[0].error);
	EXPECT_EQ(1, mover_host(m, 1));
	EXPECT_EQ(0u, count("move-commit@0"));
}

TEST_F(Mover, WhatHasLeftBelongsToTheDestinationWhateverFails)
{
	says["move-wait"] = "!it takes long";
	move(1, 2);
	ASSERT_EQ(1u, done.size());
	EXPECT_EQ("it takes long", done[0].error);
	EXPECT_EQ(2, mover_host(m, 1));
	EXPECT_EQ(1u, count("move-commit@0"));
	done.clear();
	/* the source's answer was lost, but it had sent the state */
	says["move-wait"] = kMoved;
	says["move-out"] = "!the host did not answer in time";
	says["move-cancel@2"] = "{\"left\":true}";
	move(1, 0);
	ASSERT_EQ(1u, done.size());
	EXPECT_EQ(0, mover_host(m, 1));
	EXPECT_EQ(2u, count("move-commit@0"));
}

TEST_F(Mover, ALostHostEndsTheMove)
{
	says["move-prepare@2"] = "-";
	ASSERT_EQ(0, mover_move(m, 1, 2, on_done, this));
	turn(3);
	calls_on_down(&calls, 2);
	says["move-cancel@2"] = "!the host is lost";
	turn();
	ASSERT_EQ(1u, done.size());
	EXPECT_EQ("the host is lost", done[0].error);
	EXPECT_EQ(1, mover_host(m, 1));
}
