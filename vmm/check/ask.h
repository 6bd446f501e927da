// SPDX-License-Identifier: Apache-2.0
/*
 * One host asks another what it is and how their clocks lie, over a session of the role SESSION_CHECK: the verb
 * "identity" is answered with check_identity_json(), PING by PONG. Both ends block, with deadlines.
 */
#ifndef VMM_CHECK_ASK_H
#define VMM_CHECK_ASK_H

#include "net/session.h"
#include "vmm/check/facts.h"

#define CHECK_ANSWERS_MAX 64u   // of one session
#define CHECK_SESSION_MS  2000u // a session lasts no longer
#define CHECK_PINGS       24u

/*
 * Connects to address and fills *out: what it answered, or error and why. Takes at most CHECK_SESSION_MS and the
 * handshake.
 */
void check_ask(const char *address, const struct session_key *key, struct check_other *out);

/* The other end, on a session just accepted; fd and seal (NULL: plain) stay the caller's. Returns when the asker closes
 * or is done with. */
void check_answer(int fd, struct seal_stream *seal, const struct check_identity *self);

#endif
