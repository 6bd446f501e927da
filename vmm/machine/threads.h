// SPDX-License-Identifier: Apache-2.0
/*
 * Which thread is which vCPU's: a table of this host's vCPU threads by thread id, open addressing. It is read before
 * every request for a page, so without a lock; threads come and go meanwhile.
 */
#ifndef VMM_MACHINE_THREADS_H
#define VMM_MACHINE_THREADS_H

#include <stdint.h>

#define THREADS_NONE UINT32_MAX

struct threads {
	uint32_t mask;  // slots - 1
	uint64_t *slot; // atomic
};

/* Room for n threads at a time. 0 or -ENOMEM. */
int threads_init(struct threads *t, uint32_t n);
void threads_close(struct threads *t); // takes a table of zeroes too
/* The thread tid (not 0) runs vcpu from now on. Any thread; never two with one tid. -ENOSPC: more than init was told.
 */
int threads_add(struct threads *t, uint32_t tid, uint32_t vcpu);
void threads_remove(struct threads *t, uint32_t tid); // its last act, before the tid may be another's. Any thread
/* THREADS_NONE: no vCPU's. Any thread. */
uint32_t threads_find(const struct threads *t, uint32_t tid);

#endif
