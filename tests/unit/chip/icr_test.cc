// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

extern "C" {
#include "vmm/chip/icr.h"
}

static apic_msg to(uint32_t dest, bool logical = false, uint8_t shorthand = APIC_TO_DEST)
{
	apic_msg m = {};
	m.vector = 0x40;
	m.dest = dest;
	m.logical = logical;
	m.shorthand = shorthand;
	return m;
}

TEST(Icr, Decode)
{
	apic_msg m;
	ASSERT_TRUE(icr_decode(0x0001000500000000ull | 0x4000 | 0x800 | 0x31, &m));
	EXPECT_EQ(APIC_FIXED, m.delivery);
	EXPECT_EQ(0x31, m.vector);
	EXPECT_TRUE(m.logical);
	EXPECT_EQ(0x10005u, m.dest);
	EXPECT_EQ(APIC_TO_DEST, m.shorthand);
	for (uint8_t s = 0; s < 4; s++) {
		ASSERT_TRUE(icr_decode((uint64_t)s << 18 | 0x31, &m));
		EXPECT_EQ(s, m.shorthand);
	}
	for (uint8_t mode = 0; mode < 8; mode++) {
		EXPECT_EQ(mode != 3 && mode != 7, icr_decode(0x4000 | mode << 8, &m)) << (int)mode;
		EXPECT_EQ(mode, m.delivery);
	}
	EXPECT_TRUE(icr_decode(0xc500, &m));  // INIT, level, assert
	EXPECT_FALSE(icr_decode(0x8500, &m)); // INIT de-assert
}

TEST(Icr, DecodeXapic)
{
	apic_msg m;
	ASSERT_TRUE(icr_decode_xapic(0x05ffffff00000000ull | 0x4000 | 0x800 | 0x31, &m));
	EXPECT_EQ(5u, m.dest);
	EXPECT_EQ(0x31, m.vector);
	EXPECT_TRUE(m.logical);
	EXPECT_FALSE(m.wide);
	ASSERT_TRUE(icr_decode_xapic(0xff00000000004500ull, &m));
	EXPECT_EQ(APIC_BROADCAST, m.dest);
	EXPECT_EQ(APIC_INIT, m.delivery);
	EXPECT_FALSE(icr_decode_xapic(0x8500, &m)); // INIT de-assert
	ASSERT_TRUE(icr_decode(0xff00000031ull, &m));
	EXPECT_TRUE(m.wide);
	EXPECT_EQ(0xffu, m.dest);
}

TEST(Icr, PhysicalAndBroadcast)
{
	for (uint32_t id : {0u, 1u, 15u, 16u, 254u, 255u, 256u, 1023u, 32767u}) {
		apic_msg m = to(id), all = to(APIC_BROADCAST), log_all = to(APIC_BROADCAST, true);
		EXPECT_TRUE(apic_msg_matches(&m, 0, id));
		EXPECT_FALSE(apic_msg_matches(&m, 0, id + 1));
		EXPECT_TRUE(apic_msg_matches(&all, 0, id));
		EXPECT_TRUE(apic_msg_matches(&log_all, 0, id));
	}
	apic_msg m = to(0xff);
	EXPECT_FALSE(apic_msg_matches(&m, 0, 3)) << "255 is an id, not a broadcast";
}

TEST(Icr, LogicalIsClusterAndBitmap)
{
	for (uint32_t id = 0; id < 1024; id++) {
		apic_msg m = to(apic_logical_id(id), true);
		for (uint32_t other = 0; other < 1024; other += 7)
			EXPECT_EQ(id == other, apic_msg_matches(&m, 0, other)) << id << " " << other;
		m = to((id >> 4) << 16 | 0xffff, true);
		EXPECT_TRUE(apic_msg_matches(&m, 0, id));
		EXPECT_FALSE(apic_msg_matches(&m, 0, id + 16));
	}
	apic_msg none = to(0x30000, true);
	EXPECT_FALSE(apic_msg_matches(&none, 0, 0x30));
}

TEST(Icr, Shorthands)
{
	apic_msg self = to(9, false, APIC_TO_SELF), all = to(9, false, APIC_TO_ALL),
		 others = to(9, false, APIC_TO_OTHERS);
	for (uint32_t id = 0; id < 4; id++) {
		EXPECT_EQ(id == 2, apic_msg_matches(&self, 2, id));
		EXPECT_TRUE(apic_msg_matches(&all, 2, id));
		EXPECT_EQ(id != 2, apic_msg_matches(&others, 2, id));
	}
}

TEST(Msi, Decode)
{
	apic_msg m;
	ASSERT_EQ(0, msi_decode(0xfee12000, 0x4141, true, &m));
	EXPECT_EQ(0x12u, m.dest);
	EXPECT_EQ(0x41, m.vector);
	EXPECT_EQ(APIC_LOWEST, m.delivery);
	EXPECT_FALSE(m.logical);
	EXPECT_FALSE(m.level);
	ASSERT_EQ(0, msi_decode(0xfeeff004, 0x8041, true, &m));
	EXPECT_TRUE(m.logical);
	EXPECT_TRUE(m.level);
	for (uint32_t id : {0u, 255u, 256u, 0x1234u, 0x7fffu}) {
		uint64_t addr = 0xfee00000 | (id & 0xff) << 12 | (id >> 8) << 5;
		ASSERT_EQ(0, msi_decode(addr, 0x41, true, &m));
		EXPECT_EQ(id, m.dest);
		ASSERT_EQ(0, msi_decode(addr, 0x41, false, &m));
		EXPECT_EQ(id & 0xff, m.dest);
	}
	for (uint64_t bad : {0ull, 0xfed00000ull, 0xfef00000ull, 0x1fee00000ull, ~0ull})
		EXPECT_EQ(-EINVAL, msi_decode(bad, 0x41, true, &m)) << bad;
	EXPECT_EQ(-EINVAL, msi_decode(0xfee00000, 0x341, true, &m));
	EXPECT_EQ(-EINVAL, msi_decode(0xfee00000, 0x641, true, &m));
}
