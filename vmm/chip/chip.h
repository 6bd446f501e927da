// SPDX-License-Identifier: Apache-2.0
/*
 * What all chips share. A chip is pure: it has no clock, thread, lock or I/O. Its owner holds a
 * lock around each call, passes the time in and carries out the effects it gets back. Everything a
 * chip is told comes from the guest, so every value is legal input.
 */
#ifndef VMM_CHIP_CHIP_H
#define VMM_CHIP_CHIP_H

#include "coherence/base/types.h"

#define CHIP_NEVER UINT64_MAX // "no deadline"

#define CHIP_NS_PER_S 1000000000ull

/* a * b / c with a 128-bit product; saturates to UINT64_MAX. c must not be 0. */
static inline uint64_t chip_muldiv(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 q = (unsigned __int128)a * b / c;
	return q > UINT64_MAX ? UINT64_MAX : (uint64_t)q;
}

/* The same, rounded up: the first moment at which a count is reached. */
static inline uint64_t chip_muldiv_up(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 q = ((unsigned __int128)a * b + (c - 1)) / c;
	return q > UINT64_MAX ? UINT64_MAX : (uint64_t)q;
}

static inline uint64_t chip_add_sat(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#endif
