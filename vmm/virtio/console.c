// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/console.h"

#include <string.h>

#include "coherence/base/bytes.h"

void console_config(uint16_t columns, uint16_t rows, uint8_t *out)
{
	memset(out, 0, CONSOLE_CONFIG_BYTES);
	put_le(out, columns, 2);
	put_le(out + 2, rows, 2);
	put_le(out + 4, 1, 4); // ports
}

enum ring_error console_take(const struct chain *c, const struct guest_mem *mem, uint32_t offset, void *to,
			     uint32_t cap, uint32_t *n)
{
	uint32_t left = offset < c->readable_bytes ? c->readable_bytes - offset : 0;

	*n = left < cap ? left : cap;
	return chain_get(c, mem, offset, to, *n) ? RING_GOOD : RING_NO_MEMORY;
}

enum ring_error console_give(const struct chain *c, const struct guest_mem *mem, const void *from, uint32_t n,
			     uint32_t *done)
{
	*done = n < c->writable_bytes ? n : c->writable_bytes;
	return chain_put(c, mem, 0, from, *done) ? RING_GOOD : RING_NO_MEMORY;
}
