// SPDX-License-Identifier: Apache-2.0
/*
 * What is said on a session without a link: blocking, with one deadline for all of it, sealed as the session is.
 */
#ifndef NET_SESSION_TALK_H
#define NET_SESSION_TALK_H

#include <stdint.h>

#include "net/seal/stream.h"

struct session_talk {
	int fd;
	struct seal_stream *seal; // NULL: plain
	uint64_t deadline_ns;
	uint8_t record[SEAL_RECORD_MAX], open[SEAL_RECORD_DATA];
	uint32_t at, end; // of open, not taken yet
};

/* fd and seal stay the caller's. */
void session_talk_begin(struct session_talk *t, int fd, struct seal_stream *seal, unsigned timeout_ms);
/* n bytes, at most SEAL_RECORD_DATA. Returns 0, -ETIMEDOUT, -EMSGSIZE, or what the system said. */
int session_talk_put(struct session_talk *t, const uint8_t *bytes, uint32_t n);
/* Exactly n bytes. Returns 0, -ETIMEDOUT, -ECONNRESET, -EBADMSG (they were not sealed by the other side). */
int session_talk_get(struct session_talk *t, uint8_t *bytes, uint32_t n);

/* The first words on a session, if there is room for them at once: 0, or a negative errno. */
int session_say(int fd, struct seal_stream *seal, const uint8_t *bytes, uint32_t n);

#endif
