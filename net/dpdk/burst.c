// SPDX-License-Identifier: Apache-2.0
/* Frames in and out of a port, a burst at a time. */
#include <string.h>

#include "net/dpdk/priv.h"

/* ---- the test knobs ---- */

static bool chance(struct dpdk_port *p, uint32_t ppm)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return ppm && (p->random >> 20) % DPDK_PPM < ppm;
}

/* ---- receiving ---- */

static void deliver(struct dpdk_port *p, struct rte_mbuf *m, void (*fn)(void *ctx, const uint8_t *frame, uint32_t n),
		    void *ctx)
{
	/* copies only what lies in several buffers */
	const uint8_t *bytes = m->pkt_len <= UINT16_MAX ? rte_pktmbuf_read(m, 0, m->pkt_len, p->flat) : NULL;

	p->stats.rx_frames++;
	p->stats.rx_bytes += m->pkt_len;
	p->now = m->nb_segs == 1 ? m : NULL;
	if (bytes)
		fn(ctx, bytes, m->pkt_len);
	p->now = NULL;
	rte_pktmbuf_free(m);
}

static void release_held(struct dpdk_port *p, void (*fn)(void *, const uint8_t *, uint32_t), void *ctx)
{
	struct rte_mbuf *m = p->held;

	p->held = NULL;
	if (m)
		deliver(p, m, fn, ctx);
}

void *dpdk_port_keep(struct dpdk_port *p)
{
	struct rte_mbuf *m = p->now;

	if (!m || p->kept >= p->buffers_at_start / PORT_KEEPS)
		return NULL;
	p->kept++;
	rte_mbuf_refcnt_update(m, 1);
	return m;
}

void dpdk_port_let_go(struct dpdk_port *p, void *kept)
{
	p->kept--;
	rte_pktmbuf_free(kept);
}

unsigned dpdk_port_receive(struct dpdk_port *p, void (*fn)(void *ctx, const uint8_t *frame, uint32_t n), void *ctx)
{
	struct rte_mbuf *m[DPDK_BURST];
	unsigned n = rte_eth_rx_burst(p->id, 0, m, DPDK_BURST);

	if (!n)
		release_held(p, fn, ctx);
	for (unsigned i = 0; i < n; i++) {
		if (i + 1 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 1], void *));
		if (chance(p, p->all.drop_ppm)) {
			p->stats.dropped++;
			rte_pktmbuf_free(m[i]);
		} else if (!p->held && chance(p, p->all.reorder_ppm)) {
			p->stats.reordered++;
			p->held = m[i]; // comes after the next one
		} else {
			deliver(p, m[i], fn, ctx);
			release_held(p, fn, ctx);
		}
	}
	return n;
}

/* ---- sending ---- */

/* Frames on their way keep their order; what the port does not take waits. */
void dpdk_port_flush(struct dpdk_port *p)
{
	unsigned sent = 0;

	while (sent < p->out_n) {
		unsigned k = rte_eth_tx_burst(p->id, 0, p->out + sent, (uint16_t)(p->out_n - sent));

		if (!k)
			break;
		sent += k;
	}
	p->stats.tx_frames += sent;
	p->out_n -= sent;
	if (sent && p->out_n)
		memmove(p->out, p->out + sent, p->out_n * sizeof(p->out[0]));
}

bool dpdk_port_pending(const struct dpdk_port *p)
{
	return p->out_n > 0;
}

void dpdk_port_drop(struct dpdk_port *p)
{
	for (unsigned i = 0; i < p->out_n; i++)
		rte_pktmbuf_free(p->out[i]);
	p->out_n = 0;
}

/* The next frame to leave, with room for n bytes. */
static struct rte_mbuf *next_out(struct dpdk_port *p, uint32_t n)
{
	if (p->out_n >= DPDK_BURST && p->out_n % DPDK_BURST == 0)
		dpdk_port_flush(p);
	if (p->out_n == PORT_PENDING) {
		p->stats.tx_full++;
		return NULL;
	}
	struct rte_mbuf *m = n <= p->room ? rte_pktmbuf_alloc(p->pool) : NULL;
	if (!m) {
		p->stats.no_buffer++;
		return NULL;
	}
	m->data_len = (uint16_t)n;
	m->pkt_len = n;
	p->out[p->out_n++] = m;
	p->stats.tx_bytes += n;
	return m;
}

uint8_t *dpdk_port_frame(struct dpdk_port *p, uint32_t n)
{
	struct rte_mbuf *m = next_out(p, n);

	return m ? rte_pktmbuf_mtod(m, uint8_t *) : NULL;
}

bool dpdk_port_lends(const struct dpdk_port *p)
{
	return p->lends;
}

static void given_back(void *addr, void *opaque)
{
	struct dpdk_lent *l = opaque;

	(void)addr;
	l->back(l->ctx);
}

uint8_t *dpdk_port_frame_before(struct dpdk_port *p, uint32_t n, const uint8_t *data, uint32_t bytes,
				struct dpdk_lent *lent)
{
	struct rte_mbuf_ext_shared_info *info = (void *)lent->dpdk;
	struct rte_mbuf *rest = rte_pktmbuf_alloc(p->pool), *m = rest ? next_out(p, n) : NULL;

	_Static_assert(sizeof(*info) <= sizeof(lent->dpdk), "the port's part of struct dpdk_lent is too small");
	if (!m) {
		p->stats.no_buffer += !rest;
		rte_pktmbuf_free(rest);
		return NULL;
	}
	if (info->free_cb && rte_mbuf_ext_refcnt_read(info) > 0) { // sent again before it has left
		rte_mbuf_ext_refcnt_update(info, 1);
	} else {
		info->free_cb = given_back;
		info->fcb_opaque = lent;
		rte_mbuf_ext_refcnt_set(info, 1);
	}
	/* the driver only reads, and by this address: there is no other */
	rte_pktmbuf_attach_extbuf(rest, (void *)(uintptr_t)data, RTE_BAD_IOVA, (uint16_t)bytes, info);
	rest->data_len = (uint16_t)bytes;
	m->next = rest;
	m->nb_segs = 2;
	m->pkt_len = n + bytes;
	p->stats.tx_bytes += bytes;
	return rte_pktmbuf_mtod(m, uint8_t *);
}
