// SPDX-License-Identifier: Apache-2.0
/*
 * The watchdog of an IB700 board, which Linux drives (drivers/watchdog/ib700wdt.c): once it is started, a guest that
 * does not start it again in time is reset. Pure. A write to one port starts it: the lower four bits of the value say
 * how long, in steps of two seconds from 0 (30 s) to 15 (at once); a write to the other one stops it. Nothing is read.
 */
#include "vmm/dev/pc.h"

enum { STOP, START };

#define LONGEST_S 30u
#define STEP_S    2u

struct watchdog {
	uint64_t bites_ns; // guest time, CHIP_NEVER: it is not started
};

static void power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	struct watchdog *w = state;

	(void)now_ns;
	(void)unix_s;
	(void)fx;
	w->bites_ns = CHIP_NEVER;
}

static int access_port(void *state, struct device_access *a, struct device_fx *fx)
{
	struct watchdog *w = state;

	(void)fx;
	if (a->write && a->range == STOP)
		w->bites_ns = CHIP_NEVER;
	else if (a->write)
		w->bites_ns = chip_add_sat(a->now_ns, (LONGEST_S - STEP_S * (uint64_t)(a->value & 15)) * CHIP_NS_PER_S);
	return 0;
}

static bool run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	struct watchdog *w = state;

	(void)rises;
	if (now_ns >= w->bites_ns) {
		w->bites_ns = CHIP_NEVER;
		fx->flags |= DEVICE_FX_RESET;
		fx->why = "the watchdog was not fed";
	}
	return false;
}

static uint64_t due(const void *state)
{
	return ((const struct watchdog *)state)->bites_ns;
}

static void walk(struct fields *f, void *state)
{
	FIELD(f, ((struct watchdog *)state)->bites_ns);
}

static bool good(const void *state)
{
	(void)state; // any time is one
	return true;
}

const struct device_ops watchdog_ops = {
	.bytes = sizeof(struct watchdog),
	.bytewise = true,
	.reset = power_on,
	.access = access_port,
	.run = run,
	.deadline = due,
	.fields = walk,
	.valid = good,
};
