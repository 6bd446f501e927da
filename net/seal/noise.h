// SPDX-License-Identifier: Apache-2.0
/*
 * The handshake Noise_NNpsk0_25519_ChaChaPoly_SHA512 (the Noise Protocol Framework, revision 34): two messages, by
 * which two sides that know the same key get two new ones, one a direction, that nobody learns who learns that key
 * later. The first message shows knowledge of the key before anything of the other side's is computed but a hash. Pure.
 *
 *   connector                                       acceptor
 *     e, tag            ->                                         noise_write(), noise_read()
 *                       <-      e, payload, tag                    noise_write(), noise_read()
 *     noise_split()             noise_split()
 */
#ifndef NET_SEAL_NOISE_H
#define NET_SEAL_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_KEY_BYTES  32u
#define NOISE_HASH_BYTES 64u
#define NOISE_TAG_BYTES  16u
#define NOISE_MORE       (NOISE_KEY_BYTES + NOISE_TAG_BYTES) // bytes of a message beyond its payload

/* Secret memory (secret.h), or wiped after use. */
struct noise {
	uint8_t hash[NOISE_HASH_BYTES]; // of all that was said: the same at both ends, or they have not met
	uint8_t chain[NOISE_HASH_BYTES];
	uint8_t key[NOISE_KEY_BYTES];
	uint64_t nonce;
	uint8_t secret[NOISE_KEY_BYTES], own[NOISE_KEY_BYTES], other[NOISE_KEY_BYTES]; // ephemeral
	bool connector;
	uint8_t said; // messages so far, in both directions
};

/* secret: 32 random bytes, new ones for each handshake. prologue: what both have to agree on from the start. */
void noise_begin(struct noise *s, bool connector, const uint8_t psk[NOISE_KEY_BYTES], const uint8_t *prologue, size_t n,
		 const uint8_t secret[NOISE_KEY_BYTES]);

/* This side's message: n + NOISE_MORE bytes. False: it is not its turn, or the other's key is worth nothing. */
bool noise_write(struct noise *s, const uint8_t *payload, size_t n, uint8_t *out);

/*
 * The other side's message of n bytes; its payload goes to out (n - NOISE_MORE bytes). False: it does not know the key,
 * the prologues differ, or it is no message; nothing of out is to be used.
 */
bool noise_read(struct noise *s, const uint8_t *in, size_t n, uint8_t *out);

/* After both messages: the keys of what the connector sends, and the acceptor. False: not yet. */
bool noise_split(const struct noise *s, uint8_t connector[NOISE_KEY_BYTES], uint8_t acceptor[NOISE_KEY_BYTES]);

#endif
