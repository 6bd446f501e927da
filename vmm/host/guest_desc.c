// SPDX-License-Identifier: Apache-2.0
// Versions of the description on a host: each makes the next one itself, from what came or went.
#include <string.h>

#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

/* The one being made has the place of the version before the present one, which nobody reads any more. */
struct machine_desc *guest_next_desc(struct guest *g)
{
	struct machine_desc *next = &g->described[(g->desc.version + 1) & 1];

	*next = g->desc;
	return next;
}

/*
 * g->desc is read by other threads too, but for what can be another in a next version: this alone is changed in it, by
 * the span thread, which alone reads it there.
 */
static void take(struct machine_desc *now, const struct machine_desc *next)
{
	memcpy(now->hosts, next->hosts, sizeof(now->hosts));
	now->hosts_n = next->hosts_n;
	memcpy(now->vcpus, next->vcpus, sizeof(now->vcpus));
	memcpy(now->ranges, next->ranges, sizeof(now->ranges));
	now->ranges_n = next->ranges_n;
	memcpy(now->devices, next->devices, sizeof(now->devices));
	now->devices_n = next->devices_n;
	now->board = next->board;
	now->version = next->version;
}

bool guest_follow_desc(struct guest *g, uint64_t call, const struct machine_desc *next, uint64_t version)
{
	char why[DESC_REPORT_MAX];

	if (next->version != version) {
		serve_return_error(g, call, "host %u has version %u of the description, %llu cannot follow it", g->self,
				   g->desc.version, (unsigned long long)version);
		return false;
	}
	if (machine_set_desc(g->machine, next, why, sizeof(why))) {
		serve_return_error(g, call, "%s", why);
		return false;
	}
	take(&g->desc, next);
	serve_return_json(g, call, json_object());
	return true;
}
