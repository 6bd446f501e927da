// SPDX-License-Identifier: Apache-2.0
/*
 * One clock for everything the guest can read: its TSC, which runs at the real TSC's rate. The
 * guest believes that the TSC ticks tsc_khz * dilate thousand times a second, and all chips count
 * nanoseconds of that belief; so guest time runs at 1/dilate of real time without any scaling in
 * hardware. Pure.
 */
#ifndef VMM_MACHINE_GUEST_CLOCK_H
#define VMM_MACHINE_GUEST_CLOCK_H

#include "coherence/base/types.h"

#define CLOCK_NEVER UINT64_MAX

struct guest_clock {
	uint64_t tsc_khz; // real frequency
	uint32_t dilate;
};

/* Is it a clock a guest can be told of (its frequency in kHz fits 32 bits)? */
bool guest_clock_valid(const struct guest_clock *c);
uint32_t guest_clock_khz(const struct guest_clock *c); // what the guest believes

/* Guest TSC to guest nanoseconds, rounded down; and the first TSC tick at or after a guest time.
 * Both saturate. */
uint64_t guest_clock_ns(const struct guest_clock *c, uint64_t tsc);
uint64_t guest_clock_tsc(const struct guest_clock *c, uint64_t ns);

/* Real nanoseconds that a number of TSC ticks takes, rounded up. */
uint64_t guest_clock_real_ns(const struct guest_clock *c, uint64_t ticks);

/*
 * The CLOCK_MONOTONIC time at which the TSC will be deadline, if it is now_tsc at now_mono. A
 * deadline that has passed gives now_mono, CLOCK_NEVER stays CLOCK_NEVER.
 */
uint64_t guest_clock_mono(const struct guest_clock *c, uint64_t deadline, uint64_t now_tsc, uint64_t now_mono);

#endif
