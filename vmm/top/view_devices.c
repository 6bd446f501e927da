// SPDX-License-Identifier: Apache-2.0
// Each PCI device: whose it is, what is behind it, what goes through it.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "vmm/top/screen_priv.h"

struct card_at {
	const struct sample_host *host;
	const struct sample_card *card;
	double requests, in, out; // a second
};

static double card_rate(const struct draw *d, const struct sample_card *c, enum status_card_number n)
{
	const struct sample_card *b = sample_card(d->before, c->device);

	return b ? sample_rate(b->v[n], c->v[n], d->before->taken_ns, d->now->taken_ns) : NAN;
}

static double known(double v)
{
	return isnan(v) ? 0 : v;
}

static int by_number(const void *a, const void *b)
{
	const struct card_at *x = a, *y = b;

	return (x->card->device > y->card->device) - (x->card->device < y->card->device);
}

static int by_traffic(const void *a, const void *b)
{
	const struct card_at *x = a, *y = b;
	double vx = known(x->in) + known(x->out), vy = known(y->in) + known(y->out);

	return vx == vy ? by_number(a, b) : vx < vy ? 1 : -1;
}

static int by_requests(const void *a, const void *b)
{
	double vx = known(((const struct card_at *)a)->requests), vy = known(((const struct card_at *)b)->requests);

	return vx == vy ? by_number(a, b) : vx < vy ? 1 : -1;
}

static int order(const struct draw *d, struct card_at *out)
{
	static int (*const sorts[SCREEN_SORTS])(const void *, const void *) = {by_number, by_traffic, by_requests};
	size_t n = 0;

	for (unsigned i = 0; i < d->now->hosts_n; i++)
		for (unsigned k = 0; k < d->now->hosts[i].cards_n; k++) {
			const struct sample_card *c = &d->now->hosts[i].cards[k];

			out[n++] = (struct card_at){.host = &d->now->hosts[i],
						    .card = c,
						    .requests = card_rate(d, c, STATUS_CARD_REQUESTS),
						    .in = card_rate(d, c, STATUS_CARD_BYTES_IN),
						    .out = card_rate(d, c, STATUS_CARD_BYTES_OUT)};
		}
	qsort(out, n, sizeof(*out), sorts[d->o->sort]);
	return (int)n;
}

static void draw_card(struct draw *d, int row, const struct card_at *a)
{
	const struct sample_card *c = a->card;
	bool bad = c->v[STATUS_CARD_ERRORS] > 0 || c->v[STATUS_CARD_BROKEN] > 0;
	char f[5][FIG];

	grid_printf(d->g, row, 1, bad ? LOOK_BAD : LOOK_PLAIN, "%4u %-14.14s %7s %7s %7s %6s %6s  %s", a->host->host,
		    c->kind, fig_rate(a->requests, f[0]), fig_bytes(a->in, f[1]), fig_bytes(a->out, f[2]),
		    fig_count(c->v[STATUS_CARD_UNDER_WAY], f[3]), fig_count(c->v[STATUS_CARD_ERRORS], f[4]), c->name);
}

void view_devices(struct draw *d)
{
	struct card_at *all = calloc(HOSTS_MAX * STATUS_CARDS_MAX, sizeof(*all));
	int n = all ? order(d, all) : 0, row = d->top, room = d->bottom - row - 1;
	int skip = d->o->scroll < n - room ? d->o->scroll : n - room;

	grid_printf(d->g, row++, 1, LOOK_HEAD, "%4s %-14s %7s %7s %7s %6s %6s  %s", "host", "device", "reqs/s",
		    "to it/s", "of it/s", "now", "errors", "what is behind it");
	for (int i = skip < 0 ? 0 : skip; i < n && row < d->bottom; i++)
		draw_card(d, row++, &all[i]);
	if (!n)
		grid_text(d->g, row, 2, LOOK_DIM, "There are no disks and networks.");
	free(all);
}
