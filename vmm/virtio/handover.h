// SPDX-License-Identifier: Apache-2.0
/*
 * A virtqueue is served on the host whose vCPU uses it, its home, and the device's registers and its back (the disk,
 * the NIC) are on another, the owner. These are the words between the two (owner.h, home.h); they carry no request.
 * Pure.
 *
 *   owner to home: ON, ENTRY, KICK, OFF, each only between an ON and the answer to the OFF that follows it (an ENTRY
 * may cross that answer). home to owner: ON_DONE, ENTRY_DONE, OFF_DONE, one for each; PENDING and BROKEN in between, of
 * its own accord.
 *
 * They need a transport that delivers each word once, those of one pair of hosts in the order they were sent.
 */
#ifndef VMM_VIRTIO_HANDOVER_H
#define VMM_VIRTIO_HANDOVER_H

#include "vmm/virtio/ring.h"

/* What a home does with an interrupt that the driver wants. */
enum handover_irq {
	HANDOVER_IRQ_NONE, // nothing: the queue has no vector
	HANDOVER_IRQ_SEND, // sends the message of the entry
	HANDOVER_IRQ_TELL, // says PENDING: the vector is masked, or the driver reads the ISR, and the owner has both
	HANDOVER_IRQS
};

/* The MSI-X entry of a queue's vector, as the owner's registers have it. */
struct handover_entry {
	uint64_t address;
	uint32_t data;
	enum handover_irq irq;
};

enum handover_kind {
	HANDOVER_ON,    // serve the queue, from place on. Counts as a kick
	HANDOVER_OFF,   // take no more of it, and answer when nothing of it is under way
	HANDOVER_ENTRY, // its interrupts go by this entry now
	HANDOVER_KICK,  // the driver has notified
	HANDOVER_ON_DONE,
	HANDOVER_OFF_DONE,   // with the place to go on from
	HANDOVER_ENTRY_DONE, // no interrupt goes by an older entry any more
	HANDOVER_PENDING,    // an interrupt is wanted
	HANDOVER_BROKEN,     // the ring is impossible
	HANDOVER_KINDS
};

struct handover {
	enum handover_kind kind;
	uint32_t turn;               // number of the ON that this belongs to
	bool discard;                // OFF: what comes back is thrown away, not given to the driver
	enum ring_error why;         // BROKEN
	struct ring_place place;     // ON, OFF_DONE
	struct ring_setup setup;     // ON
	struct handover_entry entry; // ON, ENTRY
};

#endif
