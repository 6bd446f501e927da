// SPDX-License-Identifier: Apache-2.0
/*
 * One direction's key in its n-th form. A ratchet makes the next form of it, and the one before cannot be had back:
 * K' = HKDF(K, "pando rekey", n). Pure; private to net/seal/.
 */
#ifndef NET_SEAL_HALF_H
#define NET_SEAL_HALF_H

#include "net/seal/aead.h"

#define HALF_RECORDS_MAX (1u << 24)      // sealed with one form of a key: far below what AES-GCM bears
#define HALF_LIFE_NS     120000000000ull // it seals no longer than so

struct half {
	struct aead_context context;
	const struct aead_ops *aead;
	uint8_t key[AEAD_KEY_BYTES];
	uint32_t form;
	uint32_t records;  // sealed or opened with this form
	uint64_t since_ns; // it was made
};

/* From a key of the handshake's: what suite uses of it is no other's. */
void half_begin(struct half *h, const struct aead_ops *aead, const uint8_t key[AEAD_KEY_BYTES], uint64_t now_ns);
/* From a form 0 that is under way from another process: nothing was sealed or opened with it. */
void half_resume(struct half *h, const struct aead_ops *aead, const uint8_t key[AEAD_KEY_BYTES], uint64_t now_ns);
/* to may be from. */
void half_next(struct half *to, const struct half *from, uint64_t now_ns);
/* Whether it has sealed for as long as it may. A caller's time may be a round old: before it was made it is no age. */
bool half_old(const struct half *h, uint64_t now_ns);
/* Whether one more record is the last of this form. */
bool half_last(const struct half *h, uint64_t now_ns);

void half_seal(struct half *h, uint64_t counter, const uint8_t *aad, size_t aad_n, const uint8_t *in, size_t n,
	       uint8_t *out, uint8_t *tag);
bool half_open(struct half *h, uint64_t counter, const uint8_t *aad, size_t aad_n, const uint8_t *in, size_t n,
	       const uint8_t *tag, uint8_t *out);

#endif
