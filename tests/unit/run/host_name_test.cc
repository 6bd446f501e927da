// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>

extern "C" {
#include "vmm/run/run.h"
}

TEST(HostName, IsANumberAnAddressOrAName)
{
	struct run_options o = {};
	o.hosts_n = 3;
	strcpy(o.addresses[0], "10.0.0.1:7411");
	strcpy(o.addresses[1], "b.example:7411");
	strcpy(o.addresses[2], "[fd00::2]:7411");
	uint32_t h = 9;
	for (const char *one : {"1", "b", "b.example", "b.example:7411"}) {
		EXPECT_EQ(0, run_host_named(&o, one, &h)) << one;
		EXPECT_EQ(1u, h) << one;
	}
	EXPECT_EQ(0, run_host_named(&o, "[fd00::2]:7411", &h));
	EXPECT_EQ(2u, h);
	for (const char *none : {"", "3", "c", "b.exam", "b.example:74", "99999999999999999999", "1x"})
		EXPECT_EQ(-1, run_host_named(&o, none, &h)) << none;
	strcpy(o.addresses[2], "b.other:7411");
	EXPECT_EQ(-1, run_host_named(&o, "b", &h)); // two of them
	EXPECT_EQ(0, run_host_named(&o, "b.other", &h));
}
