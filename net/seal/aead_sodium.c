// SPDX-License-Identifier: Apache-2.0
/* Both suites by libsodium. Its AES-256-GCM needs AES-NI and PCLMUL, its ChaCha20-Poly1305 nothing. */
#include <sodium.h>
#include <string.h>

#include "net/seal/aead_priv.h"

_Static_assert(sizeof(crypto_aead_aes256gcm_state) <= AEAD_CONTEXT_MAX, "context");
_Static_assert(crypto_aead_aes256gcm_KEYBYTES == AEAD_KEY_BYTES, "key");
_Static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == AEAD_KEY_BYTES, "key");
_Static_assert(crypto_aead_aes256gcm_ABYTES == AEAD_TAG_BYTES, "tag");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == AEAD_TAG_BYTES, "tag");

static bool aes_there(void)
{
	return sodium_init() >= 0 && crypto_aead_aes256gcm_is_available();
}

static const crypto_aead_aes256gcm_state *aes_state(const struct aead_context *c)
{
	return (const void *)c->bytes;
}

static void aes_expand(struct aead_context *c, const uint8_t key[AEAD_KEY_BYTES])
{
	crypto_aead_aes256gcm_beforenm((void *)c->bytes, key);
}

static void aes_seal(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad,
		     size_t aad_n, const uint8_t *in, size_t n, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	crypto_aead_aes256gcm_encrypt_detached_afternm(out, tag, NULL, in, n, aad, aad_n, NULL, nonce, aes_state(c));
}

static bool aes_open(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad,
		     size_t aad_n, const uint8_t *in, size_t n, const uint8_t tag[AEAD_TAG_BYTES], uint8_t *out)
{
	return crypto_aead_aes256gcm_decrypt_detached_afternm(out, NULL, in, n, tag, aad, aad_n, nonce, aes_state(c)) ==
	       0;
}

const struct aead_ops aead_sodium_aes = {.library = "libsodium",
					 .suite = SEAL_AES256GCM,
					 .there = aes_there,
					 .expand = aes_expand,
					 .seal = aes_seal,
					 .open = aes_open};

static bool chacha_there(void)
{
	return sodium_init() >= 0;
}

static void chacha_expand(struct aead_context *c, const uint8_t key[AEAD_KEY_BYTES])
{
	memcpy(c->bytes, key, AEAD_KEY_BYTES);
}

static void chacha_seal(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad,
			size_t aad_n, const uint8_t *in, size_t n, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(out, tag, NULL, in, n, aad, aad_n, NULL, nonce, c->bytes);
}

static bool chacha_open(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad,
			size_t aad_n, const uint8_t *in, size_t n, const uint8_t tag[AEAD_TAG_BYTES], uint8_t *out)
{
	return crypto_aead_chacha20poly1305_ietf_decrypt_detached(out, NULL, in, n, tag, aad, aad_n, nonce, c->bytes) ==
	       0;
}

const struct aead_ops aead_sodium_chacha = {.library = "libsodium",
					    .suite = SEAL_CHACHA20,
					    .there = chacha_there,
					    .expand = chacha_expand,
					    .seal = chacha_seal,
					    .open = chacha_open};
