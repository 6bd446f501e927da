// SPDX-License-Identifier: Apache-2.0
#include "vmm/top/grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int clamp(int v)
{
	return v < 1 ? 1 : v > GRID_SIDE_MAX ? GRID_SIDE_MAX : v;
}

int grid_init(struct grid *g, int rows, int cols)
{
	g->rows = clamp(rows);
	g->cols = clamp(cols);
	g->cells = calloc((size_t)g->rows * (size_t)g->cols, sizeof(*g->cells));
	if (!g->cells)
		return -ENOMEM;
	grid_clear(g);
	return 0;
}

void grid_free(struct grid *g)
{
	free(g->cells);
	g->cells = NULL;
}

void grid_clear(struct grid *g)
{
	for (int i = 0; i < g->rows * g->cols; i++)
		g->cells[i] = (struct cell){' ', LOOK_PLAIN};
}

void grid_put(struct grid *g, int row, int col, uint32_t ch, enum look look)
{
	if (row >= 0 && row < g->rows && col >= 0 && col < g->cols)
		g->cells[row * g->cols + col] = (struct cell){ch, (uint8_t)look};
}

void grid_fill(struct grid *g, int row, int col, int n, uint32_t ch, enum look look)
{
	for (int i = 0; i < n; i++)
		grid_put(g, row, col + i, ch, look);
}

/* The next character of *text, which is advanced. */
static uint32_t next(const unsigned char **text)
{
	const unsigned char *t = *text;
	unsigned more = t[0] < 0x80             ? 0
			: (t[0] & 0xe0) == 0xc0 ? 1
			: (t[0] & 0xf0) == 0xe0 ? 2
			: (t[0] & 0xf8) == 0xf0 ? 3
						: 9;
	uint32_t ch = more == 0 ? t[0] : t[0] & (0x3fu >> more);

	*text += 1;
	if (more == 9 || t[0] < ' ' || t[0] == 127)
		return '?';
	for (unsigned i = 1; i <= more; i++) {
		if ((t[i] & 0xc0) != 0x80)
			return '?';
		ch = ch << 6 | (t[i] & 0x3fu);
	}
	*text += more;
	return ch;
}

int grid_text(struct grid *g, int row, int col, enum look look, const char *text)
{
	const unsigned char *t = (const unsigned char *)text;

	while (*t)
		grid_put(g, row, col++, next(&t), look);
	return col;
}

int grid_printf(struct grid *g, int row, int col, enum look look, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return grid_text(g, row, col, look, line);
}

static size_t utf8(uint32_t ch, char out[4])
{
	if (ch < 0x80) {
		out[0] = (char)ch;
		return 1;
	}
	if (ch < 0x800) {
		out[0] = (char)(0xc0 | ch >> 6);
		out[1] = (char)(0x80 | (ch & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | (ch >> 12 & 0xf));
	out[1] = (char)(0x80 | (ch >> 6 & 0x3f));
	out[2] = (char)(0x80 | (ch & 0x3f));
	return 3;
}

char *grid_to_text(const struct grid *g)
{
	size_t n = 0;
	char *text = malloc((size_t)g->rows * ((size_t)g->cols * 4 + 1) + 1);

	for (int r = 0; text && r < g->rows; r++) {
		int used = g->cols;

		while (used && g->cells[r * g->cols + used - 1].ch == ' ')
			used--;
		for (int c = 0; c < used; c++)
			n += utf8(g->cells[r * g->cols + c].ch, text + n);
		text[n++] = '\n';
	}
	if (text)
		text[n] = 0;
	return text;
}
