// SPDX-License-Identifier: Apache-2.0
// Cards in a description: virtio devices in the slots of the hosts' PCI buses.
#include "vmm/conf/machine_desc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool desc_is_card(const struct desc_device *dev)
{
	return dev->slot != 0;
}

const struct desc_device *desc_card(const struct machine_desc *d, uint32_t id)
{
	for (unsigned i = 0; i < d->devices_n; i++)
		if (d->devices[i].id == id && desc_is_card(&d->devices[i]))
			return &d->devices[i];
	return NULL;
}

/* desc_check() sees to it that there is one at most. */
host_id desc_console_host(const struct machine_desc *d, unsigned port)
{
	if (port == DESC_CONSOLE_SERIAL)
		return desc_device_host(d, DEVICE_COM1);
	for (unsigned i = 0; i < d->devices_n && port == DESC_CONSOLE_VIRTIO; i++)
		if (strcmp(d->devices[i].kind, card_kind_names[CARD_CONSOLE]) == 0)
			return (host_id)d->devices[i].host;
	return HOST_NONE;
}

uint32_t desc_bus_slots(const struct machine_desc *d, uint32_t bus)
{
	uint32_t slots = 0;

	for (unsigned i = 0; i < d->devices_n; i++)
		if (d->devices[i].host == bus && desc_is_card(&d->devices[i]))
			slots |= 1u << d->devices[i].slot % DESC_SLOTS;
	return slots;
}

/* 0: none is free. */
static uint32_t free_slot(const struct machine_desc *d, uint32_t bus)
{
	uint32_t taken = desc_bus_slots(d, bus);

	for (uint32_t slot = 1; slot < DESC_SLOTS; slot++)
		if (!(taken >> slot & 1))
			return slot;
	return 0;
}

int desc_add_card(struct machine_desc *d, enum card_kind_id kind, uint32_t host, uint32_t slot, const char *config,
		  char *why, size_t why_cap)
{
	const char *name = card_kind_names[kind];
	struct desc_device *dev = &d->devices[d->devices_n];
	uint32_t at = slot ? slot : free_slot(d, host);

	if (d->devices_n == DESC_DEVICES_MAX || !at) {
		snprintf(why, why_cap,
			 "no room for a %s on host %u: %u devices in all and %u on each PCI bus are the most", name,
			 host, DESC_DEVICES_MAX, DESC_SLOTS - 1);
		return -ENOSPC;
	}
	if (config && strlen(config) >= sizeof(dev->config)) {
		snprintf(why, why_cap, "the configuration of a %s has %zu characters, %zu are possible", name,
			 strlen(config), sizeof(dev->config) - 1);
		return -EINVAL;
	}
	memset(dev, 0, sizeof(*dev));
	dev->id = d->devices_n ? dev[-1].id + 1 : 0;
	dev->host = host;
	dev->slot = at;
	snprintf(dev->kind, sizeof(dev->kind), "%s", name);
	snprintf(dev->config, sizeof(dev->config), "%s", config ? config : "");
	if (!d->pci_buses)
		d->pci_buses = d->hosts_n;
	if (!d->address_bits)
		d->address_bits = DESC_ADDRESS_BITS_MIN;
	return (int)d->devices_n++;
}

/* ---- of a running machine ---- */

static const struct desc_device *of_id(const struct machine_desc *d, uint32_t id)
{
	for (unsigned i = 0; i < d->devices_n; i++)
		if (d->devices[i].id == id)
			return &d->devices[i];
	return NULL;
}

static void insert(struct machine_desc *d, const struct desc_device *dev)
{
	unsigned at = d->devices_n++;

	for (; at && d->devices[at - 1].id > dev->id; at--)
		d->devices[at] = d->devices[at - 1];
	d->devices[at] = *dev;
}

static void take_out(struct machine_desc *d, uint32_t id)
{
	size_t at = (size_t)(of_id(d, id) - d->devices);

	d->devices_n--;
	memmove(&d->devices[at], &d->devices[at + 1], (d->devices_n - at) * sizeof(d->devices[0]));
}

int desc_plug(struct machine_desc *d, const struct desc_device *dev, char *why, size_t why_cap)
{
	if (!d->pci_buses) {
		snprintf(why, why_cap, "the guest has no PCI bus: it was started without a device on one");
		return -EINVAL;
	}
	if (d->devices_n == DESC_DEVICES_MAX) {
		snprintf(why, why_cap, "no room for a %s: %u devices in all are the most", dev->kind, DESC_DEVICES_MAX);
		return -ENOSPC;
	}
	if (!desc_is_card(dev) || of_id(d, dev->id)) {
		snprintf(why, why_cap, "device %u is in no slot, or another one has its number", dev->id);
		return -EINVAL;
	}
	insert(d, dev);
	if (desc_check(d, why, why_cap)) {
		take_out(d, dev->id);
		return -EINVAL;
	}
	d->version++;
	return 0;
}

int desc_plug_try(const struct machine_desc *d, const struct desc_device *dev, char *why, size_t why_cap)
{
	struct machine_desc *next = malloc(sizeof(*next));
	int r = -ENOMEM;

	if (!next) {
		snprintf(why, why_cap, "no memory");
		return r;
	}
	*next = *d;
	r = desc_plug(next, dev, why, why_cap);
	free(next);
	return r;
}

int desc_unplug(struct machine_desc *d, uint32_t id)
{
	if (!desc_card(d, id))
		return -ENOENT;
	take_out(d, id);
	d->version++;
	return 0;
}

static bool same(const struct desc_device *a, const struct desc_device *b)
{
	return a->slot == b->slot && !strcmp(a->kind, b->kind) && !strcmp(a->config, b->config);
}

bool desc_keeps_devices(const struct machine_desc *now, const struct machine_desc *next)
{
	for (unsigned i = 0; i < now->devices_n; i++) {
		const struct desc_device *was = &now->devices[i], *is = of_id(next, was->id);
		uint32_t at = desc_goes_with_board(now, was) ? next->board : was->host;

		if (is ? !same(was, is) || is->host != at : !desc_is_card(was))
			return false;
	}
	for (unsigned i = 0; i < next->devices_n; i++) {
		const struct desc_device *is = &next->devices[i];

		if (!of_id(now, is->id) && !desc_is_card(is))
			return false;
	}
	return true;
}
