// SPDX-License-Identifier: Apache-2.0
// Devices that come and go, against two hosts that are only acted: what is asked in which order, what is left of what
// fails.
#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/ops_priv.h"
#include "vmm/run/plug.h"
}

namespace
{
struct Plug : VerbsAndMoves {
	struct plugs *p = nullptr;
	char why[DESC_REPORT_MAX] = "";
	uint32_t id = 0;

	void SetUp() override
	{
		ASSERT_LE(0, desc_add_card(&desc, CARD_RNG, 0, 1, nullptr, why, sizeof(why))) << why;
		VerbsAndMoves::SetUp();
		p = plugs_create(v, &desc);
	}
	void TearDown() override
	{
		VerbsAndMoves::TearDown();
		plugs_destroy(p);
	}
	int add(uint32_t host, uint32_t slot = 0, const char *kind = "virtio-rng")
	{
		struct desc_device d = {};
		strcpy(d.kind, kind);
		d.host = host;
		d.slot = slot;
		return call([&] { return plugs_add(p, &d, &id, Done, this, why, sizeof(why)); });
	}
	int remove(uint32_t of)
	{
		return call([&] { return plugs_remove(p, of, Done, this, why, sizeof(why)); });
	}
	void freed(host_id from, uint32_t of)
	{
		json_t *data = json_pack("{s:i}", "device", (int)of);
		plugs_on_freed(p, from, data);
		json_decref(data);
		turns();
	}
	Said plugs_of(unsigned host) // the verbs of a host about devices
	{
		Said out;
		for (auto &x : hosts[host].verbs)
			if (x.rfind("device-", 0) == 0)
				out.push_back(x.substr(0, x.find('{')));
		return out;
	}
	// One on host 1, that the guest has been asked for.
	uint32_t one_asked()
	{
		EXPECT_EQ(0, add(1)) << why;
		turns();
		EXPECT_EQ(0, remove(id)) << why;
		turns();
		said.clear();
		all.clear();
		return id;
	}
};

TEST_F(Plug, OneIsOpenedThenKnownToAllThenInItsSlotThenToldToTheGuest)
{
	EXPECT_EQ(0, add(1));
	turns();
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(Said({"device-open", "device-plug", "device-plug", "device-show", "device-show"}), all);
	EXPECT_EQ(Said({"device-open", "device-plug", "device-show"}), plugs_of(1));
	EXPECT_EQ(Said({"device-plug", "device-show"}), plugs_of(0));
	EXPECT_EQ(1u, desc.version);
	ASSERT_NE(nullptr, desc_card(&desc, id));
	EXPECT_EQ(1u, desc_card(&desc, id)->slot);
	EXPECT_EQ(2u, desc_bus_slots(&desc, 1));
	ASSERT_EQ(2u, hosts[0].verbs.size());
	EXPECT_NE(std::string::npos, hosts[0].verbs[0].find("\"version\":1")) << hosts[0].verbs[0];
	EXPECT_EQ(0, add(0));
	turns();
	EXPECT_EQ(2u, desc_card(&desc, id)->slot) << "the first that is free";
	EXPECT_EQ(3u, (unsigned)std::count(all.begin(), all.end(), "device-show")) << "once to host 0, which has it";
	EXPECT_EQ(2u, desc.version);
}

// What the guest gives up says the host that has the board, wherever that is.
TEST_F(Plug, TheBoardsHostSaysThatItIsFreed)
{
	uint32_t one = one_asked();
	ASSERT_EQ(0, desc_move_board(&desc, 1, why, sizeof(why))) << why;
	freed(0, one);
	EXPECT_TRUE(all.empty()) << "host 0 has no board";
	freed(1, one);
	EXPECT_EQ(nullptr, desc_card(&desc, one));
}

TEST_F(Plug, WhatItsHostCannotOpenLeavesNothing)
{
	hosts[1].refuse = "device-open";
	uint32_t first = 0;
	EXPECT_EQ(0, add(1, 7));
	first = id;
	EXPECT_EQ(-EEXIST, add(1, 7)) << "its slot is promised";
	turns();
	EXPECT_EQ(Said({"error: host 1: it will not"}), said);
	EXPECT_EQ(Said({"device-open", "device-discard"}), all);
	EXPECT_EQ(nullptr, desc_card(&desc, first));
	EXPECT_EQ(0u, desc.version);
	hosts[1].refuse.clear();
	EXPECT_EQ(0, add(1, 7)) << "the slot is free again";
	EXPECT_LT(first, id) << "the number is not";
	turns();
	EXPECT_EQ("done", said.back());
}

TEST_F(Plug, NobodyWaitsForOneThatOpensForLong)
{
	hosts[1].mute = "device-open";
	EXPECT_EQ(0, add(1));
	turns();
	EXPECT_EQ(0, stop());
	turns();
	EXPECT_EQ(Said({"STOP", "done"}), said);
	EXPECT_EQ(0, add(0));
	turns();
	EXPECT_EQ(3u, said.size());
	unmute(hosts[1]);
	turns();
	EXPECT_EQ(4u, said.size());
	EXPECT_EQ(2u, desc.version);
	EXPECT_EQ(0, cont());
	turns();
}

/* A driver that looks by itself would have its queue on a host that knows of no such device. */
TEST_F(Plug, OneIsInNoSlotBeforeAllKnowOfIt)
{
	hosts[0].mute = "device-plug";
	EXPECT_EQ(0, add(1));
	turns();
	EXPECT_EQ(Said({"device-open", "device-plug"}), plugs_of(1));
	unmute(hosts[0]);
	hosts[1].mute = "device-show";
	turns();
	EXPECT_EQ(Said({"device-plug"}), plugs_of(0)) << "nor told before it is there";
	unmute(hosts[1]);
	turns();
	EXPECT_EQ(Said({"device-plug", "device-show"}), plugs_of(0));
	EXPECT_EQ(Said({"done"}), said);
}

/* It is opened while all else goes on: its host may have left when its turn comes. */
TEST_F(Plug, WhatIsNotPossibleAnyMoreIsRefusedBeforeAnybodyIsTold)
{
	hosts[1].mute = "device-open";
	EXPECT_EQ(0, add(1));
	turns();
	desc.version = 1;
	desc.hosts[1].address[0] = 0;
	unmute(hosts[1]);
	turns();
	ASSERT_EQ(1u, said.size());
	EXPECT_EQ(0u, said[0].find("error: ")) << said[0];
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "device-plug"));
	EXPECT_EQ(nullptr, desc_card(&desc, id));
}

TEST_F(Plug, HostsThatDoNotAgreeEndTheGuest)
{
	hosts[0].refuse = "device-plug";
	EXPECT_EQ(0, add(1));
	turns();
	ASSERT_FALSE(said.empty());
	EXPECT_TRUE(std::any_of(said.begin(), said.end(), [](auto &x) {
		return x.rfind("end: the hosts do not agree on the guest's devices", 0) == 0;
	})) << said[0];
}

TEST_F(Plug, WhatCannotBeIsRefusedAtOnce)
{
	EXPECT_EQ(-EINVAL, add(2));
	EXPECT_STREQ("host 2 has no PCI bus", why);
	EXPECT_EQ(-EEXIST, add(0, 1));
	EXPECT_EQ(-EINVAL, add(0, 32));
	EXPECT_EQ(-EINVAL, add(0, 0, "virtio-blk")) << "a disk has a path";
	EXPECT_EQ(-EINVAL, add(0, 0, "nosuch"));
	for (unsigned i = 2; i < 32; i++)
		EXPECT_EQ(0, add(0)) << why;
	EXPECT_EQ(-ENOSPC, add(0));
	EXPECT_EQ(-ENOENT, remove(4711));
	EXPECT_EQ(-ENOENT, remove(0)) << "a chip";
	turns(200);
	EXPECT_EQ(30u, (unsigned)std::count(said.begin(), said.end(), "done"));
	EXPECT_EQ(30u, desc.version);
	desc.pci_buses = 0;
	EXPECT_EQ(-EINVAL, add(0));
	EXPECT_NE(nullptr, strstr(why, "no PCI")) << why;
}

TEST_F(Plug, TheGuestAnswersInItsOwnTime)
{
	uint32_t it = one_asked();
	EXPECT_EQ(-EBUSY, remove(it));
	EXPECT_EQ(0, stop()); // nothing waits for the guest
	turns();
	EXPECT_EQ(0, cont());
	turns();
	said.clear();
	all.clear();
	freed(1, it); // that is not for host 1 to say
	freed(0, it + 1);
	EXPECT_EQ(Said({}), all);
	freed(0, it);
	EXPECT_EQ(Said({"device-take", "device-unplug", "device-unplug"}), all);
	EXPECT_EQ(Said({"DEVICE_DELETED"}), said);
	EXPECT_EQ(nullptr, desc_card(&desc, it));
	EXPECT_EQ(2u, desc.version);
	freed(0, it);
	EXPECT_EQ(3u, all.size()) << "once";
	EXPECT_EQ(-ENOENT, remove(it));
}

TEST_F(Plug, AGuestThatSaysNothingIsAskedAgain)
{
	uint32_t it = one_asked();
	EXPECT_EQ(-EBUSY, remove(it));
	fake_clock_forward_ms(PLUG_AGAIN_MS);
	EXPECT_EQ(0, remove(it)) << why;
	turns();
	EXPECT_EQ(Said({"device-ask"}), all);
	EXPECT_EQ(Said({"done"}), said);
	EXPECT_EQ(-EBUSY, remove(it));
}

TEST_F(Plug, WhatIsBusyIsTakenLater)
{
	uint32_t it = one_asked();
	hosts[1].mute = "device-take";
	freed(0, it);
	EXPECT_EQ(-EBUSY, remove(it));
	EXPECT_EQ(-EEXIST, add(1, 1)) << "its slot is not free";
	EXPECT_EQ(0, stop());
	turns();
	EXPECT_EQ("done", said.back()) << "nothing waits for it";
	answer(hosts[1], hosts[1].kept, CALL_ERROR, "it is stuck");
	turns();
	EXPECT_NE(nullptr, desc_card(&desc, it));
	hosts[1].mute.clear();
	all.clear();
	EXPECT_EQ(-EBUSY, remove(it)) << "the guest need not be asked; it is tried again";
	turns();
	EXPECT_EQ(Said({"device-take", "device-unplug", "device-unplug"}), all);
	EXPECT_EQ("DEVICE_DELETED", said.back());
}

TEST_F(Plug, AResetTakesWhatTheGuestWasAskedFor)
{
	uint32_t other = 0;
	EXPECT_EQ(0, add(0));
	turns();
	other = id;
	uint32_t it = one_asked();
	EXPECT_EQ(0, remove(other));
	turns();
	all.clear();
	said.clear();
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(80);
	EXPECT_EQ(Said({"DEVICE_DELETED", "DEVICE_DELETED", "RESET", "done"}), said);
	EXPECT_LT(at("freeze"), at("device-take"));
	EXPECT_LT(at("device-unplug"), at("reset"));
	EXPECT_EQ(nullptr, desc_card(&desc, it));
	EXPECT_EQ(nullptr, desc_card(&desc, other));
	EXPECT_EQ(2u, desc_bus_slots(&desc, 0)) << "nobody asked for that one";
}

TEST_F(Plug, ADeviceThatCannotBeTakenStandsInNoResetsWay)
{
	uint32_t it = one_asked();
	hosts[1].refuse = "device-take";
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(80);
	EXPECT_EQ(Said({"RESET", "done"}), said);
	EXPECT_NE(nullptr, desc_card(&desc, it));
	said.clear();
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(80);
	EXPECT_EQ(Said({"RESET", "done"}), said);
	said.clear();
	hosts[1].refuse.clear();
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(80);
	EXPECT_EQ(Said({"DEVICE_DELETED", "RESET", "done"}), said) << "the next one takes it";
	EXPECT_EQ(nullptr, desc_card(&desc, it));
}

TEST_F(Plug, AResetDoesNotTakeWhatTheGuestCouldNotBeAskedFor)
{
	EXPECT_EQ(0, add(1));
	turns();
	said.clear();
	hosts[0].refuse = "device-ask";
	EXPECT_EQ(0, remove(id));
	turns();
	EXPECT_EQ(Said({"error: host 0: it will not"}), said);
	hosts[0].refuse.clear();
	said.clear();
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(80);
	EXPECT_EQ(Said({"RESET", "done"}), said);
	EXPECT_NE(nullptr, desc_card(&desc, id));
	said.clear();
	hosts[0].mute = "device-ask"; // it may have been asked
	EXPECT_EQ(0, remove(id));
	turns();
	fake_clock_forward_ms(10001);
	turns();
	ASSERT_EQ(1u, said.size());
	EXPECT_EQ(0u, said[0].rfind("error: ", 0)) << said[0];
	hosts[0].mute.clear();
	said.clear();
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns(80);
	EXPECT_EQ(Said({"DEVICE_DELETED", "RESET", "done"}), said);
}

// It answers the first time while it is to be asked for the second one.
TEST_F(Plug, WhatIsGoneNeedNotBeAskedForOnceMore)
{
	uint32_t it = one_asked();
	hosts[1].mute = "pause";
	EXPECT_EQ(0, stop());
	turns();
	fake_clock_forward_ms(PLUG_AGAIN_MS);
	EXPECT_EQ(0, remove(it)) << why;
	turns();
	freed(0, it);
	unmute(hosts[1]);
	turns();
	EXPECT_EQ(nullptr, desc_card(&desc, it));
	EXPECT_EQ(Said({"STOP", "done", "DEVICE_DELETED", "done"}), said);
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "device-ask"));
}

TEST_F(Plug, TheEndWhileOneComesAndOneGoes)
{
	uint32_t it = one_asked();
	hosts[1].mute = "device-take";
	freed(0, it);
	hosts[0].mute = "device-open";
	EXPECT_EQ(0, add(0));
	turns();
	ops_over(v, OPS_POWEROFF);
	calls_cancel(&calls, "the guest is over");
	turns();
	EXPECT_EQ("error: host 0: the guest is over", said.back());
	EXPECT_NE(0, add(0));
	EXPECT_STREQ("the guest does not run", why);
}
} // namespace
