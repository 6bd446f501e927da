// SPDX-License-Identifier: Apache-2.0
/* A port's life: device, buffers, one receive and one transmit queue. */
#include <errno.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dpdk/priv.h"
#include "net/link_priv.h"
#include "net/log.h"
#include "net/now.h"

#define LINK_WAIT_MS   8000u  // a NIC negotiates for some seconds
#define MEMIF_WAIT_MS  10000u // for the server of a client
#define MEMIF_SHAKE_NS 2000000000ull
#define LINK_STEP_MS   50u
#define CACHE_BUFFERS  250u

/* Arguments that we know better than DPDK's defaults, where the user named none. */
static void devargs(const struct dpdk_port *p, char *out, size_t cap)
{
	const char *own = p->spec->device;
	uint32_t slot = dpdk_size_slot(p->mtu);

	snprintf(out, cap, "%s", own);
	size_t n = strlen(out);
	if (p->spec->driver == DPDK_MEMIF)
		snprintf(out + n, cap - n, "%s%s%s", strstr(own, ",socket-abstract=") ? "" : ",socket-abstract=no",
			 strstr(own, ",bsize=") ? "" : ",bsize=8192", strstr(own, ",rsize=") ? "" : ",rsize=10");
	else if (p->spec->driver == DPDK_AF_XDP && !strstr(own, ",busy_budget="))
		snprintf(out + n, cap - n, ",busy_budget=0"); // preferring busy polling, it wakes nobody
	else if (p->spec->driver == DPDK_AF_PACKET && !strstr(own, ",framesz="))
		snprintf(out + n, cap - n, ",framesz=%u,blocksz=16384,framecnt=%u", slot, slot > 2048 ? 256 : 1024);
}

/* ---- steps of opening; a step that fails leaves what close() undoes ---- */

static int probe(struct dpdk_port *p, char *why, size_t cap)
{
	char args[DPDK_DEVARGS_MAX + 128], said[400];

	devargs(p, args, sizeof(args));
	snprintf(p->name, sizeof(p->name), "%.*s", (int)strcspn(args, ","), args);
	dpdk_eal_said(said, sizeof(said)); // what was said earlier
	int r = p->spec->driver == DPDK_PCI && rte_eth_dev_get_port_by_name(p->name, &p->id) == 0
			? 0 // found when DPDK started
			: rte_dev_probe(args);
	if (!r)
		r = rte_eth_dev_get_port_by_name(p->name, &p->id);
	p->attached = !r;
	if (!r)
		return 0;
	dpdk_eal_said(said, sizeof(said));
	snprintf(why, cap, "dpdk: no port comes from '%s': %s (%s)", p->spec->device, strerror(r < 0 ? -r : r), said);
	return r < -1 ? r : -ENODEV;
}

static int make_pool(struct dpdk_port *p, char *why, size_t cap)
{
	unsigned n = dpdk_size_buffers(&p->all, p->spec);
	char name[32];

	p->room = dpdk_size_room(p->spec, p->mtu);
	snprintf(name, sizeof(name), "pando%p", (void *)p);
	p->pool = rte_pktmbuf_pool_create(name, n, n > 4 * CACHE_BUFFERS ? CACHE_BUFFERS : 0, 0,
					  (uint16_t)(p->room + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY);
	if (!p->pool && rte_errno != ENOMEM) {
		snprintf(why, cap,
			 "dpdk: cannot make %u buffers: %s (are DPDK's drivers installed? librte_mempool_ring is "
			 "needed)",
			 n, rte_strerror(rte_errno));
		return -rte_errno;
	}
	if (!p->pool) {
		snprintf(why, cap,
			 "dpdk: no memory for %u buffers of %u bytes: say mem=MIB (now %u) or fewer mbufs=", n, p->room,
			 dpdk_eal_memory_mb());
		return -ENOMEM;
	}
	return 0;
}

/* First touches now, not in the middle of a burst. */
static void prefault(struct rte_mempool *pool, void *arg, void *obj, unsigned i)
{
	struct rte_mbuf *m = obj;

	(void)pool;
	(void)arg;
	(void)i;
	for (unsigned at = 0; at < m->buf_len; at += 4096)
		((volatile uint8_t *)m->buf_addr)[at] = 0;
}

static int configure(struct dpdk_port *p, bool interrupts)
{
	struct rte_eth_conf conf = {.intr_conf.rxq = interrupts};
	uint16_t rx = PORT_DESCS, tx = PORT_DESCS;
	struct rte_eth_dev_info info;
	int r = rte_eth_dev_info_get(p->id, &info);

	if (r)
		return r;
	bool local = p->spec->driver == DPDK_MEMIF ||
		     p->spec->driver == DPDK_AF_PACKET; // no device that wants DMA addresses

	p->lends = local && (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	conf.txmode.offloads =
		info.tx_offload_capa & (p->lends ? RTE_ETH_TX_OFFLOAD_MULTI_SEGS : RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
	if (p->spec->driver == DPDK_PCI)
		conf.rxmode.mtu = p->mtu;
	r = rte_eth_dev_configure(p->id, 1, 1, &conf);
	if (!r)
		r = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);
	if (!r)
		r = rte_eth_rx_queue_setup(p->id, 0, rx, SOCKET_ID_ANY, NULL, p->pool);
	return r ? r : rte_eth_tx_queue_setup(p->id, 0, tx, SOCKET_ID_ANY, NULL);
}

static bool is_client(const struct dpdk_port *p)
{
	return p->spec->driver == DPDK_MEMIF && strstr(p->spec->device, ",role=client");
}

/* A memif client starts only where its server listens, and the other host may be a moment behind. */
static int start_patiently(struct dpdk_port *p)
{
	p->started_ns = now_ns();
	int r = rte_eth_dev_start(p->id);

	for (unsigned ms = 0; r && is_client(p) && ms < MEMIF_WAIT_MS; ms += LINK_STEP_MS) {
		usleep(LINK_STEP_MS * 1000);
		p->started_ns = now_ns();
		r = rte_eth_dev_start(p->id);
	}
	return r;
}

static int start(struct dpdk_port *p, char *why, size_t cap)
{
	char said[400];
	int r;

	dpdk_eal_said(said, sizeof(said));
	p->interrupts = p->spec->driver == DPDK_PCI && configure(p, true) == 0;
	r = p->interrupts ? 0 : configure(p, false);
	if (!r)
		r = start_patiently(p);
	if (r && p->interrupts) { // promised, and then refused
		p->interrupts = false;
		r = configure(p, false);
		if (!r)
			r = rte_eth_dev_start(p->id);
	}
	p->started = !r;
	if (!r)
		return 0;
	dpdk_eal_said(said, sizeof(said));
	snprintf(why, cap, "dpdk: the port of '%s' does not start: %s (%.200s)%s", p->spec->device, strerror(-r), said,
		 p->spec->driver == DPDK_MEMIF ? ": is the host with role=server up?" : "");
	return r;
}

/* memif has its link when the other side comes, which may be later: the peer's timeout covers that. */
static int wait_for_link(struct dpdk_port *p, char *why, size_t cap)
{
	for (unsigned ms = 0; p->spec->driver != DPDK_MEMIF && !dpdk_port_up(p); ms += LINK_STEP_MS) {
		if (ms >= LINK_WAIT_MS) {
			snprintf(why, cap, "dpdk: the port of '%s' has no link after %u s: check its cable and switch",
				 p->spec->device, LINK_WAIT_MS / 1000);
			return -ENETDOWN;
		}
		usleep(LINK_STEP_MS * 1000);
	}
	return 0;
}

static int open_steps(struct dpdk_port *p, char *why, size_t cap)
{
	struct dpdk_fds before;
	struct rte_ether_addr mac;
	int r = dpdk_port_check(p->spec, why, cap);

	if (!r)
		r = dpdk_eal_start(&p->all, why, cap);
	p->mtu = dpdk_size_mtu(&p->all, p->spec);
	dpdk_fds_now(&before);
	/* memory first: the time between a memif server's socket and its start is one in which it turns clients away */
	if (!r)
		r = make_pool(p, why, cap);
	if (!r)
		rte_mempool_obj_iter(p->pool, prefault, NULL);
	if (!r && p->spec->driver == DPDK_AF_XDP && (r = dpdk_umem_trim(p->pool)))
		snprintf(why, cap, "dpdk: cannot sort the buffers of '%s': %s", p->spec->device, strerror(-r));
	if (!r)
		r = probe(p, why, cap);
	if (!r)
		r = start(p, why, cap);
	if (!r)
		r = wait_for_link(p, why, cap);
	if (r)
		return r;
	rte_eth_macaddr_get(p->id, &mac);
	memcpy(p->mac, mac.addr_bytes, sizeof(p->mac));
	dpdk_wake_find(p, &before);
	p->buffers_at_start = rte_mempool_avail_count(p->pool);
	return 0;
}

int dpdk_port_open(struct dpdk_port **out, const struct dpdk_spec *spec, unsigned n, char *why, size_t why_cap)
{
	struct dpdk_port *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->all = *spec;
	p->spec = &p->all.port[n];
	p->random = 0x9e3779b97f4a7c15ull * (n + 1) + (uint64_t)getpid();
	p->flat = malloc(UINT16_MAX);
	int r = p->flat ? open_steps(p, why, why_cap) : -ENOMEM;
	if (r) {
		dpdk_port_close(p);
		return r;
	}
	log_info("dpdk: %s: MTU %u, %u buffers, %s", p->name, p->mtu, p->buffers_at_start,
		 p->wakes ? "sleeps until frames come" : "naps when idle");
	*out = p;
	return 0;
}

void dpdk_port_close(struct dpdk_port *p)
{
	struct rte_eth_dev_info info;

	if (!p)
		return;
	rte_pktmbuf_free(p->held);
	dpdk_port_drop(p);
	if (p->started)
		rte_eth_dev_stop(p->id);
	if (p->attached) {
		bool known = rte_eth_dev_info_get(p->id, &info) == 0;

		rte_eth_dev_close(p->id);
		if (known)
			rte_dev_remove(info.device); // so that it can be opened again
	}
	rte_mempool_free(p->pool);
	free(p->flat);
	free(p);
}

int dpdk_port_renew(struct dpdk_port *p, const struct dpdk_spec *spec, char *why, size_t why_cap)
{
	p->all.drop_ppm = spec->drop_ppm;
	p->all.reorder_ppm = spec->reorder_ppm;
	rte_pktmbuf_free(p->held);
	p->held = NULL;
	dpdk_port_drop(p);
	return wait_for_link(p, why, why_cap);
}

void dpdk_port_revive(struct dpdk_port *p)
{
	/* the handshake runs in a thread of DPDK's and must not be cut off in its middle */
	if (!is_client(p) || dpdk_port_up(p) || now_ns() - p->started_ns < MEMIF_SHAKE_NS)
		return;
	p->started_ns = now_ns();
	if (p->started)
		rte_eth_dev_stop(p->id);
	p->started = rte_eth_dev_start(p->id) == 0;
}

const uint8_t *dpdk_port_mac(const struct dpdk_port *p)
{
	return p->mac;
}

uint32_t dpdk_port_mtu(const struct dpdk_port *p)
{
	return p->mtu;
}

const char *dpdk_port_name(const struct dpdk_port *p)
{
	return p->name;
}

bool dpdk_port_up(const struct dpdk_port *p)
{
	struct rte_eth_link l = {0};

	return rte_eth_link_get_nowait(p->id, &l) == 0 && l.link_status == RTE_ETH_LINK_UP;
}

unsigned dpdk_port_wake_fds(const struct dpdk_port *p, int fds[DPDK_WAKE_FDS])
{
	memcpy(fds, p->wake, p->wakes * sizeof(fds[0]));
	return p->wakes;
}

void dpdk_port_arm(struct dpdk_port *p, bool on)
{
	if (on)
		dpdk_wake_quiet(p);
	if (!p->interrupts)
		return;
	if (on)
		rte_eth_dev_rx_intr_enable(p->id, 0);
	else
		rte_eth_dev_rx_intr_disable(p->id, 0);
}

void dpdk_port_stats(const struct dpdk_port *p, struct dpdk_port_stats *out)
{
	*out = p->stats;
	out->buffers = p->buffers_at_start;
	out->buffers_free = rte_mempool_avail_count(p->pool) + (p->held ? p->held->nb_segs : 0);
	for (unsigned i = 0; i < p->out_n; i++)
		out->buffers_free += p->out[i]->nb_segs;
}
