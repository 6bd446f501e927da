// SPDX-License-Identifier: Apache-2.0
/*
 * The trace event format that Chrome and Perfetto read: "X" slices, "s" "t" "f" flow events, "M" names. On the track of
 * the protocol's thread each record is a slice. One that tells that something begins is short; one that tells that
 * something has been done lasts from the record before it to itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/engine.h"
#include "vmm/trace/decode.h"

#define TRACK_PROTOCOL 1u
#define TRACK_VCPU     100u // and its number
#define SHORT_NS       1000u
#define BACK_NS        1000000u
#define WAITING_MAX    2048u // faults of one host that are followed at once

/* A place that an arrow starts from, passes or ends at. */
struct point {
	uint64_t flow, ns;
	uint32_t host, track;
};

struct waiting {
	uint64_t page, since;
	uint32_t vcpu;
};

struct json {
	const struct trace *t;
	FILE *out;
	uint64_t first; // clock of the first record: 0 in the output
	bool some;
	struct point *points;
	size_t points_n;
	struct waiting waiting[WAITING_MAX];
	unsigned waiting_n;
	uint64_t others; // faults of threads that run no vCPU, for their numbers
};

/* One number for a transaction of a requester, exact in JSON's numbers. */
static uint64_t flow_id(const struct trace_record *r)
{
	bool io = r->kind != TRACE_MSG_OUT && r->kind != TRACE_MSG_IN && r->kind != TRACE_WAKE;

	return (uint64_t)io << 52 | (uint64_t)(r->requester % HOSTS_MAX) << 46 | (r->txn & ((1ull << 46) - 1));
}

/* Arrows follow this record: all of a transaction but its DONE, which nobody waits for. */
static bool in_flow(const struct trace_record *r)
{
	if (r->requester == HOST_NONE || !r->txn)
		return false;
	switch (r->kind) {
	case TRACE_MSG_OUT:
	case TRACE_MSG_IN:
		return r->sub != COH_MSG_DONE && r->sub != COH_MSG_EVICT;
	case TRACE_WAKE:
	case TRACE_IO_OUT:
	case TRACE_IO_IN:
	case TRACE_IO_REP_OUT:
	case TRACE_IO_REP_IN:
		return true;
	default:
		return false;
	}
}

static uint64_t ns_of(const struct json *j, uint64_t clock)
{
	return clock > j->first ? trace_ns(j->t, clock - j->first) : 0;
}

/* Begins an event: its kind, track and time, in microseconds as the format has it. The caller goes on with ",..." or
 * "}". */
static void begin(struct json *j, const char *ph, unsigned host, uint32_t track, uint64_t ns)
{
	fprintf(j->out, "%s\n{\"ph\":\"%s\",\"pid\":%u,\"tid\":%" PRIu32 ",\"ts\":%" PRIu64 ".%03" PRIu64,
		j->some ? "," : "", ph, host + 1, track, ns / 1000, ns % 1000);
	j->some = true;
}

static void end_slice(struct json *j, const char *name, const char *cat, uint64_t dur, const char *what)
{
	fprintf(j->out, ",\"dur\":%" PRIu64 ".%03" PRIu64 ",\"name\":\"%s\",\"cat\":\"%s\",\"args\":{\"what\":\"%s\"}}",
		dur / 1000, dur % 1000, name, cat, what);
}

static void text(FILE *out, const char *s)
{
	for (fputc('"', out); *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
	fputc('"', out);
}

static void name(struct json *j, unsigned host, uint32_t track, const char *of, const char *value)
{
	begin(j, "M", host, track, 0);
	fprintf(j->out, ",\"name\":\"%s\",\"args\":{\"name\":", of);
	text(j->out, value);
	fputs("}}", j->out);
}

static void name_tracks(struct json *j, unsigned host)
{
	const struct trace_host *v = &j->t->host[host];
	char buf[TRACE_ADDRESS_MAX + 32];

	snprintf(buf, sizeof(buf), "host %u (%s)", host, v->address);
	name(j, host, TRACK_PROTOCOL, "process_name", buf);
	name(j, host, TRACK_PROTOCOL, "thread_name", "protocol");
	for (uint32_t i = 0; i < v->vcpus; i++) {
		snprintf(buf, sizeof(buf), "vCPU %" PRIu32, v->first_vcpu + i);
		name(j, host, TRACK_VCPU + v->first_vcpu + i, "thread_name", buf);
	}
}

static void point(struct json *j, const struct trace_record *r, unsigned host, uint32_t track, uint64_t ns)
{
	j->points[j->points_n++] = (struct point){.flow = flow_id(r), .ns = ns, .host = host, .track = track};
}

/* ---- faults, on the tracks of the vCPUs ---- */

static void fault_begins(struct json *j, const struct trace_record *r)
{
	for (unsigned i = 0; i < j->waiting_n; i++)
		if (j->waiting[i].page == r->page && j->waiting[i].vcpu == r->arg)
			return; // told again of what it waits for
	if (j->waiting_n < WAITING_MAX)
		j->waiting[j->waiting_n++] = (struct waiting){.page = r->page, .since = r->clock, .vcpu = r->arg};
}

static bool fault_ends(struct json *j, const struct trace_record *r, uint64_t *since)
{
	for (unsigned i = 0; i < j->waiting_n; i++) {
		if (j->waiting[i].page != r->page || j->waiting[i].vcpu != r->arg)
			continue;
		*since = j->waiting[i].since;
		j->waiting[i] = j->waiting[--j->waiting_n];
		return true;
	}
	return false;
}

/* Waits of threads that have no track may overlap, so they are "async" events, each with its number. */
static void show_fault(struct json *j, unsigned host, const struct trace_record *r)
{
	static const char *const names[] = {"read fault", "write fault", "upgrade fault"};
	uint64_t since, from, to = ns_of(j, r->clock);
	char what[256];

	if (!fault_ends(j, r, &since))
		return; // its beginning is lost
	from = ns_of(j, since);
	to = to > from ? to : from + 1;
	trace_describe(r, what, sizeof(what));
	if (r->arg == TRACE_NO_VCPU) {
		j->others++;
		begin(j, "b", host, TRACK_PROTOCOL, from);
		fprintf(j->out, ",\"id\":%" PRIu64 ",\"cat\":\"fault\",\"name\":\"%s\",\"args\":{\"what\":\"%s\"}}",
			j->others, names[r->sub], what);
		begin(j, "e", host, TRACK_PROTOCOL, to);
		fprintf(j->out, ",\"id\":%" PRIu64 ",\"cat\":\"fault\",\"name\":\"%s\"}", j->others, names[r->sub]);
		return;
	}
	begin(j, "X", host, TRACK_VCPU + r->arg, from);
	end_slice(j, names[r->sub], "fault", to - from, what);
	if (!in_flow(r))
		return;
	point(j, r, host, TRACK_VCPU + r->arg, from);
	point(j, r, host, TRACK_VCPU + r->arg, to - 1);
}

/* ---- the protocol's thread ---- */

static bool is_done(unsigned kind) // the record is written when the work is over
{
	return kind == TRACE_INSTALL || kind == TRACE_ZERO || kind == TRACE_PROTECT || kind == TRACE_UNPROTECT ||
	       kind == TRACE_DROP || kind == TRACE_TAKE;
}

static void show_step(struct json *j, unsigned host, const struct trace_record *r, uint64_t *cursor, uint64_t next)
{
	uint64_t at = ns_of(j, r->clock), from, to;
	char what[256], label[64];

	if (*cursor > at + BACK_NS)
		*cursor = at; // the clock went back: nothing can be told from what was before
	if (is_done(r->kind)) {
		from = *cursor ? *cursor : at;
		to = at;
	} else {
		uint64_t gap = next > at ? next - at : 0;
		from = at > *cursor ? at : *cursor;
		to = from + (gap / 4 < SHORT_NS ? gap / 4 : SHORT_NS);
	}
	to = to > from ? to : from + 1;
	*cursor = to;
	trace_describe(r, what, sizeof(what));
	if (r->kind == TRACE_MSG_OUT || r->kind == TRACE_MSG_IN)
		snprintf(label, sizeof(label), "%s %s", trace_kind_name(r->kind), coh_msg_name(r->sub));
	else
		snprintf(label, sizeof(label), "%s", trace_kind_name(r->kind));
	begin(j, "X", host, TRACK_PROTOCOL, from);
	end_slice(j, label, "protocol", to - from, what);
	if (in_flow(r))
		point(j, r, host, TRACK_PROTOCOL, from);
}

static void show_host(struct json *j, unsigned host)
{
	const struct trace *t = j->t;
	uint64_t n = t->host[host].records, cursor = 0;
	struct trace_record r, next = {0};

	j->waiting_n = 0;
	name_tracks(j, host);
	for (uint64_t i = 0; i < n; i++) {
		trace_get(t, t->first[host] + i, &r);
		if (i + 1 < n)
			trace_get(t, t->first[host] + i + 1, &next);
		if (r.kind == TRACE_FAULT)
			fault_begins(j, &r);
		if (r.kind == TRACE_WAKE)
			show_fault(j, host, &r);
		else
			show_step(j, host, &r, &cursor, i + 1 < n ? ns_of(j, next.clock) : UINT64_MAX);
	}
}

/* ---- arrows ---- */

static int by_flow(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->flow != y->flow)
		return x->flow < y->flow ? -1 : 1;
	return x->ns < y->ns ? -1 : x->ns > y->ns;
}

static void show_flows(struct json *j)
{
	const struct point *p = j->points;

	if (j->points_n)
		qsort(j->points, j->points_n, sizeof(*p), by_flow);
	for (size_t i = 0; i < j->points_n; i++) {
		bool first = i == 0 || p[i - 1].flow != p[i].flow;
		bool last = i + 1 == j->points_n || p[i + 1].flow != p[i].flow;

		if (first && last)
			continue;
		begin(j, first ? "s" : last ? "f" : "t", p[i].host, p[i].track, p[i].ns);
		fprintf(j->out, ",\"id\":%" PRIu64 ",\"name\":\"transaction\",\"cat\":\"flow\"%s}", p[i].flow,
			last ? ",\"bp\":\"e\"" : "");
	}
}

static void show_header(struct json *j)
{
	const struct trace *t = j->t;

	fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"guest\":", j->out);
	text(j->out, t->name);
	fprintf(j->out, ",\"clock_khz\":%" PRIu64 ",\"hosts\":[", t->tsc_khz);
	for (unsigned h = 0; h < t->hosts; h++) {
		fprintf(j->out, "%s{\"host\":%u,\"address\":", h ? "," : "", h);
		text(j->out, t->host[h].address);
		fprintf(j->out, ",\"clock_bound_ns\":%" PRIu64 ",\"events\":%" PRIu64 ",\"lost\":%" PRIu64 "}",
			trace_ns(t, t->host[h].bound), t->host[h].records, t->host[h].lost);
	}
	fputs("]},\n\"traceEvents\":[", j->out);
}

static uint64_t first_clock(const struct trace *t)
{
	uint64_t first = UINT64_MAX;
	struct trace_record r;

	for (uint64_t i = 0; i < t->records; i++) {
		trace_get(t, i, &r);
		first = r.clock < first ? r.clock : first;
	}
	return first;
}

int trace_json(const struct trace *t, FILE *out)
{
	struct json *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->t = t;
	j->out = out;
	j->first = first_clock(t);
	j->points = malloc((t->records + 1) * 2 * sizeof(*j->points));
	if (j->points) {
		show_header(j);
		for (unsigned h = 0; h < t->hosts; h++)
			show_host(j, h);
		show_flows(j);
		fputs("\n]}\n", out);
	}
	int r = !j->points ? -ENOMEM : fflush(out) || ferror(out) ? -EIO : 0;

	free(j->points);
	free(j);
	return r;
}
