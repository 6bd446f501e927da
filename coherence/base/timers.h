// SPDX-License-Identifier: Apache-2.0
// Deadlines of a fixed set of timed things: an indexed binary heap, no allocation.
#ifndef COHERENCE_BASE_TIMERS_H
#define COHERENCE_BASE_TIMERS_H

#include "coherence/base/types.h"

#define TIMERS_NEVER UINT64_MAX
#define TIMERS_NONE  UINT32_MAX

struct timers {
	uint64_t *when; // by id
	uint32_t *pos;  // by id: place in the heap + 1, 0: not armed
	uint32_t *heap; // ids, earliest first
	uint32_t n;     // armed
	uint32_t ids;   // how many there can be
};

/* Arms id (again) for when_ns. */
void timers_set(struct timers *t, uint32_t id, uint64_t when_ns);
void timers_clear(struct timers *t, uint32_t id);
bool timers_armed(const struct timers *t, uint32_t id);
/* The earliest deadline, or TIMERS_NEVER. */
uint64_t timers_next(const struct timers *t);
/* Disarms and returns the earliest id due at now_ns, or TIMERS_NONE. */
uint32_t timers_pop(struct timers *t, uint64_t now_ns);

#endif
