// SPDX-License-Identifier: Apache-2.0
// The tables of a report: hosts against hosts, and the hottest pages.
#include <inttypes.h>
#include <math.h>

#include "coherence/base/sharing.h"
#include "vmm/report/page_priv.h"

#define HOTTEST 40u

static void cell(const struct report *r, FILE *f, unsigned to, unsigned from, uint64_t most)
{
	const struct report_pair *p = report_pair(r, to, from);
	char count[32], half[32], worst[32];

	if (to == from) {
		fprintf(f, "<td>");
		return;
	}
	fprintf(f,
		"<td style=\"background:rgba(var(--hot),%.3f)\" title=\"host %u to host %u: %" PRIu64 " pages (%" PRIu64
		" of them all zeroes), %" PRIu64 " bytes, %" PRIu64 " invalidations, %" PRIu64 " messages\">%s",
		most ? 0.75 * sqrt((double)p->pages / (double)most) : 0, from, to, p->pages, p->zeroes, p->bytes,
		p->invalidations, p->messages, page_count((double)p->pages, count, sizeof(count)));
	if (p->latency.h.count)
		fprintf(f, "<br><small>%s · %s</small>",
			page_duration(histogram_quantile_ns(&p->latency.h, 0.5), half, sizeof(half)),
			page_duration(histogram_quantile_ns(&p->latency.h, 0.99), worst, sizeof(worst)));
}

void page_matrix(const struct report *r, FILE *f)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < r->hosts * r->hosts; i++)
		most = r->pairs[i].pages > most ? r->pairs[i].pages : most;
	fprintf(f,
		"<section><h2>From host to host</h2><p>Pages that the host of the row sent to the host of the column; "
		"below, "
		"how long faults took that it answered (half · 99 of 100).</p>\n<div class=\"scroll\"><table><tr><th>");
	for (unsigned to = 0; to < r->hosts; to++)
		fprintf(f, "<th>to %u", to);
	fprintf(f, "</tr>\n");
	for (unsigned from = 0; from < r->hosts; from++) {
		fprintf(f, "<tr><th>from %u", from);
		for (unsigned to = 0; to < r->hosts; to++)
			cell(r, f, to, from, most);
		fprintf(f, "</tr>\n");
	}
	fprintf(f, "</table></div></section>\n");
}

static void hosts_of(FILE *f, const struct report *r, host_set set)
{
	bool first = true;

	for (unsigned h = 0; h < r->hosts; h++)
		if (set & host_bit((host_id)h)) {
			fprintf(f, "%s%u", first ? "" : " ", h);
			first = false;
		}
	if (first)
		fputs("–", f);
}

void page_hottest(const struct report *r, report_address address, FILE *f)
{
	struct report_page v[HOTTEST];
	unsigned n = report_hottest(r, v, HOTTEST);

	fprintf(f, "<section><h2>The hottest pages</h2><p>Pages that moved most. Read and written by: the hosts whose "
		   "vCPUs "
		   "faulted on it.</p>\n<div class=\"scroll\"><table><tr><th class=\"l\">address<th class=\"l\">moved"
		   "<th>times<th>invalidated<th>read faults<th>write faults<th>upgrades<th class=\"l\">read by<th "
		   "class=\"l\">"
		   "written by<th class=\"l\">sharing</tr>\n");
	for (unsigned i = 0; i < n && report_page_heat(&v[i]); i++) {
		double part = (double)report_page_heat(&v[i]) / (double)report_page_heat(&v[0]);

		fprintf(f,
			"<tr><td class=\"l\"><code>0x%" PRIx64
			"</code><td class=\"l\"><span class=\"bar\" style=\"width:%.0fpx\">"
			"</span><td>%" PRIu64 "<td>%" PRIu64,
			address(v[i].page), 4 + 90 * part, v[i].transfers, v[i].invalidations);
		for (unsigned k = 0; k < REPORT_FAULTS; k++)
			fprintf(f, "<td>%" PRIu64, v[i].faults[k]);
		fprintf(f, "<td class=\"l\">");
		hosts_of(f, r, v[i].readers);
		fprintf(f, "<td class=\"l\">");
		hosts_of(f, r, v[i].writers);
		fprintf(f, "<td class=\"l\">%s</tr>\n", sharing_name(sharing_of(v[i].readers, v[i].writers)));
	}
	fprintf(f, "</table></div></section>\n");
}
