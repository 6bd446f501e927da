// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>

extern "C" {
#include "vmm/hv/msr.h"
}

TEST(Msr, KnownQuietOnesReadZeroAndDropWrites)
{
	uint64_t v = 7;
	EXPECT_EQ(0, hv_msr_unknown(false, 0x34, &v));
	EXPECT_EQ(0u, v);
	v = 7;
	EXPECT_EQ(0, hv_msr_unknown(true, 0xc0010055, &v));
	EXPECT_EQ(7u, v);
}

TEST(Msr, OthersFault)
{
	uint64_t v = 7;
	for (uint32_t msr : {0u, 0x33u, 0x35u, 0x12345678u, 0xffffffffu}) {
		EXPECT_EQ(-EINVAL, hv_msr_unknown(false, msr, &v));
		EXPECT_EQ(-EINVAL, hv_msr_unknown(true, msr, &v));
	}
	EXPECT_EQ(7u, v);
}
