// SPDX-License-Identifier: Apache-2.0
#include "vmm/metrics/exposition.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { COUNTER = STATUS_KIND_COUNTER, GAUGE = STATUS_KIND_GAUGE, HISTOGRAM };
static const char *const type_names[] = {"counter", "gauge", "histogram"};

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

#define LABELS_MAX 512u

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

/* One number of one of its subject's, whose labels are given; its own come after them. */
static void number(struct out *o, const struct status_line *l, const char *help, const char *labels, int64_t v)
{
	char all[LABELS_MAX];

	if (v == STATUS_NONE)
		return;
	head(o, l->metric, (enum type)l->kind, help);
	snprintf(all, sizeof(all), "%s%s%s", labels, *labels && *l->labels ? "," : "", l->labels);
	value(o, all, (double)v * status_metric_scale(l));
}

/* Writes the k-th number of every subject of a kind. */
typedef void (*subjects)(struct out *o, const struct status_line *l, const char *help, unsigned k);

/* All lines that have a metric; those that share one together, as the format wants it. */
static void numbers(struct out *o, const struct status_line *lines, unsigned n, subjects each)
{
	for (unsigned first = 0; first < n; first++) {
		const char *metric = lines[first].metric;
		bool told = !metric;

		for (unsigned k = 0; !told && k < first; k++)
			told = lines[k].metric && strcmp(lines[k].metric, metric) == 0;
		for (unsigned k = first; !told && k < n; k++)
			if (lines[k].metric && strcmp(lines[k].metric, metric) == 0)
				each(o, &lines[k], lines[first].help, k);
	}
}

static void each_guest(struct out *o, const struct status_line *l, const char *help, unsigned k)
{
	number(o, l, help, "", o->s->v[k]);
}

static void each_host(struct out *o, const struct status_line *l, const char *help, unsigned k)
{
	char labels[32];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		snprintf(labels, sizeof(labels), "host=\"%u\"", o->s->hosts[i].host);
		number(o, l, help, labels, o->s->hosts[i].v[k]);
	}
}

static void each_vcpu(struct out *o, const struct status_line *l, const char *help, unsigned k)
{
	char labels[64];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];

		for (unsigned j = 0; j < h->vcpus_n; j++) {
			if (h->vcpus[j].index < 0)
				continue;
			snprintf(labels, sizeof(labels), "host=\"%u\",vcpu=\"%" PRId64 "\"", h->host,
				 h->vcpus[j].index);
			number(o, l, help, labels, h->vcpus[j].v[k]);
		}
	}
}

static void each_peer(struct out *o, const struct status_line *l, const char *help, unsigned k)
{
	char labels[64];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];

		for (unsigned j = 0; j < h->peers_n; j++) {
			snprintf(labels, sizeof(labels), "host=\"%u\",peer=\"%u\"", h->host, h->peers[j].host);
			number(o, l, help, labels, h->peers[j].v[k]);
		}
	}
}

/* As put_escaped(), into a buffer that has room for twice the text. */
static const char *escaped(const char *text, char *out)
{
	char *to = out;

	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			*to++ = '\\';
		*to++ = *text;
	}
	*to = 0;
	return out;
}

static void each_card(struct out *o, const struct status_line *l, const char *help, unsigned k)
{
	char labels[LABELS_MAX - 64], kind[64], name[2 * SAMPLE_TEXT_MAX];

	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];

		for (unsigned j = 0; j < h->cards_n; j++) {
			const struct sample_card *c = &h->cards[j];

			snprintf(labels, sizeof(labels), "host=\"%u\",device=\"%" PRId64 "\",kind=\"%s\",name=\"%s\"",
				 h->host, c->device, escaped(c->kind, kind), escaped(c->name, name));
			number(o, l, help, labels, c->v[k]);
		}
	}
}

/* ---- what is not one number of the document ---- */

static void of_guest(struct out *o)
{
	head(o, "pando_build_info", GAUGE, "The version of the monitor that answers, as a label.");
	value(o, "version=\"" PANDO_VERSION "\"", 1);
	head(o, "pando_guest_hosts", GAUGE, "Hosts the guest was started on.");
	value(o, "", o->s->hosts_n);
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

static void clock_bound(struct out *o)
{
	for (unsigned i = 0; i < o->s->hosts_n; i++) {
		const struct sample_host *h = &o->s->hosts[i];
		char labels[64];

		if (h->v[STATUS_CLOCK_BOUND] < 0 || h->v[STATUS_TSC_KHZ] <= 0)
			continue;
		head(o, "pando_clock_error_bound_seconds", GAUGE,
		     "How far the host's clock can be off the first host's at most.");
		snprintf(labels, sizeof(labels), "host=\"%u\"", h->host);
		value(o, labels, (double)h->v[STATUS_CLOCK_BOUND] / (double)h->v[STATUS_TSC_KHZ] / 1000);
	}
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
		for (unsigned k = 0; k < STATUS_FAULTS; k++) {
			const struct sample_host *h = &o->s->hosts[i];

			if (!h->latency[k].buckets_n)
				continue;
			head(o, "pando_fault_latency_seconds", HISTOGRAM,
			     "How long vCPUs waited for a page, by kind of fault.");
			snprintf(labels, sizeof(labels), "host=\"%u\",kind=\"%s\"", h->host, status_fault_names[k]);
			histogram(o, labels, &h->latency[k]);
		}
	for (unsigned i = 0; i < o->s->hosts_n; i++)
		for (unsigned p = 0; p < o->s->hosts[i].peers_n; p++)
			for (unsigned k = 0; k < STATUS_FAULTS; k++) {
				const struct sample_peer *v = &o->s->hosts[i].peers[p];

				if (!v->latency[k].buckets_n)
					continue;
				head(o, "pando_peer_fault_latency_seconds", HISTOGRAM,
				     "How long vCPUs waited for a page that the peer answered for.");
				snprintf(labels, sizeof(labels), "host=\"%u\",peer=\"%u\",kind=\"%s\"",
					 o->s->hosts[i].host, v->host, status_fault_names[k]);
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
	numbers(&o, status_guest_lines, STATUS_GUEST_NUMBERS, each_guest);
	host_up(&o);
	numbers(&o, status_lines, STATUS_NUMBERS, each_host);
	clock_bound(&o);
	numbers(&o, status_vcpu_lines, STATUS_VCPU_NUMBERS, each_vcpu);
	numbers(&o, status_peer_lines, STATUS_PEER_NUMBERS, each_peer);
	numbers(&o, status_card_lines, STATUS_CARD_NUMBERS, each_card);
	of_latency(&o);
	if (fclose(o.f)) {
		free(text);
		return NULL;
	}
	return text;
}
