// SPDX-License-Identifier: Apache-2.0
/*
 * What loop.c and a way to wait share. loop.c knows watches, timers, posted functions and the order of a round; a way
 * to wait sleeps and tells which descriptors are ready. All on the owner's thread unless it says otherwise.
 */
#ifndef NET_LOOP_PRIV_H
#define NET_LOOP_PRIV_H

#include "net/loop.h"

/* Something the kernel does for us. Its address is the name of it there, so it stays until done() says that it is over.
 */
struct loop_op {
	int (*done)(struct loop_op *op, int res, unsigned flags); // returns events handled
};

struct loop_watch {
	struct loop_op op;
	struct loop *loop;
	struct loop_watch *next, **prev; // all of a loop
	struct loop_watch *next_due;     // on loop->due or loop->idle_due
	loop_fd_fn fn;
	void *ctx;
	int fd;
	unsigned events;        // LOOP_*, wanted
	unsigned armed;         // LOOP_* the wait looks for, and WATCH_ARMED; 0: it does not look
	unsigned refs;          // armed, due, being called
	bool used;              // false: unwatched, goes when nothing refers to it
	bool due;               // to be armed
	bool lazy;              // looked at only when the loop is about to sleep; its event counts for nothing
	bool slow;              // the wait does not do for it: looked at from time to time
	unsigned errors;        // of the wait, in a row
	struct loop_timer look; // slow ones
};

#define WATCH_ARMED (1u << 16)

struct loop_ops {
	const char *name;
	/* Sets l->tp. Any thread, before anything else. Returns 0 or a negative errno, and then owns nothing. */
	int (*create)(struct loop *l);
	/* After it nothing refers to l or its watches. */
	void (*destroy)(struct loop *l);
	/*
	 * Arms what is due, handles what is there and returns how much; if nothing is and sleep is true, sleeps until
	 * until_ns, an event or a wake-up. Calls loop_watch_ready() and done() of operations. Returns -EINTR after a
	 * signal, or another negative errno on failure of the machinery.
	 */
	int (*wait)(struct loop *l, bool sleep, uint64_t until_ns);
	/* w->fd is no longer wanted, or (w->used) for other events than before; it may be closed right after. */
	void (*disarm)(struct loop *l, struct loop_watch *w);
};

struct loop {
	const struct loop_ops *ops;
	void *tp;
	uint32_t spin_us;
	bool running;                        // inside loop_run()
	bool draining;                       // a user waits for the end of its operations: nobody else is called
	struct loop_watch *watches;          // all, also those that are about to go
	struct loop_watch **by_fd;           // those in use
	unsigned by_fd_n;                    // places
	struct loop_watch *due, *idle_due;   // to be armed; those of them that are lazy
	struct loop_timer *timers;           // by time
	struct loop_poller *pollers;         // in the order added
	unsigned dues;                       // of them that have a deadline
	struct loop_task *ready, **ready_at; // the owner's part of what was posted, in order
	int wake_fd;

	/* The only fields other threads touch. */
	struct loop_task *posted; // newest first
	bool sleeping;
};

extern const struct loop_ops loop_uring_ops, loop_poll_ops;

/* Makes a sleep end when fd is readable, and only then looks at it. For who looks by itself. Returns as loop_watch().
 */
int loop_watch_idle(struct loop *l, int fd);

/* The wait is over for w, which was armed: calls its function if revents (as of poll) has something for it. */
int loop_watch_ready(struct loop_watch *w, unsigned revents);
/* The wait failed for w, which was armed. Says so if the descriptor is at fault; else it is armed again. */
int loop_watch_failed(struct loop_watch *w, int error);
/* What poll is to look for. */
unsigned loop_poll_events(const struct loop_watch *w);
/* Takes the next watch to be armed off the list; idle: of the lazy ones. NULL: none. */
struct loop_watch *loop_next_due(struct loop *l, bool idle);
/* Could not be armed now. */
void loop_due_again(struct loop_watch *w);

#endif
