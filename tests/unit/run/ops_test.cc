// SPDX-License-Identifier: Apache-2.0
// The run side of what is done to the whole machine.
#include <algorithm>

#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/mover.h"
}

namespace
{

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

/* Part of the machine is reset and part is not, and nobody can say which: that is its end. */
TEST_F(Verbs, AResetThatOneHostRefusesEndsTheGuest)
{
	ops_started(v);
	hosts[1].refuse = "reset";
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not", "end: the guest could not be reset: host 1: it will not"}), said);
	EXPECT_EQ("reset{}", hosts[0].verbs.back()); // it stays where it is
	said.clear();
	hosts[1].refuse = "resume"; // reset, but it does not go on
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not", "end: the guest could not be reset: host 1: it will not"}), said);
}

TEST_F(Verbs, AResetOfAStoppedMachineThatOneHostRefusesEndsItToo)
{
	ops_started(v);
	stop();
	turns();
	said.clear();
	hosts[0].refuse = "reset";
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 0: it will not", "end: the guest could not be reset: host 0: it will not"}), said);
}

TEST_F(Verbs, AResetForWhichAHostDoesNotStopChangesNothing)
{
	ops_started(v);
	hosts[1].refuse = "freeze";
	ops_reset(v, Done, this);
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not"}), said);
	EXPECT_EQ("resume{\"not_before\":0,\"held\":0}", hosts[0].verbs.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

/* The first failure is told, not what another request meets while it is undone. */
TEST_F(Verbs, WhatIsUndoneIsToldByItsOwnReason)
{
	ops_started(v);
	hosts[1].refuse = "pause";
	hosts[0].mute = "resume";
	stop();
	turns();
	hosts[1].mute = "nmi";
	EXPECT_EQ(0, call([&] { return ops_nmi(v, Done, this); }));
	turns();
	answer(hosts[1], hosts[1].kept, CALL_ERROR, "no such pin");
	turns();
	EXPECT_EQ((Said{"error: host 1: no such pin"}), said);
	answer(hosts[0], hosts[0].kept, CALL_JSON, "{}");
	turns();
	EXPECT_EQ((Said{"error: host 1: no such pin", "error: host 1: it will not"}), said);
}

TEST_F(Verbs, RegistersOfAVcpuThatNoHostTellsAreAnError)
{
	ops_started(v);
	hosts[1].lacks = true;
	for (int vcpu : {OPS_ALL_VCPUS, 1, 0}) {
		static std::string error;
		error.clear();
		ASSERT_EQ(0, ops_registers(
				     v, vcpu,
				     [](void *, const json_t *all, const char *e) {
					     EXPECT_EQ(!e, !!all);
					     error = e ? e : "";
				     },
				     nullptr));
		turns();
		EXPECT_EQ(vcpu ? "the hosts did not tell the registers of every vCPU" : "", error) << vcpu;
	}
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

/* Nothing was reset yet: the guest goes on, and the first vCPU is where it was. */
TEST_F(VerbsAndMoves, AResetForWhichTheFirstVcpuDoesNotComeHomeLetsTheGuestGoOn)
{
	ASSERT_EQ(0, move(0, 1));
	turns();
	ASSERT_EQ((Said{"0>1"}), moved);
	all.clear();
	hosts[1].refuse = "move-prepare";
	hosts[0].refuse = "move-prepare";
	ASSERT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(200);
	ASSERT_EQ(1u, said.size());
	EXPECT_EQ(0u, said[0].find("error: ")) << said[0];
	EXPECT_EQ(all.end(), std::find(all.begin(), all.end(), "reset"));
	EXPECT_EQ("resume", all.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
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
