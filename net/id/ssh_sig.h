// SPDX-License-Identifier: Apache-2.0
/*
 * Signatures by SSH keys in the format of OpenSSH's PROTOCOL.sshsig, as ssh-keygen -Y sign makes them: of a message,
 * for a namespace, so that what was signed for one purpose is nothing for another. Pure.
 */
#ifndef NET_ID_SSH_SIG_H
#define NET_ID_SSH_SIG_H

#include "net/id/ssh_wire.h"

#define SSH_SIG_MAX       8192u  // a signature whole; the largest keys and certificates stay far below
#define SSH_SIG_TEXT_MAX  12288u // armored
#define SSH_NAMESPACE_MAX 64u

/* What the key signs: out has room for cap bytes; returns how many, 0: there is no room. */
size_t ssh_sig_signed(const char *namespace_, const void *message, size_t n, uint8_t *out, size_t cap);

/* A signature put together: the key (its blob), and what it made of ssh_sig_signed(). 0: there is no room. */
size_t ssh_sig_make(const char *namespace_, struct ssh_bytes key, struct ssh_bytes signature, uint8_t *out, size_t cap);

/* Its parts, which point into it. */
struct ssh_sig {
	struct ssh_bytes key, namespace_, hash, signature;
	struct ssh_bytes key_type, signature_type; // the first word of each
};

/* false: it is none of version 1, or has bytes too many. */
bool ssh_sig_parse(const uint8_t *p, size_t n, struct ssh_sig *s);

/* Whether it is one of a ssh-ed25519 key, of this message and namespace. Who the key's owner is says another. */
bool ssh_sig_good_ed25519(const struct ssh_sig *s, const char *namespace_, const void *message, size_t n);

/* The text between -----BEGIN SSH SIGNATURE----- and its end; out ends with a NUL. 0: there is no room. */
size_t ssh_sig_armor(const uint8_t *p, size_t n, char *out, size_t cap);

#endif
