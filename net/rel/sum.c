// SPDX-License-Identifier: Apache-2.0
#include "net/rel/sum.h"

#include <isa-l/crc.h>

/* It reads only, and inverts neither at the start nor at the end. */
static uint32_t go_on(uint32_t crc, const uint8_t *p, size_t n)
{
	return n ? crc32_iscsi((unsigned char *)p, (int)n, crc) : crc;
}

uint32_t rel_sum(const uint8_t *p, size_t n, const uint8_t *more, size_t more_n)
{
	uint32_t crc = ~go_on(go_on(~0u, p, n), more, more_n);

	return crc ? crc : ~0u;
}
