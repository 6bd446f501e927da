// SPDX-License-Identifier: Apache-2.0
// Each host, and each pair of hosts.
#include <math.h>
#include <stdio.h>

#include "vmm/top/screen_priv.h"

#define WITH_HOMES 132 // columns
#define HOMES_COL  108

/* Memory whose home it is; that which came and left in all, since this is rare. */
static void draw_homes(struct draw *d, int row, const struct sample_host *h)
{
	char v[3][FIG];

	grid_printf(d->g, row, HOMES_COL, LOOK_PLAIN, " %6s %6s %6s", fig_pages(h->v[STATUS_HOMED_PAGES], v[0]),
		    fig_pages(h->v[STATUS_HOMES_IN], v[1]), fig_pages(h->v[STATUS_HOMES_OUT], v[2]));
}

static void draw_host(struct draw *d, int row, const struct sample_host *h)
{
	char v[12][FIG], name[SAMPLE_TEXT_MAX + sizeof(h->member)];
	double bound = h->v[STATUS_CLOCK_BOUND] >= 0 && h->v[STATUS_TSC_KHZ] > 0
			       ? (double)h->v[STATUS_CLOCK_BOUND] * 1e6 / (double)h->v[STATUS_TSC_KHZ]
			       : NAN;

	snprintf(name, sizeof(name), "%s%s%s", h->member, h->member[0] ? " " : "", h->address);
	if (h->error[0]) {
		grid_printf(d->g, row, 1, LOOK_BAD, "%4u %-20.20s %s", h->host, name, h->error);
		return;
	}
	int col = grid_printf(d->g, row, 1, LOOK_PLAIN, "%4u %-20.20s %4s %6s %6s %6s %6s %6s %6s %6s", h->host, name,
			      fig_share(host_running(d, h), v[0]), fig_pages(h->v[STATUS_GIVEN_PAGES], v[1]),
			      fig_pages(h->v[STATUS_RESIDENT_PAGES], v[2]), fig_pages(h->v[STATUS_OWNED_PAGES], v[3]),
			      fig_rate(host_rate(d, h, STATUS_FAULTS_READ), v[4]),
			      fig_rate(host_rate(d, h, STATUS_FAULTS_WRITE), v[5]),
			      fig_rate(host_rate(d, h, STATUS_FAULTS_UPGRADE), v[6]),
			      fig_rate(host_rate(d, h, STATUS_INVALIDATIONS_IN), v[7]));
	if (d->g->cols < 110)
		return;
	grid_printf(d->g, row, col, LOOK_PLAIN, " %8s %8s %8s", fig_rate(host_rate(d, h, STATUS_IRQS_OUT), v[8]),
		    fig_rate(host_rate(d, h, STATUS_IO_FORWARDED), v[9]), fig_seconds(bound, v[10]));
	if (d->g->cols >= WITH_HOMES)
		draw_homes(d, row, h);
}

static void draw_pair(struct draw *d, int row, const struct sample_host *h, const struct sample_peer *p)
{
	const struct sample_host *b = sample_host(d->before, h->host);
	const struct sample_peer *was = sample_peer(b, p->host);
	struct sample_histogram all = {0}, delta;
	char v[8][FIG];

	for (unsigned k = 0; k < STATUS_FAULTS; k++) {
		sample_histogram_delta(was ? &was->latency[k] : NULL, &p->latency[k], &delta);
		sample_histogram_add(&all, &delta);
	}
	grid_printf(d->g, row, 1, p->up ? LOOK_PLAIN : LOOK_BAD, "%4u <- %-3u %-4s %8s %8s %8s %8s %8s %7s %7s",
		    h->host, p->host, p->up ? "up" : "DOWN",
		    fig_seconds(p->v[STATUS_PEER_RTT_NS] > 0 ? (double)p->v[STATUS_PEER_RTT_NS] : NAN, v[0]),
		    fig_rate(peer_rate(d, h, p->host, STATUS_PEER_BYTES_IN), v[1]),
		    fig_rate(peer_rate(d, h, p->host, STATUS_PEER_MESSAGES_IN), v[2]),
		    fig_rate(peer_rate(d, h, p->host, STATUS_PEER_PAGES_IN), v[3]),
		    fig_rate(peer_rate(d, h, p->host, STATUS_PEER_INVALIDATIONS_IN), v[4]),
		    fig_seconds(sample_histogram_quantile(&all, 0.5), v[5]),
		    fig_seconds(sample_histogram_quantile(&all, 0.99), v[6]));
}

void view_hosts(struct draw *d)
{
	const struct sample_host *hosts[HOSTS_MAX];
	int n = (int)order_hosts(d, hosts), row = d->top, room = (d->bottom - d->top - 4) / 2, skip = d->o->scroll;

	grid_printf(d->g, row, 1, LOOK_HEAD, "%4s %-20s %4s %6s %6s %6s %6s %6s %6s %6s", "host", "address", "run",
		    "given", "holds", "owns", "read/s", "writ/s", "upgr/s", "inv/s");
	if (d->g->cols >= 110)
		grid_text(d->g, row, 80, LOOK_HEAD, "   irqs/s     io/s  clock +-");
	if (d->g->cols >= WITH_HOMES)
		grid_text(d->g, row, HOMES_COL, LOOK_HEAD, "  homes   came   left");
	row++;
	if (room > n)
		room = n;
	for (int i = skip < n - room ? skip : n - room; i < n && row - d->top - 1 < room; i++)
		draw_host(d, row++, hosts[i]);
	draw_rule(d, ++row, "from one host to another");
	row++;
	grid_printf(d->g, row++, 1, LOOK_HEAD, "%4s <- %-3s %-4s %8s %8s %8s %8s %8s %7s %7s", "to", "of", "link",
		    "RTT", "B/s", "msgs/s", "pages/s", "inv/s", "p50", "p99");
	for (int i = 0; i < n; i++)
		for (unsigned k = 0; k < hosts[i]->peers_n; k++)
			if (--skip < 0 && row < d->bottom)
				draw_pair(d, row++, hosts[i], &hosts[i]->peers[k]);
}
