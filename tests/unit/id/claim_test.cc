// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/id/people.h"

extern "C" {
#include "net/id/claim.h"
#include "net/seal/noise.h"
}

namespace
{

struct Session {
	Cluster w;
	Bytes hash = Bytes(CLAIM_HASH_BYTES, 9);

	Bytes claim(claim_side side) const
	{
		return claim(side, w.own, w.make());
	}
	Bytes claim(claim_side side, const id_key &k, const Bytes &certificate) const
	{
		Bytes out(CLAIM_BYTES_MAX);

		out.resize(claim_make(&k, certificate.data(), (uint32_t)certificate.size(), side, hash.data(),
				      out.data()));
		return out;
	}
	id_fault check(const Bytes &b, claim_side side, unsigned may = ID_MAY(ID_HOST)) const
	{
		cert c;
		id_fault f = claim_check(b.data(), b.size(), side, hash.data(), &w.judge, may, &c);

		if (!f) {
			EXPECT_STREQ(c.name, w.c.name);
		}
		return f;
	}
};

} // namespace

TEST(Claim, OfItsSideAlone)
{
	Session s;

	EXPECT_EQ(s.check(s.claim(CLAIM_CONNECTOR), CLAIM_CONNECTOR), ID_GOOD);
	EXPECT_EQ(s.check(s.claim(CLAIM_ACCEPTOR), CLAIM_ACCEPTOR), ID_GOOD);
	EXPECT_EQ(s.check(s.claim(CLAIM_CONNECTOR), CLAIM_ACCEPTOR), ID_NOT_HIS); // sent back to who made it
}

TEST(Claim, OfItsSessionAlone)
{
	Session one, two;

	two.hash[63] ^= 1;
	EXPECT_EQ(two.check(one.claim(CLAIM_CONNECTOR), CLAIM_CONNECTOR), ID_NOT_HIS);
}

TEST(Claim, WithAnothersCertificate)
{
	Session s;

	EXPECT_EQ(s.check(s.claim(CLAIM_CONNECTOR, key_of(8), s.w.make()), CLAIM_CONNECTOR), ID_NOT_HIS);
}

/* One key may have two certificates: the signature is for the one that was shown. */
TEST(Claim, WithAnotherCertificateOfTheSameKey)
{
	Session s, more;

	more.w.c.role = ID_OPERATOR;
	Bytes host = s.claim(CLAIM_CONNECTOR), better = more.w.make();
	Bytes swapped = better;
	swapped.insert(swapped.end(), host.end() - ID_SIGNATURE_BYTES, host.end());
	EXPECT_EQ(s.check(swapped, CLAIM_CONNECTOR, ~0u), ID_NOT_HIS);
}

TEST(Claim, IsJudgedAsItsCertificate)
{
	Session s;
	Bytes b = s.claim(CLAIM_CONNECTOR);

	EXPECT_EQ(s.check(b, CLAIM_CONNECTOR, ID_MAY(ID_OPERATOR)), ID_WRONG_ROLE);
	revoked_add(&s.w.list, 7);
	EXPECT_EQ(s.check(b, CLAIM_CONNECTOR), ID_REVOKED);
	s.w.list.n = 0;
	s.w.judge.now = 9999;
	EXPECT_EQ(s.check(b, CLAIM_CONNECTOR), ID_EXPIRED);
}

TEST(Claim, EachBitAndEachLength)
{
	Session s;
	Bytes good = s.claim(CLAIM_CONNECTOR);

	for (unsigned bit = 0; bit < 8 * good.size(); bit++) {
		Bytes bad = good;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_NE(s.check(bad, CLAIM_CONNECTOR), ID_GOOD) << bit;
	}
	for (size_t n = 0; n < good.size(); n++)
		EXPECT_EQ(s.check(Bytes(good.begin(), good.begin() + (long)n), CLAIM_CONNECTOR), ID_MALFORMED) << n;
	good.push_back(0);
	EXPECT_EQ(s.check(good, CLAIM_CONNECTOR), ID_MALFORMED);
}

/* A member in the middle: he knows the cluster's key and shakes hands with both. What he passes on is of the wrong
 * hash. */
TEST(Claim, AMemberInTheMiddleIsFound)
{
	Session s;
	uint8_t psk[32] = {7}, none[1], out[2][NOISE_MORE];
	noise left = {}, to_left = {}, to_right = {}, right = {};
	uint8_t secrets[4][32] = {{0, 1}, {0, 2}, {0, 3}, {0, 4}};

	noise_begin(&left, true, psk, nullptr, 0, secrets[0]);
	noise_begin(&to_left, false, psk, nullptr, 0, secrets[1]);
	noise_begin(&to_right, true, psk, nullptr, 0, secrets[2]);
	noise_begin(&right, false, psk, nullptr, 0, secrets[3]);
	noise *pairs[2][2] = {{&left, &to_left}, {&to_right, &right}};
	for (auto &p : pairs) {
		ASSERT_TRUE(noise_write(p[0], nullptr, 0, out[0]) && noise_read(p[1], out[0], NOISE_MORE, none));
		ASSERT_TRUE(noise_write(p[1], nullptr, 0, out[1]) && noise_read(p[0], out[1], NOISE_MORE, none));
		ASSERT_EQ(memcmp(p[0]->hash, p[1]->hash, NOISE_HASH_BYTES), 0);
	}
	s.hash.assign(left.hash, left.hash + NOISE_HASH_BYTES);
	Bytes claim = s.claim(CLAIM_CONNECTOR);
	EXPECT_EQ(s.check(claim, CLAIM_CONNECTOR), ID_GOOD);
	s.hash.assign(right.hash, right.hash + NOISE_HASH_BYTES);
	EXPECT_EQ(s.check(claim, CLAIM_CONNECTOR), ID_NOT_HIS);
}
