// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

extern "C" {
#include "vmm/call/call.h"
#include "vmm/call/events.h"
}

TEST(HostEvents, EachIsFoundByItsName)
{
	std::set<std::string> names;

	for (unsigned e = 0; e < HOST_EVENTS; e++) {
		const struct host_event_info *i = host_event_info((enum host_event)e);

		EXPECT_EQ((enum host_event)e, host_event_find(i->name));
		EXPECT_STREQ(i->name, host_event_name((enum host_event)e));
		EXPECT_LT(strlen(i->name), CALL_VERB_MAX) << i->name;
		EXPECT_TRUE(names.insert(i->name).second) << i->name;
	}
	EXPECT_EQ(HOST_EVENTS, host_event_find("HOST_LOS"));
	EXPECT_EQ(HOST_EVENTS, host_event_find(""));
	EXPECT_STREQ("?", host_event_name(HOST_EVENTS));
}
