// SPDX-License-Identifier: Apache-2.0
#include "net/seal/half.h"

#include <sodium.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/seal/kdf.h"

static void make_ready(struct half *h, uint64_t now_ns)
{
	h->records = 0;
	h->since_ns = now_ns;
	h->aead->expand(&h->context, h->key);
}

void half_begin(struct half *h, const struct aead_ops *aead, const uint8_t key[AEAD_KEY_BYTES], uint64_t now_ns)
{
	uint8_t info[] = "pando suite  ", own[AEAD_KEY_BYTES];

	info[sizeof(info) - 2] = (uint8_t)aead->suite;
	kdf_hkdf(NULL, 0, key, AEAD_KEY_BYTES, info, sizeof(info) - 1, own, sizeof(own));
	half_resume(h, aead, own, now_ns);
	sodium_memzero(own, sizeof(own));
}

void half_resume(struct half *h, const struct aead_ops *aead, const uint8_t key[AEAD_KEY_BYTES], uint64_t now_ns)
{
	h->aead = aead;
	h->form = 0;
	memcpy(h->key, key, sizeof(h->key));
	make_ready(h, now_ns);
}

void half_next(struct half *to, const struct half *from, uint64_t now_ns)
{
	uint8_t info[11 + 4], key[AEAD_KEY_BYTES];

	memcpy(info, "pando rekey", 11);
	put_le(info + 11, from->form + 1, 4);
	kdf_hkdf(NULL, 0, from->key, sizeof(from->key), info, sizeof(info), key, sizeof(key));
	to->aead = from->aead;
	to->form = from->form + 1;
	memcpy(to->key, key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	make_ready(to, now_ns);
}

bool half_old(const struct half *h, uint64_t now_ns)
{
	return now_ns > h->since_ns && now_ns - h->since_ns >= HALF_LIFE_NS;
}

bool half_last(const struct half *h, uint64_t now_ns)
{
	return h->records + 1 >= HALF_RECORDS_MAX || half_old(h, now_ns);
}

static void make_nonce(uint64_t counter, uint8_t nonce[AEAD_NONCE_BYTES])
{
	memset(nonce, 0, AEAD_NONCE_BYTES - 8);
	put_le(nonce + AEAD_NONCE_BYTES - 8, counter, 8);
}

void half_seal(struct half *h, uint64_t counter, const uint8_t *aad, size_t aad_n, const uint8_t *in, size_t n,
	       uint8_t *out, uint8_t *tag)
{
	uint8_t nonce[AEAD_NONCE_BYTES];

	make_nonce(counter, nonce);
	h->records++;
	h->aead->seal(&h->context, nonce, aad, aad_n, in, n, out, tag);
}

bool half_open(struct half *h, uint64_t counter, const uint8_t *aad, size_t aad_n, const uint8_t *in, size_t n,
	       const uint8_t *tag, uint8_t *out)
{
	uint8_t nonce[AEAD_NONCE_BYTES];

	make_nonce(counter, nonce);
	bool good = h->aead->open(&h->context, nonce, aad, aad_n, in, n, tag, out);
	h->records += good;
	return good;
}
