// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/conf/sample.h"

namespace
{

struct Members : testing::Test {
	machine_desc d = sample_desc(2, 1, 512);
	char why[DESC_REPORT_MAX] = "";
	std::vector<host_id> at;

	void SetUp() override
	{
		desc_room room = {0, 0, 4};
		ASSERT_EQ("", sample_layout(&d, {1, 1}, {512, 512}, room));
		ASSERT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
		at = {0, 1};
	}
	int join(host_id h, const char *address)
	{
		return desc_join(&d, h, address, at.data(), why, sizeof(why));
	}
	int leave(host_id h)
	{
		return desc_leave(&d, h, at.data(), why, sizeof(why));
	}
	/* Whether d is what all hosts would take after was. */
	void follows(const machine_desc &was)
	{
		EXPECT_EQ(0, desc_follows(&was, &d, why, sizeof(why))) << why;
		EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
		char *json = desc_to_json(&d);
		machine_desc back;
		ASSERT_NE(nullptr, json);
		EXPECT_EQ(0, desc_from_json(json, strlen(json), &back, why, sizeof(why))) << why;
		EXPECT_EQ(desc_all_hosts(&d), desc_all_hosts(&back));
		free(json);
	}
};

TEST_F(Members, PlacesAreAsManyAsNodes)
{
	EXPECT_EQ(4u, desc_host_slots(&d));
	EXPECT_EQ(0x3u, desc_all_hosts(&d));
	EXPECT_EQ(2, desc_free_slot(&d, 0));
	EXPECT_EQ(3, desc_free_slot(&d, 1u << 2));
	EXPECT_EQ(HOST_NONE, desc_free_slot(&d, 0xc));
}

/* Numbers of hosts are 64 bits where others say them: none is cut to one that there is. */
TEST_F(Members, ANumberThatIsTooLargeIsNobodys)
{
	EXPECT_TRUE(desc_is_member(&d, 1));
	for (uint64_t h : {2ull, 256ull, 1ull << 32, (1ull << 32) + 1, 1ull << 63, ~0ull})
		EXPECT_FALSE(desc_is_member(&d, h)) << h;
}

TEST_F(Members, OneComesWithNothingAndLeavesAPlaceThatIsUsedAgain)
{
	machine_desc was = d;
	EXPECT_EQ(0, join(3, "10.0.0.9:4000")) << why;
	follows(was);
	EXPECT_EQ(1u, d.version);
	EXPECT_EQ(4u, d.hosts_n);
	EXPECT_EQ(0xbu, desc_all_hosts(&d)) << "place 2 is empty";
	EXPECT_EQ(3u, desc_members(&d));
	EXPECT_FALSE(desc_is_member(&d, 2));
	was = d;
	at = {0, 3}; // a vCPU has moved there
	EXPECT_EQ(-EBUSY, leave(3));
	EXPECT_STREQ("host 3 runs 1 vCPUs", why);
	d = was;
	at = {3, 1};
	EXPECT_EQ(-EBUSY, leave(1)) << "its memory is there";
	d = was;
	at = {0, 0};
	EXPECT_EQ(0, leave(3)) << why;
	follows(was);
	EXPECT_EQ(4u, d.hosts_n) << "never fewer places";
	EXPECT_EQ(0u, d.vcpus[1].host) << "the version says where each vCPU is";
	was = d;
	EXPECT_EQ(0, join(3, "10.0.0.10:4000")) << why;
	follows(was);
	EXPECT_EQ(3u, d.version);
}

TEST_F(Members, WhatCannotBeIsRefusedByName)
{
	EXPECT_EQ(-EINVAL, join(4, "a:1"));
	EXPECT_EQ(-EINVAL, join(1, "a:1"));
	EXPECT_STREQ("slot 1 of hosts is taken", why);
	EXPECT_EQ(-EEXIST, join(2, "10.0.0.2:4000"));
	EXPECT_STREQ("10.0.0.2:4000 is host 1 of this guest already", why);
	EXPECT_EQ(-EINVAL, join(2, ""));
	EXPECT_EQ(-EINVAL, join(2, std::string(DESC_ADDRESS_MAX, 'a').c_str()));
	EXPECT_EQ(-ENOENT, leave(2));
	EXPECT_EQ(-EBUSY, leave(0));
	EXPECT_EQ(0u, d.version);
}

TEST_F(Members, AHostIsNotReplacedInOneVersion)
{
	ASSERT_EQ(0, join(2, "a:1"));
	machine_desc next = d;
	next.version++;
	strcpy(next.hosts[2].address, "b:1");
	EXPECT_EQ(-EINVAL, desc_follows(&d, &next, why, sizeof(why)));
	next.hosts[2].address[0] = 0;
	EXPECT_EQ(0, desc_follows(&d, &next, why, sizeof(why))) << why;
	next.hosts_n = 2;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &next, why, sizeof(why))) << "places that were there";
	next.hosts_n = 5;
	EXPECT_EQ(-EINVAL, desc_follows(&d, &next, why, sizeof(why))) << "more than there can be";
}

/* Empty places come later; at the start each host is there and gives something. */
TEST_F(Members, NothingOfAnEmptyPlaceIsTheGuests)
{
	ASSERT_EQ(0, join(2, "a:1"));
	d.hosts[2].address[0] = 0;
	EXPECT_EQ(0, desc_check(&d, why, sizeof(why))) << why;
	d.vcpus[1].host = 2;
	EXPECT_EQ(-EINVAL, desc_check(&d, why, sizeof(why)));
	d.vcpus[1].host = 1;
	d.ranges[1].home = 2;
	EXPECT_EQ(-EINVAL, desc_check(&d, why, sizeof(why)));
	d.ranges[1].home = 1;
	d.devices[0].host = 2;
	EXPECT_EQ(-EINVAL, desc_check(&d, why, sizeof(why)));
	d.devices[0].host = 0;
	d.hosts[0].address[0] = 0;
	EXPECT_EQ(-EINVAL, desc_check(&d, why, sizeof(why))) << "host 0 has the board, vCPUs and memory";
}

} // namespace
