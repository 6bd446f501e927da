// SPDX-License-Identifier: Apache-2.0
/* The entropy device (Virtio 1.2, 5.4): one queue of buffers to fill with random bytes. Pure. */
#ifndef VMM_VIRTIO_RNG_H
#define VMM_VIRTIO_RNG_H

#include "vmm/virtio/chain.h"

#define RNG_TYPE       4u
#define RNG_CLASS      0x00ff00u // unclassified, as others say it
#define RNG_QUEUES     1u
#define RNG_QUEUE_SIZE 64u
#define RNG_BYTES_MAX  4096u // of one request; a driver takes what it gets

/* How many bytes the request gets, 0 to RNG_BYTES_MAX: chain_put() from its beginning, and push as many. */
static inline uint32_t rng_wanted(const struct chain *c)
{
	return c->writable_bytes < RNG_BYTES_MAX ? c->writable_bytes : RNG_BYTES_MAX;
}

#endif
