// SPDX-License-Identifier: Apache-2.0
#include "guest-tools/micro/vdev.h"

#define ECAM    0xe0000000ull
#define BUSES   8u
#define SLOTS   32u
#define LARGE   (2ull << 20)
#define WAIT_MS 60000u

extern uint64_t boot_pds[];

static volatile uint8_t *config_at(const struct vdev *d, uint32_t reg)
{
	return (volatile uint8_t *)(ECAM + (d->bus << 20) + (d->slot << 15) + reg);
}

static uint32_t get(const struct vdev *d, uint32_t reg)
{
	return *(volatile uint32_t *)config_at(d, reg);
}

static void put(const struct vdev *d, uint32_t reg, uint32_t v)
{
	*(volatile uint32_t *)config_at(d, reg) = v;
}

bool vdev_look(struct vdev *d, uint32_t id, uint64_t at)
{
	if (get(d, 0) != id)
		return false;
	uint64_t bar = (get(d, 0x10) & ~15u) | (uint64_t)get(d, 0x14) << 32;

	boot_pds[at / LARGE] = (bar & ~(LARGE - 1)) + 0xe7; // present, writable, user, a large page
	d->bar = at + bar % LARGE;
	return true;
}

void vdev_begin(struct vdev *d, uint32_t id, uint32_t nth, uint64_t at)
{
	if (get(d, 0) == ~0u)
		return; // no PCI: 256 more reads of nothing would use up what a monitor says of what is absent
	for (uint32_t i = 0; i < BUSES * SLOTS; i++) {
		d->bus = i / SLOTS;
		d->slot = i % SLOTS;
		if (get(d, 0) == id && !nth--) {
			vdev_look(d, id, at);
			return;
		}
	}
}

bool vdev_there(const struct vdev *d)
{
	return get(d, 0) != ~0u;
}

bool vdev_find(struct vdev *d)
{
	put(d, 4, 6);
	for (uint32_t cap = *config_at(d, 0x34); cap; cap = *config_at(d, cap + 1)) {
		uint32_t kind = *config_at(d, cap + 3);

		if (*config_at(d, cap) == 0x11) {
			d->table = (uint8_t *)(d->bar + (get(d, cap + 4) & ~7u));
			put(d, cap, (get(d, cap) & 0xffff) | 0x80000000u); // MSI-X on
		} else if (*config_at(d, cap) == 9 && kind == 1) {
			d->common = (uint8_t *)(d->bar + get(d, cap + 8));
		} else if (*config_at(d, cap) == 9 && kind == 2) {
			d->notify = (uint8_t *)(d->bar + get(d, cap + 8));
			d->step = get(d, cap + 16);
		} else if (*config_at(d, cap) == 9 && kind == 4) {
			d->config = (uint8_t *)(d->bar + get(d, cap + 8));
		}
	}
	return d->common && d->notify && d->table && d->config;
}

bool vdev_reset(struct vdev *d)
{
	R8(d->common, 0x14) = 0;
	for (uint64_t end = tsc() + us_ticks(WAIT_MS * 1000ul); R8(d->common, 0x14); relax())
		if (tsc() > end)
			return false;
	return true;
}

bool vdev_features(struct vdev *d, uint32_t want, uint32_t *got)
{
	if (!vdev_reset(d))
		return false;
	R8(d->common, 0x14) = 1;
	R8(d->common, 0x14) = 3;
	R32(d->common, 0) = 0;
	*got = R32(d->common, 4) & want;
	R32(d->common, 8) = 0;
	R32(d->common, 0xc) = *got;
	R32(d->common, 8) = 1;
	R32(d->common, 0xc) = 1; // VERSION_1
	R8(d->common, 0x14) = 11;
	return R8(d->common, 0x14) == 11;
}

bool vdev_queue(struct vdev *d, uint32_t q, volatile struct vdev_ring *r, uint32_t to, uint32_t vector)
{
	for (uint32_t i = 0; i < sizeof(*r); i++)
		((volatile uint8_t *)r)[i] = 0;
	R64(d->table, 16 * q) = 0xfee00000u | (uint64_t)(mach.apic[to] & 0xff) << 12;
	R32(d->table, 16 * q + 8) = vector;
	R32(d->table, 16 * q + 12) = 0;
	R16(d->common, 0x16) = (uint16_t)q;
	R16(d->common, 0x18) = VDEV_RING;
	R16(d->common, 0x1a) = (uint16_t)q;
	if (R16(d->common, 0x18) != VDEV_RING || R16(d->common, 0x1a) != q)
		return false;
	R64(d->common, 0x20) = (uint64_t)r->desc;
	R64(d->common, 0x28) = (uint64_t)&r->avail;
	R64(d->common, 0x30) = (uint64_t)&r->used;
	R16(d->common, 0x1c) = 1;
	return true;
}

void vdev_go(struct vdev *d)
{
	R8(d->common, 0x14) = 15;
}
