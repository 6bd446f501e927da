/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of the memory-ordering tests, and what each outcome means on x86 (Intel SDM volume 3,
 * 9.2.3: examples of the memory-ordering principles). No libc, no state: usable in any guest.
 *
 * A test has two locations x and y. In generation g a location is "new" if it holds g, else "old";
 * so nothing has to be reset between generations.
 */
#ifndef PANDO_LITMUS_CORE_H
#define PANDO_LITMUS_CORE_H

#include <stdbool.h>
#include <stdint.h>

enum litmus_kind {
	LITMUS_SB,       // store, then load the other: both may see old
	LITMUS_SB_FENCE, // with mfence between: they may not
	LITMUS_MP,       // x then y written; y then x read
	LITMUS_LB,       // load, then store the other: both may not see new
	LITMUS_CORR,     // two loads of one location
	LITMUS_IRIW,     // two writers, two readers that may not disagree about the order
	LITMUS_KINDS
};

enum litmus_verdict { LITMUS_PLAIN, LITMUS_RELAXED, LITMUS_FORBIDDEN };

struct litmus_shape {
	const char *name;
	uint32_t threads;
};

static const struct litmus_shape litmus_shapes[LITMUS_KINDS] = {
	[LITMUS_SB] = {"sb", 2}, [LITMUS_SB_FENCE] = {"sb_mfence", 2}, [LITMUS_MP] = {"mp", 2},
	[LITMUS_LB] = {"lb", 2}, [LITMUS_CORR] = {"corr", 2},          [LITMUS_IRIW] = {"iriw", 4},
};

#define LITMUS_SAW0 1u // the first load saw new
#define LITMUS_SAW1 2u // the second load did

static inline uint8_t litmus_two(const volatile uint64_t *a, const volatile uint64_t *b, uint64_t g)
{
	uint64_t first = *a, second = *b; // volatile: in this order

	return (uint8_t)((first == g ? LITMUS_SAW0 : 0) | (second == g ? LITMUS_SAW1 : 0));
}

static inline uint8_t litmus_one(const volatile uint64_t *a, uint64_t g)
{
	return *a == g ? LITMUS_SAW0 : 0;
}

/* What thread ME of the test does in generation G; what it saw. */
static inline uint8_t litmus_step(enum litmus_kind kind, uint32_t me, volatile uint64_t *x, volatile uint64_t *y,
				  uint64_t g)
{
	volatile uint64_t *mine = me & 1 ? y : x, *other = me & 1 ? x : y;
	uint8_t saw = 0;

	switch (kind) {
	case LITMUS_SB:
		*mine = g;
		return litmus_one(other, g);
	case LITMUS_SB_FENCE:
		*mine = g;
		__asm__ __volatile__("mfence" ::: "memory");
		return litmus_one(other, g);
	case LITMUS_MP:
		if (me == 1)
			return litmus_two(y, x, g);
		*x = g;
		*y = g;
		return 0;
	case LITMUS_LB:
		saw = litmus_one(mine, g);
		*other = g;
		return saw;
	case LITMUS_CORR:
		if (me == 1)
			return litmus_two(x, x, g);
		*x = g;
		return 0;
	case LITMUS_IRIW:
		if (me >= 2)
			return litmus_two(mine, other, g);
		*mine = g;
		return 0;
	case LITMUS_KINDS:
		break;
	}
	return 0;
}

/* What the threads saw together: SAW holds one entry a thread. */
static inline enum litmus_verdict litmus_judge(enum litmus_kind kind, const uint8_t saw[4])
{
	bool none = !(saw[0] & LITMUS_SAW0) && !(saw[1] & LITMUS_SAW0);
	bool both = (saw[0] & LITMUS_SAW0) && (saw[1] & LITMUS_SAW0);

	switch (kind) {
	case LITMUS_SB:
		return none ? LITMUS_RELAXED : LITMUS_PLAIN;
	case LITMUS_SB_FENCE:
		return none ? LITMUS_FORBIDDEN : LITMUS_PLAIN;
	case LITMUS_MP:
	case LITMUS_CORR: // new, then old
		return saw[1] == LITMUS_SAW0 ? LITMUS_FORBIDDEN : LITMUS_PLAIN;
	case LITMUS_LB:
		return both ? LITMUS_FORBIDDEN : LITMUS_PLAIN;
	case LITMUS_IRIW:
		return saw[2] == LITMUS_SAW0 && saw[3] == LITMUS_SAW0 ? LITMUS_FORBIDDEN : LITMUS_PLAIN;
	case LITMUS_KINDS:
		break;
	}
	return LITMUS_PLAIN;
}

#endif
