// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/machine/guest_mem.h"
}

struct GuestMem : ::testing::Test {
	ram r = {};
	guest_mem m;
	GuestMem()
	{
		EXPECT_EQ(0, ram_map(&r, 4 << 20));
		m = guest_mem_of(&r);
	}
	~GuestMem() override
	{
		ram_unmap(&r);
	}
};

TEST_F(GuestMem, ReachesMemoryAndNothingElse)
{
	char text[6] = "";
	const uint64_t end = 4 << 20;
	const uint64_t outside[] = {end, end - 5, LAYOUT_LOW_END, LAYOUT_HIGH, UINT64_MAX, UINT64_MAX - 5};
	EXPECT_TRUE(m.write(m.owner, 4094, "hello", 6)); // over a page's end
	EXPECT_TRUE(m.read(m.owner, 4094, text, 6));
	EXPECT_STREQ("hello", text);
	EXPECT_EQ('h', r.base[4094]);
	for (uint64_t at : outside) {
		EXPECT_FALSE(m.read(m.owner, at, text, 6)) << at;
		EXPECT_FALSE(m.write(m.owner, at, text, 6)) << at;
	}
	EXPECT_TRUE(m.read(m.owner, end, text, 0));
	EXPECT_TRUE(m.write(m.owner, UINT64_MAX, text, 0));
}

TEST_F(GuestMem, Words)
{
	uint16_t v = 0;
	EXPECT_TRUE(m.write16(m.owner, 0x1002, 0x1234));
	EXPECT_EQ(0x34, r.base[0x1002]); // little-endian
	EXPECT_TRUE(m.read16(m.owner, 0x1002, &v));
	EXPECT_EQ(0x1234, v);
	const uint64_t odd[] = {1, 4 << 20, LAYOUT_LOW_END, UINT64_MAX};
	for (uint64_t at : odd) {
		EXPECT_FALSE(m.read16(m.owner, at, &v)) << at;
		EXPECT_FALSE(m.write16(m.owner, at, v)) << at;
	}
}
