// SPDX-License-Identifier: Apache-2.0
// QMP: x-pando-trace-start and x-pando-trace-stop.
#include <errno.h>

#include "vmm/monitor/monitor_priv.h"
#include "vmm/run/tracer.h"

static void on_done(void *ctx, const char *error)
{
	if (error)
		qmp_error(ctx, "%s", error);
	else
		qmp_return_empty(ctx);
}

static void trace_start(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct run *r = ((struct monitor *)ctx)->r;
	json_int_t records = monitor_int(args, "records"); // 0: the standard, as if it were not said
	int e = tracer_start(r->tracer, r->up, (uint64_t)records, on_done, call);

	if (e == -ERANGE)
		qmp_error(call, "Parameter 'records' expects a number from %u to %u", TRACER_RECORDS_MIN,
			  TRACER_RECORDS_MAX);
	else if (e)
		monitor_refuse(call, e);
}

static void trace_stop(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct run *r = ((struct monitor *)ctx)->r;
	int e = tracer_save(r->tracer, r->up, json_string_value(json_object_get(args, "filename")), on_done, call);

	if (e)
		monitor_refuse(call, e);
}

const struct qmp_command monitor_trace[] = {
	{"x-pando-trace-start", trace_start},
	{"x-pando-trace-stop", trace_stop},
	{0},
};
