// SPDX-License-Identifier: Apache-2.0
/*
 * Asking ssh-keygen(1) whether a signature is good: for keys that libsodium has not (RSA, ECDSA, security keys) and for
 * certificates of authorities. It is a child that gets copies in memory of what it is asked, and no descriptor else.
 * Blocking.
 */
#ifndef VMM_CLUSTER_SSH_KEYGEN_H
#define VMM_CLUSTER_SSH_KEYGEN_H

#include <stddef.h>
#include <stdint.h>

#define SSH_KEYGEN_MS 10000u

/*
 * signers: text of the file of allowed signers. who: the principal. sig: the signature (net/id/ssh_sig.h) of the
 * message's n bytes. Returns 0: it is good; -EACCES: it is not, with what ssh-keygen said; or another negative errno
 * with a sentence
 * (-ENOENT: there is no ssh-keygen; -ETIMEDOUT).
 */
int ssh_keygen_verify(const char *signers, size_t signers_n, const char *who, const char *namespace_,
		      const void *message, size_t n, const uint8_t *sig, size_t sig_n, char *why, size_t why_cap);

#endif
