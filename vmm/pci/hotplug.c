// SPDX-License-Identifier: Apache-2.0
#include "vmm/pci/hotplug.h"

#include <errno.h>
#include <string.h>

#define SLOTS 32u

void hotplug_reset(struct hotplug *h, const uint32_t *filled)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->filled, filled, sizeof(h->filled));
}

void hotplug_add(struct hotplug *h, unsigned bus, unsigned slot)
{
	if (bus >= HOSTS_MAX || slot >= SLOTS)
		return;
	h->filled[bus] |= 1u << slot;
	h->came[bus] |= 1u << slot;
}

int hotplug_ask(struct hotplug *h, unsigned bus, unsigned slot)
{
	if (bus >= HOSTS_MAX || slot >= SLOTS || !(h->filled[bus] >> slot & 1))
		return -ENOENT;
	h->wanted[bus] |= 1u << slot;
	h->asked[bus] |= 1u << slot;
	return 0;
}

void hotplug_remove(struct hotplug *h, unsigned bus, unsigned slot)
{
	if (bus >= HOSTS_MAX || slot >= SLOTS)
		return;
	h->filled[bus] &= ~(1u << slot);
	h->came[bus] &= ~(1u << slot);
	h->wanted[bus] &= ~(1u << slot);
	h->asked[bus] &= ~(1u << slot);
}

static uint32_t take(uint32_t *bits)
{
	uint32_t had = *bits;

	*bits = 0;
	return had;
}

uint32_t hotplug_read(struct hotplug *h, unsigned offset, unsigned size)
{
	bool there = h->bus < HOSTS_MAX;

	if (size != 4 || offset % 4 || offset >= HOTPLUG_BYTES)
		return UINT32_MAX;
	switch (offset) {
	case HOTPLUG_CAME:
		return there ? take(&h->came[h->bus]) : 0;
	case HOTPLUG_WANTED:
		return there ? take(&h->wanted[h->bus]) : 0;
	case HOTPLUG_EJECT:
		return there ? h->filled[h->bus] : 0;
	default:
		return h->bus;
	}
}

bool hotplug_write(struct hotplug *h, unsigned offset, unsigned size, uint32_t value, unsigned *bus, unsigned *slot)
{
	if (size != 4)
		return false;
	if (offset == HOTPLUG_BUS)
		h->bus = value;
	if (offset != HOTPLUG_EJECT || h->bus >= HOSTS_MAX || !value || (value & (value - 1)) ||
	    !(h->asked[h->bus] & value))
		return false;
	*bus = h->bus;
	*slot = (unsigned)__builtin_ctz(value);
	h->asked[h->bus] &= ~value; // it is said once
	h->wanted[h->bus] &= ~value;
	return true;
}

bool hotplug_line(const struct hotplug *h)
{
	for (unsigned b = 0; b < HOSTS_MAX; b++)
		if (h->came[b] | h->wanted[b])
			return true;
	return false;
}

void hotplug_fields(struct fields *f, struct hotplug *h)
{
	FIELD(f, h->bus);
	for (unsigned b = 0; b < HOSTS_MAX; b++) {
		FIELD(f, h->came[b]);
		FIELD(f, h->wanted[b]);
		FIELD(f, h->filled[b]);
		FIELD(f, h->asked[b]);
		f->bad |= ((h->came[b] | h->wanted[b] | h->asked[b]) & ~h->filled[b]) || (h->wanted[b] & ~h->asked[b]);
	}
}
