// SPDX-License-Identifier: Apache-2.0
// The run side of what is done to the whole machine.
#include "tests/unit/run/acted_hosts.h"

namespace
{

struct Ops : Verbs {
};

struct OpsAndMoves : VerbsAndMoves {
};

TEST_F(Ops, NothingBeforeTheStart)
{
	EXPECT_EQ(OPS_PRELAUNCH, ops_state(v));
	EXPECT_EQ(-ESHUTDOWN, stop());
	EXPECT_EQ(-ESHUTDOWN, ops_nmi(v, Done, this));
	ops_started(v);
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
	EXPECT_EQ(OPS_BOOTED, ops_reason(v));
}

TEST_F(Ops, TheClockGoesOnWhereTheLatestHostStopped)
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

TEST_F(Ops, AClockThatOneHostCannotHoldIsHeldByNone)
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

TEST_F(Ops, WaitsForInterruptsBetweenTheHosts)
{
	ops_started(v);
	hosts[0].out = 5, hosts[1].in = 5, hosts[1].late = 3;
	stop();
	turns();
	EXPECT_EQ((Said{"pause{}", "freeze{}", "freeze{}", "freeze{}", "freeze{}"}), hosts[1].verbs);
	EXPECT_EQ((Said{"STOP", "done"}), said);
}

TEST_F(Ops, TwiceIsNoNews)
{
	ops_started(v);
	EXPECT_EQ(0, cont());
	EXPECT_EQ(0, stop());
	EXPECT_EQ(0, stop());
	turns();
	EXPECT_EQ((Said{"done", "STOP", "done", "done"}), said);
}

TEST_F(Ops, TooManyAreRefusedAndTheEndFailsThoseThatWait)
{
	ops_started(v);
	unsigned n = 0;
	while (stop() == 0)
		n++;
	EXPECT_EQ(OP_ROOM, n);
	ops_over(v, OPS_CRASHED);
	EXPECT_EQ(OPS_FAILED, ops_state(v));
	EXPECT_EQ(-ESHUTDOWN, cont());
	turns();
	ASSERT_EQ(n + 1, said.size());
	EXPECT_EQ("SHUTDOWN", said[0]);
	EXPECT_EQ("error: the guest is over", said[1]);
}

TEST_F(OpsAndMoves, AMoveUnderWayIsOverBeforeAnythingElseBegins)
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

TEST_F(OpsAndMoves, NoMoveBeginsBeforeACommandIsOver)
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

TEST_F(OpsAndMoves, CommandsAndMovesTakeTurns)
{
	for (unsigned i = 0; i < 3; i++) {
		ASSERT_EQ(0, i % 2 ? cont() : stop());
		ASSERT_EQ(0, move(1, (host_id)(i % 2)));
	}
	turns(400);
	EXPECT_EQ((Said{"STOP", "done", "RESUME", "done", "STOP", "done"}), said);
	EXPECT_EQ((Said{"1>0", "1>1", "1>0"}), moved);
}

TEST_F(OpsAndMoves, TheEndFailsWhatWaitsForEachOther)
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
	loop_run_posted(link_loop(run)); // as `pando run` does at its end
	EXPECT_EQ((Said{"SHUTDOWN", "error: the guest is over", "error: the guest is over"}), said);
	ASSERT_EQ(2u, moved.size());
	EXPECT_EQ("the guest is over", moved[0]);
	EXPECT_EQ(-ESHUTDOWN, move(1, 0));
}

TEST_F(Ops, WhatAHostSeesIsToldInTheMonitorsWords)
{
	json_t *data = json_loads(R"({"vcpu": 0, "rip": 1048576, "seconds": 20, "halted": false})", 0, nullptr);

	ops_on_event(v, 0, "GUEST_SILENT", data);
	json_decref(data);
	ops_on_event(v, 1, "GUEST_PANICKED", nullptr);
	ops_on_event(v, 1, "SOMETHING_ELSE", nullptr);
	data = json_loads(R"({"rip": "here", "halted": 1})", 0, nullptr); // shaped as it must not be
	ops_on_event(v, 0, "GUEST_SILENT", data);
	json_decref(data);
	data = json_loads(R"({"address": 4096, "home": 1, "milliseconds": 5001})", 0, nullptr);
	ops_on_event(v, 1, "PAGE_STUCK", data);
	json_decref(data);
	ASSERT_EQ(4u, said.size());
	EXPECT_EQ(0u, said[3].find("X_PANDO_STUCK")) << said[3];
	EXPECT_EQ(0u, said[0].find("X_PANDO_GUEST_SILENT")) << said[0];
	EXPECT_EQ(0u, said[1].find("GUEST_PANICKED")) << said[1];
	EXPECT_EQ(0u, said[2].find("X_PANDO_GUEST_SILENT")) << said[2];
}

} // namespace
