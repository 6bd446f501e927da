// SPDX-License-Identifier: Apache-2.0
#include "net/rel/sum.h"

#include <string.h>

#define POLY 0x82f63b78u // CRC-32C, reflected

static uint64_t word(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	memcpy(&w, p, n < 8 ? n : 8); // x86: little-endian
	return w;
}

/*
 * CRCs are linear: one CRC over the four would let the same bit, flipped in words that are 24 bytes apart, cancel out.
 * Multiplications are not. Each step can be undone, so a change in one of the four changes the 64 bits for certain.
 */
static uint32_t finish(const uint64_t lane[4], size_t n)
{
	uint64_t h = n * 0x9e3779b97f4a7c15u;

	for (unsigned i = 0; i < 4; i++) {
		h = (h ^ lane[i]) * 0xbf58476d1ce4e5b9u;
		h ^= h >> 31;
	}
	h *= 0x94d049bb133111ebu;
	return (uint32_t)(h >> 32) ? (uint32_t)(h >> 32) : 1;
}

static uint32_t step_plain(uint32_t crc, uint64_t w)
{
	for (unsigned i = 0; i < 8; i++, w >>= 8) {
		crc ^= (uint8_t)w;
		for (unsigned b = 0; b < 8; b++)
			crc = crc >> 1 ^ (crc & 1 ? POLY : 0);
	}
	return crc;
}

uint32_t rel_sum_plain(const uint8_t *p, size_t n)
{
	uint64_t lane[4] = {~0u, ~0u, ~0u, ~0u};

	for (size_t at = 0; at < n; at += 8)
		lane[at / 8 % 4] = step_plain((uint32_t)lane[at / 8 % 4], word(p + at, n - at));
	return finish(lane, n);
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t sum_sse(const uint8_t *p, size_t n)
{
	uint64_t lane[4] = {~0u, ~0u, ~0u, ~0u};
	size_t at = 0;

	for (; at + 32 <= n; at += 32)
		for (unsigned i = 0; i < 4; i++)
			lane[i] = __builtin_ia32_crc32di(lane[i], word(p + at + 8 * i, 8));
	for (unsigned i = 0; at < n; at += 8, i++)
		lane[i] = __builtin_ia32_crc32di(lane[i], word(p + at, n - at));
	return finish(lane, n);
}
#endif

uint32_t rel_sum(const uint8_t *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return sum_sse(p, n);
#endif
	return rel_sum_plain(p, n);
}
