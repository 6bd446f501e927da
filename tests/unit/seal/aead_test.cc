// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/seal/vectors.h"

#include <sodium.h>
#include <cstring>
#include <random>

extern "C" {
#include "net/seal/aead.h"
#include "net/seal/secret.h"
}

namespace
{

struct Context {
	aead_context *c = (aead_context *)secret_alloc(sizeof(aead_context));
	~Context()
	{
		secret_free(c);
	}
};

Bytes sealed(const aead_ops *a, const Bytes &key, const Bytes &nonce, const Bytes &aad, const Bytes &text)
{
	Context x;
	Bytes out(text.size() + AEAD_TAG_BYTES);

	a->expand(x.c, key.data());
	a->seal(x.c, nonce.data(), aad.data(), aad.size(), text.data(), text.size(), out.data(),
		out.data() + text.size());
	return out;
}

bool opens(const aead_ops *a, const Bytes &key, const Bytes &nonce, const Bytes &aad, const Bytes &both, Bytes *text)
{
	Context x;
	size_t n = both.size() - AEAD_TAG_BYTES;

	text->assign(n, 0xee);
	a->expand(x.c, key.data());
	return a->open(x.c, nonce.data(), aad.data(), aad.size(), both.data(), n, both.data() + n, text->data());
}

std::vector<const aead_ops *> here(seal_suite suite)
{
	std::vector<const aead_ops *> v;

	for (unsigned i = 0; aead_at(i); i++)
		if (aead_at(i)->suite == suite && aead_at(i)->there())
			v.push_back(aead_at(i));
	return v;
}

Bytes join(Bytes a, const Bytes &b)
{
	a.insert(a.end(), b.begin(), b.end());
	return a;
}

Bytes some(std::mt19937_64 &r, size_t n)
{
	Bytes b(n);

	for (auto &x : b)
		x = (uint8_t)r();
	return b;
}

/* Every valid case seals to what is written and opens; every other one does not open. */
unsigned run_vectors(const char *file, seal_suite suite)
{
	unsigned used = 0;

	each_case(file, [&](json_t *group, json_t *t) {
		bool fits = json_integer_value(json_object_get(group, "ivSize")) == 96 &&
			    json_integer_value(json_object_get(group, "keySize")) == 256 &&
			    json_integer_value(json_object_get(group, "tagSize")) == 128;

		if (!fits)
			return;
		Bytes key = field(t, "key"), iv = field(t, "iv"), aad = field(t, "aad"), msg = field(t, "msg"), got;
		Bytes both = join(field(t, "ct"), field(t, "tag"));
		bool valid = word(t, "result") == "valid";
		for (const aead_ops *a : here(suite)) {
			std::string what = std::string(a->library) + " case " +
					   std::to_string(json_integer_value(json_object_get(t, "tcId")));
			EXPECT_EQ(opens(a, key, iv, aad, both, &got), valid) << what;
			if (valid) {
				EXPECT_EQ(got, msg) << what;
				EXPECT_EQ(sealed(a, key, iv, aad, msg), both) << what;
			} else {
				EXPECT_TRUE(got == Bytes(got.size(), 0) || got == Bytes(got.size(), 0xee)) << what;
			}
		}
		used++;
	});
	return used;
}

} // namespace

TEST(Aead, ThereIsAlwaysAWayToSeal)
{
	ASSERT_GE(sodium_init(), 0);
	ASSERT_NE(aead_find(SEAL_CHACHA20), nullptr);
	EXPECT_EQ(aead_find(SEAL_PLAIN), nullptr);
	EXPECT_EQ(aead_find(SEAL_AES256GCM) != nullptr, crypto_aead_aes256gcm_is_available() != 0);
	EXPECT_STREQ(aead_suite_name(SEAL_AES256GCM), "AES-256-GCM");
	EXPECT_STREQ(aead_suite_name(SEAL_PLAIN), "plain");
}

TEST(Aead, AesGcmOfItsAuthors) // McGrew and Viega, test case 16
{
	Bytes key = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
	Bytes iv = unhex("cafebabefacedbaddecaf888"), aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
	Bytes text =
		unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
		      "525b16aedf5aa0de657ba637b39");
	Bytes both =
		unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
		      "838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");

	for (const aead_ops *a : here(SEAL_AES256GCM))
		EXPECT_EQ(sealed(a, key, iv, aad, text), both) << a->library;
}

TEST(Aead, ChaChaOfTheRfc) // RFC 8439, A.5: the tag of what is decrypted there
{
	Bytes key = unhex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
	Bytes iv = unhex("000000000102030405060708"), aad = unhex("f33388860000000000004e91"), text;
	Bytes ct = unhex(
		"64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0"
		"bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559"
		"797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e990"
		"40c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb"
		"2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130305b"
		"eaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b");
	Bytes tag = unhex("eead9d67890cbb22392336fea1851f38");

	for (const aead_ops *a : here(SEAL_CHACHA20)) {
		ASSERT_TRUE(opens(a, key, iv, aad, join(ct, tag), &text));
		EXPECT_EQ(std::string(text.begin(), text.begin() + 15), "Internet-Drafts");
	}
}

TEST(Aead, WycheproofAesGcm)
{
	SKIP_WITHOUT_VECTORS(run_vectors("aes_gcm_test.json", SEAL_AES256GCM));
}

TEST(Aead, WycheproofChaCha)
{
	SKIP_WITHOUT_VECTORS(run_vectors("chacha20_poly1305_test.json", SEAL_CHACHA20));
}

/* Each library opens what the other sealed, at every length around blocks, and the same bytes come out. */
TEST(Aead, LibrariesOpenEachOther)
{
	auto libraries = here(SEAL_AES256GCM);
	std::mt19937_64 r(1);

	for (size_t n : {0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 4096, 4140, 16384}) {
		Bytes key = some(r, 32), iv = some(r, 12), aad = some(r, n % 21), text = some(r, n), got;
		Bytes first;

		for (const aead_ops *by : libraries) {
			Bytes both = sealed(by, key, iv, aad, text);

			first = first.empty() ? both : first;
			EXPECT_EQ(both, first) << n;
			for (const aead_ops *a : libraries) {
				ASSERT_TRUE(opens(a, key, iv, aad, both, &got)) << by->library << a->library << n;
				EXPECT_EQ(got, text);
			}
		}
	}
}

/* One bit anywhere, and it does not open; nothing of what it was is left. */
TEST(Aead, OneBitIsEnough)
{
	std::mt19937_64 r(2);

	for (unsigned i = 0; aead_at(i); i++) {
		const aead_ops *a = aead_at(i);

		if (!a->there())
			continue;
		Bytes key = some(r, 32), iv = some(r, 12), aad = some(r, 4), text = some(r, 200), got;
		Bytes both = sealed(a, key, iv, aad, text);
		for (size_t bit = 0; bit < both.size() * 8; bit++) {
			Bytes bad = both;

			bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
			EXPECT_FALSE(opens(a, key, iv, aad, bad, &got)) << a->library << bit;
			EXPECT_TRUE(got == Bytes(200, 0) || got == Bytes(200, 0xee)) << a->library;
		}
		for (size_t bit = 0; bit < 32; bit++) {
			Bytes bad = aad;

			bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
			EXPECT_FALSE(opens(a, key, iv, bad, both, &got));
		}
		for (size_t bit = 0; bit < 96; bit++) {
			Bytes bad = iv;

			bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
			EXPECT_FALSE(opens(a, key, bad, aad, both, &got));
		}
	}
}

TEST(Aead, InPlace)
{
	std::mt19937_64 r(3);

	for (unsigned i = 0; aead_at(i); i++) {
		const aead_ops *a = aead_at(i);

		if (!a->there())
			continue;
		Context x;
		Bytes key = some(r, 32), iv = some(r, 12), text = some(r, 4140), same = text;
		Bytes both = sealed(a, key, iv, {}, text);
		uint8_t tag[AEAD_TAG_BYTES];

		a->expand(x.c, key.data());
		a->seal(x.c, iv.data(), nullptr, 0, same.data(), same.size(), same.data(), tag);
		EXPECT_EQ(memcmp(both.data(), same.data(), same.size()), 0) << a->library;
		EXPECT_TRUE(a->open(x.c, iv.data(), nullptr, 0, same.data(), same.size(), tag, same.data()));
		EXPECT_EQ(same, text) << a->library;
	}
}
