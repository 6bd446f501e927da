// SPDX-License-Identifier: Apache-2.0
// The board moves, against two hosts that are only acted: the order of what is asked, hosts that refuse at each step.
#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/board.h"
#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"
}

namespace
{

struct Boards : VerbsAndMoves {
	struct members *ms = nullptr;
	struct boards *b = nullptr;
	char why[DESC_REPORT_MAX] = "";
	bool kernel = true, kept = false, stopped = false;
	int looks = 3; // until the images have left
	std::string broken_images;

	void SetUp() override
	{
		ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 80}));
		VerbsAndMoves::SetUp();
		members_net none = {};
		ms = members_create(v, &desc, &none);
		v->members = ms;
		boards_net net = {};
		net.ctx = this;
		net.send_images = [](void *x, host_id, uint64_t bytes[2]) {
			bytes[0] = 1000, bytes[1] = 0;
			return ((Boards *)x)->kernel;
		};
		net.images_left = [](void *x, char *to, size_t cap) {
			auto *t = (Boards *)x;
			snprintf(to, cap, "%s", t->broken_images.c_str());
			return t->broken_images.empty() ? --t->looks > 0 : -EIO;
		};
		net.stop_images = [](void *x) { ((Boards *)x)->stopped = true; };
		net.hold_keys = [](void *x, bool hold) { ((Boards *)x)->kept = hold; };
		net.drained = [](void *x, host_id) { return ((Boards *)x)->kept; };
		b = boards_create(v, ms, &desc, &net);
		for (auto &h : hosts)
			h.state = "c0ffee";
	}
	void TearDown() override
	{
		VerbsAndMoves::TearDown();
		boards_destroy(b);
		members_destroy(ms);
	}
	int start(host_id to)
	{
		return call([&] { return boards_move(b, to, Done, this, why, sizeof(why)); });
	}
	void finish()
	{
		EXPECT_TRUE(until([this] { return over(); }));
		turns(40);
	}
	Said of(unsigned host)
	{
		Said out;
		for (auto &x : hosts[host].verbs)
			out.push_back(x.substr(0, x.find('{')));
		return out;
	}
};

TEST_F(Boards, TheOrderOfWhatIsAsked)
{
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"X_PANDO_BOARD_MOVED", "done"}), said);
	EXPECT_EQ((Said{"pause", "freeze", "board-give", "board-moved", "board-lines", "clock", "resume"}), of(0));
	EXPECT_EQ((Said{"board-images", "pause", "freeze", "board-take", "board-moved", "board-lines", "clock",
			"resume", "board-open"}),
		  of(1));
	EXPECT_EQ(1u, desc.board);
	EXPECT_FALSE(kept) << "keys are read again";
	auto has = [&](unsigned h, const char *text) {
		return std::count(hosts[h].verbs.begin(), hosts[h].verbs.end(), text);
	};
	EXPECT_EQ(1, has(1, "board-images{\"kernel\":1000,\"initrd\":0}"));
	EXPECT_EQ(1, has(0, "board-give{\"host\":1}"));
	EXPECT_EQ(1, has(1, "board-take{\"state\":\"c0ffee\"}"));
	EXPECT_EQ(1, has(0, "board-moved{\"version\":1,\"host\":1}"));
	EXPECT_EQ(1, has(1, "board-open{\"alive\":false}"));
}

TEST_F(Boards, WhatRefusesIt)
{
	EXPECT_EQ(-ENOENT, start(2));
	EXPECT_EQ(-EEXIST, start(0));
	EXPECT_TRUE(all.empty());
}

// There are no images: the disk stays where it is, and boots the guest there at a reset.
TEST_F(Boards, OfAGuestThatBootsFromItsDisk)
{
	kernel = false;
	desc.disk_boots = 1;
	ASSERT_LE(0, desc_add_card(&desc, CARD_BLK, 0, 1, "{\"path\":\"/d\"}", why, sizeof(why))) << why;
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"X_PANDO_BOARD_MOVED", "done"}), said);
	EXPECT_EQ(
		(Said{"pause", "freeze", "board-take", "board-moved", "board-lines", "clock", "resume", "board-open"}),
		of(1));
	EXPECT_EQ(1u, desc.board);
	said.clear();
	hosts[1].mute = "reset";
	ASSERT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(40);
	EXPECT_EQ("reset{}", hosts[1].verbs.back());
	EXPECT_EQ(0, std::count(hosts[0].verbs.begin(), hosts[0].verbs.end(), "reset{}")) << "it is the last";
	answer(hosts[1], hosts[1].kept, CALL_JSON, "{}");
	finish();
	EXPECT_EQ((Said{"RESET", "done"}), said);
	EXPECT_EQ(0, mover_host(m, 0)) << "vCPU 0 is where the disk is";
}

TEST_F(Boards, AStoppedGuestStaysStopped)
{
	ASSERT_EQ(0, stop());
	finish();
	all.clear();
	said.clear();
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ(1u, desc.board);
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "resume"));
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "pause"));
}

// Until all are told it goes back to where it was, and the guest goes on.
TEST_F(Boards, ImagesThatCannotBeSent)
{
	broken_images = "the kernel is not what the guest was started with any more";
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"error: " + broken_images}), said);
	EXPECT_TRUE(stopped);
	EXPECT_EQ((Said{"board-images"}), of(1)) << "what has come is dropped";
	EXPECT_EQ(0u, desc.board);
}

// A write to a chip that is still on its way would come to a host that has the chip no more.
TEST_F(Boards, WhatIsStillOnItsWayKeepsIt)
{
	hosts[0].out = 5, hosts[1].in = 5, hosts[1].late = 5000;
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"error: what the hosts have sent each other for the guest has not all arrived"}), said);
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "board-give"));
	EXPECT_EQ(2, std::count(all.begin(), all.end(), "resume"));
	EXPECT_FALSE(kept);
}

TEST_F(Boards, AHostThatDoesNotGive)
{
	hosts[0].refuse = "board-give";
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"error: host 0: it will not"}), said);
	EXPECT_EQ((Said{"pause", "freeze", "board-give", "clock", "resume"}), of(0));
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "board-take"));
	EXPECT_FALSE(kept);
}

TEST_F(Boards, AHostThatDoesNotTake)
{
	hosts[1].refuse = "board-take";
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"error: host 1: it will not"}), said);
	EXPECT_EQ((Said{"pause", "freeze", "board-give", "board-take", "board-lines", "board-open", "clock", "resume"}),
		  of(0))
		<< "keys are taken there again";
	EXPECT_EQ((Said{"board-images", "pause", "freeze", "board-take", "board-give", "board-lines", "clock", "resume",
			"board-images"}),
		  of(1));
	EXPECT_EQ(0u, desc.board);
	EXPECT_EQ(0u, desc.version);
	EXPECT_FALSE(kept);
}

// A press of the button goes to where the board is then, and not to a host that has just given it away.
TEST_F(Boards, AButtonThatIsPressedMeanwhile)
{
	hosts[0].mute = "board-give";
	ASSERT_EQ(0, start(1)) << why;
	ASSERT_TRUE(until([this] { return hosts[0].kept != 0; }));
	EXPECT_EQ(0, call([&] { return ops_powerdown(v, Done, this); }));
	turns(40);
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "powerdown"));
	hosts[0].mute.clear();
	answer(hosts[0], hosts[0].kept, CALL_JSON, "{\"state\":\"c0\",\"alive\":true}");
	EXPECT_TRUE(until([this] { return said.size() == 4; }));
	EXPECT_EQ(1, std::count(hosts[1].verbs.begin(), hosts[1].verbs.end(), "powerdown{}"));
	EXPECT_EQ(1, std::count(hosts[1].verbs.begin(), hosts[1].verbs.end(), "board-open{\"alive\":true}"));
	EXPECT_EQ(0, std::count(hosts[0].verbs.begin(), hosts[0].verbs.end(), "powerdown{}"));
	EXPECT_EQ((Said{"X_PANDO_BOARD_MOVED", "done", "POWERDOWN", "done"}), said);
}

// One that is asked and says nothing may have given it all the same: nobody knows what it was.
TEST_F(Boards, AHostThatIsSilentWhenItIsToGive)
{
	hosts[0].mute = "board-give";
	ASSERT_EQ(0, start(1)) << why;
	ASSERT_TRUE(until([this] { return hosts[0].kept != 0; }));
	fake_clock_forward_ms(40000);
	ASSERT_TRUE(until([this] { return said.size() == 2; }));
	EXPECT_EQ(0u, said[1].find("end: the board is on no host, or hosts do not agree on which")) << said[1];
}

TEST_F(Boards, NobodyGivesWhatIsNotThere)
{
	hosts[0].state = "";
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"error: the board is not where it should be"}), said);
}

TEST_F(Boards, AHostThatDoesNotAgreeEndsTheGuest)
{
	hosts[0].refuse = "board-moved";
	ASSERT_EQ(0, start(1)) << why;
	finish();
	EXPECT_EQ((Said{"error: host 0: it will not",
			"end: the board is on no host, or hosts do not agree on which: host 0: it will not"}),
		  said);
}

// It moves once, and what was asked for meanwhile is judged when its turn has come.
TEST_F(Boards, TwoAtOnce)
{
	ASSERT_EQ(0, start(1)) << why;
	ASSERT_EQ(0, start(1)) << why;
	EXPECT_TRUE(until([this] { return said.size() == 3; }));
	EXPECT_EQ((Said{"X_PANDO_BOARD_MOVED", "done", "error: the board is on host 1 already"}), said);
	ASSERT_EQ(0, start(0)) << why;
	said.clear();
	finish();
	EXPECT_EQ("done", said.back());
	EXPECT_EQ(0u, desc.board);
}

// vCPU 0 goes to where the board is, whose host resets last.
TEST_F(Boards, AResetIsTheBoards)
{
	ASSERT_EQ(0, start(1)) << why;
	finish();
	all.clear();
	for (auto &h : hosts)
		h.verbs.clear();
	EXPECT_EQ(0, call([&] { return ops_reset(v, nullptr, nullptr); }));
	EXPECT_TRUE(until([this] { return std::count(all.begin(), all.end(), "resume") == 2; }));
	size_t first = at("reset");
	EXPECT_LT(at("move-commit"), first) << "vCPU 0 was on host 0";
	EXPECT_EQ(1, mover_host(m, 0));
	ASSERT_EQ(2, std::count(all.begin(), all.end(), "reset"));
}

} // namespace
