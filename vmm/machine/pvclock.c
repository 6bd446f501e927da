// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/pvclock.h"

#include <string.h>

#include "coherence/base/bytes.h"

#define NS_PER_S     1000000000ull
#define FLAG_STABLE  1u // the TSC may be used without asking other vCPUs
#define EVEN_VERSION 2u // not being changed

void pvclock_scale(uint32_t khz, uint32_t *mul, int8_t *shift)
{
	uint64_t hz = (uint64_t)khz * 1000, ns = NS_PER_S;
	int by = 0;

	/* ns / hz in [1/2, 1), so that all 32 bits of mul count. */
	for (; ns >= hz; hz <<= 1)
		by++;
	for (; ns << 1 < hz; ns <<= 1)
		by--;
	*mul = (uint32_t)(((unsigned __int128)ns << 32) / hz);
	*shift = (int8_t)by;
}

void pvclock_time(uint32_t khz, uint8_t out[PVCLOCK_TIME_BYTES])
{
	uint32_t mul;
	int8_t shift;

	pvclock_scale(khz, &mul, &shift);
	memset(out, 0, PVCLOCK_TIME_BYTES); // tsc_timestamp and system_time: 0
	put_le(out, EVEN_VERSION, 4);
	put_le(out + 24, mul, 4);
	out[28] = (uint8_t)shift;
	out[29] = FLAG_STABLE;
}

void pvclock_wall(int64_t unix_s, uint64_t now_ns, uint8_t out[PVCLOCK_WALL_BYTES])
{
	int64_t ns = (int64_t)(now_ns % NS_PER_S), s = unix_s - (int64_t)(now_ns / NS_PER_S);

	if (ns) {
		s--;
		ns = (int64_t)NS_PER_S - ns;
	}
	put_le(out, EVEN_VERSION, 4);
	put_le(out + 4, (uint64_t)s, 4);
	put_le(out + 8, (uint64_t)ns, 4);
}
