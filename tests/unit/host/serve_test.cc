// SPDX-License-Identifier: Apache-2.0
// Whatever `pando run` sends as a call, a host answers once, and the list of verbs says what it takes.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
}

namespace
{

constexpr uint32_t kEpoch = 9;

// A guest without span and machine, and the run side of its control session.
struct Serve : testing::Test {
	struct link *run = nullptr;
	std::unique_ptr<struct guest> g{new struct guest()};
	struct host_options opt = {};
	listener l = {};
	uint64_t last = 0;
	std::vector<std::string> answers; // "!" before an error's

	static void RunMsg(void *ctx, unsigned, const struct msg *m)
	{
		auto *t = static_cast<Serve *>(ctx);
		if (m->kind != MSG_CTL_RETURN)
			return;
		EXPECT_EQ(t->last, m->u.ctl_return.id);
		t->answers.push_back((m->u.ctl_return.form == CALL_ERROR ? "!" : "") +
				     std::string((const char *)m->blob, m->blob_bytes));
	}
	static void HostMsg(void *ctx, unsigned, const struct msg *m)
	{
		serve_on_call(static_cast<struct guest *>(ctx), m);
	}
	static void Down(void *, unsigned, const char *)
	{
	}
	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = kEpoch;
		struct link_handler rh = {this, RunMsg, Down}, hh = {g.get(), HostMsg, Down};
		ASSERT_EQ(0, link_create(&run, &o, &rh));
		ASSERT_EQ(0, link_create(&g->link, &o, &hh));
		ASSERT_EQ(0, link_join_loop(run, 0, g->link, GUEST_CONTROL));
		g->loop = link_loop(g->link);
		g->epoch = kEpoch;
		g->opt = &opt;
		g->listener = &l;
		guest_works_init(&g->works, g.get());
	}
	void TearDown() override
	{
		guest_works_join(&g->works);
		guest_moves_free(g.get());
		link_destroy(run);
		link_destroy(g->link);
	}
	std::string Call(const std::string &blob)
	{
		struct msg m = {};
		m.kind = MSG_CTL_CALL;
		m.epoch = kEpoch;
		m.u.ctl_call.id = ++last;
		m.blob = (const uint8_t *)blob.data();
		m.blob_bytes = (uint32_t)blob.size();
		size_t before = answers.size();
		EXPECT_EQ(0, link_send(run, 0, &m));
		link_flush(run);
		/* What the worker does takes as long as it takes; everything else is answered in the first round. */
		for (uint64_t end = now_ns() + 20000000000u; answers.size() == before && now_ns() < end;) {
			loop_run(link_loop(g->link), now_ns() + (before == answers.size() ? 1000000 : 0));
			loop_run(link_loop(run), 0);
		}
		loop_run(link_loop(g->link), 0);
		loop_run(link_loop(run), 0);
		EXPECT_EQ(before + 1, answers.size()) << blob.c_str();
		return answers.size() > before ? answers.back() : "";
	}
	std::string Call(const std::string &name, const std::string &args)
	{
		return Call(name + std::string(1, 0) + args);
	}
	// The arguments of v as listed, but for the one called key.
	static std::string Args(enum verb v, const std::string &key, const std::string &value)
	{
		std::string out = "{";

		for (const struct verb_arg *a = verb_info(v)->args; a->kind != VERB_ARG_NONE; a++) {
			if (key == a->key && value.empty())
				continue;
			out += out.size() > 1 ? ",\"" : "\"";
			out += std::string(a->key) + "\":";
			out += key == a->key                ? value
			       : a->kind == VERB_ARG_NUMBER ? "0"
			       : a->kind == VERB_ARG_FLAG   ? "true"
							    : "\"x\"";
		}
		return out + "}";
	}
};

TEST_F(Serve, EveryVerbSaysWhichArgumentItMisses)
{
	for (unsigned i = 0; i < VERBS; i++) {
		auto v = (enum verb)i;
		std::string name = verb_name(v);

		for (const struct verb_arg *a = verb_info(v)->args; a->kind != VERB_ARG_NONE; a++) {
			std::string of = std::string("!the argument '") + a->key + "' of '" + name + "'";

			EXPECT_EQ(0u, Call(name, Args(v, a->key, "")).find(of + " is missing"));
			for (const char *value : {"null", "[]", "{}", "1.5"})
				EXPECT_EQ(0u, Call(name, Args(v, a->key, value)).find(of + " has to be"));
		}
		for (const char *args : {"[]", "1", "null", "\"\""})
			EXPECT_EQ("!the arguments of '" + name + "' are no JSON object", Call(name, args));
	}
}

// Numbers that nothing has, before there is a machine.
TEST_F(Serve, EveryVerbAnswersOnceWhateverItsArgumentsSay)
{
	for (unsigned i = 0; i < VERBS; i++) {
		auto v = (enum verb)i;

		EXPECT_NE("", Call(verb_name(v), Args(v, "", "")));
		for (const struct verb_arg *a = verb_info(v)->args; a->kind == VERB_ARG_NUMBER; a++)
			for (const char *n : {"-1", "9223372036854775807", "-9223372036854775808", "4294967296"})
				EXPECT_EQ('!', Call(verb_name(v), Args(v, a->key, n))[0]) << verb_name(v);
	}
}

// What is in the same machine's memory a moment later is not the same, but not another world either.
TEST_F(Serve, TheLoadOfTheHostItself)
{
	std::string text = Call("host-load", "{}");
	json_t *o = json_loads(text.c_str(), 0, nullptr);
	struct sysinfo i;
	struct utsname u;

	ASSERT_TRUE(o) << text;
	ASSERT_EQ(0, sysinfo(&i));
	ASSERT_EQ(0, uname(&u));
	auto number = [&](const char *key) {
		EXPECT_TRUE(json_is_integer(json_object_get(o, key))) << key;
		return (uint64_t)json_integer_value(json_object_get(o, key));
	};
	EXPECT_STREQ(u.release, json_string_value(json_object_get(o, "kernel")));
	EXPECT_EQ((uint64_t)sysconf(_SC_NPROCESSORS_ONLN), number("cpus"));
	EXPECT_EQ((uint64_t)i.totalram * i.mem_unit, number("memory-bytes"));
	EXPECT_GT(number("available-bytes"), 0u);
	EXPECT_LT(number("available-bytes"), number("memory-bytes"));
	EXPECT_LE(number("swap-used-bytes"), (uint64_t)i.totalswap * i.mem_unit);
	EXPECT_LE(number("uptime-seconds"), (uint64_t)i.uptime);
	for (const char *key : {"load-1", "load-5", "load-15"})
		EXPECT_TRUE(json_is_real(json_object_get(o, key))) << key;
	json_decref(o);
	guest_works_cancel(&g->works);
	EXPECT_EQ('!', Call("host-load", "{}")[0]);
}

// What all hosts wait for does not stand behind a disk that takes its time; at the end both threads are waited for.
TEST_F(Serve, WorkThatNothingCanKeep)
{
	struct Both {
		std::mutex lock;
		std::condition_variable news;
		bool second = false, seen = false;
		unsigned ends = 0;
	} b;
	auto slow = [](struct guest *, void *x) {
		auto *y = static_cast<Both *>(x);
		std::unique_lock<std::mutex> l(y->lock);
		y->seen = y->news.wait_for(l, std::chrono::seconds(20), [&] { return y->second; });
	};
	auto quick = [](struct guest *, void *x) {
		auto *y = static_cast<Both *>(x);
		std::lock_guard<std::mutex> l(y->lock);
		y->second = true;
		y->news.notify_all();
	};
	auto end = [](struct guest *, void *x, bool) { static_cast<Both *>(x)->ends++; };
	ASSERT_EQ(0, guest_work(g.get(), slow, end, &b));
	ASSERT_EQ(0, guest_work_beside(g.get(), quick, end, &b));
	for (uint64_t due = now_ns() + 30000000000u; b.ends < 2 && now_ns() < due;)
		loop_run(link_loop(g->link), now_ns() + 1000000);
	EXPECT_EQ(2u, b.ends);
	EXPECT_TRUE(b.seen) << "it came only when the first had given up";
	guest_works_cancel(&g->works);
	EXPECT_EQ(-ECANCELED, guest_work_beside(g.get(), quick, end, &b));
}

TEST_F(Serve, WhatIsNoCallIsRefused)
{
	EXPECT_EQ("!the call is malformed", Call(""));
	EXPECT_EQ("!the call is malformed", Call("nmi"));
	EXPECT_EQ("!the call is malformed", Call("nmi", "{"));
	EXPECT_EQ("!the call is malformed", Call("", "{}"));
	EXPECT_EQ("!this host does not know the verb 'nmi2'", Call("nmi2", "{}"));
}

TEST_F(Serve, ADiskOfThisHostBecomesLarger)
{
	char path[] = "/tmp/serve-disk.XXXXXX", why[256];
	int fd = mkstemp(path);
	struct stat st;
	auto add = [&](uint32_t host, const std::string &more) {
		std::string config = std::string("{\"path\":\"") + path + "\"" + more + "}";
		int at = desc_add_card(&g->desc, CARD_BLK, host, 0, config.c_str(), why, sizeof(why));
		EXPECT_GE(at, 0) << why;
		return std::to_string(g->desc.devices[at].id);
	};
	auto size = [&](const std::string &device, const std::string &bytes) {
		return Call("device-size", "{\"device\":" + device + ",\"bytes\":" + bytes + "}");
	};
	ASSERT_GE(fd, 0);
	std::string here = add(0, ""), there = add(1, ""), fixed = add(0, ",\"read-only\":true"),
		    other = add(0, ",\"format\":\"qcow2\"");
	EXPECT_EQ("{\"here\":true}", size(here, "1048576"));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(1048576, st.st_size);
	EXPECT_NE(std::string::npos, size(here, "512").find("what would be cut off may be in use"));
	EXPECT_NE(std::string::npos, size(here, "1048577").find("multiple of 512"));
	EXPECT_NE(std::string::npos, size(here, "-512").find("multiple of 512"));
	EXPECT_NE(std::string::npos, size(fixed, "2097152").find("read-only"));
	EXPECT_NE(std::string::npos, size(other, "2097152").find("raw image"));
	EXPECT_EQ("{\"here\":false}", size(there, "2097152"));
	EXPECT_EQ("!there is no device 99", size("99", "2097152"));
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(1048576, st.st_size);
	unlink(path);
	EXPECT_NE(std::string::npos, size(here, "2097152").find("No such file"));
	close(fd);
}

TEST_F(Serve, ACableOfADeviceThatIsNotHereIsNobodys)
{
	char why[256];
	int at = desc_add_card(&g->desc, CARD_NET, 1, 0, "{}", why, sizeof(why));

	ASSERT_GE(at, 0) << why;
	std::string there = std::to_string(g->desc.devices[at].id);
	EXPECT_EQ("{\"here\":false}", Call("device-link", "{\"device\":" + there + ",\"up\":true}"));
	EXPECT_EQ("!there is no device 99", Call("device-link", "{\"device\":99,\"up\":true}"));
}

} // namespace
