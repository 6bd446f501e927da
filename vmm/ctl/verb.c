// SPDX-License-Identifier: Apache-2.0
#include "vmm/ctl/verb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/ctl/guest_priv.h"

static const struct verb *const tables[] = {verbs_move, verbs_basic, verbs_machine, verbs_memory, verbs_trace};

static void send_return(struct guest *g, uint64_t call, enum call_form form, const void *bytes, size_t n)
{
	struct msg m = {.kind = MSG_CTL_RETURN, .epoch = g->epoch, .blob = bytes};

	m.blob_bytes = (uint32_t)n;
	m.u.ctl_return.id = call;
	m.u.ctl_return.form = (uint8_t)form;
	if (link_send(g->link, GUEST_CONTROL, &m))
		log_warn("the answer to call %llu cannot be sent", (unsigned long long)call);
	link_flush(g->link);
}

void verb_return_json(struct guest *g, uint64_t call, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	size_t n = text ? strlen(text) : 0;

	if (!text)
		verb_return_error(g, call, "no memory for the answer");
	else if (n > VERB_BYTES_MAX)
		verb_return_error(g, call, "the answer has %zu bytes, %u are the limit", n, VERB_BYTES_MAX);
	else
		send_return(g, call, CALL_JSON, text, n);
	free(text);
	json_decref(json);
}

void verb_return_bytes(struct guest *g, uint64_t call, const void *bytes, size_t n)
{
	if (n > VERB_BYTES_MAX)
		verb_return_error(g, call, "the answer has %zu bytes, %u are the limit", n, VERB_BYTES_MAX);
	else
		send_return(g, call, CALL_BYTES, bytes, n);
}

void verb_return_error(struct guest *g, uint64_t call, const char *fmt, ...)
{
	char text[DESC_REPORT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_return(g, call, CALL_ERROR, text, strlen(text));
}

void verb_event(struct guest *g, const char *name, json_t *data)
{
	struct msg m = {.kind = MSG_CTL_EVENT, .epoch = g->epoch};
	size_t n = 0;
	uint8_t *blob = call_join(name, data, &n);

	m.blob = blob;
	m.blob_bytes = (uint32_t)n;
	if (!blob || link_send(g->link, GUEST_CONTROL, &m))
		log_warn("the event %s cannot be sent", name);
	link_flush(g->link);
	free(blob);
	json_decref(data);
}

static const struct verb *find(const char *name)
{
	for (unsigned t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct verb *v = tables[t]; v->name; v++)
			if (strcmp(v->name, name) == 0)
				return v;
	return NULL;
}

void verb_on_call(struct guest *g, const struct msg *m)
{
	uint64_t call = m->u.ctl_call.id;
	char name[CALL_VERB_MAX];
	json_t *args;

	if (!call_split(m->blob, m->blob_bytes, name, &args)) {
		verb_return_error(g, call, "the call is malformed");
		return;
	}
	const struct verb *v = find(name);
	if (!v)
		verb_return_error(g, call, "this host does not know the verb '%s'", name);
	else if (!json_is_object(args))
		verb_return_error(g, call, "the arguments of '%s' are no JSON object", name);
	else
		v->run(g, call, args);
	json_decref(args);
}

/* ---- the basic ones ---- */

/* For tests and for measuring a call: answers with what it was given. */
static void echo(struct guest *g, uint64_t call, json_t *args)
{
	verb_return_json(g, call, json_incref(args));
}

const struct verb verbs_basic[] = {{"echo", echo}, {0}};
