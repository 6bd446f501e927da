// SPDX-License-Identifier: Apache-2.0
// The two clocks of a host: its monotonic nanoseconds (net/now.h) and its time-stamp counter.
#ifndef VMM_SPAN_NOW_H
#define VMM_SPAN_NOW_H

#include <x86intrin.h>

#include "net/now.h"

static inline uint64_t now_tsc(void)
{
	unsigned aux;

	return __rdtscp(&aux); // waits for earlier loads, so that a message is not stamped before it came
}

#endif
