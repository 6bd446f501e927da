// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/properties.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/conf/units.h"

struct reading {
	const struct property *table;
	const char *bare;
	uint32_t seen; // a bit for each row
	char *why;
	size_t cap;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reading *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, r->cap, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* One property, with "," for each ",,". Returns what follows its comma; NULL: it was the last, or is too long (*n). */
static const char *next(const char *text, char out[PROPERTY_VALUE_MAX], size_t *n)
{
	for (*n = 0; *text; text++) {
		if (*text == ',') {
			if (text[1] != ',')
				break;
			text++;
		}
		if (*n == PROPERTY_VALUE_MAX - 1) {
			*n = PROPERTY_VALUE_MAX;
			return NULL;
		}
		out[(*n)++] = *text;
	}
	out[*n] = 0;
	return *text ? text + 1 : NULL;
}

static const struct property *find(const struct property *p, const char *name, size_t n)
{
	for (; p->name; p++)
		if (strlen(p->name) == n && memcmp(p->name, name, n) == 0)
			return p;
	return NULL;
}

/* "path, ro, queues" */
static const char *names(const struct property *p, char *out, size_t cap)
{
	size_t at = 0;

	for (const char *comma = ""; p->name && at < cap; p++, comma = ", ")
		at += (size_t)snprintf(out + at, cap - at, "%s%s", comma, p->name);
	return out;
}

static int set_flag(struct reading *r, const struct property *p, const char *value)
{
	bool on = !value || strcmp(value, "on") == 0;

	if (!on && strcmp(value, "off") != 0)
		return refuse(r, "%s='%.40s': expected on or off", p->name, value);
	*(bool *)p->to = on;
	return 0;
}

static int add(struct reading *r, const struct property *p, const char *value)
{
	struct property_list *l = p->to;

	if (strlen(value) >= PROPERTY_LIST_BYTES || l->n == PROPERTY_LIST_MAX)
		return refuse(r, "%s='%.80s': expected up to %u, of fewer than %u characters", p->name, value,
			      PROPERTY_LIST_MAX, PROPERTY_LIST_BYTES);
	strcpy(l->text[l->n++], value);
	return 0;
}

static int set(struct reading *r, const struct property *p, const char *value)
{
	uint32_t bit = 1u << (p - r->table);

	if (r->seen & bit && p->kind != PROPERTY_LIST)
		return refuse(r, "%s stands there twice", p->name);
	r->seen |= bit;
	if (p->kind == PROPERTY_FLAG)
		return set_flag(r, p, value);
	if (!value || !*value)
		return refuse(r, "%s needs a value: %s=...", p->name, p->name);
	if (p->kind == PROPERTY_LIST)
		return add(r, p, value);
	if (p->kind == PROPERTY_COUNT)
		return units_parse_count(value, p->min, p->max, p->to)
			       ? refuse(r, "%s='%.40s': expected a number from %llu to %llu", p->name, value,
					(unsigned long long)p->min, (unsigned long long)p->max)
			       : 0;
	if (strlen(value) >= p->cap)
		return refuse(r, "%s='%.80s': it has %zu characters, %zu are the limit", p->name, value, strlen(value),
			      p->cap - 1);
	strcpy(p->to, value);
	return 0;
}

static int one(struct reading *r, char *text, bool first)
{
	char known[256];
	char *equals = strchr(text, '=');
	const struct property *p = find(r->table, text, equals ? (size_t)(equals - text) : strlen(text));

	if (!p && first && r->bare && (!equals || memchr(text, '/', (size_t)(equals - text)))) // no name has a slash
		return set(r, find(r->table, r->bare, strlen(r->bare)), text);
	if (!p)
		return refuse(r, "there is no property '%.*s': expected %s", (int)(equals ? equals - text : 80), text,
			      names(r->table, known, sizeof(known)));
	return set(r, p, equals ? equals + 1 : NULL);
}

int properties_parse(const char *text, const struct property *table, const char *bare, char *why, size_t why_cap)
{
	struct reading r = {.table = table, .bare = bare, .why = why, .cap = why_cap};
	char buffer[PROPERTY_VALUE_MAX];
	bool first = true;
	size_t n;

	do {
		text = next(text, buffer, &n);
		if (n == PROPERTY_VALUE_MAX)
			return refuse(&r, "a property has more than %u characters", PROPERTY_VALUE_MAX - 1);
		if (n == 0)
			return refuse(&r, "a property is empty");
		int e = one(&r, buffer, first);

		if (e)
			return e;
		first = false;
	} while (text);
	return 0;
}
