// SPDX-License-Identifier: Apache-2.0
// x-pando-query-*: hosts, coherence, hot pages and placement, out of the status document.
#include <stdlib.h>

#include "vmm/ctl/monitor_priv.h"
#include "vmm/mem/layout.h"

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

/* ---- hosts ---- */

static json_t *host_peers(const json_t *host)
{
	json_t *out = json_array(), *p;
	size_t i;

	json_array_foreach(json_object_get(host, "peers"), i, p)
		json_array_append_new(out, json_pack("{s:I,s:b,s:I,s:I,s:I,s:I,s:I}", "host", monitor_int(p, "host"), "up",
						     json_is_true(json_object_get(p, "up")), "rtt-ns",
						     monitor_int(p, "rtt_ns"), "bytes-in", monitor_int(p, "bytes_in"),
						     "bytes-out", monitor_int(p, "bytes_out"), "messages-in",
						     monitor_int(p, "messages_in"), "messages-out",
						     monitor_int(p, "messages_out")));
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

	return json_pack("{s:I,s:I,s:I}", "tsc-khz", khz, "offset-ticks", monitor_int(c, "offset_ticks"), "bound-ns",
			 (json_int_t)bound);
}

static json_t *host_vcpus(const json_t *host)
{
	json_t *out = json_array(), *v;
	size_t i;

	json_array_foreach(json_object_get(json_object_get(host, "machine"), "vcpus"), i, v)
		json_array_append(out, json_object_get(v, "vcpu"));
	return out;
}

static json_t *one_host(const struct run *r, const json_t *host)
{
	json_int_t h = monitor_int(host, "host");
	bool answered = !json_object_get(host, "error");
	bool up = h >= 0 && h < (json_int_t)HOSTS_MAX && r->up & host_bit((host_id)h);
	json_t *link = json_object_get(host, "link");
	json_t *o = json_pack("{s:I,s:s,s:O,s:s,s:o}", "host", h, "state", !up ? "lost" : answered ? "up" : "silent",
			      "address", json_object_get(host, "address"), "link",
			      json_is_string(link) ? json_string_value(link) : "uring", "vcpus", host_vcpus(host));

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

	json_array_foreach(json_object_get(document, "hosts"), i, host)
		json_array_append_new(out, one_host(m->r, host));
	qmp_return(call, out);
}

static void query_hosts(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, hosts);
}

/* ---- coherence ---- */

static json_t *histogram(const json_t *h)
{
	json_t *buckets = json_array(), *b;
	size_t i;

	json_array_foreach(json_object_get(h, "buckets"), i, b)
		json_array_append_new(buckets, json_pack("{s:O,s:O}", "up-to-ns", json_array_get(b, 0), "count",
							 json_array_get(b, 1)));
	return json_pack("{s:I,s:I,s:o}", "count", monitor_int(h, "count"), "sum-ns", monitor_int(h, "sum_ns"), "buckets",
			 buckets);
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
	static const char *const optional[][2] = {{"pages_in", "pages-in"},
						  {"pages_out", "pages-out"},
						  {"invalidations_in", "invalidations-in"}};
	json_t *list = json_array(), *p;
	size_t i;

	json_array_foreach(json_object_get(host, "peers"), i, p) {
		json_t *o = json_pack("{s:I,s:I,s:I}", "host", monitor_int(p, "host"), "bytes-in",
				      monitor_int(p, "bytes_in"), "bytes-out", monitor_int(p, "bytes_out"));

		for (unsigned k = 0; k < sizeof(optional) / sizeof(*optional); k++)
			if (json_object_get(p, optional[k][0]))
				json_object_set(o, optional[k][1], json_object_get(p, optional[k][0]));
		set_latency(o, p);
		*in += monitor_int(p, "bytes_in");
		*out += monitor_int(p, "bytes_out");
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *one_coherence(const json_t *host)
{
	static const char *const counters[][2] = {
	    {"faults_read", "faults-read"},     {"faults_write", "faults-write"},
	    {"faults_upgrade", "faults-upgrade"}, {"faults_local", "faults-local"},
	    {"pages_in", "pages-in"},           {"pages_out", "pages-out"},
	    {"zero_in", "zero-pages-in"},       {"zero_out", "zero-pages-out"},
	    {"upgrades", "upgrades"},           {"invalidations_in", "invalidations-in"},
	    {"invalidations_out", "invalidations-out"}, {"prefetches", "prefetches"},
	    {"prefetch_hits", "prefetch-hits"},
	};
	const json_t *c = json_object_get(host, "coherence");
	json_t *o = json_pack("{s:I}", "host", monitor_int(host, "host"));
	json_int_t in = 0, out = 0;

	for (unsigned i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		json_object_set_new(o, counters[i][1], json_integer(monitor_int(c, counters[i][0])));
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
	json_array_foreach(json_object_get(document, "hosts"), i, host)
		if (!json_object_get(host, "error"))
			json_array_append_new(out, one_coherence(host));
	qmp_return(call, out);
}

static void query_coherence(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, coherence);
}

/* ---- hot pages: what each host counted, put together by page ---- */

static json_t *page_of(json_t *pages, const struct machine_desc *d, json_int_t address)
{
	page_idx page = 0;
	char key[32];

	snprintf(key, sizeof(key), "%llx", (unsigned long long)address);
	json_t *o = json_object_get(pages, key);
	if (o)
		return o;
	host_id home = 0;
	if (layout_page(desc_memory_bytes(d), (uint64_t)address, &page))
		for (uint64_t at = 0; home + 1u < d->hosts_n; home++) {
			at += d->hosts[home].memory_bytes >> PAGE_SHIFT;
			if (page < at)
				break;
		}
	o = json_pack("{s:I,s:i,s:i,s:i,s:i,s:[]}", "address", address, "home", (int)home, "reads", 0, "writes", 0, "error", 0,
		      "hosts");
	json_object_set_new(pages, key, o);
	return o;
}

static void add(json_t *o, const char *key, json_int_t n)
{
	json_object_set_new(o, key, json_integer(monitor_int(o, key) + n));
}

static json_t *gather(const struct machine_desc *d, const json_t *document)
{
	json_t *pages = json_object(), *host, *p;
	size_t i, k;

	json_array_foreach(json_object_get(document, "hosts"), i, host) {
		json_array_foreach(json_object_get(host, "hot_pages"), k, p) {
			json_t *o = page_of(pages, d, monitor_int(p, "address"));

			add(o, "reads", monitor_int(p, "reads"));
			add(o, "writes", monitor_int(p, "writes"));
			add(o, "error", monitor_int(p, "error"));
			json_array_append_new(json_object_get(o, "hosts"),
					      json_pack("{s:I,s:I,s:I}", "host", monitor_int(host, "host"), "reads",
							monitor_int(p, "reads"), "writes", monitor_int(p, "writes")));
		}
	}
	return pages;
}

/* Who reads and who writes says what kind of sharing moves the page. */
static const char *sharing(const json_t *o)
{
	unsigned users = 0, writers = 0;
	json_t *h;
	size_t i;

	json_array_foreach(json_object_get(o, "hosts"), i, h) {
		users++;
		writers += monitor_int(h, "writes") > 0;
	}
	if (users < 2)
		return "private";
	return writers == 0 ? "read-shared" : writers == 1 ? "producer-consumer" : "write-shared";
}

static const struct monitor_hot *last_time(const struct monitor *m, uint64_t address)
{
	for (unsigned i = 0; i < m->hot_n; i++)
		if (m->hot[i].address == address)
			return &m->hot[i];
	return NULL;
}

static int hotter(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	json_int_t nx = monitor_int(x, "reads") + monitor_int(x, "writes");
	json_int_t ny = monitor_int(y, "reads") + monitor_int(y, "writes");

	return nx < ny ? 1 : nx > ny ? -1 : 0;
}

/* Faults a second since the last question; of a page that was not in its answer: since the start. */
static double rate(const struct monitor *m, const json_t *o, uint64_t now_ms)
{
	uint64_t faults = (uint64_t)(monitor_int(o, "reads") + monitor_int(o, "writes"));
	const struct monitor_hot *then = last_time(m, (uint64_t)monitor_int(o, "address"));
	uint64_t more = !then ? faults : faults > then->faults ? faults - then->faults : 0;
	uint64_t ms = now_ms - (then && now_ms >= m->hot_ms ? m->hot_ms : 0);

	return (double)more * 1000 / (double)(ms ? ms : 1);
}

static json_t *hottest(struct monitor *m, json_t *pages, uint64_t now_ms)
{
	size_t n = 0, all = json_object_size(pages);
	json_t **v = calloc(all ? all : 1, sizeof(*v)), *out = json_array(), *o;
	const char *key;

	if (!v)
		return out;
	json_object_foreach(pages, key, o) {
		json_object_set_new(o, "rate", json_real(rate(m, o, now_ms)));
		json_object_set_new(o, "sharing", json_string(sharing(o)));
		v[n++] = o;
	}
	qsort(v, n, sizeof(*v), hotter);
	m->hot_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (m->hot_n < MONITOR_HOT_MAX)
			m->hot[m->hot_n++] = (struct monitor_hot){
			    .address = (uint64_t)monitor_int(v[i], "address"),
			    .faults = (uint64_t)(monitor_int(v[i], "reads") + monitor_int(v[i], "writes"))};
		json_array_append(out, v[i]);
	}
	m->hot_ms = now_ms;
	free(v);
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

	if (document) {
		json_t *pages = gather(&q->m->r->desc, document);
		json_t *out = hottest(q->m, pages, (uint64_t)monitor_int(document, "uptime_ms"));

		while (json_array_size(out) > q->count)
			json_array_remove(out, json_array_size(out) - 1);
		json_decref(pages);
		qmp_return(q->call, out);
	} else {
		qmp_error(q->call, "the guest ended before its hosts answered");
	}
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
		*q = (struct hot_question){.m = m, .call = call, .count = count ? (size_t)json_integer_value(count) : 20};
	if (!q || statusd_request(&m->r->status, hot_pages, q)) {
		free(q);
		qmp_error(call, "the hosts cannot be asked");
	}
}

/* ---- placement ---- */

static void placement(struct monitor *m, struct qmp_call *call, const json_t *document)
{
	json_t *vcpus = monitor_vcpus(document), *out = json_array(), *v;
	size_t i;

	json_array_foreach(vcpus, i, v) {
		json_int_t n = monitor_int(v, "vcpu");

		if (n >= 0 && n < desc_vcpus(&m->r->desc))
			json_array_append_new(out, json_pack("{s:I,s:I,s:i,s:I,s:O}", "vcpu", n, "host",
							     monitor_int(v, "host"), "home",
							     (int)desc_host_of_vcpu(&m->r->desc, (uint32_t)n), "apic-id",
							     monitor_int(v, "apic_id"), "state",
							     json_object_get(v, "state")));
	}
	json_decref(vcpus);
	qmp_return(call, out);
}

static void query_placement(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, placement);
}

const struct qmp_command monitor_pando[] = {
    {"x-pando-query-status", query_status},
    {"x-pando-query-hosts", query_hosts},
    {"x-pando-query-coherence", query_coherence},
    {"x-pando-query-hot-pages", query_hot_pages},
    {"x-pando-query-vcpu-placement", query_placement},
    {0},
};
