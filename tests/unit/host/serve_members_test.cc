// SPDX-License-Identifier: Apache-2.0
// Another host that joins and leaves, as a member is asked about it, in order and out of it. The other one is only
// acted.
#include "tests/unit/host/one_guest.h"

namespace
{
struct ServeMembers : Guest {
	struct link *other = nullptr; // the host that joins
	unsigned heard = 0;           // pings of the member
	bool other_down = false;

	static void OtherMsg(void *ctx, unsigned peer, const struct msg *m)
	{
		auto *t = static_cast<ServeMembers *>(ctx);
		struct msg pong = {};
		t->heard += m->kind == MSG_PING;
		pong.kind = MSG_PONG;
		pong.u.pong.t_sent = m->u.ping.t_sent;
		pong.u.pong.tsc_khz = 1000000;
		if (m->kind == MSG_PING)
			link_send(t->other, peer, &pong);
	}
	static void OtherDown(void *ctx, unsigned, const char *)
	{
		static_cast<ServeMembers *>(ctx)->other_down = true;
	}
	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK))
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
		desc_room room = {0, 0, 3};
		*desc = sample_desc(1, 1, 2);
		ASSERT_EQ("", sample_layout(desc.get(), {1}, {2}, room));
		Guest::SetUp();
		SetUpGuest();
		std::string first = Next();
		if (first != ready)
			GTEST_SKIP() << "SKIP: " << first;
		EXPECT_EQ("{}", say("connect", "{}"));
		EXPECT_EQ("{}", say("create", "{}"));
		link_options o = {};
		o.transport = "uring";
		o.epoch = desc->epoch;
		o.loop = loop;
		struct link_handler h = {this, OtherMsg, OtherDown};
		ASSERT_EQ(0, link_create(&other, &o, &h));
	}
	void TearDown() override
	{
		if (other)
			link_destroy(other);
		Guest::TearDown();
	}
	std::string say(const char *verb, const std::string &args)
	{
		Call(verb, args.c_str());
		std::string got = Next(), mine = std::to_string(calls) + ": ";
		EXPECT_EQ(0u, got.rfind(mine, 0)) << got;
		return got.substr(std::min(got.size(), mine.size()));
	}
	static std::string about(unsigned host, const std::string &more = "")
	{
		return "{\"host\":" + std::to_string(host) + more + "}";
	}
	std::string expect(unsigned host, unsigned version, const char *address = "b:1")
	{
		return say("host-expect", about(host, std::string(",\"address\":\"") + address +
							      "\",\"version\":" + std::to_string(version)));
	}
	/* The other one calls as that host. False: it is not taken in. */
	bool call_as(unsigned host)
	{
		int pair[2];
		listener_session s = {};

		EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		s.fd = pair[1];
		s.hello.role = SESSION_PEER;
		s.hello.arg = host;
		s.hello.epoch = desc->epoch;
		heard = 0;
		other_down = false;
		EXPECT_EQ(0, link_add_fd(other, 0, pair[0]));
		listener_put_back(&l, &s);
		Until([&] { return heard || other_down; });
		return !other_down;
	}
	bool ready_for(unsigned host)
	{
		std::string got;
		for (int i = 0; i < 200 && got != "{}"; i++) {
			got = say("host-ready", about(host));
			if (got != "{}")
				loop_run(loop, now_ns() + 10000000);
		}
		return got == "{}";
	}
};

TEST_F(ServeMembers, OneIsExpectedCallsJoinsAndLeavesAndThePlaceIsUsedAgain)
{
	for (unsigned round = 0, version = 0; round < 3; round++) {
		EXPECT_EQ("{}", expect(2, version + 1));
		EXPECT_EQ("host 0 has no session with host 2", say("host-ready", about(2)));
		ASSERT_TRUE(call_as(2));
		EXPECT_TRUE(ready_for(2));
		EXPECT_EQ("{}", say("host-join", about(2, ",\"version\":" + std::to_string(++version))));
		EXPECT_EQ("host 2 is a member", say("host-forget", about(2)));
		EXPECT_EQ("{\"vcpus\":0,\"devices\":0,\"homed-pages\":0,\"resident-pages\":0,\"owned-pages\":0,"
			  "\"lent-pages\":0,\"requests\":0}",
			  say("host-left", about(2)));
		EXPECT_EQ("{}", say("host-apart", about(2, ",\"apart\":true")));
		EXPECT_EQ("{}", say("host-gone", about(2)));
		EXPECT_EQ("{}", say("host-leave", about(2, ",\"version\":" + std::to_string(++version))));
		Until([&] { return other_down; });
		EXPECT_EQ("there is no host 2",
			  say("host-leave", about(2, ",\"version\":" + std::to_string(version + 1))));
	}
	EXPECT_TRUE(said.empty()) << said[0];
}

TEST_F(ServeMembers, WhoIsExpectedIsLostByNobodyAndForgottenWithoutATrace)
{
	EXPECT_FALSE(call_as(2)) << "nobody expects it";
	EXPECT_EQ("{}", expect(2, 1));
	EXPECT_FALSE(call_as(1)) << "another place";
	ASSERT_TRUE(call_as(2));
	EXPECT_TRUE(ready_for(2));
	link_remove(other, 0); // it ends
	while (say("host-ready", about(2)) == "{}")
		loop_run(loop, now_ns() + 10000000);
	EXPECT_EQ("host 0 has no session with host 2 any more", say("host-join", about(2, ",\"version\":1")));
	EXPECT_EQ("{}", say("host-forget", about(2)));
	EXPECT_EQ("{}", say("host-forget", about(2))) << "as often as it is said";
	EXPECT_FALSE(call_as(2));
	EXPECT_EQ("{}", expect(2, 1, "c:1")) << "nothing has happened to the description";
	EXPECT_TRUE(said.empty()) << said[0];
}

/* A member is a host like others: its end is the guest's. */
TEST_F(ServeMembers, AMemberThatEndsIsALostHost)
{
	EXPECT_EQ("{}", expect(1, 1));
	ASSERT_TRUE(call_as(1));
	EXPECT_TRUE(ready_for(1));
	EXPECT_EQ("{}", say("host-join", about(1, ",\"version\":1")));
	link_remove(other, 0);
	EXPECT_EQ(0u, Next().rfind("HOST_LOST {\"host\":1,", 0));
}

TEST_F(ServeMembers, WhatMakesNoSenseIsRefused)
{
	EXPECT_EQ("host 0: slot 0 of hosts is taken", expect(0, 1));
	EXPECT_EQ("there is no place 3 for hosts", expect(3, 1));
	EXPECT_EQ("host 0: 10.0.0.1:4000 is host 0 of this guest already", expect(1, 1, "10.0.0.1:4000"));
	EXPECT_EQ("host 0 has another version of the description", expect(1, 7));
	EXPECT_EQ("host 0: the address of host 1 is empty or too long", expect(1, 1, ""));
	EXPECT_EQ("host 0 has no session with host 1 any more", say("host-join", about(1, ",\"version\":1")));
	EXPECT_EQ("there is no host 1", say("host-leave", about(1, ",\"version\":1")));
	EXPECT_EQ("host 0 has the board, the guest's chips, and boots it: pando move-board",
		  say("host-leave", about(0, ",\"version\":1")));
	EXPECT_EQ("host 0 has the directory of guest memory", say("host-empty", "{\"keep\":false}"));
	EXPECT_EQ("host 0 runs already, or has vCPUs", say("host-place", "{\"placement\":3,\"held\":0}"));
	EXPECT_EQ("a placement of such a version cannot be", say("host-place", "{\"placement\":-1,\"held\":0}"));
	EXPECT_NE(std::string::npos, say("traits", "{\"vcpu\":9}").find("there is no vCPU"));
	EXPECT_NE(std::string::npos, say("traits", "{\"vcpu\":0}").find("\"cpuid\""));
}

// Nobody else asks whether the new home has offered what it is to keep.
TEST_F(ServeMembers, AHomeThatWasNotOfferedIsRefused)
{
	EXPECT_EQ("it offers 2 MiB and gives the guest 2: 2 MiB more are asked for",
		  say("homes-prepare", "{\"first\":0,\"pages\":512,\"from\":1,\"to\":0}"));
	EXPECT_EQ("{}", say("homes-cancel", "{\"first\":0}"));
	EXPECT_EQ("host 0: the home of page 0 is not host 2, or moves already", // as one that others are to have
		  say("homes-prepare", "{\"first\":0,\"pages\":512,\"from\":2,\"to\":1}"));
}

} // namespace
