// SPDX-License-Identifier: Apache-2.0
// x-pando-move-vcpu: a vCPU to another host, and the event that says so.
#include <errno.h>
#include <stdlib.h>

#include "vmm/monitor/monitor_priv.h"

struct wanted {
	struct monitor *m;
	struct qmp_call *call;
};

static void on_moved(void *ctx, const struct mover_result *r, const char *error)
{
	struct wanted *w = ctx;

	if (error) {
		qmp_error(w->call, "%s", error);
	} else {
		if (r->from != r->to) {
			json_t *data = json_pack("{s:i,s:i,s:i,s:I}", "vcpu", (int)r->vcpu, "from", (int)r->from, "to",
						 (int)r->to, "pause-ns", (json_int_t)r->pause_ns);

			qmp_event(w->m->q, "X_PANDO_VCPU_MOVED", data);
			json_decref(data);
		}
		qmp_return(w->call, mover_result_json(r));
	}
	free(w);
}

static void move_vcpu(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	json_int_t vcpu = monitor_int(args, "vcpu"), host = monitor_int(args, "host");

	if (vcpu < 0 || vcpu >= desc_vcpus(&m->r->desc)) {
		qmp_error(call, "there is no vCPU %lld: the guest has %u, counted from 0", (long long)vcpu,
			  desc_vcpus(&m->r->desc));
	} else if (host < 0 || host >= (json_int_t)HOSTS_MAX || !desc_is_member(&m->r->desc, (uint32_t)host)) {
		qmp_error(call, "there is no host %lld: the guest has %u, counted from 0", (long long)host,
			  desc_members(&m->r->desc));
	} else if (members_cordoned(m->r->members, (host_id)host)) {
		qmp_error(call, "host %lld is leaving: no vCPU goes there", (long long)host);
	} else {
		struct wanted *w = malloc(sizeof(*w));
		int e = -ENOMEM;

		if (w) {
			*w = (struct wanted){.m = m, .call = call};
			e = mover_move(m->r->mover, (uint32_t)vcpu, (host_id)host, on_moved, w);
		}
		if (e) {
			free(w);
			monitor_refuse(call, e);
		}
	}
}

const struct qmp_command monitor_move[] = {{"x-pando-move-vcpu", move_vcpu}, {0}};
