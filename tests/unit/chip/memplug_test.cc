// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

extern "C" {
#include "vmm/chip/memplug.h"
}

namespace
{
constexpr uint64_t kAt = 0x1'80000000ull, kBytes = 0x2'10000000ull;

struct MemPlug : testing::Test {
	memplug p = {};
	plug_fx fx = {};

	void set(unsigned reg, uint32_t v, unsigned size = 4)
	{
		memplug_write(&p, reg, size, v, &fx);
	}
	uint32_t get(unsigned reg, unsigned size = 4)
	{
		return memplug_read(&p, reg, size);
	}
	uint32_t flags(uint32_t slot)
	{
		set(MEMPLUG_SELECTOR, slot);
		return get(MEMPLUG_FLAGS, 1);
	}
};

TEST_F(MemPlug, APieceSaysWhereItIs)
{
	EXPECT_FALSE(memplug_line(&p));
	memplug_add(&p, 2, kAt, kBytes, 3, true);
	EXPECT_TRUE(memplug_line(&p));
	EXPECT_EQ(MEMPLUG_ENABLED | MEMPLUG_INSERT, flags(2));
	EXPECT_EQ((uint32_t)kAt, get(0));
	EXPECT_EQ(1u, get(4));
	EXPECT_EQ((uint32_t)kBytes, get(8));
	EXPECT_EQ(2u, get(12));
	EXPECT_EQ(3u, get(MEMPLUG_DOMAIN));
	set(MEMPLUG_FLAGS, MEMPLUG_INSERT, 1);
	EXPECT_FALSE(memplug_line(&p));
	EXPECT_EQ(MEMPLUG_ENABLED, flags(2));
	EXPECT_EQ(0u, flags(1));
	EXPECT_EQ(0u, get(0));
	memplug_add(&p, 1, kAt, kBytes, 3, false);
	EXPECT_FALSE(memplug_line(&p)) << "there, and nobody is told";
	memplug_add(&p, MEMPLUG_SLOTS, kAt, kBytes, 3, true);
	EXPECT_FALSE(memplug_line(&p)) << "no such slot";
}

TEST_F(MemPlug, TheGuestGivesUpOnlyWhatItWasAskedFor)
{
	EXPECT_EQ(-ENOENT, memplug_ask(&p, 0));
	EXPECT_EQ(-ENOENT, memplug_ask(&p, MEMPLUG_SLOTS));
	memplug_add(&p, 0, kAt, kBytes, 0, false);
	flags(0);
	set(MEMPLUG_FLAGS, MEMPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
	ASSERT_EQ(0, memplug_ask(&p, 0));
	EXPECT_EQ(MEMPLUG_ENABLED | MEMPLUG_REMOVE, flags(0));
	set(MEMPLUG_FLAGS, MEMPLUG_REMOVE, 1);
	EXPECT_FALSE(memplug_line(&p));
	set(MEMPLUG_EVENT, 3);
	set(MEMPLUG_STATUS, 0x84);
	EXPECT_EQ(PLUG_OST, fx.said);
	EXPECT_EQ(3u, fx.event);
	EXPECT_EQ(0x84u, fx.status);
	set(MEMPLUG_FLAGS, MEMPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_EJECTED, fx.said);
	EXPECT_EQ(0u, fx.index);
	set(MEMPLUG_FLAGS, MEMPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
	EXPECT_TRUE(memplug_filled(&p, 0)) << "until its owner takes it";
	memplug_remove(&p, 0);
	EXPECT_FALSE(memplug_filled(&p, 0));
}

TEST_F(MemPlug, AResetLeavesWhatIsThereAndAsksForNothing)
{
	memplug_add(&p, 0, kAt, kBytes, 1, true);
	memplug_add(&p, 1, kAt + kBytes, kBytes, 1, false);
	ASSERT_EQ(0, memplug_ask(&p, 1));
	memplug_reset(&p);
	EXPECT_FALSE(memplug_line(&p));
	EXPECT_EQ(MEMPLUG_ENABLED, flags(0));
	EXPECT_EQ((uint32_t)kAt, get(0));
	flags(1);
	set(MEMPLUG_FLAGS, MEMPLUG_EJECT, 1);
	EXPECT_EQ(PLUG_SAID_NOTHING, fx.said);
}

TEST_F(MemPlug, HostileWritesGiveUpNothing)
{
	std::mt19937 rng(2);
	for (unsigned i = 0; i < 4; i++)
		memplug_add(&p, i, kAt + i * kBytes, kBytes, i, true);
	ASSERT_EQ(0, memplug_ask(&p, 2));
	unsigned ejected = 0, words = 0;
	for (unsigned i = 0; i < 200000; i++) {
		unsigned size = 1u << rng() % 4, offset = rng() % 28;
		memplug_write(&p, offset, size, rng() % 3 ? rng() % 16 : rng(), &fx);
		memplug_read(&p, offset, size);
		ejected += fx.said == PLUG_EJECTED;
		words += fx.said == PLUG_OST;
		if (fx.said == PLUG_EJECTED) {
			EXPECT_EQ(2u, fx.index);
		}
	}
	EXPECT_LE(ejected, 1u);
	EXPECT_LE(words, 4 * PLUG_WORDS);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_TRUE(memplug_filled(&p, i)) << i;
}

TEST_F(MemPlug, FieldsThereAndBack)
{
	std::vector<uint8_t> buf(4096);
	memplug_add(&p, 3, kAt, kBytes, 2, true);
	fields w = fields_writer(buf.data(), buf.size());
	memplug_fields(&w, &p);
	ASSERT_FALSE(w.bad);
	memplug q = {};
	fields r = fields_reader(buf.data(), buf.size());
	memplug_fields(&r, &q);
	EXPECT_FALSE(r.bad);
	EXPECT_EQ(0, memcmp(&p, &q, sizeof(p)));
	buf[8 + 20] = MEMPLUG_INSERT; // an event of a slot that is empty
	r = fields_reader(buf.data(), buf.size());
	memplug_fields(&r, &q);
	EXPECT_TRUE(r.bad);
}
} // namespace
