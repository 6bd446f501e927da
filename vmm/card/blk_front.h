// SPDX-License-Identifier: Apache-2.0
/*
 * The front half of a virtio disk: chains of a ring in, block requests to a back half out, and their ends back into the
 * ring. It knows neither where the back half is nor whose ring it is: both are functions that it is given. One thread,
 * which holds nothing: guest memory may make it wait.
 *
 * A request of the guest is kept by its address and never found by its head, which the guest chooses. What is kept of
 * its chain are the pieces it has, copied.
 */
#ifndef VMM_CARD_BLK_FRONT_H
#define VMM_CARD_BLK_FRONT_H

#include "vmm/block/block.h"
#include "vmm/virtio/blk.h"

#define BLK_FRONT_REQUESTS 1024u // kept at once; a guest with more waits in its ring

struct blk_front_ops {
	/* Gives a request to the back half: block_submit(), or something that does the same by messages. */
	void (*submit)(void *ctx, uint16_t queue, struct block_request *r);
	/*
	 * A request of the ring has ended: as server_complete(), with what it wants. The queue's interrupt comes by
	 * tell(), once for all that end together.
	 */
	void (*complete)(void *ctx, uint16_t queue, uint16_t head, uint32_t used, enum ring_error e);
	/* The driver still wants what was begun in this queue: it has not reset the device since. */
	bool (*wanted)(void *ctx, uint16_t queue);
	/* A request failed: op and error of the back half. */
	void (*failed)(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error);
};

struct blk_front_numbers {
	uint64_t requests, errors, bytes_read, bytes_written;
};

struct blk_front {
	const struct blk_front_ops *ops;
	void *ctx;
	const struct guest_mem *mem;
	struct blk_disk disk; // what the guest was told of it; sectors may change between requests
	unsigned kept;        // requests under way
	uint64_t ended[(DISK_QUEUES_MAX + 63) / 64]; // queues in which some have ended
	struct blk_front_numbers numbers;            // counted as card.h does: others read them
};

/* There is no room for one more now: blk_front_request() is not to be called before some have ended. */
static inline bool blk_front_full(const struct blk_front *f)
{
	return f->kept >= BLK_FRONT_REQUESTS;
}

/* A chain of a queue, as server_ops.request has it. accepted: the features that the driver took. */
enum ring_error blk_front_request(struct blk_front *f, uint64_t accepted, uint16_t queue, const struct chain *c,
				  uint32_t *used, bool *later);

/* Calls fn for each queue in which requests have ended since the last time. */
void blk_front_told(struct blk_front *f, void (*fn)(void *ctx, uint16_t queue));

#endif
