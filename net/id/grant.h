// SPDX-License-Identifier: Apache-2.0
/*
 * What somebody gets who is let into the cluster (join.h, login.h): little-endian, always inside of a message that is
 * sealed for him alone. Pure.
 *
 *   the root's public key 32, cluster key 32, u32 bytes of the certificate, certificate, list of the revoked
 */
#ifndef NET_ID_GRANT_H
#define NET_ID_GRANT_H

#include "net/id/cert.h"
#include "net/id/revoked.h"
#include "net/seal/noise.h"

#define CLUSTER_KEY_BYTES 32u
#define GRANT_FIXED       (ID_PUBLIC_BYTES + CLUSTER_KEY_BYTES + 4u)
#define GRANT_BYTES_MAX   (GRANT_FIXED + CERT_BYTES_MAX + REVOKED_BYTES_MAX)
#define GRANT_SEALED_MAX  (4u + NOISE_MORE + GRANT_BYTES_MAX)

struct grant {
	uint8_t root[ID_PUBLIC_BYTES];
	uint8_t cluster_key[CLUSTER_KEY_BYTES];
	uint8_t cert[CERT_BYTES_MAX];
	uint32_t cert_n;
	uint8_t list[REVOKED_BYTES_MAX];
	uint32_t list_n;
	struct cert who; // what the certificate says: filled by grant_open()
};

enum grant_fault {
	GRANT_GOOD,
	GRANT_MALFORMED,
	GRANT_NOT_FOR_US, // it answers another question, or was altered
	GRANT_OTHER_ROOT, // the root is not the one that was expected
	GRANT_BAD_CERT,   // the certificate is not good, or not for what was asked
	GRANT_BAD_LIST,
	GRANT_FAULTS
};

/* A sentence for it; static text. */
const char *grant_fault_text(enum grant_fault f);

/* What whoever gets it expects. */
struct grant_wanted {
	uint8_t root[ID_MARK_BYTES];
	uint8_t pub[ID_PUBLIC_BYTES];
	const char *name;
	uint64_t now; // seconds since 1970
};

/*
 * The message that has it: "PDG1", then the next of s, which is over with it and wiped. grant_seal() returns the bytes,
 * at most GRANT_SEALED_MAX; 0: s has no next. Of grant_open() *g is to be used only with GRANT_GOOD, and to be wiped;
 * what is no such message at all leaves s as it was.
 */
uint32_t grant_seal(struct noise *s, const struct grant *g, uint8_t *out);
enum grant_fault grant_open(struct noise *s, const uint8_t *p, size_t n, const struct grant_wanted *w, struct grant *g);

#endif
