// SPDX-License-Identifier: Apache-2.0
// The board of a host, as `pando run` asks for it out of order, and with what is none.
#include "tests/unit/host/one_guest.h"

namespace
{
struct ServeBoard : Guest {
	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK))
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
		Guest::SetUp();
		SetUpGuest();
		EXPECT_EQ(ready, Next());
		EXPECT_EQ("{}", say("connect", "{}"));
		EXPECT_EQ("{}", say("create", "{}"));
	}
	std::string say(const char *verb, const std::string &args)
	{
		Call(verb, args.c_str());
		std::string got = Next(), mine = std::to_string(calls) + ": ";
		EXPECT_EQ(0u, got.rfind(mine, 0)) << got;
		return got.substr(std::min(got.size(), mine.size()));
	}
	std::string take(const std::string &state)
	{
		return say("board-take", "{\"state\":\"" + state + "\"}");
	}
};

TEST_F(ServeBoard, WhatItIsAskedOutOfOrder)
{
	EXPECT_EQ("host 0 has the board already", say("board-images", "{\"kernel\":0,\"initrd\":0}"));
	EXPECT_EQ("host 0 cannot give the board to host 0", say("board-give", "{\"host\":0}"));
	EXPECT_EQ("host 0 cannot give the board to host 77", say("board-give", "{\"host\":77}"));
	EXPECT_EQ("host 0 cannot give the board to host 4294967296", say("board-give", "{\"host\":4294967296}"));
	EXPECT_EQ("there is no host 77", say("board-moved", "{\"version\":1,\"host\":77}"));
	EXPECT_EQ("the board is on host 0 already", say("board-moved", "{\"version\":1,\"host\":0}"));
	EXPECT_EQ("{}", say("board-lines", "{}"));
	EXPECT_EQ("{}", say("board-open", "{\"alive\":true}"));
}

TEST_F(ServeBoard, WhatIsNoState)
{
	EXPECT_EQ("host 0 has the board already", take(""));
	EXPECT_EQ("a board's state of 3 digits: an even number up to 57344 was expected", take("abc"));
	EXPECT_EQ("a board's state of 57346 digits: an even number up to 57344 was expected",
		  take(std::string(57346, '0')));
	EXPECT_EQ("a board's state is in hexadecimal digits", take("0g"));
	EXPECT_EQ("a board's state is in hexadecimal digits", take("AB"));
	EXPECT_EQ("host 0 has the board already", take(std::string(57344, '0')));
}
} // namespace
