// SPDX-License-Identifier: Apache-2.0
/* In the words of the specification: MixHash, MixKey, MixKeyAndHash, EncryptAndHash, DecryptAndHash, Split. */
#include "net/seal/noise.h"

#include <sodium.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/seal/kdf.h"

static void mix_hash(struct noise *s, const uint8_t *p, size_t n)
{
	crypto_hash_sha512_state h;

	crypto_hash_sha512_init(&h);
	crypto_hash_sha512_update(&h, s->hash, sizeof(s->hash));
	crypto_hash_sha512_update(&h, p, n);
	crypto_hash_sha512_final(&h, s->hash);
}

static void take_key(struct noise *s, const uint8_t *key)
{
	memcpy(s->key, key, sizeof(s->key)); // the first half of the hash
	s->nonce = 0;
}

static void mix_key(struct noise *s, const uint8_t *p, size_t n)
{
	uint8_t out[2 * KDF_BLOCK];

	kdf_hkdf(s->chain, sizeof(s->chain), p, n, NULL, 0, out, sizeof(out));
	memcpy(s->chain, out, KDF_BLOCK);
	take_key(s, out + KDF_BLOCK);
	sodium_memzero(out, sizeof(out));
}

static void mix_key_and_hash(struct noise *s, const uint8_t *p, size_t n)
{
	uint8_t out[3 * KDF_BLOCK];

	kdf_hkdf(s->chain, sizeof(s->chain), p, n, NULL, 0, out, sizeof(out));
	memcpy(s->chain, out, KDF_BLOCK);
	mix_hash(s, out + KDF_BLOCK, KDF_BLOCK);
	take_key(s, out + 2 * KDF_BLOCK);
	sodium_memzero(out, sizeof(out));
}

static void make_nonce(struct noise *s, uint8_t out[12])
{
	memset(out, 0, 4);
	put_le(out + 4, s->nonce++, 8);
}

static void encrypt_and_hash(struct noise *s, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t nonce[12];

	make_nonce(s, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, n, s->hash, sizeof(s->hash), NULL, nonce, s->key);
	mix_hash(s, out, n + NOISE_TAG_BYTES);
}

static bool decrypt_and_hash(struct noise *s, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t nonce[12];

	make_nonce(s, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in, n, s->hash, sizeof(s->hash), nonce, s->key))
		return false;
	mix_hash(s, in, n);
	return true;
}

void noise_begin(struct noise *s, bool connector, const uint8_t psk[NOISE_KEY_BYTES], const uint8_t *prologue, size_t n,
		 const uint8_t secret[NOISE_KEY_BYTES])
{
	static const char name[] = "Noise_NNpsk0_25519_ChaChaPoly_SHA512";

	memset(s, 0, sizeof(*s));
	s->connector = connector;
	memcpy(s->secret, secret, sizeof(s->secret));
	if (connector) // who is called computes with nothing of a stranger's: see noise_write()
		crypto_scalarmult_base(s->own, s->secret);
	memcpy(s->hash, name, sizeof(name) - 1); // shorter than a hash: as it is, and zeroes
	memcpy(s->chain, s->hash, sizeof(s->chain));
	mix_hash(s, prologue, n);
	mix_key_and_hash(s, psk, NOISE_KEY_BYTES);
}

/* An ephemeral key; with a key known beforehand it goes into the chain too. */
static void mix_ephemeral(struct noise *s, const uint8_t *e)
{
	mix_hash(s, e, NOISE_KEY_BYTES);
	mix_key(s, e, NOISE_KEY_BYTES);
}

/* False: of the few keys that leave no secret. */
static bool mix_shared(struct noise *s)
{
	uint8_t dh[NOISE_KEY_BYTES];
	bool good = crypto_scalarmult(dh, s->secret, s->other) == 0;

	if (good)
		mix_key(s, dh, sizeof(dh));
	sodium_memzero(dh, sizeof(dh));
	return good;
}

bool noise_write(struct noise *s, const uint8_t *payload, size_t n, uint8_t *out)
{
	if (s->said != (s->connector ? 0 : 1))
		return false;
	if (!s->connector)
		crypto_scalarmult_base(s->own, s->secret);
	memcpy(out, s->own, NOISE_KEY_BYTES);
	mix_ephemeral(s, s->own);
	if (s->said == 1 && !mix_shared(s))
		return false;
	encrypt_and_hash(s, payload, n, out + NOISE_KEY_BYTES);
	s->said++;
	return true;
}

bool noise_read(struct noise *s, const uint8_t *in, size_t n, uint8_t *out)
{
	if (s->said != (s->connector ? 1 : 0) || n < NOISE_MORE)
		return false;
	memcpy(s->other, in, NOISE_KEY_BYTES);
	mix_ephemeral(s, s->other);
	if (s->said == 1 && !mix_shared(s))
		return false;
	if (!decrypt_and_hash(s, in + NOISE_KEY_BYTES, n - NOISE_KEY_BYTES, out))
		return false;
	s->said++;
	return true;
}

bool noise_split(const struct noise *s, uint8_t connector[NOISE_KEY_BYTES], uint8_t acceptor[NOISE_KEY_BYTES])
{
	uint8_t out[2 * KDF_BLOCK];

	if (s->said != 2)
		return false;
	kdf_hkdf(s->chain, sizeof(s->chain), NULL, 0, NULL, 0, out, sizeof(out));
	memcpy(connector, out, NOISE_KEY_BYTES);
	memcpy(acceptor, out + KDF_BLOCK, NOISE_KEY_BYTES);
	sodium_memzero(out, sizeof(out));
	return true;
}
