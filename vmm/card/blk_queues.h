// SPDX-License-Identifier: Apache-2.0
/*
 * The queues of a disk that one host serves: rings (virtio/server.h) with the front half behind them (blk_front.h),
 * whoever has the back half. Device thread.
 */
#ifndef VMM_CARD_BLK_QUEUES_H
#define VMM_CARD_BLK_QUEUES_H

#include "vmm/card/blk_front.h"
#include "vmm/virtio/server.h"

struct blk_queues_ops {
	/* As blk_front_ops has them. */
	void (*submit)(void *ctx, uint16_t queue, struct block_request *r);
	void (*failed)(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error);
};

struct blk_queues {
	struct server *s;
	struct blk_front front;
	const struct blk_queues_ops *ops;
	void *ctx;
	bool full;    // the front is: queues wait for room
	bool closing; // nobody wants anything any more
};

/* s is the server whose requests come in here; mem, s and ops must outlive it. front.disk is the caller's to fill in.
 */
void blk_queues_init(struct blk_queues *q, struct server *s, const struct guest_mem *mem,
		     const struct blk_queues_ops *ops, void *ctx);

/* For server_ops. */
enum ring_error blk_queues_request(struct blk_queues *q, uint16_t queue, const struct chain *c, uint32_t *used,
				   bool *later);
bool blk_queues_full(struct blk_queues *q);

/*
 * After the back half's turn: one interrupt a queue for all that has ended in it. True: queues were left alone because
 * nothing more could be kept, and now there is room: server_round() is to be called.
 */
bool blk_queues_turn(struct blk_queues *q);

/* The machine is over: what still ends touches neither rings nor memory. */
void blk_queues_close(struct blk_queues *q);

#endif
