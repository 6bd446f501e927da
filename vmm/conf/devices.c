// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/devices.h"

#include <string.h>

const char *const device_kind_names[DEVICE_KINDS] = {
#define DEVICE(name, kind, ...) kind,
#include "vmm/conf/devices.def"
};

const enum device_where device_kind_where[DEVICE_KINDS] = {
#define DEVICE(name, kind, chip, where, ...) DEVICE_##where,
#include "vmm/conf/devices.def"
};

enum device_kind_id device_kind_find(const char *name)
{
	unsigned k = 0;

	while (k < DEVICE_KINDS && strcmp(device_kind_names[k], name) != 0)
		k++;
	return (enum device_kind_id)k;
}
