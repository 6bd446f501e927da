// SPDX-License-Identifier: Apache-2.0
/* Links, whatever the transport: peers, and their part of a round of the loop. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/link_priv.h"
#include "net/seal/stream.h"

static const struct link_ops *ops_by_name(const char *name)
{
	static const struct link_ops *const all[] = {&link_uring_ops, &link_uring_plain_ops, &link_loop_ops,
						     &link_dpdk_ops};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (name && strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

static int take_loop(struct link *l, const struct link_options *opt)
{
	struct loop_options lo = {.waits = l->ops->waits ? l->ops->waits : "poll", .spin_us = opt->spin_us};

	l->loop = opt->loop;
	l->own_loop = !opt->loop;
	return opt->loop ? 0 : loop_create(&l->loop, &lo);
}

static int turn(void *ctx);
static int look(void *ctx);
static int lie_down(void *ctx, uint64_t *until_ns);
static int get_up(void *ctx);

int link_create(struct link **out, const struct link_options *opt, const struct link_handler *h)
{
	const struct link_ops *ops = ops_by_name(opt->transport);
	int r;

	if (!ops || !h->on_msg || !h->on_down)
		return -EINVAL;
	struct link *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->ops = ops;
	l->h = *h;
	l->epoch = opt->epoch;
	l->dpdk = opt->dpdk;
	l->arm = true;
	r = take_loop(l, opt);
	if (!r)
		r = ops->create(l);
	if (r) {
		if (l->own_loop)
			loop_destroy(l->loop);
		free(l);
		return r;
	}
	l->poller = (struct loop_poller){.ctx = l, .turn = turn, .look = look, .sleep = lie_down, .wake = get_up};
	loop_add_poller(l->loop, &l->poller);
	*out = l;
	return 0;
}

void link_destroy(struct link *l)
{
	if (!l)
		return;
	PD_CHECK(!loop_running(l->loop));
	loop_remove_poller(l->loop, &l->poller);
	for (unsigned n = 0; n < LINK_PEERS_MAX; n++)
		link_remove(l, n);
	l->ops->destroy(l);
	for (struct link_peer *p = l->dead; p; p = p->next_dead)
		p->holds = 0; // the transport is gone, and what it held with it
	link_reap(l);
	while (l->free_frames) {
		struct link_frame *f = l->free_frames;

		l->free_frames = f->next;
		free(f);
	}
	if (l->own_loop)
		loop_destroy(l->loop);
	free(l);
}

/* ---- peers ---- */

int link_peer_new(struct link *l, unsigned number, int fd, struct link_peer **out)
{
	if (number >= LINK_PEERS_MAX)
		return -EINVAL;
	if (l->peers[number])
		return -EEXIST;
	struct link_peer *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->link = l;
	p->number = number;
	p->h = l->h;
	p->fd = fd;
	p->stats = &l->stats[number];
	memset(p->stats, 0, sizeof(*p->stats));
	for (unsigned i = 0; i < 2; i++)
		p->queue[i].tail = &p->queue[i].head;
	l->peers[number] = p;
	l->arm = true;
	*out = p;
	return 0;
}

int link_add_fd(struct link *l, unsigned peer, int fd)
{
	return link_add_sealed(l, peer, fd, NULL);
}

int link_add_sealed(struct link *l, unsigned peer, int fd, struct seal_stream *seal)
{
	struct link_peer *p;
	int one = 1, r = -EINVAL;

	if (fd >= 0 && l->ops->attach)
		r = link_peer_new(l, peer, fd, &p);
	if (r) {
		seal_stream_free(seal);
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = seal ? link_seal_new(p, seal) : 0;
	if (r) {
		seal_stream_free(seal);
		link_remove(l, peer);
		return r;
	}
	/* io_uring fails a request on a non-blocking descriptor instead of waiting; direct calls
	 * say MSG_DONTWAIT */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		   sizeof(one)); // other stream sockets refuse, and don't need it
	r = l->ops->attach(l, p);
	if (r)
		link_remove(l, peer);
	return r;
}

static void drop_dirty(struct link *l, struct link_peer *p)
{
	for (struct link_peer **at = &l->dirty; *at; at = &(*at)->next_dirty)
		if (*at == p) {
			*at = p->next_dirty;
			break;
		}
	p->dirty = false;
}

/* Its slot is free, and no callback is made for it any more. */
static void take_off(struct link *l, struct link_peer *p)
{
	l->peers[p->number] = NULL;
	l->downs -= p->down_reason != NULL;
	p->removed = true;
	if (p->dirty)
		drop_dirty(l, p);
}

/* Its connection ends: the other end will notice. */
static void hang_up(struct link *l, struct link_peer *p)
{
	l->ops->detach(l, p);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->next_dead = l->dead;
	l->dead = p;
	if (!loop_running(l->loop))
		link_reap(l);
}

void link_remove(struct link *l, unsigned peer)
{
	struct link_peer *p = peer < LINK_PEERS_MAX ? l->peers[peer] : NULL;

	if (!p)
		return;
	take_off(l, p);
	hang_up(l, p);
}

int link_set_handler(struct link *l, unsigned peer, const struct link_handler *h)
{
	struct link_peer *p = peer < LINK_PEERS_MAX ? l->peers[peer] : NULL;

	if (!h->on_msg || !h->on_down)
		return -EINVAL;
	if (!p)
		return -ENOTCONN;
	p->h = *h;
	return 0;
}

void link_reap(struct link *l)
{
	struct link_peer **at = &l->dead;

	while (*at) {
		struct link_peer *p = *at;

		if (p->holds) {
			at = &p->next_dead;
			continue;
		}
		*at = p->next_dead;
		p->batch_busy = false;
		link_tx_fail(p);
		link_seal_free(p);
		free(p->part);
		free(p->tp);
		free(p);
	}
}

void link_down(struct link_peer *p, const char *reason)
{
	if (p->removed || p->down_reason)
		return;
	p->down_reason = reason;
	p->link->downs++;
}

/*
 * on_down may add, remove and send as it likes: the slot is free already. The connection ends after it, and after what
 * it sent to others: what the peer says of that end must not be heard before the reason for it.
 */
static int deliver_downs(struct link *l)
{
	int n = 0;

	for (unsigned i = 0; i < LINK_PEERS_MAX && l->downs; i++) {
		struct link_peer *p = l->peers[i];

		if (!p || !p->down_reason)
			continue;
		take_off(l, p);
		p->h.on_down(p->h.ctx, i, p->down_reason);
		link_flush(l);
		hang_up(l, p);
		n++;
	}
	return n;
}

/* ---- sending ---- */

void link_mark_dirty(struct link_peer *p)
{
	if (p->dirty || p->removed)
		return;
	p->dirty = true;
	p->next_dirty = p->link->dirty;
	p->link->dirty = p;
}

void link_flush(struct link *l)
{
	while (l->dirty) {
		struct link_peer *p = l->dirty;

		l->dirty = p->next_dirty;
		p->dirty = false;
		if (!p->down_reason && !p->tx_dead && !p->batch_busy)
			l->ops->push(l, p);
	}
}

/* ---- its part of a round of the loop ---- */

/* No callback is running: removed peers can be freed. */
static int turn(void *ctx)
{
	struct link *l = ctx;

	link_flush(l);
	int n = l->downs ? deliver_downs(l) : 0;

	if (l->dead)
		link_reap(l);
	return n;
}

static int look(void *ctx)
{
	struct link *l = ctx;

	return l->ops->look(l);
}

static int lie_down(void *ctx, uint64_t *until_ns)
{
	struct link *l = ctx;

	return l->ops->sleep ? l->ops->sleep(l, until_ns) : 0;
}

static int get_up(void *ctx)
{
	struct link *l = ctx;

	return l->ops->wake ? l->ops->wake(l) : 0;
}

struct loop *link_loop(const struct link *l)
{
	return l->loop;
}

bool link_sealed(const struct link *l, unsigned peer)
{
	return peer < LINK_PEERS_MAX && l->peers[peer] && l->peers[peer]->seal;
}

bool link_net_stats(const struct link *l, unsigned peer, struct link_net_stats *out)
{
	const struct link_peer *p = peer < LINK_PEERS_MAX ? l->peers[peer] : NULL;

	memset(out, 0, sizeof(*out));
	out->transport = l->ops->name;
	out->seal = p ? link_seal_name(p) : "";
	if (p && l->ops->stats)
		l->ops->stats(l, p, out);
	return p && l->ops->stats;
}

const struct link_peer_stats *link_stats(const struct link *l, unsigned peer)
{
	return peer < LINK_PEERS_MAX ? &l->stats[peer] : NULL;
}
