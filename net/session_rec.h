// SPDX-License-Identifier: Apache-2.0
/*
 * Handshake records: made, parsed and checked, over net/seal/noise.h. No sockets here, so that they can be fuzzed.
 * Private to net/. docs/WIRE.md has the bytes.
 *
 *   connector -> acceptor   call    HELLO (64 bytes), tag: it knows the key
 *   acceptor -> connector   answer  HELLO, its first half once more, sealed, tag: so does this one
 *                    or     refusal HELLO alone, or as much of an answer as says that there is no suite for both
 *   connector -> acceptor   proof   that it is not a call of somebody else, played again
 *   acceptor -> connector   proof   that it was taken
 */
#ifndef NET_SESSION_REC_H
#define NET_SESSION_REC_H

#include "net/seal/aead.h"
#include "net/seal/noise.h"
#include "net/session.h"

#define SESSION_VERSION      7u
#define SESSION_WORDS_BYTES  32u // of a HELLO: what it says; then its ephemeral key
#define SESSION_HELLO_BYTES  64u
#define SESSION_CALL_BYTES   (SESSION_HELLO_BYTES + NOISE_TAG_BYTES)
#define SESSION_ANSWER_BYTES (SESSION_HELLO_BYTES + SESSION_WORDS_BYTES + NOISE_TAG_BYTES)
#define SESSION_PROOF_BYTES  16u
#define SESSION_SHOWS        (1u << 15) // among the suites: has a certificate, and would see the other's

enum session_side { SESSION_CONNECTOR = 1, SESSION_ACCEPTOR = 2 };

enum session_refusal {
	SESSION_TAKEN = 0,
	SESSION_OTHER_KEY = 1, // the key is not ours
	SESSION_NO_SUITE = 2,  // there is no suite for both: a whole answer, so that nobody else can say it
	SESSION_NO_MEMORY = 3,
	SESSION_ALTERED = 4, // the call is not as who knows the key has made it
	SESSION_NO_CERT = 5, // it wants a certificate, and the caller has none: a whole answer, as with no suite
};

/* One handshake. In secret memory (net/seal/secret.h). */
struct session_shake {
	struct noise noise;
	enum session_side side;
	unsigned can;    // suites that this side would use, a bit each (enum seal_suite)
	unsigned theirs; // what the other side said of its own; to a connector that was taken: what was chosen
	int refused;     // by this acceptor: -ENOTSUP, no suite is for both; -ENOKEY, the caller has no certificate
	bool strict;     // it would see one
	enum seal_suite suite; // that both do: known to the acceptor with the call, to the connector with the answer
	uint8_t words[SESSION_WORDS_BYTES]; // of the call
	uint8_t key_id[8];
};

/* Suites that this CPU and this key's owner would use. */
unsigned session_suites(const struct session_key *key);

/* Begins one with a fresh ephemeral key. sodium_init() must have been called. */
void session_shake_begin(struct session_shake *s, enum session_side side, const struct session_key *key);

/* ---- the connector ---- */

void session_call_make(struct session_shake *s, const struct session_key *key, const struct session_hello *h,
		       uint8_t out[SESSION_CALL_BYTES]);
/*
 * The HELLO that an answer begins with. Returns 0: the rest follows; -EPROTONOSUPPORT (of another version: nothing more
 * of it is looked at), -EACCES (refused: it has another key), -EBUSY (refused: no memory), -EBADMSG (refused: the call
 * was altered), or -EPROTO.
 */
int session_answer_begins(const uint8_t hello[SESSION_HELLO_BYTES]);
/* The whole. Returns 0, -EBADMSG (nobody who knows the key has made it), -ENOTSUP (refused: no suite is for both),
 * -ENOKEY (one of the two wants a certificate, and the other has none), or -EPROTO. */
int session_answer_take(struct session_shake *s, const uint8_t answer[SESSION_ANSWER_BYTES]);

/* ---- the acceptor ---- */

/* The HELLO that a call begins with. Returns 0: the tag follows; -EPROTONOSUPPORT, -EPROTO. */
int session_call_begins(const uint8_t hello[SESSION_HELLO_BYTES]);
/*
 * The whole; *h is who calls. A stranger's call costs some hashes and no more. Returns 0, -EACCES (of another key),
 * -EBADMSG (nobody who knows the key has made it), -ENOTSUP (no suite is for both) or -ENOKEY (the caller has no
 * certificate): then the answer says so; -EPROTO.
 */
int session_call_take(struct session_shake *s, const struct session_key *key, const uint8_t call[SESSION_CALL_BYTES],
		      struct session_hello *h);
/* Returns 0, or -EPROTO: the caller's ephemeral key is worth nothing. */
int session_answer_make(struct session_shake *s, uint8_t out[SESSION_ANSWER_BYTES]);
/* Nothing of it comes from the key. */
void session_refusal_make(enum session_refusal why, uint8_t out[SESSION_HELLO_BYTES]);

/* ---- both, after the answer ---- */

/* Whether certificates are shown: both sides have one. */
bool session_shows(const struct session_shake *s);
unsigned session_hello_version(const uint8_t rec[SESSION_HELLO_BYTES]);
/* The proof of side, which either can compute. */
void session_proof(const struct session_shake *s, enum session_side side, uint8_t out[SESSION_PROOF_BYTES]);
/* What the session's traffic is sealed by. Returns 0, with *out NULL where it is plain, or -ENOMEM. */
int session_seal(const struct session_shake *s, uint64_t now_ns, struct seal_stream **out);

#endif
