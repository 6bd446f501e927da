// SPDX-License-Identifier: Apache-2.0
#include "vmm/trace/ring.h"

#include <errno.h>
#include <sys/mman.h>

static uint64_t size_for(uint64_t records)
{
	uint64_t n = TRACE_RING_MIN;

	while (n < records && n < TRACE_RING_MAX)
		n *= 2;
	return n;
}

/* Its memory is touched here and now: the first events must not pay for it. */
int trace_ring_open(struct trace_ring *r, uint64_t records)
{
	uint64_t n = size_for(records);
	void *v = mmap(NULL, n * sizeof(*r->v), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		       0);

	if (v == MAP_FAILED)
		return -ENOMEM;
	*r = (struct trace_ring){.v = v, .size = n};
	return 0;
}

void trace_ring_close(struct trace_ring *r)
{
	if (r->v)
		munmap(r->v, r->size * sizeof(*r->v));
	*r = (struct trace_ring){0};
}

uint64_t trace_ring_count(const struct trace_ring *r)
{
	return r->written < r->size ? r->written : r->size;
}

uint64_t trace_ring_lost(const struct trace_ring *r)
{
	return r->written - trace_ring_count(r);
}

uint64_t trace_ring_encode(const struct trace_ring *r, uint64_t first, uint64_t max, uint8_t *out)
{
	uint64_t have = trace_ring_count(r), n = first < have ? have - first : 0, oldest = r->written - have;

	n = n < max ? n : max;
	for (uint64_t i = 0; i < n; i++)
		trace_record_put(out + i * TRACE_RECORD_BYTES, &r->v[(oldest + first + i) & (r->size - 1)]);
	return n;
}
