// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/reset_notes.h"

#include <stdio.h>

#define QUIET_NS 1000000000ull

bool reset_notes_due(struct reset_notes *n, uint64_t now_ns, bool over, char *line, size_t cap)
{
	if (!n->held || (!over && now_ns - n->said_ns < QUIET_NS))
		return false;
	if (n->held == 1)
		snprintf(line, cap, "%s; it restarts", n->last);
	else
		snprintf(line, cap, "%s; it restarted %u times more", n->last, n->held);
	n->held = 0;
	n->said_ns = now_ns;
	return true;
}

bool reset_notes_add(struct reset_notes *n, uint64_t now_ns, const char *why, char *line, size_t cap)
{
	bool first = !n->any;

	n->any = true;
	n->held++;
	snprintf(n->last, sizeof(n->last), "%s", why);
	return reset_notes_due(n, now_ns, first, line, cap);
}

uint64_t reset_notes_deadline(const struct reset_notes *n)
{
	return n->held ? n->said_ns + QUIET_NS : UINT64_MAX;
}
