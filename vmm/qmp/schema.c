// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/qmp/schema_json.h"

struct qmp_schema {
	json_t *root, *commands, *events, *enums, *structs;
};

struct qmp_schema *qmp_schema_load(void)
{
	struct qmp_schema *s = calloc(1, sizeof(*s));
	json_error_t e;

	if (!s)
		return NULL;
	s->root = json_loadb(qmp_schema_json, (size_t)(qmp_schema_json_end - qmp_schema_json), JSON_REJECT_DUPLICATES,
			     &e);
	if (!s->root) {
		log_error("qmp: schema.json, line %d: %s", e.line, e.text);
		free(s);
		return NULL;
	}
	s->commands = json_object_get(s->root, "commands");
	s->events = json_object_get(s->root, "events");
	s->enums = json_object_get(s->root, "enums");
	s->structs = json_object_get(s->root, "structs");
	return s;
}

void qmp_schema_free(struct qmp_schema *s)
{
	if (s)
		json_decref(s->root);
	free(s);
}

bool qmp_schema_has_command(const struct qmp_schema *s, const char *name)
{
	return json_object_get(s->commands, name) != NULL;
}

json_t *qmp_schema_names(const struct qmp_schema *s, const char *of)
{
	json_t *list = json_array(), *value;
	const char *name;

	json_object_foreach(json_object_get(s->root, of), name, value)
		json_array_append_new(list, json_pack("{s:s}", "name", name));
	return list;
}

/* ---- checking values ---- */

static const struct builtin {
	const char *name, *json_type, *expected;
} builtins[] = {
	{"str", "string", "string"},    {"int", "int", "integer"}, {"bool", "boolean", "boolean"},
	{"number", "number", "number"}, {"any", "value", "value"},
};
#define BUILTINS (sizeof(builtins) / sizeof(*builtins))

static const struct builtin *builtin(const char *name)
{
	for (unsigned i = 0; i < BUILTINS; i++)
		if (strcmp(builtins[i].name, name) == 0)
			return &builtins[i];
	return NULL;
}

static bool builtin_fits(const struct builtin *b, const json_t *v)
{
	switch (b->name[0]) {
	case 's':
		return json_is_string(v);
	case 'i':
		return json_is_integer(v);
	case 'b':
		return json_is_boolean(v);
	case 'n':
		return json_is_number(v);
	default:
		return true;
	}
}

static bool wrong_type(char *why, const char *name, const char *expected)
{
	snprintf(why, QMP_WHY_MAX, "Invalid parameter type for '%.100s', expected: %s", name, expected);
	return false;
}

static bool check_type(const struct qmp_schema *s, const json_t *type, const json_t *v, const char *name, char *why);

static bool check_members(const struct qmp_schema *s, const json_t *members, const json_t *o, bool open, char *why)
{
	const char *key;
	json_t *value, *type;
	char optional[128];

	json_object_foreach((json_t *)members, key, type)
	{
		const char *name = *key == '*' ? key + 1 : key;

		value = json_object_get(o, name);
		if (!value && *key != '*') {
			snprintf(why, QMP_WHY_MAX, "Parameter '%s' is missing", name);
			return false;
		}
		if (value && !check_type(s, type, value, name, why))
			return false;
	}
	json_object_foreach((json_t *)o, key, value)
	{
		snprintf(optional, sizeof(optional), "*%s", key);
		if (open || json_object_get(members, key) || json_object_get(members, optional))
			continue;
		snprintf(why, QMP_WHY_MAX, "Parameter '%.100s' is unexpected", key);
		return false;
	}
	return true;
}

static bool check_list(const struct qmp_schema *s, const json_t *of, const json_t *v, const char *name, char *why)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return wrong_type(why, name, "array");
	json_array_foreach(v, i, item) if (!check_type(s, of, item, name, why)) return false;
	return true;
}

static bool check_enum(const json_t *values, const json_t *v, const char *name, char *why)
{
	const json_t *one;
	size_t i;

	if (!json_is_string(v))
		return wrong_type(why, name, "string");
	json_array_foreach(values, i, one) if (strcmp(json_string_value(one), json_string_value(v)) == 0) return true;
	snprintf(why, QMP_WHY_MAX, "Parameter '%.80s' does not accept value '%.80s'", name, json_string_value(v));
	return false;
}

static bool check_type(const struct qmp_schema *s, const json_t *type, const json_t *v, const char *name, char *why)
{
	if (json_is_array(type))
		return check_list(s, json_array_get(type, 0), v, name, why);
	const char *t = json_string_value(type);
	const struct builtin *b = builtin(t);
	json_t *values = json_object_get(s->enums, t);

	if (b)
		return builtin_fits(b, v) || wrong_type(why, name, b->expected);
	if (values)
		return check_enum(values, v, name, why);
	if (!json_is_object(v))
		return wrong_type(why, name, "object");
	return check_members(s, json_object_get(s->structs, t), v, false, why);
}

bool qmp_schema_check_args(const struct qmp_schema *s, const char *command, const json_t *args, char why[QMP_WHY_MAX])
{
	json_t *c = json_object_get(s->commands, command), *gen = json_object_get(c, "gen");

	return check_members(s, json_object_get(c, "data"), args, gen && json_is_false(gen), why);
}

bool qmp_schema_check_return(const struct qmp_schema *s, const char *command, const json_t *value,
			     char why[QMP_WHY_MAX])
{
	json_t *type = json_object_get(json_object_get(s->commands, command), "returns");

	if (type)
		return check_type(s, type, value, "return", why);
	return (json_is_object(value) && json_object_size(value) == 0) || wrong_type(why, "return", "empty object");
}

bool qmp_schema_check_event(const struct qmp_schema *s, const char *event, const json_t *data, char why[QMP_WHY_MAX])
{
	json_t *e = json_object_get(s->events, event), *empty = json_object();
	bool ok = e && check_members(s, json_object_get(e, "data"), data ? data : empty, false, why);

	if (!e)
		snprintf(why, QMP_WHY_MAX, "the event '%.100s' is not in the schema", event);
	json_decref(empty);
	return ok;
}

/* ---- introspection ---- */

/* The name of a type in the answer; lists and the types of members get theirs as QEMU forms them: "[str]". */
static json_t *type_name(const json_t *type)
{
	if (json_is_array(type))
		return json_sprintf("[%s]", json_string_value(json_array_get(type, 0)));
	return json_string(json_string_value(type));
}

static json_t *members_of(const json_t *members)
{
	json_t *list = json_array(), *type;
	const char *key;

	json_object_foreach((json_t *)members, key, type)
	{
		json_t *m = json_pack("{s:s,s:o}", "name", *key == '*' ? key + 1 : key, "type", type_name(type));

		if (*key == '*')
			json_object_set_new(m, "default", json_null());
		json_array_append_new(list, m);
	}
	return list;
}

static void add_object(json_t *out, const char *name, const json_t *members)
{
	json_array_append_new(
		out, json_pack("{s:s,s:s,s:o}", "name", name, "meta-type", "object", "members", members_of(members)));
}

/* Every list that some member, argument or return uses, once. */
static void add_list(json_t *out, json_t *seen, const json_t *type)
{
	json_t *name;

	if (!json_is_array(type))
		return;
	name = type_name(type);
	if (!json_object_get(seen, json_string_value(name))) {
		json_object_set_new(seen, json_string_value(name), json_true());
		json_array_append_new(out, json_pack("{s:O,s:s,s:O}", "name", name, "meta-type", "array",
						     "element-type", json_array_get(type, 0)));
	}
	json_decref(name);
}

static void add_lists(json_t *out, json_t *seen, const json_t *members)
{
	const char *key;
	json_t *type;

	json_object_foreach((json_t *)members, key, type) add_list(out, seen, type);
}

/* Arguments and an event's data are types without a name of their own: theirs begin with "q_obj_", as in QEMU. */
static json_t *arg_type(json_t *out, const char *name, const json_t *data)
{
	json_t *type = json_sprintf(data ? "q_obj_%s-arg" : "q_empty", name);

	if (data)
		add_object(out, json_string_value(type), data);
	return type;
}

static void add_types(const struct qmp_schema *s, json_t *out, json_t *seen)
{
	const char *name;
	json_t *v;

	add_object(out, "q_empty", NULL);
	for (unsigned i = 0; i < BUILTINS; i++)
		json_array_append_new(out, json_pack("{s:s,s:s,s:s}", "name", builtins[i].name, "meta-type", "builtin",
						     "json-type", builtins[i].json_type));
	json_object_foreach(s->enums, name, v)
		json_array_append_new(out, json_pack("{s:s,s:s,s:O}", "name", name, "meta-type", "enum", "values", v));
	json_object_foreach(s->structs, name, v)
	{
		add_object(out, name, v);
		add_lists(out, seen, v);
	}
}

json_t *qmp_schema_introspect(const struct qmp_schema *s)
{
	json_t *out = json_array(), *seen = json_object(), *v;
	const char *name;

	json_object_foreach(s->commands, name, v)
	{
		json_t *data = json_object_get(v, "data"), *ret = json_object_get(v, "returns");

		json_array_append_new(out, json_pack("{s:s,s:s,s:o,s:o}", "name", name, "meta-type", "command",
						     "arg-type", arg_type(out, name, data), "ret-type",
						     ret ? type_name(ret) : json_string("q_empty")));
		add_lists(out, seen, data);
		add_list(out, seen, ret);
	}
	json_object_foreach(s->events, name, v)
	{
		json_t *data = json_object_get(v, "data");

		json_array_append_new(out, json_pack("{s:s,s:s,s:o}", "name", name, "meta-type", "event", "arg-type",
						     arg_type(out, name, data)));
		add_lists(out, seen, data);
	}
	add_types(s, out, seen);
	json_decref(seen);
	return out;
}
