// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

extern "C" {
#include "vmm/call/walks.h"
}

namespace
{

struct Said {
	bool any;
	std::string text, remedy;
};

Said say(const std::vector<uint8_t> &hosts, size_t cap = 512)
{
	char text[512] = "old", remedy[512] = "old";
	bool any = walks_warning(hosts.data(), (unsigned)hosts.size(), text, cap, remedy, cap);
	return {any, text, remedy};
}

TEST(Walks, OneHostAloneIsNotConcerned)
{
	for (uint8_t w = 0; w < 255; w++) {
		Said s = say({w});
		EXPECT_FALSE(s.any) << (int)w;
		EXPECT_EQ(s.text, "");
		EXPECT_EQ(s.remedy, "");
	}
}

TEST(Walks, HostsThatReadOrDoNotKnowAreNoReason)
{
	EXPECT_FALSE(say({WALKS_READ, WALKS_READ}).any);
	EXPECT_FALSE(say({WALKS_UNKNOWN, WALKS_READ, WALKS_UNKNOWN}).any);
	EXPECT_FALSE(say({WALKS_END, 255}).any) << "a number of a later version";
}

TEST(Walks, HostsThatWriteAreNamed)
{
	EXPECT_NE(say({WALKS_READ, WALKS_WRITE}).text.find("on host 1:"), std::string::npos);
	EXPECT_NE(say({WALKS_WRITE, WALKS_WRITE, WALKS_WRITE}).text.find("on hosts 0-2:"), std::string::npos);
	EXPECT_NE(say({WALKS_WRITE, WALKS_READ, WALKS_WRITE_EPTAD, WALKS_WRITE}).text.find("on hosts 0, 2-3:"),
		  std::string::npos);
}

TEST(Walks, OnlyIntelsSwitchIsARemedy)
{
	EXPECT_EQ(say({WALKS_WRITE, WALKS_WRITE}).remedy, "");
	EXPECT_EQ(say({WALKS_WRITE, WALKS_WRITE_EPTAD}).remedy, "modprobe -r kvm_intel; modprobe kvm_intel eptad=0");
}

TEST(Walks, TheLongestListFitsAndAShortBufferIsCut)
{
	std::vector<uint8_t> hosts(HOSTS_MAX);
	for (unsigned h = 0; h < HOSTS_MAX; h += 2)
		hosts[h] = WALKS_WRITE;
	EXPECT_NE(say(hosts).text.find("60, 62:"), std::string::npos) << say(hosts).text;
	EXPECT_LT(say(hosts, 40).text.size(), 40u);
}

TEST(Walks, Words)
{
	EXPECT_STREQ(walks_word(WALKS_UNKNOWN), "unknown");
	EXPECT_STREQ(walks_word(WALKS_READ), "read");
	EXPECT_STREQ(walks_word(WALKS_WRITE), "write");
	EXPECT_STREQ(walks_word(WALKS_WRITE_EPTAD), "write");
	EXPECT_STREQ(walks_word(77), "unknown");
}

} // namespace
