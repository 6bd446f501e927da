// SPDX-License-Identifier: Apache-2.0
// The host's side of the trace: start, stop, and read what was recorded, in pieces.
#include <stdlib.h>
#include <string.h>

#include "net/now.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/trace/record.h"

static bool has_span(struct guest *g, uint64_t call)
{
	if (g->span)
		return true;
	serve_return_error(g, call, "host %u has no guest yet", g->self);
	return false;
}

/* records: how many events the ring holds, 0: the standard. */
void serve_trace_start(struct guest *g, uint64_t call, json_t *args)
{
	json_int_t records = json_integer_value(json_object_get(args, "records"));

	if (!has_span(g, call))
		return;
	int r = span_trace_start(g->span, records > 0 ? (uint64_t)records : 0);
	if (r)
		serve_return_error(g, call, "host %u cannot trace: %s", g->self, strerror(-r));
	else
		serve_return_json(g, call, json_object());
}

void serve_trace_stop(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	if (!has_span(g, call))
		return;
	span_trace_stop(g->span);
	struct span_trace_info i = span_trace_info(g->span);
	uint32_t first = 0;

	while (first < desc_vcpus(&g->desc) && desc_host_of_vcpu(&g->desc, first) != g->self)
		first++;
	serve_return_json(g, call,
			  json_pack("{s:I,s:I,s:I,s:I,s:i,s:i}", "records", (json_int_t)i.records, "lost",
				    (json_int_t)i.lost, "bound", (json_int_t)i.bound, "tsc_khz", (json_int_t)i.tsc_khz,
				    "vcpus", (int)desc_host_vcpus(&g->desc, g->self), "first_vcpu", (int)first));
}

void serve_trace_read(struct guest *g, uint64_t call, json_t *args)
{
	if (!has_span(g, call))
		return;
	if (g->phase == GUEST_HALTED) // the guest is over, but its trace is wanted
		guest_linger(g);
	uint8_t *out = malloc(SERVE_BYTES_MAX);
	if (out)
		serve_return_bytes(
			g, call, out,
			span_trace_read(g->span, serve_u64(args, "first"), SERVE_BYTES_MAX / TRACE_RECORD_BYTES, out) *
				TRACE_RECORD_BYTES);
	else
		serve_return_error(g, call, "host %u has no memory", g->self);
	free(out);
}
