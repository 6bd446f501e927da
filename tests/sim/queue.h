// SPDX-License-Identifier: Apache-2.0
// Events in order of time, then of creation.
#ifndef TESTS_SIM_QUEUE_H
#define TESTS_SIM_QUEUE_H

#include "tests/sim/sim.h"

enum event_kind { EV_MSG, EV_CPU, EV_TICK, EV_MOVE, EV_MOVE_STEP, EV_GO, EV_GO_STEP };

struct event {
	enum event_kind kind;
	unsigned host; // or cpu
	host_id from;  // of EV_MOVE_STEP the move
	struct coh_msg msg;
	uint64_t data[WORDS];
};

struct key {
	uint64_t when, seq;
	uint32_t idx;
};

struct queue {
	struct key *heap;
	struct event *pool;
	uint32_t *free_list;
	uint32_t n, free_n, cap;
	uint64_t seq;
};

void queue_push(struct queue *q, uint64_t when, const struct event *e);
/* Takes the earliest event out. Returns false if there is none. */
bool queue_pop(struct queue *q, uint64_t *when, struct event *e);
void queue_free(struct queue *q);

#endif
