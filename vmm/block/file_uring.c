// SPDX-License-Identifier: Apache-2.0
/*
 * Pieces of a file or a device by an io_uring of its own: one system call gives what a round has gathered. That
 * something has ended the loop sees at the ring's descriptor, whatever the loop itself waits in. What blocks (a cold
 * cache, fdatasync, fallocate) the kernel does on threads of its own.
 */
#include <errno.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/block/file.h"

#define BATCH 32u

struct ring {
	struct io_uring u;
	struct block *b;
};

static int handle(struct ring *r)
{
	struct io_uring_cqe *ready[BATCH];
	struct {
		struct block_piece *p;
		int res;
	} ended[BATCH];
	unsigned there = io_uring_peek_batch_cqe(&r->u, ready, BATCH), n = 0;

	for (uint64_t bytes = 0; n < there && bytes < BLOCK_TURN_BYTES; n++) {
		ended[n].p = io_uring_cqe_get_data(ready[n]);
		ended[n].res = ready[n]->res;
		bytes += ended[n].p->buffer ? ended[n].p->bytes : 0;
	}
	io_uring_cq_advance(&r->u, n);
	for (unsigned i = 0; i < n; i++)
		block_piece_done(r->b, ended[i].p, ended[i].res);
	return (int)n;
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	(void)fd;
	(void)events;
	handle(ctx);
}

static int file_start(struct block *b)
{
	struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE, .cq_entries = 2 * BLOCK_PIECES};
	struct file *f = b->back;
	struct ring *r = calloc(1, sizeof(*r));
	int e = r ? io_uring_queue_init_params(BLOCK_PIECES, &r->u, &params) : -ENOMEM;

	if (e) {
		log_error("disk %s: io_uring is not available: %s", b->name, strerror(-e));
		free(r);
		return e;
	}
	r->b = b;
	e = loop_watch(b->loop, r->u.ring_fd, LOOP_READ, on_ready, r);
	if (e) {
		io_uring_queue_exit(&r->u);
		free(r);
		return e;
	}
	f->ring = r;
	return 0;
}

static void prepare(const struct file *f, struct io_uring_sqe *s, const struct block_piece *p)
{
	int how = FALLOC_FL_KEEP_SIZE |
		  (p->op == BLOCK_DISCARD || p->unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);

	switch (p->op) {
	case BLOCK_READ:
		io_uring_prep_read(s, f->fd, p->buf, (unsigned)p->bytes, p->offset);
		break;
	case BLOCK_WRITE:
		io_uring_prep_write(s, f->fd, p->buf, (unsigned)p->bytes, p->offset);
		s->rw_flags = p->stable ? RWF_DSYNC : 0;
		break;
	case BLOCK_FLUSH:
		io_uring_prep_fsync(s, f->fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(s, f->fd, how, (off_t)p->offset, (off_t)p->bytes);
	}
	io_uring_sqe_set_data(s, (void *)p);
}

/* As many places as there are pieces: there is always one, but for what the kernel would not take yet. */
static void file_give(struct block *b, struct block_piece *p)
{
	struct file *f = b->back;
	struct ring *r = f->ring;
	struct io_uring_sqe *s;

	while (!(s = io_uring_get_sqe(&r->u)))
		io_uring_submit(&r->u);
	prepare(f, s, p);
}

static int file_push(struct block *b)
{
	struct ring *r = ((struct file *)b->back)->ring;

	if (io_uring_sq_ready(&r->u))
		io_uring_submit(&r->u); // what it does not take now it takes in the next round
	return handle(r);
}

static int size_of(struct block *b, uint64_t *bytes)
{
	return file_size(b->back, bytes);
}

static void file_wait(struct block *b)
{
	struct ring *r = ((struct file *)b->back)->ring;

	io_uring_submit_and_wait(&r->u, 1);
	handle(r);
}

static void file_close(struct block *b)
{
	struct file *f = b->back;
	struct ring *r = f->ring;

	if (r) {
		loop_unwatch(b->loop, r->u.ring_fd);
		io_uring_queue_exit(&r->u);
		free(r);
	}
	close(f->fd);
	free(f);
}

const struct block_ops file_uring_ops = {
	.kind = "file",
	.start = file_start,
	.give = file_give,
	.push = file_push,
	.size = size_of,
	.wait = file_wait,
	.close = file_close,
};
