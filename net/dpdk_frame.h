// SPDX-License-Identifier: Apache-2.0
/*
 * The outside of a frame on a dpdk port: Ethernet, and IPv4 with UDP where the network between the
 * hosts is routed. Pure.
 *
 * Raw: 0 destination 6 source, 12 u16 EtherType 0x88b5, 14 u16 bytes that follow (big-endian: short
 * frames are padded). UDP: Ethernet, IPv4 without options, don't fragment, UDP without checksum
 * (what is inside has its own).
 */
#ifndef NET_DPDK_FRAME_H
#define NET_DPDK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DPDK_RAW_HEAD 16u
#define DPDK_UDP_HEAD 42u
#define DPDK_UDP_HOPS 64u

struct dpdk_addr {
	uint8_t mac[6];
	uint16_t port; // UDP
	uint32_t ip;   // host order; 0: raw Ethernet
};

/* Bytes of header that frames to it have. */
static inline uint32_t dpdk_head_bytes(const struct dpdk_addr *to)
{
	return to->ip ? DPDK_UDP_HEAD : DPDK_RAW_HEAD;
}

/* Writes the header of a frame with n bytes inside; out has dpdk_head_bytes(to). n <= 65000. */
void dpdk_head_write(uint8_t *out, const struct dpdk_addr *from, const struct dpdk_addr *to, uint32_t n);

/*
 * Finds what is inside a frame received at self. from->mac, ip and port are the sender's. Returns
 * its bytes with *inside set, or -EPROTO if the frame is not for us or not as above.
 */
int dpdk_head_read(const uint8_t *frame, uint32_t n, const struct dpdk_addr *self, struct dpdk_addr *from,
		   const uint8_t **inside);

#endif
