// SPDX-License-Identifier: Apache-2.0
/*
 * A screen as a value: rows and columns of characters with a look. Everything drawn outside is cut off. Pure, so that
 * what `pando top` shows can be compared with text in a test.
 */
#ifndef VMM_TOP_GRID_H
#define VMM_TOP_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRID_SIDE_MAX 1024

enum look {
	LOOK_PLAIN,
	LOOK_DIM,   // labels, rules
	LOOK_GOOD,  // running
	LOOK_WAIT,  // halted
	LOOK_BAD,   // waiting for pages; silent hosts
	LOOK_TITLE, // the reversed line at the top
	LOOK_TAB,   // the chosen view
	LOOK_HEAD,  // of a table
	LOOK_KEY,   // a key in the help line
	LOOK_OWNER, // + host % LOOK_OWNERS: a part of memory that a host owns
	LOOK_OWNERS = 6,
	LOOK_HEAT = LOOK_OWNER + LOOK_OWNERS, // + 0 .. LOOK_HEATS - 1: cold to hot
	LOOK_HEATS = 6,
	LOOKS = LOOK_HEAT + LOOK_HEATS
};

struct cell {
	uint32_t ch; // Unicode
	uint8_t look;
};

struct grid {
	int rows, cols;
	struct cell *cells;
};

int grid_init(struct grid *g, int rows, int cols); // 0, -ENOMEM; sides are cut to 1 .. GRID_SIDE_MAX
void grid_free(struct grid *g);
void grid_clear(struct grid *g);
void grid_put(struct grid *g, int row, int col, uint32_t ch, enum look look);
/* UTF-8; bytes that are none become '?'. Returns the column after the text. */
int grid_text(struct grid *g, int row, int col, enum look look, const char *text);
int grid_printf(struct grid *g, int row, int col, enum look look, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void grid_fill(struct grid *g, int row, int col, int n, uint32_t ch, enum look look);
/* Lines without trailing blanks, each ended by a line feed; malloc'd. */
char *grid_to_text(const struct grid *g);

#endif
