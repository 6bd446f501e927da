// SPDX-License-Identifier: Apache-2.0
// The plots of a report.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/report/page_priv.h"

#define WIDTH  1080
#define HEIGHT 250

static const char *seconds(double s, char *buf, size_t cap)
{
	snprintf(buf, cap, "%.4g s", fabs(s) < 1e-12 ? 0 : s);
	return buf;
}

static const char *duration(double ns, char *buf, size_t cap)
{
	return page_duration(ns, buf, cap);
}

struct layer {
	char name[48];
	double v[REPORT_BINS]; // a second
	double total;
};

static int larger(const void *a, const void *b)
{
	double x = ((const struct layer *)a)->total, y = ((const struct layer *)b)->total;

	return x < y ? 1 : x > y ? -1 : strcmp(((const struct layer *)a)->name, ((const struct layer *)b)->name);
}

/* Layers on top of each other over the time of the trace, with a legend. */
static void stack(const struct report *r, FILE *f, const struct layer *layers, unsigned n, const char *unit,
		  const char *title)
{
	double length_s = (double)(r->end_ns - r->begin_ns) / 1e9, most = 0;
	double lower[REPORT_BINS] = {0}, upper[REPORT_BINS] = {0};
	struct plot p;
	char tip[128], total[32];

	for (unsigned i = 0; i < n; i++)
		for (unsigned b = 0; b < REPORT_BINS; b++)
			upper[b] += layers[i].v[b];
	for (unsigned b = 0; b < REPORT_BINS; b++)
		most = fmax(most, upper[b]);
	plot_begin(&p, f, WIDTH, HEIGHT, 0, length_s, most, false, title);
	plot_y_axis(&p, unit);
	plot_x_axis(&p, seconds);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned b = 0; b < REPORT_BINS; b++)
			upper[b] = lower[b] + layers[i].v[b];
		snprintf(tip, sizeof(tip), "%s: %s, %.0f a second", layers[i].name,
			 page_count(layers[i].total, total, sizeof(total)), layers[i].total / length_s);
		plot_area(&p, lower, upper, REPORT_BINS, i, tip);
		memcpy(lower, upper, sizeof(lower));
	}
	plot_end(&p);
	fprintf(f, "<div>");
	for (unsigned i = 0; i < n; i++) {
		fprintf(f, "<span class=\"key c%u\"></span>", i % SVG_COLOURS);
		html_escape(f, layers[i].name);
	}
	fprintf(f, "</div></section>\n");
}

void page_flow(const struct report *r, FILE *f)
{
	unsigned n = 0, pairs = r->hosts * r->hosts;
	struct layer *layers = calloc(pairs + 1, sizeof(*layers));
	double bin_s = (double)(r->end_ns - r->begin_ns) / 1e9 / REPORT_BINS;

	fprintf(f, "<section><h2>Pages moved over time</h2><p>Pages a second, by the host that sent and the host that "
		   "got.</p>\n");
	for (unsigned i = 0; layers && i < pairs; i++) {
		if (!r->pairs[i].pages)
			continue;
		snprintf(layers[n].name, sizeof(layers[n].name), "host %u to host %u", i % r->hosts, i / r->hosts);
		for (unsigned b = 0; b < REPORT_BINS; b++)
			layers[n].v[b] = r->flow[i][b] / bin_s;
		layers[n++].total = (double)r->pairs[i].pages;
	}
	if (layers) {
		qsort(layers, n, sizeof(*layers), larger);
		if (n > SVG_COLOURS) { // one colour for the rest together
			struct layer *rest = &layers[SVG_COLOURS - 1];

			snprintf(rest->name, sizeof(rest->name), "%u other pairs", n - SVG_COLOURS + 1);
			for (unsigned i = SVG_COLOURS; i < n; i++) {
				rest->total += layers[i].total;
				for (unsigned b = 0; b < REPORT_BINS; b++)
					rest->v[b] += layers[i].v[b];
			}
			n = SVG_COLOURS;
		}
		stack(r, f, layers, n, "pages a second", "Pages moved over time");
	}
	free(layers);
}

void page_faults(const struct report *r, FILE *f)
{
	struct layer *layers = calloc(REPORT_FAULTS, sizeof(*layers));
	double bin_s = (double)(r->end_ns - r->begin_ns) / 1e9 / REPORT_BINS;

	fprintf(f, "<section><h2>Faults over time</h2><p>Accesses a second that had to wait, by kind.</p>\n");
	for (unsigned k = 0; layers && k < REPORT_FAULTS; k++) {
		snprintf(layers[k].name, sizeof(layers[k].name), "%s", report_fault_names[k]);
		for (unsigned b = 0; b < REPORT_BINS; b++) {
			layers[k].v[b] = r->faults[k][b] / bin_s;
			layers[k].total += r->faults[k][b];
		}
	}
	if (layers)
		stack(r, f, layers, REPORT_FAULTS, "faults a second", "Faults over time");
	free(layers);
}

static void latency_plot(const struct report *r, FILE *f, unsigned kind, unsigned from, unsigned to, double most)
{
	const struct report_latency *l = &r->latency[kind];
	struct plot p;
	char tip[160], a[32], b[32];
	double start = from ? (double)histogram_upper_ns(from - 1) : 512;

	fprintf(f, "<div><h3>%s</h3>\n", report_fault_names[kind]);
	plot_begin(&p, f, 360, 220, start, (double)histogram_upper_ns(to), most, true, "Latency histogram");
	plot_y_axis(&p, "faults");
	plot_x_axis(&p, duration);
	for (unsigned i = from; i <= to; i++) {
		double low = i ? (double)histogram_upper_ns(i - 1) : 512, high = (double)histogram_upper_ns(i);

		if (!l->h.bucket[i])
			continue;
		snprintf(tip, sizeof(tip), "%" PRIu64 " of %" PRIu64 " took %s to %s", l->h.bucket[i], l->h.count,
			 page_duration(low, a, sizeof(a)), page_duration(high, b, sizeof(b)));
		plot_bar(&p, low, high, (double)l->h.bucket[i], kind, tip);
	}
	if (l->h.count) {
		snprintf(tip, sizeof(tip), "p50 %s", page_duration(histogram_quantile_ns(&l->h, 0.5), a, sizeof(a)));
		plot_mark(&p, histogram_quantile_ns(&l->h, 0.5), 8, tip);
		snprintf(tip, sizeof(tip), "p99 %s", page_duration(histogram_quantile_ns(&l->h, 0.99), a, sizeof(a)));
		plot_mark(&p, histogram_quantile_ns(&l->h, 0.99), 24, tip);
	}
	plot_end(&p);
	fprintf(f, "</div>\n");
}

/* One scale for all three, so that they compare. */
void page_latency(const struct report *r, FILE *f)
{
	unsigned from = HISTOGRAM_BUCKETS, to = 0;
	double most = 0;

	for (unsigned k = 0; k < REPORT_FAULTS; k++)
		for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
			if (r->latency[k].h.bucket[b]) {
				from = b < from ? b : from;
				to = b > to ? b : to;
				most = fmax(most, (double)r->latency[k].h.bucket[b]);
			}
	if (from > to) {
		fprintf(f, "<p>The trace has no fault that both began and ended in it.</p>\n");
		return;
	}
	to = to + 1 < HISTOGRAM_BUCKETS && to < from + 6 ? from + 6 : to; // not one bar over the whole width
	fprintf(f, "<div class=\"row\">\n");
	for (unsigned k = 0; k < REPORT_FAULTS; k++)
		latency_plot(r, f, k, from, to < HISTOGRAM_BUCKETS ? to : HISTOGRAM_BUCKETS - 1, most);
	fprintf(f, "</div>\n");
}
