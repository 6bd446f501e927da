// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/id/people.h"
#include "tests/unit/seal/vectors.h"

TEST(IdKey, Wycheproof)
{
	unsigned n = each_case("ed25519_test.json", [](json_t *g, json_t *t) {
		Bytes key = field(json_object_get(g, "publicKey"), "pk"), msg = field(t, "msg"), sig = field(t, "sig");

		if (sig.size() != ID_SIGNATURE_BYTES) // no signature of ours can have that length
			EXPECT_NE(word(t, "result"), "valid");
		else
			EXPECT_EQ(id_signed_bytes(key.data(), msg.data(), msg.size(), sig.data()),
				  word(t, "result") == "valid")
				<< word(t, "comment");
	});
	SKIP_WITHOUT_VECTORS(n);
	EXPECT_GT(n, 100u);
}

/* RFC 8032, 7.1, tests 1 to 3: secret key, public key, message, signature. */
static const char *const rfc[][4] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bb"
	 "e24655141"
	 "438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302"
	 "aeeb00d29"
	 "1612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed"
	 "28dc027be"
	 "ceea1ec40a"},
};

TEST(IdKey, Rfc8032)
{
	for (auto &v : rfc) {
		Bytes seed = unhex(v[0]), msg = unhex(v[2]), sig = unhex(v[3]);
		id_key k;

		id_key_make(&k, seed.data());
		EXPECT_EQ(Bytes(k.pub, k.pub + 32), unhex(v[1]));
		EXPECT_TRUE(id_signed_bytes(k.pub, msg.data(), msg.size(), sig.data()));
		sig[5] ^= 1;
		EXPECT_FALSE(id_signed_bytes(k.pub, msg.data(), msg.size(), sig.data()));
	}
}

TEST(IdKey, ASignatureIsOfOneLabelAndOfPartsAsTheyAre)
{
	id_key k = key_of(3), other = key_of(4);
	id_part ab_c[] = {{"ab", 2}, {"c", 1}}, a_bc[] = {{"a", 1}, {"bc", 2}}, abc[] = {{"abc", 3}, {nullptr, 0}};
	uint8_t sig[ID_SIGNATURE_BYTES];

	id_sign(&k, "one", ab_c, 2, sig);
	EXPECT_TRUE(id_signed(k.pub, "one", ab_c, 2, sig));
	EXPECT_FALSE(id_signed(k.pub, "two", ab_c, 2, sig));
	EXPECT_FALSE(id_signed(k.pub, "one", a_bc, 2, sig));
	EXPECT_FALSE(id_signed(k.pub, "one", abc, 1, sig));
	EXPECT_FALSE(id_signed(k.pub, "one", ab_c, 1, sig));
	EXPECT_FALSE(id_signed(other.pub, "one", ab_c, 2, sig));
	for (unsigned bit = 0; bit < 8 * sizeof(sig); bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_FALSE(id_signed(k.pub, "one", ab_c, 2, sig)) << bit;
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	uint8_t zero_key[32] = {0}, zero_sig[64] = {0}; // of small order: it would sign anything
	EXPECT_FALSE(id_signed(zero_key, "one", ab_c, 2, zero_sig));
}

TEST(IdKey, HexOfLowerCaseAlone)
{
	uint8_t b[3] = {0x00, 0xa5, 0xff}, out[3];
	char text[7];

	id_hex(b, 3, text);
	EXPECT_STREQ(text, "00a5ff");
	EXPECT_TRUE(id_unhex("00a5ffzz", out, 3));
	EXPECT_EQ(memcmp(b, out, 3), 0);
	for (const char *bad : {"00A5ff", "00a5f", "0 a5ff", "g0a5ff", ""})
		EXPECT_FALSE(id_unhex(bad, out, 3)) << bad;
}

TEST(IdKey, RandomIsNotTheSameTwiceAndWipedIsZero)
{
	uint8_t a[32], b[32], zero[32] = {0};

	id_random(a, sizeof(a));
	id_random(b, sizeof(b));
	EXPECT_FALSE(id_same(a, b, sizeof(a)));
	EXPECT_TRUE(id_same(a, a, sizeof(a)));
	id_wipe(a, sizeof(a));
	EXPECT_TRUE(id_same(a, zero, sizeof(a)));
}
