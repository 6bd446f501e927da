// SPDX-License-Identifier: Apache-2.0
/*
 * Takes connections on a listening socket of an event loop. When none can be taken (no descriptors left, a socket that
 * is none any more) it says so once and tries again from time to time: such a socket stays readable, and a loop that
 * went on trying would take a whole processor.
 */
#ifndef NET_ACCEPT_H
#define NET_ACCEPT_H

#include "net/loop.h"

#define ACCEPT_PAUSE_NS 200000000u // after a failure, before the next try
#define ACCEPTS_A_TURN  16u        // before others have theirs

struct acceptor {
	struct loop *loop;
	int fd;
	const char *who;                          // for the log; static text
	void (*on_connection)(void *ctx, int fd); // fd is its own, close-on-exec, non-blocking
	void *ctx;
	struct loop_timer pause;
	bool said; // that it fails; since then it has not worked
};

/*
 * fd: listening, stays the caller's. on_connection may stop the acceptor. Returns 0, or -ENOTSOCK, -EBADF, -EINVAL (it
 * does not listen), -ENOMEM.
 */
int acceptor_start(struct acceptor *a, struct loop *l, int fd, const char *who,
		   void (*on_connection)(void *ctx, int fd), void *ctx);
void acceptor_stop(struct acceptor *a); // stopped or never started: nothing

/* Whether fd is a socket that listens: 0, or -EBADF, -ENOTSOCK, -EINVAL. */
int accept_check(int fd);

#endif
