// SPDX-License-Identifier: Apache-2.0
#include "vmm/card/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/loop.h"
#include "net/now.h"
#include "vmm/block/serve.h"
#include "vmm/card/blk_queues.h"

#define SAY_NS 1000000000ull // between two events of errors

struct disk {
	struct card c;
	struct block *b;
	struct blk_queues q;
	struct block_serve serve;
	struct loop_poller poller;
	uint64_t said_ns; // of the last error
	uint64_t unsaid;  // errors since
	uint64_t told;    // of requests begun and ended, when numbers were told last
};

/* ---- what its queues here want (blk_queues_ops) ---- */

static void give(void *ctx, uint16_t queue, struct block_request *r)
{
	(void)queue;
	block_submit(((struct disk *)ctx)->b, r);
}

static void failed(void *ctx, enum block_op op, uint64_t offset, uint64_t bytes, int error)
{
	static const char *const names[BLOCK_OPS] = {"read", "write", "flush", "discard", "zeroes"};
	struct disk *d = ctx;
	uint64_t now = now_ns();
	char text[256];

	if (d->said_ns && now - d->said_ns < SAY_NS) {
		d->unsaid++;
		return;
	}
	int n = snprintf(text, sizeof(text), "%s of %" PRIu64 " bytes at %" PRIu64 " of %.120s: %s", names[op], bytes,
			 offset, block_name(d->b), strerror(-error));

	if (d->unsaid && n > 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, " (and %" PRIu64 " errors before)", d->unsaid);
	d->said_ns = now;
	d->unsaid = 0;
	card_tell(&d->c, CARD_IO_ERROR, text);
}

static const struct blk_queues_ops queues_ops = {.submit = give, .failed = failed};

static enum ring_error request(void *card, uint16_t queue, const struct chain *c, uint32_t *used, bool *later)
{
	return blk_queues_request(&((struct disk *)card)->q, queue, c, used, later);
}

static bool full(void *card)
{
	return blk_queues_full(&((struct disk *)card)->q);
}

/* ---- what queues on other hosts want (block_serve_ops) ---- */

static void serve_submit(void *ctx, struct block_request *r)
{
	block_submit(((struct disk *)ctx)->b, r);
}

static struct block_info serve_info(void *ctx)
{
	return block_info(((struct disk *)ctx)->b);
}

static void serve_answer(void *ctx, host_id to, const struct block_answer *a)
{
	struct card *c = ctx; // the first member of a disk

	c->host->far->answer(c->host->ctx, to, c->id, a);
}

static bool serve_begins(void *ctx, host_id from, uint16_t queue, uint32_t turn)
{
	return !owners_request(&((struct disk *)ctx)->c.f.o, from, queue, turn);
}

static void serve_ended(void *ctx, uint16_t queue)
{
	struct disk *d = ctx;

	owners_replied(&d->c.f.o, queue);
}

static const struct block_serve_ops serve_ops = {.submit = serve_submit,
						 .info = serve_info,
						 .answer = serve_answer,
						 .begins = serve_begins,
						 .ended = serve_ended,
						 .failed = failed};

static int ask(struct card *c, host_id from, const struct block_ask *a)
{
	return block_serve_ask(&((struct disk *)c)->serve, from, a);
}

/* ---- rounds ---- */

static void set(uint64_t *counter, uint64_t v)
{
	__atomic_store_n(counter, v, __ATOMIC_RELAXED);
}

/* For other threads: what both halves have counted, and those of other hosts. */
static void tell_numbers(struct disk *d)
{
	const struct blk_front_numbers *n = &d->q.front.numbers;
	const struct block_serve *f = &d->serve;
	struct card_numbers *to = &d->c.numbers;
	/* Each that begins or ends makes it larger. */
	uint64_t now = 2 * (n->requests + f->asks) - d->q.front.kept - f->under_way;

	if (d->told == now)
		return;
	d->told = now;
	struct block_stats s = block_stats(d->b);

	set(&to->requests, n->requests + f->asks);
	set(&to->far_requests, f->asks);
	set(&to->errors, n->errors + f->errors);
	set(&to->bytes_in, n->bytes_read + f->bytes_read);
	set(&to->bytes_out, n->bytes_written + f->bytes_written);
	set(&to->writes, s.requests[BLOCK_WRITE] + s.requests[BLOCK_ZEROES]);
	set(&to->flushes, s.requests[BLOCK_FLUSH]);
	set(&to->discards, s.requests[BLOCK_DISCARD]);
	set(&to->read_ns, s.time_ns[BLOCK_READ]);
	set(&to->write_ns, s.time_ns[BLOCK_WRITE] + s.time_ns[BLOCK_ZEROES]);
	set(&to->flush_ns, s.time_ns[BLOCK_FLUSH]);
}

/* After the back half's turn: one interrupt a queue for all that has ended in it. */
static int turn(void *ctx)
{
	struct disk *d = ctx;
	bool room = blk_queues_turn(&d->q);

	if (room || owners_news(&d->c.f.o)) // or it was the last of a queue that leaves
		card_wake(&d->c);
	d->c.far_under_way = d->serve.under_way;
	tell_numbers(d);
	return 0;
}

/* ---- life ---- */

static void on_resized(void *ctx)
{
	struct disk *d = ctx;
	uint8_t config[BLK_CONFIG_BYTES];

	d->q.front.disk.sectors = block_info(d->b).bytes / BLK_SECTOR;
	set(&d->c.numbers.capacity, block_info(d->b).bytes);
	blk_config(&d->q.front.disk, config);
	card_set_config(&d->c, 0, config, 8);
}

static int open_disk(struct card *c, const char *config, struct card_model *out, char *why, size_t why_cap)
{
	struct disk *d = (struct disk *)c;
	struct disk_config what;
	int r = disk_config_from_json(config, &what, why, why_cap);

	if (!r)
		r = block_open(&what, &d->b, why, why_cap);
	if (r)
		return r;
	struct block_info info = block_info(d->b);
	struct blk_disk *to = &d->q.front.disk;

	*to = (struct blk_disk){.sectors = info.bytes / BLK_SECTOR,
				.read_only = info.read_only,
				.discards = info.discards,
				.block_bytes = info.block_bytes,
				.discard_blocks = info.discard_bytes / BLK_SECTOR,
				.queues = disk_config_queues(&what, c->host->vcpus),
				.queue_size = DISK_QUEUE_SIZE};
	disk_config_serial(&what, c->host->number, to->id);
	set(&c->numbers.capacity, info.bytes);
	blk_queues_init(&d->q, &c->f.s, c->host->mem, &queues_ops, d);
	block_serve_init(&d->serve, &serve_ops, d);
	c->read_only = info.read_only;
	c->discards = info.discards;
	out->p = (struct virtio_params){.type = BLK_TYPE,
					.class_code = BLK_CLASS,
					.queues = to->queues,
					.queue_size = DISK_QUEUE_SIZE,
					.features = blk_features(to),
					.config_bytes = BLK_CONFIG_BYTES};
	blk_config(to, out->config);
	return 0;
}

static void start(struct card *c)
{
	struct disk *d = (struct disk *)c;
	const struct block_events events = {.resized = on_resized, .ctx = d};
	int r = block_start(d->b, c->host->loop, &events);

	if (r) {
		char text[160];

		snprintf(text, sizeof(text), "read or write of %.100s: it cannot be started: %s", block_name(d->b),
			 strerror(-r));
		card_tell(c, CARD_IO_ERROR, text);
	}
	d->poller = (struct loop_poller){.turn = turn, .ctx = d};
	loop_add_poller(c->host->loop, &d->poller); // after the back half's
}

static void drain(struct card *c)
{
	block_hurry(((struct disk *)c)->b);
}

static void reset(struct card *c)
{
	block_forget(((struct disk *)c)->b);
}

static void close_disk(struct card *c)
{
	struct disk *d = (struct disk *)c;

	if (d->poller.ctx)
		loop_remove_poller(c->host->loop, &d->poller);
	c->rest = block_close_begin(d->b);
}

struct block *disk_block(const struct card *c)
{
	return ((const struct disk *)c)->b;
}

const struct card_ops disk_card = {
	.bytes = sizeof(struct disk),
	.open = open_disk,
	.start = start,
	.request = request,
	.full = full,
	.ask = ask,
	.drain = drain,
	.reset = reset,
	.close = close_disk,
};
