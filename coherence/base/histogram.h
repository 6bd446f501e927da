// SPDX-License-Identifier: Apache-2.0
/*
 * Histograms of how long something took. The bounds are the same everywhere and for ever, so that histograms can be
 * added and subtracted bucket by bucket: two buckets an octave, from 1 us to 34 s. Pure.
 */
#ifndef COHERENCE_BASE_HISTOGRAM_H
#define COHERENCE_BASE_HISTOGRAM_H

#include "coherence/base/types.h"

#define HISTOGRAM_FIRST_SHIFT 10u // the first bucket ends at 1024 ns
#define HISTOGRAM_OCTAVES     25u // the last one at 2^35 ns; what takes longer is counted there too
#define HISTOGRAM_BUCKETS     (2u * HISTOGRAM_OCTAVES + 1u)

struct histogram {
	uint64_t count, sum_ns;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

unsigned histogram_bucket(uint64_t ns);       // its bucket's number
uint64_t histogram_upper_ns(unsigned bucket); // the first duration above it
void histogram_count(struct histogram *h, uint64_t ns);
void histogram_add(struct histogram *to, const struct histogram *from);

/* The duration below which the share q (0 to 1) lies, interpolated inside its bucket; NAN when nothing was counted. */
double histogram_quantile_ns(const struct histogram *h, double q);
/* The same of n buckets with bounds of their own, rising: another version's. Both arrays hold counts >= 0. */
double histogram_quantile_of(const int64_t *upper_ns, const int64_t *count, unsigned n, double q);

#endif
