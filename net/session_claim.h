// SPDX-License-Identifier: Apache-2.0
/*
 * Who is who in a session: once both sides have its keys, each shows a certificate with a signature over the hash of
 * the handshake (net/id/claim.h), and hears what the other thinks of it. Records only; no sockets here. docs/WIRE.md
 * has the bytes. Private to net/.
 *
 *   connector -> acceptor   showing: its claim
 *   acceptor -> connector   showing: what it thinks of that, and where it takes it its own claim
 *   connector -> acceptor   verdict: what it thinks of that
 *
 * All have one length each, and are sealed by keys of their own: who listens sees no name, and who does not know the
 * cluster key gets as far as no certificate.
 */
#ifndef NET_SESSION_CLAIM_H
#define NET_SESSION_CLAIM_H

#include "net/id/claim.h"
#include "net/session_rec.h"

#define SESSION_SHOWING_HEAD  4u // verdict, 0, and how many bytes the claim has (u16)
#define SESSION_SHOWING_BYTES (SESSION_SHOWING_HEAD + CLAIM_BYTES_MAX + AEAD_TAG_BYTES)
#define SESSION_VERDICT_BYTES (1u + AEAD_TAG_BYTES)

/* This side's: verdict of the other's claim, and, with an id, its own. A side makes one in a handshake. */
void session_showing_make(const struct session_shake *s, const struct session_id *id, enum id_fault verdict,
			  uint8_t out[SESSION_SHOWING_BYTES]);
/*
 * The other side's. *verdict: what it thinks of ours; *judged: what id thinks of its claim, *who then being who it is,
 * if that is ID_GOOD. may: ID_MAY() of each role that will do. Returns 0, or -EBADMSG: the other side has not made it.
 */
int session_showing_take(const struct session_shake *s, const uint8_t rec[SESSION_SHOWING_BYTES],
			 const struct session_id *id, unsigned may, enum id_fault *verdict, enum id_fault *judged,
			 struct cert *who);

/* The connector's last word, which the acceptor takes: 0, or -EBADMSG. */
void session_verdict_make(const struct session_shake *s, enum id_fault verdict, uint8_t out[SESSION_VERDICT_BYTES]);
int session_verdict_take(const struct session_shake *s, const uint8_t rec[SESSION_VERDICT_BYTES],
			 enum id_fault *verdict);

/* Which roles will do: of a caller that says that it is role; of who is called. */
unsigned session_may_call(uint8_t role);
unsigned session_may_serve(void);

#endif
