// SPDX-License-Identifier: Apache-2.0
/*
 * Ethernet frames over a stream socket: each is its length, four bytes with the highest first, and then itself. It is
 * what QEMU's "-netdev stream" and passt speak. Whoever is at the other end may be hostile: a length that no frame has
 * ends the session, and nothing of it is believed after that.
 */
#ifndef VMM_NETS_FRAMES_H
#define VMM_NETS_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"

#define FRAMES_LENGTH_BYTES 4u
#define FRAMES_FRAME_MIN    14u
#define FRAMES_FRAME_MAX    65535u
#define FRAMES_BUFFER_BYTES (256u << 10) // each way: a few of the longest, so that one system call moves several

/* From the loop, never from inside a function of frames. */
struct frames_events {
	void (*received)(void *ctx); // frames_peek() has one
	void (*room)(void *ctx);     // after frames_room() had none
	/* The session is over, and the socket closed: what was wrong with what came, in words, or NULL: the other end
	 * has gone. lost: frames that had come and were not taken. */
	void (*ended)(void *ctx, const char *why, unsigned lost);
};

struct frames {
	struct loop *loop;
	const struct frames_events *events;
	void *ctx;
	int fd;               // -1: no session
	uint8_t *in, *out;    // buffers
	uint32_t in_at, in_n; // what came begins at in_at and ends at in_n
	uint32_t out_at, out_n;
	uint32_t place;    // in out: where frames_room() said
	unsigned watching; // events of the descriptor
	bool wants_room;
	bool broken;  // it ended inside of a call, and the loop will tell
	char why[96]; // what was wrong with what came; "": nothing
};

/* Buffers. Returns 0 or -ENOMEM. */
int frames_init(struct frames *f, struct loop *l, const struct frames_events *events, void *ctx);
void frames_fini(struct frames *f); // ends a session without a word

/* A session over fd, which becomes ours (also if it fails) and non-blocking. Returns 0 or a negative errno. */
int frames_begin(struct frames *f, int fd);
/* Ends it without a word; none: nothing. *lost, if not NULL: frames that had come and were not taken. */
void frames_end(struct frames *f, unsigned *lost);

/* Room for FRAMES_FRAME_MAX bytes, and some more; NULL: none now. */
uint8_t *frames_room(struct frames *f);
/* The frame that was written there. */
void frames_commit(struct frames *f, uint32_t bytes);
void frames_flush(struct frames *f);

/* The oldest frame that came: its place and length; NULL: none. */
const uint8_t *frames_peek(struct frames *f, uint32_t *bytes);
void frames_consume(struct frames *f);

#endif
