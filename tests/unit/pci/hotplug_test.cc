// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

extern "C" {
#include "vmm/pci/hotplug.h"
}

namespace
{
struct Hotplug : testing::Test {
	hotplug h;
	unsigned bus = 99, slot = 99;

	Hotplug()
	{
		uint32_t filled[HOSTS_MAX] = {1u << 1};
		hotplug_reset(&h, filled);
	}
	uint32_t get(unsigned of, unsigned reg)
	{
		set(HOTPLUG_BUS, of);
		return hotplug_read(&h, reg, 4);
	}
	bool set(unsigned reg, uint32_t v)
	{
		return hotplug_write(&h, reg, 4, v, &bus, &slot);
	}
};

TEST_F(Hotplug, ACardThatComesIsToldOnce)
{
	EXPECT_FALSE(hotplug_line(&h));
	hotplug_add(&h, 63, 31);
	EXPECT_TRUE(hotplug_line(&h));
	EXPECT_EQ(0u, get(0, HOTPLUG_CAME));
	EXPECT_TRUE(hotplug_line(&h)) << "nobody has read it";
	EXPECT_EQ(1u << 31, get(63, HOTPLUG_CAME));
	EXPECT_FALSE(hotplug_line(&h));
	EXPECT_EQ(0u, get(63, HOTPLUG_CAME));
	EXPECT_EQ(1u << 31, get(63, HOTPLUG_EJECT));
	EXPECT_EQ(2u, get(0, HOTPLUG_EJECT));
	EXPECT_EQ(63u, get(63, HOTPLUG_BUS));
	EXPECT_EQ(0u, get(64, HOTPLUG_EJECT)); // no such bus
}

TEST_F(Hotplug, TheGuestGivesUpOnlyWhatItWasAskedFor)
{
	set(HOTPLUG_BUS, 0);
	EXPECT_FALSE(set(HOTPLUG_EJECT, 2)) << "nobody has asked";
	EXPECT_EQ(-ENOENT, hotplug_ask(&h, 0, 2));
	EXPECT_EQ(-ENOENT, hotplug_ask(&h, 64, 1));
	EXPECT_EQ(-ENOENT, hotplug_ask(&h, 0, 32));
	ASSERT_EQ(0, hotplug_ask(&h, 0, 1));
	EXPECT_TRUE(hotplug_line(&h));
	EXPECT_EQ(2u, get(0, HOTPLUG_WANTED));
	EXPECT_FALSE(hotplug_line(&h));
	EXPECT_EQ(0u, get(0, HOTPLUG_WANTED));
	ASSERT_EQ(0, hotplug_ask(&h, 0, 1)); // it may be slow, and is told again
	EXPECT_EQ(2u, get(0, HOTPLUG_WANTED));
	EXPECT_FALSE(set(HOTPLUG_EJECT, 6)) << "one at a time";
	EXPECT_FALSE(set(HOTPLUG_EJECT, 0));
	set(HOTPLUG_BUS, 1);
	EXPECT_FALSE(set(HOTPLUG_EJECT, 2)) << "another bus";
	set(HOTPLUG_BUS, UINT32_MAX);
	EXPECT_FALSE(set(HOTPLUG_EJECT, 2));
	set(HOTPLUG_BUS, 0);
	ASSERT_TRUE(set(HOTPLUG_EJECT, 2));
	EXPECT_EQ(0u, bus);
	EXPECT_EQ(1u, slot);
	EXPECT_FALSE(set(HOTPLUG_EJECT, 2)) << "once";
	EXPECT_EQ(2u, get(0, HOTPLUG_EJECT)) << "there until it is taken away";
	hotplug_remove(&h, 0, 1);
	EXPECT_EQ(0u, get(0, HOTPLUG_EJECT));
}

TEST_F(Hotplug, OddAccessesDoNothing)
{
	hotplug_add(&h, 0, 3);
	for (unsigned size : {1u, 2u, 8u})
		EXPECT_EQ(UINT32_MAX, hotplug_read(&h, 0, size));
	EXPECT_EQ(UINT32_MAX, hotplug_read(&h, 2, 4));
	EXPECT_EQ(UINT32_MAX, hotplug_read(&h, HOTPLUG_BYTES, 4));
	EXPECT_FALSE(hotplug_write(&h, HOTPLUG_BUS, 1, 5, &bus, &slot));
	EXPECT_EQ(0u, h.bus);
	EXPECT_EQ(8u, get(0, HOTPLUG_CAME));
}

// Whatever is done to it, what it is saved as is read back, and slots without a card ask nothing.
TEST_F(Hotplug, SavedAndRestoredInAnyState)
{
	std::mt19937 rnd(4);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned b = rnd() % 66, s = rnd() % 34;
		switch (rnd() % 5) {
		case 0:
			hotplug_add(&h, b, s);
			break;
		case 1:
			hotplug_ask(&h, b, s);
			break;
		case 2:
			hotplug_remove(&h, b, s);
			break;
		case 3:
			hotplug_read(&h, rnd() % 20, 1u << rnd() % 3);
			break;
		default:
			set(rnd() % 20, rnd() % 2 ? b : 1u << rnd() % 32);
		}
		if (i % 100)
			continue;
		std::vector<uint8_t> room(4096);
		fields to = fields_writer(room.data(), room.size());
		hotplug_fields(&to, &h);
		ASSERT_FALSE(to.bad);
		hotplug back = {};
		fields from = fields_reader(room.data(), room.size());
		hotplug_fields(&from, &back);
		ASSERT_FALSE(from.bad);
		EXPECT_EQ(0, memcmp(&h, &back, sizeof(h)));
	}
}
} // namespace
