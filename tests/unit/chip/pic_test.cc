// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/chip/pic.h"
}

/* What Linux does in probe_8259A() and init_8259A(). */
TEST(Pic, LinuxFindsIt)
{
	pic p;
	pic_reset(&p);
	pic_write(&p, 0xa1, 0xff);
	pic_write(&p, 0x21, 0xfb);
	EXPECT_EQ(0xfb, pic_read(&p, 0x21));
	for (uint16_t base : {0x20, 0xa0}) {
		pic_write(&p, base + 1, 0xff);
		pic_write(&p, base, 0x11);
		pic_write(&p, base + 1, 0x30);
		pic_write(&p, base + 1, 4);
		pic_write(&p, base + 1, 1);
		EXPECT_EQ(0, pic_read(&p, base + 1)) << "initialisation words are no masks";
		pic_write(&p, base + 1, 0xa5);
		EXPECT_EQ(0xa5, pic_read(&p, base + 1));
	}
}

TEST(Pic, InitialisationLengths)
{
	for (uint8_t icw1 : {0x10, 0x11, 0x12, 0x13}) {
		pic p;
		pic_reset(&p);
		pic_write(&p, 0x20, icw1);
		unsigned words = 1 + !(icw1 & 2) + (icw1 & 1);
		for (unsigned i = 0; i < words; i++)
			pic_write(&p, 0x21, 0x77);
		EXPECT_EQ(0, pic_read(&p, 0x21));
		pic_write(&p, 0x21, 0x5a);
		EXPECT_EQ(0x5a, pic_read(&p, 0x21)) << (int)icw1;
	}
}

TEST(Pic, EdgeLevelRegisters)
{
	pic p;
	pic_reset(&p);
	pic_write(&p, 0x4d0, 0xff);
	pic_write(&p, 0x4d1, 0xff);
	EXPECT_EQ(0xf8, pic_read(&p, 0x4d0));
	EXPECT_EQ(0xde, pic_read(&p, 0x4d1));
	pic_write(&p, 0x20, 0x0b); // read ISR
	EXPECT_EQ(0, pic_read(&p, 0x20));
	pic_write(&p, 0x20, 0x20); // EOI
	EXPECT_EQ(0xff, pic_read(&p, 0x21));
}
