// SPDX-License-Identifier: Apache-2.0
// The queue of operations: who runs beside whom, and that all have their turn.
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/run/fake_clock.h"

extern "C" {
#include "net/now.h"
#include "vmm/run/op.h"
}

namespace
{

struct Op : testing::Test {
	struct One {
		struct op op = {};
		Op *t;
		std::function<void()> at_begin; // empty: it goes on until the test ends it
	};
	struct loop *loop = nullptr;
	struct op_queue q = {};
	std::vector<std::unique_ptr<One>> all;
	std::vector<std::string> said;
	bool inside = false;

	void SetUp() override
	{
		struct loop_options o = {};
		o.waits = "poll";
		ASSERT_EQ(0, loop_create(&loop, &o));
		op_queue_init(&q, loop, OP_ALL);
	}
	void TearDown() override
	{
		op_queue_empty(&q);
		loop_destroy(loop);
		fake_clock_back();
	}
	static void Begin(struct op *op)
	{
		auto *one = (One *)op;
		EXPECT_FALSE(one->t->inside);
		one->t->said.push_back("+" + std::string(op->name));
		if (one->at_begin)
			one->at_begin();
	}
	static void Over(struct op *op, const char *error)
	{
		auto *one = (One *)op;
		one->t->said.push_back("-" + std::string(op->name) + (error ? std::string(": ") + error : ""));
	}
	One *make(const std::string &name, enum op_class cls)
	{
		all.emplace_back(new One);
		One *one = all.back().get();
		one->t = this;
		snprintf(one->op.name, sizeof(one->op.name), "%s", name.c_str());
		one->op.cls = cls;
		one->op.ms = 1000;
		one->op.begin = Begin;
		one->op.over = Over;
		return one;
	}
	One *add(const std::string &name, enum op_class cls)
	{
		One *one = make(name, cls);
		inside = true;
		EXPECT_EQ(0, op_add(&q, &one->op));
		inside = false;
		return one;
	}
	std::vector<std::string> turn()
	{
		loop_run(loop, now_ns());
		auto out = said;
		said.clear();
		return out;
	}
	using Said = std::vector<std::string>;
};

// The table of op.h.
TEST_F(Op, EachClassWaitsForThoseItIsNotBeside)
{
	const bool waits[OP_CLASSES][OP_CLASSES] = {{true, false, true, false, false},
						    {false, false, true, false, false},
						    {true, true, true, false, false},
						    {false, false, false, true, false},
						    {false, false, false, false, false}};

	for (int first = 0; first < OP_CLASSES; first++)
		for (int second = 0; second < OP_CLASSES; second++) {
			One *a = add("a", (enum op_class)first), *b = add("b", (enum op_class)second);
			EXPECT_EQ((waits[second][first] ? Said{"+a"} : Said{"+a", "+b"}), turn())
				<< first << " then " << second;
			op_end(&a->op);
			turn();
			op_end(&b->op);
			EXPECT_EQ((Said{"-b"}), turn());
		}
}

TEST_F(Op, WhoCameFirstIsFirstAndNobodyIsOvertakenByWhomHeWaitsFor)
{
	One *still = add("still", OP_STILL);
	turn();
	add("move", OP_MOVE);
	One *later = add("later", OP_STILL); // could run beside the first, but then moves might wait for ever
	One *trace = add("trace", OP_TRACE);
	EXPECT_EQ((Said{"+trace"}), turn());
	op_end(&trace->op);
	op_end(&still->op);
	EXPECT_EQ((Said{"-trace", "-still", "+move"}), turn());
	op_end(&all[1]->op);
	EXPECT_EQ((Said{"-move", "+later"}), turn());
	op_end(&later->op);
}

TEST_F(Op, AnythingAskedForWhileAnotherEndsComesAfterThoseThatWait)
{
	One *a = add("a", OP_MOVE);
	a->at_begin = [&] {
		add("c", OP_MOVE);
		op_end(&a->op);
	};
	One *b = add("b", OP_MOVE);
	b->at_begin = [&] { op_end(&b->op); };
	EXPECT_EQ((Said{"+a", "-a", "+b", "-b", "+c"}), turn());
}

TEST_F(Op, AStepThatIsOneItselfComesFirstAndWaitsForWhatIsUnderWay)
{
	One *reset = add("reset", OP_EXCLUSIVE), *look = add("look", OP_STILL);
	add("move", OP_MOVE);
	EXPECT_EQ((Said{"+reset", "+look"}), turn());
	One *home = make("home", OP_MOVE);
	ASSERT_EQ(0, op_add_inside(&reset->op, &home->op));
	add("another look", OP_STILL);
	EXPECT_EQ(Said{}, turn());
	op_end(&look->op);
	EXPECT_EQ((Said{"-look", "+home"}), turn());
	op_end(&home->op);
	EXPECT_EQ((Said{"-home"}), turn()); // the look waits for the move, which waits for the reset
	op_end(&reset->op);
	EXPECT_EQ((Said{"-reset", "+move"}), turn());
}

/* Two steps of others come at once, the latter first in the queue; it waits for the whole of which the former is part.
 */
TEST_F(Op, AStepDoesNotWaitForWhoWaitsForWhatItIsAStepOf)
{
	One *add_one = add("add", OP_FREE), *reset = add("reset", OP_EXCLUSIVE);
	EXPECT_EQ((Said{"+add", "+reset"}), turn());
	One *removal = make("removal", OP_FREE);
	ASSERT_EQ(0, op_add_inside(&reset->op, &removal->op));
	EXPECT_EQ((Said{"+removal"}), turn());
	One *unplug = make("unplug", OP_EXCLUSIVE), *plug = make("plug", OP_EXCLUSIVE);
	ASSERT_EQ(0, op_add_inside(&removal->op, &unplug->op));
	ASSERT_EQ(0, op_add_inside(&add_one->op, &plug->op));
	EXPECT_EQ((Said{"+unplug"}), turn());
	op_end(&unplug->op);
	op_end(&removal->op);
	EXPECT_EQ((Said{"-unplug", "-removal"}), turn()) << "the other one waits";
	op_end(&reset->op);
	EXPECT_EQ((Said{"-reset", "+plug"}), turn());
	op_end(&plug->op);
	op_end(&add_one->op);
}

TEST_F(Op, WhatIsNotServedWaitsUntilItIsOrIsOver)
{
	op_queue_serve(&q, 1u << OP_TRACE, false);
	add("reset", OP_EXCLUSIVE);
	add("trace", OP_TRACE);
	EXPECT_EQ((Said{"+trace"}), turn());
	op_queue_serve(&q, OP_ALL, false);
	EXPECT_EQ((Said{"+reset"}), turn());
	add("move", OP_MOVE);
	op_queue_serve(&q, 1u << OP_TRACE, true);
	EXPECT_EQ((Said{"-move: the guest is over"}), turn()); // what is under way ends by itself
	EXPECT_EQ(-ESHUTDOWN, op_add(&q, &make("stop", OP_EXCLUSIVE)->op));
	op_end(&all[1]->op);
	add("last trace", OP_TRACE);
	EXPECT_EQ((Said{"-trace", "+last trace"}), turn());
	op_queue_empty(&q);
	EXPECT_EQ((Said{"-reset: the guest is over", "-last trace: the guest is over"}), said);
}

TEST_F(Op, ThereIsRoomForSomeOfEachClass)
{
	for (unsigned i = 0; i < OP_ROOM; i++)
		add("move", OP_MOVE);
	EXPECT_EQ(-ENOSPC, op_add(&q, &make("move", OP_MOVE)->op));
	op_queue_empty(&q);
	op_queue_serve(&q, OP_ALL, false);
	One *reset = add("reset", OP_EXCLUSIVE);
	turn();
	for (unsigned i = 0; i < OP_ROOM; i++)
		add("move", OP_MOVE);
	One *home = make("home", OP_MOVE); // a step is no client's wish
	ASSERT_EQ(0, op_add_inside(&reset->op, &home->op));
	EXPECT_EQ((Said{"+home"}), turn());
	op_end(&home->op);
	op_end(&reset->op);
}

TEST_F(Op, TheFirstReasonIsTheOneThatIsTold)
{
	One *a = add("a", OP_FREE);
	turn();
	op_say(&a->op, "the %s", "cause");
	op_say(&a->op, "what came of it");
	op_end(&a->op);
	EXPECT_EQ((Said{"-a: the cause"}), said);
}

TEST_F(Op, ItsTimeRunsFromItsTurnOn)
{
	One *a = add("a", OP_EXCLUSIVE), *b = add("b", OP_EXCLUSIVE);
	turn();
	EXPECT_LE(op_left_ms(&a->op, 5000), 1000u);
	EXPECT_GT(op_left_ms(&a->op, 5000), 500u);
	EXPECT_EQ(10u, op_left_ms(&a->op, 10));
	fake_clock_forward_ms(1000);
	EXPECT_EQ(0u, op_left_ms(&a->op, 5000));
	op_more_time(&a->op, 60000);
	EXPECT_EQ(5000u, op_left_ms(&a->op, 5000));
	op_end(&a->op);
	turn();
	EXPECT_GT(op_left_ms(&b->op, 5000), 500u);
	One *home = make("home", OP_MOVE); // a step has no more than the whole
	home->op.ms = 1000000;
	ASSERT_EQ(0, op_add_inside(&b->op, &home->op));
	turn();
	EXPECT_LE(op_left_ms(&home->op, 100000), 1000u);
	op_end(&home->op);
}

TEST_F(Op, ATurnThatDoesNotComeIsWaitedForOnlySoLong)
{
	add("dump", OP_EXCLUSIVE);
	add("stop", OP_EXCLUSIVE);
	add("cont", OP_EXCLUSIVE);
	EXPECT_EQ((Said{"+dump"}), turn());
	fake_clock_forward_ms(OP_TURN_MS + 1);
	EXPECT_EQ((Said{"-stop: stop: it did not have its turn in time: dump is under way",
			"-cont: cont: it did not have its turn in time: dump is under way"}),
		  turn());
	op_end(&all[0]->op);
	add("next", OP_MOVE);
	EXPECT_EQ((Said{"-dump", "+next"}), turn());
}

// Whatever is asked in whatever order: all come to an end, and at no time do two run that must not.
TEST_F(Op, AnyOrderComesToItsEnd)
{
	std::mt19937 draw(1);

	for (int run = 0; run < 200; run++) {
		std::vector<One *> here;
		unsigned left = 40;
		while (left || q.first) {
			if (left && draw() % 2 && --left + 1) {
				One *one = make("x", (enum op_class)(draw() % OP_CLASSES));
				if (op_add(&q, &one->op) == 0)
					here.push_back(one);
			}
			loop_run(loop, now_ns());
			unsigned n[OP_CLASSES] = {};
			std::vector<struct op *> under_way;
			for (struct op *o = q.first; o; o = o->next)
				if (o->under_way) {
					n[o->cls]++;
					under_way.push_back(o);
				}
			ASSERT_LE(n[OP_EXCLUSIVE], 1u);
			ASSERT_LE(n[OP_MOVE], 1u);
			ASSERT_LE(n[OP_TRACE], 1u);
			ASSERT_TRUE(!n[OP_MOVE] || !(n[OP_STILL] + n[OP_EXCLUSIVE]));
			ASSERT_TRUE(!q.first || !under_way.empty());
			if (!under_way.empty() && (draw() % 2 || !left))
				op_end(under_way[draw() % under_way.size()]);
		}
		said.clear();
		all.clear();
	}
}

} // namespace
