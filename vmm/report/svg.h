// SPDX-License-Identifier: Apache-2.0
/*
 * Plots as SVG inside an HTML page: colours are CSS classes of the page (c0 .. c7, axis, grid, label), so that they
 * follow the reader's light or dark theme. Text is escaped. Writes to a FILE; otherwise pure.
 */
#ifndef VMM_REPORT_SVG_H
#define VMM_REPORT_SVG_H

#include <stdbool.h>
#include <stdio.h>

#define SVG_COLOURS 8u

void html_escape(FILE *f, const char *text); // & < > " '; control characters become spaces

struct plot {
	FILE *f;
	double width, height;            // of the picture
	double left, top, right, bottom; // of the plot area in it
	double x0, x1, y0, y1;           // of the data; x1 > x0, y1 > y0
	bool log_x;                      // x0 > 0 then
};

/* Opens the picture, with a y axis from 0 to a round number at or above y_max. title is for those who cannot see it. */
void plot_begin(struct plot *p, FILE *f, double width, double height, double x0, double x1, double y_max, bool log_x,
		const char *title);
void plot_end(struct plot *p);
void plot_y_axis(const struct plot *p, const char *unit);
/* Ticks as texts: fmt(x, buf, cap). Log axes have ticks at 1, 10, 100, ... */
void plot_x_axis(const struct plot *p, const char *(*fmt)(double x, char *buf, size_t cap));
/* The area between two rows of n values over evenly spaced x; lower may be NULL (0). */
void plot_area(const struct plot *p, const double *lower, const double *upper, unsigned n, unsigned colour,
	       const char *tip);
/* A bar from x_from to x_to, with a tip that appears under the pointer. */
void plot_bar(const struct plot *p, double x_from, double x_to, double y, unsigned colour, const char *tip);
/* A vertical line with a text at its top. */
void plot_mark(const struct plot *p, double x, double text_y, const char *text);
/* The round number at or above v, with four round parts; 1 for 0. */
double plot_round_up(double v);

#endif
