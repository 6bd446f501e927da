// SPDX-License-Identifier: Apache-2.0
/* How long frames may be, how many buffers a port has, and what memory all of that takes. */
#include "net/dpdk/priv.h"

#define MEMIF_MTU    8000u // a page and its headers in one frame
#define MEMIF_BUFFER 8192u
#define XDP_ROOM     3072u // one buffer a page, with DPDK's headers: none may cross into the next
#define XDP_HEADROOM 256u  // of which the kernel keeps this
#define VDEV_ROOM    2048u
#define SLOT_HEAD    128u // of a slot of a packet socket's ring, for the kernel's own headers
#define XDP_BUFFERS  8191u
#define NIC_BUFFERS  4095u
#define VDEV_BUFFERS 2047u
#define MEM_MIN_MB   128u
#define MEM_OWN_MB   48u  // DPDK's own, with room for the ports of later guests
#define BUFFER_HEAD  384u // of DPDK: struct rte_mbuf, the pool's, headroom

uint32_t dpdk_size_mtu(const struct dpdk_spec *s, const struct dpdk_port_spec *p)
{
	uint32_t own = p->iface[0] ? dpdk_iface_mtu(p->iface) : p->driver == DPDK_MEMIF ? MEMIF_MTU : 1500;
	uint32_t most = p->driver == DPDK_MEMIF ? MEMIF_BUFFER - RTE_ETHER_HDR_LEN : DPDK_MTU_MAX;

	if (p->driver == DPDK_AF_XDP)
		most = XDP_ROOM - XDP_HEADROOM - RTE_ETHER_HDR_LEN;
	/* NICs may be told another MTU, kernel interfaces have theirs: less may be used, not more */
	if (p->iface[0] && own && own < most)
		most = own;
	uint32_t mtu = s->mtu ? s->mtu : own;
	return mtu < most ? mtu : most;
}

uint32_t dpdk_size_slot(uint32_t mtu)
{
	uint32_t want = mtu + RTE_ETHER_HDR_LEN + SLOT_HEAD;

	return want <= 2048 ? 2048 : want <= 8192 ? 8192 : 16384;
}

uint32_t dpdk_size_room(const struct dpdk_port_spec *p, uint32_t mtu)
{
	switch (p->driver) {
	case DPDK_AF_XDP:
		return XDP_ROOM;
	case DPDK_MEMIF:
		return MEMIF_BUFFER;
	case DPDK_AF_PACKET:
		return dpdk_size_slot(mtu); // it wants to fit a whole frame of its ring
	default:
		return RTE_MAX(mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN, VDEV_ROOM);
	}
}

unsigned dpdk_size_buffers(const struct dpdk_spec *s, const struct dpdk_port_spec *p)
{
	if (s->mbufs)
		return s->mbufs;
	return p->driver == DPDK_AF_XDP ? XDP_BUFFERS : p->driver == DPDK_PCI ? NIC_BUFFERS : VDEV_BUFFERS;
}

unsigned dpdk_size_memory_mb(const struct dpdk_spec *s)
{
	uint64_t bytes = 0;

	if (s->mem_mb)
		return s->mem_mb;
	for (unsigned i = 0; i < s->ports; i++) {
		const struct dpdk_port_spec *p = &s->port[i];
		uint64_t each = dpdk_size_room(p, dpdk_size_mtu(s, p)) + BUFFER_HEAD;

		bytes +=
			dpdk_size_buffers(s, p) * each * 5 / 4; // buffers don't cross pages of 4 KiB: some room is lost
	}
	unsigned mb = MEM_OWN_MB + (unsigned)(bytes >> 20);
	return mb < MEM_MIN_MB ? MEM_MIN_MB : mb;
}
