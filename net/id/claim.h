// SPDX-License-Identifier: Apache-2.0
/*
 * What each side of a session shows the other once both have its keys: its certificate, and a signature over the hash
 * of all that was said in the handshake (channel binding, section 11.2 of the Noise Protocol Framework, revision 34).
 * Somebody in the middle has two handshakes with two hashes, and a claim is of one of them. Pure.
 *
 *   certificate, then the signature (64) over side, hash and certificate
 */
#ifndef NET_ID_CLAIM_H
#define NET_ID_CLAIM_H

#include "net/id/cert.h"

#define CLAIM_HASH_BYTES 64u
#define CLAIM_BYTES_MAX  (CERT_BYTES_MAX + ID_SIGNATURE_BYTES)

enum claim_side { CLAIM_CONNECTOR = 1, CLAIM_ACCEPTOR = 2 };

/*
 * This side's claim: cert is a certificate of k's, n its bytes (at most CERT_BYTES_MAX). hash: struct noise's after
 * both messages. Returns the bytes.
 */
uint32_t claim_make(const struct id_key *k, const uint8_t *cert, uint32_t n, enum claim_side side,
		    const uint8_t hash[CLAIM_HASH_BYTES], uint8_t out[CLAIM_BYTES_MAX]);

/* The other side's, side being its: *c is who it is if it returns ID_GOOD, and nothing else. */
enum id_fault claim_check(const uint8_t *p, size_t n, enum claim_side side, const uint8_t hash[CLAIM_HASH_BYTES],
			  const struct cert_judge *j, unsigned may, struct cert *c);

#endif
