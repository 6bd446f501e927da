// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

extern "C" {
#include "vmm/qmp/json_stream.h"
}

namespace
{

struct Stream : testing::Test {
	struct json_stream s;
	std::vector<std::string> out;
	void SetUp() override
	{
		json_stream_init(&s, 4096);
	}
	void TearDown() override
	{
		json_stream_free(&s);
	}
	void feed(const std::string &bytes)
	{
		auto in = (const uint8_t *)bytes.data();
		size_t n = bytes.size(), len;
		const char *text;
		json_stream_result r;

		while ((r = json_stream_next(&s, &in, &n, &text, &len)) != JSON_STREAM_MORE)
			out.push_back(r == JSON_STREAM_VALUE ? std::string(text, len) : "! " + std::string(text));
		EXPECT_EQ(n, 0u);
	}
};

using V = std::vector<std::string>;

TEST_F(Stream, ValuesNeedNothingBetweenThem)
{
	feed("{\"a\":1}{\"b\":[1,{}]}\r\n [2]  \"s\"");
	EXPECT_EQ(out, (V{"{\"a\":1}", "{\"b\":[1,{}]}", "[2]", "\"s\""}));
}

TEST_F(Stream, AnyCutGivesTheSame)
{
	const std::string all = "{\"a\":\"}{\\\"]\"}  [\"\\\\\"]\n{}";

	for (size_t cut = 0; cut <= all.size(); cut++) {
		out.clear();
		feed(all.substr(0, cut));
		feed(all.substr(cut));
		EXPECT_EQ(out, (V{"{\"a\":\"}{\\\"]\"}", "[\"\\\\\"]", "{}"})) << cut;
	}
}

TEST_F(Stream, WordsAreRefusedOneByOne)
{
	feed("hello } 12\n{\"a\":1}x{}");
	EXPECT_EQ(out,
		  (V{"! JSON parse error, invalid keyword", "! JSON parse error, invalid keyword",
		     "! JSON parse error, invalid keyword", "{\"a\":1}", "! JSON parse error, invalid keyword", "{}"}));
}

TEST_F(Stream, AnEndlessWordCostsNothing)
{
	for (int i = 0; i < 1000; i++)
		feed(std::string(1000, 'x'));
	EXPECT_EQ(s.cap, 0u);
	feed(" {}");
	EXPECT_EQ(out, (V{"! JSON parse error, invalid keyword", "{}"}));
}

TEST_F(Stream, TooLongIsSkippedToItsEndInBoundedMemory)
{
	feed("{\"a\":\"");
	for (int i = 0; i < 1000; i++)
		feed(std::string(1000, '{'));
	EXPECT_LE(s.cap, 4096u);
	feed("\"}{\"b\":1}");
	EXPECT_EQ(out, (V{"! JSON value too long", "{\"b\":1}"}));
}

TEST_F(Stream, TooDeepIsSkippedToItsEnd)
{
	std::string deep(100000, '['), back(100000, ']');

	json_stream_free(&s);
	json_stream_init(&s, 1 << 20);
	feed(deep + back + "{}");
	EXPECT_EQ(out, (V{"! JSON value nested too deep", "{}"}));
}

TEST_F(Stream, TheLargestValueFits)
{
	std::string v = "\"" + std::string(4094, 'x') + "\"";

	feed(v + "\"" + std::string(4095, 'x') + "\"");
	EXPECT_EQ(out, (V{v, "! JSON value too long"}));
}

TEST_F(Stream, AResetByteDropsWhatWasBegun)
{
	feed("{\"a\":[\"\xff{}");
	EXPECT_EQ(out, (V{"{}"}));
}

} // namespace
