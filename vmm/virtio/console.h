// SPDX-License-Identifier: Apache-2.0
/* The console device (Virtio 1.2, 5.3) with its one port: bytes in, bytes out, the size of the window. Pure. */
#ifndef VMM_VIRTIO_CONSOLE_H
#define VMM_VIRTIO_CONSOLE_H

#include "vmm/virtio/chain.h"

#define CONSOLE_TYPE         3u
#define CONSOLE_CLASS        0x078000u // other communication controller
#define CONSOLE_QUEUES       2u
#define CONSOLE_IN           0u // queue of buffers to fill
#define CONSOLE_OUT          1u
#define CONSOLE_QUEUE_SIZE   64u
#define CONSOLE_CONFIG_BYTES 12u
#define CONSOLE_F_SIZE       (1ull << 0)

/* The configuration space: columns and rows. */
void console_config(uint16_t columns, uint16_t rows, uint8_t *out);

/*
 * Output: copies up to cap bytes from offset on; *n is how many, 0 at the end. What a request holds may be 4 GiB: take
 * it in pieces, and push it with 0 bytes. RING_GOOD, or why the queue is broken.
 */
enum ring_error console_take(const struct chain *c, const struct guest_mem *mem, uint32_t offset, void *to,
			     uint32_t cap, uint32_t *n);
/* Input: up to n bytes into the buffer; *done is how many, and what to push. */
enum ring_error console_give(const struct chain *c, const struct guest_mem *mem, const void *from, uint32_t n,
			     uint32_t *done);

#endif
