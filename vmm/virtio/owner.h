// SPDX-License-Identifier: Apache-2.0
/*
 * One queue as the host of its device sees it: where it is to be served, where it is, and what has been asked of that
 * host (handover.h). The registers say what is wanted, at any time; owner_next() says what is to be sent to bring that
 * about, one step after the other. A queue has at most one home: the next one is asked when the last has answered.
 *
 * Pure, no waiting. The caller holds the device's lock, and sends what owner_next() gives in that order, also to itself
 * (its own host may be the home). After each call that changes something, owner_next() until it gives nothing.
 */
#ifndef VMM_VIRTIO_OWNER_H
#define VMM_VIRTIO_OWNER_H

#include "vmm/virtio/handover.h"

struct owner {
	/* What is wanted: */
	bool wanted;
	bool discard; // and what is under way is thrown away
	host_id home;
	struct ring_setup setup;
	struct handover_entry entry;
	/* What is so: */
	host_id at;         // who serves it, or has been asked to; HOST_NONE: nobody
	host_id entry_host; // who has been told an entry and has not answered
	bool on_asked, off_asked;
	bool entry_new, kicked; // at has not been told
	bool again;             // it is to be given anew, also to the same host
	bool stale;             // at knows what is not so any more, until it has left
	uint32_t turn;          // counts the ONs
	unsigned at_back;       // pieces of its requests that the device has
	struct ring_place place;
};

void owner_init(struct owner *o);

/* Serve it on this host. setup has been checked, and stays the same until the device is reset. */
void owner_want(struct owner *o, host_id home, const struct ring_setup *setup);
/* Serve it nowhere: the device is not ready, or is being reset (discard). */
void owner_want_not(struct owner *o, bool discard);
/* Its vector, or that vector's entry, is another one; the same one is no news. */
void owner_set_entry(struct owner *o, const struct handover_entry *e);
/* What an ON says beside the setup is another matter now: whoever has it is to have it anew. */
void owner_again(struct owner *o);
/* The driver has notified, and the queue is not served by whoever saw that. */
void owner_kick(struct owner *o);

/* owner_next() would give something. */
bool owner_due(const struct owner *o);
/* True: send *m to host *to. */
bool owner_next(struct owner *o, host_id *to, struct handover *m);

/* What owner_in() asks of the device. */
enum owner_effect {
	OWNER_NOTHING,
	OWNER_RAISE, // the queue's interrupt, by the registers as they are now
	OWNER_BROKEN // the device needs a reset: m->why
};
/* A word of a home. An effect, or -EPROTO: nobody asked that, or it says what can't be; from is no member any more. */
int owner_in(struct owner *o, host_id from, const struct handover *m);

/*
 * A piece of a request of host from's, in this turn, goes to the back, which bounds how many there are. 0, or -EPROTO:
 * the queue is not there.
 */
int owner_request(struct owner *o, host_id from, uint32_t turn);
void owner_replied(struct owner *o); // ... and has been answered

/*
 * A read of the device's registers may be answered: what the home does agrees with them. An entry that was written is
 * in use, and no interrupt goes by an older one; a queue that was enabled is served; nobody takes a write elsewhere for
 * its kick (owner_again()). Else wait: it becomes true by owner_in(), at once but for the last, which takes as long as
 * what is under way.
 */
bool owner_settled(const struct owner *o);
/* Nobody serves it, and nothing of it is under way: a reset is over as far as this queue goes. */
bool owner_quiet(const struct owner *o);
/* Quiet, and the device has been reset: the driver begins with empty rings. */
void owner_forget(struct owner *o);

#endif
