// SPDX-License-Identifier: Apache-2.0
/*
 * Other runs that call while a host serves a guest. `pando run` ends when its guest's vCPUs have stopped, the host's
 * part of it somewhat later: a guest that is started then waits for that here. Whoever waits while a guest goes on is
 * told that this host has one. A run that calls the same host by two addresses would wait for itself: it is told at
 * once.
 */
#ifndef VMM_HOST_NEWCOMERS_H
#define VMM_HOST_NEWCOMERS_H

#include "net/loop.h"
#include "vmm/host/listener.h"

#define NEWCOMERS_MAX     8u
#define NEWCOMERS_WAIT_NS 500000000ull // a run that was killed is known to be gone long before

struct newcomers {
	struct loop *loop;
	uint32_t epoch;
	bool ending; // the guest is at its end, however long it takes
	struct listener_session held[NEWCOMERS_MAX];
	uint64_t until[NEWCOMERS_MAX];
	unsigned n;
	struct loop_timer due;
};

/* All on the loop's thread. epoch: the guest's. */
void newcomers_init(struct newcomers *n, struct loop *loop, uint32_t epoch);
void newcomers_wait(struct newcomers *n); // the guest is at its end: nobody is told that there is one any more
void newcomers_add(struct newcomers *n, const struct listener_session *s); // a SESSION_CONTROL, owned from now on
/* The guest is over: those who still wait are the next to be taken from the listener, in their order. */
void newcomers_release(struct newcomers *n, struct listener *l);

#endif
