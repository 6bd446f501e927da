// SPDX-License-Identifier: Apache-2.0
/* One host over a dpdk port: the hello on its stream, then frames by net/rel. */
#include "net/link_dpdk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "net/log.h"
#include "net/now.h"

#define SILENT_NS 10000000000ull // of frames that nobody acknowledges; liveness of the host is others' business

/* ---- what rel calls ---- */

static void on_deliver(void *ctx, unsigned stream, const uint8_t *bytes, uint32_t n)
{
	struct dpdk_peer *dp = ctx;

	(void)stream;
	dp->bytes_in += n;
	dp->d->handled += link_rx_message(dp->p, bytes, n);
}

static void on_release(void *ctx, void *msg)
{
	struct dpdk_peer *dp = ctx;

	link_frame_put(dp->d->link, msg);
}

/* n: bytes after the headers. */
static uint8_t *frame_on(struct dpdk_peer *dp, unsigned port, uint32_t n)
{
	uint32_t head = dpdk_head_bytes(&dp->to);
	uint8_t *f = dpdk_port_frame(dp->d->port[port], head + n);

	if (!f)
		return NULL;
	dpdk_head_write(f, &dp->d->self[port], &dp->to, n);
	return f + head;
}

static void on_back(void *ctx)
{
	struct link_frame *f = ctx;

	link_frame_put(f->link, f);
}

/* The message leaves from where it lies, and stays there until the port has taken it too. */
static uint8_t *on_room_before(void *ctx, uint32_t n, void *msg, const uint8_t *data, uint32_t bytes)
{
	struct dpdk_peer *dp = ctx;
	struct dpdk_port *port = dp->port >= 0 ? dp->d->port[dp->port] : NULL;
	struct link_frame *f = msg;
	uint32_t head = dpdk_head_bytes(&dp->to);

	if (!port || !dpdk_port_lends(port))
		return NULL;
	f->lent.back = on_back;
	f->lent.ctx = f;
	uint8_t *at = dpdk_port_frame_before(port, head + n, data, bytes, &f->lent);
	if (!at)
		return NULL;
	f->held = true;
	dpdk_head_write(at, &dp->d->self[dp->port], &dp->to, n + bytes);
	return at + head;
}

/* Only while a frame is looked at, so by the port that it came from. */
static void *on_keep(void *ctx)
{
	struct dpdk_peer *dp = ctx;

	return dp->port >= 0 && dp->d->receiving == dp->d->port[dp->port] ? dpdk_port_keep(dp->d->receiving) : NULL;
}

static void on_let_go(void *ctx, void *kept)
{
	struct dpdk_peer *dp = ctx;

	dpdk_port_let_go(dp->d->port[dp->port], kept);
}

/* Sends what was filled into the scratch by every port. The port that answers is the one. */
static void spread(struct dpdk_peer *dp)
{
	for (unsigned i = 0; i < dp->d->spec.ports && dp->copies; i++) {
		int only = dp->d->spec.port[i].peer;
		uint8_t *f = only < 0 || only == (int)dp->p->number ? frame_on(dp, i, dp->copies) : NULL;

		if (f)
			memcpy(f, dp->scratch, dp->copies);
	}
	dp->copies = 0;
}

/* What on_room() made room for has been filled. */
static void finish(struct dpdk_peer *dp)
{
	dpdk_seal_close(dp);
	spread(dp);
}

static uint8_t *on_room(void *ctx, uint32_t n)
{
	struct dpdk_peer *dp = ctx;
	uint32_t more = dp->seal ? REL_SEAL : 0;
	uint8_t *f = dp->scratch;

	finish(dp);
	if (dp->port >= 0)
		f = frame_on(dp, (unsigned)dp->port, n + more);
	else // not known yet: the frame is made once, and sent by every port that may lead there
		dp->copies = n + more;
	return f && dp->seal ? dpdk_seal_room(dp, f, n) : f;
}

/* ---- the hello ---- */

/* On its stream, which nothing else writes to: it has room for what little is said there. */
static int say(struct dpdk_peer *dp, const struct msg *m)
{
	uint8_t frame[MSG_HEADER_BYTES + MSG_FIELDS_MAX];
	int n = msg_encode(m, frame, sizeof(frame));

	if (n < 0)
		return n;
	if (dp->seal)
		return link_seal_say(dp->p, frame, (uint32_t)n);
	return send(dp->p->fd, frame, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n ? 0 : -EPIPE;
}

static int say_hello(struct dpdk_peer *dp)
{
	const struct dpdk_link *d = dp->d;
	struct msg m = {.kind = MSG_LINK_HELLO, .epoch = d->link->epoch};
	uint32_t mtu = UINT32_MAX;

	for (unsigned i = 0; i < d->spec.ports; i++)
		if (dpdk_port_mtu(d->port[i]) < mtu)
			mtu = dpdk_port_mtu(d->port[i]);
	m.u.link_hello.token = dp->token;
	/* which port leads to this peer shows when frames flow: until then they are for all of them */
	for (unsigned i = 0; i < 6; i++)
		m.u.link_hello.mac |= (uint64_t)(d->spec.ports == 1 ? d->self[0].mac[i] : 0xff) << 8 * i;
	m.u.link_hello.mtu = mtu;
	m.u.link_hello.ip = d->spec.udp_ip;
	m.u.link_hello.port = d->spec.udp_port;
	m.u.link_hello.sums = d->sums;
	return say(dp, &m);
}

static int open_rel(struct dpdk_peer *dp, uint32_t mtu, bool sums)
{
	struct rel_options o = {
		.ctx = dp,
		.token_in = dp->token,
		.token_out = dp->peer_token,
		.message_max = MSG_FRAME_MAX,
		.pack = true,
		.sums = sums,
		.deliver = on_deliver,
		.release = on_release,
		.frame = on_room,
		.frame_before = dp->seal ? NULL : on_room_before,
		.keep = on_keep,
		.let_go = on_let_go,
	};
	uint32_t head = dpdk_head_bytes(&dp->to) - 14; // the MTU counts from after the Ethernet header

	if (mtu > DPDK_MTU_MAX || mtu < DPDK_MTU_MIN)
		return -EPROTO;
	o.segment_bytes = mtu - head - REL_HEAD;
	dp->scratch = malloc(mtu);
	return dp->scratch ? rel_open(&dp->rel, &o, now_ns()) : -ENOMEM;
}

static void on_hello(struct dpdk_peer *dp, const struct msg_link_hello *h)
{
	struct dpdk_link *d = dp->d;
	uint32_t own = UINT32_MAX;

	for (unsigned i = 0; i < d->spec.ports; i++)
		if (dpdk_port_mtu(d->port[i]) < own)
			own = dpdk_port_mtu(d->port[i]);
	if (dp->rel || (h->ip != 0) != (d->spec.udp_ip != 0)) {
		link_down(dp->p, dp->rel ? "broke the protocol" : "only one of the two hosts has udp= in its --link");
		return;
	}
	dp->peer_token = h->token;
	dp->to.ip = h->ip;
	dp->to.port = h->port;
	for (unsigned i = 0; i < 6; i++)
		dp->to.mac[i] = d->spec.routed ? d->spec.gateway[i] : (uint8_t)(h->mac >> 8 * i);
	int r = open_rel(dp, h->mtu < own ? h->mtu : own,
			 !dp->seal && (d->sums || h->sums)); // a tag is more than a sum
	if (r)
		link_down(dp->p, r == -ENOMEM ? "out of memory" : "broke the protocol");
	else if (dp->p->queue[0].head || dp->p->queue[1].head)
		link_mark_dirty(dp->p);
}

bool dpdk_peer_on_stream(struct link *l, struct link_peer *p, const struct msg *m)
{
	struct dpdk_peer *dp = p->over;

	(void)l;
	if (!dp)
		return false;
	p->stats->bytes_in = dp->rel ? dp->bytes_in : 0; // messages are counted, and these are none
	if (m->kind == MSG_LINK_HELLO)
		on_hello(dp, &m->u.link_hello);
	else if (m->kind == MSG_LINK_BELL && dp->rel)
		rel_woken(dp->rel);
	else
		link_down(p, "does not use the dpdk link: every host needs the same --link");
	return true;
}

/* ---- life ---- */

int dpdk_peer_new(struct dpdk_link *d, struct link_peer *p)
{
	struct dpdk_peer *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return -ENOMEM;
	dp->d = d;
	dp->p = p;
	dp->port = d->spec.ports == 1 ? 0 : -1;
	for (unsigned i = 0; i < d->spec.ports; i++)
		if (d->spec.port[i].peer == (int)p->number)
			dp->port = (int)i;
	if (getrandom(&dp->token, sizeof(dp->token), 0) != sizeof(dp->token)) {
		free(dp);
		return -EIO;
	}
	if (dpdk_seal_new(dp)) {
		free(dp);
		return -ENOMEM;
	}
	p->over = dp;
	dp->next = d->peers;
	d->peers = dp;
	if (say_hello(dp))
		link_down(p, "connection lost");
	return 0;
}

void dpdk_peer_leave(struct dpdk_peer *dp)
{
	struct dpdk_link *d = dp->d;

	for (struct dpdk_peer **at = &d->peers; *at; at = &(*at)->next)
		if (*at == dp) {
			*at = dp->next;
			break;
		}
	if (dp->rel)
		rel_stop(dp->rel);
	dp->next = d->gone;
	d->gone = dp;
}

void dpdk_peers_bury(struct dpdk_link *d)
{
	while (d->gone) {
		struct dpdk_peer *dp = d->gone;

		d->gone = dp->next;
		rel_close(dp->rel);
		dpdk_seal_free(dp);
		free(dp->scratch);
		free(dp);
	}
}

/* ---- traffic ---- */

/* The peer's port wakes nobody, and it said that it sleeps: its stream wakes it. */
static void ring(struct dpdk_peer *dp)
{
	struct msg m = {.kind = MSG_LINK_BELL, .epoch = dp->d->link->epoch};

	/* one for each time that the peer falls asleep, and it reads before the next: the stream has room */
	if (say(dp, &m)) {
		log_debug("link: cannot ring peer %u: %s", dp->p->number, strerror(errno));
		if (dp->seal) // a record that is missing is the end of them
			link_down(dp->p, "connection lost");
	}
	dp->rung = rel_peer_asleep(dp->rel);
}

static void send_frames(struct dpdk_peer *dp)
{
	uint64_t before = rel_stats(dp->rel)->segments_out; // acknowledgements wake nobody

	rel_output(dp->rel, dp->d->now_ns);
	finish(dp);
	uint32_t asleep = rel_peer_asleep(dp->rel);
	dp->ring_due |= asleep && asleep != dp->rung && rel_stats(dp->rel)->segments_out != before;
}

/* After the frames have left. */
void dpdk_peer_flushed(struct dpdk_peer *dp)
{
	if (dp->ring_due && !dp->p->down_reason)
		ring(dp);
	dp->ring_due = false;
}

void dpdk_peer_sleeps(struct dpdk_peer *dp)
{
	if (!dp->rel || dp->p->down_reason)
		return;
	rel_say_asleep(dp->rel, dp->d->now_ns);
	finish(dp);
}

static void give(struct dpdk_peer *dp, struct link_frame *f)
{
	rel_send(dp->rel, f->prio, f->data, f->bytes, f->sum, f);
}

void dpdk_peer_push(struct dpdk_peer *dp)
{
	struct link_peer *p = dp->p;
	unsigned n, k;

	if (!dp->rel)
		return; // the hello marks the peer dirty
	do {
		n = link_batch_fill(p);
		for (k = 0; k < n && rel_room(dp->rel, p->batch[k]->prio); k++)
			give(dp, p->batch[k]);
		link_batch_moved(p, k);
	} while (n && k == n);
	send_frames(dp);
	for (unsigned i = 0; i < dp->d->spec.ports; i++)
		dpdk_port_flush(dp->d->port[i]);
	dpdk_peer_flushed(dp);
}

static bool is_broadcast(const uint8_t mac[6])
{
	return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff;
}

/* What a frame of the peer's that is sound tells: which port leads there, and from which of its own. */
static void learn(struct dpdk_peer *dp, unsigned port, const struct dpdk_addr *from)
{
	if (dp->port < 0)
		dp->port = (int)port;
	else if (!is_broadcast(dp->to.mac) || (unsigned)dp->port != port)
		return;
	if (!dp->d->spec.routed)
		memcpy(dp->to.mac, from->mac, 6);
}

void dpdk_peer_frame(struct dpdk_peer *dp, unsigned port, const struct dpdk_addr *from, const uint8_t *bytes,
		     uint32_t n)
{
	uint64_t before = rel_stats(dp->rel)->frames_in;
	int opened = dp->seal ? dpdk_seal_open(dp, &bytes, n) : (int)n;

	if (opened < 0)
		return;
	rel_input(dp->rel, bytes, (uint32_t)opened, dp->d->now_ns);
	if (rel_stats(dp->rel)->frames_in != before)
		learn(dp, port, from);
	if (rel_broken(dp->rel) && !dp->p->removed)
		link_down(dp->p, "broke the protocol");
}

static void say_silent(const struct dpdk_peer *dp)
{
	const struct rel_stats *r = rel_stats(dp->rel);
	struct dpdk_port_stats s = {0};

	if (dp->port >= 0)
		dpdk_port_stats(dp->d->port[dp->port], &s);
	log_warn("link: peer %u: %llu frames out, %llu in, %llu sent again, %llu refused, %llu not genuine, %llu of "
		 "strangers; port %s: %s, %llu sent, %llu received, %llu not taken, %u of %u buffers free",
		 dp->p->number, (unsigned long long)r->frames_out, (unsigned long long)r->frames_in,
		 (unsigned long long)r->retransmits, (unsigned long long)r->bad,
		 (unsigned long long)dp->p->stats->bad_tags, (unsigned long long)dp->d->strangers,
		 dp->port >= 0 ? dpdk_port_name(dp->d->port[dp->port]) : "not found",
		 dp->port >= 0 && dpdk_port_up(dp->d->port[dp->port]) ? "up" : "down", (unsigned long long)s.tx_frames,
		 (unsigned long long)s.rx_frames, (unsigned long long)(s.tx_full + s.no_buffer), s.buffers_free,
		 s.buffers);
}

void dpdk_peer_tick(struct dpdk_peer *dp)
{
	struct link_peer *p = dp->p;

	if (!dp->rel || p->down_reason)
		return;
	if ((p->queue[0].head && rel_room(dp->rel, 0)) || (p->queue[1].head && rel_room(dp->rel, 1)))
		dpdk_peer_push(dp);
	else
		send_frames(dp);
	if (rel_silent_ns(dp->rel, dp->d->now_ns) <= SILENT_NS)
		return;
	say_silent(dp);
	link_down(p, "its frames are not acknowledged: do the ports of the two hosts reach each other?");
}

uint64_t dpdk_peer_deadline(const struct dpdk_peer *dp)
{
	return dp->rel && !dp->p->down_reason ? rel_deadline(dp->rel) : UINT64_MAX;
}

void dpdk_peer_stats(const struct dpdk_peer *dp, struct link_net_stats *out)
{
	if (!dp->rel)
		return;
	const struct rel_stats *s = rel_stats(dp->rel);

	out->frames_in = s->frames_in;
	out->frames_out = s->frames_out;
	out->retransmits = s->retransmits;
	out->duplicates = s->duplicates + dpdk_seal_again(dp);
	out->credit_stalls = s->stalls;
	out->rtt_ns = s->rtt_ns;
	out->bad_frames = s->bad;
}
