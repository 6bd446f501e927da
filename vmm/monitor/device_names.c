// SPDX-License-Identifier: Apache-2.0
#include "vmm/monitor/device_names.h"

#include <stdio.h>
#include <string.h>

static const char *prefix(const char *kind)
{
	switch (card_kind_find(kind)) {
	case CARD_BLK:
		return "disk";
	case CARD_NET:
		return "net";
	case CARD_RNG:
		return "rng";
	case CARD_CONSOLE:
		return "console";
	default:
		return "device";
	}
}

/* Devices that have gone make room: their ids never come back. */
static void forget(struct device_names *n, const struct machine_desc *d)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n->n; i++)
		if (desc_card(d, n->e[i].id))
			n->e[kept++] = n->e[i];
	n->n = kept;
}

static bool add(struct device_names *n, uint32_t id, const char *name)
{
	if (n->n == DESC_DEVICES_MAX || strlen(name) >= DEVICE_NAME_MAX)
		return false;
	n->e[n->n].id = id;
	strcpy(n->e[n->n++].name, name);
	return true;
}

static bool is_taken(const struct device_names *n, const char *name)
{
	for (unsigned i = 0; i < n->n; i++)
		if (strcmp(n->e[i].name, name) == 0)
			return true;
	return false;
}

void device_names_make(const struct device_names *n, const char *kind, bool (*taken)(void *ctx, const char *name),
		       void *ctx, char out[DEVICE_NAME_MAX])
{
	unsigned number = 0;

	do
		snprintf(out, DEVICE_NAME_MAX, "%s%u", prefix(kind), number++);
	while (is_taken(n, out) || (taken && taken(ctx, out)));
}

static void make(struct device_names *n, const struct desc_device *dev)
{
	char name[DEVICE_NAME_MAX];

	device_names_make(n, dev->kind, NULL, NULL, name);
	add(n, dev->id, name);
}

void device_names_update(struct device_names *n, const struct machine_desc *d)
{
	forget(n, d);
	for (unsigned i = 0; i < d->devices_n; i++)
		if (desc_is_card(&d->devices[i]) && !*device_names_of(n, d->devices[i].id))
			make(n, &d->devices[i]);
}

bool device_names_set(struct device_names *n, const struct machine_desc *d, uint32_t id, const char *name)
{
	forget(n, d);
	return !is_taken(n, name) && add(n, id, name);
}

const char *device_names_of(const struct device_names *n, uint32_t id)
{
	for (unsigned i = 0; i < n->n; i++)
		if (n->e[i].id == id)
			return n->e[i].name;
	return "";
}

const struct desc_device *device_names_find(const struct device_names *n, const struct machine_desc *d,
					    const char *name)
{
	for (unsigned i = 0; i < n->n; i++)
		if (strcmp(n->e[i].name, name) == 0)
			return desc_card(d, n->e[i].id);
	return NULL;
}
