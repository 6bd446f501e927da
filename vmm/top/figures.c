// SPDX-License-Identifier: Apache-2.0
// Figures of few characters.
#include <math.h>
#include <stdio.h>

#include "vmm/top/screen_priv.h"

/* v with a unit out of units, each step times smaller than the one before. */
static const char *scaled(double v, double step, const char *const *units, unsigned units_n, char buf[FIG])
{
	unsigned u = 0;

	if (isnan(v) || v < 0)
		return snprintf(buf, FIG, "-"), buf;
	while (v >= step * 0.9995 && u + 1 < units_n) {
		v /= step;
		u++;
	}
	snprintf(buf, FIG, v == 0 ? "%.0f%s" : v < 9.95 ? "%.1f%s" : "%.0f%s", v > 999999 ? 999999.0 : v, units[u]);
	return buf;
}

const char *fig_rate(double v, char buf[FIG])
{
	static const char *const units[] = {"", "k", "M", "G"};

	return scaled(v, 1000, units, 4, buf);
}

const char *fig_seconds(double ns, char buf[FIG])
{
	static const char *const units[] = {"ns", "us", "ms", "s"};

	return scaled(ns, 1000, units, 4, buf);
}

const char *fig_bytes(double v, char buf[FIG])
{
	static const char *const units[] = {"B", "K", "M", "G", "T", "P"};

	return scaled(v, 1024, units, 6, buf);
}

const char *fig_share(double v, char buf[FIG])
{
	if (isnan(v))
		return snprintf(buf, FIG, "-"), buf;
	snprintf(buf, FIG, "%.0f%%", (v < 0 ? 0 : v > 9.99 ? 9.99 : v) * 100);
	return buf;
}

const char *fig_count(int64_t n, char buf[FIG])
{
	if (n < 0 || n > 99999999)
		return snprintf(buf, FIG, "-"), buf;
	snprintf(buf, FIG, "%d", (int)n);
	return buf;
}

const char *fig_pages(int64_t pages, char buf[FIG])
{
	return fig_bytes(pages < 0 ? NAN : (double)pages * SAMPLE_PAGE_BYTES, buf);
}
