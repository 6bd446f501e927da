// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/guest_clock.h"

#define KHZ_NS 1000000ull // nanoseconds in a period of 1 kHz

typedef unsigned __int128 wide;

static uint64_t saturate(wide v)
{
	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

bool guest_clock_valid(const struct guest_clock *c)
{
	return c->tsc_khz && c->dilate && c->tsc_khz <= UINT32_MAX / c->dilate;
}

uint32_t guest_clock_khz(const struct guest_clock *c)
{
	return (uint32_t)(c->tsc_khz * c->dilate);
}

uint64_t guest_clock_ns(const struct guest_clock *c, uint64_t tsc)
{
	return saturate((wide)tsc * KHZ_NS / guest_clock_khz(c));
}

uint64_t guest_clock_tsc(const struct guest_clock *c, uint64_t ns)
{
	return ns == CLOCK_NEVER ? CLOCK_NEVER : saturate(((wide)ns * guest_clock_khz(c) + KHZ_NS - 1) / KHZ_NS);
}

uint64_t guest_clock_real_ns(const struct guest_clock *c, uint64_t ticks)
{
	return saturate(((wide)ticks * KHZ_NS + c->tsc_khz - 1) / c->tsc_khz);
}

uint64_t guest_clock_mono(const struct guest_clock *c, uint64_t deadline, uint64_t now_tsc, uint64_t now_mono)
{
	if (deadline == CLOCK_NEVER)
		return CLOCK_NEVER;
	if (deadline <= now_tsc)
		return now_mono;
	uint64_t ns = guest_clock_real_ns(c, deadline - now_tsc);

	/* A timespec holds no more, and nobody waits 292 years. */
	return ns > INT64_MAX - now_mono ? CLOCK_NEVER : now_mono + ns;
}
