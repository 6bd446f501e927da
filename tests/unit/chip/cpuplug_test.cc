// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

extern "C" {
#include "vmm/chip/cpuplug.h"
}

namespace
{
struct CpuPlug : testing::Test {
	cpuplug c;
	plug_fx fx = {};

	CpuPlug()
	{
		bool present[8] = {true, true};
		cpuplug_reset(&c, 8, present);
	}
	void set(unsigned reg, uint32_t v, unsigned size)
	{
		cpuplug_write(&c, reg, size, v, &fx);
	}
	void select(uint32_t i)
	{
		set(CPUPLUG_SELECTOR, i, 4);
	}
	uint32_t flags(uint32_t i)
	{
		select(i);
		return cpuplug_read(&c, CPUPLUG_FLAGS, 1, 0);
	}
	/* As the method that looks for events does. */
	uint32_t next()
	{
		set(CPUPLUG_COMMAND, CPUPLUG_NEXT, 1);
		return cpuplug_read(&c, CPUPLUG_DATA, 4, 0);
	}
	void ost(uint32_t event, uint32_t status)
	{
		set(CPUPLUG_COMMAND, CPUPLUG_OST_EVENT, 1);
		set(CPUPLUG_DATA, event, 4);
		set(CPUPLUG_COMMAND, CPUPLUG_OST_STATUS, 1);
		set(CPUPLUG_DATA, status, 4);
	}
};

TEST_F(CpuPlug, OneThatComesIsFoundByOneCommandAndToldOnce)
{
	EXPECT_FALSE(cpuplug_line(&c));
	EXPECT_EQ(CPUPLUG_ENABLED, flags(1));
	EXPECT_EQ(0u, flags(5));
	cpuplug_add(&c, 5);
	cpuplug_add(&c, 3);
	EXPECT_TRUE(cpuplug_line(&c));
	select(0);
	EXPECT_EQ(3u, next());
	EXPECT_EQ(CPUPLUG_ENABLED | CPUPLUG_INSERT, cpuplug_read(&c, CPUPLUG_FLAGS, 1, 0));
	set(CPUPLUG_FLAGS, CPUPLUG_INSERT, 1);
	EXPECT_EQ(5u, next());
	set(CPUPLUG_FLAGS, CPUPLUG_INSERT, 1);
	EXPECT_FALSE(cpuplug_line(&c));
	EXPECT_EQ(5u, next()) << "nothing more: the selector stays";
	EXPECT_EQ(CPUPLUG_ENABLED, cpuplug_read(&c, CPUPLUG_FLAGS, 1, 0));
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
}

TEST_F(CpuPlug, TheGuestGivesUpOnlyWhatItWasAskedForAndNeverTheFirst)
{
	select(1);
	set(CPUPLUG_FLAGS, CPUPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said) << "nobody has asked";
	EXPECT_EQ(-EPERM, cpuplug_ask(&c, 0));
	EXPECT_EQ(-ENOENT, cpuplug_ask(&c, 5));
	EXPECT_EQ(-ENOENT, cpuplug_ask(&c, 8));
	ASSERT_EQ(0, cpuplug_ask(&c, 1));
	EXPECT_EQ(CPUPLUG_ENABLED | CPUPLUG_REMOVE, flags(1));
	select(0);
	set(CPUPLUG_FLAGS, CPUPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
	select(1);
	set(CPUPLUG_FLAGS, CPUPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_EJECTED, fx.said);
	EXPECT_EQ(1u, fx.index);
	set(CPUPLUG_FLAGS, CPUPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said) << "said twice";
	EXPECT_EQ(CPUPLUG_ENABLED, flags(1)) << "it is there until its owner takes it";
	cpuplug_remove(&c, 1);
	EXPECT_EQ(0u, flags(1));
	EXPECT_FALSE(cpuplug_line(&c));
}

TEST_F(CpuPlug, WordsArePassedOnAsOftenAsTheyCanMeanSomething)
{
	select(5);
	ost(1, 0);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said) << "it was not told of anything";
	cpuplug_add(&c, 5);
	for (unsigned i = 0; i < PLUG_WORDS; i++) {
		select(5);
		ost(1, 0x80 + i);
		EXPECT_EQ(PLUG_OST, fx.said);
		EXPECT_EQ(5u, fx.index);
		EXPECT_EQ(1u, fx.event);
		EXPECT_EQ(0x80 + i, fx.status);
	}
	ost(1, 0);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
	cpuplug_add(&c, 5); // told again
	ost(1, 0);
	EXPECT_EQ(PLUG_OST, fx.said);
}

TEST_F(CpuPlug, ASelectorBeyondTheLastSelectsNothing)
{
	cpuplug_add(&c, 7);
	for (uint32_t i : {8u, 1024u, UINT32_MAX}) {
		EXPECT_EQ(0u, flags(i));
		EXPECT_EQ(UINT32_MAX, cpuplug_selected(&c));
		set(CPUPLUG_FLAGS, 0xff, 1);
		ost(1, 0);
		EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
	}
	EXPECT_EQ(7u, next());
	set(CPUPLUG_COMMAND, CPUPLUG_ARCH_ID, 1);
	EXPECT_EQ(0x123u, cpuplug_read(&c, CPUPLUG_DATA, 4, 0x123));
	EXPECT_EQ(0u, cpuplug_read(&c, CPUPLUG_SELECTOR, 4, 0x123));
}

TEST_F(CpuPlug, AResetLeavesWhatIsThereAndAsksForNothing)
{
	cpuplug_add(&c, 4);
	ASSERT_EQ(0, cpuplug_ask(&c, 1));
	bool present[8];
	for (unsigned i = 0; i < 8; i++)
		present[i] = c.cpu[i] & CPUPLUG_ENABLED;
	cpuplug_reset(&c, 8, present);
	EXPECT_FALSE(cpuplug_line(&c));
	EXPECT_EQ(CPUPLUG_ENABLED, flags(4));
	EXPECT_EQ(CPUPLUG_ENABLED, flags(1));
	set(CPUPLUG_FLAGS, CPUPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
}

// Whatever a guest writes: nothing that was not asked for is given up, and what it says is bounded.
TEST_F(CpuPlug, HostileWritesGiveUpNothing)
{
	std::mt19937 rng(1);
	for (unsigned i = 0; i < 8; i++)
		cpuplug_add(&c, i);
	ASSERT_EQ(0, cpuplug_ask(&c, 6));
	unsigned ejected = 0, words = 0;
	for (unsigned i = 0; i < 200000; i++) {
		unsigned size = 1u << rng() % 4, offset = rng() % 16;
		uint32_t v = rng() % 3 ? rng() % 16 : rng();
		cpuplug_write(&c, offset, size, v, &fx);
		cpuplug_read(&c, offset, size, 0);
		ejected += fx.said == PLUG_EJECTED;
		words += fx.said == PLUG_OST;
		if (fx.said == PLUG_EJECTED) {
			EXPECT_EQ(6u, fx.index);
		}
	}
	EXPECT_LE(ejected, 1u);
	EXPECT_LE(words, 8 * PLUG_WORDS);
	for (unsigned i = 0; i < 8; i++)
		EXPECT_TRUE(flags(i) & CPUPLUG_ENABLED) << i;
}

TEST_F(CpuPlug, FieldsThereAndBack)
{
	std::vector<uint8_t> buf(8192);
	cpuplug_add(&c, 3);
	ASSERT_EQ(0, cpuplug_ask(&c, 1));
	select(3);
	fields w = fields_writer(buf.data(), buf.size());
	cpuplug_fields(&w, &c);
	ASSERT_FALSE(w.bad);
	cpuplug d = {};
	fields r = fields_reader(buf.data(), buf.size());
	cpuplug_fields(&r, &d);
	EXPECT_FALSE(r.bad);
	EXPECT_EQ(0, memcmp(&c, &d, sizeof(c)));
	buf[13 + 2 * 5] = CPUPLUG_INSERT; // an event of a CPU that is not there
	r = fields_reader(buf.data(), buf.size());
	cpuplug_fields(&r, &d);
	EXPECT_TRUE(r.bad);
	put_le(buf.data(), VCPUS_MAX + 1, 4);
	r = fields_reader(buf.data(), buf.size());
	cpuplug_fields(&r, &d);
	EXPECT_TRUE(r.bad);
}
} // namespace
