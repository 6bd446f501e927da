// SPDX-License-Identifier: Apache-2.0
/*
 * Pieces of a file or a device by an io_uring of its own: one system call gives what a round has gathered. That
 * something has ended the loop sees at the ring's descriptor, whatever the loop itself waits in. What blocks (a cold
 * cache, fdatasync, fallocate) the kernel does on threads of its own.
 */
#include <errno.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "net/mutex.h"
#include "net/uring_limit.h"
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

static int ring_open(struct io_uring *u)
{
	static const struct uring_limit limit = {
		.ops = {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC, IORING_OP_FALLOCATE}, .ops_n = 4};
	struct io_uring_params params = {.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED,
					 .cq_entries = 2 * BLOCK_PIECES};
	int e = io_uring_queue_init_params(BLOCK_PIECES, u, &params);

	if (e)
		return e;
	e = uring_limit(u, &limit);
	if (!e)
		e = uring_enable(u);
	if (e)
		io_uring_queue_exit(u);
	return e;
}

/*
 * Rings that are made before they are needed: a process that is sandboxed can make none. They are handed out, and come
 * back, each with nothing of the last disk in it.
 */
static struct {
	pthread_mutex_t lock;
	pthread_once_t made;
	struct io_uring v[BLOCK_RINGS_MAX];
	unsigned n;
	bool keeping;
} kept = {.made = PTHREAD_ONCE_INIT};

static void make_lock(void)
{
	mutex_init(&kept.lock);
}

static void lock_kept(void)
{
	pthread_once(&kept.made, make_lock);
	pthread_mutex_lock(&kept.lock);
}

int block_keep_rings(unsigned n)
{
	int r = 0;

	lock_kept();
	kept.keeping = true;
	while (kept.n < n && kept.n < BLOCK_RINGS_MAX && !r) {
		r = ring_open(&kept.v[kept.n]);
		kept.n += !r;
	}
	pthread_mutex_unlock(&kept.lock);
	return r;
}

static int ring_take(struct io_uring *u)
{
	lock_kept();
	bool has = kept.n;

	if (has)
		*u = kept.v[--kept.n];
	pthread_mutex_unlock(&kept.lock);
	return has ? 0 : ring_open(u);
}

static void ring_give_back(struct io_uring *u)
{
	lock_kept();
	bool takes = kept.keeping && kept.n < BLOCK_RINGS_MAX;

	if (takes)
		kept.v[kept.n++] = *u;
	pthread_mutex_unlock(&kept.lock);
	if (!takes)
		io_uring_queue_exit(u);
}

static int file_start(struct block *b)
{
	struct file *f = b->back;
	struct ring *r = calloc(1, sizeof(*r));
	int e = r ? ring_take(&r->u) : -ENOMEM;

	if (e) {
		log_error("disk %s: io_uring is not available: %s%s", b->name, strerror(-e),
			  e == -EACCES ? " (this host is sandboxed, and all rings that it keeps for disks are in use)"
				       : "");
		free(r);
		return e;
	}
	r->b = b;
	e = loop_watch(b->loop, r->u.ring_fd, LOOP_READ, on_ready, r);
	if (e) {
		ring_give_back(&r->u);
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
		ring_give_back(&r->u); // nothing is under way any more: block_close() has waited for it
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
