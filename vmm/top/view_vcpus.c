// SPDX-License-Identifier: Apache-2.0
// Each vCPU: where it is and what it spends its time with.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "vmm/top/screen_priv.h"

static double vcpu_rate(const struct draw *d, const struct vcpu_at *at, enum status_vcpu_number n)
{
	const struct sample_vcpu *b = sample_vcpu(d->before, at->vcpu->index);

	return b ? sample_rate(b->v[n], at->vcpu->v[n], d->before->taken_ns, d->now->taken_ns) : NAN;
}

static void draw_vcpu(struct draw *d, int row, const struct vcpu_at *v)
{
	const struct sample_vcpu *n = v->vcpu;
	char f[6][FIG];

	int col = grid_printf(d->g, row, 1, LOOK_PLAIN, "%4" PRId64 " %4u %-9.9s %5s %5s %5s %7s %6s %6s", n->index,
			      v->host->host, n->state, fig_share(v->shares.running, f[0]),
			      fig_share(v->shares.halted, f[1]), fig_share(v->shares.page_wait, f[2]),
			      fig_rate(vcpu_rate(d, v, STATUS_VCPU_EXITS), f[3]),
			      fig_rate(vcpu_rate(d, v, STATUS_VCPU_INJECTED), f[4]),
			      fig_rate(vcpu_rate(d, v, STATUS_VCPU_KICKS), f[5]));
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
