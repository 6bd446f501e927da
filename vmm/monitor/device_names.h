// SPDX-License-Identifier: Apache-2.0
/*
 * Names of PCI devices in QMP: what device_add was told, or one made of the kind ("disk0"). A name stays as long as the
 * device. Pure.
 */
#ifndef VMM_MONITOR_DEVICE_NAMES_H
#define VMM_MONITOR_DEVICE_NAMES_H

#include "vmm/conf/machine_desc.h"

#define DEVICE_NAME_MAX 64u

struct device_names {
	unsigned n;
	struct device_named {
		uint32_t id; // of the description
		char name[DEVICE_NAME_MAX];
	} e[DESC_DEVICES_MAX];
};

/* Names that which has none yet, the devices of d in order. */
void device_names_update(struct device_names *n, const struct machine_desc *d);
/* A name for a device of that kind: the first that no device has, and of which taken (NULL: none is) does not say it.
 */
void device_names_make(const struct device_names *n, const char *kind, bool (*taken)(void *ctx, const char *name),
		       void *ctx, char out[DEVICE_NAME_MAX]);
/* The device of that id has this name from now on; false: another one has it, it is too long or there is no room. */
bool device_names_set(struct device_names *n, const struct machine_desc *d, uint32_t id, const char *name);
/* "" for a device that has none. */
const char *device_names_of(const struct device_names *n, uint32_t id);
/* The device of d that has this name; NULL: none. */
const struct desc_device *device_names_find(const struct device_names *n, const struct machine_desc *d,
					    const char *name);

#endif
