// SPDX-License-Identifier: Apache-2.0
/*
 * The list of certificates that are not to be believed any more, signed by the root. It has a number, and who has seen
 * one takes no list with a lower one: an old list played again takes nothing back. Numbers are little-endian. Pure.
 *
 *   0 "PDR1"   4 u64 number (from 1)   12 mark of the root's key (16)   28 u32 how many   32 u64 serial ..., each
 * larger than the one before   then the root's signature (64)
 */
#ifndef NET_ID_REVOKED_H
#define NET_ID_REVOKED_H

#include "net/id/cert.h"

#define REVOKED_MAX       4096u
#define REVOKED_HEAD      32u
#define REVOKED_BYTES_MIN (REVOKED_HEAD + ID_SIGNATURE_BYTES)
#define REVOKED_BYTES_MAX (REVOKED_BYTES_MIN + 8u * REVOKED_MAX)

/* All zero: no list has been seen. */
struct revoked {
	uint64_t number;
	uint32_t n;
	uint64_t serials[REVOKED_MAX];
};

bool revoked_has(const struct revoked *l, uint64_t serial);
/* One more; its number goes up only with revoked_make(). False: it is full, or the serial is none. It is there: true.
 */
bool revoked_add(struct revoked *l, uint64_t serial);

/* Writes and signs it. Returns the bytes, at most REVOKED_BYTES_MAX. */
uint32_t revoked_make(const struct revoked *l, const struct id_key *root, uint8_t *out);

enum revoked_fault {
	REVOKED_TAKEN,  // it is newer, and *l is it now
	REVOKED_SAME,   // it is the one that is there
	REVOKED_OLDER,  // a list of before
	REVOKED_FORKED, // another one of the same number: the root's key is used in two places
	REVOKED_BAD,    // it is none of this root's
};

/* Takes a list in place of *l if it is newer; else *l stays as it is. root: the root's public key. */
enum revoked_fault revoked_take(struct revoked *l, const uint8_t *p, size_t n, const uint8_t root[ID_PUBLIC_BYTES]);
/* A sentence for it; static text. */
const char *revoked_fault_text(enum revoked_fault f);

#endif
