// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"
#include "net/log.h"
#include "net/now.h"
#include "vmm/block/block_priv.h"
#include "vmm/block/nbd.h"
#include "vmm/block/qemu.h"

static const char *const op_names[BLOCK_OPS] = {"read", "write", "flush", "discard", "zeroes"};

/* ---- ends ---- */

static void end(struct block *b, struct block_request *r)
{
	int error = r->error;

	block_count(&b->stats.under_way, (uint64_t)-1);
	block_count(&b->stats.time_ns[r->op], now_ns() - r->begun_ns);
	if (error == -ECANCELED)
		block_count(&b->stats.canceled, 1);
	else if (error)
		block_count(&b->stats.errors[r->op], 1);
	else
		block_count(&b->stats.bytes[r->op], r->bytes);
	if (error && error != -ECANCELED && !b->said_error) {
		b->said_error = true;
		log_warn("disk %s: %s of %llu bytes at %llu: %s (the guest is told; errors are counted from here on)",
			 b->name, op_names[r->op], (unsigned long long)r->bytes, (unsigned long long)r->offset,
			 strerror(-error));
	}
	r->done(r, error);
}

static void wait_turn(struct block *b, struct block_request *r)
{
	r->waiting = true;
	r->next = NULL;
	*b->last = r;
	b->last = &r->next;
}

/* Nothing of it is with the disk, and nothing is left to give. */
static void ended(struct block *b, struct block_request *r)
{
	if (!r->error && r->op == BLOCK_ZEROES && r->stable && !r->zero && !r->forced)
		wait_turn(b, r); // what has no FLUSH is made stable by us
	else
		end(b, r);
}

static void fail(struct block_request *r, int error)
{
	if (!r->error)
		r->error = error;
}

/* ---- pieces ---- */

static struct block_piece *take_piece(struct block *b, struct block_request *r)
{
	struct block_piece *p = b->free_pieces;

	if (!p)
		return NULL;
	b->free_pieces = p->next;
	b->pieces_out++;
	r->pieces++;
	memset(p, 0, sizeof(*p));
	p->r = r;
	p->op = r->op;
	p->offset = r->offset;
	p->bytes = r->bytes;
	return p;
}

static void put_piece(struct block *b, struct block_piece *p)
{
	if (p->buffer)
		bounce_put(&b->bounce, p->buffer);
	p->r->pieces--;
	b->pieces_out--;
	p->next = b->free_pieces;
	b->free_pieces = p;
}

/* The next part of its data. False: there is no room for it now. */
static bool give_data(struct block *b, struct block_request *r, bool spare)
{
	uint64_t left = r->bytes - r->at, n = left < BOUNCE_LARGE_BYTES ? left : BOUNCE_LARGE_BYTES;
	uint8_t *buf = b->free_pieces ? bounce_get(&b->bounce, n, spare) : NULL;

	if (!buf)
		return false;
	struct block_piece *p = take_piece(b, r);

	p->op = r->zero ? BLOCK_WRITE : r->op;
	p->stable = r->stable;
	p->offset = r->offset + r->at;
	p->bytes = n;
	p->at = r->at;
	p->buf = p->buffer = buf;
	r->at += n;
	if (r->zero)
		memset(buf, 0, n);
	else if (r->op == BLOCK_WRITE && !r->copy(r, p->at, buf, n)) {
		fail(r, -ECANCELED);
		put_piece(b, p);
		return true;
	}
	b->copied += p->op == BLOCK_WRITE ? n : 0;
	b->ops->give(b, p);
	return true;
}

static bool give_whole(struct block *b, struct block_request *r, enum block_op op)
{
	struct block_piece *p = take_piece(b, r);

	if (!p)
		return false;
	p->op = op;
	p->unmap = r->unmap;
	r->at = r->bytes;
	r->forced |= op == BLOCK_FLUSH;
	b->ops->give(b, p);
	return true;
}

static bool has_data(const struct block_request *r)
{
	return r->op == BLOCK_READ || r->op == BLOCK_WRITE || r->zero;
}

/* One piece more. False: there is no room. */
static bool give(struct block *b, struct block_request *r, bool spare)
{
	if (r->op != BLOCK_FLUSH && r->at < r->bytes)
		return has_data(r) ? give_data(b, r, spare) : give_whole(b, r, r->op);
	if (r->op == BLOCK_FLUSH && b->flush_failed) {
		fail(r, -EIO);
		return true;
	}
	return give_whole(b, r, BLOCK_FLUSH);
}

static bool more_to_give(const struct block_request *r)
{
	if (r->error)
		return false;
	if (r->at < r->bytes)
		return true;
	return (r->op == BLOCK_FLUSH || (r->op == BLOCK_ZEROES && r->stable && !r->zero && !r->pieces)) && !r->forced;
}

static bool tired(const struct block *b)
{
	return b->copied >= BLOCK_TURN_BYTES;
}

/*
 * Gives what there is room for, in order; who needs a large buffer that is not there is passed by those that do with a
 * small one, and they leave the large ones alone. Returns how many requests have moved, or had a piece given: then
 * there may be more to give.
 */
static int pump(struct block *b)
{
	struct block_request **at = &b->first, *r;
	bool spare = true;
	int moved = 0;

	b->copied = 0;
	while ((r = *at)) {
		while (more_to_give(r) && r->pieces < BLOCK_PIECES_REQUEST && !tired(b) && give(b, r, spare))
			moved++;
		if (more_to_give(r)) {
			if (tired(b))
				break; // moved, so it is asked again
			if (r->pieces < BLOCK_PIECES_REQUEST && spare) {
				spare = false;
				block_count(&b->stats.waited, 1);
			}
			at = &r->next;
			continue;
		}
		*at = r->next;
		if (b->last == &r->next)
			b->last = at;
		r->waiting = false;
		moved++;
		if (!r->pieces)
			ended(b, r); // may add to the end of the list, or ask for more
	}
	return moved;
}

/* ---- what comes back ---- */

static void say_once(bool *said, const struct block *b, const char *what)
{
	if (!*said)
		log_info("disk %s: %s", b->name, what);
	*said = true;
}

/* The disk can't do it. True: something else is done instead. */
static bool instead(struct block *b, struct block_piece *p, int error)
{
	struct block_request *r = p->r;

	if (error != -EOPNOTSUPP && error != -ENOTTY && error != -ENOSYS)
		return false;
	if (p->op == BLOCK_DISCARD) {
		block_count(&b->stats.discards_ignored, 1);
		say_once(&b->said_discard, b, "discards are ignored: what it is on can't do them");
		return true;
	}
	if (p->op != BLOCK_ZEROES)
		return false;
	block_count(&b->stats.zeroes_written, 1);
	say_once(&b->said_zeroes, b, "zeroes are written as data: what it is on has no faster way");
	r->zero = true;
	r->at = 0;
	wait_turn(b, r);
	return true;
}

static void failed(struct block *b, struct block_piece *p, int error)
{
	if (instead(b, p, error))
		return;
	fail(p->r, error);
	if (p->op == BLOCK_FLUSH && error != -ECANCELED) {
		b->flush_failed = true;
		if (!b->said_flush)
			log_error("disk %s: what was written may not be on the disk: %s. Flushes fail until the "
				  "machine is reset",
				  b->name, strerror(-error));
		b->said_flush = true;
	}
}

/*
 * A part is done. Direct I/O goes on where a sector begins. True: the piece is with the disk again.
 */
static bool go_on(struct block *b, struct block_piece *p, uint64_t n)
{
	uint64_t end_at = p->offset + n;

	n -= n % BLOCK_SECTOR;
	if (p->op == BLOCK_READ && end_at >= b->data_bytes) {
		uint64_t there = end_at - p->offset;

		memset(p->buf + there, 0, p->bytes - there);
		return false;
	}
	if (!n) {
		fail(p->r, -EIO); // the end of a device, or a file that is shorter than it was
		block_look(b);
		return false;
	}
	block_count(&b->stats.continued, 1);
	p->offset += n;
	p->buf += n;
	p->bytes -= n;
	b->ops->give(b, p);
	return true;
}

/* All of a piece is done. */
static void whole(struct block *b, struct block_piece *p)
{
	struct block_request *r = p->r;

	if (p->op == BLOCK_WRITE && p->offset + p->bytes > b->data_bytes)
		b->data_bytes = p->offset + p->bytes;
	if (p->op != BLOCK_READ || r->error)
		return;
	uint64_t n = (uint64_t)(p->buf - p->buffer) + p->bytes;

	if (!r->copy(r, p->at, p->buffer, n))
		fail(r, -ECANCELED);
}

void block_piece_done(struct block *b, struct block_piece *p, int64_t res)
{
	struct block_request *r = p->r;

	if ((res == -EINTR || res == -EAGAIN) && !b->closing) {
		b->ops->give(b, p);
		return;
	}
	if (res < 0)
		failed(b, p, (int)res);
	else if (p->buffer && (uint64_t)res < p->bytes && go_on(b, p, (uint64_t)res))
		return;
	else if (!r->error)
		whole(b, p);
	put_piece(b, p);
	if (!r->pieces && !r->waiting)
		ended(b, r);
}

/* ---- sizes ---- */

void block_sized(struct block *b, uint64_t bytes)
{
	uint64_t sectors = (bytes + BLOCK_SECTOR - 1) / BLOCK_SECTOR * BLOCK_SECTOR;

	b->data_bytes = bytes;
	if (sectors == b->info.bytes)
		return;
	log_info("disk %s: it has %llu bytes now, and had %llu", b->name, (unsigned long long)sectors,
		 (unsigned long long)b->info.bytes);
	__atomic_store_n(&b->info.bytes, sectors, __ATOMIC_RELAXED);
	block_count(&b->stats.resizes, 1);
	b->resized = true;
}

void block_look(struct block *b)
{
	uint64_t bytes;

	if (b->ops->size && !b->ops->size(b, &bytes))
		block_sized(b, bytes);
}

static void on_look(void *arg)
{
	struct block *b = arg;

	block_look(b);
	loop_timer_in(b->loop, &b->look, BLOCK_LOOK_NS);
}

void block_connected(struct block *b, bool yes)
{
	if (b->events.connected)
		b->events.connected(b->events.ctx, yes);
}

/* ---- life ---- */

struct block *block_make(const struct block_ops *ops, void *back, const char *name, const struct block_info *info)
{
	struct block *b = calloc(1, sizeof(*b));

	if (!b || bounce_init(&b->bounce)) {
		free(b);
		return NULL;
	}
	b->ops = ops;
	b->back = back;
	b->info = *info;
	b->data_bytes = info->bytes;
	b->last = &b->first;
	snprintf(b->name, sizeof(b->name), "%s", name);
	block_readers_init(b);
	for (unsigned i = BLOCK_PIECES; i-- > 0;) {
		b->pieces[i].next = b->free_pieces;
		b->free_pieces = &b->pieces[i];
	}
	return b;
}

int block_open(const struct disk_config *c, struct block **out, char *why, size_t why_cap)
{
	char uri[DISK_PATH_MAX];
	struct qemu_image *q;
	int r = disk_config_check(c, why, why_cap);

	if (r)
		return r;
	if (disk_config_place(c) == DISK_FILE && c->format == DISK_RAW)
		return file_open(c, out, why, why_cap);
	if (disk_config_place(c) == DISK_NBD)
		return nbd_block_open(c, c->path, NULL, out, why, why_cap);
	r = qemu_image_open(c, &q, uri, why, why_cap);
	return r ? r : nbd_block_open(c, uri, q, out, why, why_cap);
}

static int end_waiting(struct block *b, int error)
{
	struct block_request *r;
	int n = 0;

	for (; (r = b->first); n++) {
		b->first = r->next;
		if (!b->first)
			b->last = &b->first;
		r->waiting = false;
		fail(r, error);
		if (!r->pieces)
			end(b, r);
	}
	return n;
}

static int turn(void *ctx)
{
	struct block *b = ctx;
	int moved = b->dead ? end_waiting(b, -EIO) : pump(b) + b->ops->push(b);

	if (b->resized) {
		b->resized = false;
		if (b->events.resized)
			b->events.resized(b->events.ctx);
		moved++;
	}
	return moved;
}

int block_start(struct block *b, struct loop *l, const struct block_events *ev)
{
	b->loop = l;
	if (ev)
		b->events = *ev;
	int r = b->ops->start(b);

	b->dead = r != 0;
	b->poller = (struct loop_poller){.turn = turn, .ctx = b};
	loop_add_poller(l, &b->poller);
	b->look = (struct loop_timer){.fn = on_look, .arg = b};
	if (b->ops->size && !r)
		loop_timer_in(l, &b->look, BLOCK_LOOK_NS);
	block_readers_start(b);
	return r;
}

struct block_rest block_close_begin(struct block *b)
{
	struct block_rest rest = {NULL, NULL};

	if (!b)
		return rest;
	b->closing = true;
	while (b->loop && (b->first || b->pieces_out)) {
		end_waiting(b, -ECANCELED);
		if (b->pieces_out)
			b->ops->wait(b);
	}
	if (b->loop) {
		loop_remove_poller(b->loop, &b->poller);
		loop_timer_stop(&b->look);
	}
	block_readers_close(b);
	b->ops->close(b);
	rest = b->rest;
	bounce_free(&b->bounce);
	free(b);
	return rest;
}

void block_close(struct block *b)
{
	struct block_rest rest = block_close_begin(b);

	if (rest.end)
		rest.end(rest.ctx);
}

void block_submit(struct block *b, struct block_request *r)
{
	bool inside =
		r->bytes < BLOCK_REQUEST_BYTES && r->offset <= b->info.bytes && r->bytes <= b->info.bytes - r->offset;

	r->block = b;
	r->begun_ns = now_ns();
	r->at = 0;
	r->pieces = 0;
	r->zero = r->forced = false;
	r->error = inside ? 0 : -EINVAL;
	if (b->info.read_only && (r->op == BLOCK_WRITE || r->op == BLOCK_DISCARD || r->op == BLOCK_ZEROES))
		r->error = -EROFS;
	block_count(&b->stats.requests[r->op], 1);
	block_count(&b->stats.under_way, 1);
	wait_turn(b, r);
}

void block_hurry(struct block *b)
{
	if (b->ops->hurry)
		b->ops->hurry(b);
}

void block_forget(struct block *b)
{
	b->flush_failed = b->said_flush = b->said_error = false;
	if (b->ops->forget)
		b->ops->forget(b);
}

struct block_info block_info(const struct block *b)
{
	struct block_info i = b->info;

	i.bytes = __atomic_load_n(&b->info.bytes, __ATOMIC_RELAXED);
	return i;
}

struct block_stats block_stats(const struct block *b)
{
	struct block_stats s;
	uint64_t *to = (uint64_t *)&s;
	const uint64_t *from = (const uint64_t *)&b->stats;

	for (size_t i = 0; i < sizeof(s) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	return s;
}

const char *block_name(const struct block *b)
{
	return b->name;
}

const char *block_kind(const struct block *b)
{
	return b->ops->kind;
}
