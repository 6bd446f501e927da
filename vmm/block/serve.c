// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"

/* A piece that the back half has, with its data behind it. */
struct served {
	struct block_request r;
	struct block_serve *s;
	host_id from;
	uint64_t id;
	uint32_t carried; // bytes of data, as they count for its host
	uint8_t data[];
};

void block_serve_init(struct block_serve *s, const struct block_serve_ops *ops, void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->ctx = ctx;
}

static bool copy(struct block_request *r, uint64_t at, void *buf, size_t n)
{
	struct served *x = (struct served *)r; // its first member

	if (r->op == BLOCK_WRITE)
		memcpy(buf, x->data + at, n);
	else
		memcpy(x->data + at, buf, n);
	return true;
}

/* What its front half does not want any more is no error. */
static void count(struct block_serve *s, const struct block_request *r, int error)
{
	if (error && error != -ECANCELED) {
		s->errors++;
		s->ops->failed(s->ctx, r->op, r->offset, r->bytes, error);
	} else if (r->op == BLOCK_READ) {
		s->bytes_read += error ? 0 : r->bytes;
	} else if (r->op == BLOCK_WRITE) {
		s->bytes_written += error ? 0 : r->bytes;
	}
}

static void done(struct block_request *r, int error)
{
	struct served *x = (struct served *)r;
	struct block_serve *s = x->s;
	bool data = r->op == BLOCK_READ && !error;
	struct block_answer a = {
		.id = x->id, .error = error, .data = data ? x->data : NULL, .bytes = data ? x->carried : 0};
	uint16_t queue = r->queue;

	count(s, r, error);
	s->peers[x->from].asks--;
	s->peers[x->from].bytes -= x->carried;
	s->under_way--;
	s->ops->answer(s->ctx, x->from, &a);
	free(x);
	s->ops->ended(s->ctx, queue);
}

/* It makes sense by itself, whatever disk it is for. */
static bool possible(const struct block_ask *a)
{
	if ((unsigned)a->op >= BLOCK_OPS || !a->id || a->offset % BLOCK_SECTOR || a->bytes % BLOCK_SECTOR)
		return false;
	if (a->op == BLOCK_FLUSH)
		return !a->offset && !a->bytes;
	if (!a->bytes || a->offset > UINT64_MAX - a->bytes || a->reach < a->offset + a->bytes)
		return false;
	return a->bytes <= (block_op_has_data(a->op) ? BLOCK_ASK_BYTES : BLOCK_REQUEST_BYTES - BLOCK_SECTOR);
}

static bool room(const struct block_serve *s, host_id from, uint32_t carried)
{
	return s->peers[from].asks < BLOCK_ASKS_MAX && s->peers[from].bytes + carried <= BLOCK_ASKS_BYTES;
}

/* What the disk cannot do. A request that goes over its end is refused whole: no piece of it is carried out. */
static int against(const struct block_info *i, const struct block_ask *a)
{
	if (a->op != BLOCK_FLUSH && a->reach > i->bytes)
		return -EIO;
	return i->read_only && a->op != BLOCK_READ && a->op != BLOCK_FLUSH ? -EROFS : 0;
}

static struct served *make(struct block_serve *s, host_id from, const struct block_ask *a, uint32_t carried)
{
	struct served *x = malloc(sizeof(*x) + carried);

	if (!x)
		return NULL;
	*x = (struct served){.r = {.op = a->op,
				   .stable = a->stable,
				   .unmap = a->unmap,
				   .offset = a->offset,
				   .bytes = a->bytes,
				   .copy = copy,
				   .done = done,
				   .queue = a->queue},
			     .s = s,
			     .from = from,
			     .id = a->id,
			     .carried = carried};
	if (a->op == BLOCK_WRITE)
		memcpy(x->data, a->data, carried);
	return x;
}

int block_serve_ask(struct block_serve *s, host_id from, const struct block_ask *a)
{
	uint32_t carried = possible(a) && block_op_has_data(a->op) ? (uint32_t)a->bytes : 0;

	PD_CHECK(from < HOSTS_MAX);
	if (!possible(a) || !room(s, from, carried) || !s->ops->begins(s->ctx, from, a->queue, a->turn))
		return -EPROTO;
	struct block_info info = s->ops->info(s->ctx);
	int error = against(&info, a);
	struct served *x = error ? NULL : make(s, from, a, carried);

	s->asks++;
	s->bytes += carried;
	if (!x) {
		s->refused++;
		s->errors++;
		s->ops->answer(s->ctx, from, &(struct block_answer){.id = a->id, .error = error ? error : -ENOMEM});
		s->ops->ended(s->ctx, a->queue);
		return 0;
	}
	s->peers[from].asks++;
	s->peers[from].bytes += carried;
	s->under_way++;
	s->ops->submit(s->ctx, &x->r);
	return 0;
}
