// SPDX-License-Identifier: Apache-2.0
/*
 * The local APIC timer (SDM vol. 3, 10.5.4). The count is never stepped: expiry_ns is when it
 * reaches 0, and the current count follows from the time that is left. One bus tick is one guest
 * nanosecond, so no rounding happens.
 */
#include "vmm/chip/lapic_priv.h"

_Static_assert(LAPIC_BUS_HZ == CHIP_NS_PER_S, "ticks are taken for nanoseconds below");

/* Bus ticks per count: 000 is 2, 001 is 4 ... 110 is 128, 111 is 1. */
static uint64_t divisor(const struct lapic *l)
{
	unsigned code = (l->divide & 3) | (l->divide & 8) >> 1;

	return 1ull << ((code + 1) & 7);
}

static bool in_tsc_mode(const struct lapic *l)
{
	return (l->lvt[LAPIC_LVT_TIMER] & LVT_TIMER_MODE) == LVT_TSC_DEADLINE;
}

static bool is_periodic(const struct lapic *l)
{
	return (l->lvt[LAPIC_LVT_TIMER] & LVT_TIMER_MODE) == LVT_PERIODIC;
}

static bool is_masked(const struct lapic *l)
{
	return l->lvt[LAPIC_LVT_TIMER] & LVT_MASKED;
}

static uint64_t period_ns(const struct lapic *l)
{
	uint64_t p = l->initial * divisor(l);

	return p < LAPIC_PERIOD_NS_MIN ? LAPIC_PERIOD_NS_MIN : p;
}

/* Moves the expiry of a periodic count past now; returns how many periods ended. */
static uint64_t skip_periods(struct lapic *l, uint64_t now_ns)
{
	uint64_t period = period_ns(l);
	uint64_t n = (now_ns - l->expiry_ns) / period + 1;

	/* Overflows only at the end of time, centuries ahead; then the timer stops. */
	if (__builtin_mul_overflow(n, period, &period) || __builtin_add_overflow(l->expiry_ns, period, &l->expiry_ns))
		l->expiry_ns = CHIP_NEVER;
	return n;
}

/* Ends what is over at now. Returns true if the timer fired, masked or not. */
static bool catch_up(struct lapic *l, struct lapic_now now)
{
	if (l->tsc_deadline && now.tsc >= l->tsc_deadline) {
		l->tsc_deadline = 0;
		return true;
	}
	if (l->expiry_ns == CHIP_NEVER || now.ns < l->expiry_ns)
		return false;
	if (is_periodic(l))
		l->missed += skip_periods(l, now.ns) - 1;
	else
		l->expiry_ns = CHIP_NEVER;
	return true;
}

static void fire(struct lapic *l, struct lapic_now now, struct lapic_fx *fx)
{
	if (!catch_up(l, now))
		return;
	fx->flags |= LAPIC_FX_TIMER;
	if (is_masked(l))
		return;
	lapic_accept(l, (uint8_t)l->lvt[LAPIC_LVT_TIMER], false);
	fx->flags |= LAPIC_FX_IRQ;
}

void lapic_timer(struct lapic *l, struct lapic_now now, struct lapic_fx *fx)
{
	fx->flags = 0;
	fire(l, now, fx);
}

void lapic_deadline(const struct lapic *l, uint64_t *ns, uint64_t *tsc)
{
	bool silent = is_masked(l) || !lapic_enabled(l);

	*ns = silent ? CHIP_NEVER : l->expiry_ns;
	*tsc = silent || !l->tsc_deadline ? CHIP_NEVER : l->tsc_deadline;
}

/*
 * Each write first settles what was due under the old settings: an expiry that passed while masked
 * is lost, one that was unmasked but not served yet is not.
 */
void lapic_timer_set_lvt(struct lapic *l, uint32_t bits, struct lapic_now now, struct lapic_fx *fx)
{
	bool was_tsc = in_tsc_mode(l);

	fire(l, now, fx);
	l->lvt[LAPIC_LVT_TIMER] = bits;
	if (was_tsc != in_tsc_mode(l)) { // SDM 10.5.4.1: either change disarms
		l->expiry_ns = CHIP_NEVER;
		l->initial = 0;
		l->tsc_deadline = 0;
	}
	fx->flags |= LAPIC_FX_TIMER;
}

void lapic_timer_set_initial(struct lapic *l, uint32_t count, struct lapic_now now, struct lapic_fx *fx)
{
	if (in_tsc_mode(l))
		return;
	fire(l, now, fx);
	l->initial = count;
	l->expiry_ns = count ? chip_add_sat(now.ns, count * divisor(l)) : CHIP_NEVER;
	fx->flags |= LAPIC_FX_TIMER;
}

/* A new divisor keeps the current count and lets it go on at the new rate. */
void lapic_timer_set_divide(struct lapic *l, uint32_t value, struct lapic_now now, struct lapic_fx *fx)
{
	fire(l, now, fx);
	uint32_t left = lapic_timer_current(l, now.ns);

	l->divide = value;
	if (left)
		l->expiry_ns = chip_add_sat(now.ns, left * divisor(l));
	fx->flags |= LAPIC_FX_TIMER;
}

void lapic_timer_set_tsc(struct lapic *l, uint64_t tsc, struct lapic_now now, struct lapic_fx *fx)
{
	if (!in_tsc_mode(l))
		return; // SDM 10.5.4.1: ignored in the other modes
	fire(l, now, fx);
	l->tsc_deadline = tsc;
	fire(l, now, fx); // a deadline in the past fires at once
	fx->flags |= LAPIC_FX_TIMER;
}

uint64_t lapic_timer_get_tsc(const struct lapic *l)
{
	return l->tsc_deadline;
}

uint32_t lapic_timer_current(const struct lapic *l, uint64_t now_ns)
{
	uint64_t d = divisor(l), left;

	if (l->expiry_ns == CHIP_NEVER)
		return 0;
	if (now_ns < l->expiry_ns) {
		left = l->expiry_ns - now_ns;
	} else {
		uint64_t period = period_ns(l);

		if (!is_periodic(l))
			return 0;
		left = period - (now_ns - l->expiry_ns) % period;
	}
	uint64_t count = (left + d - 1) / d;

	return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}
