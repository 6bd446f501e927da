// SPDX-License-Identifier: Apache-2.0
/*
 * AES-256-GCM by libipsec-mb's direct functions, which take the widest instructions that the CPU has. Its manager is a
 * table of functions, made once and only read from then on. It computes tags and compares none.
 */
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "net/seal/aead_priv.h"

_Static_assert(sizeof(struct gcm_key_data) <= AEAD_CONTEXT_MAX, "context");

static IMB_MGR *manager; // NULL: this CPU cannot do it

static void open_manager(void)
{
	IMB_MGR *m = alloc_mb_mgr(0);

	if (!m)
		return;
	init_mb_mgr_auto(m, NULL);
	if (imb_get_errno(m) == 0 && (m->features & IMB_FEATURE_AESNI) && (m->features & IMB_FEATURE_PCLMULQDQ))
		manager = m;
	else
		free_mb_mgr(m);
}

static bool there(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, open_manager);
	return manager && sodium_init() >= 0;
}

static const struct gcm_key_data *data(const struct aead_context *c)
{
	return (const void *)c->bytes;
}

static void expand(struct aead_context *c, const uint8_t key[AEAD_KEY_BYTES])
{
	IMB_AES256_GCM_PRE(manager, key, (struct gcm_key_data *)(void *)c->bytes);
}

static void seal(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad, size_t aad_n,
		 const uint8_t *in, size_t n, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES])
{
	struct gcm_context_data run;

	IMB_AES256_GCM_ENC(manager, data(c), &run, out, in, n, nonce, aad, aad_n, tag, AEAD_TAG_BYTES);
}

static bool unseal(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad,
		   size_t aad_n, const uint8_t *in, size_t n, const uint8_t tag[AEAD_TAG_BYTES], uint8_t *out)
{
	struct gcm_context_data run;
	uint8_t own[AEAD_TAG_BYTES];

	IMB_AES256_GCM_DEC(manager, data(c), &run, out, in, n, nonce, aad, aad_n, own, AEAD_TAG_BYTES);
	bool good = sodium_memcmp(own, tag, AEAD_TAG_BYTES) == 0;
	if (!good)
		memset(out, 0, n); // it has been deciphered by now, and nobody may look at it
	return good;
}

static const struct aead_ops ops = {.library = "libipsec-mb",
				    .suite = SEAL_AES256GCM,
				    .there = there,
				    .expand = expand,
				    .seal = seal,
				    .open = unseal};
const struct aead_ops *const aead_mb_aes = &ops;
