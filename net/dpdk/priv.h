// SPDX-License-Identifier: Apache-2.0
// What the files of net/dpdk/ share.
#ifndef NET_DPDK_PRIV_H
#define NET_DPDK_PRIV_H

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "net/dpdk_port.h"

#define PORT_DESCS   1024u
#define PORT_PENDING 512u // frames that wait for room in the port
#define PORT_KEEPS   4u   // a share of so much of the pool may be kept: the device needs the rest

struct dpdk_port {
	const struct dpdk_port_spec *spec;
	struct dpdk_spec all; // own copy
	char name[64];        // DPDK's name of the device
	uint16_t id;
	uint8_t mac[6];
	uint32_t mtu, room; // room: bytes of data in one buffer
	bool attached, started, interrupts;
	bool lends; // frames of several pieces, and the driver reads them by our addresses
	struct rte_mempool *pool;
	uint32_t buffers_at_start;
	int wake[DPDK_WAKE_FDS];
	unsigned wakes;
	uint64_t started_ns;
	uint64_t random;
	struct rte_mbuf *held; // by the reorder knob
	struct rte_mbuf *now;  // the frame that fn of dpdk_port_receive() looks at, in one piece
	uint32_t kept;
	struct rte_mbuf *out[PORT_PENDING];
	unsigned out_n;
	uint8_t *flat; // a frame of several pieces, in one
	struct dpdk_port_stats stats;
};

/* eal.c: starts DPDK. Returns 0 or a negative errno with a sentence. */
int dpdk_eal_start(const struct dpdk_spec *spec, char *why, size_t cap);
unsigned dpdk_eal_memory_mb(void); // that it was started with
/* The last lines that DPDK logged since the previous call, in one line. */
void dpdk_eal_said(char *text, size_t cap);

/* check.c: what can be seen to be wrong with a port before DPDK is asked. */
int dpdk_port_check(const struct dpdk_port_spec *p, char *why, size_t cap);
/* The interface's MTU, or 0. */
uint32_t dpdk_iface_mtu(const char *iface);

/* size.c: bytes after the Ethernet header; of a slot of a packet socket's ring; of a buffer; how many; of all ports. */
uint32_t dpdk_size_mtu(const struct dpdk_spec *s, const struct dpdk_port_spec *p);
uint32_t dpdk_size_slot(uint32_t mtu);
uint32_t dpdk_size_room(const struct dpdk_port_spec *p, uint32_t mtu);
unsigned dpdk_size_buffers(const struct dpdk_spec *s, const struct dpdk_port_spec *p);
unsigned dpdk_size_memory_mb(const struct dpdk_spec *s);

/* umem.c: for af_xdp, before the port has the pool. Returns 0 or a negative errno. */
int dpdk_umem_trim(struct rte_mempool *pool);

/* wake.c: finds what becomes readable when frames arrive. before: the descriptors open earlier. */
struct dpdk_fds {
	uint64_t bits[64]; // 4096 descriptors
};
void dpdk_fds_now(struct dpdk_fds *f);
void dpdk_wake_find(struct dpdk_port *p, const struct dpdk_fds *before);
/* What keeps a descriptor ready though no frame waits is taken from it: an interrupt's count, an interface's going
 * down. */
void dpdk_wake_quiet(struct dpdk_port *p);

#endif
