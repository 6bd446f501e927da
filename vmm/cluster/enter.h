// SPDX-License-Identifier: Apache-2.0
/* Being let into the cluster, from the question to the folder (member.h) that is written then. Blocking. */
#ifndef VMM_CLUSTER_ENTER_H
#define VMM_CLUSTER_ENTER_H

#include "net/id/cert.h"
#include "net/id/token.h"
#include "vmm/cluster/talk.h"

/* One of both (reach.h). */
struct enter_way {
	const char *address, *command;
};

/* By a token, as name, into dir. *c: the certificate that is there then. 0 or a negative errno, said in why. */
int enter_join(const struct enter_way *way, const struct token *t, const char *name, const char *dir, struct cert *c,
	       char *why, size_t why_cap);

struct enter_login {
	uint8_t root[ID_MARK_BYTES]; // of the cluster
	enum id_role role;
	const char *name;     // the principal of allowed_signers
	const char *identity; // a file with an SSH public key; NULL: the only key that the agent has
	const char *dir;      // what is there of an earlier login is replaced
};

/* By a key of the SSH agent ($SSH_AUTH_SOCK). */
int enter_login(const struct enter_way *way, const struct enter_login *l, struct cert *c, char *why, size_t why_cap);

#endif
