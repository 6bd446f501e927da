// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/cpu_time.h"

static uint64_t get(const uint64_t *v)
{
	return __atomic_load_n(v, __ATOMIC_SEQ_CST);
}

static void set(uint64_t *v, uint64_t to)
{
	__atomic_store_n(v, to, __ATOMIC_SEQ_CST);
}

void cpu_time_start(struct cpu_time *t, uint64_t now)
{
	set(&t->started, now);
}

void cpu_time_end(struct cpu_time *t, uint64_t now)
{
	set(&t->ended, now);
}

bool cpu_time_rest(struct cpu_time *t, uint64_t now)
{
	if (get(&t->since))
		return false;
	set(&t->since, now);
	return true;
}

void cpu_time_go(struct cpu_time *t, uint64_t now)
{
	uint64_t since = get(&t->since);

	set(&t->change, get(&t->change) + 1);
	set(&t->halted, get(&t->halted) + (now > since ? now - since : 0));
	set(&t->since, 0);
	set(&t->change, get(&t->change) + 1);
}

void cpu_time_waited(struct cpu_time *t, uint64_t ticks)
{
	__atomic_fetch_add(&t->page_wait, ticks, __ATOMIC_RELAXED);
}

static uint64_t rested(struct cpu_time *t, uint64_t now)
{
	uint64_t halted, since;
	uint64_t change;

	do {
		change = get(&t->change);
		halted = get(&t->halted);
		since = get(&t->since);
	} while ((change & 1) || get(&t->change) != change);
	return halted + (since && now > since ? now - since : 0);
}

struct cpu_time_shares cpu_time_get(struct cpu_time *t, uint64_t now)
{
	uint64_t started = get(&t->started), ended = get(&t->ended);
	uint64_t end = ended ? ended : now, total = started && end > started ? end - started : 0;
	struct cpu_time_shares s = {.halted = rested(t, end), .page_wait = get(&t->page_wait)};

	if (s.halted > total)
		s.halted = total;
	if (s.page_wait > total - s.halted)
		s.page_wait = total - s.halted;
	s.running = total - s.halted - s.page_wait;
	return s;
}
