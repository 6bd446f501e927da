// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/tracer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/conf/output_file.h"
#include "vmm/run/ops_priv.h"
#include "vmm/trace/file.h"
#include "vmm/trace/ring.h"

#define TRACER_MS      60000u
#define TRACER_SLOWEST (4u << 20) // bytes a second: fetching what takes longer is given up

_Static_assert(TRACER_RECORDS_MIN == TRACE_RING_MIN && TRACER_RECORDS_MAX == TRACE_RING_MAX, "as a ring takes them");

struct tracer {
	struct ops *ops;
	uint64_t started_ns; // Unix time
};

/* A command. */
struct tracing {
	struct op op; // the first member
	struct tracer *t;
	host_set hosts;
	tracer_done done;
	void *ctx;
	uint64_t ring; // of a start: records
	/* of a save */
	struct trace front;
	uint64_t expected[HOSTS_MAX];
	unsigned host; // whose records come now
	struct output_file out;
	FILE *file; // of out; NULL: none is written
};

static uint64_t unix_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct tracer *tracer_create(struct ops *ops)
{
	struct tracer *t = calloc(1, sizeof(*t));

	if (t) {
		t->ops = ops;
		t->started_ns = unix_ns();
	}
	return t;
}

void tracer_destroy(struct tracer *t)
{
	free(t);
}

/* What was written and has no name yet goes away. */
static void over(struct op *op, const char *error)
{
	struct tracing *w = (struct tracing *)op;

	if (w->file)
		output_file_drop(&w->out);
	w->done(w->ctx, error);
	free(w);
}

/* The first error among the answers ends the command. */
static bool failed(struct tracing *w, const struct call_answer *answers, unsigned n)
{
	const struct call_answer *bad = call_first_error(answers, n);
	char text[DESC_REPORT_MAX];

	if (!bad)
		return false;
	ops_answer_text(&w->op, w->t->ops->desc, bad, text);
	op_say(&w->op, "%s", text);
	op_end(&w->op);
	return true;
}

static void ask(struct tracing *w, host_set hosts, enum verb verb, json_t *args, call_done done)
{
	unsigned ms = op_left_ms(&w->op, verb_info(verb)->ms);
	int r = !ms ? -ETIME
		    : calls_start(w->t->ops->calls, hosts & desc_all_hosts(w->t->ops->desc), verb, args, ms, done, w);

	json_decref(args);
	if (!r)
		return;
	if (r == -ETIME)
		op_say(&w->op, "%s: its time was over before hosts could be asked to '%s'", w->op.name,
		       verb_name(verb));
	else
		op_say(&w->op, "the hosts cannot be asked to '%s': %s", verb_name(verb), strerror(-r));
	op_end(&w->op);
}

static struct tracing *tracing_new(struct tracer *t, const char *name, host_set hosts, tracer_done done, void *ctx)
{
	struct tracing *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->op = (struct op){.cls = OP_TRACE, .ms = TRACER_MS, .over = over};
	snprintf(w->op.name, sizeof(w->op.name), "%s", name);
	w->t = t;
	w->hosts = hosts;
	w->done = done;
	w->ctx = ctx;
	return w;
}

static int add(struct tracing *w, void (*begin)(struct op *op))
{
	w->op.begin = begin;
	int r = op_add(&w->t->ops->queue, &w->op);

	if (r && w->file)
		output_file_drop(&w->out);
	if (r)
		free(w);
	return r;
}

/* ---- starting ---- */

static void on_started(void *ctx, const struct call_answer *answers, unsigned n)
{
	struct tracing *w = ctx;

	if (!failed(w, answers, n))
		op_end(&w->op);
}

static void start(struct op *op)
{
	struct tracing *w = (struct tracing *)op;

	w->t->started_ns = unix_ns();
	ask(w, w->hosts, VERB_TRACE_START, json_pack("{s:I}", "records", (json_int_t)w->ring), on_started);
}

int tracer_start(struct tracer *t, host_set hosts, uint64_t records, tracer_done done, void *ctx)
{
	if (records && (records < TRACER_RECORDS_MIN || records > TRACER_RECORDS_MAX))
		return -ERANGE;
	struct tracing *w = tracing_new(t, "trace start", hosts, done, ctx);

	if (!w)
		return -ENOMEM;
	w->ring = records;
	return add(w, start);
}

/* ---- saving ---- */

static void fail_file(struct tracing *w, int error)
{
	op_say(&w->op, "cannot write the trace file '%.200s': %s", w->out.path, strerror(error));
	op_end(&w->op);
}

static void read_next(struct tracing *w);

static void close_file(struct tracing *w)
{
	uint8_t *front = malloc(trace_front_bytes(w->front.hosts));
	size_t n = trace_front_bytes(w->front.hosts);

	if (front)
		trace_put_front(&w->front, front);
	bool ok =
		front && fseek(w->file, 0, SEEK_SET) == 0 && fwrite(front, 1, n, w->file) == n && fflush(w->file) == 0;

	free(front);
	if (!ok) {
		fail_file(w, errno);
		return;
	}
	char path[256];
	snprintf(path, sizeof(path), "%.200s", w->out.path);
	w->file = NULL;
	int r = output_file_commit(&w->out, NULL);
	if (r)
		op_say(&w->op, "cannot write the trace file '%s': %s", path, strerror(-r));
	op_end(&w->op);
}

static void on_piece(void *ctx, const struct call_answer *a, unsigned n)
{
	struct tracing *w = ctx;
	struct trace_host *h = &w->front.host[w->host];
	size_t left = (size_t)(w->expected[w->host] - h->records) * TRACE_RECORD_BYTES;

	if (failed(w, a, n))
		return;
	if (n != 1 || a->form != CALL_BYTES || a->bytes_n % TRACE_RECORD_BYTES || a->bytes_n > left) {
		op_say(&w->op, "host %u answered with something that is no piece of a trace", w->host);
		op_end(&w->op);
		return;
	}
	if (a->bytes_n == 0)
		w->expected[w->host] = h->records; // it has no more
	if (fwrite(a->bytes, 1, a->bytes_n, w->file) != a->bytes_n) {
		fail_file(w, errno);
		return;
	}
	h->records += a->bytes_n / TRACE_RECORD_BYTES;
	read_next(w);
}

static void read_next(struct tracing *w)
{
	while (w->host < w->front.hosts && w->front.host[w->host].records == w->expected[w->host])
		w->host++;
	if (w->host == w->front.hosts) {
		close_file(w);
		return;
	}
	ask(w, host_bit((host_id)w->host), VERB_TRACE_READ,
	    json_pack("{s:I}", "first", (json_int_t)w->front.host[w->host].records), on_piece);
}

static uint64_t number(const json_t *o, const char *key, uint64_t max)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v < 0 ? 0 : (uint64_t)v > max ? max : (uint64_t)v;
}

static void on_stopped(void *ctx, const struct call_answer *a, unsigned n)
{
	struct tracing *w = ctx;
	uint64_t records = 0;

	if (failed(w, a, n))
		return;
	if (!w->file) {
		op_end(&w->op);
		return;
	}
	w->front.end_ns = unix_ns();
	for (unsigned i = 0; i < n; i++) {
		struct trace_host *h = &w->front.host[a[i].host];

		h->lost = number(a[i].json, "lost", INT64_MAX);
		h->bound = number(a[i].json, "bound", INT64_MAX);
		h->vcpus = (uint32_t)number(a[i].json, "vcpus", VCPUS_MAX);
		h->first_vcpu = (uint32_t)number(a[i].json, "first_vcpu", VCPUS_MAX);
		w->expected[a[i].host] = number(a[i].json, "records", TRACE_RING_MAX);
		w->front.tsc_khz = number(a[i].json, "tsc_khz", TRACE_KHZ_MAX);
		records += w->expected[a[i].host];
	}
	op_more_time(&w->op, TRACER_MS + records * TRACE_RECORD_BYTES / TRACER_SLOWEST * 1000);
	if (fseek(w->file, (long)trace_front_bytes(w->front.hosts), SEEK_SET)) {
		fail_file(w, errno);
		return;
	}
	read_next(w);
}

static void set_front(struct tracing *w)
{
	w->front.hosts = w->t->ops->desc->hosts_n;
	w->front.tsc_khz = 1;
	w->front.begin_ns = w->t->started_ns;
	snprintf(w->front.name, sizeof(w->front.name), "%s", w->t->ops->desc->name);
	for (unsigned h = 0; h < w->t->ops->desc->hosts_n; h++)
		snprintf(w->front.host[h].address, TRACE_ADDRESS_MAX, "%s", w->t->ops->desc->hosts[h].address);
}

static int open_file(struct tracing *w, const char *path)
{
	int r = output_file_open(&w->out, path, 0666);

	if (r)
		return r;
	w->file = output_file_stream(&w->out);
	if (!w->file)
		output_file_drop(&w->out);
	return w->file ? 0 : -ENOMEM;
}

static void save(struct op *op)
{
	struct tracing *w = (struct tracing *)op;

	set_front(w);
	ask(w, w->hosts, VERB_TRACE_STOP, NULL, on_stopped);
}

int tracer_save(struct tracer *t, host_set hosts, const char *path, tracer_done done, void *ctx)
{
	struct tracing *w = tracing_new(t, "trace stop", hosts, done, ctx);
	int r = !w ? -ENOMEM : path ? open_file(w, path) : 0;

	if (!r)
		return add(w, save);
	free(w);
	return r;
}
