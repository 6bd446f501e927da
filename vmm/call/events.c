// SPDX-License-Identifier: Apache-2.0
#include "vmm/call/events.h"

#include <string.h>

static const struct host_event_info infos[HOST_EVENTS] = {
#define EVENT(NAME, when, data) {#NAME, when, data},
#include "vmm/call/events.def"
};

const struct host_event_info *host_event_info(enum host_event e)
{
	return &infos[e];
}

const char *host_event_name(enum host_event e)
{
	return e < HOST_EVENTS ? infos[e].name : "?";
}

enum host_event host_event_find(const char *name)
{
	unsigned e = 0;

	while (e < HOST_EVENTS && strcmp(infos[e].name, name) != 0)
		e++;
	return e;
}
