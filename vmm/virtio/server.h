// SPDX-License-Identifier: Apache-2.0
/*
 * Between the registers of a device (transport.h) and its requests: which queues are to be looked at, their rings,
 * interrupts, broken queues, and resets, which wait for what is under way. Two parties share a device: vCPUs at its
 * registers, each access under the device's lock, and one thread that serves its queues. That thread takes the lock by
 * these functions, for moments, and never while it touches guest memory. Pure but for the calls it is given.
 */
#ifndef VMM_VIRTIO_SERVER_H
#define VMM_VIRTIO_SERVER_H

#include "vmm/virtio/transport.h"

struct server_ops {
	void (*lock)(void *ctx); // the device's
	void (*unlock)(void *ctx);
	void (*send)(void *ctx, const struct msix_message *m); // an interrupt; without the lock
	/*
	 * A request, on the serving thread without the lock. *used: bytes written from the beginning of the writable
	 * part. *later: server_complete() will tell; c is valid during the call only. Anything but RING_GOOD breaks the
	 * queue, and the device until it is reset.
	 */
	enum ring_error (*request)(void *ctx, uint16_t queue, const struct chain *c, uint32_t *used, bool *later);
	/* A queue that takes its buffers when it has something to put into them is not drained by rounds. NULL: none.
	 */
	bool (*on_demand)(void *ctx, uint16_t queue);
	/*
	 * No more requests can be taken now: the rest stays in the rings until server_look() for its queue. NULL:
	 * never.
	 */
	bool (*full)(void *ctx);
};

struct server {
	struct virtio *v; // under the device's lock
	const struct server_ops *ops;
	void *ctx;
	const struct guest_mem *mem;
	uint64_t look[(VIRTIO_QUEUES_MAX + 63) / 64]; // queues to look at; under the lock
	bool held;                                    // under the lock
	/* The serving thread's: */
	struct ring *rings; // by queue, the caller's; size 0: not begun in this epoch
	uint32_t epoch;
	unsigned under_way; // requests that will be completed later
	bool failed;        // the device has been told to fail in this epoch
	enum ring_error why;
	uint64_t served, discarded, broken;
	struct chain chain;
};

/* rings: one for each queue of v. Before any access. */
void server_init(struct server *s, struct virtio *v, struct ring *rings, const struct guest_mem *mem,
		 const struct server_ops *ops, void *ctx);

/* After an access to v with these effects, the lock held. True: server_round() is to be called on the serving thread.
 */
bool server_accessed(struct server *s, const struct virtio_fx *fx);
/* Look at a queue; the lock held. */
void server_look(struct server *s, uint16_t queue);

/* While it is held nothing is taken from the rings; what is under way may end. The lock held. */
void server_hold(struct server *s, bool hold);

/*
 * Serving thread, without the lock: a round over the queues that are to be looked at, each of its ring's size at most.
 * Ends a reset when nothing is under way any more. True: there is more to do, call it again, after others had their
 * turn.
 */
bool server_round(struct server *s);

/* Serving thread: the next buffer of an on-demand queue, in s->chain, to be given to server_complete(). False: none. */
bool server_take(struct server *s, uint16_t queue);
/*
 * Serving thread: a later request has ended; interrupts come with server_told(). e: what is wrong with it. Thrown away,
 * if the device is being reset.
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

/*
 * As after power-on; nothing is under way, and the serving thread is not in here, or has begun nothing since
 * server_hold(). The lock held.
 */
void server_power_on(struct server *s);

/* Rings, while nothing is under way (coherence/base/fields.h): after virtio_fields(). */
void server_fields(struct fields *f, struct server *s);

#endif
