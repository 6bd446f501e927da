// SPDX-License-Identifier: Apache-2.0
/*
 * Reading a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS): whose key is it, and for what may it sign. One
 * file serves ssh-keygen and Pando, and Pando is the stricter of the two:
 *
 *   - a line counts only if its namespaces= names the namespace; without that option it counts for none. Else a file
 * made for signing commits would make everybody in it an operator;
 *   - times are in UTC, with their Z;
 *   - a line that is not understood allows nothing, and is told of.
 *
 * Pure.
 */
#ifndef NET_ID_SSH_SIGNERS_H
#define NET_ID_SSH_SIGNERS_H

#include "net/id/ssh_wire.h"

#define SSH_SIGNERS_BYTES_MAX 1048576u
#define SSH_KEY_MAX           4096u // bytes of a key's blob

enum ssh_signer {
	SSH_SIGNER_UNKNOWN,   // no line allows it
	SSH_SIGNER_KEY,       // a line has this key
	SSH_SIGNER_AUTHORITY, // a line has an authority: whether it signed the certificate in the key is to be asked of
			      // ssh-keygen
};

struct ssh_signers_found {
	enum ssh_signer what;
	unsigned line;     // that allows it; from 1
	size_t from, to;   // where that line is in the text: others may ask less, and are to be given this one alone
	unsigned bad_line; // the first that is not understood; 0: none
	const char *why;   // it is not; static text
};

/*
 * text: the file, n bytes. who: the principal. key: the blob of the key that signed. now: seconds since 1970. The first
 * line with that key decides before any authority.
 */
struct ssh_signers_found ssh_signers_find(const char *text, size_t n, const char *who, struct ssh_bytes key,
					  const char *namespace_, uint64_t now);

/* Whether a word matches a list of patterns (ssh_config(5), PATTERNS): * and ?, commas between, ! denies. */
bool ssh_pattern_list(const char *list, size_t n, const char *word);

#endif
