// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

extern "C" {
#include "vmm/chip/pic.h"
}

namespace
{
enum : uint16_t { M = 0x20, S = 0xa0 };
const uint8_t EOI = 0x20, READ_IRR = 0x0a, READ_ISR = 0x0b, POLL = 0x0c;

struct Pic : ::testing::Test {
	pic p;

	Pic()
	{
		pic_reset(&p);
	}
	void out(uint16_t port, uint8_t v)
	{
		pic_write(&p, port, v);
	}
	uint8_t in(uint16_t port)
	{
		return pic_read(&p, port);
	}
	void init(uint8_t icw4 = 1, uint8_t slave_icw4 = 1)
	{
		for (uint16_t base : {M, S}) {
			out(base, 0x11);
			out(base + 1, base == M ? 0x30 : 0x38);
			out(base + 1, base == M ? 4 : 2);
			out(base + 1, base == M ? icw4 : slave_icw4);
		}
	}
	uint8_t irr(uint16_t base)
	{
		out(base, READ_IRR);
		return in(base);
	}
	uint8_t isr(uint16_t base)
	{
		out(base, READ_ISR);
		return in(base);
	}
	void line(unsigned n, bool high)
	{
		pic_set_line(&p, n, high);
	}
	void pulse(unsigned n) // a new edge; the line stays high
	{
		line(n, false);
		line(n, true);
	}
	int ack() // -1: nothing was asked for
	{
		return pic_intr(&p) ? pic_acknowledge(&p) : -1;
	}
	void eoi(unsigned n)
	{
		if (n >= 8)
			out(S, EOI);
		out(M, EOI);
	}
};
} // namespace

/* What Linux does in probe_8259A() and init_8259A(). */
TEST_F(Pic, LinuxFindsIt)
{
	out(0xa1, 0xff);
	out(0x21, 0xfb);
	EXPECT_EQ(0xfb, in(0x21));
	for (uint16_t base : {M, S}) {
		out(base + 1, 0xff);
		out(base, 0x11);
		out(base + 1, 0x30);
		out(base + 1, 4);
		out(base + 1, 1);
		EXPECT_EQ(0, in(base + 1)) << "initialisation words are no masks";
		out(base + 1, 0xa5);
		EXPECT_EQ(0xa5, in(base + 1));
	}
}

TEST_F(Pic, InitialisationLengths)
{
	for (uint8_t icw1 : {0x10, 0x11, 0x12, 0x13}) {
		pic_reset(&p);
		out(M, icw1);
		unsigned words = 1 + !(icw1 & 2) + (icw1 & 1);
		for (unsigned i = 0; i < words; i++) {
			line(0, true);
			EXPECT_FALSE(pic_intr(&p)) << "not before it knows its vectors";
			line(0, false);
			out(M + 1, 0x77);
		}
		EXPECT_EQ(0, in(M + 1));
		out(M + 1, 0x5a);
		EXPECT_EQ(0x5a, in(M + 1)) << (int)icw1;
	}
}

TEST_F(Pic, AfterResetNothingComesThrough)
{
	for (unsigned n = 0; n < 20; n++)
		line(n, true);
	EXPECT_FALSE(pic_intr(&p));
	EXPECT_EQ(0xff, in(0x21));
	EXPECT_EQ(0xff, in(0xa1));
	out(0x21, 0xfe);
	EXPECT_EQ(8, ack()); // the vectors of firmware
}

TEST_F(Pic, EveryLineHasItsVectorAndIsEnded)
{
	init();
	for (unsigned n = 0; n < 16; n++) {
		if (n == 2)
			continue;
		uint16_t base = n < 8 ? M : S;
		line(n, true);
		ASSERT_TRUE(pic_intr(&p)) << n;
		EXPECT_EQ(1 << n % 8, irr(base));
		EXPECT_EQ(n < 8 ? 0 : 4, irr(M) & 4);
		EXPECT_EQ(0x30 + (int)n, ack());
		EXPECT_EQ(0, irr(base)) << "an edge is taken";
		EXPECT_EQ(1 << n % 8, isr(base));
		EXPECT_EQ(n < 8 ? 0 : 4, isr(M) & 4);
		EXPECT_FALSE(pic_intr(&p)) << n;
		eoi(n);
		EXPECT_EQ(0, isr(base) | isr(M));
		EXPECT_FALSE(pic_intr(&p)) << "the line is still high, but no new edge came";
		line(n, false);
	}
	line(2, true); // the cascade's own
	EXPECT_FALSE(pic_intr(&p));
}

/* Each line against each other one: who goes first, who has to wait, who interrupts whom. */
TEST_F(Pic, Priorities)
{
	auto rank = [](unsigned n) { return n < 2 ? n : n >= 8 ? n - 6 : n + 7; };
	for (unsigned a = 0; a < 16; a++)
		for (unsigned b = 0; b < 16; b++) {
			if (a == b || a == 2 || b == 2)
				continue;
			pic_reset(&p);
			init();
			line(a, true);
			ASSERT_EQ(0x30 + (int)a, ack());
			line(b, true);
			bool sooner = rank(b) < rank(a);
			if (sooner && a >= 8 && b >= 8)
				sooner = false; // the master's IR2 is in service: plain nesting does not see it
			EXPECT_EQ(sooner ? 0x30 + (int)b : -1, ack()) << a << " " << b;
			if (!sooner) {
				eoi(a);
				EXPECT_EQ(0x30 + (int)b, ack()) << a << " " << b;
			}
		}
}

TEST_F(Pic, SpecialFullyNestedModeLetsTheSlaveInterruptItself)
{
	init(0x11);
	line(12, true);
	ASSERT_EQ(0x3c, ack());
	line(9, true);
	EXPECT_EQ(0x39, ack());
	line(13, true);
	EXPECT_EQ(-1, ack());
	out(S, EOI);
	out(S, EOI);
	EXPECT_EQ(0x3d, ack());
}

TEST_F(Pic, MasksOfEveryLine)
{
	init();
	for (unsigned n = 0; n < 16; n++) {
		if (n == 2)
			continue;
		uint16_t port = n < 8 ? 0x21 : 0xa1;
		out(port, (uint8_t)(1 << n % 8));
		pulse(n);
		EXPECT_EQ(-1, ack()) << n;
		out(port, 0); // it is still asked for
		EXPECT_EQ(0x30 + (int)n, ack()) << n;
		eoi(n);
		line(n, false);
	}
	pulse(11);
	out(0x21, 4); // the whole slave
	EXPECT_EQ(-1, ack());
	out(0x21, 0);
	EXPECT_EQ(0x3b, ack());
}

TEST_F(Pic, ARequestThatEndsBeforeItIsTakenIsWithdrawn)
{
	init();
	line(4, true);
	EXPECT_TRUE(pic_intr(&p));
	line(4, false);
	EXPECT_FALSE(pic_intr(&p));
	EXPECT_EQ(0x37, pic_acknowledge(&p)); // should the processor ask all the same: spurious
	EXPECT_EQ(0, isr(M)) << "which is not in service";
	line(9, true);
	EXPECT_TRUE(pic_intr(&p));
	line(9, false);
	EXPECT_FALSE(pic_intr(&p));
	EXPECT_EQ(0, irr(M));
}

TEST_F(Pic, EdgeLevelRegisters)
{
	out(0x4d0, 0xff);
	out(0x4d1, 0xff);
	EXPECT_EQ(0xf8, in(0x4d0));
	EXPECT_EQ(0xde, in(0x4d1));
}

TEST_F(Pic, ALevelComesAgainUntilItIsLow)
{
	init();
	for (unsigned n : {3u, 5u, 9u, 11u, 15u}) {
		out(n < 8 ? 0x4d0 : 0x4d1, (uint8_t)(1 << n % 8));
		line(n, true);
		for (int i = 0; i < 3; i++) {
			EXPECT_EQ(0x30 + (int)n, ack()) << n;
			EXPECT_EQ(-1, ack());
			eoi(n);
		}
		line(n, false);
		EXPECT_EQ(-1, ack()) << n;
	}
	out(0x4d0, 8);
	line(3, true);
	ASSERT_EQ(-1, (out(0x4d0, 0), ack())) << "as an edge it came long ago";
	out(0x4d0, 8);
	EXPECT_EQ(0x33, ack());
}

TEST_F(Pic, InitialisationForgetsEdgesAndWhatIsInService)
{
	init();
	out(0x4d0, 0x20);
	line(5, true);
	line(4, true);
	ASSERT_EQ(0x34, ack());
	line(3, true);
	out(S, 0x68); // special mask mode, and so on
	out(M, 0xc3); // priorities
	init();
	EXPECT_EQ(0x20, irr(M)) << "the level is still there";
	EXPECT_EQ(0, isr(M));
	EXPECT_EQ(0x35, ack());
	line(4, false);
	line(4, true);
	EXPECT_EQ(0x34, ack()) << "0 is the first again";
}

/* OCW2, every command, with lines 1, 4 and 6 in service or asked for. */
TEST_F(Pic, EndOfInterruptCommands)
{
	const struct {
		uint8_t ocw2, isr, lowest;
	} rows[] = {
		{0x20, 0x50, 7}, // the highest
		{0xa0, 0x50, 1}, // ... and rotate
		{0x64, 0x42, 7}, // line 4
		{0xe4, 0x42, 4}, // ... and rotate
		{0x60, 0x52, 7}, // line 0 is not in service
		{0xc5, 0x52, 5}, // set the lowest
		{0x40, 0x52, 7}, // nothing
		{0x80, 0x52, 7}, // rotate by itself: concerns automatic ends only
		{0x00, 0x52, 7},
	};
	for (auto &r : rows) {
		pic_reset(&p);
		init();
		for (unsigned n : {6u, 4u, 1u}) {
			line(n, true);
			ASSERT_EQ(0x30 + (int)n, ack());
		}
		out(M, r.ocw2);
		EXPECT_EQ(r.isr, isr(M)) << std::hex << (int)r.ocw2;
		EXPECT_EQ(r.lowest, p.half[0].lowest) << std::hex << (int)r.ocw2;
	}
}

TEST_F(Pic, RotationMakesEachLineTheFirst)
{
	init();
	for (unsigned lowest = 0; lowest < 8; lowest++) {
		out(M, (uint8_t)(0xc0 | lowest));
		for (unsigned n : {0u, 1u, 3u, 4u, 5u, 6u, 7u})
			pulse(n);
		for (unsigned i = 1; i <= 8; i++) {
			unsigned n = (lowest + i) & 7;
			if (n == 2)
				continue;
			EXPECT_EQ(0x30 + (int)n, ack()) << lowest;
			out(M, 0x20);
		}
	}
}

TEST_F(Pic, AutomaticEnd)
{
	init(3, 3);
	for (unsigned n : {4u, 12u}) {
		pulse(n);
		EXPECT_EQ(0x30 + (int)n, ack());
		EXPECT_EQ(0, isr(M) | isr(S));
	}
	out(M, 0x80); // rotating
	pulse(4);
	EXPECT_EQ(0x34, ack());
	pulse(4);
	pulse(6);
	EXPECT_EQ(0x36, ack());
	EXPECT_EQ(0x34, ack());
	out(M, 0x00);
	pulse(1);
	EXPECT_EQ(0x31, ack());
	EXPECT_EQ(4, p.half[0].lowest);
}

TEST_F(Pic, SpecialMaskMode)
{
	init();
	line(3, true);
	ASSERT_EQ(0x33, ack());
	line(6, true);
	EXPECT_EQ(-1, ack());
	out(0x21, 0x08);
	EXPECT_EQ(-1, ack()) << "masked, it still holds up the lower ones";
	out(M, 0x68);
	EXPECT_EQ(0x36, ack());
	out(M, 0x20);
	EXPECT_EQ(0x08, isr(M)) << "an EOI without a name does not end what is masked";
	out(M, 0x20);
	EXPECT_EQ(0x08, isr(M));
	out(M, 0x63);
	EXPECT_EQ(0, isr(M));
	out(M, 0x48);
	EXPECT_FALSE(p.half[0].special_mask);
}

TEST_F(Pic, Poll)
{
	init();
	out(M, POLL);
	EXPECT_EQ(0, in(M)&0x80);
	EXPECT_EQ(0, in(M)) << "a poll is one read";
	line(5, true);
	out(M, POLL);
	EXPECT_EQ(0x85, in(M));
	EXPECT_EQ(0x20, isr(M));
	EXPECT_FALSE(pic_intr(&p));
	out(M, EOI);
	line(14, true);
	out(M, POLL);
	EXPECT_EQ(0x82, in(M + 1)); // either port
	out(S, POLL);
	EXPECT_EQ(0x86, in(S));
	EXPECT_EQ(0x40, isr(S));
	eoi(14);
	EXPECT_EQ(0, isr(S) | isr(M));
	EXPECT_FALSE(pic_intr(&p));
}

TEST_F(Pic, TheSlavesNextRequestIsANewEdgeForTheMaster)
{
	init();
	line(10, true);
	line(14, true);
	EXPECT_EQ(0x3a, ack());
	out(M, EOI); // the master first
	EXPECT_EQ(-1, ack()) << "10 is in service at the slave";
	out(S, EOI);
	EXPECT_EQ(0x3e, ack());
	eoi(14);
	EXPECT_EQ(-1, ack());
}

TEST_F(Pic, ReadsChooseIrrOrIsrUntilToldOtherwise)
{
	init();
	line(4, true);
	line(6, true);
	ack();
	out(M, READ_ISR);
	EXPECT_EQ(0x10, in(M));
	EXPECT_EQ(0x10, in(M));
	out(M, 0x08); // an OCW3 that does not choose
	EXPECT_EQ(0x10, in(M));
	out(M, READ_IRR);
	EXPECT_EQ(0x40, in(M));
}

TEST_F(Pic, WhateverIsWrittenWhatIsAskedForCanBeTaken)
{
	std::mt19937 rng(9);
	const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1};
	for (int i = 0; i < 400000; i++) {
		switch (rng() % 4) {
		case 0:
			out(ports[rng() % 6], (uint8_t)rng());
			break;
		case 1:
			in(ports[rng() % 6]);
			break;
		case 2:
			line(rng() % 18, rng() & 1);
			break;
		default:
			if (!pic_intr(&p))
				break;
			uint8_t was = p.half[0].isr;
			pic_acknowledge(&p);
			ASSERT_TRUE(p.half[0].auto_eoi || p.half[0].isr != was || p.half[0].special_nested);
		}
		for (auto &h : p.half) {
			ASSERT_EQ(0, h.irr & ~h.lines & ~(&h == p.half ? 4 : 0)) << "asked for by a line that is low";
			ASSERT_LT(h.lowest, 8);
		}
	}
}
