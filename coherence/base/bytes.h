// SPDX-License-Identifier: Apache-2.0
// Little-endian stores and loads on unaligned bytes: the only way integers reach the wire. And all ones of a width.
#ifndef COHERENCE_BASE_BYTES_H
#define COHERENCE_BASE_BYTES_H

#include <stdint.h>

static inline void put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t get_le(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* All ones in so many bytes; 8 and more: 64 bits. */
static inline uint64_t bytes_ones(unsigned bytes)
{
	return bytes >= 8 ? UINT64_MAX : (1ull << (8 * bytes)) - 1;
}

#endif
