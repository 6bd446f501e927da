// SPDX-License-Identifier: Apache-2.0
/*
 * Buffers that data passes through between guest memory and a disk: a fixed number of two sizes, aligned for O_DIRECT,
 * and the only memory that a guest's requests can make us hold. Touched only when used. One thread.
 */
#ifndef VMM_BLOCK_BOUNCE_H
#define VMM_BLOCK_BOUNCE_H

#include "coherence/base/types.h"

#define BOUNCE_SMALL_BYTES (16u << 10)
#define BOUNCE_LARGE_BYTES (256u << 10) // the largest piece of a request: what a message between hosts carries at most
#define BOUNCE_SMALL       128u
#define BOUNCE_LARGE       24u
#define BOUNCE_BYTES       (BOUNCE_SMALL * BOUNCE_SMALL_BYTES + BOUNCE_LARGE * BOUNCE_LARGE_BYTES) // 8 MiB
#define BOUNCE_ALIGN       4096u

struct bounce {
	uint8_t *memory; // the small ones, then the large
	unsigned small_n, large_n;
	uint8_t small[BOUNCE_SMALL], large[BOUNCE_LARGE]; // numbers of those that are free
};

/* 0 or -ENOMEM. */
int bounce_init(struct bounce *b);
void bounce_free(struct bounce *b);
/*
 * A buffer of at least n bytes, at most BOUNCE_LARGE_BYTES; NULL: none is free. A large one stands in for a small one
 * only if spare is true: somebody who needs it may be waiting.
 */
void *bounce_get(struct bounce *b, uint64_t n, bool spare);
void bounce_put(struct bounce *b, void *buf);

#endif
