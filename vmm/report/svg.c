// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/svg.h"

#include <math.h>

#define TICKS     5
#define MARK_TEXT 72 // a mark's text is about as wide

void html_escape(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			putc((unsigned char)*text < ' ' || *text == 127 ? ' ' : *text, f);
		}
	}
}

double plot_round_up(double v)
{
	static const double steps[] = {1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10};

	if (!(v > 0) || isinf(v))
		return 1;
	double base = pow(10, floor(log10(v)));
	unsigned i = 0;

	while (i + 1 < sizeof(steps) / sizeof(steps[0]) && steps[i] * base < v * 0.999999)
		i++;
	return steps[i] * base;
}

void plot_begin(struct plot *p, FILE *f, double width, double height, double x0, double x1, double y_max, bool log_x,
		const char *title)
{
	*p = (struct plot){.f = f,
			   .width = width,
			   .height = height,
			   .left = 58,
			   .top = 14,
			   .right = width - 12,
			   .bottom = height - 30,
			   .x0 = x0,
			   .x1 = x1 > x0 ? x1 : x0 + 1,
			   .y0 = 0,
			   .y1 = plot_round_up(y_max),
			   .log_x = log_x};
	fprintf(f, "<svg viewBox=\"0 0 %g %g\" role=\"img\"><title>", width, height);
	html_escape(f, title);
	fprintf(f, "</title>\n");
}

void plot_end(struct plot *p)
{
	fprintf(p->f, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/></svg>\n", p->left,
		p->right, p->bottom, p->bottom);
}

static double x_of(const struct plot *p, double x)
{
	double part = p->log_x ? log(x / p->x0) / log(p->x1 / p->x0) : (x - p->x0) / (p->x1 - p->x0);

	part = part < 0 ? 0 : part > 1 ? 1 : part;
	return p->left + part * (p->right - p->left);
}

static double y_of(const struct plot *p, double y)
{
	double part = (y - p->y0) / (p->y1 - p->y0);

	part = part < 0 ? 0 : part > 1 ? 1 : part;
	return p->bottom - part * (p->bottom - p->top);
}

static void put_figure(FILE *f, double v)
{
	static const char units[] = " kMGT";
	unsigned u = 0;

	while (v >= 1000 && u < 4) {
		v /= 1000;
		u++;
	}
	fprintf(f, "%g", v);
	if (u)
		putc(units[u], f);
}

void plot_y_axis(const struct plot *p, const char *unit)
{
	for (int i = 0; i <= TICKS - 1; i++) {
		double v = p->y1 * i / (TICKS - 1), y = y_of(p, v);

		fprintf(p->f,
			"<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
			"<text class=\"label\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">",
			p->left, p->right, y, y, p->left - 6, y + 4);
		put_figure(p->f, v);
		fprintf(p->f, "</text>\n");
	}
	fprintf(p->f, "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(13 %.1f) rotate(-90)\">",
		(p->top + p->bottom) / 2);
	html_escape(p->f, unit);
	fprintf(p->f, "</text>\n");
}

static void x_tick(const struct plot *p, double v, const char *(*fmt)(double x, char *buf, size_t cap))
{
	char buf[32];
	double x = x_of(p, v);

	fprintf(p->f,
		"<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
		"<text class=\"label\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">",
		x, x, p->bottom, p->bottom + 5, x > p->right - 18 ? "end" : "middle", x > p->right - 18 ? p->width : x,
		p->bottom + 20);
	html_escape(p->f, fmt(v, buf, sizeof(buf)));
	fprintf(p->f, "</text>\n");
}

void plot_x_axis(const struct plot *p, const char *(*fmt)(double x, char *buf, size_t cap))
{
	if (p->log_x) {
		for (double v = pow(10, ceil(log10(p->x0))); v <= p->x1 * 1.0001; v *= 10)
			x_tick(p, v, fmt);
		return;
	}
	double base = pow(10, floor(log10((p->x1 - p->x0) / 4))), step = base;

	if ((p->x1 - p->x0) / (2 * base) >= 4)
		step = (p->x1 - p->x0) / (5 * base) >= 4 ? 5 * base : 2 * base;
	for (double v = ceil(p->x0 / step) * step; v <= p->x1 * 1.0001; v += step)
		x_tick(p, v, fmt);
}

static double at(const struct plot *p, unsigned i, unsigned n)
{
	return p->left + (p->right - p->left) * i / n;
}

void plot_area(const struct plot *p, const double *lower, const double *upper, unsigned n, unsigned colour,
	       const char *tip)
{
	fprintf(p->f, "<path class=\"c%u area\" d=\"M", colour % SVG_COLOURS);
	for (unsigned i = 0; i < n; i++) // steps: a value holds for its whole bin
		fprintf(p->f, "%s%.1f %.1fH%.1f", i ? "L" : "", at(p, i, n), y_of(p, upper[i]), at(p, i + 1, n));
	for (unsigned i = n; i-- > 0;)
		fprintf(p->f, "L%.1f %.1fH%.1f", at(p, i + 1, n), y_of(p, lower ? lower[i] : 0), at(p, i, n));
	fprintf(p->f, "Z\"><title>");
	html_escape(p->f, tip);
	fprintf(p->f, "</title></path>\n");
}

void plot_bar(const struct plot *p, double x_from, double x_to, double y, unsigned colour, const char *tip)
{
	double a = x_of(p, x_from), b = x_of(p, x_to), h = p->bottom - y_of(p, y);

	fprintf(p->f, "<rect class=\"c%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>",
		colour % SVG_COLOURS, a + 0.5, p->bottom - h, b - a > 1.5 ? b - a - 1 : 0.8, h);
	html_escape(p->f, tip);
	fprintf(p->f, "</title></rect>\n");
}

void plot_mark(const struct plot *p, double x, double text_y, const char *text)
{
	double v = x_of(p, x);

	fprintf(p->f,
		"<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
		"<text class=\"label\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">",
		v, v, p->top, p->bottom, v > p->right - MARK_TEXT ? "end" : "start",
		v + (v > p->right - MARK_TEXT ? -4 : 4), p->top + text_y);
	html_escape(p->f, text);
	fprintf(p->f, "</text>\n");
}
