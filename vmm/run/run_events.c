// SPDX-License-Identifier: Apache-2.0
// Who hears of what the hosts report while the guest runs.
#include <stdio.h>
#include <string.h>

#include "net/log.h"
#include "vmm/run/run_priv.h"

/* What a kernel that dies before it has a console leaves. Numbers of another machine: printed, not trusted. */
static void say_silent(const struct run *r, const json_t *data)
{
	uint64_t rip = (uint64_t)json_integer_value(json_object_get(data, "rip"));
	bool halted = json_is_true(json_object_get(data, "halted"));

	if (r->phase == RUNNING)
		log_tell("\rpando: the guest has shown no sign of life for %lld s: vCPU 0 %s at RIP %#llx; "
			 "a kernel that dies early looks like this",
			 (long long)json_integer_value(json_object_get(data, "seconds")),
			 halted ? "is halted without interrupts" : "goes round", (unsigned long long)rip);
}

void run_on_event(struct run *r, host_id from, const char *name, const json_t *data)
{
	if (strcmp(name, "GUEST_SILENT") == 0)
		say_silent(r, data);
	if (r->ops)
		ops_on_event(r->ops, from, name, data);
	log_debug("host %u: event %s", from, name);
}
