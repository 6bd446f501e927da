// SPDX-License-Identifier: Apache-2.0
// The monotonic clock of a host: nanoseconds, never going back.
#ifndef NET_NOW_H
#define NET_NOW_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
