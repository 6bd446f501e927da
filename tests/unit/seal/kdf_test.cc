// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/seal/vectors.h"

extern "C" {
#include "net/seal/kdf.h"
}

TEST(Kdf, Wycheproof)
{
	unsigned n = each_case("hkdf_sha512_test.json", [](json_t *, json_t *t) {
		Bytes ikm = field(t, "ikm"), salt = field(t, "salt"), info = field(t, "info");
		Bytes out((size_t)json_integer_value(json_object_get(t, "size")));
		bool done = kdf_hkdf(salt.data(), salt.size(), ikm.data(), ikm.size(), info.data(), info.size(),
				     out.data(), out.size());

		EXPECT_EQ(done, word(t, "result") == "valid");
		if (done) {
			EXPECT_EQ(out, field(t, "okm"));
		}
	});
	SKIP_WITHOUT_VECTORS(n);
}

TEST(Kdf, OneVectorAndNoMoreThanThereIs) // Wycheproof, hkdf_sha512, 1
{
	Bytes ikm = unhex("24aeff2645e3e0f5494a9a102778c43a"), out(20), much(255 * KDF_BLOCK + 1, 7);

	ASSERT_TRUE(kdf_hkdf(nullptr, 0, ikm.data(), ikm.size(), nullptr, 0, out.data(), out.size()));
	EXPECT_EQ(out, unhex("dd2599840b09699c6200b5cba79002b3aa75c61b"));
	EXPECT_FALSE(kdf_hkdf(nullptr, 0, ikm.data(), ikm.size(), nullptr, 0, much.data(), much.size()));
	EXPECT_EQ(much[0], 7);
	EXPECT_TRUE(kdf_hkdf(nullptr, 0, ikm.data(), ikm.size(), nullptr, 0, much.data(), much.size() - 1));
}
