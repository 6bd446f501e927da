// SPDX-License-Identifier: Apache-2.0
#include "vmm/bridge/domain_walk.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vmm/conf/units.h"

#define NUMBER_CHARS_MAX 32u
#define XML_BLANKS       " \t\r\n"

/* XML's number types ignore blanks around a value. Returns false when nothing or too much is left. */
static bool trim(const char *text, char out[NUMBER_CHARS_MAX])
{
	text += strspn(text, XML_BLANKS);
	size_t n = strcspn(text, XML_BLANKS);

	if (n == 0 || n >= NUMBER_CHARS_MAX || text[n + strspn(text + n, XML_BLANKS)])
		return false;
	memcpy(out, text, n);
	out[n] = 0;
	return true;
}

const char *value_count(struct walk *w, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char number[NUMBER_CHARS_MAX];

	if (trim(text, number) && units_parse_count(number, min, max, out) == 0)
		return NULL;
	snprintf(w->why, sizeof(w->why), "expected a whole number from %llu to %llu", (unsigned long long)min,
		 (unsigned long long)max);
	return w->why;
}

/* A letter alone or with "iB" counts in 1024s, with "B" in 1000s. */
const char *value_scale(struct walk *w, const char *unit, uint64_t *scale)
{
	static const char letters[] = "kmgtpe";
	const char *at;
	uint64_t base = 1024, s = 1;

	(void)w;
	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "byte") || !strcasecmp(unit, "bytes")) {
		*scale = 1;
		return NULL;
	}
	at = *unit ? strchr(letters, tolower((unsigned char)*unit)) : NULL;
	if (at && !strcasecmp(unit + 1, "b"))
		base = 1000;
	else if (!at || (unit[1] && strcasecmp(unit + 1, "ib") != 0))
		return "expected a unit such as KiB, MiB, GiB or bytes";
	for (long i = at - letters; i >= 0; i--)
		s *= base;
	*scale = s;
	return NULL;
}

const char *value_size(struct walk *w, const char *text, uint64_t scale, uint64_t *bytes)
{
	const char *wrong = value_count(w, text, 0, INT64_MAX / scale, bytes);

	if (!wrong)
		*bytes *= scale;
	return wrong;
}

static const char *take_number(const char *p, uint64_t *out)
{
	if (!isdigit((unsigned char)*p))
		return NULL;
	for (*out = 0; isdigit((unsigned char)*p); p++)
		if ((*out = *out * 10 + (uint64_t)(*p - '0')) >= VCPUS_MAX)
			return NULL;
	return p;
}

/* "3", "0-3" or "^2" at p. Returns what follows it, or NULL. */
static const char *take_cpus(const char *p, uint64_t cpus[WALK_CPUS_WORDS])
{
	bool without = *p == '^';
	uint64_t first, last;

	p = take_number(p + without, &first);
	if (!p)
		return NULL;
	last = first;
	if (*p == '-' && !without)
		p = take_number(p + 1, &last);
	if (!p || last < first)
		return NULL;
	for (uint64_t c = first; c <= last; c++) {
		if (without)
			cpus[c / 64] &= ~(1ull << (c % 64));
		else
			cpus[c / 64] |= 1ull << (c % 64);
	}
	return p;
}

const char *value_cpus(struct walk *w, const char *text, uint64_t cpus[WALK_CPUS_WORDS])
{
	uint64_t set[WALK_CPUS_WORDS] = {0};
	const char *p = text;

	do
		p = take_cpus(p + (p != text), set);
	while (p && *p == ',');
	if (!p || *p) {
		snprintf(w->why, sizeof(w->why), "expected CPU numbers below %u such as 0-3,8", VCPUS_MAX);
		return w->why;
	}
	memcpy(cpus, set, sizeof(set));
	return NULL;
}

static const char *store(struct walk *w, const char *text, char *out, size_t cap)
{
	size_t n = strlen(text);

	if (n >= cap) {
		snprintf(w->why, sizeof(w->why), "it has %zu bytes, %zu are the limit", n, cap - 1);
		return w->why;
	}
	memcpy(out, text, n);
	memset(out + n, 0, cap - n);
	return NULL;
}

const char *value_text(struct walk *w, const char *text, char *out, size_t cap)
{
	for (const char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			return "expected printable ASCII characters on one line";
	return store(w, text, out, cap);
}

/*
 * The parser has seen to it that it is UTF-8. Control characters, also those above 0x7f, could do things to a terminal.
 */
const char *value_prose(struct walk *w, const char *text, bool lines, char *out, size_t cap)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool space = lines && (*p == '\n' || *p == '\t');

		if ((*p < 0x20 && !space) || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return lines ? "expected a text without control characters"
				     : "expected a text on one line, without control characters";
	}
	return store(w, text, out, cap);
}

const char *value_path(struct walk *w, const char *text, char *out, size_t cap)
{
	return text[0] == '/' && text[1] ? value_text(w, text, out, cap) : "expected an absolute path";
}
