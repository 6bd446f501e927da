// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/id/people.h"

TEST(Cert, WhatWasWrittenIsRead)
{
	Cluster w;

	for (const std::string &name : {std::string("a"), std::string("alice@example.com"), std::string("x.y_z-0+1"),
					std::string(ID_NAME_MAX, 'n')}) {
		cert c;

		strcpy(w.c.name, name.c_str());
		Bytes b = w.make();
		ASSERT_EQ(b.size(), CERT_NAME_AT + name.size() + ID_SIGNATURE_BYTES);
		ASSERT_EQ(w.check(b, ID_MAY(ID_HOST), &c), ID_GOOD);
		EXPECT_EQ(c.name, name);
		EXPECT_EQ(c.role, ID_HOST);
		EXPECT_EQ(c.serial, 7u);
		EXPECT_EQ(c.from, 1000u);
		EXPECT_EQ(c.until, 2000u);
		EXPECT_EQ(memcmp(c.pub, w.own.pub, 32), 0);
	}
}

TEST(Cert, EachBitCounts)
{
	Cluster w;
	Bytes good = w.make();

	for (unsigned bit = 0; bit < 8 * good.size(); bit++) {
		Bytes bad = good;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		id_fault f = w.check(bad);
		EXPECT_TRUE(f == ID_MALFORMED || f == ID_OTHER_ROOT || f == ID_FORGED)
			<< bit << ": " << id_fault_text(f);
	}
}

TEST(Cert, NoOtherLength)
{
	Cluster w;
	Bytes b = w.make();

	for (size_t n = 0; n < b.size(); n++)
		EXPECT_EQ(w.check(Bytes(b.begin(), b.begin() + (long)n)), ID_MALFORMED) << n;
	b.push_back(0);
	EXPECT_EQ(w.check(b), ID_MALFORMED);
	EXPECT_EQ(w.check(Bytes(100000, 'P')), ID_MALFORMED);
}

TEST(Cert, NoNameThatCouldBeSomethingElse)
{
	for (const char *bad : {"", "-rf", ".hidden", "a b", "a/b", "a\nb", "a\x1b", "\xc3\xa4", "a,b", "a*"}) {
		Cluster w;

		strcpy(w.c.name, bad);
		EXPECT_TRUE(w.make().empty()) << bad;
		EXPECT_FALSE(id_name_good(bad, strlen(bad))) << bad;
	}
	EXPECT_FALSE(id_name_good("a\0b", 3));
	EXPECT_FALSE(id_name_good(std::string(64, 'a').c_str(), 64));
	EXPECT_TRUE(id_name_good("alice@example.com", 17));
}

TEST(Cert, FieldsThatNoneMayHaveAreNotWritten)
{
	for (int i = 0; i < 4; i++) {
		Cluster w;

		if (i == 0)
			w.c.role = ID_ROLES;
		if (i == 1)
			w.c.role = (id_role)0;
		if (i == 2)
			w.c.serial = 0;
		if (i == 3)
			w.c.until = w.c.from - 1;
		EXPECT_TRUE(w.make().empty()) << i;
	}
}

/* The root could have signed nonsense: it is refused all the same. */
TEST(Cert, SignedNonsenseIsNone)
{
	Cluster w;
	Bytes good = w.make();
	const struct {
		size_t at;
		uint8_t value;
	} odd[] = {{4, 0}, {4, 4}, {4, 255}, {5, 6}, {5, 8}, {CERT_NAME_AT, '-'}, {CERT_NAME_AT + 3, 0}, {29, 0x80}};

	for (auto &o : odd) {
		Bytes b = good;

		b[o.at] = o.value;
		id_part part = {b.data(), b.size() - ID_SIGNATURE_BYTES};
		id_sign(&w.root, "pando certificate 1", &part, 1, b.data() + part.n);
		EXPECT_EQ(w.check(b), o.at == 29 ? ID_GOOD : ID_MALFORMED) << o.at; // a late end is not odd
	}
}

TEST(Cert, OfAnotherCluster)
{
	Cluster w, other;

	other.root = key_of(9);
	EXPECT_EQ(w.check(other.make()), ID_OTHER_ROOT);
}

TEST(Cert, SignedByAnotherInTheRootsName)
{
	Cluster w, other;

	other.root = key_of(9);
	Bytes b = other.make(), good = w.make();
	memcpy(b.data() + 30, good.data() + 30, ID_MARK_BYTES);
	EXPECT_EQ(w.check(b), ID_FORGED);
	/* nor by its own key */
	other.root = w.own;
	b = other.make();
	memcpy(b.data() + 30, good.data() + 30, ID_MARK_BYTES);
	EXPECT_EQ(w.check(b), ID_FORGED);
}

TEST(Cert, TooEarlyAndTooLate)
{
	Cluster w;
	Bytes b = w.make();
	const struct {
		uint64_t now;
		id_fault want;
	} at[] = {{0, ID_NOT_YET}, {999, ID_NOT_YET},  {1000, ID_GOOD},
		  {2000, ID_GOOD}, {2001, ID_EXPIRED}, {~0ull, ID_EXPIRED}};

	for (auto &a : at) {
		w.judge.now = a.now;
		EXPECT_EQ(w.check(b), a.want) << a.now;
	}
}

TEST(Cert, Revoked)
{
	Cluster w;

	EXPECT_EQ(w.check(w.make()), ID_GOOD);
	ASSERT_TRUE(revoked_add(&w.list, 7));
	EXPECT_EQ(w.check(w.make()), ID_REVOKED);
	w.c.serial = 8;
	EXPECT_EQ(w.check(w.make()), ID_GOOD);
}

TEST(Cert, WrongRole)
{
	for (id_role r : {ID_HOST, ID_OPERATOR, ID_MONITOR})
		for (id_role may : {ID_HOST, ID_OPERATOR, ID_MONITOR}) {
			Cluster w;

			w.c.role = r;
			EXPECT_EQ(w.check(w.make(), ID_MAY(may)), r == may ? ID_GOOD : ID_WRONG_ROLE);
		}
	Cluster w;
	EXPECT_EQ(w.check(w.make(), 0), ID_WRONG_ROLE);
}

TEST(Cert, WhatIsRefusedFillsNothing)
{
	Cluster w;
	cert c;

	memset(&c, 0x5a, sizeof(c));
	cert before = c;
	w.judge.now = 5000;
	EXPECT_EQ(w.check(w.make(), ~0u, &c), ID_EXPIRED);
	EXPECT_EQ(memcmp(&c, &before, sizeof(c)), 0);
}

TEST(Cert, WordsForAllOfIt)
{
	id_role r;

	for (unsigned f = 0; f < ID_FAULTS; f++)
		EXPECT_STRNE(id_fault_text((id_fault)f), "unknown");
	EXPECT_STREQ(id_fault_text(ID_FAULTS), "unknown");
	for (id_role a : {ID_HOST, ID_OPERATOR, ID_MONITOR}) {
		ASSERT_TRUE(id_role_find(id_role_name(a), &r));
		EXPECT_EQ(r, a);
	}
	EXPECT_FALSE(id_role_find("root", &r));
	EXPECT_STREQ(id_role_name((id_role)0), "unknown");
	EXPECT_STREQ(id_role_name(ID_ROLES), "unknown");
}
