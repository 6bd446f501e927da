// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>

#include "tests/unit/id/people.h"

extern "C" {
#include "net/id/login.h"
}

namespace
{

/* A cluster that is asked, and a person who asks; the SSH signature is judged elsewhere, and any bytes here. */
struct Login {
	id_key root = key_of(1), own = key_of(2);
	std::unique_ptr<login> asks{new login{}}, asked{new login{}};
	std::unique_ptr<grant> got{new grant{}};
	uint8_t secret[32] = {0, 3}, secret2[32] = {0, 4};
	Bytes ssh_sig = Bytes(200, 0x55);
	id_role role = ID_OPERATOR;
	Bytes text = Bytes(LOGIN_TEXT_MAX);
	/* what the cluster gives */
	revoked list = {};
	id_role given = ID_OPERATOR;

	Login()
	{
		id_mark(root.pub, asks->root);
		id_mark(root.pub, asked->root);
		memset(asks->challenge, 9, sizeof(asks->challenge));
		memset(asked->challenge, 9, sizeof(asked->challenge));
		memcpy(asks->pub, own.pub, 32);
		strcpy(asks->name, "alice@example.com");
		list.number = 1;
	}
	Bytes ask()
	{
		Bytes out(LOGIN_ASK_MAX);

		asks->role = role;
		text.resize(login_begin(asks.get(), secret, text.data()));
		out.resize(login_ask(asks.get(), &own, ssh_sig.data(), ssh_sig.size(), out.data()));
		return out;
	}
	bool hear(const Bytes &b)
	{
		Bytes t(LOGIN_TEXT_MAX);
		uint32_t n = 0;
		bool r = login_hear(asked.get(), secret2, b.data(), b.size(), t.data(), &n);

		t.resize(n);
		if (r) {
			EXPECT_EQ(t, text); // both sign and judge the same
		}
		return r;
	}
	Bytes give()
	{
		::grant g = {};
		Bytes out(LOGIN_GRANT_MAX);
		cert c = {};

		c.role = given;
		c.serial = 5;
		c.from = 1000;
		c.until = 2000;
		memcpy(c.pub, asked->pub, 32);
		strcpy(c.name, asked->name);
		memcpy(g.root, root.pub, 32);
		g.cert_n = cert_make(&c, &root, g.cert);
		g.list_n = revoked_make(&list, &root, g.list);
		out.resize(login_grant(asked.get(), &g, out.data()));
		return out;
	}
	grant_fault take(const Bytes &b)
	{
		login copy = *asks; // so that it can be tried again

		return login_take(&copy, b.data(), b.size(), 1500, got.get());
	}
};

} // namespace

TEST(Login, APersonGetsACertificate)
{
	Login l;

	ASSERT_TRUE(l.hear(l.ask()));
	EXPECT_STREQ(l.asked->name, "alice@example.com");
	EXPECT_EQ(l.asked->role, ID_OPERATOR);
	EXPECT_EQ(Bytes(l.asked->ssh_sig, l.asked->ssh_sig + l.asked->ssh_sig_n), l.ssh_sig);
	ASSERT_EQ(l.take(l.give()), GRANT_GOOD);
	EXPECT_STREQ(l.got->who.name, "alice@example.com");
}

TEST(Login, ToAnotherChallengeIsNoAnswer)
{
	Login l;
	Bytes a = l.ask();

	l.asked->challenge[0] ^= 1;
	EXPECT_FALSE(l.hear(a));
}

TEST(Login, ToAnotherClusterIsNoAnswer)
{
	Login l;
	Bytes a = l.ask();

	l.asked->root[0] ^= 1;
	EXPECT_FALSE(l.hear(a));
}

TEST(Login, AHostDoesNotLogIn)
{
	Login l;

	l.role = ID_HOST;
	EXPECT_FALSE(l.hear(l.ask()));
	EXPECT_EQ(login_namespace(ID_HOST), nullptr);
	EXPECT_STREQ(login_namespace(ID_OPERATOR), "pando-operator");
	EXPECT_STREQ(login_namespace(ID_MONITOR), "pando-monitor");
}

TEST(Login, AnothersPublicKeyIsNotCertified)
{
	Login l;

	memcpy(l.asks->pub, key_of(5).pub, 32);
	EXPECT_FALSE(l.hear(l.ask()));
}

TEST(Login, EachBitAndEachLengthOfAnAsk)
{
	Login l;
	Bytes a = l.ask();

	for (unsigned bit = 0; bit < 8 * a.size(); bit++) {
		Bytes bad = a;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_FALSE(l.hear(bad)) << bit;
	}
	for (size_t n = 0; n < a.size(); n++)
		EXPECT_FALSE(l.hear(Bytes(a.begin(), a.begin() + (long)n))) << n;
	EXPECT_TRUE(l.give().empty()); // who was not heard is granted nothing
	a.push_back(0);
	EXPECT_FALSE(l.hear(a));
	l.ssh_sig.resize(SSH_SIG_MAX + 1);
	EXPECT_TRUE(l.ask().empty());
}

TEST(Login, EachBitAndEachLengthOfAGrant)
{
	Login l;

	ASSERT_TRUE(l.hear(l.ask()));
	Bytes g = l.give();
	for (unsigned bit = 0; bit < 8 * g.size(); bit++) {
		Bytes bad = g;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_NE(l.take(bad), GRANT_GOOD) << bit;
	}
	for (size_t n = 0; n < g.size(); n++)
		EXPECT_NE(l.take(Bytes(g.begin(), g.begin() + (long)n)), GRANT_GOOD) << n;
	EXPECT_EQ(l.take(g), GRANT_GOOD);
}

TEST(Login, WithoutTheRootNobodyAnswers)
{
	Login l;

	ASSERT_TRUE(l.hear(l.ask()));
	l.root = key_of(8); // he shook hands, for he knows the mark; a certificate of the root he has not
	EXPECT_EQ(l.take(l.give()), GRANT_OTHER_ROOT);
}

TEST(Login, TheRoleIsTheOneThatWasAsked)
{
	Login l;

	ASSERT_TRUE(l.hear(l.ask()));
	l.given = ID_MONITOR;
	EXPECT_EQ(l.take(l.give()), GRANT_BAD_CERT);
}
