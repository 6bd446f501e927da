// SPDX-License-Identifier: Apache-2.0
/*
 * The ring of a loop that waits in io_uring, for its other users on the same thread (the link). An operation's
 * user_data is the address of its struct loop_op, or 0 for one whose end nobody wants to hear of.
 */
#ifndef NET_URING_H
#define NET_URING_H

#include <liburing.h>

#include "net/loop_priv.h"

struct uring {
	struct io_uring ring;
	bool deferred; // completions only inside our own system calls: kernel 6.1
	bool enabled;
	unsigned short groups; // of provided buffers, given out so far
};

/* The ring of l; NULL: it waits in another way. */
struct uring *loop_uring(const struct loop *l);
/* A free entry; submits others to make room. NULL: none now. Only inside loop_run(). */
struct io_uring_sqe *uring_sqe(struct uring *u);
/*
 * Handles completions until held(ctx) is false or some time has passed; watches and timers are not called meanwhile.
 * For who must see the end of its operations before it goes.
 */
void loop_uring_drain(struct loop *l, bool (*held)(void *ctx), void *ctx);

#endif
