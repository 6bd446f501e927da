// SPDX-License-Identifier: Apache-2.0
/* Links, whatever the transport: peers, watches, kicks, and the loop that delivers. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/link_priv.h"
#include "net/log.h"
#include "net/now.h"

static const struct link_ops *ops_by_name(const char *name)
{
	static const struct link_ops *const all[] = {&link_uring_ops, &link_uring_plain_ops, &link_loop_ops,
						     &link_dpdk_ops};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (name && strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

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
	l->spin_us = opt->spin_us;
	l->epoch = opt->epoch;
	l->dpdk = opt->dpdk;
	l->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->kick_fd < 0) {
		r = -errno;
		free(l);
		return r;
	}
	l->watch[0] = (struct link_watch){.fd = l->kick_fd, .used = true};
	l->arm = true;
	r = ops->create(l);
	if (r) {
		close(l->kick_fd);
		free(l);
		return r;
	}
	*out = l;
	return 0;
}

void link_destroy(struct link *l)
{
	if (!l)
		return;
	PD_CHECK(!l->running);
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
	close(l->kick_fd);
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
	struct link_peer *p;
	int one = 1, r = -EINVAL;

	if (fd < 0)
		return -EINVAL;
	if (l->ops->attach)
		r = link_peer_new(l, peer, fd, &p);
	if (r) {
		close(fd);
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

void link_remove(struct link *l, unsigned peer)
{
	struct link_peer *p = peer < LINK_PEERS_MAX ? l->peers[peer] : NULL;

	if (!p)
		return;
	l->peers[peer] = NULL;
	l->downs -= p->down_reason != NULL;
	p->removed = true;
	if (p->dirty)
		drop_dirty(l, p);
	l->ops->detach(l, p);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->next_dead = l->dead;
	l->dead = p;
	if (!l->running)
		link_reap(l);
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

/* on_down may add, remove and send as it likes: the slot is free already. */
static int deliver_downs(struct link *l)
{
	int n = 0;

	for (unsigned i = 0; i < LINK_PEERS_MAX && l->downs; i++) {
		struct link_peer *p = l->peers[i];

		if (!p || !p->down_reason)
			continue;
		const char *reason = p->down_reason;
		link_remove(l, i);
		l->h.on_down(l->h.ctx, i, reason);
		n++;
	}
	return n;
}

/* ---- watches and kicks ---- */

static void nothing(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
}

int link_wake_by(struct link *l, int fd)
{
	for (unsigned w = 1 + LINK_WATCH_MAX; w < LINK_WATCH_SLOTS; w++) {
		struct link_watch *s = &l->watch[w];

		if (s->used)
			continue;
		*s = (struct link_watch){.fn = nothing, .fd = fd, .used = true, .lazy = true, .gen = s->gen + 1};
		l->lazy = true;
		return 0;
	}
	return -ENOSPC;
}

int link_watch(struct link *l, int fd, void (*fn)(void *ctx, int fd), void *ctx)
{
	for (unsigned w = 1; w <= LINK_WATCH_MAX; w++) {
		struct link_watch *s = &l->watch[w];

		if (s->used)
			continue;
		*s = (struct link_watch){.fn = fn, .ctx = ctx, .fd = fd, .used = true, .gen = s->gen + 1};
		l->arm = true;
		return 0;
	}
	return -ENOSPC;
}

void link_unwatch(struct link *l, int fd)
{
	for (unsigned w = 1; w <= LINK_WATCH_MAX; w++) {
		struct link_watch *s = &l->watch[w];

		if (!s->used || s->fd != fd)
			continue;
		s->used = false;
		l->ops->unwatch(l, w);
		s->armed = false;
		s->gen++;
		return;
	}
}

static int take_kick(struct link *l)
{
	if (!atomic_load(&l->kicked) || !atomic_exchange(&l->kicked, false))
		return 0;
	if (l->h.on_kick)
		l->h.on_kick(l->h.ctx);
	return 1;
}

int link_ready(struct link *l, unsigned w, uint32_t gen)
{
	struct link_watch *s = &l->watch[w];
	uint64_t count;

	if (!s->used || s->gen != gen)
		return 0;
	if (w) {
		s->fn(s->ctx, s->fd);
		return !s->lazy;
	}
	if (read(l->kick_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_warn("link: cannot read its eventfd: %s", strerror(errno));
	return take_kick(l);
}

/*
 * The system call is only for a sleeping owner. kicked is set before sleeping is read here, and
 * sleeping is set before kicked is read in link_run() (both sequentially consistent), so at least
 * one side sees the other.
 */
void link_kick(struct link *l)
{
	uint64_t one = 1;

	if (atomic_exchange(&l->kicked, true) || !atomic_load(&l->sleeping))
		return;
	if (write(l->kick_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("link: cannot kick: %s", strerror(errno));
}

/* ---- the loop ---- */

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

/* Looks without sleeping, for spin_us at most: a wake-up costs tens of microseconds, an answer
 * often comes sooner. */
static int spin(struct link *l, uint64_t deadline_ns)
{
	uint64_t end;
	int n = l->ops->wait(l, false, 0);

	if (n || !l->spin_us)
		return n;
	end = now_ns() + l->spin_us * 1000ull;
	if (end > deadline_ns)
		end = deadline_ns;
	do {
		__builtin_ia32_pause();
		n = l->ops->wait(l, false, 0);
		if (!n)
			n = take_kick(l);
	} while (!n && now_ns() < end);
	return n;
}

static int sleep_until(struct link *l, uint64_t deadline_ns)
{
	int n = 0;

	atomic_store(&l->sleeping, true);
	if (!atomic_load(&l->kicked))
		n = l->ops->wait(l, true, deadline_ns);
	atomic_store(&l->sleeping, false);
	return n;
}

int link_run(struct link *l, uint64_t deadline_ns)
{
	int handled, n;

	if (l->running)
		return -EBUSY; // from a callback: it would deliver later frames before the current
			       // one is done
	l->running = true;
	link_flush(l);
	handled = deliver_downs(l) + take_kick(l);
	n = handled ? l->ops->wait(l, false, 0) : spin(l, deadline_ns);
	if (n == 0 && handled == 0 && now_ns() < deadline_ns) {
		link_flush(l); // what arming or completions left
		n = l->downs ? 0 : sleep_until(l, deadline_ns);
	}
	if (n > 0)
		handled += n;
	handled += take_kick(l);
	link_flush(l);
	handled += deliver_downs(l);
	link_reap(l);
	l->running = false;
	return n < 0 ? n : handled;
}

bool link_net_stats(const struct link *l, unsigned peer, struct link_net_stats *out)
{
	const struct link_peer *p = peer < LINK_PEERS_MAX ? l->peers[peer] : NULL;

	memset(out, 0, sizeof(*out));
	out->transport = l->ops->name;
	if (p && l->ops->stats)
		l->ops->stats(l, p, out);
	return p && l->ops->stats;
}

const struct link_peer_stats *link_stats(const struct link *l, unsigned peer)
{
	return peer < LINK_PEERS_MAX ? &l->stats[peer] : NULL;
}
