// SPDX-License-Identifier: Apache-2.0
#include "vmm/card/blk_queues.h"

static void give(void *ctx, uint16_t queue, struct block_request *r)
{
	struct blk_queues *q = ctx;

	q->ops->submit(q->ctx, queue, r);
}

static void complete(void *ctx, uint16_t queue, uint16_t head, uint32_t used, enum ring_error e)
{
	struct blk_queues *q = ctx;

	if (!q->closing)
		server_complete(q->s, queue, head, used, e);
}

static bool wanted(void *ctx, uint16_t queue)
{
	const struct blk_queues *q = ctx;

	return !q->closing && server_wanted(q->s, queue);
}

static void failed(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error)
{
	struct blk_queues *q = ctx;

	q->ops->failed(q->ctx, op, offset, bytes, error);
}

static const struct blk_front_ops front_ops = {
	.submit = give, .complete = complete, .wanted = wanted, .failed = failed};

void blk_queues_init(struct blk_queues *q, struct server *s, const struct guest_mem *mem,
		     const struct blk_queues_ops *ops, void *ctx)
{
	q->s = s;
	q->ops = ops;
	q->ctx = ctx;
	q->full = q->closing = false;
	q->front.ops = &front_ops;
	q->front.ctx = q;
	q->front.mem = mem;
}

enum ring_error blk_queues_request(struct blk_queues *q, uint16_t queue, const struct chain *c, uint32_t *used,
				   bool *later)
{
	return blk_front_request(&q->front, q->s->accepted, queue, c, used, later);
}

bool blk_queues_full(struct blk_queues *q)
{
	bool full = blk_front_full(&q->front);

	q->full |= full;
	return full;
}

static void tell(void *ctx, uint16_t queue)
{
	server_told(((struct blk_queues *)ctx)->s, queue);
}

bool blk_queues_turn(struct blk_queues *q)
{
	blk_front_told(&q->front, tell);
	if (!q->full || q->front.kept > BLK_FRONT_REQUESTS / 2)
		return false;
	q->full = false;
	for (uint16_t i = 0; i < q->s->queues; i++)
		server_kick(q->s, i);
	return true;
}

void blk_queues_close(struct blk_queues *q)
{
	q->closing = true;
}
