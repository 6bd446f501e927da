// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

extern "C" {
#include "vmm/cli/properties.h"
}

namespace
{

struct Properties : testing::Test {
	char path[32] = "", name[8] = "as is";
	bool ro = false, on = true;
	uint64_t queues = 7;
	struct property_list ports = {};
	char why[256] = "";

	int parse(const std::string &text, const char *bare = "path")
	{
		const struct property table[] = {
			{"path", PROPERTY_TEXT, path, sizeof(path), 0, 0},
			{"name", PROPERTY_TEXT, name, sizeof(name), 0, 0},
			{"ro", PROPERTY_FLAG, &ro, 0, 0, 0},
			{"on", PROPERTY_FLAG, &on, 0, 0, 0},
			{"queues", PROPERTY_COUNT, &queues, 0, 1, 64},
			{"port", PROPERTY_LIST, &ports, 0, 0, 0},
			{},
		};
		return properties_parse(text.c_str(), table, bare, why, sizeof(why));
	}
	void refused(const std::string &text, const std::string &said, const char *bare = "path")
	{
		EXPECT_EQ(-EINVAL, parse(text, bare)) << text;
		EXPECT_NE(std::string::npos, std::string(why).find(said)) << text << ": " << why;
	}
};

} // namespace

TEST_F(Properties, AreReadInAnyOrder)
{
	ASSERT_EQ(0, parse("queues=4,on=off,path=/a=b,ro,port=1:2,port=3:4")) << why;
	EXPECT_STREQ("/a=b", path);
	EXPECT_TRUE(ro);
	EXPECT_FALSE(on);
	EXPECT_EQ(4u, queues);
	ASSERT_EQ(2u, ports.n);
	EXPECT_STREQ("1:2", ports.text[0]);
	EXPECT_STREQ("3:4", ports.text[1]);
}

TEST_F(Properties, WhatIsNotNamedStays)
{
	ASSERT_EQ(0, parse("ro"));
	EXPECT_EQ(7u, queues);
	EXPECT_TRUE(on);
	EXPECT_STREQ("", path);
}

TEST_F(Properties, TheFirstMayBeAValueAlone)
{
	ASSERT_EQ(0, parse("/srv/a.img,ro"));
	EXPECT_STREQ("/srv/a.img", path);
	refused("ro,/srv/a.img", "'/srv/a.img'");
	refused("/srv/a.img,path=/b", "path stands there twice");
	refused("/srv/a.img", "'/srv/a.img'", nullptr);
}

TEST_F(Properties, TwoCommasAreOneOfAValue)
{
	ASSERT_EQ(0, parse("/a,,b,,,ro"));
	EXPECT_STREQ("/a,b,", path);
	EXPECT_TRUE(ro);
}

TEST_F(Properties, ABareValueMayHaveAnEqualsSign)
{
	ASSERT_EQ(0, parse("nbd+unix:///?socket=/a,ro")) << why;
	EXPECT_STREQ("nbd+unix:///?socket=/a", path);
	EXPECT_TRUE(ro);
	refused("a=b.img", "'a'"); // no property, and nothing says that it is a path
}

TEST_F(Properties, ErrorsNameTheValueAndWhatWasExpected)
{
	refused("", "empty");
	refused("ro,", "empty");
	refused(",ro", "empty");
	refused("rw=1", "'rw'");
	refused("rw=1", "path, name, ro, on, queues, port");
	refused("ro=yes", "'yes': expected on or off");
	refused("ro,ro", "ro stands there twice");
	refused("path=", "path needs a value");
	refused("ro,path", "path needs a value");
	refused("queues=0", "'0': expected a number from 1 to 64");
	refused("queues=65", "from 1 to 64");
	refused("queues=4k", "'4k'");
	refused("queues=-1", "'-1'");
	refused("name=12345678", "8 characters, 7 are the limit");
	refused("port=" + std::string(64, '1'), "fewer than 64");
	refused("path=" + std::string(2000, 'x'), "more than 1023");
}

TEST_F(Properties, AListHasItsLimit)
{
	std::string text = "ro";
	for (unsigned i = 0; i < PROPERTY_LIST_MAX; i++)
		text += ",port=" + std::to_string(i);
	ASSERT_EQ(0, parse(text)) << why;
	ports.n = 0;
	refused(text + ",port=x", "up to 16");
}
