// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/conf/units.h"

static int complain(const struct cli_option *o, const char *value, int r)
{
	if (o->kind == CLI_SIZE)
		fprintf(stderr, "pando: --%s '%s': expected a size such as 512M or 4G%s\n", o->name, value,
			r == -ERANGE ? " that fits in 64 bits" : "");
	else
		fprintf(stderr, "pando: --%s '%s': expected a number from %llu to %llu\n", o->name, value,
			(unsigned long long)o->min, (unsigned long long)o->max);
	return -1;
}

static int add_text(const struct cli_option *o, const char *value)
{
	struct cli_texts *t = o->to;

	if (t->n == CLI_TEXTS_MAX) {
		fprintf(stderr, "pando: --%s '%s': it can be given %u times\n", o->name, value, CLI_TEXTS_MAX);
		return -1;
	}
	t->text[t->n++] = value;
	return 0;
}

static int set_value(const struct cli_option *o, const char *value)
{
	int r = 0;

	if (o->kind == CLI_TEXTS)
		return add_text(o, value);
	if (o->kind == CLI_TEXT)
		*(const char **)o->to = value;
	else if (o->kind == CLI_SIZE)
		r = units_parse_size(value, o->to) ?: *(uint64_t *)o->to < o->min ? -EINVAL : 0;
	else
		r = units_parse_count(value, o->min, o->max, o->to);
	return r ? complain(o, value, r) : 0;
}

static const struct cli_option *find(const struct cli_option *table, const char *name, size_t len)
{
	for (; table->name; table++)
		if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
			return table;
	return NULL;
}

int cli_parse(int argc, char **argv, const struct cli_option *table)
{
	int left = 0;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (strcmp(word, "--") == 0) { // what follows are words, whatever they begin with
			while (++i < argc)
				argv[1 + left++] = argv[i];
			break;
		}
		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			return -2;
		if (word[0] != '-' || !word[1]) {
			argv[1 + left++] = argv[i];
			continue;
		}
		const char *name = word + (word[1] == '-' ? 2 : 1);
		const char *equals = strchr(name, '=');
		const struct cli_option *o = find(table, name, equals ? (size_t)(equals - name) : strlen(name));

		if (!o) {
			fprintf(stderr, "pando: unknown option '%s' (see --help)\n", word);
			return -1;
		}
		if (o->kind == CLI_FLAG) {
			if (equals) {
				fprintf(stderr, "pando: --%s takes no value: '%s'\n", o->name, word);
				return -1;
			}
			*(bool *)o->to = true;
			continue;
		}
		const char *value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
		if (!value) {
			fprintf(stderr, "pando: --%s needs a value: %s\n", o->name, o->arg);
			return -1;
		}
		if (set_value(o, value))
			return -1;
	}
	return left;
}

void cli_print_options(const struct cli_option *table)
{
	for (; table->name; table++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s%s", table->name[1] ? "--" : "-", table->name,
			 table->arg ? " " : "", table->arg ? table->arg : "");
		printf("  %-26s %s\n", left, table->help);
	}
}
