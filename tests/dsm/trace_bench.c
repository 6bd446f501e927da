// SPDX-License-Identifier: Apache-2.0
/*
 * What counting and tracing add to a remote fault, natively, between two processes over the default link. The two are
 * compared within one run, in short turns (off, on, on, off), so that what else this machine does meets both alike. Prints
 * "name value unit" lines: medians of all faults of each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/now.h"
#include "tests/support/dsm_host.h"

#define PAGES  2048u
#define ROUNDS 16u
#define TURN   8u // faults in a row with the same setting

static struct dsm_group group;
static uint64_t ns[2][PAGES * ROUNDS]; // [observed]
static unsigned n[2];

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_us(unsigned which)
{
	qsort(ns[which], n[which], sizeof(ns[0][0]), by_value);
	return (double)ns[which][n[which] / 2] / 1000;
}

static volatile uint64_t *word(struct dsm_host *h, page_idx page)
{
	return (volatile uint64_t *)(h->ram.base + page * PAGE_BYTES);
}

static void read_all(struct dsm_host *h, page_idx first, unsigned round)
{
	for (unsigned i = 0; i < PAGES; i++) {
		unsigned turn = i / TURN + round, observed = (turn % 4 == 1) | (turn % 4 == 2);
		volatile uint64_t *w = word(h, first + (i * 1103515245u + 12345u) % PAGES);

		__atomic_store_n(&h->group->shared->observe, (int)observed, __ATOMIC_RELEASE);
		uint64_t t = now_ns();
		(void)*w;
		ns[observed][n[observed]++] = now_ns() - t;
	}
}

static int compare(struct dsm_host *h, void *arg)
{
	page_idx first = h->group->desc.hosts[0].memory_bytes / PAGE_BYTES;

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
		double off = median_us(0), on = median_us(1);

		if (!trace_ring_count(&h->observe->trace) || !h->observe->peer[1].latency[FAULT_READ].count)
			return 1; // then nothing was measured
		printf("fault_read_untraced %.3f us\nfault_read_traced %.3f us\ntrace_cost_on_fault %.4f ratio\n", off, on, on / off);
	}
	return 0;
}

int main(void)
{
	uint64_t pages[2] = {8192, 8192};

	return dsm_group_init(&group, 2, pages, true) || dsm_group_run(&group, compare, NULL, 0);
}
