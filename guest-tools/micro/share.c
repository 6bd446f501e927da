// SPDX-License-Identifier: Apache-2.0
/* Sharing patterns: how memory behaves, and how fast, when vCPUs on several hosts use the same
 * pages. */
#include "guest-tools/micro/micro.h"

#define WORDS   (PAGE / 8u)
#define RING    64u
#define TORN    ~0ull
#define OVER    (~0ull - 1)
#define HANG    20000u // ms: only then is what does not happen taken for a hang
#define CHANGES 100u   // of the page that is mostly read, seen by each reader

struct share {
	uint32_t n;
	uint64_t want, least, end; // rounds wanted of each; from the TSC on that is end, so many are enough
	volatile uint64_t *a, *b, *c;
	job_fn *fn;
	struct meet meet;
	struct {
		uint64_t done, bad;
	} __attribute__((aligned(4096))) v[VCPUS_MAX];
};

static struct share s;

static bool more(uint32_t me, uint64_t i)
{
	(void)me;
	return i < s.want && (i < s.least || (i & 15) || tsc() < s.end);
}

static void together_job(uint32_t me, void *arg)
{
	wait_until(meet_at(&s.meet, me, 1, false));
	s.fn(me, arg);
}

/*
 * Starts the job on n vCPUs at one TSC tick and returns the ticks it took. Each does WANT rounds, or on a slow machine
 * what it can in the time (ms=), and a twentieth of them in any case: a test judges what happened, not how fast.
 */
static uint64_t share_go(uint32_t n, job_fn *fn, uint64_t want)
{
	uint64_t t = tsc();

	s.n = n;
	s.want = want;
	s.fn = fn;
	meet_init(&s.meet, n);
	for (uint32_t v = 0; v < n; v++)
		s.v[v].done = s.v[v].bad = 0;
	s.least = want / 20 + 1;
	s.end = t + us_ticks(option_u64("ms", 20000) * 1000);
	run_on(n, together_job, NULL);
	return tsc() - t;
}

static uint64_t sum_done(void)
{
	uint64_t sum = 0;

	for (uint32_t v = 0; v < s.n; v++)
		sum += s.v[v].done;
	return sum;
}

static uint64_t sum_bad(void)
{
	uint64_t sum = 0;

	for (uint32_t v = 0; v < s.n; v++)
		sum += s.v[v].bad;
	return sum;
}

/* DONE: rounds of all, or of the slowest. */
static void verdict(const char *name, uint64_t bad, uint64_t done)
{
	if (bad)
		test_fail(name, "%lu wrong values in %lu rounds", bad, done);
	else if (done < s.least)
		test_fail(name, "a hang after %lu of %lu rounds", done, s.want);
	else
		test_pass(name);
}

static volatile uint64_t *clean(uint32_t node, uint32_t pages)
{
	volatile uint64_t *p = page_alloc(node, pages);

	for (uint32_t i = 0; i < pages * WORDS; i++)
		p[i] = 0;
	return p;
}

// ---- one word handed to and fro
// -------------------------------------------------------------------------------
static void pingpong_job(uint32_t me, void *arg)
{
	uint64_t i = 0;

	(void)arg;
	for (; i < s.want; i++) {
		if (!wait_word(s.a, 2 * i + me, HANG) || *s.a == OVER)
			break;
		if (!more(me, i)) { // it has the word now: the other cannot overwrite this
			*s.a = OVER;
			break;
		}
		if (*s.a != 2 * i + me)
			s.v[me].bad++;
		*s.a = 2 * i + me + 1;
	}
	s.v[me].done = i;
}

static void pingpong_run(const char *name)
{
	uint64_t n = option_u64("handoffs", 4000) / 2, t;
	uint32_t far = vcpu_far();

	if (mach.vcpus_n < 2 || far > 1) {
		test_skip(name, "vCPUs 0 and 1 are not on two nodes");
		return;
	}
	s.a = clean(mach.node[1], 1);
	t = share_go(2, pingpong_job, n);
	result("pingpong_guest", ticks_ns(t / (sum_done() + 1)), "us");
	verdict(name, sum_bad() + (s.v[0].done == n && s.v[1].done == n && *s.a != 2 * n), s.v[0].done);
}

// ---- counters: locked add, test-and-set lock, ticket lock
// ------------------------------------------------------------
static void atomic_job(uint32_t me, void *arg)
{
	uint64_t i = 0;

	(void)arg;
	for (; more(me, i); i++)
		__atomic_fetch_add(s.a, 1, __ATOMIC_SEQ_CST);
	s.v[me].done = i;
}

static void spin_job(uint32_t me, void *arg)
{
	uint64_t i = 0;

	(void)arg;
	for (; more(me, i); i++) {
		while (__atomic_exchange_n(s.a, 1, __ATOMIC_ACQUIRE))
			while (*s.a)
				relax();
		*s.b = *s.b + 1; // the lock alone protects it
		__atomic_store_n(s.a, 0, __ATOMIC_RELEASE);
	}
	s.v[me].done = i;
}

static void ticket_job(uint32_t me, void *arg)
{
	uint64_t i = 0;

	(void)arg;
	for (; more(me, i); i++) {
		uint64_t mine = __atomic_fetch_add(&s.a[0], 1, __ATOMIC_SEQ_CST);

		while (s.a[1] != mine)
			relax();
		*s.b = *s.b + 1;
		__atomic_store_n(&s.a[1], mine + 1, __ATOMIC_RELEASE);
	}
	s.v[me].done = i;
}

static void counter(const char *name, job_fn *fn, uint64_t rounds, bool own_word)
{
	uint64_t t, done, got;

	s.a = clean(mach.node[0], 1);
	s.b = clean(mach.nodes_n - 1, 1);
	t = share_go(mach.vcpus_n, fn, rounds / mach.vcpus_n + 1);
	done = sum_done();
	got = own_word ? *s.a : *s.b;
	print("RESULT %s_rounds %lu rounds\nRESULT %s_rate %lu 1/s\n", name, done, name,
	      done * 1000000 / (ticks_ns(t) / 1000 + 1));
	verdict(name, got > done ? got - done : done - got, done);
}

static void atomic_run(const char *name)
{
	counter(name, atomic_job, option_u64("rounds", 100000), true);
}

static void spin_run(const char *name)
{
	counter(name, spin_job, option_u64("rounds", 100000), false);
}

static void ticket_run(const char *name)
{
	counter(name, ticket_job, option_u64("tickets", 10000), false);
}

// ---- producer and consumer
// ---------------------------------------------------------------------------------------------
static void ring_job(uint32_t me, void *arg)
{
	volatile uint64_t *head = s.b, *tail = s.c;
	uint64_t i = 0;

	(void)arg;
	for (; i < s.want; i++) {
		volatile uint64_t *slot = s.a + i % RING * 8;

		if (me == 0) {
			if (!more(0, i)) {
				*head = OVER;
				break;
			}
			if (i >= RING && !wait_word(tail, i - RING + 1, HANG))
				break;
			for (uint32_t k = 0; k < 8; k++)
				slot[k] = i * 8 + k;
			*head = i + 1;
		} else {
			if (!wait_word(head, i + 1, HANG) || *head == OVER)
				break;
			for (uint32_t k = 0; k < 8; k++)
				s.v[me].bad += slot[k] != i * 8 + k;
			*tail = i + 1;
		}
	}
	s.v[me].done = i;
}

static void ring_run(const char *name)
{
	uint64_t n = option_u64("messages", 20000), t;

	if (mach.vcpus_n < 2) {
		test_skip(name, "one vCPU only");
		return;
	}
	s.a = clean(mach.node[0], 1);
	s.b = clean(mach.node[0], 1);
	s.c = clean(mach.node[1], 1);
	t = share_go(2, ring_job, n);
	print("RESULT ring_guest %lu messages/s\n", s.v[1].done * 1000000 / (ticks_ns(t) / 1000 + 1));
	verdict(name, sum_bad(), s.v[1].done);
}

// ---- read mostly: one writer now and then, all others read; versions never go back
// -----------------------------------------
static void readmostly_job(uint32_t me, void *arg)
{
	uint64_t i = 0, last = 0, changes = 0, hang = s.end + us_ticks(HANG * 1000);

	(void)arg;
	// The writer goes on until every reader has seen enough (s.b counts those); that stops the readers.
	for (; *s.c == 0; i++) {
		if (me == 0) {
			for (uint32_t k = 0; k < WORDS; k++)
				s.a[k] = i + 1;
			wait_until(tsc() + us_ticks(1000));
			if ((i + 1 >= s.want && *s.b == s.n - 1) || tsc() > hang)
				*s.c = 1;
			continue;
		}
		uint64_t low = s.a[WORDS - 1],
			 high = s.a[0]; // written first to last: word 0 is never behind

		s.v[me].bad += high < low || low < last;
		if (low != last && ++changes == s.want)
			__atomic_fetch_add(s.b, 1, __ATOMIC_SEQ_CST);
		last = low;
	}
	s.v[me].done = me ? changes : i;
}

static void readmostly_run(const char *name)
{
	uint64_t seen = ~0ull;

	s.a = clean(mach.node[0], 1);
	s.b = clean(mach.node[0], 1);
	s.c = clean(mach.node[0], 1);
	share_go(mach.vcpus_n, readmostly_job, CHANGES);
	for (uint32_t v = 0; v < s.n; v++)
		seen = s.v[v].done < seen ? s.v[v].done : seen;
	print("readmostly writes %lu, the slowest reader saw %lu of them\n", s.v[0].done, seen);
	verdict(name, sum_bad(), seen);
}

// ---- false sharing: every vCPU counts in its own word of one page
// ------------------------------------------------------------
static void false_job(uint32_t me, void *arg)
{
	uint64_t i = 0;

	(void)arg;
	for (; more(me, i); i++)
		s.a[me * 8] = s.a[me * 8] + 1;
	s.v[me].done = i;
}

static void false_run(const char *name)
{
	uint64_t want = option_u64("increments", 1000000), bad = 0, t;

	s.a = clean(mach.node[0], 1);
	t = share_go(mach.vcpus_n, false_job, want);
	for (uint32_t v = 0; v < s.n; v++)
		bad += s.a[v * 8] != s.v[v].done;
	print("RESULT falseshare_guest %lu increments/s\n", sum_done() * 1000000 / (ticks_ns(t) / 1000 + 1));
	verdict(name, bad, sum_done());
}

// ---- migratory: an object of four pages travels under a ticket lock
// ---------------------------------------------------------------
static void migratory_job(uint32_t me, void *arg)
{
	uint64_t i = 0;

	(void)arg;
	for (; more(me, i); i++) {
		uint64_t mine = __atomic_fetch_add(&s.a[0], 1, __ATOMIC_SEQ_CST);

		while (s.a[1] != mine)
			relax();
		for (uint32_t k = 0; k < 4 * WORDS; k++) {
			s.v[me].bad += s.b[k] != mine;
			s.b[k] = mine + 1;
		}
		__atomic_store_n(&s.a[1], mine + 1, __ATOMIC_RELEASE);
	}
	s.v[me].done = i;
}

static void migratory_run(const char *name)
{
	uint64_t want = option_u64("moves", 1000), t;

	s.a = clean(mach.node[0], 1);
	s.b = clean(mach.nodes_n - 1, 4);
	t = share_go(mach.vcpus_n, migratory_job, want / mach.vcpus_n + 1);
	result("migratory_guest", ticks_ns(t / sum_done()), "us");
	verdict(name, sum_bad(), sum_done());
}

const struct test share_tests[] = {
	{"pingpong", pingpong_run}, {"atomic", atomic_run},       {"spinlock", spin_run},
	{"ticket", ticket_run},     {"ring", ring_run},           {"readmostly", readmostly_run},
	{"falseshare", false_run},  {"migratory", migratory_run}, {NULL, NULL},
};
