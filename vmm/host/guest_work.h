// SPDX-License-Identifier: Apache-2.0
// The two ways between the span thread and others: functions posted to its loop, and worker threads for what blocks.
#ifndef VMM_HOST_GUEST_WORK_H
#define VMM_HOST_GUEST_WORK_H

#include <pthread.h>
#include <stdbool.h>

struct guest;
struct guest_task;

/* One worker, and what it is to do. */
struct guest_lane {
	struct guest_works *w;
	struct guest_task *todo, **todo_tail;
	unsigned todo_n;
	bool has_thread;
	pthread_t thread;
};

struct guest_works {
	struct guest *g;
	pthread_mutex_t lock; // all below; innermost
	pthread_cond_t news;
	struct guest_lane all, beside; // guest_work(), guest_work_beside()
	bool closed;                   // nothing new is taken
	bool cancelled;
};

void guest_works_init(struct guest_works *w, struct guest *g);
/*
 * Tells work to end and takes nothing new. Once nothing can block any more (memory is released), guest_works_join()
 * waits for the worker and runs every posted function that is still due.
 */
void guest_works_cancel(struct guest_works *w);
void guest_works_join(struct guest_works *w);

#endif
