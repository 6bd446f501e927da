// SPDX-License-Identifier: Apache-2.0
// The run side of what is done to the whole machine, against two hosts that are only acted.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <map>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "tests/unit/conf/sample.h"

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
		bool adjustable = true;
		std::string refuse;              // this verb fails
		std::string mute;                // this verb is answered when the test says so
		uint64_t kept = 0;               // ... the call
		int shows = -1;                  // the vCPU it tells registers of; -1: of its own number
		unsigned busy = 0;               // looks for which its vCPU is left out
		unsigned late = 0;               // looks until the interrupts on their way have arrived
		std::map<page_idx, char> memory; // pages that are not zero
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
		} else if (verb == "move-prepare") {
			answer(h, id, CALL_JSON, "{\"cpuid\":[[0,0,31,1,2,3]],\"xsave_bytes\":4096,\"msrs\":[]}");
		} else if (verb == "memory") {
			answer(h, id, CALL_BYTES,
			       piece(h, (page_idx)json_integer_value(json_object_get(args, "first")),
				     (page_idx)json_integer_value(json_object_get(args, "end"))));
		} else if (verb == "registers") {
			unsigned vcpu = h.shows < 0 ? h.number : (unsigned)h.shows;
			answer(h, id, CALL_JSON,
			       h.busy ? "[]"
				      : "[{\"vcpu\":" + std::to_string(vcpu) + ",\"rip\":" + std::to_string(66 + vcpu) +
						"}]");
			h.busy -= h.busy > 0;
		} else {
			uint64_t in = h.late ? h.in - 1 : h.in;
			h.late -= h.late && verb == "freeze";
			answer(h, id, CALL_JSON,
			       "{\"clock\":" + std::to_string(h.clock) + ",\"irqs_out\":" + std::to_string(h.out) +
				       ",\"irqs_in\":" + std::to_string(in) +
				       ",\"adjustable\":" + (h.adjustable ? "true" : "false") + "}");
		}
		json_decref(args);
	}

	static void Event(void *ctx, const char *event, const json_t *)
	{
		static_cast<Verbs *>(ctx)->said.push_back(event);
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
	}
	void TearDown() override
	{
		calls_cancel(&calls, "end");
		ops_destroy(v);
		link_destroy(run);
		for (auto &h : hosts)
			link_destroy(h.link);
	}
	void turns(unsigned n = 40)
	{
		for (; n; n--) {
			for (auto &h : hosts)
				loop_run(link_loop(h.link), now_ns());
			loop_run(link_loop(run), now_ns());
		}
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

TEST_F(Verbs, NothingBeforeTheStart)
{
	EXPECT_EQ(OPS_PRELAUNCH, ops_state(v));
	EXPECT_EQ(-ESHUTDOWN, stop());
	EXPECT_EQ(-ESHUTDOWN, ops_nmi(v, Done, this));
	ops_started(v);
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
	EXPECT_EQ(OPS_BOOTED, ops_reason(v));
}

TEST_F(Verbs, TheClockGoesOnWhereTheLatestHostStopped)
{
	ops_started(v);
	hosts[0].clock = 1000, hosts[1].clock = 1200;
	ASSERT_EQ(0, stop());
	turns();
	EXPECT_EQ((Said{"STOP", "done"}), said);
	EXPECT_EQ(OPS_PAUSED, ops_state(v));
	EXPECT_EQ(OPS_USER, ops_reason(v));
	hosts[0].clock = 9000, hosts[1].clock = 8700;
	ASSERT_EQ(0, cont());
	turns();
	EXPECT_EQ((Said{"STOP", "done", "RESUME", "done"}), said);
	for (auto &h : hosts)
		EXPECT_EQ((Said{"pause{}", "freeze{}", "clock{}", "resume{\"not_before\":9000,\"held\":7800}"}),
			  h.verbs);
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
	EXPECT_EQ(OPS_UNPAUSED, ops_reason(v));
}

TEST_F(Verbs, AClockThatOneHostCannotHoldIsHeldByNone)
{
	ops_started(v);
	hosts[1].adjustable = false;
	stop();
	turns();
	hosts[0].clock = 5000;
	cont();
	turns();
	EXPECT_EQ("resume{\"not_before\":5000,\"held\":0}", hosts[0].verbs.back());
	EXPECT_EQ("resume{\"not_before\":5000,\"held\":0}", hosts[1].verbs.back());
}

TEST_F(Verbs, WaitsForInterruptsBetweenTheHosts)
{
	ops_started(v);
	hosts[0].out = 5, hosts[1].in = 5, hosts[1].late = 3;
	stop();
	turns();
	EXPECT_EQ((Said{"pause{}", "freeze{}", "freeze{}", "freeze{}", "freeze{}"}), hosts[1].verbs);
	EXPECT_EQ((Said{"STOP", "done"}), said);
}

TEST_F(Verbs, TwiceIsNoNews)
{
	ops_started(v);
	EXPECT_EQ(0, cont());
	EXPECT_EQ(0, stop());
	EXPECT_EQ(0, stop());
	turns();
	EXPECT_EQ((Said{"done", "STOP", "done", "done"}), said);
}

TEST_F(Verbs, AHostThatCannotStopLetsTheOthersGoOn)
{
	ops_started(v);
	hosts[1].refuse = "pause";
	stop();
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not"}), said);
	EXPECT_EQ("resume{\"not_before\":0,\"held\":0}", hosts[0].verbs.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Verbs, ResetOfARunningAndOfAStoppedMachine)
{
	ops_started(v);
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns();
	EXPECT_EQ((Said{"RESET", "done"}), said);
	EXPECT_EQ((Said{"pause{}", "freeze{}", "reset{}", "clock{}", "resume{\"not_before\":0,\"held\":0}"}),
		  hosts[1].verbs);
	EXPECT_EQ(OPS_RESTARTED, ops_reason(v));
	said.clear();
	stop();
	turns();
	hosts[0].verbs.clear();
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"STOP", "done", "RESET", "done"}), said);
	EXPECT_EQ((Said{"reset{}"}), hosts[0].verbs);
	EXPECT_EQ(OPS_PAUSED, ops_state(v));
}

TEST_F(Verbs, AGuestThatResetsItselfBeforeAllHostsRun)
{
	ops_guest_reset(v, Done, this);
	turns();
	EXPECT_EQ(Said{}, said);
	ops_started(v);
	turns();
	EXPECT_EQ((Said{"RESET", "done"}), said);
}

TEST_F(Verbs, ResetsThatSeveralHostsReportAtOnceAreOne)
{
	ops_started(v);
	stop();
	for (int i = 0; i < 3; i++) // before it has its turn
		EXPECT_EQ(i == 0, ops_guest_reset(v, nullptr, this));
	turns();
	EXPECT_EQ((Said{"STOP", "done", "RESET"}), said);
	cont();
	turns();
	said.clear();
	hosts[1].mute = "pause";
	ops_guest_reset(v, nullptr, this);
	turns();
	ops_guest_reset(v, nullptr, this); // while vCPUs leave the guest
	hosts[1].mute = "";
	answer(hosts[1], hosts[1].kept, CALL_JSON, "{}");
	turns();
	EXPECT_EQ((Said{"RESET"}), said);
	said.clear();
	/* One that comes when the machine has been reset is another one. */
	hosts[1].mute = "resume";
	ops_guest_reset(v, nullptr, this);
	turns();
	ops_guest_reset(v, nullptr, this);
	hosts[1].mute = "";
	answer(hosts[1], hosts[1].kept, CALL_JSON, "{}");
	turns();
	EXPECT_EQ((Said{"RESET", "RESET"}), said);
}

TEST_F(Verbs, CommandsThatNeedNoTurn)
{
	ops_started(v);
	EXPECT_EQ(0, call([&] { return ops_nmi(v, Done, this); }));
	turns();
	EXPECT_EQ(0, call([&] { return ops_powerdown(v, Done, this); }));
	turns();
	EXPECT_EQ((Said{"done", "POWERDOWN", "done"}), said);
	EXPECT_EQ((Said{"nmi{}"}), hosts[1].verbs);
	EXPECT_EQ((Said{"nmi{}", "powerdown{}"}), hosts[0].verbs);
	EXPECT_EQ(-EINVAL, ops_registers(v, 2, nullptr, this));
	static std::string text;
	ASSERT_EQ(0, ops_registers(
			     v, OPS_ALL_VCPUS,
			     [](void *, const json_t *all, const char *) {
				     char *s = json_dumps(all, JSON_COMPACT);
				     text = s;
				     free(s);
			     },
			     nullptr));
	turns();
	EXPECT_NE(std::string::npos, text.find("[{\"vcpu\":0,\"rip\":66},{\"vcpu\":1,\"rip\":67}]")) << text;
}

TEST_F(Verbs, TooManyAreRefusedAndTheEndFailsThoseThatWait)
{
	ops_started(v);
	unsigned n = 0;
	while (stop() == 0)
		n++;
	EXPECT_EQ(OPS_QUEUE_MAX, n);
	ops_over(v, OPS_CRASHED);
	EXPECT_EQ(OPS_FAILED, ops_state(v));
	EXPECT_EQ(-ESHUTDOWN, cont());
	turns();
	ASSERT_EQ(n + 1, said.size());
	EXPECT_EQ("SHUTDOWN", said[0]);
	EXPECT_EQ("error: the guest is over", said[1]);
}

/* ---- with moves of vCPUs: one thing at a time ---- */

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
		m = mover_create(&calls, &desc);
		ops_set_mover(v, m);
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

TEST_F(VerbsAndMoves, AMoveUnderWayIsOverBeforeAnythingElseBegins)
{
	using Start = std::function<int()>;
	const std::map<std::string, Start> others = {
		{"pause", [&] { return stop(); }},
		{"reset", [&] { return call([&] { return ops_reset(v, Done, this); }); }},
		{"nmi", [&] { return call([&] { return ops_nmi(v, Done, this); }); }},
		{"registers", [&] {
			 return call([&] {
				 return ops_registers(
					 v, OPS_ALL_VCPUS,
					 [](void *ctx, const json_t *vcpus, const char *) {
						 static_cast<Verbs *>(ctx)->said.push_back(
							 std::to_string(json_array_size(vcpus)));
					 },
					 this);
			 });
		 }}};

	for (auto &[verb, start] : others) {
		all.clear(), moved.clear(), said.clear();
		host_id from = mover_host(m, 1), to = (host_id)!from;
		hosts[from].mute = "move-out";
		ASSERT_EQ(0, move(1, to));
		ASSERT_EQ(0, start());
		turns();
		EXPECT_EQ(all.size(), at(verb)) << verb;
		EXPECT_EQ(Said{}, said);
		unmute(hosts[from]);
		turns(80);
		EXPECT_EQ((Said{"1>" + std::to_string(to)}), moved);
		EXPECT_LT(at("moved"), at(verb)) << verb;
		EXPECT_LT(at(verb), all.size()) << verb;
		ASSERT_FALSE(said.empty()) << verb;
		EXPECT_EQ(std::string::npos, said.back().find("error")) << said.back();
		cont();
		turns();
	}
}

TEST_F(VerbsAndMoves, NoMoveBeginsBeforeACommandIsOver)
{
	hosts[1].mute = "pause";
	ASSERT_EQ(0, stop());
	turns();
	ASSERT_EQ(0, move(1, 0));
	ASSERT_EQ(0, move(0, 1));
	turns();
	EXPECT_EQ(all.size(), at("move-prepare"));
	unmute(hosts[1]);
	turns(200);
	EXPECT_EQ((Said{"STOP", "done"}), said);
	EXPECT_EQ((Said{"1>0", "0>1"}), moved); // of a stopped machine, in the order asked
	EXPECT_LT(at("freeze"), at("move-prepare"));
	said.clear();
	hosts[0].mute = "nmi";
	ASSERT_EQ(0, ops_nmi(v, Done, this));
	turns();
	ASSERT_EQ(0, move(1, 1));
	turns();
	EXPECT_EQ(2u, moved.size());
	unmute(hosts[0]);
	turns();
	EXPECT_EQ(3u, moved.size());
}

TEST_F(VerbsAndMoves, ForAResetTheFirstVcpuComesHomeBeforeThoseThatWait)
{
	ASSERT_EQ(0, move(0, 1));
	turns();
	ASSERT_EQ((Said{"0>1"}), moved);
	all.clear();
	ASSERT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(2);
	ASSERT_EQ(0, move(1, 0));
	turns(200);
	EXPECT_EQ((Said{"RESET", "done"}), said);
	EXPECT_EQ((Said{"0>1", "1>0"}), moved);
	EXPECT_EQ(0, mover_host(m, 0));
	EXPECT_LT(at("pause"), at("move-prepare"));
	EXPECT_LT(at("move-commit"), at("reset"));
	EXPECT_LT(at("reset"), at("moved")); // the one that waited
}

TEST_F(VerbsAndMoves, CommandsAndMovesTakeTurns)
{
	for (unsigned i = 0; i < 3; i++) {
		ASSERT_EQ(0, i % 2 ? cont() : stop());
		ASSERT_EQ(0, move(1, (host_id)(i % 2)));
	}
	turns(400);
	EXPECT_EQ((Said{"STOP", "done", "RESUME", "done", "STOP", "done"}), said);
	EXPECT_EQ((Said{"1>0", "1>1", "1>0"}), moved);
}

TEST_F(VerbsAndMoves, TheEndFailsWhatWaitsForEachOther)
{
	hosts[1].mute = "move-out";
	ASSERT_EQ(0, move(1, 0));
	ASSERT_EQ(0, move(0, 1));
	ASSERT_EQ(0, stop());
	ASSERT_EQ(0, ops_nmi(v, Done, this));
	turns();
	EXPECT_EQ(Said{}, said);
	ops_over(v, OPS_LOST_HOST);
	calls_cancel(&calls, "the guest is over");
	EXPECT_EQ((Said{"SHUTDOWN", "error: the guest is over", "error: the guest is over"}), said);
	ASSERT_EQ(2u, moved.size());
	EXPECT_EQ("the guest is over", moved[0]);
	EXPECT_EQ(-ESHUTDOWN, move(1, 0));
}

/* ---- dump ---- */

struct Dump : Verbs {
	std::string path = testing::TempDir() + "pando-dump-" + std::to_string(getpid());
	struct ops_dump what = {};

	void SetUp() override
	{
		Verbs::SetUp();
		what.path = path.c_str();
		hosts[0].memory = {{0, 'a'}, {1, 'b'}, {511, 'c'}};
		hosts[1].memory = {{512, 'd'}, {777, 'e'}, {1023, 'f'}};
		ops_started(v);
	}
	void TearDown() override
	{
		unlink(path.c_str());
		Verbs::TearDown();
	}
	std::string page(uint64_t gpa, uint64_t base = 0)
	{
		char buf[PAGE_BYTES] = {};
		int fd = open(path.c_str(), O_RDONLY);
		EXPECT_GE(fd, 0);
		EXPECT_EQ((ssize_t)sizeof(buf), pread(fd, buf, sizeof(buf), (off_t)(4096 + gpa - base)));
		close(fd);
		return std::string(buf, sizeof(buf));
	}
};

TEST_F(Dump, HoldsTheMemoryOfAllHostsAndGoesOn)
{
	uint64_t completed, total;
	ASSERT_EQ(0, call([&] { return ops_dump(v, &what, Done, this); }));
	turns(200);
	EXPECT_EQ((Said{"STOP", "DUMP_COMPLETED", "RESUME", "done"}), said);
	EXPECT_EQ(OPS_DUMP_COMPLETED, ops_dump_status(v, &completed, &total));
	EXPECT_EQ(total, completed);
	EXPECT_EQ(2 * kMib << 20, total);
	for (auto &h : hosts)
		for (auto &p : h.memory)
			EXPECT_EQ(std::string(PAGE_BYTES, p.second), page(p.first * PAGE_BYTES)) << p.first;
	EXPECT_EQ(std::string(PAGE_BYTES, 0), page(100 * PAGE_BYTES));
	EXPECT_NE(0, access((path + ".partial").c_str(), F_OK));
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Dump, EveryVcpuIsInItAndInOrder)
{
	hosts[0].shows = 1, hosts[1].shows = 0; // they have changed places
	hosts[1].busy = 3;
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns(200);
	ASSERT_EQ("done", said.back());
	int fd = open(path.c_str(), O_RDONLY);
	ASSERT_GE(fd, 0);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t rip[8] = {};
		// ELF header, two program headers; of each vCPU two notes; a note's head; user_regs_struct and rip in
		// it
		off_t at = 64 + 2 * 56 + (off_t)i * (2 * 20 + 336 + 440) + 20 + 112 + 16 * 8;
		ASSERT_EQ(8, pread(fd, rip, 8, at));
		EXPECT_EQ(66u + i, get_le(rip, 8));
	}
	close(fd);
	said.clear();
	hosts[1].busy = 1000;
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns(1000);
	EXPECT_EQ("error: not every vCPU told its registers", said.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Dump, ARangeAcrossHostsIsWidenedToPages)
{
	what.ranged = true, what.begin = 511 * PAGE_BYTES + 5, what.length = PAGE_BYTES;
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns(200);
	ASSERT_EQ("done", said.back());
	EXPECT_EQ(std::string(PAGE_BYTES, 'c'), page(511 * PAGE_BYTES, 511 * PAGE_BYTES));
	EXPECT_EQ(std::string(PAGE_BYTES, 'd'), page(512 * PAGE_BYTES, 511 * PAGE_BYTES));
	struct stat st;
	ASSERT_EQ(0, stat(path.c_str(), &st));
	EXPECT_EQ(4096 + 2 * (off_t)PAGE_BYTES, st.st_size);
	said.clear();
	what.begin = 1ull << 40;
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("error: there is no guest memory in the range to be dumped", said.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Dump, AFullDiskLeavesNoFileAndTheGuestGoesOn)
{
	struct rlimit old, small = {1 << 20, RLIM_INFINITY};
	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &old));
	small.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &small));
	ops_dump(v, &what, Done, this);
	turns(200);
	setrlimit(RLIMIT_FSIZE, &old);
	EXPECT_EQ(0u, said.back().find("error: a file of")) << said.back();
	EXPECT_EQ((Said{"STOP", "DUMP_COMPLETED", "RESUME", said.back()}), said);
	EXPECT_NE(0, access(path.c_str(), F_OK));
	EXPECT_NE(0, access((path + ".partial").c_str(), F_OK));
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

// A name that is no regular file stays what it is; what cannot hold a dump is refused, not replaced.
TEST_F(Dump, ALinkAndAFifoStayWhatTheyAre)
{
	std::string target = path + "-target";
	struct stat st;
	ASSERT_EQ(0, symlink(target.c_str(), path.c_str()));
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("done", said.back());
	ASSERT_EQ(0, lstat(path.c_str(), &st));
	EXPECT_TRUE(S_ISLNK(st.st_mode));
	EXPECT_EQ(std::string(PAGE_BYTES, 'f'), page(1023 * PAGE_BYTES));
	unlink(target.c_str());
	unlink(path.c_str());
	ASSERT_EQ(0, mkfifo(path.c_str(), 0600));
	int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("error: cannot dump into '" + path + "': expected a regular file", said.back());
	ASSERT_EQ(0, lstat(path.c_str(), &st));
	EXPECT_TRUE(S_ISFIFO(st.st_mode));
	close(reader);
}

TEST_F(Dump, AHostThatFailsOrLiesEndsIt)
{
	hosts[1].refuse = "memory";
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("error: host 1: it will not", said.back());
	EXPECT_NE(0, access(path.c_str(), F_OK));
	hosts[1].refuse.clear();
	said.clear();
	what.path = "/nonexistent/x";
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ(0u, said.back().find("error: cannot create '/nonexistent/x'")) << said.back();
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Verbs, WhatAHostSeesIsToldInTheMonitorsWords)
{
	json_t *data = json_loads(R"({"vcpu": 0, "rip": 1048576, "seconds": 20, "halted": false})", 0, nullptr);

	ops_on_event(v, 0, "GUEST_SILENT", data);
	json_decref(data);
	ops_on_event(v, 1, "GUEST_PANICKED", nullptr);
	ops_on_event(v, 1, "SOMETHING_ELSE", nullptr);
	data = json_loads(R"({"rip": "here", "halted": 1})", 0, nullptr); // shaped as it must not be
	ops_on_event(v, 0, "GUEST_SILENT", data);
	json_decref(data);
	ASSERT_EQ(3u, said.size());
	EXPECT_EQ(0u, said[0].find("X_PANDO_GUEST_SILENT")) << said[0];
	EXPECT_EQ(0u, said[1].find("GUEST_PANICKED")) << said[1];
	EXPECT_EQ(0u, said[2].find("X_PANDO_GUEST_SILENT")) << said[2];
}

} // namespace
