// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "net/id/ssh_agent.h"
}

namespace
{

using Bytes = std::vector<uint8_t>;

Bytes str(const std::string &s)
{
	Bytes b = {(uint8_t)(s.size() >> 24), (uint8_t)(s.size() >> 16), (uint8_t)(s.size() >> 8), (uint8_t)s.size()};

	b.insert(b.end(), s.begin(), s.end());
	return b;
}

Bytes operator+(Bytes a, const Bytes &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

std::string text(const Bytes &b)
{
	return std::string(b.begin(), b.end());
}

Bytes count(uint32_t n)
{
	return {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
}

int keys(const Bytes &b, std::vector<ssh_agent_key> *out = nullptr)
{
	ssh_agent_key k[SSH_AGENT_KEYS];
	int n = ssh_agent_keys(b.data(), b.size(), k);

	if (out && n > 0)
		out->assign(k, k + n);
	return n;
}

} // namespace

TEST(SshAgent, Requests)
{
	uint8_t b[64];

	ASSERT_EQ(ssh_agent_ask_keys(b, sizeof(b)), 5u);
	EXPECT_EQ(memcmp(b, "\0\0\0\1\x0b", 5), 0);
	EXPECT_EQ(ssh_agent_ask_keys(b, 4), 0u);
	ssh_bytes key = {(const uint8_t *)"key", 3}, data = {(const uint8_t *)"data", 4};
	ASSERT_EQ(ssh_agent_ask_signature(key, data, b, sizeof(b)), 24u);
	EXPECT_EQ(memcmp(b, "\0\0\0\x14\x0d\0\0\0\3key\0\0\0\4data\0\0\0\4", 24), 0);
	EXPECT_EQ(ssh_agent_ask_signature(key, data, b, 23), 0u);
	ssh_bytes huge = {(const uint8_t *)"", SSH_AGENT_MAX};
	EXPECT_EQ(ssh_agent_ask_signature(key, huge, b, sizeof(b)), 0u);
}

TEST(SshAgent, ItsKeys)
{
	Bytes blob = str("ssh-ed25519") + str("k");
	std::vector<ssh_agent_key> k;

	EXPECT_EQ(keys(Bytes{12} + count(0)), 0);
	Bytes two = Bytes{12} + count(2) + str(text(blob)) + str("me") + str(text(blob)) + str("");
	ASSERT_EQ(keys(two, &k), 2);
	EXPECT_TRUE(ssh_is(k[0].type, "ssh-ed25519"));
	EXPECT_TRUE(ssh_is(k[0].comment, "me"));
	EXPECT_EQ(k[1].blob.n, blob.size());
}

TEST(SshAgent, HostileAnswers)
{
	Bytes blob = str("ssh-ed25519") + str("k"), one = str(text(blob)) + str("me");

	for (const Bytes &bad :
	     {Bytes{}, Bytes{12}, Bytes{5}, Bytes{14} + count(0), Bytes{12} + count(1), Bytes{12} + count(~0u),
	      Bytes{12} + count(2) + one, Bytes{12} + count(0) + one, Bytes{12} + count(1) + one + Bytes{0},
	      Bytes{12} + count(1) + count(~0u) + str("me"), Bytes{12} + count(0x20000001) + one})
		EXPECT_EQ(keys(bad), -1) << bad.size();
	/* a key whose type cannot be read is left out */
	EXPECT_EQ(keys(Bytes{12} + count(2) + str("xx") + str("me") + one), 1);
	Bytes many = Bytes{12} + count(1000);
	for (int i = 0; i < 1000; i++)
		many = many + one;
	EXPECT_EQ(keys(many), (int)SSH_AGENT_KEYS);
}

TEST(SshAgent, ItsSignature)
{
	ssh_bytes s;
	auto answer = [&](const Bytes &b) { return ssh_agent_signature(b.data(), b.size(), &s); };

	Bytes good = Bytes{14} + str("sig");
	ASSERT_EQ(answer(good), 1);
	EXPECT_TRUE(ssh_is(s, "sig"));
	EXPECT_EQ(answer(Bytes{5}), 0);
	for (const Bytes &bad : {Bytes{}, Bytes{14}, Bytes{14} + str(""), Bytes{14} + str("sig") + Bytes{0},
				 Bytes{5, 0}, Bytes{6}, Bytes{14} + count(~0u)})
		EXPECT_EQ(answer(bad), -1);
}
