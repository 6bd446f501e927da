// SPDX-License-Identifier: Apache-2.0
#include "vmm/metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { GAUGE, COUNTER, HISTOGRAM };
static const char *const type_names[] = {"gauge", "counter", "histogram"};

static const struct family {
	const char *name;
	enum type type;
	double scale;
	enum sample_number number;
	const char *labels, *help;
} families[] = {
// clang-format off
#define F(name, type, scale, number, labels, help) {name, type, scale, SAMPLE_##number, labels, help},
// clang-format on
#include "vmm/metrics/families.def"
};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

/*
 * The upper bounds of every latency histogram, whatever buckets the document has: series of one name must have the
 * same. These are ends of the hosts' own buckets (half octaves), so nothing is lost but how fine they are.
 */
static const struct {
	int64_t ns;
	const char *le;
} bounds[] = {
	{4096, "4.096e-06"},         {8192, "8.192e-06"},        {16384, "1.6384e-05"},      {24576, "2.4576e-05"},
	{32768, "3.2768e-05"},       {49152, "4.9152e-05"},      {65536, "6.5536e-05"},      {98304, "9.8304e-05"},
	{131072, "0.000131072"},     {196608, "0.000196608"},    {262144, "0.000262144"},    {393216, "0.000393216"},
	{524288, "0.000524288"},     {786432, "0.000786432"},    {1048576, "0.001048576"},   {2097152, "0.002097152"},
	{4194304, "0.004194304"},    {8388608, "0.008388608"},   {16777216, "0.016777216"},  {33554432, "0.033554432"},
	{67108864, "0.067108864"},   {134217728, "0.134217728"}, {268435456, "0.268435456"}, {536870912, "0.536870912"},
	{1073741824, "1.073741824"},
};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

struct out {
	FILE *f;
	const struct sample *s;
	const char *name; // of the family whose head was written last
};

/* In a label's value a backslash, a quote and a line feed are escaped. */
static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			putc('\\', f);
		if (*text == '\n')
			fputs("\\n", f);
		else
			putc(*text, f);
	}
}

/* The head of a family, once, before its first series. */
static void head(struct out *o, const char *name, enum type type, const char *help)
{
	if (o->name && strcmp(o->name, name) == 0)
		return;
	o->name = name;
	fprintf(o->f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_names[type]);
}

/* name{guest="...",labels */
static void series(struct out *o, const char *suffix, const char *labels)
{
	fprintf(o->f, "%s%s{guest=\"", o->name, suffix);
	put_escaped(o->f, o->s->name);
	fprintf(o->f, "\"%s%s}", *labels ? "," : "", labels);
}

static void value(struct out *o, const char *labels, double v)
{
	series(o, "", labels);
	if (v == (double)(int64_t)v)
		fprintf(o->f, " %" PRId64 "\n", (int64_t)v);
	else
		fprintf(o->f, " %.9g\n", v);
}

static void of_guest(struct out *o)
{
	const struct sample *s = o->s;

	head(o, "pando_build_info", GAUGE, "The version of the monitor that answers, as a label.");
	value(o, "version=\"" PANDO_VERSION "\"", 1);
	if (s->uptime_ms >= 0) {
		head(o, "pando_guest_uptime_seconds", GAUGE, "Time since the guest was started.");
		value(o, "", (double)s->uptime_ms / 1000);
	}
	if (s->vcpus >= 0) {
		head(o, "pando_guest_vcpus", GAUGE, "Virtual CPUs of the guest.");
		value(o, "", (double)s->vcpus);
	}
	if (s->memory_bytes >= 0) {
		head(o, "pando_guest_memory_bytes", GAUGE, "Memory of the guest.");
		value(o, "", (double)s->memory_bytes);
	}
	head(o, "pando_guest_hosts", GAUGE, "Hosts the guest was started on.");
	value(o, "", s->hosts_n);
}

static void host_up(struct out *o)
{
	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];
		char labels[64];

		head(o, "pando_host_up", GAUGE, "Whether the host answered when it was asked for its counters.");
		snprintf(labels, sizeof(labels), "host=\"%u\",address=\"", h->host);
		fprintf(o->f, "pando_host_up{guest=\"");
		put_escaped(o->f, o->s->name);
		fprintf(o->f, "\",%s", labels);
		put_escaped(o->f, h->address);
		fprintf(o->f, "\"} %d\n", !h->error[0]);
	}
}

/* All series of the families that share a name, host by host. */
static void host_numbers(struct out *o, size_t first, size_t end)
{
	char labels[128];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];

		for (size_t k = first; k < end; k++) {
			const struct family *f = &families[k];

			if (h->v[f->number] < 0)
				continue;
			head(o, f->name, f->type, families[first].help);
			snprintf(labels, sizeof(labels), "host=\"%u\"%s%s", h->host, *f->labels ? "," : "", f->labels);
			value(o, labels, (double)h->v[f->number] * f->scale);
		}
	}
}

static void of_hosts(struct out *o)
{
	size_t end;

	host_up(o);
	for (size_t first = 0; first < FAMILIES; first = end) {
		for (end = first + 1; end < FAMILIES && strcmp(families[end].name, families[first].name) == 0;)
			end++;
		host_numbers(o, first, end);
	}
	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];
		char labels[64];

		if (h->v[SAMPLE_CLOCK_BOUND] < 0 || h->v[SAMPLE_TSC_KHZ] <= 0)
			continue;
		head(o, "pando_clock_error_bound_seconds", GAUGE,
		     "How far the host's clock can be off the first host's at most.");
		snprintf(labels, sizeof(labels), "host=\"%u\"", h->host);
		value(o, labels, (double)h->v[SAMPLE_CLOCK_BOUND] / (double)h->v[SAMPLE_TSC_KHZ] / 1000);
	}
}

/* One number of every vCPU: at is where in struct sample_vcpu. */
static void vcpu_number(struct out *o, const char *name, const char *help, size_t at, double scale, const char *more)
{
	char labels[128];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];

		for (unsigned k = 0; k < h->vcpus_n; k++) {
			const struct sample_vcpu *v = &h->vcpus[k];
			int64_t n = *(const int64_t *)((const char *)v + at);

			if (n < 0 || v->index < 0)
				continue;
			head(o, name, COUNTER, help);
			snprintf(labels, sizeof(labels), "host=\"%u\",vcpu=\"%" PRId64 "\"%s", h->host, v->index, more);
			value(o, labels, (double)n * scale);
		}
	}
}

static void of_vcpus(struct out *o)
{
#define VCPU(field) offsetof(struct sample_vcpu, field)
	static const char spent[] = "pando_vcpu_seconds_total", help[] = "Real time of the vCPU by what it did.";

	vcpu_number(o, spent, help, VCPU(running_ns), 1e-9, ",state=\"running\"");
	vcpu_number(o, spent, help, VCPU(halted_ns), 1e-9, ",state=\"halted\"");
	vcpu_number(o, spent, help, VCPU(page_wait_ns), 1e-9, ",state=\"page_wait\"");
	vcpu_number(o, "pando_vcpu_exits_total", "Exits from the guest to the monitor.", VCPU(exits), 1, "");
	vcpu_number(o, "pando_vcpu_kicks_total", "Times the vCPU was forced out of the guest.", VCPU(kicks), 1, "");
	vcpu_number(o, "pando_vcpu_interrupts_total", "Interrupts given to the vCPU.", VCPU(injected), 1, "");
#undef VCPU
}

static void peer_number(struct out *o, const char *name, enum type type, double scale, enum sample_peer_number n,
			const char *help)
{
	char labels[64];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];

		for (unsigned k = 0; k < h->peers_n; k++) {
			if (h->peers[k].v[n] < 0)
				continue;
			head(o, name, type, help);
			snprintf(labels, sizeof(labels), "host=\"%u\",peer=\"%u\"", h->host, h->peers[k].host);
			value(o, labels, (double)h->peers[k].v[n] * scale);
		}
	}
}

static void of_peers(struct out *o)
{
	char labels[64];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];

		for (unsigned k = 0; k < h->peers_n; k++) {
			head(o, "pando_peer_up", GAUGE, "Whether the host is connected to the peer.");
			snprintf(labels, sizeof(labels), "host=\"%u\",peer=\"%u\"", h->host, h->peers[k].host);
			value(o, labels, h->peers[k].up);
		}
	}
	peer_number(o, "pando_peer_rtt_seconds", GAUGE, 1e-9, SAMPLE_PEER_RTT_NS,
		    "Shortest round trip seen to the peer.");
	peer_number(o, "pando_peer_received_bytes_total", COUNTER, 1, SAMPLE_PEER_BYTES_IN,
		    "Bytes received from the peer.");
	peer_number(o, "pando_peer_sent_bytes_total", COUNTER, 1, SAMPLE_PEER_BYTES_OUT, "Bytes sent to the peer.");
	peer_number(o, "pando_peer_received_messages_total", COUNTER, 1, SAMPLE_PEER_MESSAGES_IN,
		    "Messages received from the peer.");
	peer_number(o, "pando_peer_sent_messages_total", COUNTER, 1, SAMPLE_PEER_MESSAGES_OUT,
		    "Messages sent to the peer.");
	peer_number(o, "pando_peer_received_pages_total", COUNTER, 1, SAMPLE_PEER_PAGES_IN,
		    "Pages received from the peer.");
	peer_number(o, "pando_peer_sent_pages_total", COUNTER, 1, SAMPLE_PEER_PAGES_OUT, "Pages sent to the peer.");
	peer_number(o, "pando_peer_received_invalidations_total", COUNTER, 1, SAMPLE_PEER_INVALIDATIONS_IN,
		    "Invalidations received from the peer.");
	peer_number(o, "pando_peer_sent_invalidations_total", COUNTER, 1, SAMPLE_PEER_INVALIDATIONS_OUT,
		    "Invalidations sent to the peer.");
}

/*
 * A bucket of the document counts below the first bound that is not under its own upper end, so no latency is shown
 * lower than it was.
 */
static void histogram(struct out *o, const char *labels, const struct sample_histogram *h)
{
	char with[160];
	int64_t below = 0;
	unsigned at = 0;

	for (size_t b = 0; b < BOUNDS; b++) {
		while (at < h->buckets_n && h->upper_ns[at] <= bounds[b].ns)
			below += h->count[at++];
		snprintf(with, sizeof(with), "%s,le=\"%s\"", labels, bounds[b].le);
		series(o, "_bucket", with);
		fprintf(o->f, " %" PRId64 "\n", below);
	}
	snprintf(with, sizeof(with), "%s,le=\"+Inf\"", labels);
	series(o, "_bucket", with);
	fprintf(o->f, " %" PRId64 "\n", h->total);
	series(o, "_sum", labels);
	fprintf(o->f, " %.9g\n", h->sum_ns < 0 ? 0 : (double)h->sum_ns * 1e-9);
	series(o, "_count", labels);
	fprintf(o->f, " %" PRId64 "\n", h->total);
}

static void of_latency(struct out *o)
{
	char labels[96];

	for (unsigned i = 0; i < o->s->hosts_n; i++)
		for (unsigned k = 0; k < SAMPLE_KINDS; k++) {
			const struct sample_host *h = &o->s->hosts[i];

			if (!h->latency[k].buckets_n)
				continue;
			head(o, "pando_fault_latency_seconds", HISTOGRAM,
			     "How long vCPUs waited for a page, by kind of fault.");
			snprintf(labels, sizeof(labels), "host=\"%u\",kind=\"%s\"", h->host, sample_kind_names[k]);
			histogram(o, labels, &h->latency[k]);
		}
	for (unsigned i = 0; i < o->s->hosts_n; i++)
		for (unsigned p = 0; p < o->s->hosts[i].peers_n; p++)
			for (unsigned k = 0; k < SAMPLE_KINDS; k++) {
				const struct sample_peer *v = &o->s->hosts[i].peers[p];

				if (!v->latency[k].buckets_n)
					continue;
				head(o, "pando_peer_fault_latency_seconds", HISTOGRAM,
				     "How long vCPUs waited for a page that the peer answered for.");
				snprintf(labels, sizeof(labels), "host=\"%u\",peer=\"%u\",kind=\"%s\"",
					 o->s->hosts[i].host, v->host, sample_kind_names[k]);
				histogram(o, labels, &v->latency[k]);
			}
}

char *metrics_exposition(const struct sample *s, size_t *n)
{
	char *text = NULL;
	struct out o = {.f = open_memstream(&text, n), .s = s};

	if (!o.f)
		return NULL;
	of_guest(&o);
	of_hosts(&o);
	of_vcpus(&o);
	of_peers(&o);
	of_latency(&o);
	if (fclose(o.f)) {
		free(text);
		return NULL;
	}
	return text;
}
