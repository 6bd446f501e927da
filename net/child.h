// SPDX-License-Identifier: Apache-2.0
/*
 * A program that runs beside this one and serves it: started without copying this process (its memory may be a
 * guest's), watched in an event loop, heard (what it says on standard error), and ended. It inherits the descriptors
 * that it is given and no others, no blocked or ignored signals, and is in a process group of its own: the terminal's
 * Ctrl-C is not for it.
 */
#ifndef NET_CHILD_H
#define NET_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "net/loop.h"

#define CHILD_FDS_MAX    4u
#define CHILD_FIRST_FD   3 // as which the first of its descriptors is known to it; the others follow
#define CHILD_LINE_BYTES 256u

struct child {
	pid_t pid;                   // 0: none
	int pidfd, said_fd;          // readable: it has ended; it has said something
	char line[CHILD_LINE_BYTES]; // the last it said on standard error or output: plain text, cut off
	/* Ours: */
	bool kept;                   // it is the keeper's child (net/keeper.h)
	char part[CHILD_LINE_BYTES]; // of a line without its end yet
	size_t part_n;
	struct loop *loop; // NULL: not watched
	const char *name;  // for the log; static text
	void (*ended)(void *ctx, const char *how);
	void *ctx;
};

/*
 * Starts argv[0] (searched in PATH if it has no '/') with fds[i] as its descriptor 3 + i; standard input is empty. fds
 * stay the caller's. name: for the log. Any thread. Returns 0 or a negative errno: -ENOENT, no such program.
 */
int child_start(struct child *c, const char *name, const char *const argv[], const int *fds, unsigned fds_n);

/*
 * From now on lines that it says go to the log (debug), and ended() is called once when it has ended, with how in
 * words: "ended with status 1", "was killed by signal 9 (Killed)". Then it is reaped, and c->line is the last it said.
 * On the loop's thread. Returns 0 or a negative errno.
 */
int child_watch(struct child *c, struct loop *l, void (*ended)(void *ctx, const char *how), void *ctx);

/* Without a loop: whether it has ended within so many milliseconds; if so it is reaped, and how is filled. */
bool child_wait(struct child *c, unsigned ms, char *how, size_t cap);

/* Asks it to end (SIGTERM), waits so long, then kills it; ended() is not called any more. There is none: nothing. */
void child_end(struct child *c, unsigned grace_ms);

#endif
