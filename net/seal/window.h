// SPDX-License-Identifier: Apache-2.0
/*
 * Which numbers of a session have been received: the way of RFC 6479, a ring of words of which one is always being
 * left. A number is taken once, and not if it is more than WINDOW_BITS behind the highest. Pure.
 */
#ifndef NET_SEAL_WINDOW_H
#define NET_SEAL_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_BITS  8192u
#define WINDOW_WORDS (WINDOW_BITS / 64u + 1u)

struct window {
	uint64_t next; // the highest so far and one more; 0: none yet
	uint64_t words[WINDOW_WORDS];
};

/* Whether number is still to be taken. Asked before the work of looking whether the frame is genuine. */
bool window_wants(const struct window *w, uint64_t number);
/* It is genuine, and was wanted. */
void window_take(struct window *w, uint64_t number);

#endif
