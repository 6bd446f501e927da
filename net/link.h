// SPDX-License-Identifier: Apache-2.0
/*
 * A link: one host's connections to its peers, and the event loop they run on. It hides the
 * transport.
 *
 * One thread owns a link and calls everything here except link_kick(). Another may set it up before
 * the first link_run() and take it down after that thread has ended. Callbacks may call everything
 * except link_run() and link_destroy(). Messages to one peer arrive in order within one priority,
 * exactly once, or the peer is reported down. Control and faults (priority 0) are sent ahead of
 * bulk (priority 1).
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "net/msg.h"

#define LINK_PEERS_MAX (HOSTS_MAX + 8u) // hosts and control clients
#define LINK_WATCH_MAX 32u
/*
 * Queued to one peer at most. Control that does not fit takes the peer down; bulk is refused
 * (-ENOBUFS) from three quarters of it on, and may be sent again after link_run().
 */
#define LINK_SENDQ_BYTES_MAX (64u << 20)

struct link;
struct dpdk_spec;

struct link_handler {
	void *ctx;
	/* A message came. m and its blob are valid only during the call. */
	void (*on_msg)(void *ctx, unsigned peer, const struct msg *m);
	/* The peer is gone (closed, broke the protocol, queue full). Called once; reason is static
	 * text. */
	void (*on_down)(void *ctx, unsigned peer, const char *reason);
	/* link_kick() was called at least once since the last on_kick. May be NULL. */
	void (*on_kick)(void *ctx);
};

struct link_peer_stats {
	uint64_t msgs_in, msgs_out, bytes_in, bytes_out, bad_frames;
	uint64_t kinds_in[64], kinds_out[64]; // by enum msg_kind
};

/* Of a transport with frames of its own: what the network did to them. */
struct link_net_stats {
	const char *transport;          // static text
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
	uint32_t spin_us;             // busy-poll this long before sleeping (0: sleep at once)
	uint32_t epoch;               // put in every frame sent; frames of another epoch take the peer down
	const struct dpdk_spec *dpdk; // of transport "dpdk": its ports; read by link_create() only
};

/*
 * Returns 0, or -ENOSYS/-EPERM (io_uring missing or forbidden), -ENOMEM, -EINVAL (unknown
 * transport); "dpdk": also what dpdk_port_open() returns, its sentence is logged.
 */
int link_create(struct link **out, const struct link_options *opt, const struct link_handler *h);
void link_destroy(struct link *l); // closes every peer's descriptor; flushes nothing

/*
 * Adds peer number peer (< LINK_PEERS_MAX) over a connected, authenticated stream socket, which the
 * link owns from now on (also on error). Returns 0, -EEXIST, -EINVAL, -ENOMEM.
 */
int link_add_fd(struct link *l, unsigned peer, int fd);

/* Joins two links of this process ("loop" transport): a's peer pa is b, b's peer pb is a. */
int link_join_loop(struct link *a, unsigned pa, struct link *b, unsigned pb);

void link_remove(struct link *l, unsigned peer); // no on_down call

/*
 * Queues a message; its blob is copied or sent before the call returns, so the caller may reuse it.
 * The epoch is the link's. Frames are flushed by link_flush() or the next link_run(). Returns 0,
 * -ENOTCONN, -EINVAL, -ENOBUFS (LINK_SENDQ_BYTES_MAX). Never calls on_down: link_run() does.
 */
int link_send(struct link *l, unsigned peer, const struct msg *m);
void link_flush(struct link *l);

/* Calls fn(ctx, fd) on the owner's thread whenever fd is readable. Returns 0, -ENOSPC. */
int link_watch(struct link *l, int fd, void (*fn)(void *ctx, int fd), void *ctx);
void link_unwatch(struct link *l, int fd);

/*
 * Waits for events until deadline_ns (CLOCK_MONOTONIC; UINT64_MAX: for ever) and handles those that
 * are there. Returns the number handled, 0 on time-out or after a signal, or a negative errno:
 * -EBUSY from inside a callback, -EEXIST on another thread than the first call.
 */
int link_run(struct link *l, uint64_t deadline_ns);

/* Any thread: makes the owner's link_run() call on_kick soon. */
void link_kick(struct link *l);

/* Whether all queued frames to peer have been handed to the transport. */
bool link_drained(const struct link *l, unsigned peer);
/* Counters of a connection's own frames. Returns false, with transport set, where there are none. */
bool link_net_stats(const struct link *l, unsigned peer, struct link_net_stats *out);
/* Counters of a slot, kept after its peer is gone until the next one takes it; NULL beyond the last
 * slot. */
const struct link_peer_stats *link_stats(const struct link *l, unsigned peer);

#endif
