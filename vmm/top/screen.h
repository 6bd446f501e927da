// SPDX-License-Identifier: Apache-2.0
/* What `pando top` shows: two samples drawn into a grid. Pure. */
#ifndef VMM_TOP_SCREEN_H
#define VMM_TOP_SCREEN_H

#include "vmm/top/grid.h"
#include "vmm/status/sample.h"

#define SCREEN_ROWS_MIN 12
#define SCREEN_COLS_MIN 40

enum screen_view { SCREEN_OVERVIEW, SCREEN_HOSTS, SCREEN_VCPUS, SCREEN_MAP, SCREEN_HOT, SCREEN_DEVICES, SCREEN_VIEWS };
enum screen_sort { SCREEN_BY_NUMBER, SCREEN_BY_LOAD, SCREEN_BY_WAIT, SCREEN_SORTS };

struct screen {
	enum screen_view view;
	enum screen_sort sort;
	int scroll; // lines the list is moved up
	bool help, paused;
	bool unicode; // the terminal shows block characters
	double interval_s;
	const char *message; // a line above the keys, or NULL: the guest is gone, ...
};

/* now may be NULL (nothing was fetched yet), before too (no rates yet). */
void screen_draw(struct grid *g, const struct screen *o, const struct sample *before, const struct sample *now);

#endif
