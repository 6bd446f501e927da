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

const std::string kWord = "! JSON parse error, invalid keyword", kStray = "! JSON parse error, stray character",
		  kPair = "! JSON parse error, unpaired bracket",
		  kText = "! JSON parse error, control character or impossible byte in a string";

TEST_F(Stream, WordsAreRefusedOneByOne)
{
	feed("hello } 12\n{\"a\":1}x{}");
	EXPECT_EQ(out, (V{kWord, kPair, "12", "{\"a\":1}", kWord, "{}"}));
}

TEST_F(Stream, AnEndlessWordCostsNothing)
{
	for (int i = 0; i < 1000; i++)
		feed(std::string(1000, 'x'));
	EXPECT_EQ(s.cap, 0u);
	feed(" {}");
	EXPECT_EQ(out, (V{kWord, "{}"}));
	for (int i = 0; i < 1000; i++)
		feed(std::string(1000, '1'));
	EXPECT_LE(s.cap, 4096u);
	feed(" {}");
	EXPECT_EQ(out, (V{kWord, "{}", "! JSON value too long", "{}"}));
}

// The cases of QEMU's own test of its protocol: each is answered before anything follows, and the next command is
// heard.
TEST_F(Stream, ErrorsAreSeenAtOnceAndTheNextValueIsHeard)
{
	const std::vector<std::pair<std::string, std::string>> cases = {
		{"{]\n", kPair},
		{"{\xff", kStray},
		{std::string("{\x01"), kStray},
		{std::string("{\0", 2), kStray},
		{"\xff", kStray},
		{"{'bad \xff", kText},
		{"{\"bad \xfe", kText},
		{"{'execute': 'nonexistent', 'id':'\n", kText},
		{"{\"a\":\"\t", kText},
		{"%p", kStray},
		{"{ nonsense", kWord},
		{"{ nulL", kWord},
		{"{ nul ", kWord},
		{"[1, tru]", kWord},
		{"{\"a\": Infinity", kStray},
		{"POST /", kStray},
		{"[}", kPair},
	};
	for (auto &c : cases) {
		out.clear();
		feed(c.first);
		EXPECT_EQ(out, V{c.second}) << c.first;
		feed("{\"a\":true}");
		EXPECT_EQ(out, (V{c.second, "{\"a\":true}"})) << c.first;
	}
}

TEST_F(Stream, AByteThatStartsAfreshIsAnsweredEveryTime)
{
	feed("\xff\xff{\"a\": [\x01{\"a\":\"\xff{}");
	EXPECT_EQ(out, (V{kStray, kStray, kStray, kText, "{}"}));
}

// A client counts answers: the rest of a broken value is no second error.
TEST_F(Stream, ABrokenValueIsOneError)
{
	for (const char *v :
	     {"{\"a\":nope}", "{\"a\":nope,\"b\":\"}{\"}", "{\"a\":\"x\ny\"}", "[[@]]", "{\"a\":[nope,'\\'}',1]}"}) {
		out.clear();
		feed(std::string(v) + "{\"b\":1}");
		ASSERT_EQ(out.size(), 2u) << v;
		EXPECT_EQ(out[1], "{\"b\":1}") << v;
	}
}

TEST_F(Stream, SingleQuotesBecomeDoubleOnes)
{
	for (size_t cut = 0; cut <= 30; cut++) {
		const std::string v = "{'it\\'s':'say \"x\\\\\"','b':\"it's\"}";
		out.clear();
		feed(v.substr(0, cut));
		feed(v.substr(cut));
		EXPECT_EQ(out, V{"{\"it's\":\"say \\\"x\\\\\\\"\",\"b\":\"it's\"}"});
	}
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

} // namespace
