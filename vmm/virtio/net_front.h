// SPDX-License-Identifier: Apache-2.0
/*
 * The front of a network device: between its rings and whatever brings frames to a network and back, which is beside it
 * (vmm/nets/) or on another host. It owns no network and no register. Pure but for the calls it is given; all of it on
 * the serving thread, without the device's lock.
 *
 * Frames are taken out of a transmit ring only when there is room for one, and given to the driver only when it has
 * buffers for all of it: nothing waits in here. Queue 2i receives and 2i + 1 transmits, of pair i; then comes the
 * control queue (5.1.2).
 */
#ifndef VMM_VIRTIO_NET_FRONT_H
#define VMM_VIRTIO_NET_FRONT_H

#include "vmm/virtio/net.h"
#include "vmm/virtio/net_flow.h"
#include "vmm/virtio/server.h"

#define NET_PAIRS_MAX  64u
#define NET_QUEUE_SIZE 256u
#define NET_ROUND      64u // frames of a queue, before others have their turn

struct net_back_ops {
	/* Room for a frame of NET_FRAME_MAX bytes, until send() or another room(). NULL: none now; call
	 * net_front_room() when there is. */
	uint8_t *(*room)(void *ctx);
	void (*send)(void *ctx, uint32_t bytes, const struct net_header *h); // what was written there
	void (*flush)(void *ctx);                                            // after some of them
	/* The oldest frame for the guest, there until it is consumed. False: none; net_front_received() when there is.
	 */
	bool (*peek)(void *ctx, struct net_frame *out);
	void (*consume)(void *ctx);
	/* What the driver has accepted, each time that changes; 0: there is no driver. */
	void (*accepted)(void *ctx, uint64_t features);
};

struct net_front_counts {
	uint64_t sent, sent_bytes, received, received_bytes;
	uint64_t bad_out; // frames of the guest that were none, or asked for what was not accepted
	uint64_t bad_in;  // frames that fit no buffers that the guest could ever have
};

struct net_front {
	struct server *s;
	const struct net_back_ops *back;
	void *ctx;
	uint16_t pairs_max, pairs; // in use
	uint64_t accepted;         // by the driver of this epoch, 0: none
	uint32_t epoch;
	bool look[NET_PAIRS_MAX]; // transmit queues with something in them
	uint8_t flow[NET_FLOWS];  // pair by which it was sent last
	struct chain *chains;     // NET_RX_CHAINS_MAX, of one frame
	struct net_front_counts count;
};

/* chains: room for NET_RX_CHAINS_MAX, the caller's. s: of a device with 2 * pairs_max + 1 queues. */
void net_front_init(struct net_front *f, struct server *s, uint16_t pairs_max, struct chain *chains,
		    const struct net_back_ops *back, void *ctx);

/* The server's functions (struct server_ops): of the control queue, and which queues have their buffers taken. */
enum ring_error net_front_request(struct net_front *f, uint16_t queue, const struct chain *c, uint32_t *used);
bool net_front_on_demand(struct net_front *f, uint16_t queue);

/*
 * After server_round(): frames both ways, NET_ROUND of each queue at most. True: there is more to do, call it
 * again, after others had their turn.
 */
bool net_front_work(struct net_front *f);
/* The same of one direction: there are frames for the guest; there is room for its frames. */
bool net_front_received(struct net_front *f);
bool net_front_room(struct net_front *f);

#endif
