// SPDX-License-Identifier: Apache-2.0
#include "coherence/base/histogram.h"

/* Above the first bucket: the octave by the highest bit, its half by the bit below. */
unsigned histogram_bucket(uint64_t ns)
{
	if (ns >> HISTOGRAM_FIRST_SHIFT == 0)
		return 0;
	unsigned top = 63u - (unsigned)__builtin_clzll(ns);
	unsigned bucket = 1 + 2 * (top - HISTOGRAM_FIRST_SHIFT) + (unsigned)(ns >> (top - 1) & 1);

	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

uint64_t histogram_upper_ns(unsigned bucket)
{
	if (bucket == 0)
		return 1ull << HISTOGRAM_FIRST_SHIFT;
	unsigned top = HISTOGRAM_FIRST_SHIFT + (bucket - 1) / 2;

	return bucket % 2 ? 3ull << (top - 1) : 2ull << top;
}

void histogram_count(struct histogram *h, uint64_t ns)
{
	h->count++;
	h->sum_ns += ns;
	h->bucket[histogram_bucket(ns)]++;
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
	to->count += from->count;
	to->sum_ns += from->sum_ns;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += from->bucket[i];
}

double histogram_quantile_of(const int64_t *upper_ns, const int64_t *count, unsigned n, double q)
{
	double total = 0, below = 0;

	for (unsigned i = 0; i < n; i++)
		total += (double)count[i];
	for (unsigned i = 0; i < n; i++) {
		double in = (double)count[i], lower = i ? (double)upper_ns[i - 1] : 0;

		if (in > 0 && below + in >= q * total)
			return lower + ((double)upper_ns[i] - lower) * (q * total - below) / in;
		below += in;
	}
	return __builtin_nan("");
}

double histogram_quantile_ns(const struct histogram *h, double q)
{
	int64_t upper[HISTOGRAM_BUCKETS], count[HISTOGRAM_BUCKETS];

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		upper[i] = (int64_t)histogram_upper_ns(i);
		count[i] = (int64_t)h->bucket[i];
	}
	return histogram_quantile_of(upper, count, HISTOGRAM_BUCKETS, q);
}
