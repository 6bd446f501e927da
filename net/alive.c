// SPDX-License-Identifier: Apache-2.0
#include "net/alive.h"

void alive_begin(struct alive *a, uint64_t timeout_ns, uint64_t now)
{
	*a = (struct alive){.timeout_ns = timeout_ns, .heard_ns = now, .next_ping_ns = now, .looked_ns = now};
}

void alive_heard(struct alive *a, uint64_t now)
{
	a->heard_ns = now;
}

enum alive_due alive_look(struct alive *a, uint64_t now)
{
	if (now - a->looked_ns > a->timeout_ns / 2)
		a->heard_ns = now; // and the other end will have noticed us
	a->looked_ns = now;
	if (now - a->heard_ns > a->timeout_ns) {
		if (now >= a->next_ping_ns) // should it be waited for all the same
			a->next_ping_ns = now + a->timeout_ns / ALIVE_PINGS;
		return ALIVE_SILENT;
	}
	if (now < a->next_ping_ns)
		return ALIVE_NOTHING;
	a->next_ping_ns = now + a->timeout_ns / ALIVE_PINGS;
	return ALIVE_PING;
}

uint64_t alive_deadline(const struct alive *a)
{
	return a->next_ping_ns;
}
