// SPDX-License-Identifier: Apache-2.0
// What QMP says: greeting, negotiation, commands, answers. The wording of errors is QEMU's, which clients show to
// people.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/qmp/big_int.h"
#include "vmm/qmp/qmp_priv.h"

/* The release of QEMU whose names and shapes the commands have; clients ask for a major number of 5 or more. */
#define QEMU_MAJOR 7
#define QEMU_MINOR 2
#define QEMU_MICRO 0

static json_t *version(void)
{
	return json_pack("{s:{s:i,s:i,s:i},s:s}", "qemu", "major", QEMU_MAJOR, "minor", QEMU_MINOR, "micro", QEMU_MICRO,
			 "package", "pando " PANDO_VERSION);
}

json_t *protocol_greeting(void)
{
	return json_pack("{s:{s:o,s:[]}}", "QMP", "version", version(), "capabilities");
}

/* What is said may hold a client's own words, cut inside a character. */
static json_t *error_message(const char *class, const char *desc)
{
	json_t *text = json_string(desc);

	return json_pack("{s:{s:s,s:o}}", "error", "class", class, "desc", text ? text : json_string("(not UTF-8)"));
}

static void send_error(struct qmp_client *c, json_t *id, const char *class, const char *desc)
{
	json_t *m = error_message(class, desc);

	c->q->stats.errors++;
	if (id)
		json_object_set(m, "id", id);
	client_send(c, m);
}

/*
 * Any web page can make a browser send to a TCP port of its own machine, and a request's body may hold commands. It
 * begins with a word (POST), no client of QMP does: such a stranger is not listened to.
 */
static void wrong_input(struct qmp_client *c)
{
	c->q->stats.bad_input++;
	if (c->wary && !c->negotiated)
		c->closing = true;
}

void protocol_bad_input(struct qmp_client *c, const char *reason)
{
	wrong_input(c);
	send_error(c, NULL, "GenericError", reason);
}

/* ---- the end of a call ---- */

static void end(struct qmp_call *call, json_t *m)
{
	struct qmp_client *c = call->client;

	if (c) {
		if (call->id)
			json_object_set(m, "id", call->id);
		c->call = NULL;
		client_send(c, m);
	} else {
		json_decref(m);
	}
	json_decref(call->id);
	free(call);
	if (c)
		client_go_on(c);
}

void qmp_return(struct qmp_call *call, json_t *value)
{
	end(call, json_pack("{s:o}", "return", value ? value : json_object()));
}

void qmp_return_empty(struct qmp_call *call)
{
	qmp_return(call, NULL);
}

static void end_error(struct qmp_call *call, const char *class, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (call->client)
		call->client->q->stats.errors++;
	end(call, error_message(class, text));
}

void qmp_error(struct qmp_call *call, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_error(call, "GenericError", fmt, ap);
	va_end(ap);
}

void qmp_error_class(struct qmp_call *call, const char *class, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_error(call, class, fmt, ap);
	va_end(ap);
}

/* ---- a command ---- */

static const struct qmp_command *find(const struct qmp *q, const char *name, void **ctx)
{
	for (unsigned t = 0; t < q->tables_n; t++) {
		for (const struct qmp_command *v = q->tables[t].v; v->name; v++) {
			if (strcmp(v->name, name))
				continue;
			*ctx = q->tables[t].ctx;
			return v;
		}
	}
	return NULL;
}

/* Its shape. Returns NULL, or QEMU's sentence. */
static const char *misshapen(const json_t *m, char why[QMP_WHY_MAX])
{
	const json_t *value;
	const char *key;

	if (!json_is_object(m))
		return "QMP input must be a JSON object";
	json_object_foreach((json_t *)m, key, value)
	{
		if (strcmp(key, "execute") == 0 && !json_is_string(value))
			return "QMP input member 'execute' must be a string";
		if (strcmp(key, "arguments") == 0 && !json_is_object(value))
			return "QMP input member 'arguments' must be an object";
		if (strcmp(key, "execute") && strcmp(key, "arguments") && strcmp(key, "id")) {
			snprintf(why, QMP_WHY_MAX, "QMP input member '%.100s' is unexpected", key);
			return why;
		}
	}
	json_object_foreach((json_t *)m, key, value)
	{
		const char *bad = strcmp(key, "id") ? big_int_unusable(value) : NULL;

		if (bad)
			return bad;
	}
	return json_object_get(m, "execute") ? NULL : "QMP input lacks member 'execute'";
}

static void execute(struct qmp_client *c, const json_t *m)
{
	const char *name = json_string_value(json_object_get(m, "execute"));
	json_t *args = json_object_get(m, "arguments"), *id = json_object_get(m, "id"), *none = json_object();
	const struct qmp_command *cmd;
	char why[QMP_WHY_MAX];
	void *ctx = NULL;
	bool negotiates = strcmp(name, "qmp_capabilities") == 0;

	if (!args)
		args = none;
	cmd = find(c->q, name, &ctx);
	if (!c->negotiated && !negotiates) {
		send_error(c, id, "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
	} else if (c->negotiated && negotiates) {
		send_error(c, id, "CommandNotFound", "Capabilities negotiation is already complete, command ignored");
	} else if (c->role != QMP_OPERATOR && !qmp_only_asks(name)) {
		snprintf(why, sizeof(why),
			 "The command %.100s is not for members of " QMP_MONITORS
			 ": they may use query-* and x-pando-query-*",
			 name);
		send_error(c, id, "GenericError", why);
	} else if (!cmd) {
		snprintf(why, sizeof(why), "The command %.100s has not been found", name);
		send_error(c, id, "CommandNotFound", why);
	} else if (!qmp_schema_check_args(c->q->schema, name, args, why)) {
		send_error(c, id, "GenericError", why);
	} else {
		struct qmp_call *call = calloc(1, sizeof(*call));

		if (!call) {
			send_error(c, id, "GenericError", "no memory");
		} else {
			call->client = c;
			call->id = json_incref(id);
			c->call = call;
			c->q->stats.commands++;
			cmd->fn(ctx, call, args);
		}
	}
	json_decref(none);
}

static json_t *parse(const char *text, size_t len, char why[QMP_WHY_MAX])
{
	size_t n = 0;
	char *marked = big_int_mark(text, len, &n);
	json_error_t e = {.text = "no memory"};
	json_t *m =
		marked ? json_loadb(marked, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e) : NULL;

	free(marked);
	if (!m)
		snprintf(why, QMP_WHY_MAX, "JSON parse error, %.200s", e.text);
	return m;
}

void protocol_input(struct qmp_client *c, const char *text, size_t len)
{
	char why[QMP_WHY_MAX];
	json_t *m = parse(text, len, why);

	if (!m) {
		protocol_bad_input(c, why);
		return;
	}
	const char *bad = misshapen(m, why);
	if (bad) {
		wrong_input(c);
		send_error(c, json_is_object(m) ? json_object_get(m, "id") : NULL, "GenericError", bad);
	} else {
		execute(c, m);
	}
	json_decref(m);
}

/* ---- the protocol's own commands ---- */

static void capabilities(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)ctx;
	if (json_array_size(json_object_get(args, "enable"))) {
		qmp_error(call, "Capability %s not available",
			  json_string_value(json_array_get(json_object_get(args, "enable"), 0)));
		return;
	}
	if (call->client)
		call->client->negotiated = true;
	qmp_return_empty(call);
}

static void query_version(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)ctx, (void)args;
	qmp_return(call, version());
}

static void query_commands(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	qmp_return(call, qmp_schema_names(((struct qmp *)ctx)->schema, "commands"));
}

static void query_events(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	qmp_return(call, qmp_schema_names(((struct qmp *)ctx)->schema, "events"));
}

static void query_schema(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	qmp_return(call, qmp_schema_introspect(((struct qmp *)ctx)->schema));
}

const struct qmp_command protocol_commands[] = {
	{"qmp_capabilities", capabilities}, {"query-version", query_version},   {"query-commands", query_commands},
	{"query-events", query_events},     {"query-qmp-schema", query_schema}, {0},
};
