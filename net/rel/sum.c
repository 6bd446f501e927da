// SPDX-License-Identifier: Apache-2.0
#include "net/rel/sum.h"

#include <isa-l/crc.h>

uint32_t rel_sum(const uint8_t *p, size_t n)
{
	/* it reads only, and inverts neither at the start nor at the end */
	uint32_t crc = ~crc32_iscsi((unsigned char *)p, (int)n, ~0u);

	return crc ? crc : ~0u;
}
