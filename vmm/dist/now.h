// SPDX-License-Identifier: Apache-2.0
// The two clocks of a host: its monotonic nanoseconds and its time-stamp counter.
#ifndef VMM_DIST_NOW_H
#define VMM_DIST_NOW_H

#include <stdint.h>
#include <time.h>
#include <x86intrin.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_tsc(void)
{
	unsigned aux;

	return __rdtscp(&aux); // waits for earlier loads, so that a message is not stamped before it came
}

#endif
