// SPDX-License-Identifier: Apache-2.0
/*
 * Port and MMIO accesses that wait for their answer from another host. Each vCPU has at most one under way;
 * no lock is held while it waits.
 */
#ifndef VMM_SPAN_IOFWD_H
#define VMM_SPAN_IOFWD_H

#include <pthread.h>

#include "net/msg.h"

#define IOFWD_SLOTS 256u // accesses under way from one host

struct iofwd_slot {
	uint64_t id; // 0: free
	uint64_t value;
	bool answered;
};

struct iofwd {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct iofwd_slot slots[IOFWD_SLOTS];
	uint64_t next;
	bool cancelled;
	uint64_t sent, strays; // strays: answers nobody waits for
};

void iofwd_init(struct iofwd *f);
/* Takes a slot (waits for one) and gives its request number, or 0 when cancelled. Any thread. */
uint64_t iofwd_begin(struct iofwd *f);
/* Waits for the answer to id and frees the slot. Returns 0 and *value, or -ECANCELED. */
int iofwd_wait(struct iofwd *f, uint64_t id, uint64_t *value);
void iofwd_answer(struct iofwd *f, uint64_t id, uint64_t value); // span thread
void iofwd_cancel(struct iofwd *f);                              // every waiter returns -ECANCELED

#endif
