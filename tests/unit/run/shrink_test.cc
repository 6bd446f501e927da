// SPDX-License-Identifier: Apache-2.0
// Memory that the guest is asked for, against two hosts that are only acted: what is asked in which order, and a guest
// that refuses, says nothing, or begins anew.
#include "tests/unit/run/acted_growth.h"

namespace
{

struct ShrinkMemory : Grow {
	void SetUp() override
	{
		Grow::SetUp();
		EXPECT_EQ(0, grow(1, 0, 256, 2)) << why;
		turns();
		tell(true, 1, false, 1, 0);
		said.clear();
		all.clear();
	}
	int shrink_memory(uint32_t slot = 1, uint64_t ms = SHRINK_MS)
	{
		return call([&] { return growths_remove_memory(g, slot, ms, Done, this, why, sizeof(why)); });
	}
};

TEST_F(ShrinkMemory, ItIsReachedByNobodyThenQuietThenDroppedThenDescribed)
{
	hosts[0].quiet = hosts[1].quiet = false;
	EXPECT_EQ(0, shrink_memory()) << why;
	turns();
	EXPECT_EQ(Said({"growth-ask"}), all);
	EXPECT_EQ("growth-ask{\"memory\":true,\"index\":1}", hosts[0].verbs.back());
	EXPECT_EQ(Said({}), said) << "it takes its time";
	hosts[1].mute = "memory-unmap";
	tell(true, 1, true);
	EXPECT_EQ(2u, count("memory-unmap"));
	EXPECT_EQ(0u, count("memory-close")) << "somebody reaches it";
	unmute(hosts[1]);
	turns();
	until(6, "memory-close");
	EXPECT_EQ(0u, count("memory-drop")) << "something is under way";
	hosts[0].quiet = hosts[1].quiet = true;
	hosts[0].mute = "memory-drop";
	until(2, "memory-drop");
	EXPECT_EQ(0u, count("memory-empty"));
	EXPECT_NE(nullptr, desc_slot(&desc, 1));
	unmute(hosts[0]);
	turns();
	EXPECT_EQ(2u, count("memory-empty"));
	EXPECT_EQ(nullptr, desc_slot(&desc, 1));
	EXPECT_EQ(2u, desc.version);
	EXPECT_EQ(Said({"DEVICE_DELETED", "done"}), said);
	said.clear();
	EXPECT_EQ(0, grow(0, 0, 256, 2)) << "it may come again, from another host";
	turns();
	tell(true, 1, false, 1, 0);
	EXPECT_EQ("done", said.back());
	EXPECT_EQ(0u, desc_slot(&desc, 1)->home);
}

// One look is not enough: a host that has closed it later may have asked one that was looked at before.
TEST_F(ShrinkMemory, ItIsQuietWhenAllWereSoTwiceInARow)
{
	EXPECT_EQ(0, shrink_memory(1, 0));
	turns();
	EXPECT_EQ(Said({"done"}), said) << "nobody waits";
	tell(true, 1, true);
	until(2, "memory-empty");
	EXPECT_EQ(6u, count("memory-close")) << "the first of three closes";
}

TEST_F(ShrinkMemory, TheGuestKeepsItAndSaysWhy)
{
	EXPECT_EQ(0, shrink_memory());
	turns();
	EXPECT_EQ(-EBUSY, shrink_memory());
	tell(true, 1, false, 3, 0x84);
	EXPECT_EQ(Said({"ACPI_DEVICE_OST"}), said) << "it is at it";
	tell(true, 1, false, 3, 0x82);
	EXPECT_EQ(Said({"ACPI_DEVICE_OST", "ACPI_DEVICE_OST", "DEVICE_UNPLUG_GUEST_ERROR",
			"error: the guest keeps the 256 MiB in slot 0: its code for that is 0x82 (it is busy)"}),
		  said);
	EXPECT_NE(nullptr, desc_slot(&desc, 1));
	said.clear();
	EXPECT_EQ(0, shrink_memory()) << "it can be asked again";
	turns();
	tell(true, 1, true);
	until(2, "memory-empty");
	EXPECT_EQ(Said({"DEVICE_DELETED", "done"}), said);
}

TEST_F(ShrinkMemory, SilenceIsNotWaitedForForEverAndHoldsNobodyUp)
{
	EXPECT_EQ(0, shrink_memory());
	turns();
	EXPECT_EQ(0, move(0, 1));
	EXPECT_EQ(0, grow(0, 1, 0, 3)) << "others have their turn";
	turns(80);
	EXPECT_EQ("0>1", moved.back());
	EXPECT_EQ(Said({"done"}), said);
	fake_clock_forward_ms(SHRINK_MS);
	turns();
	EXPECT_EQ("error: the guest has not given up the 256 MiB in slot 0 within 60 s: it may still give them up, and "
		  "is "
		  "not waited for",
		  said.back());
	tell(true, 1, true); // late
	until(2, "memory-empty");
	EXPECT_EQ("DEVICE_DELETED", said.back());
	EXPECT_EQ(nullptr, desc_slot(&desc, 1));
}

TEST_F(ShrinkMemory, AResetGivesItBack)
{
	EXPECT_EQ(0, shrink_memory());
	turns();
	hosts[0].mute = "pause";
	EXPECT_EQ(0, call([&] { return ops_reset(v, Done, this); }));
	turns();
	tell(true, 1, true); // while the reset is under way
	unmute(hosts[0]);
	turns(160);
	EXPECT_EQ(0u, count("memory-unmap"));
	EXPECT_NE(nullptr, desc_slot(&desc, 1));
	EXPECT_EQ(1, std::count(said.begin(), said.end(), "error: the guest was reset, and has it again"));
	tell(true, 1, true);
	EXPECT_EQ(0u, count("memory-unmap")) << "nobody has asked this guest";
}

// A KVM that keeps a mapping: the others take theirs again, and the guest goes on with memory that it believes gone.
TEST_F(ShrinkMemory, AHostThatCannotLetGoKeepsItForAll)
{
	EXPECT_EQ(0, shrink_memory());
	turns();
	hosts[1].refuse = "memory-unmap";
	tell(true, 1, true);
	turns(80);
	EXPECT_EQ(Said({"error: host 1: it will not"}), said);
	EXPECT_EQ(2u, count("memory-map"));
	EXPECT_EQ(0u, count("memory-close"));
	EXPECT_NE(nullptr, desc_slot(&desc, 1));
}

TEST_F(ShrinkMemory, WhatIsNotThere)
{
	EXPECT_EQ(-ENOENT, shrink_memory(2));
	EXPECT_STREQ("there is no memory in slot 1: query-memory-devices has those that came later", why);
	EXPECT_EQ(-ENOENT, shrink_memory(0));
	EXPECT_EQ(-ENOENT, shrink_memory(DESC_MEMORY_SLOTS + 1));
	EXPECT_EQ(Said({}), all);
}

TEST_F(ShrinkMemory, TheEndIsToldToWhoWaits)
{
	EXPECT_EQ(0, shrink_memory());
	turns();
	growths_over(g);
	EXPECT_EQ(Said({"error: the guest is over"}), said);
}

} // namespace
