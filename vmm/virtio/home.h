// SPDX-License-Identifier: Apache-2.0
/*
 * One queue of a device as a host sees it that may be its home (handover.h): whether it is here, what is to be looked
 * at, what is under way, and what the owner is owed. The ring itself is the caller's (ring.h).
 *
 * Pure. All of it belongs to the thread that serves the queue, which takes in a word of the owner only between two
 * rounds over the ring; but for home_kick(), for which the caller has a lock. After each call that changes something,
 * home_next() until it gives nothing.
 */
#ifndef VMM_VIRTIO_HOME_H
#define VMM_VIRTIO_HOME_H

#include "vmm/virtio/handover.h"

enum home_state {
	HOME_AWAY,
	HOME_HERE,
	HOME_LEAVING // nothing more is taken; the owner is answered when nothing is under way
};

struct home {
	enum home_state state;
	bool look;    // something may be in the ring
	bool discard; // of what leaves: what comes back is thrown away
	bool broken;
	bool on_owed, entry_owed, pending_owed, broken_owed;
	uint32_t turn;
	unsigned under_way; // chains taken and not given back
	enum ring_error why;
	struct ring_setup setup;
	struct ring_place place; // where it begins
	struct handover_entry entry;
};

/* What a word of the owner means for the ring. */
enum home_effect {
	HOME_NOTHING,
	HOME_BEGIN, // resume the ring with setup and place
};
/* A word of the owner. An effect, or -EPROTO: it can't be; the owner is no member any more. */
int home_in(struct home *h, const struct handover *m);
/* A vCPU of this host has notified. False: the queue is not here, so the owner is to be told. */
bool home_kick(struct home *h);

/* Its turn to be looked at; the wish is taken before anything is looked at: who comes later asks again. */
bool home_look(struct home *h);
void home_look_again(struct home *h); // it is here, and there is more in the ring
void home_took(struct home *h);       // a chain
/* One of them has come to its end. True: give it back to the driver; false: it is thrown away. */
bool home_ended(struct home *h);
/* The driver wants an interrupt. True: send it, by h->entry. */
bool home_interrupts(struct home *h);
void home_breaks(struct home *h, enum ring_error why);

/* True: send *m to the owner. place: where the ring is now. */
bool home_next(struct home *h, const struct ring_place *place, struct handover *m);

#endif
