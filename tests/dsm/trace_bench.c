// SPDX-License-Identifier: Apache-2.0
/*
 * What counting and tracing add to a remote fault, natively, between two processes over the default link. The two are
 * compared within one run, in short turns (off, on, on, off), so that what else this machine does meets both alike.
 * Each round gives a ratio of two medians; the cost is the median of these, so a round that something else disturbed
 * does not count. Prints "name value unit" lines; the quartiles of the rounds tell how sure it is.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/now.h"
#include "tests/support/dsm_host.h"

#define PAGES  2048u
#define ROUNDS 32u
#define TURN   8u // faults in a row with the same setting

static struct dsm_group group;
static uint64_t ns[2][PAGES];    // of one round, [observed]
static double median[3][ROUNDS]; // off, on, on / off

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median_us(unsigned which, unsigned n)
{
	qsort(ns[which], n, sizeof(ns[0][0]), by_value);
	return (double)ns[which][n / 2] / 1000;
}

static volatile uint64_t *word(struct dsm_host *h, page_idx page)
{
	return (volatile uint64_t *)(h->ram.base + page * PAGE_BYTES);
}

static void read_all(struct dsm_host *h, page_idx first, unsigned round)
{
	unsigned n[2] = {0};

	for (unsigned i = 0; i < PAGES; i++) {
		unsigned turn = i / TURN + round, observed = (turn % 4 == 1) | (turn % 4 == 2);
		volatile uint64_t *w = word(h, first + (i * 1103515245u + 12345u) % PAGES);

		__atomic_store_n(&h->group->shared->observe, (int)observed, __ATOMIC_RELEASE);
		uint64_t t = now_ns();
		(void)*w;
		ns[observed][n[observed]++] = now_ns() - t;
	}
	median[0][round] = median_us(0, n[0]);
	median[1][round] = median_us(1, n[1]);
	median[2][round] = median[1][round] / median[0][round];
}

static int compare(struct dsm_host *h, void *arg)
{
	page_idx first = h->group->desc.ranges[1].first;

	(void)arg;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < PAGES && h->self == 1; i++)
			*word(h, first + i) = round + 1; // it owns them all again
		dsm_barrier(h);
		if (h->self == 0)
			read_all(h, first, round);
		dsm_barrier(h);
	}
	if (h->self == 0) {
		if (!trace_ring_count(&h->observe->trace) || !h->observe->peer[1].latency[FAULT_READ].count)
			return 1; // then nothing was measured
		for (unsigned i = 0; i < 3; i++)
			qsort(median[i], ROUNDS, sizeof(double), by_size);
		printf("fault_read_untraced %.3f us\nfault_read_traced %.3f us\n", median[0][ROUNDS / 2],
		       median[1][ROUNDS / 2]);
		printf("trace_cost_on_fault %.4f ratio\ntrace_cost_on_fault_q1 %.4f ratio\ntrace_cost_on_fault_q3 %.4f "
		       "ratio\n",
		       median[2][ROUNDS / 2], median[2][ROUNDS / 4], median[2][ROUNDS * 3 / 4]);
	}
	return 0;
}

int main(void)
{
	uint64_t pages[2] = {8192, 8192};

	return dsm_group_init(&group, 2, pages, true) || dsm_group_run(&group, compare, NULL, 0);
}
