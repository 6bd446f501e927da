// SPDX-License-Identifier: Apache-2.0
// vCPUs and memory that come, against two hosts that are only acted: what is asked in which order, what is left of what
// fails, and a guest that takes its time.
#include "tests/unit/run/acted_growth.h"

extern "C" {
#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"
}

namespace
{
TEST_F(Grow, VcpusAreMadeThenKnownToAllThenToldToTheGuest)
{
	EXPECT_EQ(0, grow(1, 3, 0)) << why;
	turns();
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(Said({"growth-make", "vcpus-fill", "vcpus-fill", "growth-show"}), all);
	EXPECT_EQ(1u, desc.version);
	EXPECT_EQ(5u, desc_vcpus_present(&desc));
	EXPECT_EQ(3u, growths_result(g).node) << "the last one is nobody's: the first are for hosts that join";
	EXPECT_EQ(3u, growths_result(g).cpus);
	for (uint32_t i = 5; i < 8; i++)
		EXPECT_EQ(1, mover_host(m, i)) << i;
	EXPECT_NE(std::string::npos, hosts[0].verbs[0].find("{\"first\":5,\"count\":3,\"host\":1,\"version\":1}"))
		<< hosts[0].verbs[0];
	EXPECT_EQ("growth-show{}", hosts[0].verbs[1]);
	EXPECT_EQ(0, move(5, 0));
	turns();
	EXPECT_EQ("5>0", moved.back()) << "it is a vCPU like others";
}

TEST_F(Grow, OnePlaceCanBeNamed)
{
	EXPECT_EQ(0, grow(0, 1, 0, 2, 4)) << why;
	turns();
	EXPECT_EQ(0, desc_host_of_vcpu(&desc, 4));
	EXPECT_FALSE(desc_vcpu_present(&desc, 2));
	all.clear();
	EXPECT_EQ(0, grow(0, 2, 0, 2)) << why; // the two before it
	turns();
	EXPECT_EQ(0, desc_host_of_vcpu(&desc, 2));
	EXPECT_EQ(0, desc_host_of_vcpu(&desc, 3));
}

TEST_F(Grow, PlacesWithGapsAreFilledInRuns)
{
	ASSERT_EQ(0, grow(0, 1, 0, 2, 3));
	turns();
	all.clear();
	said.clear();
	EXPECT_EQ(0, grow(0, 2, 0, 2)) << why; // 2 and 4
	turns(80);
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(2u, count("growth-make"));
	EXPECT_EQ(2u, count("growth-show"));
	EXPECT_TRUE(desc_vcpu_present(&desc, 2));
	EXPECT_TRUE(desc_vcpu_present(&desc, 4));
	EXPECT_EQ(3u, desc.version);
}

TEST_F(Grow, WhatTheHostDoesNotOfferLeavesNothing)
{
	hosts[1].refuse = "growth-make";
	EXPECT_EQ(0, grow(1, 1, 128));
	turns();
	EXPECT_EQ(Said({"error: host 1: it will not"}), said);
	EXPECT_EQ(Said({"growth-make"}), all);
	EXPECT_EQ(0u, desc.version);
	EXPECT_EQ(0u, growths_result(g).cpus);
	hosts[1].refuse.clear();
	EXPECT_EQ(0, grow(1, 1, 0)) << "it can be tried again";
	turns();
	EXPECT_EQ("done", said.back());
}

TEST_F(Grow, MemoryIsReachedByNobodyBeforeAllHaveIt)
{
	hosts[0].mute = "memory-open";
	EXPECT_EQ(0, grow(1, 0, 256)) << why;
	turns();
	EXPECT_EQ(0u, count("memory-map"));
	unmute(hosts[0]);
	hosts[1].mute = "memory-map";
	turns();
	EXPECT_EQ(2u, count("memory-map"));
	EXPECT_EQ(0u, count("memory-fill")) << "what can fail comes first";
	EXPECT_EQ(0u, count("growth-show")) << "one host has no slot for it yet";
	unmute(hosts[1]);
	turns();
	EXPECT_EQ(1u, count("growth-show"));
	tell(true, 1, false, 1, 0);
	EXPECT_EQ("done", said.back());
	const desc_range *r = desc_slot(&desc, 1);
	ASSERT_NE(nullptr, r);
	EXPECT_EQ(1u, r->home);
	EXPECT_EQ(3u, r->node);
	EXPECT_EQ(256 * kMiB, growths_result(g).memory_bytes);
}

// A host that has no memory for it refuses the growth; the guest goes on, and all is as it was.
TEST_F(Grow, AHostWithoutRoomForAMappingRefusesTheGrowth)
{
	for (const char *verb : {"memory-open", "memory-map"}) {
		said.clear();
		all.clear();
		hosts[1].refuse = verb;
		EXPECT_EQ(0, grow(0, 0, 256, 2)) << why;
		until(2, "memory-drop");
		EXPECT_EQ(Said({"error: host 1: it will not"}), said) << verb;
		EXPECT_EQ(0u, desc.version);
		EXPECT_EQ(nullptr, desc_slot(&desc, 1));
		EXPECT_EQ(0u, growths_result(g).memory_bytes);
		EXPECT_EQ(0u, count("memory-fill"));
		EXPECT_EQ(std::string(verb) == "memory-map" ? 2u : 0u, count("memory-unmap")) << verb;
		EXPECT_EQ(6u, count("memory-close")) << "each host closes it, then all are quiet twice";
		EXPECT_EQ(2u, count("memory-drop"));
		EXPECT_EQ("memory-drop", all.back());
	}
	hosts[1].refuse = "";
	said.clear();
	EXPECT_EQ(0, grow(0, 0, 256, 2)) << "it can be tried again";
	turns();
	tell(true, 1, false, 1, 0);
	EXPECT_EQ(Said({"ACPI_DEVICE_OST", "done"}), said);
}

TEST_F(Grow, MemoryComesInPiecesAsTheGuestTakesThem)
{
	EXPECT_EQ(0, grow(0, 0, 1536, 2)) << why;
	turns();
	EXPECT_EQ(Said({}), said);
	EXPECT_EQ(1u, count("growth-show")) << "512 MiB, as much as there was";
	EXPECT_EQ(-EBUSY, grow(1, 1, 0)) << "one at a time";
	tell(false, 1, false, 1, 0);
	tell(true, 2, false, 1, 0);
	tell(true, 1, false, 3, 0);
	tell(true, 1, false, 1, 0x80);
	EXPECT_EQ(1u, count("growth-show")) << "none of these words is about it";
	tell(true, 1, false, 1, 0);
	EXPECT_EQ(2u, count("growth-show")) << "1,024 MiB, as much as there is by now";
	EXPECT_EQ(2048 * kMiB, desc_memory_bytes(&desc));
	tell(true, 2, false, 1, 0);
	EXPECT_EQ("done", said.back());
	EXPECT_EQ(2u, desc.version);
	EXPECT_EQ(6u, std::count(said.begin(), said.end(), "ACPI_DEVICE_OST"));
}

TEST_F(Grow, AGuestThatRefusesGetsNoMore)
{
	EXPECT_EQ(0, grow(0, 0, 1024, 2));
	turns();
	tell(true, 1, false, 1, 0x81);
	EXPECT_EQ("error: the guest does not take the 512 MiB that came last: its code for that is 0x81", said.back());
	EXPECT_EQ(512 * kMiB, growths_result(g).memory_bytes);
	EXPECT_EQ(1024 * kMiB, desc_memory_bytes(&desc)) << "what came stays";
	EXPECT_EQ(0, grow(0, 1, 0)) << "and it can be tried again";
	turns();
}

// What it says comes from the host that has the board, wherever that is.
TEST_F(Grow, TheBoardsHostSaysWhatTheGuestSays)
{
	ASSERT_EQ(0, desc_move_board(&desc, 1, why, sizeof(why))) << why;
	ASSERT_EQ(0, shrink(1)) << why;
	turns();
	tell(false, 1, true, 0, 0, 0);
	EXPECT_TRUE(desc_vcpu_present(&desc, 1)) << "host 0 has no board";
	tell(false, 1, true, 0, 0, 1);
	EXPECT_FALSE(desc_vcpu_present(&desc, 1));
}

TEST_F(Grow, AGuestThatSaysNothingIsNotWaitedForForEver)
{
	EXPECT_EQ(0, grow(0, 0, 1024, 2));
	turns();
	EXPECT_EQ(0, stop()); // nothing else waits for it
	turns();
	EXPECT_EQ(Said({"STOP", "done"}), said);
	fake_clock_forward_ms(GROW_WORD_MS);
	turns();
	EXPECT_EQ("error: the guest is stopped, and has not taken the 512 MiB that came last: it was told of no more "
		  "of them",
		  said.back());
	tell(true, 1, false, 1, 0); // late
	EXPECT_EQ(1u, count("growth-show"));
	EXPECT_EQ(0, cont());
	turns();
	EXPECT_EQ(0, grow(0, 0, 2048, 3));
	turns();
	fake_clock_forward_ms(GROW_WORD_MS);
	turns();
	EXPECT_EQ("error: the guest has said nothing of the 1024 MiB that came last: it was told of no more of them",
		  said.back());
}

TEST_F(Grow, AWordThatIsFasterThanTheHostsCounts)
{
	hosts[0].mute = "growth-show";
	EXPECT_EQ(0, grow(0, 0, 1024, 2));
	turns();
	tell(true, 1, false, 1, 0);
	unmute(hosts[0]);
	turns();
	EXPECT_EQ(2u, count("growth-show"));
	tell(true, 2, false, 1, 0);
	EXPECT_EQ("done", said.back());
}

TEST_F(Grow, TheLastPieceCanBeRefusedToo)
{
	EXPECT_EQ(0, grow(0, 0, 256, 2));
	turns();
	tell(true, 1, false, 1, 0x81);
	EXPECT_EQ("error: the guest does not take the 256 MiB that came last: its code for that is 0x81", said.back());
	hosts[0].mute = "growth-show";
	EXPECT_EQ(0, grow(0, 0, 256, 2));
	turns();
	tell(true, 2, false, 1, 0x82); // before the hosts' answers
	unmute(hosts[0]);
	turns();
	EXPECT_EQ("error: the guest does not take the 256 MiB that came last: its code for that is 0x82", said.back());
}

TEST_F(Grow, SilenceAboutTheLastPieceIsNoRefusal)
{
	EXPECT_EQ(0, grow(0, 0, 256, 2));
	turns();
	EXPECT_EQ(Said({}), said);
	fake_clock_forward_ms(GROW_LAST_MS);
	turns();
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(256 * kMiB, growths_result(g).memory_bytes);
}

TEST_F(Grow, AGuestThatIsStoppedTakesNoMemory)
{
	EXPECT_EQ(0, stop());
	turns();
	EXPECT_EQ(-EBUSY, grow(0, 1, 128));
	EXPECT_STREQ("the guest is stopped: it takes no memory (pando qmp NAME cont)", why);
	EXPECT_EQ(0u, count("growth-make"));
	said.clear();
	EXPECT_EQ(0, grow(0, 1, 0)) << "a vCPU waits for nobody";
	turns();
	EXPECT_EQ(Said({"done"}), said);
}

TEST_F(Grow, ARefusalThatIsFasterThanTheHostsCountsToo)
{
	hosts[0].mute = "growth-show";
	EXPECT_EQ(0, grow(0, 0, 1024, 2));
	turns();
	tell(true, 1, false, 1, 0x81);
	unmute(hosts[0]);
	turns();
	EXPECT_EQ("error: the guest does not take the 512 MiB that came last: its code for that is 0x81", said.back());
}

TEST_F(Grow, AHostThatLeftMeanwhileIsAnErrorAndNoEnd)
{
	EXPECT_EQ(0, grow(1, 0, 1024, 2));
	turns();
	machine_desc before = desc;
	desc.hosts[1].address[0] = 0; // no member any more
	tell(true, 1, false, 1, 0);
	EXPECT_EQ(0u, said.back().rfind("error: ", 0)) << said.back();
	EXPECT_EQ(2u, count("memory-open")) << "nobody was asked for the second piece";
	desc = before;
}

TEST_F(Grow, WhatWasGivenUpBeforeAResetIsThereAfterIt)
{
	EXPECT_EQ(0, grow(1, 1, 0, 2));
	turns();
	EXPECT_EQ(0, shrink(2));
	turns();
	hosts[0].mute = "pause";
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns();
	tell(false, 2, true); // while the reset is under way
	unmute(hosts[0]);
	turns(120);
	EXPECT_EQ(1u, count("reset") / 2);
	EXPECT_EQ(0u, count("vcpu-empty")) << "the tables of the next boot have it";
	EXPECT_TRUE(desc_vcpu_present(&desc, 2));
	tell(false, 2, true);
	EXPECT_EQ(0u, count("vcpu-empty")) << "nobody has asked this guest";
}

TEST_F(Grow, AQuestionBehindAResetIsTheNewGuests)
{
	EXPECT_EQ(0, grow(1, 1, 0, 2));
	turns();
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	EXPECT_EQ(0, shrink(2));
	turns(120);
	EXPECT_EQ(1u, count("growth-ask"));
	tell(false, 2, true);
	EXPECT_FALSE(desc_vcpu_present(&desc, 2));
}

TEST_F(Grow, AMoveBehindItsEndIsAnError)
{
	EXPECT_EQ(0, grow(1, 1, 0, 2));
	turns();
	EXPECT_EQ(0, shrink(2));
	turns();
	hosts[0].mute = "vcpu-empty";
	tell(false, 2, true);
	EXPECT_EQ(0, move(2, 0)) << "it is there yet";
	EXPECT_EQ(0, move(1, 0));
	unmute(hosts[0]);
	turns();
	EXPECT_EQ(Said({"there is no vCPU 2 any more", "1>0"}), moved);
	EXPECT_EQ(2u, count("move-prepare")) << "nobody was asked about vCPU 2";
	EXPECT_EQ(0, move(1, 1));
	desc.hosts[1].address[0] = 0; // it leaves before the move has its turn
	turns();
	EXPECT_EQ("host 1 has left", moved.back());
}

/* Hosts that have taken the first part of a version get the rest of it, however little is left of the time of it all.
 */
TEST_F(Grow, TimeThatRunsOutBehindAPieceEndsNoGuest)
{
	EXPECT_EQ(0, grow(0, 0, 1536, 2));
	turns();
	op_more_time(v->queue.first, 5);
	hosts[1].mute = "memory-map";
	tell(true, 1, false, 1, 0);
	EXPECT_EQ(4u, count("memory-map"));
	fake_clock_forward_ms(1000);
	turns();
	EXPECT_EQ(0, std::count_if(said.begin(), said.end(), [](auto &x) { return x.rfind("end: ", 0) == 0; }));
	unmute(hosts[1]);
	turns();
	EXPECT_EQ(2048 * kMiB, desc_memory_bytes(&desc));
}

// Where the guest's time is stretched so is all that hosts do: two steps that each take three quarters of theirs.
TEST_F(Grow, AVersionHasAsMuchMoreTimeAsTheGuest)
{
	desc.dilate = 10;
	hosts[1].mute = "vcpus-fill";
	hosts[0].mute = "growth-show";
	EXPECT_EQ(0, grow(1, 1, 0));
	turns();
	fake_clock_forward_ms(75000);
	turns();
	unmute(hosts[1]);
	turns();
	EXPECT_EQ(1u, count("growth-show"));
	fake_clock_forward_ms(75000);
	turns();
	EXPECT_EQ(Said({}), said);
	unmute(hosts[0]);
	turns();
	EXPECT_EQ(Said({"done"}), said);
}

TEST_F(Grow, NoPieceBeginsWhenTimeIsOver)
{
	EXPECT_EQ(0, grow(0, 0, 1536, 2));
	turns();
	op_more_time(v->queue.first, 0);
	fake_clock_forward_ms(1);
	tell(true, 1, false, 1, 0);
	EXPECT_EQ("error: grow: its time is over", said.back());
	EXPECT_EQ(2u, count("memory-fill"));
}

/* Calls of others end, and then there is room for this one. */
TEST_F(Grow, TooManyCallsUnderWayEndNoGuest)
{
	const unsigned ms = 1000;
	int r;
	EXPECT_EQ(0, grow(1, 1, 0, 2));
	turns();
	EXPECT_EQ(0, shrink(2));
	turns();
	hosts[0].mute = "clock";
	do {
		r = calls_start(
			&calls, host_bit(0), VERB_CLOCK, nullptr, ms, [](void *, const call_answer *, unsigned) {},
			nullptr);
	} while (!r);
	EXPECT_EQ(-ENOSPC, r);
	tell(false, 2, true);
	fake_clock_forward_ms(ms / 2);
	turns();
	EXPECT_EQ(0u, count("vcpu-empty"));
	EXPECT_TRUE(desc_vcpu_present(&desc, 2));
	fake_clock_forward_ms(ms);
	turns();
	fake_clock_forward_ms(ms);
	turns();
	EXPECT_FALSE(desc_vcpu_present(&desc, 2));
	EXPECT_EQ(0, std::count_if(said.begin(), said.end(), [](auto &x) { return x.rfind("end: ", 0) == 0; }));
}

TEST_F(Grow, HostsThatDoNotAgreeEndTheGuest)
{
	hosts[0].refuse = "vcpus-fill";
	EXPECT_EQ(0, grow(1, 1, 0));
	turns();
	EXPECT_TRUE(std::any_of(said.begin(), said.end(), [](auto &x) {
		return x.rfind("end: the hosts do not agree on the guest's vCPUs", 0) == 0;
	})) << said[0];
}

TEST_F(Grow, WhatCannotBeIsRefusedAtOnce)
{
	EXPECT_EQ(-EINVAL, grow(0, 0, 0));
	EXPECT_EQ(-EINVAL, grow(2, 1, 0));
	EXPECT_STREQ("there is no host 2: 2 have the guest", why);
	EXPECT_EQ(-EINVAL, grow(0, 1, 0, 4));
	EXPECT_EQ(-EINVAL, grow(0, 0, 64));
	EXPECT_STREQ("64 MiB of memory: this guest takes multiples of 128 MiB", why);
	EXPECT_EQ(-ENOSPC, grow(0, 4, 0));
	EXPECT_STREQ(
		"4 vCPUs and 0 MiB are asked for; room is for 3 vCPUs and 2304 MiB in node 2, for 3 vCPUs and 2304 "
		"MiB in node 3",
		why);
	EXPECT_EQ(-ENOSPC, grow(0, 1, 0, 1));
	EXPECT_EQ(-ENOENT, shrink(5));
	EXPECT_EQ(-EPERM, shrink(0));
	desc.room = 0;
	EXPECT_EQ(-EINVAL, grow(0, 1, 0));
	EXPECT_NE(nullptr, strstr(why, "--max-cpus")) << why;
	EXPECT_EQ(Said({}), all);
}

TEST_F(Grow, AVcpuLeavesWhenTheGuestGivesItUp)
{
	EXPECT_EQ(0, grow(1, 1, 0, 2));
	turns();
	all.clear();
	said.clear();
	tell(false, 2, true);
	EXPECT_EQ(Said({}), all) << "nobody asked for it";
	EXPECT_EQ(0, shrink(2)) << why;
	turns();
	EXPECT_EQ(Said({"growth-ask"}), all);
	EXPECT_EQ("growth-ask{\"memory\":false,\"index\":2}", hosts[0].verbs.back());
	tell(false, 2, true, 0, 0, 1); // that is not for host 1 to say
	EXPECT_TRUE(desc_vcpu_present(&desc, 2));
	tell(false, 2, true);
	EXPECT_EQ(Said({"growth-ask", "vcpu-empty", "vcpu-empty"}), all);
	EXPECT_FALSE(desc_vcpu_present(&desc, 2));
	EXPECT_EQ(HOST_NONE, mover_host(m, 2));
	tell(false, 2, true);
	EXPECT_EQ(3u, all.size()) << "once";
	EXPECT_EQ(0, grow(0, 1, 0, 2)) << "its place is free again, for another host";
	turns();
	EXPECT_EQ(0, mover_host(m, 2));
}

// A device in QEMU's words comes as one, whatever the guest has, and nobody waits for the guest.
TEST_F(Grow, OnePieceAsAWhole)
{
	grow_wish w = {.host = 0,
		       .cpus = 0,
		       .memory_bytes = 1024 * kMiB,
		       .node = 2,
		       .vcpu = GROW_ANY_VCPU,
		       .one = true,
		       .slot = 7};
	EXPECT_EQ(0, call([&] { return growths_grow(g, &w, Done, this, why, sizeof(why)); })) << why;
	turns();
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(7u, growths_result(g).slot);
	EXPECT_EQ(1024 * kMiB, desc_slot_pages(&desc, 7) << PAGE_SHIFT);
}

// What has been given back in the middle of a node's room is room again, in pieces that fit.
TEST_F(Grow, GapsAreFilled)
{
	for (uint32_t slot = 1; slot <= 3; slot++) {
		EXPECT_EQ(0, grow(0, 0, 512, 2)) << why;
		turns();
		tell(true, (int)slot, false, 1, 0);
	}
	page_idx second = desc_slot(&desc, 2)->first;
	ASSERT_EQ(0, desc_take_memory(&desc, 2));
	EXPECT_EQ(0, grow(0, 0, 1280, 2)) << why;
	turns();
	tell(true, 2, false, 1, 0); // 768 behind all, which is more
	turns();
	tell(true, 4, false, 1, 0);
	EXPECT_EQ("done", said.back());
	EXPECT_EQ(second, desc_slot(&desc, 4)->first);
}

TEST_F(Grow, WordsThatCannotBeAreNobodys)
{
	tell(false, -1, false, 1, 0);
	tell(false, 8, false, 1, 0);
	tell(true, 0, false, 1, 0);
	tell(true, DESC_MEMORY_SLOTS + 1, false, 1, 0);
	tell(false, 1, false, 1, -1);
	tell(true, 1, true);
	EXPECT_EQ(Said({}), said);
	tell(false, 1, false, 1, 0x82);
	EXPECT_EQ(Said({"ACPI_DEVICE_OST"}), said);
}

/* Linux adds memory by blocks, and blocks are larger where the guest booted with much. */
TEST(GrowPiece, IsOfWholeBlocksAndNoMoreThanThereIs)
{
	machine_desc d = roomy(32); // 64 MiB in all
	EXPECT_EQ(128 * kMiB, grow_piece(&d, 128 * kMiB));
	EXPECT_EQ(128 * kMiB, grow_piece(&d, kGiB)) << "more than there is, but no less can come";
	EXPECT_EQ(0u, grow_piece(&d, 130 * kMiB));
	d = roomy(192); // 384
	EXPECT_EQ(384 * kMiB, grow_piece(&d, kGiB));
	EXPECT_EQ(256 * kMiB, grow_piece(&d, 256 * kMiB));
	d = roomy(32 * 1024); // 64 GiB
	EXPECT_EQ(0u, grow_piece(&d, 128 * kMiB));
	EXPECT_EQ(4 * kGiB, grow_piece(&d, 4 * kGiB));
	d = roomy(8ull << 20); // 16 TiB
	EXPECT_EQ(DESC_PIECE_MAX, grow_piece(&d, 12 * DESC_PIECE_MAX)) << "no host maps more as one piece";
}

TEST(GrowNode, IsTheHostsOwnThenOneItHasAloneThenTheLastThatIsNobodys)
{
	machine_desc d = roomy();
	char why[DESC_REPORT_MAX];
	grow_wish w = {.host = 1,
		       .cpus = 1,
		       .memory_bytes = 0,
		       .node = GROW_ANY_NODE,
		       .vcpu = GROW_ANY_VCPU,
		       .one = false,
		       .slot = 0};
	uint32_t node = 99;
	ASSERT_EQ(0, grow_node(&d, &w, &node, why, sizeof(why))) << why;
	EXPECT_EQ(3u, node);
	ASSERT_EQ(0, desc_fill_vcpus(&d, 2, 1, 1, why, sizeof(why)));
	ASSERT_EQ(0, grow_node(&d, &w, &node, why, sizeof(why)));
	EXPECT_EQ(2u, node) << "it has it alone";
	w.host = 0;
	ASSERT_EQ(0, grow_node(&d, &w, &node, why, sizeof(why)));
	EXPECT_EQ(3u, node);
	strcpy(d.hosts[2].address, "c:1");
	d.hosts_n = 3; // it has joined
	w.host = 2;
	ASSERT_EQ(0, grow_node(&d, &w, &node, why, sizeof(why)));
	EXPECT_EQ(2u, node) << "its own, though another has a vCPU in it";
}
TEST_F(Grow, AHostThatLeavesGivesNoMore)
{
	struct members_net net = {};
	struct members *ms = members_create(v, &desc, &net);

	members_set_state(ms, 1, MEMBER_DRAINING);
	EXPECT_EQ(-EBUSY, grow(1, 1, 0));
	EXPECT_STREQ("host 1 is leaving: it gives no more", why);
	EXPECT_EQ(Said(), all);
	v->members = nullptr;
	members_destroy(ms);
}

} // namespace
