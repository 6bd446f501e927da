// SPDX-License-Identifier: Apache-2.0
/*
 * A link: one host's connections to its peers. It hides the transport, and runs on an event loop (net/loop.h).
 *
 * The thread that owns the loop owns the link and calls everything here. Another may set it up before
 * the first loop_run() and take it down after that thread has ended. Callbacks may call everything
 * except link_destroy(). Messages to one peer arrive in order within one priority,
 * exactly once, or the peer is reported down. Control and faults (priority 0) are sent ahead of
 * bulk (priority 1).
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "net/loop.h"
#include "net/msg.h"

#define LINK_PEERS_MAX (HOSTS_MAX + 8u) // hosts and control clients
/*
 * Queued to one peer at most. Control that does not fit, or for which there is no memory, takes the peer down; bulk is
 * refused (-ENOBUFS) from three quarters of it on, and may be sent again after loop_run().
 */
#define LINK_SENDQ_BYTES_MAX (64u << 20)

struct link;
struct dpdk_spec;
struct seal_stream;

struct link_handler {
	void *ctx;
	/* A message came. m and its blob are valid only during the call. */
	void (*on_msg)(void *ctx, unsigned peer, const struct msg *m);
	/* The peer is gone (closed, broke the protocol, queue full). Called once; reason is static
	 * text. If this end gives it up, that shows at the other end only after this has returned. */
	void (*on_down)(void *ctx, unsigned peer, const char *reason);
};

struct link_peer_stats {
	uint64_t msgs_in, msgs_out, bytes_in, bytes_out, bad_frames;
	uint64_t first_in, first_out; // of msgs_in and msgs_out, those of priority 0
	uint64_t bad_tags; // sealed records or frames that were not genuine: over a stream the first ends the peer
};

/* Of a transport with frames of its own: what the network did to them. */
struct link_net_stats {
	const char *transport;          // static text
	const char *seal;               // the suite that its traffic is sealed with, or "plain"; "": no such peer
	uint64_t frames_in, frames_out; // of this peer's connection
	uint64_t retransmits, duplicates;
	uint64_t credit_stalls;         // times that sending waited for the peer to make room
	uint64_t rtt_ns;                // smoothed round trip of the link itself
	uint64_t bad_frames;            // refused: checksum, length, another session
	uint64_t drops;                 // by the test knob, of the port
	uint64_t strangers;             // frames on the port that belong to no connection
	uint64_t buffers_free, buffers; // of the port's pool, now and at its start
};

struct link_options {
	const char *transport;        // "uring", "dpdk" or "loop"; "uring-plain": without provided buffers
	uint32_t spin_us;             // of the link's own loop: busy-poll this long before sleeping (0: sleep at once)
	uint32_t epoch;               // put in every frame sent; frames of another epoch take the peer down
	const struct dpdk_spec *dpdk; // of transport "dpdk": its ports; read by link_create() only
	struct loop *loop;            // must outlive the link; NULL: it has one of its own
};

/*
 * Returns 0, or -ENOSYS/-EPERM (io_uring missing or forbidden), -ENOMEM, -EINVAL (unknown
 * transport, or one that needs a loop over io_uring); "dpdk": also what dpdk_port_open() returns, its sentence is
 * logged.
 */
int link_create(struct link **out, const struct link_options *opt, const struct link_handler *h);
void link_destroy(struct link *l); // closes every peer's descriptor; flushes nothing

/*
 * Adds peer number peer (< LINK_PEERS_MAX) over a connected, authenticated stream socket, which the
 * link owns from now on (also on error). Returns 0, -EEXIST, -EINVAL, -ENOMEM.
 */
int link_add_fd(struct link *l, unsigned peer, int fd);
/*
 * The same of a session (net/session.h) whose traffic is sealed; seal is the link's from now on too, also on error.
 * NULL: it is plain. A frame that was not sealed by the other side takes the peer down.
 */
int link_add_sealed(struct link *l, unsigned peer, int fd, struct seal_stream *seal);

/* Joins two links of this process ("loop" transport): a's peer pa is b, b's peer pb is a. */
int link_join_loop(struct link *a, unsigned pa, struct link *b, unsigned pb);

/* Whether everything that crosses to and from peer is sealed; false also where there is no such peer. */
bool link_sealed(const struct link *l, unsigned peer);

void link_remove(struct link *l, unsigned peer); // no on_down call

/*
 * What concerns peer is told to h (copied) from now on, until it is removed, and not to the handler of link_create().
 * Returns 0, -ENOTCONN (there is no such peer), -EINVAL (a function is missing).
 */
int link_set_handler(struct link *l, unsigned peer, const struct link_handler *h);

/*
 * Queues a message; its blob is copied or sent before the call returns, so the caller may reuse it.
 * The epoch is the link's. Frames are flushed by link_flush() or the next loop_run(). Returns 0,
 * -ENOTCONN, -EINVAL, -ENOBUFS (LINK_SENDQ_BYTES_MAX, or no memory). Never calls on_down: loop_run() does.
 */
int link_send(struct link *l, unsigned peer, const struct msg *m);
void link_flush(struct link *l);

/* The loop it runs on. */
struct loop *link_loop(const struct link *l);

/* Whether all queued frames to peer have been handed to the transport. */
bool link_drained(const struct link *l, unsigned peer);
/* Counters of a connection's own frames. Returns false, with transport set, where there are none. */
bool link_net_stats(const struct link *l, unsigned peer, struct link_net_stats *out);
/* Counters of a slot, kept after its peer is gone until the next one takes it; NULL beyond the last
 * slot. */
const struct link_peer_stats *link_stats(const struct link *l, unsigned peer);

#endif
