// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/life.h"

#include <string.h>

void life_begin(struct life *l, const struct life_sample *first)
{
	memset(l, 0, sizeof(*l));
	if (first)
		l->first = *first;
}

static bool sign_of_life(const struct life *l, const struct life_sample *s)
{
	const struct life_sample *first = &l->first;

	if (s->console_bytes != first->console_bytes || s->interrupts != first->interrupts)
		return true;
	/* Only an NMI ends a halt without interrupts: that is how kernels give up. */
	return s->halts != first->halts && (!s->halted || s->interrupts_on);
}

/* Has the vCPU done anything but go round, or had no chance to? */
static bool moved(const struct life *l, const struct life_sample *s)
{
	uint64_t low = s->rip < l->low ? s->rip : l->low, high = s->rip > l->high ? s->rip : l->high;
	const struct life_sample *last = &l->last;

	if (high - low >= LIFE_LOOP_BYTES || s->accesses != last->accesses || s->page_waits != last->page_waits)
		return true;
	return !s->halted && (s->cpu_ns - last->cpu_ns) * LIFE_CPU_SHARE < s->now_ns - last->now_ns;
}

/* The sample is news of the present stay, or begins another one. */
static void add(struct life *l, const struct life_sample *s)
{
	if (!l->n || s->held || l->last.held || moved(l, s)) {
		l->n = 1;
		l->since_ns = s->now_ns;
		l->low = l->high = s->rip;
	} else {
		l->n++;
		l->low = s->rip < l->low ? s->rip : l->low;
		l->high = s->rip > l->high ? s->rip : l->high;
	}
	l->last = *s;
}

enum life_news life_take(struct life *l, const struct life_sample *s)
{
	bool was = l->silent;

	if (l->alive)
		return LIFE_NOTHING;
	l->alive = sign_of_life(l, s);
	add(l, s);
	l->silent = !l->alive && l->n >= LIFE_SAMPLES_MIN && life_silent_ns(l) >= LIFE_SILENT_NS;
	if (was && !l->silent)
		return LIFE_AGAIN;
	if (!l->silent || l->told)
		return LIFE_NOTHING;
	l->told = true;
	return LIFE_SILENT;
}

uint64_t life_silent_ns(const struct life *l)
{
	return l->n && !l->alive ? l->last.now_ns - l->since_ns : 0;
}
