// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio device on PCI, as a driver has it (Virtio 1.2, 4.1): found by its id over ECAM, its BAR mapped below 4 GiB,
 * a queue a vCPU with an interrupt to that vCPU.
 */
#ifndef MICRO_VDEV_H
#define MICRO_VDEV_H

#include "guest-tools/micro/micro.h"

#define VDEV_RING  64u
#define VDEV_WRITE 2u // a descriptor that the device writes
#define VDEV_NEXT  1u

#define R8(p, o)  (*(volatile uint8_t *)((p) + (o)))
#define R16(p, o) (*(volatile uint16_t *)((p) + (o)))
#define R32(p, o) (*(volatile uint32_t *)((p) + (o)))
#define R64(p, o) (*(volatile uint64_t *)((p) + (o)))

struct vdev_ring { // a page
	struct {
		uint64_t at;
		uint32_t n;
		uint16_t flags, next;
	} desc[VDEV_RING];
	struct {
		uint16_t flags, idx, ring[VDEV_RING], event;
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, n;
		} ring[VDEV_RING];
		uint16_t event;
	} used __attribute__((aligned(4)));
};

struct vdev {
	uint32_t bus, slot;
	uint64_t bar; // 0: there is no such device
	uint8_t *common, *notify, *table, *config;
	uint32_t step; // from one queue's notification to the next, in bytes
};

/* Finds the nth device with this id on the first buses; maps its BAR at 2 MiB from `at` on. Before smp_start(). */
void vdev_begin(struct vdev *d, uint32_t id, uint32_t nth, uint64_t at);
/* The same for the device in the slot that d names: false, if it is another one. Nobody has touched `at` before. */
bool vdev_look(struct vdev *d, uint32_t id, uint64_t at);
bool vdev_there(const struct vdev *d); // its slot is not empty
/* Decoding on, the structures found. False: something is missing. */
bool vdev_find(struct vdev *d);
bool vdev_reset(struct vdev *d); // false: its status does not become 0
/* Reset, with the lower 32 features accepted that are wanted and offered; queues may be set up. They are in *got. */
bool vdev_features(struct vdev *d, uint32_t want, uint32_t *got);
/* Queue q in this page, which is cleared, its interrupts to vCPU to with this vector. */
bool vdev_queue(struct vdev *d, uint32_t q, volatile struct vdev_ring *r, uint32_t to, uint32_t vector);
void vdev_go(struct vdev *d); // DRIVER_OK
static inline uint8_t vdev_status(const struct vdev *d)
{
	return R8(d->common, 0x14);
}
static inline void vdev_kick(const struct vdev *d, uint32_t q)
{
	R16(d->notify, q * d->step) = (uint16_t)q;
}

#endif
