// SPDX-License-Identifier: Apache-2.0
/*
 * An event loop: descriptors that are readable or writable, timers, and functions that other threads want run. A thread
 * that waits for more than one thing waits here, in one system call for all of them (io_uring, or poll).
 *
 * One thread owns a loop and calls everything here but loop_call() and loop_post(). Another may set it up before the
 * first loop_run() and take it down after that thread has ended. Callbacks run inside loop_run() and may call
 * everything except loop_run() and loop_destroy(): also unwatch, stop and free what they were called for.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

typedef void (*loop_fn)(void *arg);

struct loop_options {
	const char *waits; // "uring" or "poll"
	uint32_t spin_us;  // look this long without sleeping before each sleep (0: sleep at once)
};

/*
 * Returns 0, or -EINVAL (no such way to wait), -ENOMEM, -EMFILE, and of "uring" what the kernel says (-ENOSYS, -EPERM),
 * which is logged.
 */
int loop_create(struct loop **out, const struct loop_options *opt);
/* Watched descriptors stay open; timers and posted functions that are still due are forgotten. NULL: nothing. */
void loop_destroy(struct loop *l);

/*
 * Waits for events until deadline_ns (CLOCK_MONOTONIC; UINT64_MAX: for ever) and handles those that are there. Returns
 * how many, 0 on time-out or after a signal, or a negative errno: -EBUSY from inside a callback, -EEXIST on another
 * thread than the first call ("uring").
 */
int loop_run(struct loop *l, uint64_t deadline_ns);

/*
 * The calling thread goes before others, where that is allowed (SCHED_FIFO): for one whose loop works for microseconds
 * at a time and then sleeps, and for which others wait, whom a scheduler slice of a busy vCPU thread would delay.
 * rank: 1 and up; who has the higher one goes before the others. Threads that it starts do not inherit it.
 */
void loop_go_first(unsigned rank);

/* Whether it is inside loop_run(). */
bool loop_running(const struct loop *l);

/* ---- descriptors ---- */

#define LOOP_READ  1u
#define LOOP_WRITE 2u
#define LOOP_HUP   4u // never asked for: the other end is gone, or the descriptor has an error

/* events: those of the above that are the case now. */
typedef void (*loop_fd_fn)(void *ctx, int fd, unsigned events);

/*
 * Calls fn for as long as any of events (LOOP_READ, LOOP_WRITE, both or 0: hang-ups only) is the case: what is not
 * dealt with is told again. A descriptor that is closed while it is watched is said in the log and watched no more.
 * Returns 0, -EEXIST (it is watched already), -EBADF (negative), -ENOMEM.
 */
int loop_watch(struct loop *l, int fd, unsigned events, loop_fd_fn fn, void *ctx);
/* From now on these events. A descriptor that nobody watches: nothing. */
void loop_rewatch(struct loop *l, int fd, unsigned events);
/* fn is not called any more, and fd may be closed right after. A descriptor that nobody watches: nothing. */
void loop_unwatch(struct loop *l, int fd);

/* ---- timers ---- */

/* Its user's, who sets fn and arg and leaves the rest; it stays where it is while it is armed. */
struct loop_timer {
	loop_fn fn;
	void *arg;
	uint64_t at_ns;
	struct loop_timer *next, **prev; // prev NULL: not armed
};

/*
 * Calls t->fn(t->arg) once, at at_ns (CLOCK_MONOTONIC) or soon after; never from inside this call. Armed already: from
 * now on for this time. Timers go off in the order of their times, those of the same time in the order they were armed.
 */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns);
/* The same, in_ns from now. */
void loop_timer_in(struct loop *l, struct loop_timer *t, uint64_t in_ns);
void loop_timer_stop(struct loop_timer *t); // not armed: nothing
bool loop_timer_armed(const struct loop_timer *t);

/* ---- functions posted from any thread ---- */

/* Its user's, who sets fn and arg and leaves the rest; it stays where it is while it waits to be run. */
struct loop_task {
	loop_fn fn;
	void *arg;
	struct loop_task *next;
	bool queued, owned; // atomic; made by loop_post()
};

/*
 * Any thread: has t->fn(t->arg) run soon on the owner's thread; never from inside this call. Does nothing while t waits
 * to be run already; once it runs it may be called for again. Costs a system call only if the owner sleeps. Functions
 * called for by one thread run in that order.
 */
void loop_call(struct loop *l, struct loop_task *t);
/* The owner: t is not run, and may be freed. No other thread may call for it meanwhile. */
void loop_uncall(struct loop *l, struct loop_task *t);
/* The same as loop_call() without a task of one's own: allocates one. Returns 0, or -ENOMEM and then fn is never run.
 */
int loop_post(struct loop *l, loop_fn fn, void *arg);
/* Runs what has been called for and nothing else, also from inside a callback; until nothing is left. */
void loop_run_posted(struct loop *l);

/* ---- what is part of each round ---- */

/*
 * For who has to be looked at instead of telling (a port without interrupts), has a queue to flush before the loop
 * sleeps, or a deadline that moves with every event. Any function may be NULL. All run on the owner's thread, outside
 * of other callbacks. Pollers have their turn in the order they were added.
 */
struct loop_poller {
	/* At the start and the end of each round and after each sleep. Returns how many events it handled: not 0, and
	 * the loop does not sleep before all have had another turn. */
	int (*turn)(void *ctx);
	/* Looks without waiting, also while the loop spins. Returns events handled, or a negative errno that ends the
	 * round. */
	int (*look)(void *ctx);
	/* A deadline that moves with every event: when expire() has something to do. Asked at the start of each round
	 * and before each sleep. */
	uint64_t (*due)(void *ctx);
	void (*expire)(void *ctx); // due() has passed; set if due is
	/* The loop is about to sleep until *until_ns, which may be brought forward. Returns events handled: not 0, and
	 * it does not sleep. */
	int (*sleep)(void *ctx, uint64_t *until_ns);
	/* After each sleep(), slept or not. Returns events handled. */
	int (*wake)(void *ctx);
	void *ctx;
	struct loop_poller *next;
};

void loop_add_poller(struct loop *l, struct loop_poller *p);
/* The same, and it has its turn before those that are there: what it queues leaves with theirs. */
void loop_add_first_poller(struct loop *l, struct loop_poller *p);
void loop_remove_poller(struct loop *l, struct loop_poller *p); // from none of its own functions

#endif
