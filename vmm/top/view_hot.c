// SPDX-License-Identifier: Apache-2.0
// The pages that move most.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "coherence/base/sharing.h"
#include "vmm/top/screen_priv.h"

/* "0,1,5" in at most cap - 1 characters; what does not fit becomes "+". */
static const char *host_list(host_set set, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = 0;
	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		char one[8];

		if (!(set & host_bit((host_id)h)))
			continue;
		size_t len = (size_t)snprintf(one, sizeof(one), "%s%u", n ? "," : "", h);
		if (n + len + 2 > cap) {
			snprintf(buf + n, cap - n, "+");
			break;
		}
		snprintf(buf + n, cap - n, "%s", one);
		n += len;
	}
	return n ? buf : "-";
}

static int more_writes(const void *a, const void *b)
{
	const struct sample_sharing *x = a, *y = b;

	return x->writes != y->writes ? (x->writes < y->writes ? 1 : -1) : x->address < y->address ? -1 : 1;
}

static int lower(const void *a, const void *b)
{
	const struct sample_sharing *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

int draw_hot_rows(struct draw *d, int row, int end, int skip)
{
	struct sample_sharing v[SAMPLE_SHARING_MAX];
	int n = (int)sample_hot_pages(d->now, v, SAMPLE_SHARING_MAX), room = end - row - 1;
	char rate[FIG], reads[FIG], writes[FIG], by[16], of[16];

	if (d->o->view == SCREEN_HOT && d->o->sort != SCREEN_BY_NUMBER)
		qsort(v, (size_t)n, sizeof(v[0]), d->o->sort == SCREEN_BY_LOAD ? more_writes : lower);
	grid_printf(d->g, row++, 1, LOOK_HEAD, "%-14s %8s  %-12s %9s %9s  %-9s %-9s", "hot page", "faults/s", "sharing",
		    "reads", "writes", "read by", "written by");
	if (!n)
		grid_text(d->g, row, 1, LOOK_DIM, "(none)");
	skip = skip > n - room ? n - room : skip;
	for (int i = skip < 0 ? 0 : skip; i < n && row < end; i++)
		grid_printf(d->g, row++, 1, LOOK_PLAIN, "0x%-12" PRIx64 " %8s  %-12s %9s %9s  %-9s %-9s", v[i].address,
			    fig_rate(v[i].rate, rate), sharing_name(sharing_of(v[i].readers, v[i].writers)),
			    fig_rate((double)v[i].reads, reads), fig_rate((double)v[i].writes, writes),
			    host_list(v[i].readers, by, 10), host_list(v[i].writers, of, 10));
	return row;
}

void view_hot(struct draw *d)
{
	draw_hot_rows(d, d->top, d->bottom, d->o->scroll);
}
