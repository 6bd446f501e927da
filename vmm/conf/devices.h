// SPDX-License-Identifier: Apache-2.0
/* Which devices there are (devices.def), as far as a description knows of them. Pure. */
#ifndef VMM_CONF_DEVICES_H
#define VMM_CONF_DEVICES_H

#include "coherence/base/types.h"

enum device_kind_id {
#define DEVICE(name, ...) DEVICE_##name,
#include "vmm/conf/devices.def"
	DEVICE_KINDS
};

enum device_where { DEVICE_NEEDED, DEVICE_EVERYWHERE };

extern const char *const device_kind_names[DEVICE_KINDS];
extern const enum device_where device_kind_where[DEVICE_KINDS];

/* The kind of that name; DEVICE_KINDS: there is none. */
enum device_kind_id device_kind_find(const char *name);

#endif
