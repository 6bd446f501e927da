// SPDX-License-Identifier: Apache-2.0
// x-pando-drain: a host is emptied and leaves. x-pando-move-board: one gets what a single host does for all.
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

typedef int (*begin_fn)(struct run *r, host_id h, ops_done done, void *ctx, char *why, size_t cap);

static void begin(struct monitor *m, struct qmp_call *call, const json_t *args, begin_fn fn)
{
	json_int_t h = monitor_int(args, "host");
	struct wanted *w = malloc(sizeof(*w));
	char why[DESC_REPORT_MAX] = "no memory";

	if (w && h >= 0 && h < (json_int_t)HOSTS_MAX) {
		*w = (struct wanted){.call = call, .host = (host_id)h};
		if (!fn(m->r, (host_id)h, on_done, w, why, sizeof(why)))
			return;
	} else if (w) {
		snprintf(why, sizeof(why), "there is no host %lld", (long long)h);
	}
	free(w);
	qmp_error(call, "%s", why);
}

/* As device_del takes it. */
static void name_of(void *ctx, const struct desc_device *dev, char *name, size_t cap)
{
	struct monitor *m = ctx;

	device_names_update(&m->names, &m->r->desc);
	snprintf(name, cap, "%s", device_names_of(&m->names, dev->id));
}

void monitor_drain_begin(struct monitor *m)
{
	drain_set_names(m->r->drain, name_of, m);
}

static int begin_drain(struct run *r, host_id h, ops_done done, void *ctx, char *why, size_t cap)
{
	return drain_start(r->drain, h, done, ctx, why, cap);
}

static void drain(void *ctx, struct qmp_call *call, const json_t *args)
{
	begin(ctx, call, args, begin_drain);
}

static int begin_move(struct run *r, host_id h, ops_done done, void *ctx, char *why, size_t cap)
{
	return boards_move(r->boards, h, done, ctx, why, cap);
}

static void move_board(void *ctx, struct qmp_call *call, const json_t *args)
{
	begin(ctx, call, args, begin_move);
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

const struct qmp_command monitor_drain[] = {{"x-pando-drain", drain},
					    {"x-pando-drain-cancel", cancel},
					    {"x-pando-query-drain", query},
					    {"x-pando-move-board", move_board},
					    {0}};
