// SPDX-License-Identifier: Apache-2.0
/*
 * The network device (Virtio 1.2, 5.1): frames out of and into chains, and the control queue. Offloads mean what the
 * driver has accepted, and nothing else. Pure.
 */
#ifndef VMM_VIRTIO_NET_H
#define VMM_VIRTIO_NET_H

#include "vmm/virtio/chain.h"

#define NET_TYPE          1u
#define NET_CLASS         0x020000u // Ethernet
#define NET_CONFIG_BYTES  12u
#define NET_HEADER_BYTES  12u
#define NET_FRAME_MIN     14u
#define NET_FRAME_MAX     (65535u + 18u) // the longest IP datagram, an Ethernet header, a VLAN tag
#define NET_RX_CHAINS_MAX 64u            // of one frame

#define NET_F_CSUM       (1ull << 0)
#define NET_F_GUEST_CSUM (1ull << 1)
#define NET_F_MTU        (1ull << 3)
#define NET_F_MAC        (1ull << 5)
#define NET_F_GUEST_TSO4 (1ull << 7)
#define NET_F_GUEST_TSO6 (1ull << 8)
#define NET_F_GUEST_ECN  (1ull << 9)
#define NET_F_HOST_TSO4  (1ull << 11)
#define NET_F_HOST_TSO6  (1ull << 12)
#define NET_F_HOST_ECN   (1ull << 13)
#define NET_F_MRG_RXBUF  (1ull << 15)
#define NET_F_STATUS     (1ull << 16)
#define NET_F_CTRL_VQ    (1ull << 17)
#define NET_F_MQ         (1ull << 22)

/* Features that need others which were not accepted are not good (5.1.3.1). */
bool net_features_good(uint64_t accepted);

struct net_state {
	uint8_t mac[6];
	bool link_up;
	uint16_t pairs; // of queues
	uint16_t mtu;
};
void net_put_config(const struct net_state *s, uint8_t *out);

/* What the header says of a frame (5.1.6). */
#define NET_NEEDS_CSUM 1u // in flags
#define NET_DATA_VALID 2u
#define NET_GSO_NONE   0u
#define NET_GSO_TCP4   1u
#define NET_GSO_TCP6   4u
#define NET_GSO_ECN    0x80u // or'ed to the others

struct net_header {
	uint8_t flags, gso;
	uint16_t header_bytes, segment_bytes;
	uint16_t csum_start, csum_offset;
};
/* buffers: chains that the frame is in (num_buffers). */
void net_header_encode(const struct net_header *h, uint16_t buffers, uint8_t out[NET_HEADER_BYTES]);
void net_header_decode(const uint8_t raw[NET_HEADER_BYTES], struct net_header *h);

/* A frame on its way to the driver. */
struct net_frame {
	const uint8_t *bytes;
	uint32_t n;
	struct net_header header;
};

/*
 * What a header may say to this driver. False: it has not accepted to finish this frame, which is to be dropped.
 * Otherwise what it did not ask for is left out.
 */
bool net_rx_header(uint64_t accepted, struct net_header *h);

/*
 * A frame to send: *frame bytes at NET_HEADER_BYTES of the readable part. *drop: the chain is given back, and nothing
 * is sent, since frame or header are impossible or use what was not accepted. RING_GOOD, or why the queue is broken.
 */
enum ring_error net_tx_parse(uint64_t accepted, const struct guest_mem *mem, const struct chain *c,
			     struct net_header *h, uint32_t *frame, bool *drop);

/*
 * How many of these chains, in this order, a frame of n bytes takes. 0: more than there are; -EMSGSIZE: no number of
 * them can (without MRG_RXBUF a frame must fit one, and a chain must have room for the header): drop the frame.
 */
int net_rx_chains(uint64_t accepted, const struct chain *const *c, unsigned have, uint32_t n);
/*
 * Writes header and frame into the chains that net_rx_chains() counted; used[] is what to push for each, all of them
 * before the interrupt, and at once: a driver that sees some of them takes the frame for a broken one.
 */
enum ring_error net_rx_put(const struct guest_mem *mem, const struct chain *const *c, unsigned chains,
			   const struct net_header *h, const uint8_t *frame, uint32_t n, uint32_t *used);

/* A command of the control queue (5.1.6.5). */
struct net_command {
	bool good;      // answer with it, and if it is: what was asked
	uint16_t pairs; // of queues that the driver uses from now on
};
enum ring_error net_ctrl_parse(uint64_t accepted, uint16_t pairs_max, const struct guest_mem *mem,
			       const struct chain *c, struct net_command *out);
enum ring_error net_ctrl_finish(const struct guest_mem *mem, const struct chain *c, bool good, uint32_t *used);

#endif
