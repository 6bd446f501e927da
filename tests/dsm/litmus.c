// SPDX-License-Identifier: Apache-2.0
/*
 * Memory-ordering litmus tests over distributed memory, one thread a host. Each round has its own pair of locations, x
 * and y, on pages with different homes; many rounds lie in one page, so that a page is taken away in the middle of a
 * sweep. Outcomes are recorded outside the distributed memory and judged after the sweep.
 * The forbidden outcomes are those of x86-TSO (Owens, Sarkar, Sewell: A Better x86 Memory Model, 2009).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/dsm/dsm_tests.h"

#define SWEEP 2048u // rounds between two meetings: four pages of each location

struct outcome {
	uint8_t a, b;
};

struct litmus {
	const char *name;
	unsigned hosts;
	void (*step)(unsigned host, volatile uint64_t *x, volatile uint64_t *y, struct outcome *o);
	/* o: the outcomes of all hosts in this round; 1 forbidden, 2 relaxed but allowed */
	int (*judge)(const struct outcome *o);
};

static void sb_fence(unsigned host, volatile uint64_t *x, volatile uint64_t *y, struct outcome *o)
{
	*(host ? y : x) = 1;
	__asm__ volatile("mfence" ::: "memory");
	o->a = (uint8_t) * (host ? x : y);
}

static void sb_plain(unsigned host, volatile uint64_t *x, volatile uint64_t *y, struct outcome *o)
{
	*(host ? y : x) = 1;
	o->a = (uint8_t) * (host ? x : y);
}

static void mp(unsigned host, volatile uint64_t *x, volatile uint64_t *y, struct outcome *o)
{
	if (host == 0) {
		*x = 1;
		*y = 1;
	} else {
		o->a = (uint8_t)*y;
		o->b = (uint8_t)*x;
	}
}

static void lb(unsigned host, volatile uint64_t *x, volatile uint64_t *y, struct outcome *o)
{
	o->a = (uint8_t) * (host ? y : x);
	*(host ? x : y) = 1;
}

static void corr(unsigned host, volatile uint64_t *x, volatile uint64_t *y, struct outcome *o)
{
	(void)y;
	if (host == 0) {
		*x = 1;
	} else {
		o->a = (uint8_t)*x;
		o->b = (uint8_t)*x;
	}
}

static void iriw(unsigned host, volatile uint64_t *x, volatile uint64_t *y, struct outcome *o)
{
	if (host < 2) {
		*(host ? y : x) = 1;
	} else {
		o->a = (uint8_t) * (host == 2 ? x : y);
		o->b = (uint8_t) * (host == 2 ? y : x);
	}
}

static int both_zero(const struct outcome *o)
{
	return o[0].a == 0 && o[1].a == 0;
}

static int both_zero_allowed(const struct outcome *o)
{
	return both_zero(o) ? 2 : 0;
}

static int first_not_second(const struct outcome *o)
{
	return o[1].a == 1 && o[1].b == 0;
}

static int both_one(const struct outcome *o)
{
	return o[0].a == 1 && o[1].a == 1;
}

static int readers_disagree(const struct outcome *o)
{
	return o[2].a == 1 && o[2].b == 0 && o[3].a == 1 && o[3].b == 0;
}

static const struct litmus tests[] = {
	{"SB+mfence", 2, sb_fence, both_zero}, {"SB", 2, sb_plain, both_zero_allowed},
	{"MP", 2, mp, first_not_second},       {"LB", 2, lb, both_one},
	{"CoRR", 2, corr, first_not_second},   {"IRIW", 4, iriw, readers_disagree},
};
const char *const litmus_names[] = {"SB+mfence", "SB", "MP", "LB", "CoRR", "IRIW", NULL};

struct job {
	const struct litmus *t;
	unsigned rounds;
	struct outcome *outcomes; // [host][SWEEP], shared between the processes
};

static int sweep(struct dsm_host *h, void *arg)
{
	const struct job *j = arg;
	unsigned long bad = 0, relaxed = 0;
	struct outcome *mine = j->outcomes + (size_t)h->self * SWEEP;
	page_idx other = h->group->desc.ranges[1].first; // first page of host 1

	for (unsigned done = 0; done < j->rounds; done += SWEEP) {
		page_idx at = done / 512 % 512;

		for (unsigned i = 0; i < SWEEP; i++)
			j->t->step(h->self, dsm_word(h, at + i / 512, i % 512),
				   dsm_word(h, other + at + i / 512, i % 512), &mine[i]);
		dsm_barrier(h);
		for (unsigned i = 0; i < SWEEP && h->self == 0; i++) {
			struct outcome o[4];
			for (unsigned k = 0; k < j->t->hosts; k++)
				o[k] = j->outcomes[k * SWEEP + i];
			int v = j->t->judge(o);
			bad += v == 1;
			relaxed += v == 2;
			*dsm_word(h, at + i / 512, i % 512) = 0;
			*dsm_word(h, other + at + i / 512, i % 512) = 0;
		}
		dsm_barrier(h);
	}
	if (h->self == 0) {
		h->group->shared->results[0][0] = bad;
		h->group->shared->results[0][1] = relaxed;
	}
	return 0;
}

long litmus_run(const char *name, unsigned rounds, unsigned long *relaxed)
{
	struct job j = {.rounds = rounds};
	uint64_t pages[4] = {1024, 1024, 1024, 1024};
	static struct dsm_group g;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (strcmp(tests[i].name, name) == 0)
			j.t = &tests[i];
	if (!j.t || dsm_group_init(&g, j.t->hosts, pages, true))
		return -1;
	j.outcomes = mmap(NULL, sizeof(struct outcome) * SWEEP * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	if (j.outcomes == MAP_FAILED || dsm_group_run(&g, sweep, &j, 0))
		return -1;
	*relaxed = g.shared->results[0][1];
	return (long)g.shared->results[0][0];
}
