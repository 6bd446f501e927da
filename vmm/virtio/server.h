// SPDX-License-Identifier: Apache-2.0
/*
 * What serves the rings of a device's queues on one host: those that the device's owner has given to it (handover.h).
 * Which queues are to be looked at, their rings, interrupts, broken queues. It knows no registers: the owner, here
 * (owners.h) or on another host, is reached by struct server_link.
 *
 * All on one thread, the serving one, which holds no lock while it touches guest memory; but for server_kick(). Pure
 * but for the calls it is given.
 */
#ifndef VMM_VIRTIO_SERVER_H
#define VMM_VIRTIO_SERVER_H

#include "vmm/virtio/home.h"

#define SERVER_QUEUES_MAX 255u

struct server_ops {
	/*
	 * A request. *used: bytes written from the beginning of the writable part. *later: server_complete() will tell;
	 * c is valid during the call only. Anything but RING_GOOD breaks the queue, and the device until it is reset.
	 */
	enum ring_error (*request)(void *ctx, uint16_t queue, const struct chain *c, uint32_t *used, bool *later);
	/* A queue that takes its buffers when it has something to put into them is not drained by rounds. NULL: none.
	 */
	bool (*on_demand)(void *ctx, uint16_t queue);
	/*
	 * No more requests can be taken now: the rest stays in the rings until server_kick() for its queue. NULL:
	 * never.
	 */
	bool (*full)(void *ctx);
};

/* The device's owner. */
struct server_link {
	void *ctx;
	/* What it has to say is to be taken in now, by server_in(). NULL: that comes by itself. */
	void (*hear)(void *ctx);
	void (*tell)(void *ctx, uint16_t queue, const struct handover *m);
	/* The interrupt of an entry; NULL: no entry of this owner is sent by us. */
	void (*interrupt)(void *ctx, const struct handover_entry *e);
};

struct server {
	const struct server_ops *ops;
	void *ctx;
	struct server_link link;
	const struct guest_mem *mem;
	uint16_t queues;
	uint64_t kicked[(SERVER_QUEUES_MAX + 63) / 64]; // any thread, atomic
	uint64_t here[(SERVER_QUEUES_MAX + 63) / 64];   // written by the serving thread, atomic
	bool held;                                      // atomic
	/* The serving thread's: */
	struct ring *rings; // by queue, the caller's
	struct home homes[SERVER_QUEUES_MAX];
	uint64_t accepted;  // by the driver of the queues that are here
	uint32_t epoch;     // its device's
	unsigned under_way; // requests that will be completed later
	uint64_t served, discarded;
	struct chain chain;
};

/* rings: one for each queue. */
void server_init(struct server *s, uint16_t queues, struct ring *rings, const struct guest_mem *mem,
		 const struct server_ops *ops, void *ctx, const struct server_link *link);

/* A vCPU of this host has notified. Any thread. False: the queue is not here, and the owner is to be told. */
bool server_kick(struct server *s, uint16_t queue);
/* While it is held nothing is taken from the rings; what is under way may end. Any thread. */
void server_hold(struct server *s, bool hold);

/* A word of the owner, not from inside a request. 0, or -EPROTO: it can't be. */
int server_in(struct server *s, uint16_t queue, const struct handover *m);

/*
 * A round over the queues that are to be looked at, each of its ring's size at most. True: there is more to do, call it
 * again, after others had their turn.
 */
bool server_round(struct server *s);

/* The next buffer of an on-demand queue, in s->chain, to be given to server_complete(). False: none. */
bool server_take(struct server *s, uint16_t queue);
/*
 * A later request has ended; interrupts come with server_told(). e: what is wrong with it. Thrown away, if the device
 * is being reset.
 */
void server_complete(struct server *s, uint16_t queue, uint16_t head, uint32_t used, enum ring_error e);
/* The same of n at once, which the driver sees together: a frame in more than one buffer. */
struct server_used {
	uint16_t head;
	uint32_t bytes;
};
void server_complete_all(struct server *s, uint16_t queue, const struct server_used *used, unsigned n,
			 enum ring_error e);
/*
 * Serving thread: what server_take() gave last is put back as it was, and comes again; of several the last one first,
 * and before anything else is taken from that queue.
 */
void server_untake(struct server *s, uint16_t queue, const struct chain *c);
/* ... and so have all of a batch; the queue's interrupt, if it is wanted. */
void server_told(struct server *s, uint16_t queue);
/* The driver still wants what was begun in this queue: it has not reset the device since. */
bool server_wanted(const struct server *s, uint16_t queue);

/*
 * The driver of what is here: true, and the features that it accepted; *epoch changes when it has reset the device.
 * False: no queue is here.
 */
bool server_driver(const struct server *s, uint64_t *accepted, uint32_t *epoch);

/* No queue is here any more, as after power-on; nothing is under way, or has been begun since server_hold(). */
void server_forget(struct server *s);

#endif
