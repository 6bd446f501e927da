// SPDX-License-Identifier: Apache-2.0
/*
 * Talking with who keeps the cluster's folder, to be let in: over a connection, or over whatever a command connects
 * standard input and output with (ssh). Messages have their length before them (u32, little-endian). What is secret in
 * them is sealed (net/id/join.h, net/id/login.h), so the way need not be trusted. Blocking, with a deadline.
 *
 *   who asks                         who is asked
 *   "PDJ1" ask             ->
 *                          <-        "PDG1" grant, or "PDN1" and words, or nothing
 *   "PDQ1"                 ->
 *                          <-        "PDH1" challenge
 *   "PDL1" ask             ->
 *                          <-        as above
 */
#ifndef VMM_CLUSTER_TALK_H
#define VMM_CLUSTER_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "net/id/login.h"
#include "net/id/token.h"

#define TALK_MS        10000u // for joining, and to ask for a challenge
#define TALK_LOGIN_MS  90000u // more, once there is one: somebody may have to touch something
#define TALK_BYTES_MAX (LOGIN_GRANT_MAX > LOGIN_ASK_MAX ? LOGIN_GRANT_MAX : LOGIN_ASK_MAX)
#define TALK_WORDS_MAX 256u

/* A way to somebody. */
struct talk {
	int in, out;          // may be the same; the caller's
	uint64_t deadline_ns; // of CLOCK_MONOTONIC
};

uint64_t talk_deadline(unsigned ms); // from now
/* 0 or a negative errno: -ETIMEDOUT, -ECONNRESET, -EPROTO (a length that none can have). */
int talk_put(const struct talk *t, const uint8_t *p, size_t n);
int talk_get(const struct talk *t, uint8_t *p, size_t cap, size_t *n);

/*
 * Serves one who asks, from the cluster's folder dir. What is refused goes into why, for whoever keeps the folder; 0:
 * somebody was let in, and his name is in why. Never more than one.
 */
int talk_serve(struct talk *t, const char *dir, char *why, size_t why_cap);

/* Who asks. 0: *g is what was granted to the key of that seed; else said in why. secret memory: g. */
int talk_join(struct talk *t, const struct token *token, const char *name, const uint8_t seed[ID_SEED_BYTES],
	      struct grant *g, char *why, size_t why_cap);

/* What signs a login: text of n bytes by the SSH key, as SSHSIG to out. 0 or a negative errno, said in why. */
typedef int talk_signer(void *ctx, const char *namespace_, const uint8_t *text, size_t n, uint8_t out[SSH_SIG_MAX],
			size_t *out_n, char *why, size_t why_cap);

int talk_login(struct talk *t, const uint8_t root[ID_MARK_BYTES], enum id_role role, const char *name,
	       const uint8_t seed[ID_SEED_BYTES], talk_signer *sign, void *ctx, struct grant *g, char *why,
	       size_t why_cap);

#endif
