// SPDX-License-Identifier: Apache-2.0
#include "vmm/call/verbs.h"

#include <stdio.h>
#include <string.h>

// clang-format off
#define VERB(NAME, name, ...) static const struct verb_arg args_##name[] = {
#define ARG(kind, key, text)  {VERB_ARG_##kind, #key, text},
#define END                   {VERB_ARG_NONE, NULL, NULL}};
// clang-format on
#include "vmm/call/verbs.def"

static const struct verb_info infos[VERBS] = {
#define VERB(NAME, name, on_wire, how, ms, does, answers) {on_wire, VERB_##how, ms, does, answers, args_##name},
#define ARG(...)
#define END
#include "vmm/call/verbs.def"
};

const struct verb_info *verb_info(enum verb v)
{
	return &infos[v];
}

const char *verb_name(enum verb v)
{
	return v < VERBS ? infos[v].name : "?";
}

enum verb verb_find(const char *name)
{
	unsigned v = 0;

	while (v < VERBS && strcmp(infos[v].name, name) != 0)
		v++;
	return v;
}

static bool fits(enum verb_arg_kind kind, const json_t *value)
{
	switch (kind) {
	case VERB_ARG_NUMBER:
		return json_is_integer(value);
	case VERB_ARG_FLAG:
		return json_is_boolean(value);
	case VERB_ARG_TEXT:
		return json_is_string(value);
	default:
		return false;
	}
}

bool verb_args_fit(enum verb v, const json_t *args, char *why, size_t why_cap)
{
	static const char *const kinds[] = {"", "a number", "true or false", "text"};

	if (!json_is_object(args)) {
		snprintf(why, why_cap, "the arguments of '%s' are no JSON object", verb_name(v));
		return false;
	}
	for (const struct verb_arg *a = infos[v].args; a->kind != VERB_ARG_NONE; a++) {
		const json_t *value = json_object_get(args, a->key);

		if (fits(a->kind, value))
			continue;
		snprintf(why, why_cap,
			 value ? "the argument '%s' of '%s' has to be %s"
			       : "the argument '%s' of '%s' is missing: %s is expected",
			 a->key, verb_name(v), kinds[a->kind]);
		return false;
	}
	return true;
}
