// SPDX-License-Identifier: Apache-2.0
/*
 * What link.c and a transport share. link.c knows peers, frames, queues and counters; a transport
 * moves bytes. Everything here runs on the link's owner thread unless it says otherwise.
 */
#ifndef NET_LINK_PRIV_H
#define NET_LINK_PRIV_H

#include <sys/uio.h>

#include "net/dpdk_port.h"
#include "net/link.h"

#define LINK_BATCH_FRAMES 64u         // frames handed to the transport at once, at most
#define LINK_BATCH_BULK   (64u << 10) // bulk bytes in one batch: what a fault can wait behind
#define LINK_FREE_FRAMES  256u        // page-sized frames kept for reuse
#define LINK_FRAME_ROOM   (MSG_HEADER_BYTES + MSG_FIELDS_MAX + PAGE_BYTES)

struct link_frame {
	struct link_frame *next;
	uint32_t bytes, cap;
	uint32_t sum; // rel_sum() of the data, if the link wants it and they are many; else 0
	uint8_t prio;
	bool held; // on its way out besides: link_frame_put() ends that first
	struct link *link;
	struct dpdk_lent lent;
	uint8_t data[];
};

struct link_queue {
	struct link_frame *head, **tail;
};

/*
 * One connection. Lives until it is removed and the transport holds nothing of it (holds == 0): an
 * operation in the kernel may outlast link_remove().
 */
struct link_peer {
	struct link *link;
	struct link_peer *next_dead;
	void *tp;                // the transport's part
	void *over;              // the part of a transport that is built over another one (dpdk)
	unsigned number;         // slot in link->peers
	struct link_handler h;   // who hears of it
	int fd;                  // owned; -1: none (loop)
	unsigned holds;          // operations in flight plus frames of it being delivered
	bool removed;            // no callback for it any more
	bool dirty;              // on link->dirty
	bool tx_dead;            // sending failed: frames are discarded, the receive side will report it
	const char *down_reason; // set: the next turn reports it, nothing is sent or received any more
	struct link_peer *next_dirty;
	struct link_queue queue[2];
	size_t queued_bytes;                         // both queues and the batch
	struct link_frame *batch[LINK_BATCH_FRAMES]; // handed to the transport, oldest first
	unsigned batch_n;
	size_t batch_sent;      // bytes of batch[0] already sent
	bool batch_busy;        // the transport reads the batch until link_batch_done()
	struct link_seal *seal; // NULL: what it says and hears is plain
	uint8_t *part;          // first bytes of a frame not yet whole
	size_t part_bytes, part_cap;
	struct link_peer_stats *stats; // of the slot
};

struct link_ops {
	const char *name;
	const char *waits; // of the loop it needs; NULL: any

	/* Sets l->tp. Any thread, before anything else. Returns 0 or a negative errno, and then
	 * owns nothing. */
	int (*create)(struct link *l);
	/* After it nothing refers to l, its peers or their frames. The peers are removed already. */
	void (*destroy)(struct link *l);

	/* Takes peer p with p->fd. The descriptor stays owned by p. Returns 0 or a negative errno.
	 * NULL: no descriptors. */
	int (*attach)(struct link *l, struct link_peer *p);
	/*
	 * p is leaving: starts no new operation and makes those in flight end soon. The transport
	 * closes nothing; it drops p->holds as they end. Frees p->tp no later than destroy.
	 */
	void (*detach)(struct link *l, struct link_peer *p);

	/*
	 * Sends queued frames of p as far as the transport takes them now: link_batch_fill(), send,
	 * link_batch_done() with what went. May keep the batch in flight (p->batch_busy) and end it
	 * later. Never calls back.
	 */
	void (*push)(struct link *l, struct link_peer *p);

	/* As of a loop's poller; sleep and wake may be NULL. They call link_rx() and link_down(). */
	int (*look)(struct link *l);
	int (*sleep)(struct link *l, uint64_t *until_ns);
	int (*wake)(struct link *l);

	/*
	 * The next two are of a transport built over uring, and NULL in others. A message came on
	 * p's stream: true if it was the transport's own, and is dealt with.
	 */
	bool (*on_stream)(struct link *l, struct link_peer *p, const struct msg *m);
	/* p's stream has ended: the last chance to deliver what came another way before that. */
	void (*on_stream_end)(struct link *l, struct link_peer *p);
	/* Fills in the counters that only the transport knows. */
	void (*stats)(const struct link *l, const struct link_peer *p, struct link_net_stats *out);
};

struct link {
	const struct link_ops *ops;
	void *tp;
	void *over;                   // of a transport built over another one
	const struct dpdk_spec *dpdk; // during create() only
	struct loop *loop;
	bool own_loop;
	struct loop_poller poller;
	struct link_handler h;
	uint32_t epoch;
	struct link_peer *peers[LINK_PEERS_MAX];
	struct link_peer_stats stats[LINK_PEERS_MAX]; // outlive the peer, until the slot is used again
	struct link_peer *dirty;                      // has frames the transport has not seen
	struct link_peer *dead;                       // removed, waiting for holds to end
	struct link_frame *free_frames;
	unsigned free_n;
	unsigned downs; // peers with down_reason set
	bool sums;      // the transport sums up what it sends
	bool arm;       // peers the transport has not armed yet
};

struct seal_stream;

extern const struct link_ops link_uring_ops, link_uring_plain_ops, link_loop_ops, link_dpdk_ops;

/* Bytes came from p, sealed or not: assembles frames and calls on_msg. buf is read only during the call. Returns
 * messages handled. */
int link_rx(struct link_peer *p, const uint8_t *buf, size_t n);
/* The same of bytes that are plain, or have been opened. */
int link_rx_bytes(struct link_peer *p, const uint8_t *buf, size_t n);

/* One whole message came from p, not through its stream: calls on_msg. Returns messages handled. */
int link_rx_message(struct link_peer *p, const uint8_t *frame, size_t bytes);

/* p is gone; the link's next turn reports it. The first reason wins. */
void link_down(struct link_peer *p, const char *reason);

/* Moves queued frames into p->batch, control first, if it is empty. Returns how many frames are in
 * it. */
unsigned link_batch_fill(struct link_peer *p);

/* sent bytes of the batch went out. What is left goes back to its queue, so that control can
 * overtake again. */
void link_batch_done(struct link_peer *p, size_t sent);

/*
 * What a transport over a stream sends next: frames of the batch where they lie, or what they were sealed to. iov has
 * LINK_BATCH_FRAMES pieces. Returns how many there are; 0: nothing is left. Then, once it is known how much went, and
 * until that no more: link_out_done().
 */
unsigned link_out_fill(struct link_peer *p, struct iovec *iov);
void link_out_done(struct link_peer *p, size_t sent);

/* Of a sealed peer (link_seal.c). stream is p's from then on, but not on error: -ENOMEM. */
int link_seal_new(struct link_peer *p, struct seal_stream *stream);
void link_seal_free(struct link_peer *p);              // wipes its keys. Plain: nothing
const char *link_seal_name(const struct link_peer *p); // the suite, or "plain"
bool link_seal_empty(const struct link_peer *p);       // all that was sealed has been sent
void link_seal_drop(struct link_peer *p);              // nothing will be sent any more
int link_seal_rx(struct link_peer *p, const uint8_t *buf, size_t n);
struct seal_stream *link_seal_stream(const struct link_peer *p); // stays the link's; NULL: p is plain
/* One short message past the queues, at once: 0, or -EPIPE, and then p's stream cannot go on. */
int link_seal_say(struct link_peer *p, const uint8_t *bytes, uint32_t n);

/* The first frames of the batch now belong to the transport, which ends them with link_frame_put().
 * The rest goes back. */
void link_batch_moved(struct link_peer *p, unsigned frames);

/* The transport takes frames of p again: the next flush pushes. */
void link_mark_dirty(struct link_peer *p);

/* Sending to p failed for good: discards what is queued; the receive side reports the peer. */
void link_tx_fail(struct link_peer *p);

/* Frees removed peers that nothing holds. */
void link_reap(struct link *l);

/* Creates a peer (fd -1: none) in its slot. Returns 0, -EEXIST, -EINVAL, -ENOMEM. Does not close fd
 * on error. */
int link_peer_new(struct link *l, unsigned number, int fd, struct link_peer **out);

/* A frame has done its work, or, if it is held, the first of two that used it is done. */
void link_frame_put(struct link *l, struct link_frame *f);

#endif
