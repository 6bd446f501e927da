// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/chip/kbc.h"
}

TEST(Kbc, PulsingLine0Resets)
{
	for (unsigned v = 0; v < 256; v++)
		EXPECT_EQ(v >= 0xf0 && !(v & 1), kbc_resets(0x64, (uint8_t)v)) << v;
}

TEST(Kbc, Port92)
{
	EXPECT_EQ(2, kbc_read(0x92)); // so that "in, or 1, out" keeps A20 on, and resets
	for (unsigned v = 0; v < 256; v++)
		EXPECT_EQ((v & 1) != 0, kbc_resets(0x92, (uint8_t)v)) << v;
}

TEST(Kbc, NoKeyboardIsThereAndNobodyWaits)
{
	EXPECT_TRUE(kbc_read(0x64) & 1);  // always "a byte is there": no controller is like that
	EXPECT_FALSE(kbc_read(0x64) & 2); // "not yet taken" would make Linux wait before it resets
}
