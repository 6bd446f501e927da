// SPDX-License-Identifier: Apache-2.0
// Who hears of what the hosts report while the guest runs.
#include "net/log.h"
#include "vmm/run/run_priv.h"

void run_on_event(struct run *r, host_id from, const char *name, const json_t *data)
{
	if (r->ops)
		ops_on_event(r->ops, from, name, data);
	log_debug("host %u: event %s", from, name);
}
