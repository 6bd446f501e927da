// SPDX-License-Identifier: Apache-2.0
/*
 * Memory-ordering tests over CPUs of different nodes. A block is SLOTS rounds over as many pairs of
 * locations; threads start it together and walk it at random speeds, so that pages move in the
 * middle of it. The variables of a pair are on one page, or on two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-tools/litmus_core.h"
#include "guest-tools/tool.h"

#define SLOTS 128u         // pairs of 16 bytes: half a page
#define LEAST (4u * SLOTS) // rounds, and increments of a thread, whatever the time

struct run {
	enum litmus_kind kind;
	uint32_t threads;
	uint64_t rounds, deadline;
	volatile uint64_t *x, *y; // 2 words a slot
	uint8_t *saw[4];          // what each thread saw, on a page of its own
	struct tool_meet *meet;
	uint64_t *counter; // of the atomic and the lock test
	uint32_t *stop, *lock;
	uint64_t done, seen[3]; // by verdict
	uint64_t added[4];
};

static void judge_block(struct run *r)
{
	for (uint32_t s = 0; s < SLOTS; s++) {
		uint8_t saw[4] = {0};

		for (uint32_t i = 0; i < r->threads; i++)
			saw[i] = r->saw[i][s];
		r->seen[litmus_judge(r->kind, saw)]++;
	}
	r->done += SLOTS;
	if (r->done >= r->rounds || (r->done >= LEAST && tool_now_ns() > r->deadline))
		__atomic_store_n(r->stop, 1, __ATOMIC_RELAXED);
}

static void dawdle(uint64_t *random)
{
	for (uint64_t n = tool_random(random) & 15; n > 0; n--)
		tool_pause();
}

static void walk(int me, void *arg)
{
	struct run *r = arg;
	uint64_t random = 0x9e3779b97f4a7c15u * (uint64_t)(me + 1);
	uint32_t sense = 0;

	for (uint64_t g = 1;; g++) {
		tool_meet(r->meet, r->threads, &sense);
		for (uint32_t s = 0; s < SLOTS; s++) {
			dawdle(&random);
			r->saw[me][s] = litmus_step(r->kind, (uint32_t)me, &r->x[2 * s], &r->y[2 * s], g);
		}
		tool_meet(r->meet, r->threads, &sense);
		if (me == 0)
			judge_block(r);
		tool_meet(r->meet, r->threads, &sense);
		if (__atomic_load_n(r->stop, __ATOMIC_RELAXED))
			return;
	}
}

/* Whether a thread that has N increments to go adds one more. */
static bool adds(const struct run *r, int me, uint64_t n)
{
	return n > 0 && (r->added[me] < LEAST || tool_now_ns() < r->deadline);
}

static void add_atomic(int me, void *arg)
{
	struct run *r = arg;

	for (uint64_t n = r->rounds / r->threads; adds(r, me, n); n--) {
		__atomic_fetch_add(r->counter, 1, __ATOMIC_RELAXED);
		r->added[me]++;
	}
}

/* Test and test-and-set with a plain counter inside: a lost or stale page loses increments. */
static void add_locked(int me, void *arg)
{
	struct run *r = arg;

	for (uint64_t n = r->rounds / r->threads; adds(r, me, n); n--) {
		while (__atomic_exchange_n(r->lock, 1, __ATOMIC_ACQUIRE))
			while (__atomic_load_n(r->lock, __ATOMIC_RELAXED))
				tool_pause();
		*(volatile uint64_t *)r->counter = *(volatile uint64_t *)r->counter + 1;
		__atomic_store_n(r->lock, 0, __ATOMIC_RELEASE);
		r->added[me]++;
	}
}

static void prepare(struct run *r, bool one_page, uint64_t rounds, double seconds)
{
	uint8_t *area = tool_pages(12 * TOOL_PAGE);

	memset(r, 0, sizeof(*r));
	r->rounds = rounds;
	r->deadline = tool_now_ns() + (uint64_t)(seconds * 1e9);
	r->x = (volatile uint64_t *)area;
	r->y = one_page ? r->x + 1 : (volatile uint64_t *)(area + TOOL_PAGE);
	for (int i = 0; i < 4; i++)
		r->saw[i] = area + (2 + i) * TOOL_PAGE;
	r->meet = (struct tool_meet *)(area + 6 * TOOL_PAGE);
	r->stop = (uint32_t *)(area + 7 * TOOL_PAGE);
	r->counter = (uint64_t *)(area + 8 * TOOL_PAGE);
	r->lock = (uint32_t *)(area + (one_page ? 8 : 9) * TOOL_PAGE + 64);
}

static void ordering(const struct topo *t, enum litmus_kind kind, bool one_page, uint64_t rounds, double seconds)
{
	static struct run r;
	char name[64], rname[96];
	int cpu[4];

	snprintf(name, sizeof(name), "litmus_%s_%s", litmus_shapes[kind].name, one_page ? "one_page" : "two_pages");
	if (!topo_spread(t, (int)litmus_shapes[kind].threads, cpu)) {
		tool_skip(name, "needs %u CPUs, there are %d", litmus_shapes[kind].threads, t->cpus);
		return;
	}
	prepare(&r, one_page, rounds, seconds);
	r.kind = kind;
	r.threads = litmus_shapes[kind].threads;
	tool_run((int)r.threads, cpu, walk, &r);
	snprintf(rname, sizeof(rname), "%s_rounds", name);
	tool_result(rname, (double)r.done, "rounds");
	if (r.seen[LITMUS_RELAXED]) {
		snprintf(rname, sizeof(rname), "%s_relaxed", name);
		tool_result(rname, (double)r.seen[LITMUS_RELAXED], "rounds");
	}
	if (r.seen[LITMUS_FORBIDDEN])
		tool_fail(name, "%llu forbidden outcomes in %llu rounds", (unsigned long long)r.seen[LITMUS_FORBIDDEN],
			  (unsigned long long)r.done);
	else
		tool_pass(name);
}

static void counting(const struct topo *t, const char *name, bool one_page, void (*fn)(int me, void *arg),
		     uint64_t rounds, double seconds)
{
	static struct run r;
	uint64_t sum = 0;
	int cpu[4], n = t->cpus < 4 ? t->cpus : 4;
	char rname[96];

	if (n < 2 || !topo_spread(t, n, cpu)) {
		tool_skip(name, "needs 2 CPUs, there are %d", t->cpus);
		return;
	}
	prepare(&r, one_page, rounds, seconds);
	r.threads = (uint32_t)n;
	tool_run(n, cpu, fn, &r);
	for (int i = 0; i < n; i++)
		sum += r.added[i];
	snprintf(rname, sizeof(rname), "%s_rounds", name);
	tool_result(rname, (double)sum, "rounds");
	if (*r.counter != sum)
		tool_fail(name, "the counter is %llu after %llu increments", (unsigned long long)*r.counter,
			  (unsigned long long)sum);
	else
		tool_pass(name);
}

int litmus_main(int argc, char **argv)
{
	uint64_t rounds = (uint64_t)tool_arg(argc, argv, "rounds", 4096);
	double seconds = tool_arg(argc, argv, "seconds", 10); // for each test
	struct topo t;

	topo_read(&t);
	for (int kind = 0; kind < LITMUS_KINDS; kind++) {
		ordering(&t, (enum litmus_kind)kind, true, rounds, seconds);
		ordering(&t, (enum litmus_kind)kind, false, rounds, seconds);
	}
	counting(&t, "litmus_atomic_add", true, add_atomic, rounds, seconds);
	counting(&t, "litmus_spinlock_one_page", true, add_locked, rounds, seconds);
	counting(&t, "litmus_spinlock_two_pages", false, add_locked, rounds, seconds);
	return 0;
}
