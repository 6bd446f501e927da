// SPDX-License-Identifier: Apache-2.0
/*
 * Certificates: the cluster's root says of a public key whose it is, what he may do, and until when. An own format and
 * no X.509: it has what is asked, at fixed places, and one way to write each. Numbers are little-endian. Pure.
 *
 *   0 "PDC1"   4 role   5 bytes of the name (1 to 63)   6 u64 serial   14 u64 from   22 u64 until (seconds since 1970,
 *   both inclusive)   30 mark of the root's key (16)   46 public key (32)   78 name, then the root's signature (64)
 */
#ifndef NET_ID_CERT_H
#define NET_ID_CERT_H

#include "net/id/key.h"

#define ID_NAME_MAX    63u
#define CERT_NAME_AT   78u
#define CERT_BYTES_MIN (CERT_NAME_AT + 1u + ID_SIGNATURE_BYTES)
#define CERT_BYTES_MAX (CERT_NAME_AT + ID_NAME_MAX + ID_SIGNATURE_BYTES)

/* What somebody may do. The numbers are in certificates. */
enum id_role {
	ID_HOST = 1,     // serve: offer CPUs and memory, be a peer of other hosts
	ID_OPERATOR = 2, // everything: run guests, and change them
	ID_MONITOR = 3,  // look: status, metrics, traces
	ID_ROLES
};

#define ID_MAY(role) (1u << (role)) // a set of roles is a mask of these

struct cert {
	enum id_role role;
	uint64_t serial;      // one of the root's, never used twice
	uint64_t from, until; // seconds since 1970
	uint8_t root[ID_MARK_BYTES];
	uint8_t pub[ID_PUBLIC_BYTES];
	char name[ID_NAME_MAX + 1];
};

/* Why somebody is not let in. What it says is for the one who has the certificate and for the log, not for a stranger.
 */
enum id_fault {
	ID_GOOD,
	ID_MALFORMED,  // it is none, or has bytes too many
	ID_OTHER_ROOT, // of another cluster
	ID_FORGED,     // its signature is not the root's
	ID_NOT_YET,
	ID_EXPIRED,
	ID_REVOKED,
	ID_WRONG_ROLE,
	ID_NOT_HIS, // who showed it has not the key
	ID_FAULTS
};

/* A sentence for it; static text. */
const char *id_fault_text(enum id_fault f);
const char *id_role_name(enum id_role r);             // "host", "operator", "monitor"; "unknown"
bool id_role_find(const char *name, enum id_role *r); // false: there is none of that name
/* 1 to 63 letters, digits, and . _ - @ + not at the beginning: a name is in logs, in files' names and on command lines.
 */
bool id_name_good(const char *name, size_t n);

/*
 * Writes and signs c; its root is the key's, whatever c says. Returns the bytes, at most CERT_BYTES_MAX; 0: c has a
 * field that no certificate may have.
 */
uint32_t cert_make(const struct cert *c, const struct id_key *root, uint8_t out[CERT_BYTES_MAX]);

/* Its fields, without any judgement of them: ID_GOOD or ID_MALFORMED, with *c untouched. */
enum id_fault cert_parse(const uint8_t *p, size_t n, struct cert *c);

struct revoked;
/* By what certificates are judged. */
struct cert_judge {
	uint8_t root[ID_PUBLIC_BYTES];
	const struct revoked *revoked; // NULL: nothing is
	uint64_t now;                  // seconds since 1970
};

/* The whole: *c is filled and to be believed only if it returns ID_GOOD. may: ID_MAY() of each role that will do. */
enum id_fault cert_check(const uint8_t *p, size_t n, const struct cert_judge *j, unsigned may, struct cert *c);

#endif
