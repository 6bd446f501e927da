// SPDX-License-Identifier: Apache-2.0
#include "vmm/card/blk_front.h"

#include <stdlib.h>
#include <string.h>

/* One request of the guest; behind it the ranges it has, then its chain. */
struct kept {
	struct block_request r; // of the range or the data that is with the back half
	struct blk_front *f;
	uint16_t queue;
	enum blk_op op;
	bool unreachable; // its data is not in memory
	unsigned ranges, range;
	struct blk_range *range_of;
	struct chain *chain; // as much of it as there is
};

static void count(uint64_t *at, uint64_t n)
{
	__atomic_fetch_add(at, n, __ATOMIC_RELAXED);
}

static const enum block_op block_ops_of[] = {[BLK_READ] = BLOCK_READ,
					     [BLK_WRITE] = BLOCK_WRITE,
					     [BLK_FLUSH] = BLOCK_FLUSH,
					     [BLK_DISCARD] = BLOCK_DISCARD,
					     [BLK_ZEROES] = BLOCK_ZEROES};

/* Data is written before the status, the status before the ring: the driver sees them in this order. */
static void end(struct kept *k, int error)
{
	struct blk_front *f = k->f;
	const struct blk_request what = {.op = k->op};
	uint16_t head = k->chain->head, queue = k->queue;
	enum ring_error e = RING_GOOD;
	uint32_t used = 0;

	if (k->unreachable)
		e = RING_NO_MEMORY;
	else if (f->ops->wanted(f->ctx, k->queue))
		e = blk_finish(&f->disk, f->mem, k->chain, &what, error ? BLK_IOERR : BLK_OK, &used);
	free(k);
	f->kept--;
	f->ended[queue / 64] |= 1ull << (queue % 64);
	f->ops->complete(f->ctx, queue, head, used, e);
}

static void submit(struct kept *k)
{
	if (k->ranges) {
		const struct blk_range *a = &k->range_of[k->range];

		k->r.offset = a->offset;
		k->r.bytes = a->bytes;
		k->r.unmap = a->unmap;
	}
	k->f->ops->submit(k->f->ctx, k->queue, &k->r);
}

static void on_done(struct block_request *r, int error)
{
	struct kept *k = (struct kept *)r; // its first member
	struct blk_front *f = k->f;
	bool wanted = f->ops->wanted(f->ctx, k->queue);

	if (!error && wanted && ++k->range < k->ranges) {
		submit(k);
		return;
	}
	if (error && wanted && !k->unreachable) {
		count(&f->numbers.errors, 1);
		f->ops->failed(f->ctx, r->op, r->offset, r->bytes, error);
	}
	if (!error && k->op == BLK_READ)
		count(&f->numbers.bytes_read, r->bytes);
	else if (!error && k->op == BLK_WRITE)
		count(&f->numbers.bytes_written, r->bytes);
	end(k, error);
}

static bool on_copy(struct block_request *r, uint64_t at, void *buf, size_t n)
{
	struct kept *k = (struct kept *)r;
	const struct blk_front *f = k->f;
	bool there;

	if (!f->ops->wanted(f->ctx, k->queue))
		return false;
	if (r->op == BLOCK_WRITE)
		there = chain_get(k->chain, f->mem, (uint32_t)(BLK_HEADER_BYTES + at), buf, (uint32_t)n);
	else
		there = chain_put(k->chain, f->mem, (uint32_t)at, buf, (uint32_t)n);
	k->unreachable |= !there; // what a chain says of its addresses nobody has looked at before
	return there;
}

static size_t chain_bytes(const struct chain *c)
{
	return offsetof(struct chain, segment) + c->segments * sizeof(c->segment[0]);
}

static struct kept *keep(struct blk_front *f, const struct blk_request *what, uint16_t queue, const struct chain *c)
{
	size_t ranges = what->ranges * sizeof(what->range[0]);
	struct kept *k = calloc(1, sizeof(*k) + ranges + chain_bytes(c));
	uint64_t reach = 0;

	if (!k)
		return NULL;
	k->f = f;
	k->queue = queue;
	k->op = what->op;
	k->ranges = what->ranges;
	k->range_of = (struct blk_range *)(k + 1);
	k->chain = (struct chain *)((uint8_t *)(k + 1) + ranges);
	memcpy(k->range_of, what->range, ranges);
	for (unsigned i = 0; i < k->ranges; i++) {
		uint64_t last = what->range[i].offset + what->range[i].bytes;

		reach = last > reach ? last : reach;
	}
	memcpy(k->chain, c, chain_bytes(c));
	k->r = (struct block_request){.op = block_ops_of[what->op],
				      .offset = what->op == BLK_FLUSH ? 0 : what->offset,
				      .bytes = what->op == BLK_FLUSH ? 0 : what->bytes,
				      .reach = reach,
				      .copy = on_copy,
				      .done = on_done};
	f->kept++;
	return k;
}

enum ring_error blk_front_request(struct blk_front *f, uint64_t accepted, uint16_t queue, const struct chain *c,
				  uint32_t *used, bool *later)
{
	struct blk_request what;
	enum ring_error e = blk_parse(&f->disk, accepted, f->mem, c, &what);

	if (e)
		return e;
	count(&f->numbers.requests, 1);
	struct kept *k = what.op == BLK_ANSWER ? NULL : keep(f, &what, queue, c);

	if (k) {
		k->r.stable = blk_writes_through(accepted);
		*later = true;
		submit(k);
		return RING_GOOD;
	}
	uint8_t status = what.op == BLK_ANSWER ? what.status : BLK_IOERR; // no memory to keep it in

	if (status != BLK_OK)
		count(&f->numbers.errors, 1);
	return blk_finish(&f->disk, f->mem, c, &what, status, used);
}

void blk_front_told(struct blk_front *f, void (*fn)(void *ctx, uint16_t queue))
{
	for (unsigned w = 0; w < sizeof(f->ended) / sizeof(f->ended[0]); w++)
		while (f->ended[w]) {
			unsigned bit = (unsigned)__builtin_ctzll(f->ended[w]);

			f->ended[w] &= f->ended[w] - 1;
			fn(f->ctx, (uint16_t)(64 * w + bit));
		}
}
