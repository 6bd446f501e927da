// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "vmm/call/tame.h"
}

namespace
{

std::string Tamed(const char *text)
{
	json_t *o = tame_json(json_loads(text, JSON_DECODE_ANY, nullptr));
	char *out = o ? json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : nullptr;
	std::string s = out ? out : "nothing";

	free(out);
	json_decref(o);
	return s;
}

} // namespace

TEST(Tame, StringsAtAnyDepth)
{
	EXPECT_EQ(Tamed(R"({"a":["x\u001b[2J",{"b":"y\nz"}],"c":1})"), R"({"a":["x?[2J",{"b":"y?z"}],"c":1})");
	EXPECT_EQ(Tamed(R"("\u009b31m")"), R"("??31m")");
}

TEST(Tame, WhatIsFitStays)
{
	EXPECT_EQ(Tamed(R"({"a":["x",null,true,1.5],"b":{}})"), R"({"a":["x",null,true,1.5],"b":{}})");
}

TEST(Tame, NamesThatAreNotFitGoWithTheirMembers)
{
	EXPECT_EQ(Tamed(R"({"a\u0007":1,"b":2})"), R"({"b":2})");
}

TEST(Tame, NoJsonIsNone)
{
	EXPECT_EQ(tame_json(nullptr), nullptr);
}
