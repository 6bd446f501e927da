// SPDX-License-Identifier: Apache-2.0
// Steps that fail are undone, and each operation has a deadline.
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/run/acted_hosts.h"

namespace
{

struct Steps : Verbs {
};

TEST_F(Steps, AHostThatCannotStopLetsTheOthersGoOn)
{
	ops_started(v);
	hosts[1].refuse = "pause";
	stop();
	turns();
	EXPECT_EQ((Said{"error: host 1: it will not"}), said);
	EXPECT_EQ("resume{\"not_before\":0,\"held\":0}", hosts[0].verbs.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

/* The first failure is told, not what another request meets while it is undone. */
TEST_F(Steps, WhatIsUndoneIsToldByItsOwnReason)
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

/* For tests of the whole: PANDO_KILL_AT. A process that is named ends before its step, and before no other one. */
TEST_F(Steps, AProcessEndsBeforeTheStepThatIsNamed)
{
	pid_t victim = fork();

	if (!victim) {
		pause();
		_exit(0);
	}
	ASSERT_GT(victim, 1);
	auto at = [&](const char *where) {
		setenv("PANDO_KILL_AT", (where + std::to_string(victim)).c_str(), 1);
		stop();
		turns();
		ops_cont(v, nullptr, nullptr);
		turns();
		return waitpid(victim, nullptr, WNOHANG);
	};
	ops_started(v);
	for (const char *other : {"stop/1:", "stop/-1:", "cont-/0:", "stop/0", "stop:"})
		EXPECT_EQ(0, at(other)) << other;
	setenv("PANDO_KILL_AT", ("stop/0:" + std::to_string(victim)).c_str(), 1);
	stop();
	int status = 0;
	turns();
	EXPECT_EQ(victim, waitpid(victim, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	unsetenv("PANDO_KILL_AT");
}

/* ---- deadlines: host 1 is alive and says nothing to one verb ---- */

struct Deadlines : VerbsAndMoves {
	static constexpr const char *const kWho = "host 1 at 10.0.0.2:4000: no answer to ";

	// The operation ends in that much time, and the next one has its turn.
	void expect(const std::string &mute, unsigned s, const Said &told, std::function<int()> start)
	{
		said.clear(), moved.clear();
		hosts[1].mute = mute;
		ASSERT_EQ(0, call(start)) << mute;
		turns(200);
		EXPECT_EQ(told.size() > 1 ? told[0] == "STOP" : false, !said.empty()) << mute;
		fake_clock_forward_ms(s * 1000 - 1000);
		turns();
		EXPECT_TRUE(moved.empty() && (said.empty() || said == Said{"STOP"})) << mute << said.back();
		fake_clock_forward_ms(1000);
		turns();
		hosts[1].mute.clear();
		said.insert(said.end(), moved.begin(), moved.end());
		EXPECT_EQ(told, said) << mute;
		said.clear();
		ASSERT_EQ(0, ops_nmi(v, Done, this));
		turns();
		ASSERT_EQ(0, move(1, mover_host(m, 1)));
		turns();
		EXPECT_EQ((Said{"done"}), said) << mute;
	}
	static void Looked(void *ctx, const json_t *, const char *error)
	{
		Done(ctx, error);
	}
};

TEST_F(Deadlines, StopGoesOnWhereItCould)
{
	expect("pause", 60, {"error: stop: " + std::string(kWho) + "'pause' within 60 s"},
	       [&] { return ops_stop(v, Done, this); });
	EXPECT_EQ("resume{\"not_before\":0,\"held\":0}",
		  *std::find_if(hosts[0].verbs.begin(), hosts[0].verbs.end(),
				[](const std::string &s) { return s.find("resume") == 0; }));
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
	expect("freeze", 10, {"error: stop: " + std::string(kWho) + "'freeze' within 10 s"},
	       [&] { return ops_stop(v, Done, this); });
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Deadlines, ContStaysStopped)
{
	stop();
	turns();
	expect("clock", 10, {"error: cont: " + std::string(kWho) + "'clock' within 10 s"},
	       [&] { return ops_cont(v, Done, this); });
	EXPECT_EQ(OPS_PAUSED, ops_state(v));
}

TEST_F(Deadlines, WhatIsAskedAtOnce)
{
	expect("nmi", 10, {"error: nmi: " + std::string(kWho) + "'nmi' within 10 s"},
	       [&] { return ops_nmi(v, Done, this); });
	expect("registers", 10, {"error: registers: " + std::string(kWho) + "'registers' within 10 s"},
	       [&] { return ops_registers(v, OPS_ALL_VCPUS, Looked, this); });
}

TEST_F(Deadlines, AResetThatCannotBeUndoneEndsTheGuest)
{
	std::string error = "reset: " + std::string(kWho) + "'reset' within 120 s";

	expect("reset", 120, {"error: " + error, "end: the guest could not be reset: " + error},
	       [&] { return ops_reset(v, Done, this); });
}

TEST_F(Deadlines, ADumpWhoseMemoryNeverComesLetsTheGuestGoOn)
{
	std::string path = testing::TempDir() + "pando-late-dump-" + std::to_string(getpid());
	struct ops_dump what = {};

	what.path = path.c_str();
	expect("memory", 120,
	       {"STOP", "DUMP_COMPLETED", "RESUME", "error: dump: " + std::string(kWho) + "'memory' within 120 s"},
	       [&] { return ops_dump(v, &what, Done, this); });
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
	EXPECT_NE(0, access(path.c_str(), F_OK));
	expect("pause", 60, {"DUMP_COMPLETED", "error: dump: " + std::string(kWho) + "'pause' within 60 s"},
	       [&] { return ops_dump(v, &what, Done, this); });
}

/* Each piece comes before its own time is over, and all of them never end. */
TEST_F(Deadlines, ADumpThatCrawlsIsGivenUp)
{
	std::string path = testing::TempDir() + "pando-slow-dump-" + std::to_string(getpid());
	struct ops_dump what = {};
	unsigned pieces = 0;

	what.path = path.c_str();
	hosts[1].mute = "memory";
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns();
	for (; pieces < 100 && ops_state(v) == OPS_SAVING; pieces++) {
		fake_clock_forward_ms(100000);
		turns();
		answer(hosts[1], hosts[1].kept, CALL_BYTES, piece(hosts[1], 512, 513));
		turns();
	}
	EXPECT_LT(pieces, 4u);
	ASSERT_EQ(4u, said.size());
	EXPECT_EQ(0u, said.back().find("error: dump: ")) << said.back();
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Deadlines, AMoveStaysWhereItIsOrIsTheDestinations)
{
	auto go = [&] { return mover_move(m, 1, (host_id)!mover_host(m, 1), Moved, this); };
	std::string who = "move of vCPU 1: " + std::string(kWho);

	expect("move-prepare", 60, {who + "'move-prepare' within 60 s"}, go);
	expect("move-out", 60, {who + "'move-out' within 60 s"}, go);
	EXPECT_EQ(1, mover_host(m, 1));
	expect("move-commit", 30, {who + "'move-commit' within 30 s"}, go); // it has left
	EXPECT_EQ(0, mover_host(m, 1));
	expect("move-wait", 60, {who + "'move-wait' within 60 s"}, go);
	EXPECT_EQ(1, mover_host(m, 1));
}

} // namespace
