// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/from_trace.h"

#include <errno.h>

#include "coherence/engine.h"

/* The time of all events: records of a host are in order, so the first and the last of each tell. */
static void range(const struct trace *t, uint64_t *begin_ns, uint64_t *end_ns)
{
	*begin_ns = UINT64_MAX;
	*end_ns = 0;
	for (unsigned h = 0; h < t->hosts; h++) {
		struct trace_record r;

		if (!t->host[h].records)
			continue;
		trace_get(t, t->first[h], &r);
		if (trace_ns(t, r.clock) < *begin_ns)
			*begin_ns = trace_ns(t, r.clock);
		trace_get(t, t->first[h] + t->host[h].records - 1, &r);
		if (trace_ns(t, r.clock) > *end_ns)
			*end_ns = trace_ns(t, r.clock);
	}
}

/* What a record means for a report. Returns false when it means nothing. */
static bool event_of(const struct trace_record *r, struct report_event *e)
{
	e->page = r->page;
	e->vcpu = r->arg;
	e->peer = r->peer;
	switch (r->kind) {
	case TRACE_FAULT:
		e->kind = REPORT_FAULT_BEGINS;
		e->fault = r->sub;
		return r->sub < REPORT_FAULTS;
	case TRACE_WAKE:
		e->kind = REPORT_FAULT_ENDS;
		e->fault = r->sub;
		return r->sub < REPORT_FAULTS;
	case TRACE_MSG_IN: {
		unsigned flags = r->arg & 0xff; // as trace_msg_arg() put them

		e->kind = r->sub == COH_MSG_GRANT && flags ? REPORT_PAGE_IN
			  : r->sub == COH_MSG_INV          ? REPORT_INVALIDATE_IN
							   : REPORT_MESSAGE_IN;
		e->bytes = flags & COH_MSGF_DATA ? 1u << PAGE_SHIFT : 0;
		return true;
	}
	default:
		return false;
	}
}

int report_from_trace(struct report *r, const struct trace *t)
{
	uint64_t begin_ns, end_ns;

	range(t, &begin_ns, &end_ns);
	if (begin_ns >= end_ns)
		return -ENODATA;
	int e = report_init(r, t->name, t->hosts, begin_ns, end_ns);
	if (e)
		return e;
	for (unsigned h = 0; h < t->hosts; h++)
		r->lost += t->host[h].lost;
	for (uint64_t i = 0; i < t->records; i++) {
		struct trace_record rec;
		struct report_event ev = {.host = trace_get(t, i, &rec)};

		ev.ns = trace_ns(t, rec.clock); // the record is there only now
		if (event_of(&rec, &ev))
			report_add(r, &ev);
	}
	return 0;
}
