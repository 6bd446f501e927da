// SPDX-License-Identifier: Apache-2.0
// The whole guest on one screen.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/top/screen_priv.h"

#define VCPUS_SHOWN 64u

static void draw_totals(struct draw *d, int row)
{
	const struct sample *b = d->before, *n = d->now;
	struct sample_histogram all;
	double faults = sample_host_rate(b, n, -1, STATUS_FAULTS_READ) +
			sample_host_rate(b, n, -1, STATUS_FAULTS_WRITE) +
			sample_host_rate(b, n, -1, STATUS_FAULTS_UPGRADE);
	double bytes = NAN;
	char v[7][FIG];

	for (unsigned i = 0; i < n->hosts_n; i++) {
		double r = host_traffic(d, &n->hosts[i], STATUS_PEER_BYTES_OUT);

		if (!isnan(r))
			bytes = isnan(bytes) ? r : bytes + r;
	}
	latency_of(d, NULL, &all);
	grid_printf(d->g, row, 1, LOOK_PLAIN, "faults %s/s   pages moved %s/s   invalidations %s/s   traffic %sB/s",
		    fig_rate(faults, v[0]), fig_rate(sample_host_rate(b, n, -1, STATUS_PAGES_IN), v[1]),
		    fig_rate(sample_host_rate(b, n, -1, STATUS_INVALIDATIONS_IN), v[2]), fig_rate(bytes, v[3]));
	int col = d->g->cols > 100 ? 84 : 1;
	grid_printf(d->g, col > 1 ? row : row + 1, col, LOOK_PLAIN, "a fault takes %s (half of them), %s (99 of 100)",
		    fig_seconds(sample_histogram_quantile(&all, 0.5), v[4]),
		    fig_seconds(sample_histogram_quantile(&all, 0.99), v[5]));
}

static void draw_host(struct draw *d, int row, const struct sample_host *h)
{
	struct sample_histogram l;
	char v[8][FIG];
	double faults = host_rate(d, h, STATUS_FAULTS_READ) + host_rate(d, h, STATUS_FAULTS_WRITE) +
			host_rate(d, h, STATUS_FAULTS_UPGRADE);

	if (h->error[0]) {
		grid_printf(d->g, row, 1, LOOK_BAD, "%4u %-20.20s  %s", h->host, h->address, h->error);
		return;
	}
	latency_of(d, h, &l);
	grid_printf(d->g, row, 1, LOOK_PLAIN, "%4u %-20.20s %6s /%6s  %4s %8s %7s %7s %6s", h->host, h->address,
		    fig_pages(h->v[STATUS_RESIDENT_PAGES], v[0]), fig_pages(h->v[STATUS_GIVEN_PAGES], v[1]),
		    fig_share(host_running(d, h), v[2]), fig_rate(faults, v[3]),
		    fig_rate(host_traffic(d, h, STATUS_PEER_BYTES_IN), v[4]),
		    fig_rate(host_traffic(d, h, STATUS_PEER_BYTES_OUT), v[5]),
		    fig_seconds(sample_histogram_quantile(&l, 0.5), v[6]));
}

static int draw_hosts(struct draw *d, int row, unsigned rows)
{
	const struct sample_host *hosts[HOSTS_MAX];
	unsigned n = order_hosts(d, hosts);

	grid_printf(d->g, row++, 1, LOOK_HEAD, "%4s %-20s %6s /%6s  %4s %8s %7s %7s %6s", "host", "address", "holds",
		    "given", "run", "faults/s", "B/s in", "B/s out", "median");
	for (unsigned i = 0; i < n && i < rows; i++)
		draw_host(d, row++, hosts[i]);
	if (n > rows)
		grid_printf(d->g, row - (rows ? 1 : 0), 1, LOOK_DIM, "%-78s", "  ... and more: key 2");
	return row;
}

static int draw_vcpus(struct draw *d, int row, unsigned rows)
{
	struct vcpu_at v[VCPUS_SHOWN];
	unsigned n = order_vcpus(d, v, VCPUS_SHOWN);
	int columns = d->g->cols >= 150 && n > 1 ? 2 : 1, width = d->g->cols / columns;
	char run[FIG], halt[FIG], wait[FIG];

	for (int c = 0; c < columns; c++)
		grid_printf(d->g, row, c * width + 1, LOOK_HEAD, "vCPU host  run halt wait  share of time");
	for (unsigned i = 0; i < n && i < rows * (unsigned)columns; i++) {
		int r = row + 1 + (int)i / columns, c = (int)i % columns * width + 1;

		grid_printf(d->g, r, c, LOOK_PLAIN, "%4" PRId64 " %4u %4s %4s %4s", v[i].vcpu->index, v[i].host->host,
			    fig_share(v[i].shares.running, run), fig_share(v[i].shares.halted, halt),
			    fig_share(v[i].shares.page_wait, wait));
		draw_vcpu_bar(d, r, c + 26, width - 28, v[i].shares);
	}
	if (n > rows * (unsigned)columns && rows)
		grid_printf(d->g, row + (int)rows, 1, LOOK_DIM, "%-*s", d->g->cols - 2, "  ... and more: key 3");
	unsigned used = (n + (unsigned)columns - 1) / (unsigned)columns;
	return row + 1 + (int)(used < rows ? used : rows);
}

static int draw_map(struct draw *d, int row)
{
	int width = d->g->cols - 10;

	grid_text(d->g, row, 1, LOOK_HEAD, "owner");
	grid_text(d->g, row + 1, 1, LOOK_HEAD, "traffic");
	if (!map_known(d->now)) {
		grid_text(d->g, row, 9, LOOK_DIM, "(the hosts tell no map of memory)");
		return row + 2;
	}
	draw_owner_cells(d, row, 9, width, 0, d->now->map.n);
	draw_heat_cells(d, row + 1, 9, width, 0, d->now->map.n);
	return row + 2;
}

void view_overview(struct draw *d)
{
	struct vcpu_at v[VCPUS_SHOWN];
	unsigned hosts = d->now->hosts_n, vcpus = order_vcpus(d, v, VCPUS_SHOWN);
	int columns = d->g->cols >= 150 && vcpus > 1 ? 2 : 1, row = d->top - 1;
	/* rows that are left for hosts and vCPUs once heads, totals, the map and two hot pages have theirs */
	int spare = d->bottom - row - 3 - 2 - 2 - 4 - 3;

	vcpus = (vcpus + (unsigned)columns - 1) / (unsigned)columns;
	if (spare < 2)
		spare = 2;
	if (hosts + vcpus > (unsigned)spare) {
		unsigned half = (unsigned)spare / 2;

		if (hosts > half)
			hosts = vcpus < (unsigned)spare - half ? (unsigned)spare - vcpus : half;
		vcpus = (unsigned)spare - hosts;
	}
	draw_totals(d, row);
	row = draw_hosts(d, row + 3, hosts);
	row = draw_vcpus(d, row + 1, vcpus);
	draw_rule(d, row + 1, "guest memory, low to high");
	row = draw_map(d, row + 2);
	if (row + 2 < d->bottom)
		draw_hot_rows(d, row + (d->bottom - row > 4), d->bottom, 0);
}
