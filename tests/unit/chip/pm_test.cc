// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "vmm/chip/pm.h"
#include "vmm/chip/pmtimer.h"
}

TEST(PmTimer, Rate)
{
	EXPECT_EQ(0u, pmtimer_read(0));
	EXPECT_EQ(0u, pmtimer_read(279));
	EXPECT_EQ(1u, pmtimer_read(280));
	EXPECT_EQ(3579545u, pmtimer_read(1000000000));
	EXPECT_EQ((uint32_t)(3579545ull * 1000000), pmtimer_read(1000000ull * 1000000000)); // wraps
	EXPECT_EQ((uint32_t)((unsigned __int128)UINT64_MAX * 3579545 / 1000000000), pmtimer_read(UINT64_MAX));
}

struct Pm : ::testing::Test {
	pm p;
	Pm()
	{
		pm_reset(&p, 0);
	}
};

TEST_F(Pm, AlwaysInAcpiMode)
{
	EXPECT_EQ(1u, pm_read(&p, 4, 2, 0));
	EXPECT_EQ(PM_FX_NONE, pm_write(&p, 4, 2, 0, 0));
	EXPECT_EQ(1u, pm_read(&p, 4, 2, 0));
}

TEST_F(Pm, PowerOffInAnyWidth)
{
	EXPECT_EQ(PM_FX_POWEROFF, pm_write(&p, 4, 2, 5 << 10 | 1 << 13, 0));
	EXPECT_EQ(PM_FX_NONE, pm_write(&p, 4, 2, 5 << 10, 0)); // ACPICA writes type first, then type and enable
	EXPECT_EQ(5u << 10 | 1, pm_read(&p, 4, 4, 0));
	EXPECT_EQ(PM_FX_POWEROFF, pm_write(&p, 5, 1, 0x34, 0));
	EXPECT_EQ(PM_FX_POWEROFF, pm_write(&p, 4, 4, 5 << 10 | 1 << 13, 0));
	for (unsigned typ = 0; typ < 8; typ++)
		EXPECT_EQ(typ == 5, pm_write(&p, 4, 2, typ << 10 | 1 << 13, 0) == PM_FX_POWEROFF);
}

TEST_F(Pm, PowerButton)
{
	pm_press_power(&p);
	EXPECT_FALSE(pm_sci(&p, 0));
	pm_write(&p, 2, 2, PM_STS_PWRBTN, 0);
	EXPECT_TRUE(pm_sci(&p, 0));
	EXPECT_EQ(PM_STS_PWRBTN | PM_STS_PWRBTN << 16, pm_read(&p, 0, 4, 0));
	pm_write(&p, 0, 1, 0xff, 0); // the other byte's status stays
	EXPECT_TRUE(pm_sci(&p, 0));
	pm_write(&p, 0, 2, PM_STS_PWRBTN, 0); // written ones clear
	EXPECT_FALSE(pm_sci(&p, 0));
	EXPECT_EQ(PM_STS_PWRBTN, pm_read(&p, 2, 2, 0));
	pm_write(&p, 0, 2, 0xffff, 0); // and never set
	EXPECT_EQ(0u, pm_read(&p, 0, 2, 0));
}

TEST_F(Pm, TimerCarry)
{
	pm_write(&p, 2, 2, PM_STS_TIMER, 0);
	uint64_t at = pm_deadline(&p);
	EXPECT_NEAR(599.9, at / 1e9, 0.1);
	EXPECT_FALSE(pm_sci(&p, at - 1));
	EXPECT_TRUE(pm_sci(&p, at));
	EXPECT_EQ(1u << 31, pm_read(&p, 8, 4, at));
	EXPECT_EQ(CHIP_NEVER, pm_deadline(&p));
	pm_write(&p, 0, 2, 1, at);
	EXPECT_FALSE(pm_sci(&p, at + 1));
	EXPECT_GT(pm_deadline(&p), at);
}

TEST_F(Pm, EveryAccess)
{
	for (unsigned off = 0; off < 20; off++)
		for (unsigned size = 0; size < 10; size++) {
			bool ok = (size == 1 || size == 2 || size == 4) && off + size <= PM_BYTES;
			if (!ok) {
				EXPECT_EQ(UINT32_MAX, pm_read(&p, off, size, 0));
			} else if (off >= 8) {
				EXPECT_EQ((uint32_t)((uint64_t)3579545 >> 8 * (off - 8)) &
						  (uint32_t)((1ull << 8 * size) - 1),
					  pm_read(&p, off, size, 1000000000));
			}
			pm_write(&p, off, size, 0, 0);
		}
	EXPECT_EQ(UINT32_MAX, pm_read(&p, UINT32_MAX, 4, 0));
	pm_write(&p, 2, 2, 0xffff, 0);
	EXPECT_EQ(0x0721u, pm_read(&p, 2, 2, 0));
}

TEST_F(Pm, ResetRegister)
{
	EXPECT_EQ(PM_FX_NONE, pm_reset_write(&p, 2));
	EXPECT_EQ(2, pm_reset_read(&p));
	EXPECT_EQ(PM_FX_RESET, pm_reset_write(&p, 6));
	EXPECT_EQ(PM_FX_RESET, pm_reset_write(&p, 0xe));
}
