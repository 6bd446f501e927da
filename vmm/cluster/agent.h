// SPDX-License-Identifier: Apache-2.0
/*
 * The SSH agent of whoever runs this: which keys it has, and a signature by one of them. Blocking, with a deadline;
 * each call is a connection of its own. What it answers is bounded and checked (net/id/ssh_agent.h).
 */
#ifndef VMM_CLUSTER_AGENT_H
#define VMM_CLUSTER_AGENT_H

#include "net/id/ssh_agent.h"

#define AGENT_KEYS_MS 5000u  // for its keys
#define AGENT_SIGN_MS 60000u // for a signature: somebody may have to touch something

struct agent_keys {
	int n;
	struct ssh_agent_key keys[SSH_AGENT_KEYS]; // they point into answer
	uint8_t *answer;                           // owned
};

/*
 * path: of its socket; NULL: $SSH_AUTH_SOCK. Returns 0, or a negative errno and a sentence: -ENOENT, there is none.
 * What was got is given back by agent_keys_free().
 */
int agent_keys(const char *path, struct agent_keys *k, char *why, size_t why_cap);
void agent_keys_free(struct agent_keys *k);

/* A signature (its blob, of *out_n bytes) of text by that key. -EACCES: it does not want to. */
int agent_sign(const char *path, struct ssh_bytes key, struct ssh_bytes text, uint8_t *out, size_t cap, size_t *out_n,
	       char *why, size_t why_cap);

#endif
