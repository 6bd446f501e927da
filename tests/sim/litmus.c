// SPDX-License-Identifier: Apache-2.0
// Memory-ordering litmus tests, atomic increments and a spinlock, on vCPUs of different hosts.
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

static page_idx X, Y; // pages of the two variables, or of lock and counter
static uint64_t per_round;

#define LOAD(p, r)  ((struct op){.kind = OP_LOAD, .page = (p), .reg = (r)})
#define STORE(p, v) ((struct op){.kind = OP_STORE, .page = (p), .value = (v)})
#define FENCE       ((struct op){.kind = OP_FENCE})
#define END         ((struct op){.kind = OP_END})

/* A straight-line program: the pc-th of n operations, then the end. */
static struct op line(struct cpu *c, const struct op *ops, unsigned n)
{
	return c->pc < n ? ops[c->pc++] : END;
}
#define PROGRAM(name, ...)                                         \
	static struct op name(struct cpu *c)                       \
	{                                                          \
		struct op ops[] = {__VA_ARGS__};                   \
		return line(c, ops, sizeof(ops) / sizeof(ops[0])); \
	}
PROGRAM(sb0, STORE(X, c->round), LOAD(Y, 0))
PROGRAM(sb1, STORE(Y, c->round), LOAD(X, 0))
PROGRAM(sbf0, STORE(X, c->round), FENCE, LOAD(Y, 0))
PROGRAM(sbf1, STORE(Y, c->round), FENCE, LOAD(X, 0))
PROGRAM(mp0, STORE(X, c->round), STORE(Y, c->round))
PROGRAM(mp1, LOAD(Y, 0), LOAD(X, 1))
PROGRAM(lb0, LOAD(X, 0), STORE(Y, c->round))
PROGRAM(lb1, LOAD(Y, 0), STORE(X, c->round))
PROGRAM(wr_x, STORE(X, c->round))
PROGRAM(wr_y, STORE(Y, c->round))
PROGRAM(rd_xx, LOAD(X, 0), LOAD(X, 1))
PROGRAM(rd_xy, LOAD(X, 0), LOAD(Y, 1))
PROGRAM(rd_yx, LOAD(Y, 0), LOAD(X, 1))

static bool saw(struct sim *s, unsigned cpu, unsigned reg)
{
	return sim_cpu(s, cpu)->reg[reg] == sim_cpu(s, cpu)->round;
}
static bool both_old(struct sim *s)
{
	return !saw(s, 0, 0) && !saw(s, 1, 0);
}
static bool mp_bad(struct sim *s)
{
	return saw(s, 1, 0) && !saw(s, 1, 1);
}
static bool lb_bad(struct sim *s)
{
	return saw(s, 0, 0) && saw(s, 1, 0);
}
static bool iriw_bad(struct sim *s)
{
	return saw(s, 2, 0) && !saw(s, 2, 1) && saw(s, 3, 0) && !saw(s, 3, 1);
}

/* Adds 1 to the counter per_round times. */
static struct op incrementer(struct cpu *c)
{
	if (c->pc == per_round)
		return END;
	c->pc++;
	return (struct op){.kind = OP_ADD, .page = X, .value = 1};
}

/* One pass through the lock at X around counter = counter + 1 at Y, with plain loads and stores. */
static struct op locker(struct cpu *c)
{
	switch (c->pc++) {
	case 0:
		return (struct op){.kind = OP_XCHG, .page = X, .value = 1, .reg = 0};
	case 1:
		if (!c->reg[0])
			return LOAD(Y, 1);
		c->pc = 0;
		return (struct op){.kind = OP_PAUSE};
	case 2:
		return STORE(Y, c->reg[1] + 1);
	case 3:
		return STORE(X, 0);
	}
	return END;
}

struct litmus {
	const char *name;
	unsigned cpus;
	program_fn *program[4];
	bool (*forbidden)(struct sim *s);
	bool allowed; // the outcome is allowed: it is counted and must turn up
	uint64_t per_round;
	uint64_t rounds;
};

#define MILLION 1000000u
static const struct litmus tests[] = {
	{"SB_fence", 2, {sbf0, sbf1}, both_old, false, 0, MILLION},
	{"SB", 2, {sb0, sb1}, both_old, true, 0, MILLION},
	{"MP", 2, {mp0, mp1}, mp_bad, false, 0, MILLION},
	{"LB", 2, {lb0, lb1}, lb_bad, false, 0, MILLION},
	{"CoRR", 2, {wr_x, rd_xx}, mp_bad, false, 0, MILLION},
	{"IRIW", 4, {wr_x, wr_y, rd_xy, rd_yx}, iriw_bad, false, 0, MILLION},
	{"increments", 3, {incrementer, incrementer, incrementer}, NULL, false, 4, MILLION / 8},
	{"spinlock", 3, {locker, locker, locker}, NULL, false, 1, MILLION / 3 + 1},
};

#define SEEDS 25u

/* A cluster chosen by the seed. */
static struct sim *cluster(uint64_t seed, const struct litmus *t)
{
	static const uint64_t delays[] = {2000, 10000, 40000};
	unsigned hosts = t->cpus < 3 ? 2 + (unsigned)seed % 3 : t->cpus + (unsigned)seed % 2;
	struct sim_config c = {.seed = seed,
			       .hosts = hosts,
			       .cpus = t->cpus,
			       .pages = 4 * hosts,
			       .delay_ns = delays[seed % 3],
			       .hold_ns = 2000 + seed % 4 * 3000, // without a hold a spinning vCPU may never win
			       .zero_run = 1 + (unsigned)seed % 3,
			       .migratory = (unsigned)(seed % 4 == 3 ? COH_MIGRATORY_ALL : seed % 4),
			       .queue_max = 64,
			       .requests_max = 16,
			       .dup_percent = seed % 5 ? 0 : 10,
			       .ran_percent = (unsigned)seed % 2 * 100,
			       .fault_limit_ns = 20000000};
	struct sim *s = sim_open(&c);
	X = sim_random(s, c.pages);
	do
		Y = sim_random(s, c.pages);
	while (Y == X);
	return s;
}

struct seen {
	uint64_t hits;     // of the outcome in question
	uint64_t steps;    // of engines
	bool outcome[256]; // which combinations of new and old values were read at all
};

static void note_outcome(struct sim *s, unsigned cpus, struct seen *seen)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < cpus; i++)
		mask |= (unsigned)(saw(s, i, 0) | saw(s, i, 1) << 1) << (2 * i);
	seen->outcome[mask] = true;
}

static unsigned outcomes(const struct seen *seen)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 256; i++)
		n += seen->outcome[i];
	return n;
}

/* Counts what must add up: every increment, every pass through the lock. */
static const char *counted(struct sim *s, const struct litmus *t, uint64_t rounds)
{
	if (t->program[0] == incrementer && sim_peek(s, X, 0) != rounds * t->cpus * t->per_round)
		return "increments were lost";
	if (t->program[0] == locker && sim_peek(s, Y, 0) != rounds * t->cpus)
		return "the lock did not exclude";
	return NULL;
}

static const char *run_seed(const struct litmus *t, uint64_t seed, uint64_t rounds, struct seen *seen)
{
	struct sim *s = cluster(seed, t);
	const char *wrong = NULL;

	per_round = t->per_round;
	for (uint64_t n = 1; n <= rounds && !wrong; n++) {
		for (unsigned i = 0; i < t->cpus; i++) {
			struct cpu *c = sim_cpu(s, i);
			c->program = t->program[i];
			c->round = n;
			memset(c->reg, 0, sizeof(c->reg));
			sim_start(s, c, 1 + sim_random(s, n % 2 ? 200 : 30000));
		}
		wrong = sim_run(s, UINT64_MAX);
		if (t->forbidden)
			note_outcome(s, t->cpus, seen);
		if (wrong || !t->forbidden || !t->forbidden(s))
			continue;
		seen->hits++;
		if (!t->allowed)
			wrong = "forbidden outcome";
	}
	if (!wrong)
		wrong = counted(s, t, rounds);
	if (!wrong)
		wrong = sim_settle(s);
	seen->steps += sim_steps(s);
	sim_close(s);
	return wrong;
}

static bool run_test(const struct args *a, const struct litmus *t)
{
	char name[64];
	uint64_t rounds = (uint64_t)((double)t->rounds * a->scale / SEEDS) + 1;
	struct seen seen = {0};

	snprintf(name, sizeof(name), "litmus.%s", t->name);
	if (!wanted(a, name))
		return true;
	for (uint64_t i = 0; i < (a->seed ? 1 : SEEDS); i++) {
		uint64_t seed = a->seed ? a->seed : 100 + i;
		const char *wrong = run_seed(t, seed, rounds, &seen);
		if (wrong) {
			failed(name, seed, wrong);
			return false;
		}
	}
	if (t->allowed && !seen.hits) {
		failed(name, a->seed ? a->seed : 100, "the store buffer never showed: the test sees nothing");
		return false;
	}
	if (t->forbidden && outcomes(&seen) < 3) {
		failed(name, a->seed ? a->seed : 100, "the rounds hardly overlap: the test sees nothing");
		return false;
	}
	printf("PASS sim.%s (%lu rounds, %lu forbidden, %lu relaxed, %u different outcomes, %lu "
	       "steps)\n",
	       name, rounds * (a->seed ? 1 : SEEDS) * (t->forbidden ? 1 : t->cpus * t->per_round),
	       t->allowed ? 0 : seen.hits, t->allowed ? seen.hits : 0, outcomes(&seen), seen.steps);
	fflush(stdout);
	return true;
}

bool litmus_all(const struct args *a)
{
	bool good = true;

	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		good &= run_test(a, &tests[i]);
	return good;
}
