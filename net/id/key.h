// SPDX-License-Identifier: Apache-2.0
/*
 * Key pairs that say who somebody is: Ed25519 (RFC 8032), and what is signed with them. A signature is over a label,
 * which says for what it is, and parts whose lengths count: no two meanings have the same bytes. Pure; any thread.
 */
#ifndef NET_ID_KEY_H
#define NET_ID_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_PUBLIC_BYTES    32u
#define ID_SEED_BYTES      32u
#define ID_SIGNATURE_BYTES 64u
#define ID_MARK_BYTES      16u // of a public key, by which it is pinned and named

/* Secret memory (net/seal/secret.h), or wiped after use: id_key_wipe(). */
struct id_key {
	uint8_t pub[ID_PUBLIC_BYTES];
	uint8_t secret[ID_SEED_BYTES + ID_PUBLIC_BYTES];
};

/* A part of what is signed; of no bytes: p may be NULL. */
struct id_part {
	const void *p;
	size_t n;
};

/* seed: 32 random bytes, or what was made of a secret by net/seal/kdf.h. sodium_init() need not have been called. */
void id_key_make(struct id_key *k, const uint8_t seed[ID_SEED_BYTES]);
void id_key_wipe(struct id_key *k);
/* n bytes of the kernel's randomness. */
void id_random(void *out, size_t n);
void id_wipe(void *p, size_t n);
/* Whether n bytes are the same, in a time that does not tell where they differ. */
bool id_same(const void *a, const void *b, size_t n);
/* SHA-512 (FIPS 180-4). */
void id_sha512(const void *p, size_t n, uint8_t out[64]);
/* The first bytes of BLAKE2b-256 (RFC 7693) of a public key. */
void id_mark(const uint8_t pub[ID_PUBLIC_BYTES], uint8_t out[ID_MARK_BYTES]);

/* label: static text of the caller's, one for each purpose. */
void id_sign(const struct id_key *k, const char *label, const struct id_part *parts, unsigned n,
	     uint8_t out[ID_SIGNATURE_BYTES]);
/* Whether the owner of the key has signed that. False also for keys and signatures that have no one meaning (points of
 * small order, numbers that are not reduced). */
bool id_signed(const uint8_t pub[ID_PUBLIC_BYTES], const char *label, const struct id_part *parts, unsigned n,
	       const uint8_t signature[ID_SIGNATURE_BYTES]);
/* Plain Ed25519, as other programs sign: over the bytes themselves. */
bool id_signed_bytes(const uint8_t pub[ID_PUBLIC_BYTES], const void *p, size_t n,
		     const uint8_t signature[ID_SIGNATURE_BYTES]);

/* 2 n characters, lower case, and a NUL. */
void id_hex(const uint8_t *p, size_t n, char *out);
/* Exactly 2 n characters of lower case; text need not end there. False: there is another one. */
bool id_unhex(const char *text, uint8_t *out, size_t n);

#endif
