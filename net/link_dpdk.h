// SPDX-License-Identifier: Apache-2.0
/*
 * The inside of the dpdk transport, for its own files: link_dpdk.c (the event loop and the ports),
 * link_dpdk_peer.c (one connection: the stream that vouches for it, and its frames) and link_dpdk_seal.c (what seals
 * those frames, where the stream is sealed).
 *
 * It is built over the uring transport, which keeps serving the stream of every peer, control
 * sessions and watched descriptors. A peer below HOSTS_MAX is a host: the first and only message on
 * its stream, each way, is LINK_HELLO; everything else goes by frames. The stream stays: its end is
 * the peer's end. A frame is taken only if it carries the random token that this side sent over the
 * authenticated stream, so who does not know the cluster key is not listened to.
 */
#ifndef NET_LINK_DPDK_H
#define NET_LINK_DPDK_H

#include "net/dpdk_frame.h"
#include "net/dpdk_port.h"
#include "net/link_priv.h"
#include "net/loop_priv.h"
#include "net/rel/rel.h"

struct dpdk_link {
	struct dpdk_spec spec;
	struct dpdk_port *port[DPDK_PORTS_MAX];
	struct dpdk_addr self[DPDK_PORTS_MAX];
	struct dpdk_peer *peers;     // hosts, in no order
	struct dpdk_peer *gone;      // left, perhaps from their own callback: freed when none runs
	struct dpdk_port *receiving; // the port whose frames are being handled, or NULL
	unsigned receiving_n;        // its index
	struct link *link;
	uint64_t now_ns; // of this round
	uint64_t nap_ns; // how long to sleep where nothing wakes us
	uint64_t strangers;
	int wake_fd[DPDK_PORTS_MAX * DPDK_WAKE_FDS]; // watched while the loop is idle
	unsigned wake_fds_n;
	uint64_t look_at_ns; // when the ports' links are looked at again
	bool port_down;      // one was found without
	unsigned frames;     // of this round
	int handled;         // messages of it
	bool naps;           // some port wakes nobody
	bool sums;           // frames leave this machine: they get a checksum (and if the peer's do)
};

struct dpdk_peer {
	struct dpdk_peer *next;
	struct link_peer *p;
	struct dpdk_link *d;
	uint64_t token, peer_token; // frames to us carry token
	int port;                   // index, or -1: not known yet, frames go to all
	struct dpdk_addr to;
	struct rel *rel;  // NULL: the peer's hello is not here yet
	uint8_t *scratch; // a frame that goes to several ports
	uint64_t bytes_in;
	uint32_t rung; // which sleep of the peer was ended
	bool ring_due;
	uint32_t copies;            // its bytes, while it waits for spread()
	struct seal_datagram *seal; // NULL: its frames are plain
	uint8_t *unsealed;          // the frame that rel is filling, of unsealed_n bytes as rel has it
	uint32_t unsealed_n;
};

/* link_dpdk_peer.c */
int dpdk_peer_new(struct dpdk_link *d, struct link_peer *p);
void dpdk_peer_leave(struct dpdk_peer *dp); // from a callback too
void dpdk_peers_bury(struct dpdk_link *d);  // from no callback
bool dpdk_peer_on_stream(struct link *l, struct link_peer *p, const struct msg *m);
void dpdk_peer_push(struct dpdk_peer *dp); // queued messages go to rel, frames out
/* A frame of n bytes after the headers, received by a port from an address. */
void dpdk_peer_frame(struct dpdk_peer *dp, unsigned port, const struct dpdk_addr *from, const uint8_t *b, uint32_t n);
void dpdk_peer_tick(struct dpdk_peer *dp);    // timers
void dpdk_peer_flushed(struct dpdk_peer *dp); // its frames have left the port
void dpdk_peer_sleeps(struct dpdk_peer *dp);  // tells the peer
uint64_t dpdk_peer_deadline(const struct dpdk_peer *dp);
void dpdk_peer_stats(const struct dpdk_peer *dp, struct link_net_stats *out);

/* link_dpdk_seal.c. The first: for a peer whose stream is sealed, before anything is sealed with that; 0 or -ENOMEM. */
int dpdk_seal_new(struct dpdk_peer *dp);
void dpdk_seal_free(struct dpdk_peer *dp);
/* Where rel is to write a frame of n bytes for which there are n + REL_SEAL at frame; then, when it has done so. */
uint8_t *dpdk_seal_room(struct dpdk_peer *dp, uint8_t *frame, uint32_t n);
void dpdk_seal_close(struct dpdk_peer *dp); // no frame: nothing
/*
 * A frame of n bytes at *bytes as it came: its bytes as rel has it, which *bytes points to then, in the same place; or
 * -EALREADY, -EBADMSG, which are counted: it is to be dropped.
 */
int dpdk_seal_open(struct dpdk_peer *dp, const uint8_t **bytes, uint32_t n);
uint64_t dpdk_seal_again(const struct dpdk_peer *dp); // frames that came before

#endif
