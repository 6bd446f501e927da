// SPDX-License-Identifier: Apache-2.0
// This host's part of the status document.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/host/guest_priv.h"
#include "vmm/machine/move.h"

static int64_t vcpus_here(const struct guest *g)
{
	int64_t n = 0;

	if (!g->machine)
		return desc_host_vcpus(&g->desc, g->self);
	for (uint32_t v = 0; v < desc_vcpus(&g->desc); v++)
		n += machine_host_of(g->machine, v) == g->self;
	return n;
}

static int fill(struct guest *g, struct status_host *to)
{
	if (g->span)
		span_status(g->span, to);
#define PROCESS(name, object, key, value, ...) to->v[STATUS_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	snprintf(to->address, sizeof(to->address), "%s", g->desc.hosts[g->self].address);
	return g->machine ? machine_status(g->machine, to) : 0;
}

void guest_send_status(struct guest *g, uint64_t id)
{
	struct msg m = {.kind = MSG_CTL_STATUS, .epoch = g->epoch, .u.ctl_status.id = id};
	struct status_host *s = status_host_new();
	json_t *o = s && !fill(g, s) ? status_host_json(s) : NULL;
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	status_host_free(s);
	if (text) {
		m.blob = (const uint8_t *)text;
		m.blob_bytes = (uint32_t)strlen(text);
		link_send(g->link, GUEST_CONTROL, &m);
	}
	free(text);
}
