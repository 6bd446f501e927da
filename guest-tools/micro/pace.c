// SPDX-License-Identifier: Apache-2.0
/*
 * How fast the guest works while something is done to it from outside: every vCPU adds to words of its own pages, and
 * now and then to those that all share; the first says every so often how far all of them are. Until an NMI comes.
 */
#include "guest-tools/micro/micro.h"

#define OWN    256u // pages of each vCPU
#define SHARED 16u
#define NMI    2u
#define MOST   60000ul // ms, unless ms= says otherwise: for what hangs
#define SAY_US 20000ul

struct pace {
	struct {
		volatile uint64_t rounds, shared;
	} __attribute__((aligned(4096))) v[VCPUS_MAX];
	volatile uint64_t *own[VCPUS_MAX];
	volatile uint64_t *common;
	uint64_t began, end;
	volatile uint64_t over;
};

static struct pace pace __attribute__((aligned(4096)));

/* All of its node's memory that nobody has: what is written is somewhere, and has to move. */
static void fill_job(uint32_t me, void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < mach.ranges_n; i++) {
		const struct range *r = &mach.range[i];
		uint64_t next = mach.next[mach.node[me]];

		if (r->node != mach.node[me])
			continue;
		for (uint64_t at = r->at > next ? r->at : next; at < r->end; at += PAGE)
			*(volatile uint64_t *)at = at;
	}
}

static void pace_say(void)
{
	uint64_t rounds = 0;

	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		rounds += pace.v[v].rounds;
	print("PACE %lu us %lu rounds\n", ticks_ns(tsc() - pace.began) / 1000, rounds);
}

static void pace_job(uint32_t me, void *arg)
{
	uint64_t seed = me + 1, next = pace.began + us_ticks(SAY_US);

	(void)arg;
	while (!pace.over) {
		for (uint32_t i = 0; i < 1000; i++)
			pace.own[me][rnd(&seed) % (OWN * PAGE / 8)] += 1;
		__atomic_fetch_add(&pace.common[rnd(&seed) % SHARED * (PAGE / 8)], 1, __ATOMIC_SEQ_CST);
		pace.v[me].shared++;
		pace.v[me].rounds++;
		if (me || tsc() < next)
			continue;
		pace_say();
		next += us_ticks(SAY_US);
		if (mach.vcpu[0]->counts[NMI] || tsc() > pace.end)
			pace.over = 1;
	}
}

static uint64_t sum(const volatile uint64_t *words, uint64_t n)
{
	uint64_t got = 0;

	while (n--)
		got += *words++;
	return got;
}

static void clear(volatile uint64_t *words, uint64_t n)
{
	while (n--)
		*words++ = 0;
}

/* The first vCPU is the one that an NMI reaches; the others are asleep. */
static void wait_for_nmi(void)
{
	while (!mach.vcpu[0]->counts[NMI])
		sys_call(SYS_IDLE, (uint64_t)&pace.over, 0);
}

static void pace_work(const char *name)
{
	uint64_t shared = 0, bad = 0;

	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		clear(pace.own[v], OWN * PAGE / 8);
		pace.v[v].rounds = pace.v[v].shared = 0;
	}
	clear(pace.common, SHARED * PAGE / 8);
	pace.over = 0;
	pace.began = tsc();
	pace.end = pace.began + us_ticks(option_u64("ms", MOST) * 1000);
	run_on(mach.vcpus_n, pace_job, NULL);
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		bad += sum(pace.own[v], OWN * PAGE / 8) != pace.v[v].rounds * 1000;
		shared += pace.v[v].shared;
	}
	bad += sum(pace.common, SHARED * PAGE / 8) != shared;
	if (bad)
		test_fail(name, "%lu sums are not what was added", bad);
	else
		test_pass(name);
}

static void pace_run(const char *name)
{
	if (!option("outside")) {
		test_skip(name, "nobody outside is announced");
		return;
	}
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		pace.own[v] = page_alloc(mach.node[v], OWN);
	pace.common = page_alloc(0, SHARED);
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		run_one(v, fill_job, NULL);
	nmi_unmask();
	print("PACE BEGINS\n");
	if (option("idle")) {
		wait_for_nmi();
		test_pass(name);
	} else {
		pace_work(name);
	}
}

const struct test pace_tests[] = {{"pace", pace_run}, {NULL, NULL}};
