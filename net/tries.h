// SPDX-License-Identifier: Apache-2.0
/*
 * A TCP connection to a host of several addresses: the next address begins when the one before has failed or has not
 * answered for a while, and those begun go on beside it (RFC 8305, section 5). One that swallows everything costs its
 * name no more than that while. Blocks, with a deadline.
 */
#ifndef NET_TRIES_H
#define NET_TRIES_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#define TRIES_STAGGER_MS 250u
#define TRIES_OPEN_MAX   8u // addresses under way at once

/* Until when to wait, and what ends the waiting before. */
struct tries_wait {
	uint64_t deadline_ms; // CLOCK_MONOTONIC
	int cancel_fd;        // readable: it is over; -1: nothing ends it
};

struct tries {
	const struct addrinfo *next; // not begun yet
	uint64_t next_ms;            // when it begins
	int open[TRIES_OPEN_MAX];    // under way
	unsigned open_n;
	int error; // of the one that failed last
};

uint64_t tries_now_ms(void);
/* Waits until fd (-1: none) is ready for events. 0, -ETIMEDOUT, -ECANCELED or another negative errno. */
int tries_ready(int fd, short events, const struct tries_wait *w);

void tries_begin(struct tries *d, const struct addrinfo *all); // all stays the caller's, and there until tries_end()
/* The next connection that stands: a blocking descriptor (close-on-exec); else as tries_ready(), or the last error. */
int tries_next(struct tries *d, const struct tries_wait *w);
bool tries_has_more(const struct tries *d);
void tries_end(struct tries *d);

#endif
