// SPDX-License-Identifier: Apache-2.0
/*
 * Histograms of how long something took. The bounds are the same everywhere and for ever, so that histograms can be
 * added and subtracted bucket by bucket: two buckets an octave, from 1 us to 34 s. Pure.
 */
#ifndef VMM_SPAN_LATENCY_H
#define VMM_SPAN_LATENCY_H

#include "coherence/base/types.h"

#define LATENCY_FIRST_SHIFT 10u // the first bucket ends at 1024 ns
#define LATENCY_OCTAVES     25u // the last one at 2^35 ns; what takes longer is counted there too
#define LATENCY_BUCKETS     (2u * LATENCY_OCTAVES + 1u)

struct latency {
	uint64_t count, sum_ns;
	uint64_t bucket[LATENCY_BUCKETS];
};

unsigned latency_bucket(uint64_t ns);       // its bucket's number
uint64_t latency_upper_ns(unsigned bucket); // the first duration above it
void latency_count(struct latency *l, uint64_t ns);
void latency_add(struct latency *to, const struct latency *from);

#endif
