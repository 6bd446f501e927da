// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/id/people.h"

extern "C" {
#include "net/id/join.h"
}

namespace
{

/* A cluster that is asked, and a host that asks. */
struct Join {
	id_key root = key_of(1), own = key_of(2);
	std::unique_ptr<token_table> all{new token_table{}};
	std::unique_ptr<join_asked> asked{new join_asked};
	std::unique_ptr<::grant> granted{new ::grant};
	token t;
	std::string name = "rack1-a";
	uint8_t secret[32] = {0, 3}, secret2[32] = {0, 4};
	uint64_t now = 1000, serial = 1;
	/* what the cluster gives */
	revoked list = {};
	id_key signer = root;
	std::string cert_name;
	id_key cert_key = own;

	explicit Join(const char *bound = "")
	{
		token_new(&t, root.pub);
		EXPECT_TRUE(token_keep(all.get(), &t, ID_HOST, bound, 2000, now));
		list.number = 1;
	}
	Bytes ask()
	{
		Bytes out(JOIN_ASK_MAX);

		out.resize(join_ask(&t, &own, name.c_str(), secret, out.data()));
		return out;
	}
	token_fault hear(const Bytes &b)
	{
		return join_hear(all.get(), root.pub, b.data(), b.size(), now, secret2, asked.get());
	}
	Bytes give()
	{
		::grant g = {};
		Bytes out(JOIN_GRANT_MAX);
		cert c = {};

		c.role = asked->token->role;
		c.serial = serial++;
		c.from = now;
		c.until = now + 100;
		memcpy(c.pub, cert_key.pub, 32);
		strcpy(c.name, cert_name.empty() ? asked->name : cert_name.c_str());
		memcpy(g.root, signer.pub, 32);
		memset(g.cluster_key, 0x77, 32);
		g.cert_n = cert_make(&c, &signer, g.cert);
		g.list_n = revoked_make(&list, &signer, g.list);
		out.resize(join_grant(asked.get(), &g, out.data()));
		return out;
	}
	grant_fault take(const Bytes &b)
	{
		return join_take(&t, &own, name.c_str(), secret, b.data(), b.size(), now, granted.get());
	}
	/* The ask as somebody makes it who has read what the cluster keeps: its psk, and no key of the token's. */
	Bytes ask_by_the_kept()
	{
		id_key mine = key_of(66);
		Bytes b = ask(), text(JOIN_ASK_FIXED + name.size()), pro(28);
		noise s;

		memcpy(pro.data(), "PDJ1", 4);
		memcpy(pro.data() + 4, t.root, 16);
		memcpy(pro.data() + 20, t.id, 8);
		noise_begin(&s, true, all->tokens[0].psk, pro.data(), pro.size(), secret);
		id_part parts[] = {{t.root, 16}, {t.id, 8}, {s.own, 32}, {mine.pub, 32}, {name.data(), name.size()}};
		memcpy(text.data(), mine.pub, 32);
		text[32] = (uint8_t)name.size();
		memcpy(text.data() + 33, name.data(), name.size());
		id_sign(&mine, "pando join 1, own key", parts, 5, text.data() + 33 + name.size());
		id_sign(&mine, "pando join 1, token", parts, 5, text.data() + 97 + name.size());
		EXPECT_TRUE(noise_write(&s, text.data(), text.size(), b.data() + JOIN_ASK_HEAD));
		return b;
	}
};

} // namespace

TEST(Join, AHostGetsItsCertificateAndTheClustersKey)
{
	Join j;
	Bytes a = j.ask();

	ASSERT_FALSE(a.empty());
	ASSERT_EQ(j.hear(a), TOKEN_GOOD);
	EXPECT_STREQ(j.asked->name, "rack1-a");
	EXPECT_EQ(memcmp(j.asked->pub, j.own.pub, 32), 0);
	EXPECT_EQ(j.asked->token->role, ID_HOST);
	token_spend(j.asked->token, j.now, 1);
	Bytes g = j.give();
	ASSERT_EQ(j.take(g), GRANT_GOOD);
	EXPECT_STREQ(j.granted->who.name, "rack1-a");
	EXPECT_EQ(j.granted->who.role, ID_HOST);
	EXPECT_EQ(j.granted->cluster_key[5], 0x77);
	EXPECT_EQ(memcmp(j.granted->root, j.root.pub, 32), 0);
	/* nothing of it can be read on the way */
	std::string wire(g.begin(), g.end());
	EXPECT_EQ(wire.find(std::string(8, '\x77')), std::string::npos);
	EXPECT_EQ(std::string(a.begin(), a.end()).find("rack1-a"), std::string::npos);
}

TEST(Join, ReplayedAskIsRefused)
{
	Join j;
	Bytes a = j.ask();

	ASSERT_EQ(j.hear(a), TOKEN_GOOD);
	token_spend(j.asked->token, j.now, 1);
	EXPECT_EQ(j.hear(a), TOKEN_USED);
	j.secret[1] = 99; // and so is a new one by the same token
	EXPECT_EQ(j.hear(j.ask()), TOKEN_USED);
	EXPECT_TRUE(j.give().empty()); // who was refused is granted nothing
}

TEST(Join, ExpiredTokenIsRefused)
{
	Join j;
	Bytes a = j.ask();

	j.now = 2001;
	EXPECT_EQ(j.hear(a), TOKEN_EXPIRED);
}

TEST(Join, UnknownTokenIsRefused)
{
	Join j;

	j.t.id[0] ^= 1;
	EXPECT_EQ(j.hear(j.ask()), TOKEN_UNKNOWN);
}

TEST(Join, WhoKnowsTheNumberAloneIsAStranger)
{
	Join j;

	j.t.secret[0] ^= 1;
	EXPECT_EQ(j.hear(j.ask()), TOKEN_UNKNOWN);
	EXPECT_EQ(token_usable(&j.all->tokens[0], j.now), TOKEN_GOOD); // and spends nothing
}

TEST(Join, WhoReadWhatIsKeptIsAStranger)
{
	Join j;

	EXPECT_EQ(j.hear(j.ask_by_the_kept()), TOKEN_UNKNOWN);
}

TEST(Join, ATokenForANameIsForThatName)
{
	Join j("rack1-a");

	j.name = "rack1-b";
	EXPECT_EQ(j.hear(j.ask()), TOKEN_OTHER_NAME);
	j.name = "rack1-a";
	EXPECT_EQ(j.hear(j.ask()), TOKEN_GOOD);
}

TEST(Join, AnothersPublicKeyIsNotCertified)
{
	Join j;

	memcpy(j.own.pub, key_of(5).pub, 32); // its secret half is another's
	EXPECT_EQ(j.hear(j.ask()), TOKEN_FORGED);
}

TEST(Join, EachBitAndEachLengthOfAnAsk)
{
	Join j;
	Bytes a = j.ask();

	for (unsigned bit = 0; bit < 8 * a.size(); bit++) {
		Bytes bad = a;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		token_fault f = j.hear(bad);
		EXPECT_TRUE(f == TOKEN_MALFORMED || f == TOKEN_UNKNOWN) << bit << ": " << token_fault_text(f);
	}
	for (size_t n = 0; n < a.size(); n++) {
		token_fault f = j.hear(Bytes(a.begin(), a.begin() + (long)n));
		EXPECT_TRUE(f == TOKEN_MALFORMED || f == TOKEN_UNKNOWN) << n;
	}
	a.push_back(0);
	EXPECT_EQ(j.hear(a), TOKEN_UNKNOWN);
}

TEST(Join, NoNameThatIsNone)
{
	Join j;

	j.name = "-x";
	EXPECT_TRUE(j.ask().empty());
}

TEST(Join, AnAnswerToAnotherAsk)
{
	Join j;

	ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
	Bytes g = j.give();
	j.secret[1] ^= 1;
	EXPECT_EQ(j.take(g), GRANT_NOT_FOR_US);
	j.secret[1] ^= 1;
	j.name = "rack1-b";
	EXPECT_EQ(j.take(g), GRANT_NOT_FOR_US);
}

TEST(Join, EachBitAndEachLengthOfAGrant)
{
	Join j;

	ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
	Bytes g = j.give();
	for (unsigned bit = 0; bit < 8 * g.size(); bit++) {
		Bytes bad = g;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_NE(j.take(bad), GRANT_GOOD) << bit;
	}
	for (size_t n = 0; n < g.size(); n++)
		EXPECT_NE(j.take(Bytes(g.begin(), g.begin() + (long)n)), GRANT_GOOD) << n;
	g.push_back(0);
	EXPECT_EQ(j.take(g), GRANT_NOT_FOR_US);
	EXPECT_EQ(j.take(Bytes(100000, 1)), GRANT_MALFORMED);
}

TEST(Join, TheRootIsTheOneThatTheTokenPins)
{
	Join j;

	ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
	j.signer = key_of(8); // who is asked knows the token, and has another root
	EXPECT_EQ(j.take(j.give()), GRANT_OTHER_ROOT);
}

TEST(Join, TheCertificateIsForWhatWasAsked)
{
	{
		Join j;
		ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
		j.cert_name = "rack1-b";
		EXPECT_EQ(j.take(j.give()), GRANT_BAD_CERT);
	}
	{
		Join j;
		ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
		j.cert_key = key_of(8);
		EXPECT_EQ(j.take(j.give()), GRANT_BAD_CERT);
	}
	{
		Join j;
		ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
		Bytes g = j.give();
		j.now = 5000; // by then it has expired
		EXPECT_EQ(j.take(g), GRANT_BAD_CERT);
	}
	{
		Join j;
		ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
		revoked_add(&j.list, 1);
		EXPECT_EQ(j.take(j.give()), GRANT_BAD_CERT);
	}
	{
		Join j;
		ASSERT_EQ(j.hear(j.ask()), TOKEN_GOOD);
		j.list.number = 0;
		EXPECT_EQ(j.take(j.give()), GRANT_BAD_LIST);
	}
}

TEST(Join, WordsForAllOfIt)
{
	for (unsigned f = 0; f < GRANT_FAULTS; f++)
		EXPECT_STRNE(grant_fault_text((grant_fault)f), "unknown");
	EXPECT_STREQ(grant_fault_text(GRANT_FAULTS), "unknown");
}
