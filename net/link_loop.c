// SPDX-License-Identifier: Apache-2.0
/*
 * Links inside one process: two links, possibly run by two threads, joined by a pipe of frames. The
 * frames are encoded and decoded as on the wire, so everything above behaves as over TCP, without
 * sockets.
 *
 * A pipe has one lock, held for a few instructions and never across a call into a link; it is the
 * only lock here (no order). The sides find each other through the pipe only, so that either may go
 * first.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "net/link_priv.h"
#include "net/mutex.h"

#define PIPE_BYTES    (4u << 20) // on the way to one side at most: what a socket's buffers are to TCP
#define FRAMES_A_WAIT 256u       // handled from one peer before others and watches get their turn

struct loop_side {
	struct link *link;               // NULL: this side is gone
	struct link_frame *head, **tail; // on the way to this side
	size_t bytes;
	bool stuck; // this side waits for room to send
};

struct loop_pipe {
	pthread_mutex_t lock;
	unsigned users;
	struct loop_side side[2];
};

struct loop_peer {
	struct loop_pipe *pipe;
	unsigned self; // our side
};

/* The link's own part: what its peers call for to wake its owner, who then looks at all of them. */
static void awake(void *arg)
{
	(void)arg;
}

static int create(struct link *l)
{
	struct loop_task *task = calloc(1, sizeof(*task));

	if (!task)
		return -ENOMEM;
	task->fn = awake;
	l->tp = task;
	return 0;
}

static void destroy(struct link *l)
{
	loop_uncall(l->loop, l->tp);
	free(l->tp);
}

/* Called under the pipe's lock: the side can't go meanwhile. */
static void wake(struct loop_side *s)
{
	if (s->link)
		loop_call(s->link->loop, s->link->tp);
}

/* ---- pipes ---- */

static void pipe_put(struct loop_pipe *pipe)
{
	pthread_mutex_lock(&pipe->lock);
	bool last = --pipe->users == 0;
	pthread_mutex_unlock(&pipe->lock);
	if (last) {
		pthread_mutex_destroy(&pipe->lock);
		free(pipe);
	}
}

static int end_open(struct link_peer *p, struct loop_pipe *pipe, unsigned side)
{
	struct loop_peer *lp = calloc(1, sizeof(*lp));

	if (!lp)
		return -ENOMEM;
	*lp = (struct loop_peer){.pipe = pipe, .self = side};
	p->tp = lp;
	pipe->side[side].link = p->link;
	pipe->side[side].tail = &pipe->side[side].head;
	pipe->users++;
	return 0;
}

static int join(struct loop_pipe *pipe, unsigned side, struct link *l, unsigned number)
{
	struct link_peer *p;
	int r = link_peer_new(l, number, -1, &p);

	if (r)
		return r;
	r = end_open(p, pipe, side);
	if (r)
		link_remove(l, number);
	return r;
}

int link_join_loop(struct link *a, unsigned pa, struct link *b, unsigned pb)
{
	struct loop_pipe *pipe;
	int r;

	if (a->ops != &link_loop_ops || b->ops != &link_loop_ops)
		return -EINVAL;
	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	mutex_init(&pipe->lock);
	pipe->users = 1; // ours, until both ends are open
	r = join(pipe, 0, a, pa);
	if (!r) {
		r = join(pipe, 1, b, pb);
		if (r)
			link_remove(a, pa);
	}
	pipe_put(pipe);
	return r;
}

static void detach(struct link *l, struct link_peer *p)
{
	struct loop_peer *lp = p->tp;
	struct link_frame *rest;

	if (!lp)
		return;
	struct loop_side *own = &lp->pipe->side[lp->self];

	pthread_mutex_lock(&lp->pipe->lock);
	own->link = NULL;
	rest = own->head;
	own->head = NULL;
	own->tail = &own->head;
	wake(&lp->pipe->side[!lp->self]);
	pthread_mutex_unlock(&lp->pipe->lock);
	while (rest) {
		struct link_frame *next = rest->next;

		link_frame_put(l, rest);
		rest = next;
	}
	pipe_put(lp->pipe);
	lp->pipe = NULL;
}

/* Moves what fits. Under the lock: once a frame is in the pipe, the other side may free it. */
static bool push_batch(struct link_peer *p, struct loop_side *own, struct loop_side *to)
{
	unsigned n = p->batch_n, k;
	struct link_frame *moved[LINK_BATCH_FRAMES];

	for (k = 0; k < n && to->bytes < PIPE_BYTES; k++) {
		moved[k] = p->batch[k];
		to->bytes += moved[k]->bytes;
	}
	link_batch_moved(p, k);
	if (k && !to->head)
		wake(to);
	for (unsigned i = 0; i < k; i++) {
		moved[i]->next = NULL;
		*to->tail = moved[i];
		to->tail = &moved[i]->next;
	}
	own->stuck = k < n;
	return !own->stuck;
}

static void push(struct link *l, struct link_peer *p)
{
	struct loop_peer *lp = p->tp;
	struct loop_side *own = &lp->pipe->side[lp->self], *to = &lp->pipe->side[!lp->self];
	bool more = true;

	(void)l;
	while (more && link_batch_fill(p)) {
		pthread_mutex_lock(&lp->pipe->lock);
		bool there = to->link != NULL;
		more = there && push_batch(p, own, to);
		pthread_mutex_unlock(&lp->pipe->lock);
		if (!there)
			link_tx_fail(p);
	}
}

/* ---- receiving ---- */

/* Takes frames off the pipe. *gone: the other side is, and everything it sent has been taken. */
static struct link_frame *take(struct loop_peer *lp, bool *gone, bool *room)
{
	struct loop_side *own = &lp->pipe->side[lp->self], *other = &lp->pipe->side[!lp->self];

	pthread_mutex_lock(&lp->pipe->lock);
	struct link_frame *first = own->head, **at = &own->head;
	for (unsigned n = 0; *at && n < FRAMES_A_WAIT; n++) {
		own->bytes -= (*at)->bytes;
		at = &(*at)->next;
	}
	own->head = *at;
	*at = NULL;
	if (own->head)
		wake(own); // the rest is for the next round
	else
		own->tail = &own->head;
	if (first && other->stuck) {
		other->stuck = false;
		wake(other);
	}
	*gone = !first && !other->link;
	*room = !own->stuck;
	pthread_mutex_unlock(&lp->pipe->lock);
	return first;
}

static int serve(struct link *l, struct link_peer *p)
{
	bool gone, room;
	struct link_frame *f = take(p->tp, &gone, &room);
	int handled = gone;

	p->holds++; // on_msg may remove p
	while (f) {
		struct link_frame *next = f->next;

		handled++;
		link_rx(p, f->data, f->bytes);
		link_frame_put(l, f);
		f = next;
	}
	if (gone)
		link_down(p, "closed the connection");
	if (room && p->queued_bytes)
		link_mark_dirty(p);
	p->holds--;
	return handled;
}

static int look(struct link *l)
{
	int handled = 0;

	for (unsigned n = 0; n < LINK_PEERS_MAX; n++)
		if (l->peers[n] && !l->peers[n]->down_reason)
			handled += serve(l, l->peers[n]);
	return handled;
}

const struct link_ops link_loop_ops = {
	.name = "loop",
	.create = create,
	.destroy = destroy,
	.detach = detach,
	.push = push,
	.look = look,
	.wake = look,
};
