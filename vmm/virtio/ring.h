// SPDX-License-Identifier: Apache-2.0
/*
 * The device's side of a split virtqueue (Virtio 1.2, 2.7). The driver is hostile: the rings are its memory and change
 * at any moment, so each value is read once, our own places in them are never read back, and whatever is impossible
 * stops the queue (struct ring, broken) until the device is reset. Pure: memory is reached by struct guest_mem. One
 * thread works on a ring, and holds no lock meanwhile.
 *
 * A round: ring_disarm(); ring_pop() until it has nothing, at most the ring's size; ring_push() as requests end;
 * ring_wants_interrupt() once for all of them; ring_arm(), and another round if that says so.
 */
#ifndef VMM_VIRTIO_RING_H
#define VMM_VIRTIO_RING_H

#include "coherence/base/fields.h"
#include "vmm/virtio/chain.h"

struct ring_setup {
	uint16_t size; // a power of two, at most RING_SIZE_MAX
	bool indirect, event_idx;
	uint64_t desc, avail, used;
	/* Not the ring's, but its driver's, for whoever takes requests out of it. */
	uint64_t accepted; // features
	uint32_t epoch;    // counts the device's resets
};

/* Where a ring is while the device has no chain: all that whoever serves it next has to know. */
struct ring_place {
	uint16_t next_avail, next_used, told; // as in struct ring
};

struct ring {
	struct ring_setup at;
	uint16_t next_avail; // of the next chain to take
	uint16_t next_used;  // of the next element to give back
	uint16_t told;       // next_used at the last decision whether to interrupt
	uint16_t seen_avail; // the driver's index when it was last read
	uint16_t taken;      // chains that the device has
	enum ring_error broken;
	uint64_t has[RING_SIZE_MAX / 64]; // heads of chains that the device has
};

/* 0, or -EINVAL: a size or an alignment that the specification rules out (2.7, 4.1.4.3), or over the end of addresses.
 */
int ring_check(const struct ring_setup *s);
/* Begins with empty rings. s has been checked. */
void ring_start(struct ring *r, const struct ring_setup *s);

/* Can a ring of this size be there? The two places are one, since the device has no chain. */
bool ring_place_good(const struct ring_place *p, uint16_t size);
/* Goes on from a place that is good. */
void ring_resume(struct ring *r, const struct ring_setup *s, const struct ring_place *p);
struct ring_place ring_place_of(const struct ring *r);

/*
 * Takes the next chain. 1: it is in *out, and the device owes a ring_push() of its head. 0: there is none. -EPROTO: the
 * ring is broken, and says why.
 */
int ring_pop(struct ring *r, const struct guest_mem *mem, struct chain *out);
/* Puts back what was popped last, before anything else was popped: the next ring_pop() gives it again. */
void ring_unpop(struct ring *r, const struct chain *c);

/*
 * Gives a chain back, after its data was written: bytes of its writable part, from the beginning. 0, or -EPROTO: broken
 * (the used ring is not in memory). The head is one that the device has, otherwise nothing happens: 0.
 */
int ring_push(struct ring *r, const struct guest_mem *mem, uint16_t head, uint32_t bytes);
/*
 * The same in two steps, for several chains that the driver must see at once (a frame in more than one buffer): each is
 * put, and all of them are there with ring_publish().
 */
int ring_put(struct ring *r, const struct guest_mem *mem, uint16_t head, uint32_t bytes);
int ring_publish(struct ring *r, const struct guest_mem *mem);
/* Whether the driver wants an interrupt for what was pushed since the last call. */
bool ring_wants_interrupt(struct ring *r, const struct guest_mem *mem);

/* No notifications, please: the device is looking anyway. A hint. */
void ring_disarm(struct ring *r, const struct guest_mem *mem);
/* Notify again. True: there is something already, for which no notification comes. */
bool ring_arm(struct ring *r, const struct guest_mem *mem);

/* Breaks it, with the first reason that is given; -EPROTO. */
int ring_break(struct ring *r, enum ring_error why);

/*
 * Writes or reads all of it (coherence/base/fields.h) while the device has no chain. Reading, what can't be sets
 * f->bad.
 */
void ring_fields(struct fields *f, struct ring *r);

#endif
