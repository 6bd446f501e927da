// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/chip/pvpanic.h"
}

TEST(Pvpanic, EveryByte)
{
	EXPECT_EQ(3, pvpanic_read());
	for (unsigned v = 0; v < 256; v++)
		EXPECT_EQ(v & 1 ? PVPANIC_PANICKED : v & 2 ? PVPANIC_CRASH_LOADED : 0u, pvpanic_write((uint8_t)v)) << v;
}
