// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FRACTION_DIGITS_MAX 9u // more would overflow the exact arithmetic below, and nobody writes them

static const char unit_letters[] = "KMGTP";

/* Digits at *p, at least one. Returns 0, -EINVAL, -ERANGE. */
static int take_number(const char **p, uint64_t *out)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)**p))
		return -EINVAL;
	for (; isdigit((unsigned char)**p); (*p)++)
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (unsigned)(**p - '0'), &v))
			return -ERANGE;
	*out = v;
	return 0;
}

/* ".5" at *p as numerator and denominator. */
static int take_fraction(const char **p, uint64_t *num, uint64_t *den)
{
	*num = 0;
	*den = 1;
	if (**p != '.')
		return 0;
	const char *start = ++*p;
	int r = take_number(p, num);

	if (r)
		return r;
	if (*p - start > (int)FRACTION_DIGITS_MAX)
		return -EINVAL;
	for (; start < *p; start++)
		*den *= 10;
	return 0;
}

/* "", "B", "K", "KiB"... in either case -> shift. */
static int parse_unit(const char *p, unsigned *shift)
{
	*shift = 0;
	if (!*p || !strcasecmp(p, "B"))
		return 0;
	const char *at = strchr(unit_letters, toupper((unsigned char)*p));

	if (!at || (p[1] && strcasecmp(p + 1, "iB") != 0))
		return -EINVAL;
	*shift = 10u * (unsigned)(at - unit_letters + 1);
	return 0;
}

int units_parse_size(const char *text, uint64_t *bytes)
{
	uint64_t whole, num, den;
	unsigned shift;
	int r = take_number(&text, &whole);

	if (!r)
		r = take_fraction(&text, &num, &den);
	if (!r)
		r = parse_unit(text, &shift);
	if (r)
		return r;
	if (den > 1 && !shift)
		return -EINVAL; // half a byte
	unsigned __int128 v = (unsigned __int128)whole << shift;

	v += ((unsigned __int128)num << shift) / den;
	if (v > UINT64_MAX)
		return -ERANGE;
	*bytes = (uint64_t)v;
	return 0;
}

int units_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;
	int r = take_number(&text, &v);

	if (r)
		return r;
	if (*text)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

int units_parse_duration(const char *text, uint64_t *seconds)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	uint64_t v;
	int r = take_number(&text, &v);

	for (unsigned i = 0; !r && *text && i < sizeof(units) / sizeof(units[0]); i++)
		if (*text == units[i].letter && !text[1]) {
			if (v > UINT32_MAX)
				return -ERANGE;
			*seconds = v * units[i].seconds;
			return 0;
		}
	if (r || *text)
		return r ? r : -EINVAL;
	*seconds = v;
	return 0;
}

const char *units_format_size(uint64_t bytes, char *buf, unsigned cap)
{
	unsigned u = 0;

	while (u < sizeof(unit_letters) - 1 && bytes >> (10u * (u + 1)))
		u++;
	if (u == 0)
		snprintf(buf, cap, "%u B", (unsigned)bytes);
	else
		snprintf(buf, cap, "%.1f %ciB", (double)bytes / (double)(1ull << (10u * u)), unit_letters[u - 1]);
	return buf;
}
