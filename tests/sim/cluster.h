// SPDX-License-Identifier: Apache-2.0
// Inside of the simulated cluster.
#ifndef TESTS_SIM_CLUSTER_H
#define TESTS_SIM_CLUSTER_H

#include "tests/sim/queue.h"

#define MOVES_MAX 8u // homes that move at once

/* The home of a granule on its way to another host. */
struct sim_move {
	bool used;
	page_idx first;
	host_id from, to;
	unsigned phase;
	unsigned left; // hosts that have not taken the step of this phase
	uint8_t blob[COH_REHOME_BYTES(4)];
	int bytes;
};

struct host {
	struct coh_engine *engine;
	uint8_t *rights;         // by page: of the mapping, as the effects made it
	uint64_t (*data)[WORDS]; // by page
	uint64_t tick_at;
	uint64_t last_arrival[HOSTS_MAX]; // at each other host
	uint64_t quota;                   // 0: none
};

struct sim {
	struct sim_config cfg;
	struct host host[HOSTS_MAX];
	struct cpu cpu[CPUS_MAX];
	uint64_t (*newest)[WORDS]; // the content that every read must find
	host_set *copies;          // by page: hosts whose mapping can be read
	host_set *writers;         // by page: hosts whose mapping can be written
	struct queue queue;
	uint64_t now, rng, steps, fault_max;
	unsigned running; // cpus that have not ended
	uint64_t sent;    // messages
	unsigned harmed;
	struct sim_move move[MOVES_MAX];
	uint64_t moves; // that have ended
	struct {        // memory that goes (goes.c)
		unsigned phase, left;
		page_idx first;
		uint64_t pages;
		host_id home; // of what comes again
		bool quiet;   // all hosts asked so far
	} go;
	uint64_t goes;    // that have gone
	unsigned drained; // host: nothing is left there, and it has left; HOST_NONE: none
	const char *told, *failure;
	struct coh_fx_list fx;
};

/* cluster.c */
void cluster_arm(struct sim *s, unsigned h); // after a call that may have changed the engine's deadline
/* moves.c */
void moves_begin(struct sim *s);
void moves_on_event(struct sim *s, const struct event *e);
/* goes.c */
void goes_begin(struct sim *s);
void goes_on_event(struct sim *s, const struct event *e);

#endif
