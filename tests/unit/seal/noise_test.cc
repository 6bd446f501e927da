// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/seal/vectors.h"

#include <sodium.h>
#include <cstring>

extern "C" {
#include "net/seal/noise.h"
}

namespace
{

struct Two {
	noise c = {}, a = {};
	Bytes psk = Bytes(32, 7), psk2 = Bytes(32, 7), text = {'h', 'i'}, pro = {1, 2, 3}, pro2 = {1, 2, 3};
	Bytes secret_c = Bytes(32, 11), secret_a = Bytes(32, 13);
	Bytes first, second;

	bool say_first()
	{
		noise_begin(&c, true, psk.data(), pro.data(), pro.size(), secret_c.data());
		noise_begin(&a, false, psk2.data(), pro2.data(), pro2.size(), secret_a.data());
		first.resize(NOISE_MORE);
		return noise_write(&c, nullptr, 0, first.data());
	}
	bool hear_first()
	{
		uint8_t none[1];

		return noise_read(&a, first.data(), first.size(), none);
	}
	bool say_second()
	{
		second.resize(NOISE_MORE + text.size());
		return noise_write(&a, text.data(), text.size(), second.data());
	}
	bool hear_second()
	{
		Bytes out(text.size());

		return noise_read(&c, second.data(), second.size(), out.data()) && out == text;
	}
};

const char *const psk = "54686973206973206d7920417573747269616e20706572737065637469766521";

/* The messages after the two: as ChaCha20-Poly1305 with the keys of the split. */
void transport(json_t *messages, const uint8_t *k1, const uint8_t *k2)
{
	uint64_t n[2] = {0, 0};

	for (size_t i = 2; i < json_array_size(messages); i++) {
		json_t *m = json_array_get(messages, i);
		Bytes text = field(m, "payload"), out(text.size() + 16);
		uint8_t nonce[12] = {0};

		nonce[4] = (uint8_t)n[i % 2]++;
		crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, text.data(), text.size(), nullptr, 0,
							  nullptr, nonce, i % 2 ? k2 : k1);
		EXPECT_EQ(out, field(m, "ciphertext")) << i;
	}
}

void run_vector(json_t *v)
{
	json_t *messages = json_object_get(v, "messages");
	Bytes key = unhex(json_string_value(json_array_get(json_object_get(v, "init_psks"), 0)));
	Bytes pro = field(v, "init_prologue"), ec = field(v, "init_ephemeral"), ea = field(v, "resp_ephemeral");
	noise c, a;
	uint8_t k1[32], k2[32], k3[32], k4[32];

	noise_begin(&c, true, key.data(), pro.data(), pro.size(), ec.data());
	noise_begin(&a, false, key.data(), pro.data(), pro.size(), ea.data());
	for (size_t i = 0; i < 2; i++) {
		json_t *m = json_array_get(messages, i);
		Bytes text = field(m, "payload"), said(text.size() + NOISE_MORE), heard(text.size());

		ASSERT_TRUE(noise_write(i ? &a : &c, text.data(), text.size(), said.data()));
		EXPECT_EQ(said, field(m, "ciphertext")) << i;
		ASSERT_TRUE(noise_read(i ? &c : &a, said.data(), said.size(), heard.data()));
		EXPECT_EQ(heard, text);
	}
	ASSERT_TRUE(noise_split(&c, k1, k2) && noise_split(&a, k3, k4));
	EXPECT_TRUE(memcmp(k1, k3, 32) == 0 && memcmp(k2, k4, 32) == 0);
	EXPECT_EQ(Bytes(c.hash, c.hash + 64), field(v, "handshake_hash"));
	EXPECT_EQ(memcmp(c.hash, a.hash, 64), 0);
	transport(messages, k1, k2);
}

} // namespace

TEST(Noise, PublicVectors)
{
	json_t *all = vectors("noise_nn.json"), *v;
	size_t i;
	unsigned n = 0;

	json_array_foreach(json_object_get(all, "vectors"), i,
			   v) if (word(v, "protocol_name") == "Noise_NNpsk0_25519_ChaChaPoly_SHA512" &&
				  json_object_get(v, "handshake_hash"))
	{
		run_vector(v);
		n++;
	}
	json_decref(all);
	SKIP_WITHOUT_VECTORS(n);
}

TEST(Noise, OneVector) // cacophony's, the handshake of it
{
	Bytes key = unhex(psk), pro = unhex("4a6f686e2047616c74");
	Bytes ec = unhex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a");
	Bytes ea = unhex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b");
	Bytes t1 = unhex("4c756477696720766f6e204d69736573"), t2 = unhex("4d757272617920526f746862617264");
	Bytes out1(t1.size() + NOISE_MORE), out2(t2.size() + NOISE_MORE), heard(64);
	noise c, a;

	noise_begin(&c, true, key.data(), pro.data(), pro.size(), ec.data());
	noise_begin(&a, false, key.data(), pro.data(), pro.size(), ea.data());
	ASSERT_TRUE(noise_write(&c, t1.data(), t1.size(), out1.data()));
	EXPECT_EQ(out1,
		  unhex("ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944d6950b5145b4067a58a0692dc0f1"
			"14b368c3769275d30efc88c48aeaa82a91b2"));
	ASSERT_TRUE(noise_read(&a, out1.data(), out1.size(), heard.data()));
	ASSERT_TRUE(noise_write(&a, t2.data(), t2.size(), out2.data()));
	EXPECT_EQ(out2,
		  unhex("95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843270979b50a80b94def87f09f53e0"
			"407dcfdbcf99daa2ff53ae7cf8b356ec1e"));
	ASSERT_TRUE(noise_read(&c, out2.data(), out2.size(), heard.data()));
	EXPECT_EQ(Bytes(c.hash, c.hash + 64), unhex("20747c2d6e39075ff1d468a0cc43a29f59217d41032e093341739713acf575f27f"
						    "a3d47c4960cae660f07de84ac450429d9db318"
						    "cd49fb2fe1625933f298828c"));
}

TEST(Noise, WycheproofX25519) // what the handshake computes with: libsodium's, small orders refused
{
	unsigned n = each_case("x25519_test.json", [](json_t *, json_t *t) {
		Bytes pub = field(t, "public"), priv = field(t, "private"), shared = field(t, "shared");
		uint8_t out[32];

		if (pub.size() != 32 || priv.size() != 32)
			return;
		bool zero = shared == Bytes(32, 0);
		int r = crypto_scalarmult(out, priv.data(), pub.data());
		EXPECT_EQ(r, zero ? -1 : 0) << json_integer_value(json_object_get(t, "tcId"));
		if (!r) {
			EXPECT_EQ(Bytes(out, out + 32), shared) << json_integer_value(json_object_get(t, "tcId"));
		}
	});
	SKIP_WITHOUT_VECTORS(n);
}

TEST(Noise, BothGetTheSameKeysAndDifferentOnesADirection)
{
	Two t;
	uint8_t k[4][32];

	EXPECT_FALSE(noise_split(&t.c, k[0], k[1]));
	ASSERT_TRUE(t.say_first() && t.hear_first() && t.say_second() && t.hear_second());
	ASSERT_TRUE(noise_split(&t.c, k[0], k[1]) && noise_split(&t.a, k[2], k[3]));
	EXPECT_EQ(memcmp(k[0], k[2], 32), 0);
	EXPECT_EQ(memcmp(k[1], k[3], 32), 0);
	EXPECT_NE(memcmp(k[0], k[1], 32), 0);
	EXPECT_FALSE(t.say_second()) << "each speaks once";
}

TEST(Noise, AnotherKeyOrPrologueIsFoundByTheFirstMessage)
{
	Two key, pro;

	key.psk2[31] ^= 1;
	ASSERT_TRUE(key.say_first());
	EXPECT_FALSE(key.hear_first());
	pro.pro2[0] ^= 1;
	ASSERT_TRUE(pro.say_first());
	EXPECT_FALSE(pro.hear_first());
}

TEST(Noise, EveryBitOfBothMessagesCounts)
{
	for (size_t bit = 0; bit < NOISE_MORE * 8; bit++) {
		Two t;

		ASSERT_TRUE(t.say_first());
		t.first[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_FALSE(t.hear_first()) << bit;
	}
	for (size_t bit = 0; bit < (NOISE_MORE + 2) * 8; bit++) {
		Two t;

		ASSERT_TRUE(t.say_first() && t.hear_first() && t.say_second());
		t.second[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_FALSE(t.hear_second()) << bit;
	}
}

TEST(Noise, ShortReflectedAndForeignMessages)
{
	Two t, u;

	ASSERT_TRUE(t.say_first());
	EXPECT_FALSE(noise_read(&t.a, t.first.data(), NOISE_MORE - 1, nullptr));
	Two back;
	ASSERT_TRUE(back.say_first());
	EXPECT_FALSE(noise_read(&back.c, back.first.data(), back.first.size(), nullptr)) << "its own message";
	/* the answer of another handshake with the same key */
	u.secret_c = Bytes(32, 99);
	ASSERT_TRUE(u.say_first() && u.hear_first() && u.say_second());
	Two v;
	ASSERT_TRUE(v.say_first() && v.hear_first());
	v.second = u.second;
	EXPECT_FALSE(v.hear_second());
}

TEST(Noise, AKeyOfSmallOrderIsRefused)
{
	Two t;
	Bytes zero(32, 0), out(2);

	/* who knows the cluster's key and sends 0 as its own: the shared secret would be 0 */
	ASSERT_TRUE(t.say_first());
	noise_begin(&t.c, true, t.psk.data(), t.pro.data(), t.pro.size(), t.secret_c.data());
	memset(t.c.own, 0, 32);
	ASSERT_TRUE(noise_write(&t.c, nullptr, 0, t.first.data()));
	ASSERT_TRUE(t.hear_first());
	EXPECT_FALSE(t.say_second());
}
