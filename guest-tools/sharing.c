// SPDX-License-Identifier: Apache-2.0
/*
 * How fast two CPUs of different nodes share memory in the usual ways; each also checks the data. A way is measured for
 * some time, but never over before enough happened on both CPUs for the check to mean something, however slow that is
 * here.
 */
#include <stdio.h>
#include <string.h>

#include "guest-tools/tool.h"

#define RING           64u
#define READ_MOSTLY_NS 50000u      // between two writes
#define ENOUGH         (2u * RING) // rounds of each CPU
#define ENOUGH_CHANGES 16u         // values that the reader of read_mostly has seen

struct share {
	uint64_t limit, deadline;
	volatile uint64_t *a, *b; // on two pages
	volatile uint64_t *ring;  // RING words, on a page of its own
	uint32_t *stop, *ready;   // ready: how many CPUs have done enough
	uint64_t count[2], bad;
	uint64_t end_ns;
};

static bool stopped(const struct share *s)
{
	return __atomic_load_n(s->stop, __ATOMIC_RELAXED);
}

/* This CPU has done enough; said once. */
static void ready(struct share *s)
{
	__atomic_fetch_add(s->ready, 1, __ATOMIC_RELAXED);
}

/* After N rounds of this CPU: both have done enough, and what was asked for is done or the time is over. */
static bool over(struct share *s, uint64_t n)
{
	if (n == ENOUGH)
		ready(s);
	if (n < ENOUGH || __atomic_load_n(s->ready, __ATOMIC_RELAXED) < 2)
		return false;
	return n >= s->limit || ((n & 15) == 0 && tool_now_ns() > s->deadline);
}

static void finish(struct share *s)
{
	s->end_ns = tool_now_ns();
	__atomic_store_n(s->stop, 1, __ATOMIC_RELEASE);
}

/* One word goes back and forth. */
static void ping_pong(int me, void *arg)
{
	struct share *s = arg;
	uint64_t n = 0;

	while (!over(s, n)) {
		while ((*s->a & 1) != (uint64_t)me)
			if (stopped(s))
				return;
			else
				tool_pause();
		*s->a = *s->a + 1;
		s->count[me] = ++n;
	}
	finish(s);
}

/* A ring of words: b counts what was written, a what was read. */
static void ring(int me, void *arg)
{
	struct share *s = arg;

	if (me == 0) {
		uint64_t n = 0;

		while (!over(s, n)) {
			while (n - *s->a >= RING)
				tool_pause();
			s->ring[n % RING] = n ^ 0x5bd1e995;
			*s->b = ++n;
		}
		finish(s);
		return;
	}
	for (bool told = false;;) {
		bool last = stopped(s);
		uint64_t have = *s->b, n = s->count[1];

		if (n == have && last)
			return;
		for (; n < have; n++)
			if (s->ring[n % RING] != (n ^ 0x5bd1e995))
				s->bad++;
		s->count[1] = n;
		*s->a = n;
		if (!told && n >= ENOUGH) {
			told = true;
			ready(s);
		}
	}
}

/* One writes now and then, the other reads all the time: values never go back. */
static void read_mostly(int me, void *arg)
{
	struct share *s = arg;
	uint64_t last = 0, changes = 0;

	if (me == 0) {
		for (uint64_t n = 0; !over(s, n); n++) {
			uint64_t next = tool_now_ns() + READ_MOSTLY_NS;

			*s->a = n + 1;
			while (tool_now_ns() < next)
				tool_pause();
		}
		s->count[0] = *s->a;
		finish(s);
		return;
	}
	while (!stopped(s)) {
		uint64_t now = *s->a;

		if (now < last)
			s->bad++;
		if (now != last && ++changes == ENOUGH_CHANGES)
			ready(s);
		last = now;
		s->count[1]++;
	}
}

/* Both count, each its own word, on one page (a) or on two (a, b). */
static void both_count(struct share *s, int me, volatile uint64_t *mine)
{
	uint64_t n = 0;

	while (!over(s, n) && !stopped(s)) {
		for (int i = 0; i < 16; i++)
			*mine = *mine + 1;
		n += 16;
	}
	s->count[me] = n;
	if (*mine != n)
		__atomic_fetch_add(&s->bad, 1, __ATOMIC_RELAXED);
	finish(s);
}

static void false_sharing(int me, void *arg)
{
	struct share *s = arg;

	both_count(s, me, s->a + me * 64);
}

static void no_sharing(int me, void *arg)
{
	struct share *s = arg;

	both_count(s, me, me ? s->b : s->a);
}

static void pattern(const char *name, void (*fn)(int me, void *arg), int counter, const int cpu[], uint64_t limit,
		    double seconds)
{
	static struct share s;
	uint8_t *area = tool_pages(8 * TOOL_PAGE);
	uint64_t start = tool_now_ns(), count;
	char rname[64];

	memset(&s, 0, sizeof(s));
	s.limit = limit;
	s.deadline = start + (uint64_t)(seconds * 1e9);
	s.a = (volatile uint64_t *)area;
	s.b = (volatile uint64_t *)(area + 2 * TOOL_PAGE);
	s.ring = (volatile uint64_t *)(area + 4 * TOOL_PAGE);
	s.stop = (uint32_t *)(area + 6 * TOOL_PAGE);
	s.ready = (uint32_t *)(area + 7 * TOOL_PAGE);
	tool_run(2, cpu, fn, &s);
	count = counter < 2 ? s.count[counter] : s.count[0] + s.count[1];
	snprintf(rname, sizeof(rname), "sharing_%s", name);
	tool_result(rname, (double)count * 1e9 / (double)(s.end_ns - start + 1), "1/s");
	if (s.bad)
		tool_fail(rname, "%llu wrong values", (unsigned long long)s.bad);
	else
		tool_pass(rname);
}

int sharing_main(int argc, char **argv)
{
	uint64_t limit = (uint64_t)tool_arg(argc, argv, "rounds", 100000);
	double seconds = tool_arg(argc, argv, "seconds", 0.2);
	struct topo t;
	int cpu[2];

	topo_read(&t);
	if (!topo_spread(&t, 2, cpu)) {
		tool_skip("sharing", "needs 2 CPUs, there are %d", t.cpus);
		return 0;
	}
	pattern("ping_pong", ping_pong, 0, cpu, limit, seconds);
	pattern("producer_consumer", ring, 1, cpu, limit, seconds);
	pattern("read_mostly", read_mostly, 1, cpu, limit, seconds);
	pattern("false_sharing", false_sharing, 2, cpu, limit, seconds);
	pattern("no_sharing", no_sharing, 2, cpu, limit, seconds);
	return 0;
}
