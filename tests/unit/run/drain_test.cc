// SPDX-License-Identifier: Apache-2.0
// A host that is drained, against two hosts that are only acted: what refuses it, the order of what is asked, calling
// it off.
#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/drain.h"
#include "vmm/run/ops_priv.h"
}

namespace
{

struct Drain : VerbsAndMoves {
	struct homes *h = nullptr;
	struct members *ms = nullptr;
	struct drain *d = nullptr;
	struct boards *b = nullptr;
	place_offer offers[HOSTS_MAX] = {{4, 256ull << 20, 0}, {4, 256ull << 20, 0}};
	char why[DESC_REPORT_MAX] = "";

	static void Changed(void *ctx, host_id host, bool joined)
	{
		static_cast<Drain *>(ctx)->said.push_back((joined ? "joined " : "left ") + std::to_string(host));
	}
	void SetUp() override
	{
		ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 80}));
		desc.version = 1; // as it is once anything has come
		VerbsAndMoves::SetUp();
		members_net net = {};
		net.ctx = this;
		net.drop = [](void *, host_id) {};
		net.changed = Changed;
		ms = members_create(v, &desc, &net);
		v->members = ms;
		h = homes_create(v, &desc);
		boards_net bn = {};
		bn.ctx = this;
		bn.send_images = [](void *, host_id, uint64_t bytes[2]) {
			bytes[0] = 1, bytes[1] = 0;
			return true;
		};
		bn.images_left = [](void *, char *, size_t) { return 0; };
		bn.stop_images = [](void *) {};
		bn.hold_keys = [](void *, bool) {};
		bn.drained = [](void *, host_id) { return true; };
		b = boards_create(v, ms, &desc, &bn);
		for (auto &x : hosts)
			x.state = "c0";
		drain_parts p = {v, &desc, h, ms, offers, b};
		d = drain_create(&p);
	}
	void TearDown() override
	{
		VerbsAndMoves::TearDown();
		drain_destroy(d);
		boards_destroy(b);
		homes_destroy(h);
		members_destroy(ms);
	}
	static void DrainDone(void *ctx, const char *error)
	{
		static_cast<Drain *>(ctx)->said.push_back(error ? std::string("error: ") + error : "done");
	}
	int start(host_id host)
	{
		return drain_start(d, host, DrainDone, this, why, sizeof(why));
	}
	Said order() // each verb where it is first asked
	{
		Said out;
		for (auto &x : all)
			if (std::find(out.begin(), out.end(), x) == out.end())
				out.push_back(x);
		return out;
	}
};

TEST_F(Drain, WhatRefusesIt)
{
	desc.devices[0].host = 1;
	EXPECT_EQ(-EBUSY, start(0));
	EXPECT_NE(nullptr, strstr(why, "is on host 1 and not with the board")) << "its board can't go: " << why;
	desc.devices[0].host = 0;
	EXPECT_EQ(-ENOENT, start(2));
	EXPECT_EQ(-ENOENT, start(77));
	offers[0].vcpus = 1;
	EXPECT_EQ(-ENOSPC, start(1));
	EXPECT_STREQ("host 1 runs 1 vCPUs, the other hosts have offered 0 more than they run", why);
	offers[0] = {2, 82ull << 20, 0};
	EXPECT_EQ(-ENOSPC, start(1));
	EXPECT_STREQ(
		"80 MiB of memory have their home on host 1, the other hosts have offered 78 MiB more than they have",
		why);
	offers[0].memory_bytes = 84ull << 20;
	ASSERT_LE(0, desc_add_card(&desc, CARD_RNG, 1, 1, nullptr, why, sizeof(why))) << why;
	EXPECT_EQ(-EBUSY, start(1));
	EXPECT_NE(nullptr, strstr(why, "has devices of the guest, which would be lost: virtio-rng")) << why;
	EXPECT_TRUE(all.empty());
	EXPECT_EQ(-ENOENT, drain_stop(d));
	EXPECT_EQ(MEMBER_IS, members_state(ms, 1));
}

TEST_F(Drain, VcpusThenHomesThenPagesThenItLeaves)
{
	ASSERT_EQ(0, start(1)) << why;
	EXPECT_EQ(-EBUSY, start(1));
	EXPECT_EQ(MEMBER_DRAINING, members_state(ms, 1));
	turns(3000);
	Said o = order();
	auto at = [&o](const char *verb) { return std::find(o.begin(), o.end(), verb) - o.begin(); };
	EXPECT_LT(at("move-commit"), at("homes-prepare"));
	EXPECT_LT(at("homes-finish"), at("host-empty"));
	EXPECT_LT(at("host-empty"), at("host-left"));
	EXPECT_LT(at("host-left"), at("host-leave"));
	EXPECT_LT(at("host-leave"), (long)o.size());
	EXPECT_EQ("done", said.back());
	EXPECT_FALSE(desc_is_member(&desc, 1));
	EXPECT_EQ(42u * 512, desc_host_pages(&desc, 0));
	EXPECT_EQ(DRAIN_NONE, drain_status(d).phase);
}

// The host that everything began on: its board goes first.
TEST_F(Drain, TheFirstHostToo)
{
	ASSERT_EQ(0, start(0)) << why;
	EXPECT_EQ(DRAIN_BOARD, drain_status(d).phase);
	EXPECT_TRUE(until([this] { return over(); }));
	Said o = order();
	auto at = [&o](const char *verb) { return std::find(o.begin(), o.end(), verb) - o.begin(); };
	EXPECT_LT(at("board-moved"), at("move-commit"));
	EXPECT_LT(at("host-leave"), (long)o.size());
	EXPECT_EQ("done", said.back());
	EXPECT_EQ(1u, desc.board);
	EXPECT_FALSE(desc_is_member(&desc, 0));
	EXPECT_EQ(0, desc_check(&desc, why, sizeof(why))) << why;
}

// With cards it stays: the guest's way to all of them is there.
TEST_F(Drain, TheFirstHostHasTheFirstBus)
{
	ASSERT_LE(0, desc_add_card(&desc, CARD_RNG, 1, 1, nullptr, why, sizeof(why))) << why;
	EXPECT_EQ(-EBUSY, start(0));
	EXPECT_NE(nullptr, strstr(why, "PCI bus 0")) << why;
}

// By the names that device_del takes, and with what can be done.
TEST_F(Drain, DevicesAreNamed)
{
	ASSERT_LE(0, desc_add_card(&desc, CARD_RNG, 1, 1, nullptr, why, sizeof(why))) << why;
	ASSERT_LE(0, desc_add_card(&desc, CARD_RNG, 0, 1, nullptr, why, sizeof(why))) << why;
	EXPECT_EQ(-EBUSY, start(1));
	EXPECT_NE(nullptr, strstr(why, ": virtio-rng ")) << why;
	drain_set_names(
		d,
		[](void *x, const struct desc_device *dev, char *name, size_t cap) {
			snprintf(name, cap, "%s%u", (const char *)x, dev->host);
		},
		(void *)"dice");
	EXPECT_EQ(-EBUSY, start(1));
	EXPECT_STREQ("host 1 has devices of the guest, which would be lost: dice1; take them away first (device_del)",
		     why);
	EXPECT_EQ(-EBUSY, start(0));
	EXPECT_NE(nullptr, strstr(why, "dice0; host 0 has PCI bus 0")) << why;
	EXPECT_NE(nullptr, strstr(why, "started without PCI devices")) << why;
	EXPECT_TRUE(all.empty());
}

TEST_F(Drain, ABoardThatStaysIsItsEnd)
{
	hosts[1].refuse = "board-take";
	ASSERT_EQ(0, start(0)) << why;
	ASSERT_TRUE(until([this] { return over(); }));
	EXPECT_EQ("error: host 1: it will not", said.back());
	EXPECT_EQ(MEMBER_IS, members_state(ms, 0));
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "move-commit"));
}

TEST_F(Drain, CalledOffAtTheNextRun)
{
	ASSERT_EQ(0, start(1)) << why;
	for (unsigned i = 0; i < 1000 && std::find(all.begin(), all.end(), "homes-go") == all.end(); i++)
		turns(1);
	EXPECT_EQ(DRAIN_HOMES, drain_status(d).phase);
	EXPECT_EQ(0, drain_stop(d));
	turns(500);
	EXPECT_EQ("error: called off", said.back());
	EXPECT_EQ(18u * 512, desc_host_pages(&desc, 0)); // the first run has moved
	EXPECT_EQ(MEMBER_IS, members_state(ms, 1));
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "host-empty"));
	ASSERT_EQ(0, start(1)) << why; // the rest
	turns(3000);
	EXPECT_EQ("done", said.back());
}

// It keeps pages again where they don't go.
TEST_F(Drain, AHostThatRefusesToBeEmptied)
{
	hosts[0].refuse = "host-left";
	ASSERT_EQ(0, start(1)) << why;
	turns(500);
	EXPECT_EQ("error: host 0: it will not", said.back());
	EXPECT_EQ(2, std::count(all.begin(), all.end(), "host-empty"));
	EXPECT_EQ(MEMBER_IS, members_state(ms, 1));
}

struct DrainLeaves : Drain {
	// Runs until the host has said that it is empty, and nobody has been asked anything since.
	void until_asked(const char *verb)
	{
		for (unsigned i = 0; i < 3000 && std::find(all.begin(), all.end(), verb) == all.end(); i++)
			turns(1);
	}
	Said keeps() // what host 1 was told of its pages
	{
		Said out;
		for (auto &x : hosts[1].verbs)
			if (x.rfind("host-empty", 0) == 0)
				out.push_back(x);
		return out;
	}
	void judge(const char *error)
	{
		turns(500);
		EXPECT_EQ(error, said.back());
		ASSERT_FALSE(keeps().empty());
		EXPECT_EQ("host-empty{\"keep\":true}", keeps().back());
		EXPECT_EQ(MEMBER_IS, members_state(ms, 1));
		EXPECT_EQ(DRAIN_NONE, drain_status(d).phase);
		EXPECT_TRUE(desc_is_member(&desc, 1));
	}
};

TEST_F(DrainLeaves, CalledOffWhenItsLastPageHasGone)
{
	hosts[0].mute = "host-left";
	ASSERT_EQ(0, start(1)) << why;
	until_asked("host-left");
	turns(5);
	ASSERT_EQ(DRAIN_PAGES, drain_status(d).phase);
	EXPECT_EQ(0, drain_stop(d));
	answer(hosts[0], hosts[0].kept, CALL_JSON, "{}"); // nothing is left
	judge("error: called off");
}

TEST_F(DrainLeaves, RefusedAtOnce)
{
	hosts[0].mute = "host-left";
	ASSERT_EQ(0, start(1)) << why;
	until_asked("host-left");
	turns(5);
	ASSERT_EQ(0, members_remove(ms, 1, nullptr, DrainDone, this, why, sizeof(why))) << why; // somebody else's
	answer(hosts[0], hosts[0].kept, CALL_JSON, "{}"); // ... which waits for its own look
	judge("error: host 1 is leaving already");
}

// A vCPU has come there meanwhile: the host says so when it is asked whether it is empty.
TEST_F(DrainLeaves, RefusedByItsOwnLook)
{
	hosts[0].mute = "host-left";
	ASSERT_EQ(0, start(1)) << why;
	until_asked("host-left");
	turns(5);
	answer(hosts[0], hosts[0].kept, CALL_JSON, "{}");
	hosts[0].kept = 0;
	for (unsigned i = 0; i < 500 && !hosts[0].kept; i++)
		turns(1);
	ASSERT_EQ(DRAIN_LEAVING, drain_status(d).phase);
	EXPECT_EQ(-EBUSY, drain_stop(d));
	answer(hosts[0], hosts[0].kept, CALL_JSON, "{\"vcpus\":1}");
	judge("error: host 1 can't leave: as host 0 knows, it has 1 vCPUs (pando move)");
}

// Nothing is put on a host that leaves, neither by plan nor when its turn has come.
TEST_F(Drain, NothingGoesToAHostThatLeaves)
{
	members_set_state(ms, 1, MEMBER_DRAINED);
	homes_piece p = {0, 512, 0, 1};
	EXPECT_EQ(-EBUSY, homes_move(h, &p, 1, nullptr, DrainDone, this, why, sizeof(why)));
	EXPECT_STREQ("host 1 is leaving: it becomes the home of nothing", why);
	members_set_state(ms, 1, MEMBER_IS);
	ASSERT_EQ(0, homes_move(h, &p, 1, nullptr, DrainDone, this, why, sizeof(why)));
	members_set_state(ms, 1, MEMBER_DRAINING);
	turns(100);
	EXPECT_EQ("error: host 1 is leaving: it becomes the home of nothing", said.back());
	EXPECT_TRUE(all.empty());
	members_set_state(ms, 1, MEMBER_IS);
	members_set_state(ms, 0, MEMBER_DRAINING); // as if that could be
	EXPECT_EQ(-ENOSPC, start(1));
	EXPECT_STREQ("host 1 runs 1 vCPUs, the other hosts have offered 0 more than they run", why);
}

} // namespace
