// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/latency.h"

/* Above the first bucket: the octave by the highest bit, its half by the bit below. */
unsigned latency_bucket(uint64_t ns)
{
	if (ns >> LATENCY_FIRST_SHIFT == 0)
		return 0;
	unsigned top = 63u - (unsigned)__builtin_clzll(ns);
	unsigned bucket = 1 + 2 * (top - LATENCY_FIRST_SHIFT) + (unsigned)(ns >> (top - 1) & 1);

	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

uint64_t latency_upper_ns(unsigned bucket)
{
	if (bucket == 0)
		return 1ull << LATENCY_FIRST_SHIFT;
	unsigned top = LATENCY_FIRST_SHIFT + (bucket - 1) / 2;

	return bucket % 2 ? 3ull << (top - 1) : 2ull << top;
}

void latency_count(struct latency *l, uint64_t ns)
{
	l->count++;
	l->sum_ns += ns;
	l->bucket[latency_bucket(ns)]++;
}

void latency_add(struct latency *to, const struct latency *from)
{
	to->count += from->count;
	to->sum_ns += from->sum_ns;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}
