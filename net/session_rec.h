// SPDX-License-Identifier: Apache-2.0
/*
 * Handshake records: made, parsed and checked. No sockets here, so that they can be fuzzed. Private
 * to net/.
 *
 *   HELLO, 64 bytes: 0 "PANDO" 0   6 u16 version   8 u8 side   9 u8 role   10 u16 0   12 u32 arg 16
 * u32 epoch 20 12 bytes 0   32 nonce (32 bytes) proof, 32 bytes: HMAC-SHA-512-256 (libsodium
 * crypto_auth) with the cluster key
 */
#ifndef NET_SESSION_REC_H
#define NET_SESSION_REC_H

#include "net/session.h"

#define SESSION_VERSION     4u
#define SESSION_NONCE_BYTES 32u
#define SESSION_HELLO_BYTES 64u
#define SESSION_PROOF_BYTES 32u

enum session_side { SESSION_CONNECTOR = 1, SESSION_ACCEPTOR = 2 };

/* Fills out with a fresh nonce. sodium_init() must have been called. */
void session_hello_make(enum session_side side, const struct session_hello *h, uint8_t out[SESSION_HELLO_BYTES]);

/*
 * Checks a HELLO that must come from side. Returns 0 (*h is set; may be NULL), -EPROTONOSUPPORT (of another version:
 * nothing more of it is looked at), or -EPROTO.
 */
int session_hello_parse(enum session_side side, const uint8_t rec[SESSION_HELLO_BYTES], struct session_hello *h);
unsigned session_hello_version(const uint8_t rec[SESSION_HELLO_BYTES]);

/* The proof that side knows key, over both HELLOs. */
void session_proof_make(enum session_side side, const struct session_key *key,
			const uint8_t connector[SESSION_HELLO_BYTES], const uint8_t acceptor[SESSION_HELLO_BYTES],
			uint8_t out[SESSION_PROOF_BYTES]);

/* Compares in constant time. Returns 0, or -EACCES. */
int session_proof_check(enum session_side side, const struct session_key *key,
			const uint8_t connector[SESSION_HELLO_BYTES], const uint8_t acceptor[SESSION_HELLO_BYTES],
			const uint8_t proof[SESSION_PROOF_BYTES]);

#endif
