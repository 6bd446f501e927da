// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/page.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/report/page_priv.h"

static const char style[] =
	":root{--bg:#fbfbfa;--card:#fff;--ink:#1d2327;--dim:#66707a;--line:#dde1e4;--hot:200,60,30;"
	"--c0:#2f6db5;--c1:#e0812b;--c2:#3f9b62;--c3:#8d5bb0;--c4:#c94f5d;--c5:#2b9aa0;--c6:#a98a2c;--c7:#7c8794}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14181b;--card:#1c2125;--ink:#e6e9eb;--dim:#98a3ac;--line:#"
	"333b41;"
	"--hot:235,110,60;--c0:#5b9be0;--c1:#f0a050;--c2:#62bf85;--c3:#b088d6;--c4:#ea7783;--c5:#4fc0c6;--c6:#d0b050;--"
	"c7:#98a3ac}}\n"
	"*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
	"font:15px/1.5 system-ui,'DejaVu Sans',sans-serif}main{max-width:1120px;margin:0 auto;padding:28px 20px 48px}"
	"h1{font-size:26px;margin:0 0 2px}h2{font-size:17px;margin:0 0 2px}p{margin:0 0 10px;color:var(--dim)}"
	"section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px "
	"18px;margin-top:16px}"
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(118px,1fr));gap:10px;margin-top:16px}"
	".tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 14px}"
	".tile b{display:block;font-size:20px;white-space:nowrap;font-weight:600}.tile "
	"span{color:var(--dim);font-size:13px}"
	".row{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:18px}h3{font-size:14px;margin:"
	"6px 0 0}"
	"svg{display:block;width:100%;height:auto}.axis{stroke:var(--dim)}.grid{stroke:var(--line)}"
	".mark{stroke:var(--ink);stroke-dasharray:3 3}.label{fill:var(--dim);font-size:11.5px}"
	"table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:4px 12px;text-align:right;"
	"border-bottom:1px solid "
	"var(--line)}th{font-weight:600;color:var(--dim)}td{white-space:nowrap}td.l,th.l{text-align:left}"
	"code{font:13px ui-monospace,'DejaVu Sans Mono',monospace}.scroll{overflow-x:auto}"
	".key{display:inline-block;width:11px;height:11px;border-radius:2px;margin:0 5px 0 14px}"
	".bar{display:inline-block;height:9px;border-radius:2px;background:var(--c0);vertical-align:middle}"
	".warn{color:var(--c4)}footer{color:var(--dim);font-size:13px;margin-top:18px}\n";

static void put_style(FILE *f)
{
	fprintf(f, "<style>%s", style);
	for (unsigned c = 0; c < SVG_COLOURS; c++)
		fprintf(f, ".c%u{fill:var(--c%u);background:var(--c%u)}", c, c, c);
	fprintf(f, "</style>\n");
}

const char *page_duration(double ns, char *buf, size_t cap)
{
	static const char *const units[] = {"ns", "µs", "ms", "s"};
	unsigned u = 0;

	if (isnan(ns)) {
		snprintf(buf, cap, "–");
		return buf;
	}
	while (ns >= 999.5 && u < 3) {
		ns /= 1000;
		u++;
	}
	snprintf(buf, cap, ns >= 99.5 || u == 0 ? "%.0f %s" : "%.3g %s", ns, units[u]);
	return buf;
}

const char *page_count(double v, char *buf, size_t cap)
{
	if (v < 10000)
		snprintf(buf, cap, "%.0f", v);
	else if (v < 1e6)
		snprintf(buf, cap, "%.1f k", v / 1e3);
	else if (v < 1e9)
		snprintf(buf, cap, v < 1e7 ? "%.2f M" : "%.1f M", v / 1e6);
	else
		snprintf(buf, cap, "%.2f G", v / 1e9);
	return buf;
}

static void tile(FILE *f, const char *value, const char *what)
{
	fprintf(f, "<div class=\"tile\"><b>");
	html_escape(f, value);
	fprintf(f, "</b><span>%s</span></div>\n", what);
}

static void put_summary(const struct report *r, FILE *f)
{
	struct histogram all = {0};
	uint64_t pages = 0, bytes = 0, invalidations = 0, faults = 0;
	char buf[64];

	for (unsigned i = 0; i < r->hosts * r->hosts; i++) {
		pages += r->pairs[i].pages;
		bytes += r->pairs[i].bytes;
		invalidations += r->pairs[i].invalidations;
	}
	for (unsigned k = 0; k < REPORT_FAULTS; k++) {
		histogram_add(&all, &r->latency[k].h);
		for (unsigned t = 0; t < REPORT_BINS; t++)
			faults += r->faults[k][t];
	}
	fprintf(f, "<div class=\"tiles\">\n");
	snprintf(buf, sizeof(buf), "%u", r->hosts);
	tile(f, buf, "hosts");
	tile(f, page_duration((double)(r->end_ns - r->begin_ns), buf, sizeof(buf)), "recorded");
	tile(f, page_count((double)faults, buf, sizeof(buf)), "faults");
	tile(f, page_count((double)pages, buf, sizeof(buf)), "pages moved");
	tile(f, page_count((double)invalidations, buf, sizeof(buf)), "invalidations");
	page_count((double)bytes, buf, sizeof(buf) - 2);
	strcat(buf, strchr(buf, ' ') ? "B" : " B");
	tile(f, buf, "of page data");
	tile(f, page_duration(histogram_quantile_ns(&all, 0.5), buf, sizeof(buf)), "p50: half the faults are faster");
	tile(f, page_duration(histogram_quantile_ns(&all, 0.99), buf, sizeof(buf)), "p99: 99 of 100 are faster");
	fprintf(f, "</div>\n");
	if (r->lost)
		fprintf(f,
			"<p class=\"warn\">%" PRIu64 " older events had been overwritten when the trace was taken: the "
			"rings of the hosts are that long.</p>\n",
			r->lost);
}

static void put_latency_table(const struct report *r, FILE *f)
{
	static const double shares[] = {0.5, 0.9, 0.99, 0.999};
	char buf[64];

	fprintf(f, "<div class=\"scroll\"><table><tr><th class=\"l\">faults<th>count<th>mean<th>half within<th>9 of 10"
		   "<th>99 of 100<th>999 of 1000<th>longest</tr>\n");
	for (unsigned k = 0; k < REPORT_FAULTS; k++) {
		const struct report_latency *l = &r->latency[k];

		fprintf(f,
			"<tr><td class=\"l\"><span class=\"key c%u\" style=\"margin-left:0\"></span>%s<td>%" PRIu64
			"<td>%s",
			k, report_fault_names[k], l->h.count,
			page_duration(l->h.count ? (double)l->h.sum_ns / (double)l->h.count : NAN, buf, sizeof(buf)));
		for (unsigned s = 0; s < sizeof(shares) / sizeof(shares[0]); s++)
			fprintf(f, "<td>%s", page_duration(histogram_quantile_ns(&l->h, shares[s]), buf, sizeof(buf)));
		fprintf(f, "<td>%s</tr>\n", page_duration(l->h.count ? (double)l->max_ns : NAN, buf, sizeof(buf)));
	}
	fprintf(f, "</table></div>\n");
}

int report_page_write(const struct report *r, report_address address, FILE *f)
{
	fprintf(f, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
		   "content=\"width=device-width\"><title>Pando: ");
	html_escape(f, r->name);
	fprintf(f, "</title>\n");
	put_style(f);
	fprintf(f, "</head><body><main>\n<h1>Traffic of ");
	html_escape(f, r->name);
	fprintf(f, "</h1>\n<p>What the hosts of one guest did to keep its memory one. Point at a shape for its "
		   "figures.</p>\n");
	put_summary(r, f);
	page_flow(r, f);
	page_faults(r, f);
	fprintf(f, "<section><h2>How long faults took</h2><p>From the access that stopped a vCPU to the moment it went "
		   "on, "
		   "by what it wanted: to read a missing page, to write a missing page, to write a page it could "
		   "read.</p>\n");
	page_latency(r, f);
	put_latency_table(r, f);
	fprintf(f, "</section>\n");
	page_matrix(r, f);
	page_hottest(r, address, f);
	fprintf(f, "<footer>pando " PANDO_VERSION "; %" PRIu64 " events read", r->events);
	if (r->unmatched)
		fprintf(f, ", %" PRIu64 " ends of faults that began before the trace", r->unmatched);
	if (r->outside)
		fprintf(f, ", %" PRIu64 " events left out (outside the time or of unknown hosts)", r->outside);
	if (r->pages_left_out)
		fprintf(f, ", %" PRIu64 " events of pages beyond the first %u", r->pages_left_out, REPORT_PAGES_MAX);
	fprintf(f, ".</footer>\n</main></body></html>\n");
	return fflush(f) || ferror(f) ? -EIO : 0;
}
