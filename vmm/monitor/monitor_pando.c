// SPDX-License-Identifier: Apache-2.0
// x-pando-query-*: hosts, coherence, hot pages and placement, out of the status document.
#include <math.h>
#include <stdlib.h>

#include "coherence/base/sharing.h"
#include "vmm/call/walks.h"
#include "vmm/monitor/monitor_priv.h"
#include "vmm/mem/layout.h"
#include "vmm/status/sample.h"

static void status(struct monitor *m, struct qmp_call *call, const json_t *document)
{
	json_t *with_state = json_copy((json_t *)document);

	monitor_add_state(m, with_state);
	qmp_return(call, with_state);
}

static void query_status(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, status);
}

/* Adds the numbers that a type of QMP has, under their names there. from: the subject's object in the document. */
static void add_numbers(json_t *to, const json_t *from, const struct status_line *lines, unsigned n,
			enum status_qmp type)
{
	char name[STATUS_QMP_NAME_MAX];

	for (unsigned i = 0; i < n; i++) {
		int64_t v = status_read(from, &lines[i]);

		if (!(lines[i].qmp & type) || (v == STATUS_NONE && lines[i].qmp & STATUS_QMP_OPTIONAL))
			continue;
		json_object_set_new(to, status_qmp_name(&lines[i], name), json_integer(v == STATUS_NONE ? 0 : v));
	}
}

static void add_host_numbers(json_t *to, const json_t *host, enum status_qmp type)
{
	add_numbers(to, host, status_lines, STATUS_NUMBERS, type);
}

static void add_peer_numbers(json_t *to, const json_t *peer, enum status_qmp type)
{
	add_numbers(to, peer, status_peer_lines, STATUS_PEER_NUMBERS, type);
}

/* ---- hosts ---- */

static json_t *host_peers(const json_t *host)
{
	json_t *out = json_array(), *p;
	size_t i;

	json_array_foreach(json_object_get(host, "peers"), i, p)
	{
		json_t *o = json_pack("{s:I,s:b}", "host", monitor_int(p, "host"), "up",
				      json_is_true(json_object_get(p, "up")));

		add_peer_numbers(o, p, STATUS_QMP_LINK);
		json_array_append_new(out, o);
	}
	return out;
}

/* A host alone has no coherence engine that counts: then what it gave is used, owned and not shared. */
static json_t *host_memory(const json_t *host)
{
	const json_t *mem = json_object_get(host, "memory");
	json_int_t given = monitor_int(mem, "given_pages"), used = given, owned = given;

	if (json_object_get(mem, "resident_pages")) {
		used = monitor_int(mem, "resident_pages");
		owned = monitor_int(mem, "owned_pages");
	}
	return json_pack("{s:I,s:I,s:I,s:I}", "given-bytes", given * PAGE_BYTES, "used-bytes", used * PAGE_BYTES,
			 "owned-bytes", owned * PAGE_BYTES, "shared-bytes",
			 (used > owned ? used - owned : 0) * PAGE_BYTES);
}

static json_t *host_clock(const json_t *host)
{
	const json_t *c = json_object_get(host, "clock");
	json_int_t khz = monitor_int(c, "tsc_khz");
	double bound = (double)monitor_int(c, "bound_ticks") * 1e6 / (double)(khz > 0 ? khz : 1);

	json_t *o = json_pack("{s:I}", "bound-ns", (json_int_t)bound);

	add_host_numbers(o, host, STATUS_QMP_CLOCK);
	return o;
}

static json_t *host_vcpus(const json_t *host)
{
	json_t *out = json_array(), *v;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(host, "machine"), "vcpus"), i, v)
		json_array_append(out, json_object_get(v, "vcpu"));
	return out;
}

static json_t *one_host(const struct monitor *m, const json_t *host)
{
	const struct run *r = m->r;
	json_int_t h = monitor_int(host, "host");
	bool answered = !json_object_get(host, "error");
	bool up = h >= 0 && h < (json_int_t)HOSTS_MAX && r->up & host_bit((host_id)h);
	json_t *link = json_object_get(host, "link");
	json_t *o = json_pack("{s:I,s:s,s:O,s:s,s:o}", "host", h, "state",
			      !up        ? "lost"
			      : answered ? "up"
					 : "silent",
			      "address", json_object_get(host, "address"), "link",
			      json_is_string(link) ? json_string_value(link) : "uring", "vcpus", host_vcpus(host));

	json_object_set_new(o, "walks", json_string(walks_word(h >= 0 && h < (json_int_t)HOSTS_MAX ? r->walks[h] : 0)));

	if (r->members && h >= 0 && h < (json_int_t)HOSTS_MAX)
		json_object_set_new(o, "membership", monitor_membership(m, (host_id)h));
	if (answered) {
		json_object_set(o, "pid", json_object_get(host, "pid"));
		json_object_set_new(o, "memory", host_memory(host));
		json_object_set_new(o, "clock", host_clock(host));
		json_object_set_new(o, "peers", host_peers(host));
	}
	return o;
}

static void hosts(struct monitor *m, struct qmp_call *call, const json_t *document)
{
	json_t *out = json_array(), *host;
	size_t i;

	json_array_foreach(json_object_get(document, "hosts"), i, host) json_array_append_new(out, one_host(m, host));
	if (m->r->members)
		monitor_add_joining(m, out);
	qmp_return(call, out);
}

static void query_hosts(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, hosts);
}

/* ---- warnings: no host is asked ---- */

static void query_warnings(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;

	(void)args;
	qmp_return(call, json_deep_copy(m->r->status.warnings));
}

/* ---- coherence ---- */

static json_t *histogram(const json_t *h)
{
	json_t *buckets = json_array(), *b;
	size_t i;

	json_array_foreach(json_object_get(h, "buckets"), i, b) json_array_append_new(
		buckets, json_pack("{s:O,s:O}", "up-to-ns", json_array_get(b, 0), "count", json_array_get(b, 1)));
	return json_pack("{s:I,s:I,s:o}", "count", monitor_int(h, "count"), "sum-ns", monitor_int(h, "sum_ns"),
			 "buckets", buckets);
}

static void set_latency(json_t *o, const json_t *from)
{
	const json_t *l = json_object_get(from, "latency");

	if (l)
		json_object_set_new(o, "latency",
				    json_pack("{s:o,s:o,s:o}", "read", histogram(json_object_get(l, "read")), "write",
					      histogram(json_object_get(l, "write")), "upgrade",
					      histogram(json_object_get(l, "upgrade"))));
}

static json_t *pairs(const json_t *host, json_int_t *in, json_int_t *out)
{
	json_t *list = json_array(), *p;
	size_t i;

	json_array_foreach(json_object_get(host, "peers"), i, p)
	{
		json_t *o = json_pack("{s:I}", "host", monitor_int(p, "host"));

		add_peer_numbers(o, p, STATUS_QMP_PAIR);
		set_latency(o, p);
		*in += monitor_int(p, "bytes_in");
		*out += monitor_int(p, "bytes_out");
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *one_coherence(const json_t *host)
{
	json_t *o = json_pack("{s:I}", "host", monitor_int(host, "host"));
	json_int_t in = 0, out = 0;

	add_host_numbers(o, host, STATUS_QMP_COHERENCE);
	json_object_set_new(o, "pairs", pairs(host, &in, &out));
	json_object_set_new(o, "bytes-in", json_integer(in));
	json_object_set_new(o, "bytes-out", json_integer(out));
	set_latency(o, host);
	return o;
}

static void coherence(struct monitor *m, struct qmp_call *call, const json_t *document)
{
	json_t *out = json_array(), *host;
	size_t i;

	(void)m;
	json_array_foreach(json_object_get(document, "hosts"), i, host) if (!json_object_get(host, "error"))
		json_array_append_new(out, one_coherence(host));
	qmp_return(call, out);
}

static void query_coherence(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, coherence);
}

/* ---- hot pages: what each host counted, put together by page ---- */

static host_id home_of(const struct machine_desc *d, uint64_t address)
{
	page_idx page;
	bool ram = layout_page(desc_pages_end(d) << PAGE_SHIFT, address, &page);
	host_id home = ram ? desc_home_of_page(d, page) : HOST_NONE;

	return home == HOST_NONE ? 0 : home;
}

static json_t *by_host(const struct sample *s, uint64_t address)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < s->hosts_n; i++)
		for (unsigned k = 0; k < s->hosts[i].hot_n; k++) {
			const struct sample_hot *v = &s->hosts[i].hot[k];

			if (v->address == address)
				json_array_append_new(out,
						      json_pack("{s:i,s:I,s:I}", "host", (int)s->hosts[i].host, "reads",
								(json_int_t)v->reads, "writes", (json_int_t)v->writes));
		}
	return out;
}

/* The kind of sharing in QMP's words; the judgement is everybody's. */
static json_t *hot_page(const struct machine_desc *d, const struct sample *s, const struct sample_sharing *p)
{
	static const char *const kinds[SHARING_KINDS] = {"private", "read-shared", "producer-consumer", "write-shared"};

	return json_pack("{s:I,s:i,s:I,s:I,s:I,s:o,s:f,s:s}", "address", (json_int_t)p->address, "home",
			 (int)home_of(d, p->address), "reads", (json_int_t)p->reads, "writes", (json_int_t)p->writes,
			 "error", (json_int_t)p->error, "hosts", by_host(s, p->address), "rate",
			 isnan(p->rate) ? 0.0 : p->rate, "sharing", kinds[sharing_of(p->readers, p->writers)]);
}

static json_t *hottest(const struct machine_desc *d, const json_t *document, size_t count)
{
	const unsigned cap = HOSTS_MAX * STATUS_HOT_MAX;
	struct sample *s = sample_parse(document, 0);
	struct sample_sharing *v = s ? calloc(cap, sizeof(*v)) : NULL;
	unsigned n = v ? sample_hot_pages(s, v, cap) : 0;
	json_t *out = json_array();

	for (unsigned i = 0; i < n && i < count; i++)
		json_array_append_new(out, hot_page(d, s, &v[i]));
	free(v);
	sample_free(s);
	return out;
}

struct hot_question {
	struct monitor *m;
	struct qmp_call *call;
	size_t count;
};

static void hot_pages(void *ctx, const json_t *document)
{
	struct hot_question *q = ctx;

	if (document)
		qmp_return(q->call, hottest(&q->m->r->desc, document, q->count));
	else
		qmp_error(q->call, "the guest ended before its hosts answered");
	free(q);
}

static void query_hot_pages(void *ctx, struct qmp_call *call, const json_t *args)
{
	const json_t *count = json_object_get(args, "count");
	struct monitor *m = ctx;

	if (count && (json_integer_value(count) < 1 || json_integer_value(count) > MONITOR_HOT_MAX)) {
		qmp_error(call, "Parameter 'count' expects 1 to %u", MONITOR_HOT_MAX);
		return;
	}
	struct hot_question *q = malloc(sizeof(*q));
	if (q)
		*q = (struct hot_question){
			.m = m, .call = call, .count = count ? (size_t)json_integer_value(count) : 20};
	if (!q || run_status_request(&m->r->status, hot_pages, q)) {
		free(q);
		qmp_error(call, "the hosts cannot be asked");
	}
}

/* ---- placement ---- */

static void placement(struct monitor *m, struct qmp_call *call, const json_t *document)
{
	json_t *vcpus = monitor_vcpus(document), *out = json_array(), *v;
	size_t i;

	json_array_foreach(vcpus, i, v)
	{
		json_int_t n = monitor_int(v, "vcpu");

		if (n >= 0 && n < desc_vcpus(&m->r->desc))
			json_array_append_new(
				out, json_pack("{s:I,s:I,s:i,s:I,s:O}", "vcpu", n, "host", monitor_int(v, "host"),
					       "home", (int)desc_host_of_vcpu(&m->r->desc, (uint32_t)n), "apic-id",
					       monitor_int(v, "apic_id"), "state", json_object_get(v, "state")));
	}
	json_decref(vcpus);
	qmp_return(call, out);
}

static void query_placement(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, placement);
}

/* What else the hosts have to do. */
static void query_host_load(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_ask_hosts(ctx, call, VERB_HOST_LOAD, NULL, OP_FREE);
}

const struct qmp_command monitor_pando[] = {
	{"x-pando-query-status", query_status},
	{"x-pando-query-hosts", query_hosts},
	{"x-pando-query-host-load", query_host_load},
	{"x-pando-query-warnings", query_warnings},
	{"x-pando-query-coherence", query_coherence},
	{"x-pando-query-hot-pages", query_hot_pages},
	{"x-pando-query-vcpu-placement", query_placement},
	{0},
};
