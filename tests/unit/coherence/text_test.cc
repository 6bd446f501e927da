// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "coherence/base/text.h"
}

namespace
{

std::string Tamed(std::string s, bool lines = false)
{
	s.push_back(0);
	text_tame(s.data(), lines);
	return s.c_str();
}

} // namespace

TEST(Text, WhatPeopleWriteStays)
{
	char text[] = "a tab is none, but G\xc3\xbc\xc3\x9f"
		      "e, \xe2\x82\xac and \xf0\x9f\x90\xbc are ~";

	EXPECT_FALSE(text_tame(text, false));
	EXPECT_EQ(Tamed(text), text);
	EXPECT_EQ(Tamed(""), "");
}

TEST(Text, ControlCharactersGo)
{
	EXPECT_EQ(Tamed("\x1b[2J\x07\r\n\t\x7f"), "?[2J?????");
	EXPECT_EQ(Tamed("a\nb", true), "a\nb");
	EXPECT_EQ(Tamed("a\r\nb", true), "a?\nb");
	EXPECT_EQ(Tamed("\xc2\x9b"
			"31m \xc2\xa0"),
		  "??31m \xc2\xa0"); // CSI of one character; a hard space is none
}

TEST(Text, BytesThatAreNoTextGo)
{
	EXPECT_EQ(Tamed("\x9b"
			"31m"),
		  "?31m");
	EXPECT_EQ(Tamed("\xc3"), "?");
	EXPECT_EQ(Tamed("\xe2\x82"), "??");
	EXPECT_EQ(Tamed("\xe2\x1b[m"), "??[m");
	EXPECT_EQ(Tamed("\xff\xc0\x80"), "???");
}
