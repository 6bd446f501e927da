// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/bounce.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "coherence/base/check.h"

#define SMALL_END (BOUNCE_SMALL * BOUNCE_SMALL_BYTES)

int bounce_init(struct bounce *b)
{
	void *at = mmap(NULL, BOUNCE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	memset(b, 0, sizeof(*b));
	if (at == MAP_FAILED)
		return -ENOMEM;
	b->memory = at;
	/* The last one put back is the next to be taken, so few requests use few pages. */
	for (unsigned i = BOUNCE_SMALL; i-- > 0;)
		b->small[b->small_n++] = (uint8_t)i;
	for (unsigned i = BOUNCE_LARGE; i-- > 0;)
		b->large[b->large_n++] = (uint8_t)i;
	return 0;
}

void bounce_free(struct bounce *b)
{
	if (b->memory)
		munmap(b->memory, BOUNCE_BYTES);
	b->memory = NULL;
}

void *bounce_get(struct bounce *b, uint64_t n, bool spare)
{
	PD_CHECK(n <= BOUNCE_LARGE_BYTES);
	if (n <= BOUNCE_SMALL_BYTES && b->small_n)
		return b->memory + (size_t)b->small[--b->small_n] * BOUNCE_SMALL_BYTES;
	if (!b->large_n || (n <= BOUNCE_SMALL_BYTES && !spare))
		return NULL;
	return b->memory + SMALL_END + (size_t)b->large[--b->large_n] * BOUNCE_LARGE_BYTES;
}

void bounce_put(struct bounce *b, void *buf)
{
	size_t at = (size_t)((uint8_t *)buf - b->memory);

	PD_CHECK(at < BOUNCE_BYTES);
	if (at < SMALL_END)
		b->small[b->small_n++] = (uint8_t)(at / BOUNCE_SMALL_BYTES);
	else
		b->large[b->large_n++] = (uint8_t)((at - SMALL_END) / BOUNCE_LARGE_BYTES);
}
