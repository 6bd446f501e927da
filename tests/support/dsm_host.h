// SPDX-License-Identifier: Apache-2.0
/*
 * Distributed memory without a guest: a group of processes, each one host with a link and a pager over the same "RAM",
 * so that ordinary threads of ordinary processes fault, at native speed. Tests and measurements use it.
 */
#ifndef TESTS_SUPPORT_DSM_HOST_H
#define TESTS_SUPPORT_DSM_HOST_H

#include <pthread.h>

#include "tests/support/link_choice.h"
#include "vmm/span/pager.h"

/* A coherence message that is lost on its way to a host, as if the link had lost it. */
struct dsm_loss {
	unsigned kind, host, nth; // the nth of the kind that arrives there; 0: none is
};

struct dsm_group {
	unsigned hosts;
	int sockets[HOSTS_MAX][HOSTS_MAX]; // [a][b]: a's end of the connection to b
	struct machine_desc desc;
	struct link_choice *link; // NULL: uring
	struct dsm_loss loss;
	struct dsm_shared *shared; // outside the distributed memory: barriers and results
};

#define DSM_RESULTS 64u

struct dsm_shared {
	pthread_barrier_t barrier;
	uint64_t results[HOSTS_MAX][DSM_RESULTS];
	int observe; // pagers count latencies and traffic, and trace; change it while no fault is under way
	int failed;
	uint64_t lost_ns;  // when a message was lost
	uint64_t ended_ns; // when a pager said that it can't go on
	char ended[160];   // ... and why
};

struct dsm_host {
	struct dsm_group *group;
	host_id self;
	struct ram ram;
	struct link *link;
	struct pager pager;
	struct observe *observe;
	pthread_t thread;
	int stop;
	unsigned arrived; // messages of the kind that is lost
};

/* pages[h] pages are homed on host h. tcp: loopback TCP, otherwise Unix sockets. Call before any thread exists. */
int dsm_group_init(struct dsm_group *g, unsigned hosts, const uint64_t *pages, bool tcp);

/* Runs fn in one process a host and waits for all. Returns 0 if all returned 0. */
int dsm_group_run(struct dsm_group *g, int (*fn)(struct dsm_host *h, void *arg), void *arg, unsigned spin_us);

void dsm_barrier(struct dsm_host *h); // all hosts' processes meet

#endif
