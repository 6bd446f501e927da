// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/id/people.h"

extern "C" {
#include "net/id/token.h"
}

namespace
{

std::string text_of(const token &t)
{
	char text[TOKEN_TEXT_BYTES];

	token_text(&t, text);
	return text;
}

token_fault parse(const std::string &s, token *t)
{
	return token_parse(s.data(), s.size(), t);
}

} // namespace

TEST(Token, TextAndBack)
{
	id_key root = key_of(1);
	token t, back;

	token_new(&t, root.pub);
	std::string s = text_of(t);
	EXPECT_EQ(s.size() + 1, TOKEN_TEXT_BYTES);
	EXPECT_EQ(s.substr(0, 7), "PANDO1-");
	ASSERT_EQ(parse(s, &back), TOKEN_GOOD);
	EXPECT_EQ(memcmp(&t, &back, sizeof(t)), 0);
	uint8_t mark[ID_MARK_BYTES];
	id_mark(root.pub, mark);
	EXPECT_EQ(memcmp(back.root, mark, sizeof(mark)), 0);
	token another;
	token_new(&another, root.pub);
	EXPECT_NE(text_of(another), s);
}

TEST(Token, AWrongCharacterIsFound)
{
	token t, back;

	token_new(&t, key_of(1).pub);
	std::string s = text_of(t);
	for (size_t i = 0; i < s.size(); i++)
		for (char c : {'0', 'f', 'F', '-', ' ', '\0', '\n'}) {
			std::string bad = s;

			bad[i] = c;
			if (bad != s) {
				EXPECT_NE(parse(bad, &back), TOKEN_GOOD) << i << " " << (int)c;
			}
		}
	std::string one = s;
	one[10] = one[10] == '0' ? '1' : '0';
	EXPECT_EQ(parse(one, &back), TOKEN_MISTYPED);
	one[10] = 'G';
	EXPECT_EQ(parse(one, &back), TOKEN_MALFORMED);
}

TEST(Token, NoOtherLength)
{
	token t, back;

	token_new(&t, key_of(1).pub);
	std::string s = text_of(t);
	for (size_t n = 0; n < s.size(); n++)
		EXPECT_EQ(parse(s.substr(0, n), &back), TOKEN_MALFORMED);
	EXPECT_EQ(parse(s + "\n", &back), TOKEN_MALFORMED);
	EXPECT_EQ(parse(std::string(s.size(), '0'), &back), TOKEN_MALFORMED);
}

TEST(Token, WhatIsMadeOfItDependsOnAllOfIt)
{
	token t = {};
	uint8_t psk[3][TOKEN_PSK_BYTES];
	id_key k[3];

	token_derive(&t, psk[0], &k[0]);
	t.secret[15] = 1;
	token_derive(&t, psk[1], &k[1]);
	t.secret[15] = 0;
	t.id[0] = 1;
	token_derive(&t, psk[2], &k[2]);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < i; j++) {
			EXPECT_NE(memcmp(psk[i], psk[j], sizeof(psk[i])), 0);
			EXPECT_NE(memcmp(k[i].pub, k[j].pub, sizeof(k[i].pub)), 0);
		}
}

TEST(Token, UsedOnce)
{
	token t;
	auto *all = new token_table{};

	token_new(&t, key_of(1).pub);
	ASSERT_TRUE(token_keep(all, &t, ID_HOST, "", 2000, 1000));
	EXPECT_FALSE(token_keep(all, &t, ID_HOST, "", 2000, 1000)); // its number is taken
	token_record *r = token_find(all, t.id);
	ASSERT_TRUE(r);
	EXPECT_EQ(token_usable(r, 1000), TOKEN_GOOD);
	EXPECT_EQ(token_usable(r, 2000), TOKEN_GOOD);
	EXPECT_EQ(token_usable(r, 2001), TOKEN_EXPIRED);
	token_spend(r, 1500, 3);
	EXPECT_EQ(token_usable(r, 1501), TOKEN_USED);
	EXPECT_EQ(token_usable(r, 2001), TOKEN_USED);
	t.id[0] ^= 1;
	EXPECT_EQ(token_find(all, t.id), nullptr);
	delete all;
}

TEST(Token, ForNoRoleOrNameThatIsNone)
{
	token t;
	auto *all = new token_table{};

	token_new(&t, key_of(1).pub);
	EXPECT_FALSE(token_keep(all, &t, ID_ROLES, "", 2000, 1000));
	EXPECT_FALSE(token_keep(all, &t, (id_role)0, "", 2000, 1000));
	EXPECT_FALSE(token_keep(all, &t, ID_HOST, "-x", 2000, 1000));
	EXPECT_FALSE(token_keep(all, &t, ID_HOST, std::string(64, 'a').c_str(), 2000, 1000));
	EXPECT_EQ(all->n, 0u);
	delete all;
}

TEST(Token, LongExpiredOnesMakeRoom)
{
	auto *all = new token_table{};
	token t;

	for (unsigned i = 0; i < TOKENS_MAX; i++) {
		token_new(&t, key_of(1).pub);
		ASSERT_TRUE(token_keep(all, &t, ID_HOST, "", 2000 + i, 1000));
	}
	token_new(&t, key_of(1).pub);
	EXPECT_FALSE(token_keep(all, &t, ID_HOST, "", 9000, 2000 + TOKEN_KEPT_S));
	EXPECT_TRUE(token_keep(all, &t, ID_HOST, "", 9000, 2002 + TOKEN_KEPT_S));
	EXPECT_EQ(all->n, TOKENS_MAX - 1); // two went
	EXPECT_TRUE(token_find(all, t.id));
	delete all;
}

TEST(Token, TableAndBack)
{
	auto *all = new token_table{}, *back = new token_table{};
	Bytes b(TOKEN_TABLE_BYTES_MAX);
	token t;

	for (const char *name : {"", "a", "0123456789012345678901234567890123456789012345678901234567890ab"}) {
		token_new(&t, key_of(1).pub);
		ASSERT_TRUE(token_keep(all, &t, ID_MONITOR, name, 2000, 1000));
	}
	token_spend(&all->tokens[1], 1500, 99);
	b.resize(token_table_write(all, b.data()));
	ASSERT_TRUE(token_table_read(b.data(), b.size(), back));
	EXPECT_EQ(memcmp(all, back, sizeof(*all)), 0);

	memset(back, 0x5a, sizeof(*back));
	for (size_t n = 0; n < b.size(); n++)
		EXPECT_FALSE(token_table_read(b.data(), n, back)) << n;
	Bytes bad = b;
	bad.push_back(0);
	EXPECT_FALSE(token_table_read(bad.data(), bad.size(), back));
	const struct {
		size_t at;
		uint8_t value;
	} odd[] = {{0, 'X'}, {4, 0}, {4, 4}, {7, 1}, {8 + 8, 0}, {8 + 8, 4}, {8 + 97, 64}, {8 + 97, 1}, {8 + 98, 'x'}};
	for (auto &o : odd) {
		bad = b;
		bad[o.at] = o.value;
		EXPECT_FALSE(token_table_read(bad.data(), bad.size(), back)) << o.at;
	}
	EXPECT_EQ(((uint8_t *)back)[100], 0x5a); // nothing was filled
	delete all;
	delete back;
}

TEST(Token, WordsForAllOfIt)
{
	for (unsigned f = 0; f < TOKEN_FAULTS; f++)
		EXPECT_STRNE(token_fault_text((token_fault)f), "unknown");
	EXPECT_STREQ(token_fault_text(TOKEN_FAULTS), "unknown");
}
