// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/chip/ioapic.h"
}

struct Io : ::testing::Test {
	ioapic io = {};
	ioapic_fx fx;

	Io()
	{
		ioapic_reset(&io, 0);
	}
	void reg(uint8_t index, uint32_t v)
	{
		ioapic_write(&io, 0, index, &fx);
		ioapic_write(&io, 0x10, v, &fx);
	}
	uint32_t reg(uint8_t index)
	{
		ioapic_write(&io, 0, index, &fx);
		return ioapic_read(&io, 0x10);
	}
	void entry(unsigned pin, uint64_t e)
	{
		reg(0x11 + 2 * pin, e >> 32);
		reg(0x10 + 2 * pin, (uint32_t)e);
	}
	uint64_t entry(unsigned pin)
	{
		return (uint64_t)reg(0x11 + 2 * pin) << 32 | reg(0x10 + 2 * pin);
	}
	unsigned line(unsigned pin, bool on)
	{
		ioapic_set_line(&io, pin, on, &fx);
		return fx.n;
	}
};

static const uint64_t MASKED = 1 << 16, LEVEL = 1 << 15, RIRR = 1 << 14, LOGICAL = 1 << 11;

TEST_F(Io, Identity)
{
	EXPECT_EQ(0x170020u, reg(1));
	reg(0, 0xffffffff);
	EXPECT_EQ(0x0f000000u, reg(0));
	EXPECT_EQ(0x0f000000u, reg(2));
	EXPECT_EQ(0u, reg(3));
	EXPECT_EQ(0u, reg(0x40)); // behind the last entry
	reg(0x40, ~0u);
	EXPECT_EQ(0u, reg(0xff));
	EXPECT_EQ(0u, ioapic_read(&io, 0x20));
}

TEST_F(Io, AllPinsAllBits)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		EXPECT_EQ(MASKED, entry(pin));
		entry(pin, ~0ull);
		EXPECT_EQ(0xfffe00000001afffull, entry(pin)) << pin;
		entry(pin, MASKED);
	}
}

TEST_F(Io, EveryPinSendsItsEdge)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		EXPECT_EQ(0u, line(pin, true)); // masked: lost
		EXPECT_EQ(0u, line(pin, false));
		entry(pin, (uint64_t)pin << 56 | (uint64_t)3 << 49 | (0x30 + pin));
		EXPECT_EQ(0u, fx.n);
		ASSERT_EQ(1u, line(pin, true));
		EXPECT_EQ(0x30 + pin, fx.msg[0].vector);
		EXPECT_EQ(0x300 + pin, fx.msg[0].dest);
		EXPECT_FALSE(fx.msg[0].level);
		EXPECT_FALSE(fx.msg[0].logical);
		EXPECT_EQ(0u, line(pin, true)); // no new edge
		EXPECT_EQ(0u, line(pin, false));
		EXPECT_EQ(1u, line(pin, true));
		line(pin, false);
	}
	EXPECT_EQ(0u, line(24, true));
	EXPECT_EQ(0u, line(~0u, true));
}

TEST_F(Io, EveryPinHandlesLevels)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t e = LEVEL | LOGICAL | (0x30 + pin);
		entry(pin, e);
		ASSERT_EQ(1u, line(pin, true));
		EXPECT_TRUE(fx.msg[0].level);
		EXPECT_TRUE(fx.msg[0].logical);
		EXPECT_EQ(e | RIRR, entry(pin));
		line(pin, false);
		EXPECT_EQ(0u, line(pin, true)) << "waits for the EOI";
		ioapic_eoi(&io, 0x30 + pin, &fx); // still asserted: again
		ASSERT_EQ(1u, fx.n);
		line(pin, false);
		ioapic_eoi(&io, 0x99, &fx);
		EXPECT_EQ(e | RIRR, entry(pin)) << "another vector's EOI";
		ioapic_write(&io, 0x40, 0x30 + pin, &fx); // EOI register
		EXPECT_EQ(0u, fx.n);
		EXPECT_EQ(e, entry(pin));
	}
}

TEST_F(Io, UnmaskingAnAssertedLevelSends)
{
	entry(5, LEVEL | MASKED | 0x35);
	EXPECT_EQ(0u, line(5, true));
	entry(5, LEVEL | 0x35);
	ASSERT_EQ(1u, fx.n);
	EXPECT_EQ(0x35, fx.msg[0].vector);
	entry(5, LEVEL | 0x35); // rewriting does not send twice
	EXPECT_EQ(0u, fx.n);
	entry(5, LEVEL | MASKED | 0x35);
	ioapic_eoi(&io, 0x35, &fx); // masked meanwhile
	EXPECT_EQ(0u, fx.n);
	entry(5, LEVEL | 0x35);
	EXPECT_EQ(1u, fx.n);
	entry(5, MASKED | 0x35); // edge mode clears remote IRR
	EXPECT_EQ(MASKED | 0x35, entry(5));
}

TEST_F(Io, OneEoiServesAllPinsOfAVector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		entry(pin, LEVEL | 0x44);
		line(pin, true);
	}
	ioapic_eoi(&io, 0x44, &fx);
	EXPECT_EQ(IOAPIC_PINS, fx.n);
}

TEST_F(Io, ModesThatCannotBeDelivered)
{
	for (unsigned mode : {2u, 3u, 6u}) {
		entry(1, mode << 8 | 0x31);
		EXPECT_EQ(0u, line(1, true)) << mode;
		line(1, false);
	}
	EXPECT_EQ(3u, io.dropped);
	for (unsigned mode : {4u, 7u}) { // NMI and ExtINT are edges even so
		entry(1, LEVEL | mode << 8);
		EXPECT_EQ(1u, line(1, true));
		EXPECT_EQ(mode, fx.msg[0].delivery);
		EXPECT_FALSE(fx.msg[0].level);
		line(1, false);
	}
}
