// SPDX-License-Identifier: Apache-2.0
// What events.def says, for code. Pure.
#ifndef VMM_CALL_EVENTS_H
#define VMM_CALL_EVENTS_H

/* In this process only: on the wire an event has its name. */
enum host_event {
#define EVENT(NAME, ...) HOST_EV_##NAME,
#include "vmm/call/events.def"
	HOST_EVENTS
};

struct host_event_info {
	const char *name; // on the wire
	const char *when, *data;
};

const struct host_event_info *host_event_info(enum host_event e); // e: less than HOST_EVENTS
const char *host_event_name(enum host_event e);                   // "?" for what is none
enum host_event host_event_find(const char *name);                // HOST_EVENTS: nobody knows it

#endif
