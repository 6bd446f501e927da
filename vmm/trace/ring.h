// SPDX-License-Identifier: Apache-2.0
/*
 * The last events of one host, in a ring of fixed size. One thread (the span thread) writes and reads it; what other
 * threads do is recorded when it passes through that thread, so no event needs a lock or an atomic. When it is full the
 * oldest events are lost; .written tells how many there have been.
 */
#ifndef VMM_TRACE_RING_H
#define VMM_TRACE_RING_H

#include "vmm/trace/record.h"

#define TRACE_RING_DEFAULT (1u << 16) // records: 2 MiB
#define TRACE_RING_MIN     (1u << 8)
#define TRACE_RING_MAX     (1u << 22)

struct trace_ring {
	struct trace_record *v; // NULL: there is none
	uint64_t size;          // a power of two
	uint64_t written;       // since it was opened or cleared
};

/* records is rounded up to a power of two within the limits. Returns 0 or -ENOMEM. */
int trace_ring_open(struct trace_ring *r, uint64_t records);
void trace_ring_close(struct trace_ring *r);

#define TRACE_RING_AHEAD 8u // records: what one fault writes, so that the next one finds their cache lines at hand

/* The place for the next record, all of which the caller writes. */
static inline struct trace_record *trace_ring_next(struct trace_ring *r)
{
	__builtin_prefetch(&r->v[(r->written + TRACE_RING_AHEAD) & (r->size - 1)], 1);
	return &r->v[r->written++ & (r->size - 1)];
}

uint64_t trace_ring_count(const struct trace_ring *r); // records that are there
uint64_t trace_ring_lost(const struct trace_ring *r);  // records that were overwritten
/* Encodes the records from the first-th of those there, at most max of them, oldest first. Returns how many. */
uint64_t trace_ring_encode(const struct trace_ring *r, uint64_t first, uint64_t max, uint8_t *out);

#endif
