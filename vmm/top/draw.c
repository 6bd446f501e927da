// SPDX-License-Identifier: Apache-2.0
// What the views share: bars, figures of hosts, orders, the two maps of memory.
#include <math.h>
#include <stdlib.h>

#include "vmm/top/screen_priv.h"

void draw_bar(struct draw *d, int row, int col, int n, const struct share *shares, unsigned shares_n)
{
	double sum = 0;
	int at = 0;

	for (unsigned i = 0; i < shares_n; i++) {
		sum += isnan(shares[i].part) || shares[i].part < 0 ? 0 : shares[i].part;
		int end = (int)lround((sum > 1 ? 1 : sum) * n);
		grid_fill(d->g, row, col + at, end - at, d->o->unicode ? shares[i].block : (uint32_t)shares[i].ascii,
			  shares[i].look);
		at = end;
	}
	grid_fill(d->g, row, col + at, n - at, d->o->unicode ? 0xb7 : '.', LOOK_DIM);
}

void draw_vcpu_bar(struct draw *d, int row, int col, int n, struct sample_shares s)
{
	const struct share shares[] = {
		{s.running, LOOK_GOOD, '#', 0x2588},
		{s.page_wait, LOOK_BAD, 'w', 0x2593},
		{s.halted, LOOK_WAIT, '-', 0x2591},
	};

	draw_bar(d, row, col, n, shares, 3);
}

void draw_rule(struct draw *d, int row, const char *title)
{
	grid_fill(d->g, row, 0, d->g->cols, d->o->unicode ? 0x2500 : '-', LOOK_DIM);
	grid_printf(d->g, row, 2, LOOK_HEAD, " %s ", title);
}

double host_rate(const struct draw *d, const struct sample_host *h, enum status_number n)
{
	return sample_host_rate(d->before, d->now, (int)h->host, n);
}

double host_running(const struct draw *d, const struct sample_host *h)
{
	double sum = 0;
	unsigned n = 0;

	for (unsigned i = 0; d->before && i < h->vcpus_n; i++) {
		double v = sample_vcpu_shares(d->before, d->now, h->vcpus[i].index).running;

		if (!isnan(v)) {
			sum += v;
			n++;
		}
	}
	return n ? sum / n : NAN;
}

void latency_of(const struct draw *d, const struct sample_host *h, struct sample_histogram *out)
{
	*out = (struct sample_histogram){0};
	for (unsigned i = 0; i < d->now->hosts_n; i++) {
		const struct sample_host *v = &d->now->hosts[i], *b = sample_host(d->before, v->host);

		for (unsigned k = 0; (!h || h == v) && k < STATUS_FAULTS; k++) {
			struct sample_histogram delta;

			sample_histogram_delta(b ? &b->latency[k] : NULL, &v->latency[k], &delta);
			sample_histogram_add(out, &delta);
		}
	}
}

double peer_rate(const struct draw *d, const struct sample_host *h, unsigned peer, enum status_peer_number n)
{
	const struct sample_host *b = sample_host(d->before, h->host);
	const struct sample_peer *was = sample_peer(b, peer), *is = sample_peer(h, peer);

	return was && is ? sample_rate(was->v[n], is->v[n], d->before->taken_ns, d->now->taken_ns) : NAN;
}

double host_traffic(const struct draw *d, const struct sample_host *h, enum status_peer_number n)
{
	double sum = NAN;

	for (unsigned i = 0; i < h->peers_n; i++) {
		double r = peer_rate(d, h, h->peers[i].host, n);

		if (!isnan(r))
			sum = isnan(sum) ? r : sum + r;
	}
	return sum;
}

/* ---- orders: a stable sort by a figure, largest first ---- */

struct weighed {
	double weight;
	unsigned at;
};

static int heavier(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->at < y->at ? -1 : x->at > y->at;
}

unsigned order_hosts(const struct draw *d, const struct sample_host *out[HOSTS_MAX])
{
	struct weighed w[HOSTS_MAX];
	unsigned n = d->now->hosts_n;

	for (unsigned i = 0; i < n; i++) {
		const struct sample_host *h = &d->now->hosts[i];
		double v = d->o->sort == SCREEN_BY_LOAD   ? host_running(d, h)
			   : d->o->sort == SCREEN_BY_WAIT ? host_traffic(d, h, STATUS_PEER_BYTES_IN)
							  : 0;
		w[i] = (struct weighed){isnan(v) ? -1 : v, i};
	}
	qsort(w, n, sizeof(w[0]), heavier);
	for (unsigned i = 0; i < n; i++)
		out[i] = &d->now->hosts[w[i].at];
	return n;
}

static int more_of_it(const void *a, const void *b)
{
	const struct vcpu_at *x = a, *y = b;

	return x->vcpu->index < y->vcpu->index ? -1 : x->vcpu->index > y->vcpu->index;
}

static int more_running(const void *a, const void *b)
{
	double x = ((const struct vcpu_at *)a)->shares.running, y = ((const struct vcpu_at *)b)->shares.running;

	return x != y && !isnan(x - y) ? (x < y ? 1 : -1) : more_of_it(a, b);
}

static int more_waiting(const void *a, const void *b)
{
	double x = ((const struct vcpu_at *)a)->shares.page_wait, y = ((const struct vcpu_at *)b)->shares.page_wait;

	return x != y && !isnan(x - y) ? (x < y ? 1 : -1) : more_of_it(a, b);
}

unsigned order_vcpus(const struct draw *d, struct vcpu_at *out, unsigned cap)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->now->hosts_n; i++)
		for (unsigned k = 0; k < d->now->hosts[i].vcpus_n && n < cap; k++) {
			const struct sample_vcpu *v = &d->now->hosts[i].vcpus[k];

			out[n++] =
				(struct vcpu_at){&d->now->hosts[i], v, sample_vcpu_shares(d->before, d->now, v->index)};
		}
	qsort(out, n, sizeof(*out),
	      d->o->sort == SCREEN_BY_LOAD   ? more_running
	      : d->o->sort == SCREEN_BY_WAIT ? more_waiting
					     : more_of_it);
	return n;
}

/* ---- the maps ---- */

bool map_known(const struct sample *s)
{
	return s->map.n > 0;
}

static uint32_t owner_sign(int owner)
{
	static const char signs[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*#";

	return (uint32_t)signs[owner];
}

/* The regions that the cell at of width shows: [*first, *end). Several to a cell, or a region over several cells. */
static void regions_of(const struct draw *d, int at, int width, unsigned first, unsigned per_row, unsigned *from,
		       unsigned *end)
{
	*from = first + (unsigned)((uint64_t)at * per_row / (unsigned)width);
	*end = first + (unsigned)((uint64_t)(at + 1) * per_row / (unsigned)width);
	if (*end <= *from)
		*end = *from + 1;
	if (*end > d->now->map.n)
		*end = d->now->map.n;
}

/* The owner of most of them; an owned one counts more than an untouched one. */
static int owner_of(const struct sample_map *m, unsigned from, unsigned end)
{
	unsigned count[HOSTS_MAX] = {0}, best = 0;
	int owner = SAMPLE_UNTOLD;

	for (unsigned r = from; r < end; r++) {
		int o = m->owner[r];

		if (o < 0) {
			if (owner == SAMPLE_UNTOLD)
				owner = o;
		} else if (++count[o] > best) {
			best = count[o];
			owner = o;
		}
	}
	return owner;
}

void draw_owner_cells(struct draw *d, int row, int col, int width, unsigned first, unsigned per_row)
{
	for (int i = 0; i < width; i++) {
		unsigned from, end;

		regions_of(d, i, width, first, per_row, &from, &end);
		if (from >= end)
			break;
		int o = owner_of(&d->now->map, from, end);
		if (o >= 0)
			grid_put(d->g, row, col + i, owner_sign(o), (enum look)(LOOK_OWNER + o % LOOK_OWNERS));
		else
			grid_put(d->g, row, col + i, o == SAMPLE_UNTOUCHED ? '.' : '?', LOOK_DIM);
	}
}

/* Faults of a region a second, or since the start where there is no earlier sample. */
static double region_heat(const struct draw *d, unsigned r)
{
	const struct sample_map *m = &d->now->map;

	if (d->before && d->before->map.n == m->n && d->before->map.region_pages == m->region_pages) {
		double v = sample_rate(d->before->map.faults[r], m->faults[r], d->before->taken_ns, d->now->taken_ns);
		return isnan(v) ? 0 : v;
	}
	return m->faults[r] > 0 ? (double)m->faults[r] : 0;
}

static double cell_heat(const struct draw *d, unsigned from, unsigned end)
{
	double sum = 0;

	for (unsigned r = from; r < end; r++)
		sum += region_heat(d, r);
	return sum;
}

void draw_heat_cells(struct draw *d, int row, int col, int width, unsigned first, unsigned per_row)
{
	static const char ramp[] = " .:-=+*#%@"; // 0: nothing; then a step for each power of the same factor
	double most = 0;
	unsigned n = d->now->map.n;

	for (unsigned r = 0; r < n; r++) // the scale is the whole map's, so that rows compare
		most = fmax(most, region_heat(d, r) * fmax(1, (double)per_row / width));
	for (int i = 0; i < width; i++) {
		unsigned from, end;

		regions_of(d, i, width, first, per_row, &from, &end);
		if (from >= end)
			break;
		double v = cell_heat(d, from, end);
		int level = v <= 0 || most <= 0 ? 0 : 1 + (int)(8.999 * fmin(1, log1p(v) / log1p(most)));
		level = level > 9 ? 9 : level;
		grid_put(d->g, row, col + i, (uint32_t)ramp[level],
			 level ? (enum look)(LOOK_HEAT + (level - 1) * LOOK_HEATS / 9) : LOOK_DIM);
	}
}
