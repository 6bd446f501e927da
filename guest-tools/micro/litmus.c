// SPDX-License-Identifier: Apache-2.0
/*
 * Memory-ordering litmus tests. A block is SLOTS rounds over as many locations of two pages; all
 * vCPUs start it at one TSC tick and walk it at speeds chosen at random, so that pages move in the
 * middle of it. A location's value in block g is g (old: anything else), so nothing is reset
 * between blocks. Outcomes are counted by the first vCPU from the bits the others wrote down; a
 * round in which some vCPU was held up (a page moved) is counted too.
 */
#include "guest-tools/micro/micro.h"

#define SLOTS   256u // 16 bytes apart: x and y may share a page
#define HELD_NS 1500u
#define SAW0    1u
#define SAW1    2u
#define HELD    4u

enum shape { SB_FENCE, SB, MP, LB, CORR, S, WRC, IRIW };

static const struct {
	const char *name;
	uint32_t vcpus;
	bool may; // allowed on x86, only counted
} shapes[] = {
	[SB_FENCE] = {"sb_fence", 2, false},
	[SB] = {"sb", 2, true},
	[MP] = {"mp", 2, false},
	[LB] = {"lb", 2, false},
	[CORR] = {"corr", 2, false},
	[S] = {"s", 2, false},
	[WRC] = {"wrc", 3, false},
	[IRIW] = {"iriw", 4, false},
};

struct litmus {
	enum shape shape;
	bool swap; // vCPUs 1 and 2 change roles: the two writers of IRIW on two hosts of two
	struct meet meet;
	volatile uint64_t *x, *y;         // 2 words a slot
	volatile uint8_t *saw[4];         // SLOTS bytes for every vCPU, on its own page
	uint64_t rounds, least, deadline; // wanted, and how many are enough after the deadline
	// written by the first vCPU only, away from what all of them read
	uint64_t done __attribute__((aligned(4096))), bad, held, moves;
	uint64_t seen[16]; // histogram of outcomes
};

static inline uint8_t one(volatile uint64_t *a, volatile uint64_t *b, uint64_t g)
{
	uint64_t r0 = *a, r1 = *b; // in this order: volatile

	return (uint8_t)((r0 == g ? SAW0 : 0) | (r1 == g ? SAW1 : 0));
}

static inline uint8_t step(enum shape shape, uint32_t me, volatile uint64_t *x, volatile uint64_t *y, uint64_t g)
{
	uint8_t saw = 0;

	switch (shape) {
	case SB_FENCE:
	case SB:
		*(me ? y : x) = g;
		if (shape == SB_FENCE)
			fence();
		saw = *(me ? x : y) == g ? SAW0 : 0;
		break;
	case MP:
		if (me == 0)
			*x = g, *y = g;
		else
			saw = one(y, x, g);
		break;
	case LB:
		saw = *(me ? y : x) == g ? SAW0 : 0;
		*(me ? x : y) = g;
		break;
	case CORR:
		if (me == 0)
			*x = g;
		else
			saw = one(x, x, g);
		break;
	case S: // W x=old+2 ; W y  ||  R y ; W x: if y was seen, the reader's x must win; judged by
		// x at the end
		if (me == 0)
			*x = g, *y = g;
		else if (*y == g)
			saw = SAW0, *x = ~g;
		break;
	case WRC:
		if (me == 0) {
			*x = g;
		} else if (me == 1) {
			saw = *x == g ? SAW0 : 0;
			if (saw)
				*y = g;
		} else {
			saw = one(y, x, g);
		}
		break;
	case IRIW:
		if (me < 2)
			*(me ? y : x) = g;
		else
			saw = me == 2 ? one(x, y, g) : one(y, x, g);
		break;
	}
	return saw;
}

static bool forbidden(const struct litmus *l, uint32_t i, uint64_t g, uint8_t *outcome)
{
	uint8_t a = l->saw[0][i], b = l->saw[1][i];
	uint8_t c = shapes[l->shape].vcpus > 2 ? l->saw[2][i] : 0;
	uint8_t d = shapes[l->shape].vcpus > 3 ? l->saw[3][i] : 0;

	switch (l->shape) {
	case SB_FENCE:
	case SB:
		*outcome = (a & SAW0) | (b & SAW0) << 1;
		return *outcome == 0;
	case LB:
		*outcome = (a & SAW0) | (b & SAW0) << 1;
		return *outcome == 3;
	case MP:
	case CORR:
		*outcome = b & 3;
		return *outcome == SAW0;
	case S:
		*outcome = b & SAW0;
		return (b & SAW0) && l->x[2 * i] != ~g;
	case WRC:
		*outcome = (uint8_t)((b & SAW0) | (c & 3) << 1);
		return *outcome == 3; // b saw x; c saw y and not x
	case IRIW:
		*outcome = (uint8_t)((c & 3) | (d & 3) << 2);
		return *outcome == (SAW0 | SAW0 << 2);
	}
	return false;
}

static void judge(struct litmus *l, uint64_t g)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint8_t outcome = 0, held = 0;

		l->bad += forbidden(l, i, g, &outcome);
		l->seen[outcome & 15]++;
		for (uint32_t v = 0; v < l->meet.n; v++)
			held |= l->saw[v][i] & HELD, l->moves += (l->saw[v][i] & HELD) != 0;
		l->held += held != 0;
	}
	l->done += SLOTS;
}

static inline void block(struct litmus *l, uint32_t me, uint64_t g, uint64_t start, uint32_t pace, enum shape shape)
{
	uint64_t slow = us_ticks(HELD_NS) / 1000, t;

	for (uint32_t i = 0; i < SLOTS; i++) {
		wait_until(start); // all at once, unless one is late: then it catches up
		start += pace;
		t = tsc();
		uint8_t saw = step(shape, me, l->x + 2 * i, l->y + 2 * i, g);

		l->saw[me][i] = saw | (tsc() - t > slow ? HELD : 0);
	}
}

static void litmus_job(uint32_t me, void *arg)
{
	struct litmus *l = arg;
	uint64_t seed = tsc() | 1;
	uint32_t role = l->swap && (me == 1 || me == 2) ? 3 - me : me;
	static const uint16_t paces[8] = {50, 100, 150, 200, 300, 500, 1000, 3000};

	for (uint64_t g = 1;; g++) {
		bool stop = me == 0 && (l->done >= l->rounds || (l->done >= l->least && tsc() > l->deadline));
		uint64_t start = meet_at(&l->meet, me, g, stop);
		uint32_t pace = paces[g & 7];

		if (!start)
			return;
		start += rnd(&seed) & 3 ? rnd(&seed) & 127 : rnd(&seed) % us_ticks(60);
		switch (l->shape) { // constant shapes, so that each loop is compiled for its own
#define SHAPE(s)                                        \
	case s:                                         \
		block(l, role, g << 8, start, pace, s); \
		break;
			SHAPE(SB_FENCE)
			SHAPE(SB) SHAPE(MP) SHAPE(LB) SHAPE(CORR) SHAPE(S) SHAPE(WRC) SHAPE(IRIW)
		}
		if (me == 0) { // all have finished g when they come to the next meeting's number
			for (uint32_t v = 1; v < l->meet.n; v++)
				while (l->meet.seat[v]->word < g)
					relax();
			judge(l, g << 8);
		} else {
			l->meet.seat[me]->word = g;
		}
	}
}

/* x and y on node a and b's memory; a == b: the same page. */
static void litmus_on(struct litmus *l, enum shape shape, uint32_t a, uint32_t b, uint64_t rounds, uint64_t ms)
{
	uint32_t n = shapes[shape].vcpus;

	page_reset();
	meet_init(&l->meet, n);
	for (uint32_t v = 0; v < n; v++)
		l->saw[v] = page_alloc(mach.node[v], 1), l->meet.seat[v]->word = 0;
	l->shape = shape;
	l->swap = n == 4 && a != mach.node[0];
	l->x = page_alloc(a, 1);
	l->y = a == b ? l->x + 1 : page_alloc(b, 1);
	for (uint32_t i = 0; i < SLOTS; i++)
		l->x[2 * i] = l->y[2 * i] = 0;
	l->rounds += rounds;
	l->least = l->done + rounds / 10;
	l->deadline = tsc() + us_ticks(ms * 1000);
	run_on(n, litmus_job, l);
}

static void litmus_run(enum shape shape)
{
	static struct litmus l;
	uint64_t rounds = option_u64("rounds", 100000), ms = option_u64("ms", 60000), t = tsc();
	uint32_t last = mach.node[shapes[shape].vcpus - 1], third = mach.nodes_n - 1;
	const char *name = shapes[shape].name;

	if (mach.vcpus_n < shapes[shape].vcpus) {
		test_skip(name, "too few vCPUs");
		return;
	}
	l.rounds = l.done = l.bad = l.held = l.moves = 0;
	for (uint32_t i = 0; i < 16; i++)
		l.seen[i] = 0;
	litmus_on(&l, shape, mach.node[0], last, rounds * 2 / 5, ms * 2 / 5);
	litmus_on(&l, shape, last, mach.node[0], rounds * 2 / 5, ms * 2 / 5);
	litmus_on(&l, shape, third, third, rounds - 2 * (rounds * 2 / 5), ms / 5);
	t = tsc() - t;
	print("litmus %s rounds %lu %s %lu held_up %lu page_waits %lu ms %lu outcomes", name, l.done,
	      shapes[shape].may ? "relaxed" : "forbidden", l.bad, l.held, l.moves, ticks_ns(t) / 1000000);
	for (uint32_t i = 0; i < 16; i++)
		if (l.seen[i])
			print(" %x:%lu", i, l.seen[i]);
	print("\n");
	print("RESULT litmus_%s_rounds %lu rounds\n", name, l.done);
	if (l.bad && !shapes[shape].may)
		test_fail(name, "%lu forbidden outcomes in %lu rounds", l.bad, l.done);
	else
		test_pass(name);
}

#define RUN(fn, s)                       \
	static void fn(const char *name) \
	{                                \
		(void)name;              \
		litmus_run(s);           \
	}
RUN(run_sb_fence, SB_FENCE)
RUN(run_sb, SB)
RUN(run_mp, MP)
RUN(run_lb, LB)
RUN(run_corr, CORR)
RUN(run_s, S)
RUN(run_wrc, WRC)
RUN(run_iriw, IRIW)

const struct test litmus_tests[] = {
	{"sb_fence", run_sb_fence},
	{"sb", run_sb},
	{"mp", run_mp},
	{"lb", run_lb},
	{"corr", run_corr},
	{"s", run_s},
	{"wrc", run_wrc},
	{"iriw", run_iriw},
	{NULL, NULL},
};
