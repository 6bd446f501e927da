// SPDX-License-Identifier: Apache-2.0
// How steps are begun, seen done, failed, given up and undone: with steps that are only acted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
}

namespace
{

struct Acted *acted; // of the test that runs

struct Acted : testing::Test {
	struct link *run = nullptr;
	std::unique_ptr<struct guest> g{new struct guest()};
	std::vector<std::string> did;  // by the steps
	std::vector<std::string> said; // to `pando run`
	int begins = 0, works = 0;     // what begin and job return
	bool whole = true;
	std::atomic<bool> hangs{false}; // the job, until it is cancelled

	static int Begin(struct guest *, char *why, unsigned cap)
	{
		acted->did.push_back("begin");
		snprintf(why, cap, "it cannot begin");
		return acted->begins;
	}
	static int Job(void *, char *why, unsigned cap)
	{
		snprintf(why, cap, "the job cannot be done");
		while (acted->hangs)
			usleep(1000);
		return acted->works;
	}
	static void Cancel(struct guest *)
	{
		acted->hangs = false;
	}
	static void Take(struct guest *)
	{
		acted->did.push_back("take");
	}
	static bool Whole(const struct guest *)
	{
		return acted->whole;
	}
	static void UndoFirst(struct guest *)
	{
		acted->did.push_back("undo first");
	}
	static void UndoLast(struct guest *)
	{
		acted->did.push_back("undo last");
	}
	struct guest_step step = {"connect", GUEST_EV_CONNECT, Begin, Job, Cancel, Take, Whole, UndoLast};

	static void RunMsg(void *ctx, unsigned, const struct msg *m)
	{
		auto *t = static_cast<Acted *>(ctx);
		std::string text((const char *)m->blob, m->blob_bytes);
		if (m->kind == MSG_CTL_RETURN)
			t->said.push_back("call " + std::to_string(m->u.ctl_return.id) + ": " + text);
		else if (m->kind == MSG_CTL_EVENT)
			t->said.push_back(std::string(text.c_str()) + " " + text.substr(strlen(text.c_str()) + 1));
	}
	static void HostMsg(void *, unsigned, const struct msg *)
	{
	}
	static void Down(void *, unsigned, const char *)
	{
	}
	void SetUp() override
	{
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = 9;
		struct link_handler rh = {this, RunMsg, Down}, hh = {g.get(), HostMsg, Down};
		acted = this;
		ASSERT_EQ(0, link_create(&run, &o, &rh));
		ASSERT_EQ(0, link_create(&g->link, &o, &hh));
		ASSERT_EQ(0, link_join_loop(run, 0, g->link, GUEST_CONTROL));
		g->loop = link_loop(g->link);
		g->epoch = 9;
		guest_works_init(&g->works, g.get());
		g->phase = GUEST_SET_UP;
	}
	void TearDown() override
	{
		char why[DESC_REPORT_MAX];
		guest_happens(g.get(), GUEST_EV_HUNG_UP, why, sizeof(why));
		loop_timer_stop(&g->linger);
		link_destroy(run);
		link_destroy(g->link);
	}
	void Until(const std::function<bool()> &done)
	{
		for (uint64_t end = now_ns() + 20000000000u; !done() && now_ns() < end;) {
			loop_run(g->loop, now_ns() + 10000000);
			loop_run(link_loop(run), 0);
		}
		ASSERT_TRUE(done());
	}
	using Words = std::vector<std::string>;
};

} // namespace

TEST_F(Acted, AStepIsAnsweredWhenItsJobIsDone)
{
	guest_step_ask(g.get(), &step, 5);
	EXPECT_EQ(GUEST_CONNECTING, g->phase);
	Until([&] { return !said.empty(); });
	EXPECT_EQ(Words({"call 5: {}"}), said);
	EXPECT_EQ(Words({"begin", "take"}), did);
	EXPECT_EQ(GUEST_CONNECTED, g->phase);
}

/* From the halt on nobody brings pages of other hosts; the memory of one host stays as it is, for what its disks end.
 */
TEST_F(Acted, AHaltLetsPagesGoThatComeFromOthers)
{
	for (unsigned hosts : {1u, 2u}) {
		g->desc.hosts_n = hosts;
		EXPECT_FALSE(ram_gone(&g->ram));
		guest_halt(g.get());
		EXPECT_EQ(hosts > 1, ram_gone(&g->ram));
	}
}

TEST_F(Acted, WhatElseItNeedsIsWaitedFor)
{
	whole = false;
	guest_step_ask(g.get(), &step, 5);
	Until([&] { return did.size() == 2; });
	EXPECT_EQ(GUEST_CONNECTING, g->phase);
	guest_step_look(g.get());
	EXPECT_EQ(GUEST_CONNECTING, g->phase) << "not yet";
	whole = true;
	guest_step_look(g.get());
	EXPECT_EQ(GUEST_CONNECTED, g->phase);
	Until([&] { return !said.empty(); });
	guest_step_look(g.get()); // it was done already
	EXPECT_EQ(Words({"call 5: {}"}), said);
}

TEST_F(Acted, AStepThatCannotBeginHaltsTheGuest)
{
	begins = -ENOMEM;
	guest_step_ask(g.get(), &step, 6);
	EXPECT_EQ(GUEST_HALTED, g->phase);
	Until([&] { return !said.empty(); });
	EXPECT_EQ(Words({"call 6: it cannot begin"}), said);
}

TEST_F(Acted, SoDoesAJobThatFails)
{
	works = -EIO;
	guest_step_ask(g.get(), &step, 6);
	Until([&] { return !said.empty(); });
	EXPECT_EQ(Words({"call 6: the job cannot be done"}), said);
	EXPECT_EQ(Words({"begin"}), did) << "nothing is taken";
	EXPECT_EQ(GUEST_HALTED, g->phase);
	EXPECT_TRUE(loop_timer_armed(&g->linger)) << "for `pando run` to hang up";
}

TEST_F(Acted, OutOfOrderItIsRefusedAndTheGuestGoesOn)
{
	step.asked = GUEST_EV_RUN;
	guest_step_ask(g.get(), &step, 7);
	Until([&] { return !said.empty(); });
	EXPECT_EQ(Words({"call 7: 'run' came while the guest is set up: expected boot images, then 'connect'"}), said);
	EXPECT_EQ(GUEST_SET_UP, g->phase);
	EXPECT_TRUE(did.empty());
}

/* A job that ends while the guest is halted has made something nobody takes: its undo finds it. */
TEST_F(Acted, AStepUnderWayIsGivenUpAfterTheCauseWasTold)
{
	whole = false;
	guest_step_ask(g.get(), &step, 8);
	guest_fail(g.get(), "the pager cannot go on");
	Until([&] { return said.size() == 2; });
	EXPECT_EQ(Words({"FAILED {\"text\":\"the pager cannot go on\"}",
			 "call 8: the step 'connect' was given up: the guest is halted"}),
		  said);
	EXPECT_FALSE(g->job.running);
	guest_fail(g.get(), "and more"); // is no news
	guest_step_look(g.get());
	loop_run(g->loop, now_ns());
	loop_run(link_loop(run), 0);
	EXPECT_EQ(2u, said.size());
	guest_undo_steps(g.get());
	EXPECT_EQ("undo last", did.back());
}

/* A host that is told to end does not wait for a connection that nobody answers. */
TEST_F(Acted, AJobUnderWayIsToldToEnd)
{
	hangs = true;
	guest_step_ask(g.get(), &step, 8);
	EXPECT_TRUE(g->job.running);
	serve_quit(g.get(), 9, nullptr);
	EXPECT_FALSE(g->job.running);
	Until([&] { return said.size() == 2; });
	EXPECT_EQ(Words({"begin"}), did) << "what it made is not taken";
}

TEST_F(Acted, StepsAreUndoneBackwardsAndOnce)
{
	struct guest_step first = {"first", GUEST_EVENTS, Begin, nullptr, nullptr, nullptr, nullptr, UndoFirst};
	struct guest_step none = {"none", GUEST_EVENTS, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
	char why[DESC_REPORT_MAX];

	EXPECT_EQ(0, guest_step_begin(g.get(), &first, why, sizeof(why)));
	EXPECT_EQ(0, guest_step_begin(g.get(), &none, why, sizeof(why)));
	begins = -EIO; // a step that got nowhere is undone too
	guest_step_ask(g.get(), &step, 9);
	did.clear();
	guest_undo_steps(g.get());
	guest_undo_steps(g.get());
	EXPECT_EQ(Words({"undo last", "undo first"}), did);
}

/* It may power off before the last of its vCPUs was started: both are told. */
TEST_F(Acted, AGuestThatEndsWhileItIsStartedHasStarted)
{
	char why[DESC_REPORT_MAX];

	step.asked = GUEST_EV_RUN;
	g->phase = GUEST_CREATED;
	whole = false;
	guest_step_ask(g.get(), &step, 4);
	Until([&] { return did.size() == 2; });
	EXPECT_EQ(GUEST_MOVES, guest_happens(g.get(), GUEST_EV_DIED, why, sizeof(why)));
	whole = true;
	guest_step_look(g.get());
	Until([&] { return !said.empty(); });
	EXPECT_EQ(Words({"call 4: {}"}), said);
	EXPECT_EQ(GUEST_ENDED, g->phase);
}

TEST_F(Acted, QuitHaltsAndAnswers)
{
	whole = false;
	guest_step_ask(g.get(), &step, 1);
	Until([&] { return did.size() == 2; });
	serve_quit(g.get(), 2, nullptr);
	Until([&] { return said.size() == 2; });
	EXPECT_EQ(Words({"call 1: the step 'connect' was given up: the guest is halted", "call 2: {}"}), said);
	serve_quit(g.get(), 3, nullptr);
	Until([&] { return said.size() == 3; });
	EXPECT_EQ("call 3: {}", said.back()) << "asked twice";
}

/* A run that is stopped reads nothing: what it must hear finds no room behind what the guest has printed. */
TEST_F(Acted, WhereWordOfTheEndHasNoRoomTheSessionEnds)
{
	std::string much(65536, 'x');
	struct msg m = {};
	m.kind = MSG_CTL_CONSOLE;
	m.blob = (const uint8_t *)much.data();
	auto fill = [&] {
		for (uint32_t n : {65536u, 1u}) {
			m.blob_bytes = n;
			while (link_send(g->link, GUEST_CONTROL, &m) == 0)
				;
		}
	};
	g->phase = GUEST_RUNNING;
	fill();
	serve_event(g.get(), HOST_EV_GUEST_PANICKED, nullptr); // is lost, and that is all
	EXPECT_EQ(GUEST_RUNNING, g->phase);
	fill();
	guest_tell(g.get(), HOST_EV_POWEROFF, "it is off");
	EXPECT_EQ(GUEST_OVER, g->phase);
}
