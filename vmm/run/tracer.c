// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/tracer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/conf/output_file.h"
#include "vmm/trace/file.h"
#include "vmm/trace/ring.h"

#define TRACER_CALL_MS 10000u

_Static_assert(TRACER_RECORDS_MIN == TRACE_RING_MIN && TRACER_RECORDS_MAX == TRACE_RING_MAX, "as a ring takes them");

struct tracer {
	struct calls *calls;
	const struct machine_desc *desc;
	bool busy;
	tracer_done done;
	void *ctx;
	uint64_t started_ns; // Unix time
	/* of a save */
	struct trace front;
	uint64_t expected[HOSTS_MAX];
	unsigned host; // whose records come now
	struct output_file out;
	FILE *file; // of out; NULL: none is written
	char error[512];
};

static uint64_t unix_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct tracer *tracer_create(struct calls *calls, const struct machine_desc *desc)
{
	struct tracer *t = calloc(1, sizeof(*t));

	if (t) {
		t->calls = calls;
		t->desc = desc;
		t->started_ns = unix_ns();
	}
	return t;
}

/* Ends a command: what was written and has no name yet goes away. */
static void release(struct tracer *t)
{
	if (t->file)
		output_file_drop(&t->out);
	t->file = NULL;
	t->busy = false;
}

static void finish(struct tracer *t, const char *error)
{
	release(t);
	t->done(t->ctx, error);
}

void tracer_destroy(struct tracer *t)
{
	free(t);
}

/* The first error among the answers ends the command. */
static bool failed(struct tracer *t, const struct call_answer *answers, unsigned n)
{
	const struct call_answer *bad = call_first_error(answers, n);

	if (!bad)
		return false;
	snprintf(t->error, sizeof(t->error), "host %u: %s", bad->host, bad->error);
	finish(t, t->error);
	return true;
}

static int begin(struct tracer *t, tracer_done done, void *ctx)
{
	if (t->busy)
		return -EBUSY;
	t->busy = true;
	t->done = done;
	t->ctx = ctx;
	return 0;
}

static void on_started(void *ctx, const struct call_answer *answers, unsigned n)
{
	struct tracer *t = ctx;

	if (!failed(t, answers, n))
		finish(t, NULL);
}

int tracer_start(struct tracer *t, host_set hosts, uint64_t records, tracer_done done, void *ctx)
{
	if (records && (records < TRACER_RECORDS_MIN || records > TRACER_RECORDS_MAX))
		return -ERANGE;
	json_t *args = json_pack("{s:I}", "records", (json_int_t)records);
	int r = begin(t, done, ctx);

	if (!r) {
		r = calls_start(t->calls, hosts, VERB_TRACE_START, args, TRACER_CALL_MS, on_started, t);
		t->busy = r == 0;
		t->started_ns = unix_ns();
	}
	json_decref(args);
	return r;
}

/* ---- saving ---- */

static void fail_file(struct tracer *t, int error)
{
	snprintf(t->error, sizeof(t->error), "cannot write the trace file '%.200s': %s", t->out.path, strerror(error));
	finish(t, t->error);
}

static void read_next(struct tracer *t);

static void close_file(struct tracer *t)
{
	uint8_t *front = malloc(trace_front_bytes(t->front.hosts));
	size_t n = trace_front_bytes(t->front.hosts);

	if (front)
		trace_put_front(&t->front, front);
	bool ok =
		front && fseek(t->file, 0, SEEK_SET) == 0 && fwrite(front, 1, n, t->file) == n && fflush(t->file) == 0;

	free(front);
	if (!ok) {
		fail_file(t, errno);
		return;
	}
	char path[256];
	snprintf(path, sizeof(path), "%.200s", t->out.path);
	t->file = NULL;
	int r = output_file_commit(&t->out, NULL);
	if (r)
		snprintf(t->error, sizeof(t->error), "cannot write the trace file '%s': %s", path, strerror(-r));
	finish(t, r ? t->error : NULL);
}

static void on_piece(void *ctx, const struct call_answer *a, unsigned n)
{
	struct tracer *t = ctx;
	struct trace_host *h = &t->front.host[t->host];
	size_t left = (size_t)(t->expected[t->host] - h->records) * TRACE_RECORD_BYTES;

	if (failed(t, a, n))
		return;
	if (n != 1 || a->form != CALL_BYTES || a->bytes_n % TRACE_RECORD_BYTES || a->bytes_n > left) {
		snprintf(t->error, sizeof(t->error), "host %u answered with something that is no piece of a trace",
			 t->host);
		finish(t, t->error);
		return;
	}
	if (a->bytes_n == 0)
		t->expected[t->host] = h->records; // it has no more
	if (fwrite(a->bytes, 1, a->bytes_n, t->file) != a->bytes_n) {
		fail_file(t, errno);
		return;
	}
	h->records += a->bytes_n / TRACE_RECORD_BYTES;
	read_next(t);
}

static void read_next(struct tracer *t)
{
	while (t->host < t->front.hosts && t->front.host[t->host].records == t->expected[t->host])
		t->host++;
	if (t->host == t->front.hosts) {
		close_file(t);
		return;
	}
	json_t *args = json_pack("{s:I}", "first", (json_int_t)t->front.host[t->host].records);
	int r = calls_start(t->calls, host_bit((host_id)t->host), VERB_TRACE_READ, args, TRACER_CALL_MS, on_piece, t);

	json_decref(args);
	if (r) {
		snprintf(t->error, sizeof(t->error), "cannot ask host %u: %s", t->host, strerror(-r));
		finish(t, t->error);
	}
}

static uint64_t number(const json_t *o, const char *key, uint64_t max)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v < 0 ? 0 : (uint64_t)v > max ? max : (uint64_t)v;
}

static void on_stopped(void *ctx, const struct call_answer *a, unsigned n)
{
	struct tracer *t = ctx;

	if (failed(t, a, n))
		return;
	if (!t->file) {
		finish(t, NULL);
		return;
	}
	t->front.end_ns = unix_ns();
	for (unsigned i = 0; i < n; i++) {
		struct trace_host *h = &t->front.host[a[i].host];

		h->lost = number(a[i].json, "lost", INT64_MAX);
		h->bound = number(a[i].json, "bound", INT64_MAX);
		h->vcpus = (uint32_t)number(a[i].json, "vcpus", VCPUS_MAX);
		h->first_vcpu = (uint32_t)number(a[i].json, "first_vcpu", VCPUS_MAX);
		t->expected[a[i].host] = number(a[i].json, "records", TRACE_RING_MAX);
		t->front.tsc_khz = number(a[i].json, "tsc_khz", TRACE_KHZ_MAX);
	}
	if (fseek(t->file, (long)trace_front_bytes(t->front.hosts), SEEK_SET)) {
		fail_file(t, errno);
		return;
	}
	read_next(t);
}

static void set_front(struct tracer *t)
{
	memset(&t->front, 0, sizeof(t->front));
	memset(t->expected, 0, sizeof(t->expected));
	t->host = 0;
	t->front.hosts = t->desc->hosts_n;
	t->front.tsc_khz = 1;
	t->front.begin_ns = t->started_ns;
	snprintf(t->front.name, sizeof(t->front.name), "%s", t->desc->name);
	for (unsigned h = 0; h < t->desc->hosts_n; h++)
		snprintf(t->front.host[h].address, TRACE_ADDRESS_MAX, "%s", t->desc->hosts[h].address);
}

static int open_file(struct tracer *t, const char *path)
{
	int r = output_file_open(&t->out, path, 0666);

	if (r)
		return r;
	t->file = output_file_stream(&t->out);
	if (!t->file)
		output_file_drop(&t->out);
	return t->file ? 0 : -ENOMEM;
}

int tracer_save(struct tracer *t, host_set hosts, const char *path, tracer_done done, void *ctx)
{
	int r = begin(t, done, ctx);

	if (r)
		return r;
	set_front(t);
	if (path)
		r = open_file(t, path);
	if (!r)
		r = calls_start(t->calls, hosts, VERB_TRACE_STOP, NULL, TRACER_CALL_MS, on_stopped, t);
	if (r)
		release(t);
	return r;
}
