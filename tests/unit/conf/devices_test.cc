// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/conf/sample.h"

TEST(Devices, NamesAreFoundAndFit)
{
	std::set<std::string> names;
	for (unsigned k = 0; k < DEVICE_KINDS; k++) {
		EXPECT_EQ(k, (unsigned)device_kind_find(device_kind_names[k]));
		EXPECT_LT(strlen(device_kind_names[k]), (size_t)DESC_KIND_MAX);
		EXPECT_TRUE(names.insert(device_kind_names[k]).second);
	}
	EXPECT_EQ(DEVICE_KINDS, device_kind_find("nothing"));
	EXPECT_EQ(DEVICE_KINDS, device_kind_find(""));
}

TEST(Devices, AMachineHasWhatItNeedsOnHost0UnlessToldOtherwise)
{
	machine_desc d = sample_desc(2);
	for (unsigned k = 0; k < DEVICE_KINDS; k++)
		EXPECT_EQ(device_kind_where[k] == DEVICE_NEEDED ? 0 : HOST_NONE,
			  desc_device_host(&d, (device_kind_id)k));
	d.devices[4].host = 1;
	EXPECT_STREQ("com1", d.devices[4].kind);
	EXPECT_EQ(1, desc_device_host(&d, DEVICE_COM1));
	EXPECT_EQ(4u, desc_device(&d, DEVICE_COM1)->id);
}
