// SPDX-License-Identifier: Apache-2.0
// Each vCPU: where it is and what it spends its time with.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "vmm/top/screen_priv.h"

static double vcpu_rate(const struct draw *d, const struct vcpu_at *v, int64_t before, int64_t now)
{
	return sample_vcpu(d->before, v->vcpu->index) ? sample_rate(before, now, d->before->taken_ns, d->now->taken_ns)
						      : NAN;
}

static void draw_vcpu(struct draw *d, int row, const struct vcpu_at *v)
{
	static const struct sample_vcpu none = {.exits = SAMPLE_NONE, .injected = SAMPLE_NONE, .kicks = SAMPLE_NONE};
	const struct sample_vcpu *b = sample_vcpu(d->before, v->vcpu->index), *n = v->vcpu;
	char f[6][FIG];

	b = b ? b : &none;
	int col = grid_printf(d->g, row, 1, LOOK_PLAIN, "%4" PRId64 " %4u %-9.9s %5s %5s %5s %7s %6s %6s", n->index,
			      v->host->host, n->state, fig_share(v->shares.running, f[0]),
			      fig_share(v->shares.halted, f[1]), fig_share(v->shares.page_wait, f[2]),
			      fig_rate(vcpu_rate(d, v, b->exits, n->exits), f[3]),
			      fig_rate(vcpu_rate(d, v, b->injected, n->injected), f[4]),
			      fig_rate(vcpu_rate(d, v, b->kicks, n->kicks), f[5]));
	draw_vcpu_bar(d, row, col + 2, d->g->cols - col - 4, v->shares);
}

void view_vcpus(struct draw *d)
{
	struct vcpu_at *v = calloc(VCPUS_MAX, sizeof(*v));
	int n = v ? (int)order_vcpus(d, v, VCPUS_MAX) : 0, row = d->top, room = d->bottom - row - 1;
	int skip = d->o->scroll < n - room ? d->o->scroll : n - room;

	grid_printf(d->g, row++, 1, LOOK_HEAD, "%4s %4s %-9s %5s %5s %5s %7s %6s %6s  %s", "vCPU", "host", "state",
		    "runs", "halts", "waits", "exits/s", "irqs/s", "kick/s", "share of time");
	for (int i = skip < 0 ? 0 : skip; i < n && row < d->bottom; i++)
		draw_vcpu(d, row++, &v[i]);
	free(v);
}
