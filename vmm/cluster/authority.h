// SPDX-License-Identifier: Apache-2.0
/*
 * The cluster's folder: the root's key, and all that is decided by it. Who may read it is the cluster; it is on one
 * machine, which need not be a host.
 *
 *   root.key 0600       the root's secret, 64 hex digits (as all keys)
 *   root.pub            its public key
 *   cluster.key 0600    what sessions begin with, as of `pando keygen`
 *   tokens 0600         net/id/token.h
 *   revoked             net/id/revoked.h
 *   issued 0600         a line for each certificate: serial number, role, from, until, name
 *   allowed_signers     whose SSH keys are whose, and what they may be (ssh-keygen(1); net/id/ssh_signers.h)
 *
 * An authority that is open holds the folder against other processes. One thread at a time.
 */
#ifndef VMM_CLUSTER_AUTHORITY_H
#define VMM_CLUSTER_AUTHORITY_H

#include "net/id/join.h"
#include "net/id/login.h"
#include "vmm/cluster/folder.h"

#define AUTHORITY_HOST_S   31536000u // a host's certificate is good for so long
#define AUTHORITY_PERSON_S 7776000u  // an operator's or monitor's that was got by a token
#define AUTHORITY_LOGIN_S  28800u    // by login: the hours of a day's work
#define AUTHORITY_EARLY_S  300u      // it is good from so long before: clocks differ
#define AUTHORITY_TTL_MAX  2592000u  // of a token

struct authority {
	struct folder f;
	int lock;
	struct id_key *root; // secret memory
	uint8_t cluster_key[CLUSTER_KEY_BYTES];
	struct revoked list;
	struct token_table tokens;
};

/* Makes the folder anew, with fresh keys. 0 or a negative errno, said: -EEXIST, something of that name is there. */
int authority_init(const char *dir, char *why, size_t why_cap);
/* NULL: said in why, which is used for errors until it is closed. */
struct authority *authority_open(const char *dir, char *why, size_t why_cap);
void authority_close(struct authority *a); // NULL: nothing

/* A token for one joining. name "": whoever uses it chooses. now and ttl: seconds. */
int authority_token(struct authority *a, enum id_role role, const char *name, uint64_t now, uint64_t ttl,
		    char text[TOKEN_TEXT_BYTES]);

/*
 * Answers who wants to join (net/id/join.h); the token is spent on disk before out is anything. out has room for
 * JOIN_GRANT_MAX. 0: who it was is in why. -EACCES: a stranger, who is to be told nothing; -EPERM: somebody with a
 * token, who may be told why.
 */
int authority_join(struct authority *a, const uint8_t *ask, size_t n, uint64_t now, uint8_t *out, uint32_t *out_n);

/* Answers who logs in (net/id/login.h); l has the challenge that was given to him. As authority_join(); -EPERM: the
 * words may be told. */
int authority_login(struct authority *a, struct login *l, const uint8_t *ask, size_t n, uint64_t now, uint8_t *out,
		    uint32_t *out_n);

/* Revokes a certificate by its serial number, or all that are still good of a name. *n: how many were not yet. */
int authority_revoke(struct authority *a, const char *what, uint64_t now, unsigned *n);

#endif
