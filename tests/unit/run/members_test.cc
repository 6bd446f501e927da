// SPDX-License-Identifier: Apache-2.0
// Hosts that join and leave, against hosts that are only acted: what is asked in which order, and what is left of what
// fails, wherever it fails.
#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"
}

namespace
{

struct Join : VerbsAndMoves {
	struct members *ms = nullptr;
	HostEnd third;
	host_id host = HOST_NONE;
	char why[DESC_REPORT_MAX] = "";
	std::string dial_fails, ends_at; // the third host ends when it is asked that
	bool offers = true, sets_up = true;
	bool gone = false; // its control session has ended

	static int Dial(void *ctx, host_id h, const char *)
	{
		auto *t = static_cast<Join *>(ctx);
		t->all.push_back("dial");
		t->host = h;
		return t->dial_fails == "at once" ? -EAGAIN : 0;
	}
	static void SetUp_(void *ctx, host_id h, const struct machine_desc *d)
	{
		auto *t = static_cast<Join *>(ctx);
		t->all.push_back("set-up");
		EXPECT_TRUE(desc_is_member(d, h));
		EXPECT_EQ(t->desc.version + 1, d->version);
		t->described = *d;
	}
	static void Drop(void *ctx, host_id h)
	{
		auto *t = static_cast<Join *>(ctx);
		t->all.push_back("drop");
		link_remove(t->run, h);
	}
	static void Changed(void *ctx, host_id h, bool joined)
	{
		auto *t = static_cast<Join *>(ctx);
		t->said.push_back((joined ? "joined " : "left ") + std::to_string(h));
	}
	static void Lost(void *ctx, host_id h, const char *reason)
	{
		static_cast<Join *>(ctx)->said.push_back("lost " + std::to_string(h) + ": " + reason);
	}
	machine_desc described = {};

	void SetUp() override
	{
		struct desc_node *last = &desc.nodes[desc.nodes_n - 1];
		struct desc_node more = {0, last->first + last->pages_max, 0};
		for (unsigned i = 0; i < 2; i++)
			desc.nodes[desc.nodes_n++] = more;
		VerbsAndMoves::SetUp();
		struct members_net net = {this, Dial, SetUp_, Drop, Changed, Lost};
		ms = members_create(v, &desc, &net);
		v->members = ms;
		third.t = this;
		third.number = 2;
		struct link_options o = {};
		o.transport = "loop";
		o.epoch = desc.epoch;
		struct link_handler hh = {&third, HostMsg, Down};
		ASSERT_EQ(0, link_create(&third.link, &o, &hh));
		ASSERT_EQ(0, link_join_loop(run, 2, third.link, 0));
	}
	void TearDown() override
	{
		VerbsAndMoves::TearDown();
		members_destroy(ms);
		link_destroy(third.link);
	}
	/* The hosts and the run process have their turns; what the third does by itself is done between. */
	void rounds(unsigned n = 60)
	{
		for (; n; n--) {
			size_t verbs = all.size();
			loop_run(link_loop(third.link), now_ns());
			turns(1);
			for (size_t i = verbs; i < all.size(); i++)
				react(all[i]);
		}
	}
	void react(const std::string &what)
	{
		if (what == ends_at && !gone)
			end_of_it();
		else if (what == "dial" && !gone)
			members_dialled(ms, host, dial_fails.empty() ? nullptr : dial_fails.c_str());
		else if (what == "set-up" && sets_up && !gone)
			members_ready(ms, host);
		if (what == "dial" && offers && !gone)
			members_offer(ms, host);
	}
	void end_of_it()
	{
		gone = true;
		link_remove(run, 2);
		if (members_failed(ms, host, "its session has ended") || members_let_go(ms, host))
			calls_on_down(&calls, host);
		else
			said.push_back("a lost host");
	}
	int add(const char *address = "c:1", uint32_t cpus = 0)
	{
		struct members_wish w = {address, cpus, 0};
		return call([&] { return members_add(ms, &w, &host, Done, this, why, sizeof(why)); });
	}
	int remove(host_id h)
	{
		return call([&] { return members_remove(ms, h, nullptr, Done, this, why, sizeof(why)); });
	}
	unsigned count(const std::string &what)
	{
		return (unsigned)std::count(all.begin(), all.end(), what);
	}
	void joined()
	{
		ASSERT_EQ(0, add()) << why;
		rounds();
		ASSERT_EQ(Said({"joined 2", "done"}), said);
		all.clear();
		said.clear();
	}
};

TEST_F(Join, AHostIsCalledSetUpAndKnownToAllBeforeItIsAMember)
{
	ASSERT_EQ(0, add()) << why;
	EXPECT_EQ(MEMBER_JOINING, members_state(ms, 2));
	EXPECT_STREQ("c:1", members_address(ms, 2));
	rounds();
	EXPECT_EQ(Said({"joined 2", "done"}), said);
	EXPECT_EQ(Said({"dial", "host-expect", "host-expect", "set-up", "connect", "create", "traits", "traits",
			"host-place", "run", "host-ready", "host-ready", "host-ready", "host-join", "host-join"}),
		  all);
	EXPECT_EQ(0x7u, desc_all_hosts(&desc));
	EXPECT_EQ(1u, desc.version);
	EXPECT_EQ(MEMBER_IS, members_state(ms, 2));
	EXPECT_EQ(desc_all_hosts(&desc), desc_all_hosts(&described)) << "as it was told";
	EXPECT_EQ(0, move(1, 2)) << "it can take a vCPU";
}

TEST_F(Join, ItLearnsWhereVcpusAreAndWhatTheClockHasLost)
{
	EXPECT_EQ(0, move(1, 0));
	rounds();
	EXPECT_EQ(0, stop());
	rounds();
	hosts[0].clock = hosts[1].clock = 500;
	EXPECT_EQ(0, cont());
	rounds();
	ASSERT_EQ(0, add()) << why;
	rounds();
	EXPECT_EQ(0u, described.vcpus[1].host) << "not where it started";
	bool told = false;
	for (auto &x : third.verbs)
		told |= x == "host-place{\"placement\":1,\"held\":500}" ||
			x == "host-place{\"held\":500,\"placement\":1}";
	EXPECT_TRUE(told) << third.verbs.size();
}

/* Whatever fails before the last word leaves no trace: members forget, the host is free, the guest goes on. */
TEST_F(Join, WhereverAHostEndsBeforeItIsAMemberNothingIsLeft)
{
	for (const char *at :
	     {"dial", "host-expect", "set-up", "connect", "create", "traits", "host-place", "run", "host-ready"}) {
		TearDown();
		v = nullptr;
		desc = sample_desc(2, 1, kMib);
		all.clear();
		said.clear();
		gone = false;
		SetUp();
		ends_at = at;
		if (std::string(at) == "host-ready") // before they have said that it can be reached
			hosts[1].mute = at;
		ASSERT_EQ(0, add()) << why;
		rounds();
		if (std::string(at) == "dial")
			members_dialled(ms, 2, "it does not answer");
		else if (std::string(at) == "host-ready")
			unmute(hosts[1]);
		rounds();
		ASSERT_EQ(1u, said.size()) << at;
		EXPECT_EQ(0u, said[0].find("error: ")) << at << ": " << said[0];
		EXPECT_EQ(0u, count("host-join")) << at;
		EXPECT_EQ(1u, count("drop")) << at;
		EXPECT_EQ(count("host-expect"), count("host-forget")) << at;
		EXPECT_EQ(0u, desc.version) << at;
		EXPECT_EQ(0x3u, desc_all_hosts(&desc)) << at;
		EXPECT_EQ(MEMBER_NONE, members_state(ms, 2)) << at;
		EXPECT_EQ(0, stop()) << at;
		rounds();
		EXPECT_EQ("done", said.back()) << "the queue goes on: " << at;
	}
}

/* The step that would wait for its offer is the last that looks at it. */
TEST_F(Join, OneThatEndsWhileItAnswersIsDropped)
{
	ends_at = "dial";
	ASSERT_EQ(0, add()) << why;
	rounds();
	members_dialled(ms, 2, nullptr);
	rounds();
	EXPECT_EQ(Said({"error: its session has ended"}), said);
	EXPECT_EQ(1u, count("drop"));
	EXPECT_EQ(0u, count("host-expect"));
	EXPECT_EQ(MEMBER_NONE, members_state(ms, 2));
}

TEST_F(Join, WhatAHostOrAMemberRefusesLeavesNothing)
{
	struct {
		HostEnd *of;
		const char *verb;
	} cases[] = {{&third, "connect"},    {&third, "create"},        {&third, "traits"},
		     {&third, "host-place"}, {&third, "run"},           {&hosts[1], "host-expect"},
		     {&hosts[0], "traits"},  {&hosts[0], "host-ready"}, {&third, "host-ready"}};
	for (auto &c : cases) {
		all.clear();
		said.clear();
		c.of->refuse = c.verb;
		ASSERT_EQ(0, add()) << why;
		rounds();
		ASSERT_EQ(1u, said.size()) << c.verb;
		EXPECT_NE(std::string::npos, said[0].find("it will not")) << said[0];
		EXPECT_EQ(2u, count("host-forget")) << c.verb;
		EXPECT_EQ(1u, count("drop")) << c.verb;
		EXPECT_EQ(0u, desc.version) << c.verb;
		c.of->refuse.clear();
		link_remove(third.link, 0);
		ASSERT_EQ(0, link_join_loop(run, 2, third.link, 0));
	}
}

/* All members could reach it a moment ago: they may not have heard yet that it has ended. */
TEST_F(Join, OneThatDoesNotSayThatItIsReadyIsNotTakenIn)
{
	third.mute = "host-ready";
	ASSERT_EQ(0, add()) << why;
	rounds();
	EXPECT_EQ(0u, count("host-join")) << "both members are ready, and it has not said so";
	end_of_it();
	rounds();
	EXPECT_EQ(Said({"error: its session has ended"}), said);
	EXPECT_EQ(0u, count("host-join"));
	EXPECT_EQ(2u, count("host-forget"));
	EXPECT_EQ(1u, count("drop"));
	EXPECT_EQ(0x3u, desc_all_hosts(&desc));
	EXPECT_EQ(0, stop()) << "the guest goes on";
}

/* From the last word on it is a host like others. */
TEST_F(Join, OneThatEndsWhileAllAreToldIsALostHost)
{
	ends_at = hosts[1].mute = "host-join";
	ASSERT_EQ(0, add()) << why;
	rounds();
	unmute(hosts[1]);
	rounds();
	ASSERT_EQ(3u, said.size());
	EXPECT_EQ("joined 2", said[0]);
	EXPECT_EQ("lost 2: its session has ended", said[1]);
	EXPECT_EQ(0u, count("host-forget"));
}

TEST_F(Join, MembersThatDoNotAgreeEndTheGuest)
{
	hosts[1].refuse = "host-join";
	ASSERT_EQ(0, add()) << why;
	rounds();
	ASSERT_FALSE(said.empty());
	EXPECT_EQ("end: the hosts do not agree on who belongs to the guest: host 1: it will not", said.back());
}

TEST_F(Join, ASilentHostIsWaitedForAsLongAsSaid)
{
	offers = false;
	ASSERT_EQ(0, add()) << why;
	rounds();
	EXPECT_TRUE(said.empty());
	fake_clock_forward_ms(6000);
	rounds();
	EXPECT_EQ(Said({"error: c:1 did not make its offer in time"}), said);
	EXPECT_EQ(1u, count("drop"));
}

TEST_F(Join, TwoAtOnceHaveTheirTurnsAndTheirOwnPlaces)
{
	ASSERT_EQ(0, add("c:1")) << why;
	EXPECT_EQ(2, host);
	EXPECT_EQ(-EEXIST, add("c:1"));
	ASSERT_EQ(0, add("d:1")) << why;
	EXPECT_EQ(3, host);
	EXPECT_EQ(-ENOSPC, add("e:1"));
	EXPECT_NE(nullptr, strstr(why, "--max-hosts")) << why;
	EXPECT_EQ(0xcu, members_joining(ms));
}

TEST_F(Join, AStoppedGuestIsJoinedByNobody)
{
	EXPECT_EQ(0, stop());
	rounds();
	said.clear();
	ASSERT_EQ(0, add()) << why;
	rounds();
	ASSERT_EQ(1u, said.size());
	EXPECT_NE(std::string::npos, said[0].find("the guest is stopped")) << said[0];
	EXPECT_EQ(1u, count("drop"));
}

TEST_F(Join, WhatIsNotWantedAnyMoreIsGivenUp)
{
	offers = false;
	ASSERT_EQ(0, add()) << why;
	rounds();
	EXPECT_EQ(0, members_remove(ms, 2, nullptr, Done, this, why, sizeof(why)));
	rounds();
	EXPECT_EQ(Said({"error: it is not wanted any more", "done"}), said);
	EXPECT_EQ(1u, count("drop"));
	EXPECT_EQ(MEMBER_NONE, members_state(ms, 2));
}

TEST_F(Join, MoreVcpusNeedSomebodyWhoCanGiveThem)
{
	EXPECT_EQ(-ENOTSUP, add("c:1", 2));
	members_set_grow(
		ms,
		[](void *ctx, host_id h, uint32_t cpus, uint64_t, ops_done done, void *done_ctx, char *, size_t) {
			static_cast<Join *>(ctx)->said.push_back("grow " + std::to_string(h) + " " +
								 std::to_string(cpus));
			done(done_ctx, "the guest has no room");
			return 0;
		},
		this);
	EXPECT_EQ(-EINVAL, add("c:1", 2));
	EXPECT_NE(nullptr, strstr(why, "--max-cpus")) << "before anything is done: " << why;
	EXPECT_EQ(Said(), all);
	desc.room = 1;
	EXPECT_NE(0, add("c:1", 2)) << "no node has room for two";
	EXPECT_EQ(Said(), all);
	desc.nodes[2].vcpus_max = 2;
	desc.apic_bits = 1;
	for (uint32_t i = 0; i < 2; i++) {
		desc.vcpus[i].apic_id = i << 1;
		desc.vcpus[desc.vcpus_n++] = {4 | i, HOST_NONE};
	}
	ASSERT_EQ(0, add("c:1", 2)) << why;
	rounds();
	EXPECT_EQ(Said({"joined 2", "grow 2 2",
			"error: host 2 is a member, and gives not all of it yet: the guest has no room"}),
		  said);
	EXPECT_EQ(0x7u, desc_all_hosts(&desc));
}

TEST_F(Join, OneLeavesWhenAllHaveSaidThatNothingIsThere)
{
	joined();
	third.out = 5;
	third.in = 3;
	hosts[0].out = 1;
	hosts[0].in = 3;
	ASSERT_EQ(0, remove(2)) << why;
	rounds();
	EXPECT_EQ(Said({"left 2", "done"}), said);
	EXPECT_EQ(0x3u, desc_all_hosts(&desc));
	EXPECT_EQ(2u, desc.version);
	EXPECT_EQ(2u, count("host-leave"));
	EXPECT_EQ(3u, count("host-apart"));
	EXPECT_LT(at("host-left"), at("host-empty"));
	EXPECT_LT(at("freeze"), at("host-apart"));
	EXPECT_LT(at("host-apart"), at("host-gone"));
	EXPECT_LT(at("host-gone"), at("host-leave"));
	EXPECT_LT(at("host-leave"), at("quit"));
	EXPECT_LT(at("resume"), at("quit")) << "nobody waits for it";
	EXPECT_EQ(MEMBER_NONE, members_state(ms, 2));
	said.clear();
	EXPECT_EQ(0, stop()); // what it had sent and got is still counted
	rounds();
	EXPECT_EQ(Said({"STOP", "done"}), said);
}

/* From when all have been told that its loss is nobody's it may go when it likes. */
TEST_F(Join, OneThatLeavesMayEndAsSoonAsAllHaveBeenTold)
{
	for (const char *at : {"host-apart", "host-gone", "host-leave", "resume", "quit"}) {
		TearDown();
		v = nullptr;
		desc = sample_desc(2, 1, kMib);
		all.clear();
		said.clear();
		gone = false;
		ends_at.clear();
		SetUp();
		joined();
		HostEnd &slow = std::string(at) == "quit" ? third : hosts[1];
		ends_at = slow.mute = at;
		ASSERT_EQ(0, remove(2)) << why;
		rounds();
		if (std::string(at) != "quit")
			unmute(hosts[1]);
		rounds();
		EXPECT_EQ(Said({"left 2", "done"}), said) << at;
		EXPECT_EQ(0x3u, desc_all_hosts(&desc)) << at;
		slow.mute.clear();
	}
}

TEST_F(Join, NothingIsPutOnAHostThatLeaves)
{
	joined();
	EXPECT_FALSE(members_cordoned(ms, 2));
	hosts[1].mute = "host-left";
	ASSERT_EQ(0, remove(2)) << why;
	EXPECT_TRUE(members_cordoned(ms, 2));
	EXPECT_EQ(-EBUSY, remove(2));
	rounds();
	hosts[1].mute.clear();
	answer(hosts[1], hosts[1].kept, CALL_ERROR, "not now");
	rounds();
	EXPECT_EQ(Said({"error: host 1: not now"}), said);
	EXPECT_FALSE(members_cordoned(ms, 2));
	EXPECT_EQ(0x7u, desc_all_hosts(&desc));
}

TEST_F(Join, APlaceIsFreeWhenItsLastHostHasBeenToldToStop)
{
	joined();
	third.mute = "quit";
	ASSERT_EQ(0, remove(2)) << why;
	rounds();
	EXPECT_EQ(Said({"left 2"}), said);
	ASSERT_EQ(0, add("d:1")) << why;
	EXPECT_EQ(3, host);
}

TEST_F(Join, NobodyLeavesWithAVcpuOrTwice)
{
	joined();
	EXPECT_EQ(0, move(1, 2));
	rounds();
	EXPECT_EQ(-EBUSY, remove(0));
	EXPECT_EQ(-ENOENT, remove(3));
	/* The acted hosts say that nothing is there: this process knows better. */
	ASSERT_EQ(0, remove(2)) << why;
	ASSERT_EQ(0, remove(1)) << why;
	rounds();
	EXPECT_EQ(
		Said({"error: host 2 runs 1 vCPUs", "error: host 1 has the directory of 2 MiB of the guest's memory"}),
		said);
	EXPECT_EQ(0x7u, desc_all_hosts(&desc));
}

} // namespace
