// SPDX-License-Identifier: Apache-2.0
/*
 * Pages by Ethernet frames, without the kernel's TCP: see link_dpdk.h.
 *
 * Waiting: the owner looks at the ring of uring and at the ports by turns while it spins. To sleep it waits in the
 * ring, which then also polls the descriptors that the ports have for this. A port that has none (memif) wakes nobody:
 * its owner tells the peers that it sleeps, and the first frame after that comes with a word on the stream. What
 * crossed that is found between naps, which grow from NAP_MIN_NS to NAP_MAX_NS while nothing happens.
 */
#include "net/link_dpdk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dpdk_ports.h"
#include "net/log.h"
#include "net/now.h"

#define NAP_MIN_NS    50000u
#define NAP_MAX_NS    20000000u
#define PORT_LOOK_NS  100000000u
#define BURSTS_A_TURN 8u   // from one port before others and the ring get theirs
#define LAST_BURSTS   256u // at a stream's end: what may still be in a port's ring

/* ---- ports ---- */

static void close_ports(struct dpdk_link *d)
{
	for (unsigned i = 0; i < d->spec.ports; i++)
		if (d->port[i])
			dpdk_ports_give(d->port[i]);
}

static int open_ports(struct dpdk_link *d)
{
	char why[512] = "";

	for (unsigned i = 0; i < d->spec.ports; i++) {
		int r = dpdk_ports_take(&d->port[i], &d->spec, i, why, sizeof(why));

		if (r) {
			log_error("%s", why);
			return r;
		}
		d->sums |=
			d->spec.sums == DPDK_YES || (d->spec.sums == DPDK_AUTO && d->spec.port[i].driver != DPDK_MEMIF);
		memcpy(d->self[i].mac, dpdk_port_mac(d->port[i]), 6);
		d->self[i].ip = d->spec.udp_ip;
		d->self[i].port = d->spec.udp_port;
	}
	return 0;
}

static void watch_ports(struct dpdk_link *d)
{
	int fds[DPDK_WAKE_FDS];

	for (unsigned i = 0; i < d->spec.ports; i++) {
		unsigned n = dpdk_port_wake_fds(d->port[i], fds), k = 0;

		while (k < n && loop_watch_idle(d->link->loop, fds[k]) == 0)
			d->wake_fd[d->wake_fds_n++] = fds[k++];
		d->naps |= !n || k < n;
	}
}

static int create(struct link *l)
{
	struct dpdk_link *d;
	int r;

	if (!l->dpdk)
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->spec = *l->dpdk;
	d->link = l;
	d->nap_ns = NAP_MIN_NS;
	r = open_ports(d);
	if (!r)
		r = link_uring_ops.create(l);
	if (!r) {
		watch_ports(d);
	} else {
		close_ports(d);
		free(d);
		return r;
	}
	l->over = d;
	l->sums = d->sums;
	return 0;
}

static void destroy(struct link *l)
{
	struct dpdk_link *d = l->over;

	for (unsigned i = 0; i < d->wake_fds_n; i++)
		loop_unwatch(l->loop, d->wake_fd[i]);
	link_uring_ops.destroy(l);
	dpdk_peers_bury(d);
	for (unsigned i = 0; i < d->spec.ports; i++)
		dpdk_port_drop(d->port[i]); // frames of this link
	close_ports(d);
	free(d);
}

/* ---- peers ---- */

static int attach(struct link *l, struct link_peer *p)
{
	int r = link_uring_ops.attach(l, p);

	return r || p->number >= HOSTS_MAX ? r : dpdk_peer_new(l->over, p);
}

static void detach(struct link *l, struct link_peer *p)
{
	if (p->over)
		dpdk_peer_leave(p->over);
	p->over = NULL;
	link_uring_ops.detach(l, p);
}

static void push(struct link *l, struct link_peer *p)
{
	struct dpdk_link *d = l->over;

	if (!p->over) {
		link_uring_ops.push(l, p);
		return;
	}
	d->now_ns = now_ns();
	dpdk_peer_push(p->over);
}

/* ---- receiving ---- */

static struct dpdk_peer *find(struct dpdk_link *d, uint64_t token)
{
	for (struct dpdk_peer *dp = d->peers; dp; dp = dp->next)
		if (dp->token == token)
			return dp;
	return NULL;
}

static void on_frame(void *ctx, const uint8_t *frame, uint32_t n)
{
	struct dpdk_link *d = ctx;
	struct dpdk_addr from;
	const uint8_t *inside;
	int bytes = dpdk_head_read(frame, n, &d->self[d->receiving_n], &from, &inside);
	struct dpdk_peer *dp = bytes < 8 ? NULL : find(d, rel_token(inside));

	if (!dp || !dp->rel) {
		d->strangers++;
		return;
	}
	dpdk_peer_frame(dp, d->receiving_n, &from, inside, (uint32_t)bytes);
}

static unsigned receive_port(struct dpdk_link *d, unsigned i, unsigned bursts)
{
	unsigned n = 0, k = DPDK_BURST;

	if (d->receiving)
		return 0; // from a callback of ours
	d->receiving = d->port[i];
	d->receiving_n = i;
	while (bursts-- && k) {
		d->now_ns = now_ns();
		k = dpdk_port_receive(d->port[i], on_frame, d);
		n += k;
	}
	d->receiving = NULL;
	return n;
}

static void look_after_ports(struct dpdk_link *d)
{
	uint64_t now = now_ns();

	if (now < d->look_at_ns)
		return;
	d->look_at_ns = now + PORT_LOOK_NS;
	d->port_down = false;
	for (unsigned i = 0; i < d->spec.ports; i++) {
		if (dpdk_port_up(d->port[i]))
			continue;
		d->port_down = true;
		dpdk_port_revive(d->port[i]);
	}
}

/* Returns what was handled: messages, and frames that moved something else. */
static int receive_all(struct dpdk_link *d, unsigned bursts)
{
	d->frames = 0;
	d->handled = 0;
	if (d->peers && !d->receiving)
		look_after_ports(d);
	for (unsigned i = 0; i < d->spec.ports; i++) // without peers too: what waits in a port keeps waking us
		d->frames += receive_port(d, i, bursts);
	for (struct dpdk_peer *dp = d->peers; dp; dp = dp->next)
		dpdk_peer_tick(dp);
	for (unsigned i = 0; i < d->spec.ports; i++)
		dpdk_port_flush(d->port[i]);
	for (struct dpdk_peer *dp = d->peers; dp; dp = dp->next)
		dpdk_peer_flushed(dp);
	if (d->frames)
		d->nap_ns = NAP_MIN_NS;
	return d->handled;
}

static void on_stream_end(struct link *l, struct link_peer *p)
{
	if (p->over && !p->down_reason)
		receive_all(l->over, LAST_BURSTS);
}

/* ---- waiting ---- */

static int look(struct link *l)
{
	struct dpdk_link *d = l->over;

	dpdk_peers_bury(d);
	link_uring_ops.look(l);
	return receive_all(d, BURSTS_A_TURN);
}

/* When this sleep ends at the latest: a timer of a connection, or a nap where no port wakes us. */
static uint64_t wake_at(struct dpdk_link *d, uint64_t deadline_ns)
{
	uint64_t nap_end = now_ns() + d->nap_ns;

	for (struct dpdk_peer *dp = d->peers; dp; dp = dp->next) {
		uint64_t at = dpdk_peer_deadline(dp);

		if (at < deadline_ns)
			deadline_ns = at;
		if ((d->naps || dp->port < 0) && nap_end < deadline_ns)
			deadline_ns = nap_end;
	}
	if (d->port_down && d->peers && d->look_at_ns < deadline_ns)
		deadline_ns = d->look_at_ns;
	for (unsigned i = 0; i < d->spec.ports; i++)
		if (dpdk_port_pending(d->port[i]) && nap_end < deadline_ns)
			deadline_ns = nap_end;
	return deadline_ns;
}

static void arm(struct dpdk_link *d, bool on)
{
	for (unsigned i = 0; i < d->spec.ports; i++)
		dpdk_port_arm(d->port[i], on);
}

static void say_asleep(struct dpdk_link *d)
{
	for (struct dpdk_peer *dp = d->peers; dp; dp = dp->next)
		dpdk_peer_sleeps(dp);
	for (unsigned i = 0; i < d->spec.ports; i++)
		dpdk_port_flush(d->port[i]);
}

/* The loop sleeps in pieces: naps and the timers of connections are not what its owner waits for. */
static int before_sleep(struct link *l, uint64_t *until_ns)
{
	struct dpdk_link *d = l->over;

	dpdk_peers_bury(d);
	arm(d, true);
	if (d->naps)
		say_asleep(d);
	link_uring_ops.look(l);
	int n = receive_all(d, BURSTS_A_TURN); // what came before the port was armed

	*until_ns = wake_at(d, *until_ns);
	return n || l->downs;
}

static int after_sleep(struct link *l)
{
	struct dpdk_link *d = l->over;

	arm(d, false);
	if (d->naps && d->nap_ns < NAP_MAX_NS)
		d->nap_ns *= 2;
	return receive_all(d, BURSTS_A_TURN);
}

static void stats(const struct link *l, const struct link_peer *p, struct link_net_stats *out)
{
	const struct dpdk_link *d = l->over;
	const struct dpdk_peer *dp = p->over;
	struct dpdk_port_stats s;

	if (!dp)
		return;
	dpdk_peer_stats(dp, out);
	out->strangers = d->strangers;
	if (dp->port < 0)
		return;
	dpdk_port_stats(d->port[dp->port], &s);
	out->drops = s.dropped;
	out->buffers = s.buffers;
	out->buffers_free = s.buffers_free;
}

const struct link_ops link_dpdk_ops = {
	.name = "dpdk",
	.waits = "uring",
	.create = create,
	.destroy = destroy,
	.attach = attach,
	.detach = detach,
	.push = push,
	.look = look,
	.sleep = before_sleep,
	.wake = after_sleep,
	.on_stream = dpdk_peer_on_stream,
	.on_stream_end = on_stream_end,
	.stats = stats,
};
