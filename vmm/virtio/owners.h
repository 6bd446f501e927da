// SPDX-License-Identifier: Apache-2.0
/*
 * The queues of a device on the host of its registers (transport.h): what an access means for them, where each is
 * served (owner.h), interrupts of those that are served here, broken queues, and resets, which wait for what is under
 * way anywhere.
 *
 * Two parties: vCPUs at the registers, each access under the device's lock, and the thread that serves queues here
 * (server.h), which takes the lock by these functions, for moments. Pure but for the calls it is given.
 */
#ifndef VMM_VIRTIO_OWNERS_H
#define VMM_VIRTIO_OWNERS_H

#include "vmm/virtio/owner.h"
#include "vmm/virtio/server.h"
#include "vmm/virtio/transport.h"

struct owners_ops {
	void (*lock)(void *ctx); // the device's
	void (*unlock)(void *ctx);
	void (*send)(void *ctx, const struct msix_message *m); // an interrupt; without the lock
	/*
	 * On which host a queue whose interrupt goes by this entry is to be served, with the lock; HOST_NONE: any is as
	 * good. NULL: all of them here.
	 */
	host_id (*home)(void *ctx, uint16_t queue, const struct handover_entry *e);
	/* A word to another host, in the order of the calls; serving thread, without the lock. NULL: there is none. */
	void (*tell)(void *ctx, host_id to, uint16_t queue, const struct handover *m);
};

struct owners {
	struct virtio *v; // under the lock, as all of this
	struct server *here;
	const struct owners_ops *ops;
	void *ctx;
	host_id self;
	bool news;           // atomic: something may have to be said or to be ended
	bool failed;         // the device has been told to fail since its reset
	bool recalled;       // all queues are to be here
	enum ring_error why; // the last time
	uint64_t broken;     // how often
	struct owner queue[VIRTIO_QUEUES_MAX];
};

/* Before any access; v is new. here is to have owners_link(). */
void owners_init(struct owners *o, struct virtio *v, struct server *here, host_id self, const struct owners_ops *ops,
		 void *ctx);
struct server_link owners_link(struct owners *o);

/*
 * After an access to v with these effects, the lock held. True: server_round() of here is to be called on the serving
 * thread.
 */
bool owners_accessed(struct owners *o, const struct virtio_fx *fx);
/* Where vCPUs are is another matter now. The lock held; the same return. */
bool owners_moved(struct owners *o);

/* The BAR is somewhere else: what homes know of it they are told anew. The lock held; the same return. */
bool owners_bar_moved(struct owners *o);
/*
 * Until the device is as after power-on no queue is on another host; those that are come home, and bring to an end
 * there what is under way. Serving thread, without the lock, of a server here that is held. owners_home(): they are
 * here, and no other host has anything of this device any more.
 */
void owners_recall(struct owners *o);
bool owners_home(struct owners *o);

/* Something may have to be said or to be ended: server_round() of here is to be called. Any thread. */
bool owners_news(const struct owners *o);

/* A word of a home on another host, without the lock; serving thread. 0, or -EPROTO: it is no member any more. */
int owners_in(struct owners *o, host_id from, uint16_t queue, const struct handover *m);

/* Serving thread, without the lock: a request of a queue of another host's goes to the back; owner_request(). */
int owners_request(struct owners *o, host_id from, uint16_t queue, uint32_t turn);
void owners_replied(struct owners *o, uint16_t queue);

/* The lock held. Registers may be read: owner_settled() of all queues. */
bool owners_settled(const struct owners *o);
/* Nobody takes a write elsewhere for a kick of its queues. The lock held. */
bool owners_placed(const struct owners *o);

/*
 * As after power-on; nothing is under way, and the serving thread has begun nothing since server_hold(). The lock held.
 */
void owners_power_on(struct owners *o);

/* Where rings are, while nothing is under way (coherence/base/fields.h): after virtio_fields(). */
void owners_fields(struct fields *f, struct owners *o);

#endif
