// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "vmm/conf/boot_disk.h"
}

namespace
{
struct BootDisk : testing::Test {
	machine_desc d = sample_desc(2);
	disk_config c = {};
	char why[512] = "";

	void SetUp() override
	{
		ASSERT_EQ("", sample_layout(&d, {1, 1}, {64, 64}));
	}
	void add(uint32_t host, const char *config)
	{
		ASSERT_LE(0, desc_add_card(&d, CARD_BLK, host, 0, config, why, sizeof(why))) << why;
	}
	const struct desc_device *find()
	{
		return desc_boot_disk(&d, &c, why, sizeof(why));
	}
};
} // namespace

TEST_F(BootDisk, WithoutADiskThereIsNone)
{
	ASSERT_LE(0, desc_add_card(&d, CARD_RNG, 0, 0, "", why, sizeof(why)));
	EXPECT_EQ(nullptr, find());
	EXPECT_TRUE(strstr(why, "--disk")) << why;
}

TEST_F(BootDisk, TheFirstOne)
{
	add(0, "{\"path\": \"/a\"}");
	add(0, "{\"path\": \"/b\"}");
	ASSERT_NE(nullptr, find());
	EXPECT_STREQ("/a", c.path);
}

TEST_F(BootDisk, TheFirstThatSaysSo)
{
	add(0, "{\"path\": \"/a\"}");
	add(0, "{\"path\": \"/b\", \"boot\": true}");
	add(1, "{\"path\": \"/c\", \"boot\": true}");
	ASSERT_NE(nullptr, find());
	EXPECT_STREQ("/b", c.path);
}

TEST_F(BootDisk, OfAnotherHostItIsRefused)
{
	add(1, "{\"path\": \"/c\"}");
	EXPECT_EQ(nullptr, find());
	EXPECT_TRUE(strstr(why, "'/c' is on host 1")) << why;
	add(0, "{\"path\": \"/d\", \"boot\": true}");
	EXPECT_NE(nullptr, find());
}

// Wherever the board is: the disk does not move.
TEST_F(BootDisk, ItsHostBootsTheGuest)
{
	add(1, "{\"path\": \"/c\"}");
	d.version = 1;
	d.disk_boots = 0;
	EXPECT_EQ(0, desc_boot_host(&d));
	ASSERT_EQ(0, desc_move_board(&d, 1, why, sizeof(why))) << why;
	EXPECT_EQ(1, desc_boot_host(&d));
	ASSERT_EQ(0, desc_move_board(&d, 0, why, sizeof(why))) << why;
	d.disk_boots = 1;
	EXPECT_EQ(1, desc_boot_host(&d));
	ASSERT_EQ(0, desc_unplug(&d, d.devices[d.devices_n - 1].id));
	EXPECT_EQ(0, desc_boot_host(&d)) << "who says that there is none";
}
