// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/id/people.h"

namespace
{

Bytes make(const revoked &l, const id_key &root)
{
	Bytes out(REVOKED_BYTES_MAX);

	out.resize(revoked_make(&l, &root, out.data()));
	return out;
}

revoked list(uint64_t number, std::vector<uint64_t> serials)
{
	revoked l = {};

	l.number = number;
	for (uint64_t s : serials)
		EXPECT_TRUE(revoked_add(&l, s));
	return l;
}

struct Seen {
	id_key root = key_of(1);
	revoked l = {};

	revoked_fault take(const Bytes &b)
	{
		return revoked_take(&l, b.data(), b.size(), root.pub);
	}
};

/* As the root signs it, whatever it says. */
Bytes resigned(Bytes b, const id_key &root)
{
	id_part part = {b.data(), b.size() - ID_SIGNATURE_BYTES};

	id_sign(&root, "pando revoked 1", &part, 1, b.data() + part.n);
	return b;
}

} // namespace

TEST(Revoked, InOrderAndOnceEach)
{
	revoked l = list(1, {5, 3, 9, 3, 1});

	ASSERT_EQ(l.n, 4u);
	for (uint64_t s : {1, 3, 5, 9})
		EXPECT_TRUE(revoked_has(&l, s));
	for (uint64_t s : {0, 2, 4, 10})
		EXPECT_FALSE(revoked_has(&l, s));
	EXPECT_FALSE(revoked_add(&l, 0));
}

TEST(Revoked, NewerOnesAreTakenAndOlderOnesNot)
{
	Seen s;

	EXPECT_EQ(s.take(make(list(1, {}), s.root)), REVOKED_TAKEN);
	EXPECT_EQ(s.take(make(list(3, {4, 5}), s.root)), REVOKED_TAKEN);
	EXPECT_EQ(s.take(make(list(2, {4}), s.root)), REVOKED_OLDER);
	EXPECT_EQ(s.take(make(list(1, {}), s.root)), REVOKED_OLDER);
	EXPECT_TRUE(revoked_has(&s.l, 5));
	EXPECT_EQ(s.l.number, 3u);
	EXPECT_EQ(s.take(make(list(3, {4, 5}), s.root)), REVOKED_SAME);
	EXPECT_EQ(s.take(make(list(3, {4}), s.root)), REVOKED_FORKED);
	EXPECT_EQ(s.take(make(list(3, {4, 6}), s.root)), REVOKED_FORKED);
	EXPECT_EQ(s.l.n, 2u);
	EXPECT_EQ(s.take(make(list(~0ull, {}), s.root)), REVOKED_TAKEN);
	EXPECT_EQ(s.take(make(list(4, {}), s.root)), REVOKED_OLDER);
}

TEST(Revoked, EachBitCounts)
{
	Seen s;
	Bytes good = make(list(3, {4, 5}), s.root);

	for (unsigned bit = 0; bit < 8 * good.size(); bit++) {
		Bytes bad = good;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_EQ(s.take(bad), REVOKED_BAD) << bit;
	}
	EXPECT_EQ(s.l.number, 0u);
}

TEST(Revoked, NoOtherLengthOrder)
{
	Seen s;
	Bytes b = make(list(3, {4, 5}), s.root);

	for (size_t n = 0; n < b.size(); n++)
		EXPECT_EQ(s.take(Bytes(b.begin(), b.begin() + (long)n)), REVOKED_BAD) << n;
	Bytes more = b;
	more.push_back(0);
	EXPECT_EQ(s.take(more), REVOKED_BAD);
	Bytes twice = b;
	twice[REVOKED_HEAD + 8] = 4;
	EXPECT_EQ(s.take(resigned(twice, s.root)), REVOKED_BAD);
	twice[REVOKED_HEAD] = 0; // no serial
	EXPECT_EQ(s.take(resigned(twice, s.root)), REVOKED_BAD);
	Bytes many = b;
	memset(many.data() + 28, 0xff, 4);
	EXPECT_EQ(s.take(resigned(many, s.root)), REVOKED_BAD);
	Bytes none = b;
	memset(none.data() + 4, 0, 8); // the number that nobody has seen
	EXPECT_EQ(s.take(resigned(none, s.root)), REVOKED_BAD);
	EXPECT_EQ(s.take(resigned(b, s.root)), REVOKED_TAKEN);
}

TEST(Revoked, OfAnotherCluster)
{
	Seen s;

	EXPECT_EQ(s.take(make(list(1, {}), key_of(8))), REVOKED_BAD);
}

TEST(Revoked, UpToItsLimit)
{
	Seen s;
	revoked l = {};

	l.number = 1;
	for (unsigned i = 0; i < REVOKED_MAX; i++)
		ASSERT_TRUE(revoked_add(&l, 2 * (REVOKED_MAX - i)));
	EXPECT_FALSE(revoked_add(&l, 1));
	EXPECT_TRUE(revoked_add(&l, 2)); // it is there
	Bytes b = make(l, s.root);
	EXPECT_EQ(b.size(), REVOKED_BYTES_MAX);
	EXPECT_EQ(s.take(b), REVOKED_TAKEN);
	EXPECT_TRUE(revoked_has(&s.l, 2 * REVOKED_MAX));
	for (int f = REVOKED_TAKEN; f <= REVOKED_BAD; f++)
		EXPECT_GT(strlen(revoked_fault_text((revoked_fault)f)), 10u);
}
