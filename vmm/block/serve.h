// SPDX-License-Identifier: Apache-2.0
/*
 * A disk that front halves on other hosts use: what they ask is checked, carried out by the back half here, and
 * answered. Pure but for the calls it is given; on the back half's thread.
 */
#ifndef VMM_BLOCK_SERVE_H
#define VMM_BLOCK_SERVE_H

#include "vmm/block/ask.h"

struct block_serve_ops {
	void (*submit)(void *ctx, struct block_request *r);                  // block_submit()
	struct block_info (*info)(void *ctx);                                // block_info()
	void (*answer)(void *ctx, host_id to, const struct block_answer *a); // the data is borrowed
	/* Has this host the queue in this turn? Then the request counts as under way until ended(). */
	bool (*begins)(void *ctx, host_id from, uint16_t queue, uint32_t turn);
	void (*ended)(void *ctx, uint16_t queue); // after its answer
	/* The back half could not do it. */
	void (*failed)(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error);
};

struct block_serve {
	const struct block_serve_ops *ops;
	void *ctx;
	struct {
		unsigned asks;
		uint64_t bytes;
	} peers[HOSTS_MAX]; // under way
	unsigned under_way;
	uint64_t asks, bytes, refused;              // all in all; refused: outside of the disk, or no memory
	uint64_t errors, bytes_read, bytes_written; // of those that have ended; errors: the refused ones as well
};

void block_serve_init(struct block_serve *s, const struct block_serve_ops *ops, void *ctx);
/*
 * a may be anything that a host sent. 0: it will be answered, maybe from inside this call. -EPROTO: it cannot be, and
 * from is no member any more.
 */
int block_serve_ask(struct block_serve *s, host_id from, const struct block_ask *a);

#endif
