// SPDX-License-Identifier: Apache-2.0
// Guest memory as two maps, by owner and by traffic; a row of both starts at the address on its left.
#include <inttypes.h>

#include "vmm/top/screen_priv.h"

#define LABEL     11           // columns of the address
#define GAP_START (3ull << 30) // guest RAM above 3 GiB is at 4 GiB and more
#define GAP_END   (4ull << 30)

static void draw_legend(struct draw *d, int row)
{
	int col = 1;

	col = grid_text(d->g, row, col, LOOK_DIM, "owner: ");
	for (unsigned h = 0; h < d->now->hosts_n && col < d->g->cols - 34; h++) {
		int o = (int)d->now->hosts[h].host;

		col = grid_printf(d->g, row, col, (enum look)(LOOK_OWNER + o % LOOK_OWNERS), "%d", o) + 1;
	}
	col = grid_text(d->g, row, col, LOOK_DIM, ". untouched   traffic: ");
	grid_text(d->g, row, col, LOOK_PLAIN, "cold .:-=+*#%@ hot");
}

/* The smallest power of two that lets n regions fit into rows. */
static unsigned regions_per_row(unsigned n, int rows)
{
	unsigned per_row = 1;

	while (per_row * (unsigned)(rows > 0 ? rows : 1) < n)
		per_row *= 2;
	return per_row;
}

static void draw_address(struct draw *d, int row, unsigned region)
{
	uint64_t at = (uint64_t)region * (uint64_t)d->now->map.region_pages * SAMPLE_PAGE_BYTES;

	if (at >= GAP_START)
		at += GAP_END - GAP_START;
	grid_printf(d->g, row, 1, LOOK_DIM, "%9" PRIx64, at);
}

void view_map(struct draw *d)
{
	unsigned n = d->now->map.n;
	int rows = (d->bottom - d->top - 4) / 2, row = d->top, width = d->g->cols - LABEL - 1;
	char size[FIG];

	if (!map_known(d->now)) {
		grid_text(d->g, row, 2, LOOK_DIM, "The hosts tell no map of memory.");
		return;
	}
	unsigned per_row = regions_per_row(n, rows);
	if (per_row <= (unsigned)width)
		width = width / (int)per_row * (int)per_row; // cells of one width
	draw_legend(d, row++);
	grid_printf(d->g, row, d->g->cols - 24, LOOK_DIM, "%22s a region", fig_pages(d->now->map.region_pages, size));
	draw_rule(d, row, "who owns it");
	row++;
	for (unsigned r = 0; r < n && row < d->bottom; r += per_row) {
		draw_address(d, row, r);
		draw_owner_cells(d, row++, LABEL, width, r, per_row);
	}
	if (row < d->bottom)
		draw_rule(d, row++, d->before ? "faults now" : "faults since the start");
	for (unsigned r = 0; r < n && row < d->bottom; r += per_row) {
		draw_address(d, row, r);
		draw_heat_cells(d, row++, LABEL, width, r, per_row);
	}
}
