// SPDX-License-Identifier: Apache-2.0
/*
 * Joining the cluster by a token: one message there, one back, on whichever way (a file, a pipe, a connection). They
 * are the two messages of Noise_NNpsk0 (net/seal/noise.h) with the token's psk, so the answer is for who asked alone,
 * and nobody reads it later who learns the token later. Pure.
 *
 *   ask     "PDJ1", number of the token 8, e 32, {public key 32, bytes of the name 1, name, signature by that key 64,
 *           signature by the token's key 64}, tag 16
 *   grant   "PDG1", e 32, {what grant.h has}, tag 16
 *
 * Both signatures are over the root's mark, the token's number, e, the public key and the name: who has read the psk
 * from what the cluster keeps cannot ask, nor put his key into what another asks.
 */
#ifndef NET_ID_JOIN_H
#define NET_ID_JOIN_H

#include "net/id/grant.h"
#include "net/id/token.h"
#include "net/seal/noise.h"

#define JOIN_ASK_HEAD  (4u + TOKEN_ID_BYTES)
#define JOIN_ASK_FIXED (ID_PUBLIC_BYTES + 1u + 2u * ID_SIGNATURE_BYTES)
#define JOIN_ASK_MAX   (JOIN_ASK_HEAD + NOISE_MORE + JOIN_ASK_FIXED + ID_NAME_MAX)
#define JOIN_GRANT_MAX GRANT_SEALED_MAX

/* ---- who asks ---- */

/*
 * What is asked, to out. secret: 32 random bytes, kept until the grant has come; the same bytes give the same ask, so
 * that who asks may have ended between. k: his own key pair; name: a good one. Returns the bytes, 0: it is no good one.
 */
uint32_t join_ask(const struct token *t, const struct id_key *k, const char *name,
		  const uint8_t secret[NOISE_KEY_BYTES], uint8_t out[JOIN_ASK_MAX]);

/* The answer to the ask that these make. now: seconds since 1970. *g is to be used only with GRANT_GOOD, and to be
 * wiped. */
enum grant_fault join_take(const struct token *t, const struct id_key *k, const char *name,
			   const uint8_t secret[NOISE_KEY_BYTES], const uint8_t *p, size_t n, uint64_t now,
			   struct grant *g);

/* ---- who is asked ---- */

struct join_asked {
	struct noise noise; // secret
	struct token_record *token;
	uint8_t pub[ID_PUBLIC_BYTES];
	char name[ID_NAME_MAX + 1];
};

/*
 * Judges what is asked. root: the root's public key. secret: 32 random bytes. TOKEN_GOOD: the token may be spent
 * (token_spend(), kept on disk) and then granted. TOKEN_MALFORMED and TOKEN_UNKNOWN are a stranger's: he is told
 * nothing; all others know the token's secret.
 */
enum token_fault join_hear(struct token_table *all, const uint8_t root[ID_PUBLIC_BYTES], const uint8_t *p, size_t n,
			   uint64_t now, const uint8_t secret[NOISE_KEY_BYTES], struct join_asked *a);

/* The answer: root, cluster_key, cert and list of g are given. Returns the bytes, 0: the other's key is worth nothing.
 */
uint32_t join_grant(struct join_asked *a, const struct grant *g, uint8_t out[JOIN_GRANT_MAX]);

#endif
