// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

extern "C" {
#include "vmm/cli/cli.h"
}

namespace
{

class Options : public ::testing::Test
{
      protected:
	int Parse(std::vector<std::string> words)
	{
		words.insert(words.begin(), "command");
		store = words;
		argv.clear();
		for (auto &w : store)
			argv.push_back(w.data());
		const cli_option table[] = {
			{"size", "SIZE", "", CLI_SIZE, &size, 1, 0},
			{"count", "N", "", CLI_COUNT, &count, 2, 9},
			{"text", "TEXT", "", CLI_TEXT, &text, 0, 0},
			{"flag", nullptr, "", CLI_FLAG, &flag, 0, 0},
			{},
		};
		return cli_parse((int)argv.size(), argv.data(), table);
	}
	std::vector<std::string> store;
	std::vector<char *> argv;
	uint64_t size = 0, count = 0;
	const char *text = nullptr;
	bool flag = false;
};

TEST_F(Options, BothSpellings)
{
	EXPECT_EQ(Parse({"--size", "4G", "--count=3", "--text", "a b", "--flag"}), 0);
	EXPECT_EQ(size, 4ull << 30);
	EXPECT_EQ(count, 3u);
	EXPECT_STREQ(text, "a b");
	EXPECT_TRUE(flag);
}

TEST_F(Options, WordsAreLeftInOrder)
{
	EXPECT_EQ(Parse({"one", "--flag", "two"}), 2);
	EXPECT_STREQ(argv[1], "one");
	EXPECT_STREQ(argv[2], "two");
}

TEST_F(Options, BadOnesAreRefused)
{
	EXPECT_EQ(Parse({"--nope"}), -1);
	EXPECT_EQ(Parse({"--size", "many"}), -1);
	EXPECT_EQ(Parse({"--size", "0"}), -1);
	EXPECT_EQ(Parse({"--count", "1"}), -1);
	EXPECT_EQ(Parse({"--count", "10"}), -1);
	EXPECT_EQ(Parse({"--count"}), -1);
	EXPECT_EQ(Parse({"--size="}), -1);
}

TEST_F(Options, AFlagTakesNoValue)
{
	EXPECT_EQ(Parse({"--flag=no"}), -1);
	EXPECT_EQ(Parse({"--flag="}), -1);
	EXPECT_FALSE(flag);
}

TEST_F(Options, TwoDashesEndTheOptions)
{
	EXPECT_EQ(Parse({"one", "--", "--flag", "-x", "--", "--help"}), 5);
	EXPECT_STREQ(argv[1], "one");
	EXPECT_STREQ(argv[2], "--flag");
	EXPECT_STREQ(argv[4], "--");
	EXPECT_FALSE(flag);
	EXPECT_EQ(Parse({"--text", "--", "--flag"}), 0); // a value
	EXPECT_STREQ(text, "--");
	EXPECT_TRUE(flag);
}

TEST_F(Options, HelpWins)
{
	EXPECT_EQ(Parse({"--count", "3", "--help"}), -2);
}

} // namespace
