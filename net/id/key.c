// SPDX-License-Identifier: Apache-2.0
#include "net/id/key.h"

#include <sodium.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"

_Static_assert(ID_SEED_BYTES == crypto_sign_SEEDBYTES && ID_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES &&
		       ID_SIGNATURE_BYTES == crypto_sign_BYTES,
	       "Ed25519");

#define DIGEST_BYTES crypto_hash_sha512_BYTES

void id_key_make(struct id_key *k, const uint8_t seed[ID_SEED_BYTES])
{
	crypto_sign_seed_keypair(k->pub, k->secret, seed);
}

void id_key_wipe(struct id_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

void id_random(void *out, size_t n)
{
	PD_CHECK(sodium_init() >= 0); // fails only without any source of randomness
	randombytes_buf(out, n);
}

void id_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

bool id_same(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void id_sha512(const void *p, size_t n, uint8_t out[64])
{
	crypto_hash_sha512(out, p, n);
}

void id_mark(const uint8_t pub[ID_PUBLIC_BYTES], uint8_t out[ID_MARK_BYTES])
{
	uint8_t whole[32];

	crypto_generichash(whole, sizeof(whole), pub, ID_PUBLIC_BYTES, NULL, 0);
	memcpy(out, whole, ID_MARK_BYTES);
}

/* Each part with its length before it, so that what one part ends with is not what the next begins with. */
static void add(crypto_hash_sha512_state *h, const void *p, size_t n)
{
	uint8_t length[8];

	put_le(length, n, sizeof(length));
	crypto_hash_sha512_update(h, length, sizeof(length));
	if (n)
		crypto_hash_sha512_update(h, p, n);
}

static void digest(const char *label, const struct id_part *parts, unsigned n, uint8_t out[DIGEST_BYTES])
{
	crypto_hash_sha512_state h;

	crypto_hash_sha512_init(&h);
	add(&h, label, strlen(label));
	for (unsigned i = 0; i < n; i++)
		add(&h, parts[i].p, parts[i].n);
	crypto_hash_sha512_final(&h, out);
}

void id_sign(const struct id_key *k, const char *label, const struct id_part *parts, unsigned n,
	     uint8_t out[ID_SIGNATURE_BYTES])
{
	uint8_t d[DIGEST_BYTES];

	digest(label, parts, n, d);
	crypto_sign_detached(out, NULL, d, sizeof(d), k->secret);
}

bool id_signed_bytes(const uint8_t pub[ID_PUBLIC_BYTES], const void *p, size_t n,
		     const uint8_t signature[ID_SIGNATURE_BYTES])
{
	return crypto_sign_verify_detached(signature, p, n, pub) == 0;
}

bool id_signed(const uint8_t pub[ID_PUBLIC_BYTES], const char *label, const struct id_part *parts, unsigned n,
	       const uint8_t signature[ID_SIGNATURE_BYTES])
{
	uint8_t d[DIGEST_BYTES];

	digest(label, parts, n, d);
	return id_signed_bytes(pub, d, sizeof(d), signature);
}

void id_hex(const uint8_t *p, size_t n, char *out)
{
	sodium_bin2hex(out, 2 * n + 1, p, n);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool id_unhex(const char *text, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
