// SPDX-License-Identifier: Apache-2.0
/*
 * Pieces by NBD. A piece is in one of three lists: it waits to be asked for (there is no connection), it is asked, or
 * it has ended; libnbd's callbacks only move them, since nothing of libnbd may be called inside of them.
 */
#include "vmm/block/nbd.h"

#include <errno.h>
#include <libnbd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/log.h"
#include "net/now.h"
#include "vmm/block/nbd/connect.h"
#include "vmm/block/qemu.h"

#define LOOK_NS   250000000ull // at who waits too long
#define LISTEN_US 10000u       // to the next try

struct nbd;

/* What a piece is to libnbd: it is asked once, and a late word of an older connection is not its own. */
struct asked {
	struct nbd *n;
	struct block_piece *p; // NULL: free
	bool done, flushing;   // flushing: a write that must be stable is done, and is being made so
	int error;
	uint64_t since_ns; // given by the block
	uint64_t covers;   // of a flush: nbd.written when it was asked for
};

struct nbd {
	struct block *b;
	char uri[DISK_PATH_MAX], name[DISK_PATH_MAX];
	struct qemu_image *q; // who serves it, if that is a child of ours
	bool read_only;
	uint64_t patience_ns;
	struct nbd_handle *h; // NULL: no connection
	struct nbd_volume volume;
	int fd; // watched; -1: none
	unsigned directions;
	struct asked asked[BLOCK_PIECES];
	unsigned under_way, answers; // answers: of them that have one
	uint64_t heard_ns;           // of an answer, or of the moment there was something to wait for
	uint64_t lost_ns;            // since when there is no connection
	uint64_t hurry_ns;           // since when nothing is waited for long; 0: it is
	/* Writes that had their answer, and the first so many of them that a flush has made stable since. */
	uint64_t written, flushed;
	struct loop_timer again, look;
	uint64_t pause_ns;
	/* Of the thread that connects: */
	pthread_t thread;
	bool connecting, stop; // stop: atomic
	struct loop_task connected;
	struct nbd_handle *new_h;
	struct nbd_volume new_volume;
	int new_error;
	char new_why[512];
};

static void pump(struct nbd *n);
static void lose(struct nbd *n, const char *why);

/* ---- the connection and the loop ---- */

static void unwatch(struct nbd *n)
{
	if (n->fd >= 0)
		loop_unwatch(n->b->loop, n->fd);
	n->fd = -1;
	n->directions = 0;
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	struct nbd *n = ctx;
	unsigned wants = nbd_aio_get_direction(n->h);
	int r = 0;

	(void)fd;
	/* One of them in a round: the state that the other was right for is gone after it. */
	if ((wants & LIBNBD_AIO_DIRECTION_READ) && (events & (LOOP_READ | LOOP_HUP)))
		r = nbd_aio_notify_read(n->h);
	else if ((wants & LIBNBD_AIO_DIRECTION_WRITE) && (events & (LOOP_WRITE | LOOP_HUP)))
		r = nbd_aio_notify_write(n->h);
	if (r < 0 && nbd_aio_is_dead(n->h) <= 0)
		lose(n, nbd_get_error());
	else
		pump(n);
}

/* Watches for what libnbd waits for now. False: the connection is gone. */
static bool rewatch(struct nbd *n)
{
	unsigned wants = nbd_aio_get_direction(n->h), events = 0;
	int fd = nbd_aio_get_fd(n->h);

	if (fd < 0)
		return false;
	events |= wants & LIBNBD_AIO_DIRECTION_READ ? LOOP_READ : 0;
	events |= wants & LIBNBD_AIO_DIRECTION_WRITE ? LOOP_WRITE : 0;
	if (fd != n->fd) {
		unwatch(n);
		if (loop_watch(n->b->loop, fd, events, on_ready, n))
			return false;
		n->fd = fd;
	} else if (events != n->directions) {
		loop_rewatch(n->b->loop, fd, events);
	}
	n->directions = events;
	return true;
}

/* ---- pieces ---- */

static int on_answer(void *arg, int *error)
{
	struct asked *a = arg;

	a->done = true;
	a->error = *error;
	a->n->answers++;
	return 1; // libnbd forgets it
}

static void end(struct asked *a, int64_t res)
{
	struct block_piece *p = a->p;
	struct nbd *n = a->n;

	if (a->done)
		n->answers--;
	a->done = false;
	a->p = NULL;
	n->under_way--;
	block_piece_done(n->b, p, res);
}

/* Gives it to libnbd. -EOPNOTSUPP: the server can't do it; 1: there is nothing to do; 0: an answer will come. */
static int ask(struct asked *a)
{
	struct nbd *n = a->n;
	const struct block_piece *p = a->p;
	const nbd_completion_callback done = {.callback = on_answer, .user_data = a};
	uint32_t fua = p->stable && n->volume.fua ? LIBNBD_CMD_FLAG_FUA : 0;
	int64_t cookie;

	a->done = false;
	switch (a->flushing ? BLOCK_FLUSH : p->op) {
	case BLOCK_READ:
		cookie = nbd_aio_pread(n->h, p->buf, p->bytes, p->offset, done, 0);
		break;
	case BLOCK_WRITE:
		cookie = nbd_aio_pwrite(n->h, p->buf, p->bytes, p->offset, done, fua);
		break;
	case BLOCK_FLUSH:
		a->covers = n->written; // what ends later may be stable or not
		if (!n->volume.flush)
			return 1;
		cookie = nbd_aio_flush(n->h, done, 0);
		break;
	case BLOCK_DISCARD:
		if (!n->volume.trim)
			return -EOPNOTSUPP;
		cookie = nbd_aio_trim(n->h, p->bytes, p->offset, done, 0);
		break;
	default:
		if (!n->volume.zero)
			return -EOPNOTSUPP;
		cookie = nbd_aio_zero(n->h, p->bytes, p->offset, done, p->unmap ? 0 : LIBNBD_CMD_FLAG_NO_HOLE);
	}
	if (cookie >= 0)
		return 0;
	return nbd_aio_is_ready(n->h) > 0 || nbd_aio_is_processing(n->h) > 0 ? -EINVAL : -ENOTCONN;
}

/* Asks, or ends what needs no asking. -ENOTCONN: it waits. */
static void try_ask(struct asked *a)
{
	int r = a->n->h ? ask(a) : -ENOTCONN;

	if (r == -ENOTCONN)
		return;
	if (r) {
		a->done = true;
		a->error = r < 0 ? -r : 0;
		a->n->answers++;
	}
}

static void nbd_give(struct block *b, struct block_piece *p)
{
	struct nbd *n = b->back;
	struct asked *a = &n->asked[p - b->pieces];

	PD_CHECK(!a->p);
	*a = (struct asked){.n = n, .p = p, .since_ns = now_ns()};
	if (!n->under_way++)
		n->heard_ns = a->since_ns;
	try_ask(a);
}

/* An answer, of a connection that goes on. */
static void answered(struct asked *a)
{
	struct nbd *n = a->n;
	const struct block_piece *p = a->p;

	n->heard_ns = now_ns();
	n->answers--;
	a->done = false;
	if (a->error) {
		end(a, -a->error);
		return;
	}
	if (p->op == BLOCK_WRITE && p->stable && !n->volume.fua && !a->flushing) {
		a->flushing = true;
		try_ask(a);
		return;
	}
	if ((p->op == BLOCK_FLUSH || a->flushing) && a->covers > n->flushed)
		n->flushed = a->covers;
	else if (p->op != BLOCK_FLUSH && p->op != BLOCK_READ && !p->stable)
		n->written++;
	end(a, (int64_t)p->bytes);
}

/* After anything that libnbd was told: answers, then what it waits for. */
static void pump(struct nbd *n)
{
	do {
		if (n->h && (nbd_aio_is_dead(n->h) > 0 || nbd_aio_is_closed(n->h) > 0)) {
			lose(n, "the server has ended it");
			return;
		}
		for (unsigned i = 0; i < BLOCK_PIECES && n->answers; i++)
			if (n->asked[i].p && n->asked[i].done)
				answered(&n->asked[i]);
	} while (n->answers); // ends lead to new ones
	if (n->h && !rewatch(n))
		lose(n, "it can't be watched");
}

static int nbd_push(struct block *b)
{
	struct nbd *n = b->back;
	unsigned had = n->under_way;

	pump(n);
	return n->under_way != had;
}

/* ---- a lost connection ---- */

static bool out_of_patience(const struct nbd *n, uint64_t now)
{
	return !n->h && (n->hurry_ns || now - n->lost_ns >= n->patience_ns);
}

/* There is a connection, and nothing comes. */
static bool is_silent(const struct nbd *n, uint64_t now)
{
	uint64_t since = n->heard_ns > n->hurry_ns ? n->heard_ns : n->hurry_ns;
	bool hurry = n->hurry_ns && n->patience_ns > NBD_HURRY_NS;

	return n->h && n->under_way && now - since >= (hurry ? NBD_HURRY_NS : n->patience_ns);
}

static void fail_all(struct nbd *n, int error)
{
	for (unsigned i = 0; i < BLOCK_PIECES; i++)
		if (n->asked[i].p)
			end(&n->asked[i], error);
}

static void on_look(void *arg)
{
	struct nbd *n = arg;
	uint64_t now = now_ns();

	if (is_silent(n, now))
		lose(n, "the server answers nothing");
	if (out_of_patience(n, now))
		fail_all(n, -EIO);
	loop_timer_in(n->b->loop, &n->look, LOOK_NS);
}

/* What had no answer is as if it had never been asked. */
static void lose(struct nbd *n, const char *why)
{
	log_warn("disk %s: the connection is lost: %.200s; connecting again%s", n->name, why ? why : "",
		 n->written != n->flushed
			 ? " (if the server itself began anew, what was written since the last flush may be lost)"
			 : "");
	unwatch(n);
	nbd_close(n->h);
	n->h = NULL;
	n->lost_ns = now_ns();
	n->pause_ns = NBD_PAUSE_NS;
	for (unsigned i = 0; i < BLOCK_PIECES; i++)
		n->asked[i].done = n->asked[i].flushing = false;
	n->answers = 0;
	block_connected(n->b, false);
	loop_timer_in(n->b->loop, &n->again, 0);
}

/* A child's socket has its name before it takes connections. */
static int connect_now(struct nbd *n)
{
	uint64_t end = now_ns() + NBD_LISTENS_NS;
	int r;

	while ((r = nbd_connect_to(n->uri, n->read_only, &n->stop, &n->new_h, &n->new_volume, n->new_why,
				   sizeof(n->new_why))) == -ECONNREFUSED &&
	       n->q && now_ns() < end)
		usleep(LISTEN_US);
	return r;
}

static void *connect_thread(void *arg)
{
	struct nbd *n = arg;

	n->new_error = n->q ? qemu_image_revive(n->q, n->new_why, sizeof(n->new_why)) : 0;
	if (!n->new_error)
		n->new_error = connect_now(n);
	loop_call(n->b->loop, &n->connected);
	return NULL;
}

static void on_again(void *arg)
{
	struct nbd *n = arg;

	n->connecting = !pthread_create(&n->thread, NULL, connect_thread, n);
	if (!n->connecting)
		loop_timer_in(n->b->loop, &n->again, NBD_PAUSES_NS);
}

/*
 * The child that had answered has ended, and what it had not written yet may be lost. A flush that the new one carries
 * out says nothing of that: it fails, and so do those that come. There is no connection.
 */
static void doubt(struct nbd *n)
{
	if (!n->q || n->written == n->flushed)
		return;
	log_error("disk %s: qemu-nbd has begun anew, and what was written since the last flush may be lost. Flushes "
		  "fail until the machine is reset",
		  n->name);
	n->b->flush_failed = n->b->said_flush = true;
	n->flushed = n->written;
	for (unsigned i = 0; i < BLOCK_PIECES; i++)
		if (n->asked[i].p && n->asked[i].p->op == BLOCK_FLUSH)
			end(&n->asked[i], -EIO);
}

static void on_connected(void *arg)
{
	struct nbd *n = arg;

	pthread_join(n->thread, NULL);
	n->connecting = false;
	if (n->new_error) {
		if (n->pause_ns == NBD_PAUSE_NS)
			log_warn("%s", n->new_why);
		loop_timer_in(n->b->loop, &n->again, n->pause_ns);
		n->pause_ns = n->pause_ns * 2 < NBD_PAUSES_NS ? n->pause_ns * 2 : NBD_PAUSES_NS;
		return;
	}
	doubt(n);
	n->h = n->new_h;
	n->volume = n->new_volume;
	n->heard_ns = now_ns();
	block_count(&n->b->stats.reconnects, 1);
	log_info("disk %s: connected again after %llu ms; %u requests are asked again", n->name,
		 (unsigned long long)((n->heard_ns - n->lost_ns) / 1000000), n->under_way);
	block_sized(n->b, n->volume.info.bytes);
	for (unsigned i = 0; i < BLOCK_PIECES && n->h; i++)
		if (n->asked[i].p) {
			block_count(&n->b->stats.retried, 1);
			try_ask(&n->asked[i]);
		}
	block_connected(n->b, true);
	pump(n);
}

/* ---- life ---- */

static int nbd_start(struct block *b)
{
	struct nbd *n = b->back;

	n->b = b;
	n->again = (struct loop_timer){.fn = on_again, .arg = n};
	n->look = (struct loop_timer){.fn = on_look, .arg = n};
	n->connected = (struct loop_task){.fn = on_connected, .arg = n};
	loop_timer_in(b->loop, &n->look, LOOK_NS);
	return rewatch(n) ? 0 : -EIO;
}

/* Nothing is waited for: buffers are touched by our own calls only. */
static void nbd_wait(struct block *b)
{
	fail_all(b->back, -ECANCELED);
}

static void nbd_hurry(struct block *b)
{
	struct nbd *n = b->back;

	n->hurry_ns = now_ns();
	if (!n->h)
		fail_all(n, -EIO);
}

/* Who begins now may wait for the volume again. */
static void nbd_forget(struct block *b)
{
	struct nbd *n = b->back;

	n->hurry_ns = 0;
	if (!n->h)
		n->lost_ns = now_ns();
}

static void give_up(struct nbd *n)
{
	if (n->h)
		nbd_close(n->h);
	if (n->q)
		qemu_image_close(n->q);
	free(n);
}

static void end_image(void *image)
{
	qemu_image_close(image);
}

static void nbd_end(struct block *b)
{
	struct nbd *n = b->back;

	if (n->b) {
		loop_timer_stop(&n->again);
		loop_timer_stop(&n->look);
		unwatch(n);
	}
	if (n->connecting) {
		__atomic_store_n(&n->stop, true, __ATOMIC_RELAXED);
		pthread_join(n->thread, NULL);
		loop_uncall(b->loop, &n->connected);
		if (!n->new_error)
			nbd_close(n->new_h);
	}
	if (n->h)
		nbd_aio_disconnect(n->h, 0); // a word to the server, if it can be said at once
	if (n->q)
		b->rest = (struct block_rest){end_image, n->q};
	n->q = NULL;
	give_up(n);
}

static const struct block_ops nbd_ops = {
	.kind = "nbd",
	.start = nbd_start,
	.give = nbd_give,
	.push = nbd_push,
	.wait = nbd_wait,
	.hurry = nbd_hurry,
	.forget = nbd_forget,
	.close = nbd_end,
};

int nbd_block_open(const struct disk_config *c, const char *uri, struct qemu_image *q, struct block **out, char *why,
		   size_t why_cap)
{
	struct nbd *n = calloc(1, sizeof(*n));
	if (!n) {
		if (q)
			qemu_image_close(q);
		snprintf(why, why_cap, "disk %.200s: no memory", c->path);
		return -ENOMEM;
	}
	n->fd = -1;
	n->q = q;
	n->read_only = c->read_only;
	n->patience_ns = NBD_PATIENCE_NS;
	snprintf(n->uri, sizeof(n->uri), "%s", uri);
	snprintf(n->name, sizeof(n->name), "%s", c->path);
	int r = connect_now(n);

	if (r)
		snprintf(why, why_cap, "%s", n->new_why);
	if (r && q)
		r = qemu_image_explain(q, r, why, why_cap);
	if (r) {
		give_up(n);
		return r;
	}
	n->h = n->new_h;
	n->volume = n->new_volume;
	n->volume.info.discards &= c->discard;
	*out = block_make(&nbd_ops, n, n->name, &n->volume.info);
	if (*out)
		return 0;
	snprintf(why, why_cap, "disk %.200s: no memory for its buffers", c->path);
	give_up(n);
	return -ENOMEM;
}

void nbd_block_patience(struct block *b, uint64_t ns)
{
	((struct nbd *)b->back)->patience_ns = ns;
}
