// SPDX-License-Identifier: Apache-2.0
/*
 * What somebody has who belongs to the cluster: a folder with his certificate and its key.
 *
 *   id.key 0600        the secret of his key pair, 64 hex digits (as all keys)
 *   id.cert            net/id/cert.h
 *   root.pub           the cluster's root
 *   cluster.key 0600   what sessions begin with: pando host --key FOLDER/cluster.key
 *   revoked            net/id/revoked.h
 *
 * One thread at a time.
 */
#ifndef VMM_CLUSTER_MEMBER_H
#define VMM_CLUSTER_MEMBER_H

#include "net/id/grant.h"
#include "vmm/cluster/folder.h"

struct member {
	struct id_key key; // secret
	uint8_t root[ID_PUBLIC_BYTES];
	uint8_t cert[CERT_BYTES_MAX];
	uint32_t cert_n;
	struct cert who;
	struct revoked list;
};

/* Makes the folder, or uses it if it has no certificate in it that is good still. 0 or a negative errno, said in f. */
int member_prepare(const struct folder *f, uint64_t now);
/* Writes what was granted for the key of that seed; the certificate last, so that a folder with one is whole. */
int member_save(const struct folder *f, const struct grant *g, const uint8_t seed[ID_SEED_BYTES]);
/* Reads it, judging nothing but that it is whole. m: secret memory, or to be wiped. */
int member_load(const struct folder *f, struct member *m);
/* Whether its certificate is good now. */
enum id_fault member_check(const struct member *m, uint64_t now);
/*
 * Takes a list of the revoked, the file path, into the folder. *number: of the list that is there then. 0: it is newer,
 * or that one; -ESTALE: it is older; -EBADMSG: none of this cluster's, or another one of that number. Said in f.
 */
int member_update(const struct folder *f, const char *path, uint64_t *number);

#endif
