// SPDX-License-Identifier: Apache-2.0
#include "net/seal/kdf.h"

#include <sodium.h>
#include <string.h>

_Static_assert(KDF_BLOCK == crypto_auth_hmacsha512_BYTES, "block of the hash");

/* libsodium declares that it takes no NULL, also where there is nothing to take. */
static const uint8_t *some(const uint8_t *p)
{
	return p ? p : (const uint8_t *)"";
}

bool kdf_hkdf(const uint8_t *salt, size_t salt_n, const uint8_t *ikm, size_t ikm_n, const uint8_t *info, size_t info_n,
	      uint8_t *out, size_t n)
{
	crypto_auth_hmacsha512_state mac;
	uint8_t prk[KDF_BLOCK], block[KDF_BLOCK];

	if (n > 255 * (size_t)KDF_BLOCK)
		return false;
	crypto_auth_hmacsha512_init(&mac, some(salt), salt_n);
	crypto_auth_hmacsha512_update(&mac, some(ikm), ikm_n);
	crypto_auth_hmacsha512_final(&mac, prk);
	for (uint8_t i = 1; n; i++) {
		size_t take = n < KDF_BLOCK ? n : KDF_BLOCK;

		crypto_auth_hmacsha512_init(&mac, prk, sizeof(prk));
		if (i > 1)
			crypto_auth_hmacsha512_update(&mac, block, sizeof(block));
		crypto_auth_hmacsha512_update(&mac, some(info), info_n);
		crypto_auth_hmacsha512_update(&mac, &i, 1);
		crypto_auth_hmacsha512_final(&mac, block);
		memcpy(out, block, take);
		out += take;
		n -= take;
	}
	sodium_memzero(&mac, sizeof(mac));
	sodium_memzero(prk, sizeof(prk));
	sodium_memzero(block, sizeof(block));
	return true;
}
