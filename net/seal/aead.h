// SPDX-License-Identifier: Apache-2.0
/*
 * Authenticated encryption with associated data, by whichever library is here: two of them speak AES-256-GCM, and each
 * opens what the other has sealed. No state but the caller's contexts; any thread.
 */
#ifndef NET_SEAL_AEAD_H
#define NET_SEAL_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_BYTES   32u
#define AEAD_NONCE_BYTES 12u
#define AEAD_TAG_BYTES   16u
#define AEAD_CONTEXT_MAX 2048u

/* What traffic is sealed with. The numbers are on the wire, as bits of a mask (docs/WIRE.md). */
enum seal_suite {
	SEAL_PLAIN = 0,     // not at all: the handshake alone is authenticated
	SEAL_AES256GCM = 1, // where both have the CPU's instructions for it
	SEAL_CHACHA20 = 2,  // ChaCha20-Poly1305 (RFC 8439)
	SEAL_SUITES
};

/* A key made ready for use; it holds what follows from the key, so it lies in secret memory (secret.h). */
struct aead_context {
	uint8_t bytes[AEAD_CONTEXT_MAX] __attribute__((aligned(64)));
};

struct aead_ops {
	const char *library;
	enum seal_suite suite;
	bool (*there)(void); // this CPU can do it
	void (*expand)(struct aead_context *c, const uint8_t key[AEAD_KEY_BYTES]);
	/* n bytes of in to out, which may be the same; never two times with the same nonce. */
	void (*seal)(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad,
		     size_t aad_n, const uint8_t *in, size_t n, uint8_t *out, uint8_t tag[AEAD_TAG_BYTES]);
	/* The way back. False: the tag is wrong, and out holds nothing of use (zeroes, or what it held). */
	bool (*open)(const struct aead_context *c, const uint8_t nonce[AEAD_NONCE_BYTES], const uint8_t *aad,
		     size_t aad_n, const uint8_t *in, size_t n, const uint8_t tag[AEAD_TAG_BYTES], uint8_t *out);
};

/* The fastest library for suite on this CPU; NULL: none (SEAL_PLAIN, or no instructions). */
const struct aead_ops *aead_find(enum seal_suite suite);
/* The i-th of all there are in this build, here or not; NULL: beyond the last. Tests compare them. */
const struct aead_ops *aead_at(unsigned i);
/* "plain", "AES-256-GCM" or "ChaCha20-Poly1305"; static text. */
const char *aead_suite_name(enum seal_suite suite);

#endif
