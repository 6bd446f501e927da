// SPDX-License-Identifier: Apache-2.0
// x-pando-drain: a host is emptied and leaves.
#include <errno.h>
#include <stdlib.h>

#include "vmm/monitor/monitor_priv.h"

struct wanted {
	struct qmp_call *call;
	host_id host;
};

static void on_done(void *ctx, const char *error)
{
	struct wanted *w = ctx;

	if (error)
		qmp_error(w->call, "%s", error);
	else
		qmp_return(w->call, json_pack("{s:i}", "host", (int)w->host));
	free(w);
}

static void drain(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	json_int_t h = monitor_int(args, "host");
	struct wanted *w = malloc(sizeof(*w));
	char why[DESC_REPORT_MAX] = "no memory";

	if (w && h >= 0 && h < (json_int_t)HOSTS_MAX) {
		*w = (struct wanted){.call = call, .host = (host_id)h};
		if (!drain_start(m->r->drain, (host_id)h, on_done, w, why, sizeof(why)))
			return;
	} else if (w) {
		snprintf(why, sizeof(why), "there is no host %lld", (long long)h);
	}
	free(w);
	qmp_error(call, "%s", why);
}

static void cancel(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	int r = drain_stop(m->r->drain);

	(void)args;
	if (r)
		qmp_error(call, "%s", r == -EBUSY ? "the host is leaving already" : "no host is being drained");
	else
		qmp_return(call, json_object());
}

static void query(void *ctx, struct qmp_call *call, const json_t *args)
{
	const struct monitor *m = ctx;
	struct drain_status s = drain_status(m->r->drain);

	(void)args;
	qmp_return(call, json_pack("{s:i,s:s,s:i,s:I,s:I,s:I}", "host", (int)s.host, "phase", drain_phase_name(s.phase),
				   "vcpus-left", (int)s.vcpus_left, "moved-bytes",
				   (json_int_t)(s.homes_moved << PAGE_SHIFT), "total-bytes",
				   (json_int_t)(s.homes_total << PAGE_SHIFT), "pages-left", (json_int_t)s.pages_left));
}

const struct qmp_command monitor_drain[] = {
	{"x-pando-drain", drain}, {"x-pando-drain-cancel", cancel}, {"x-pando-query-drain", query}, {0}};
