// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/host/guest_priv.h"
#include "vmm/machine/move.h"

static void (*const serve[VERBS])(struct guest *g, uint64_t call, json_t *args) = {
#define VERB(NAME, name, ...) serve_##name,
#define ARG(...)
#define END
#include "vmm/call/verbs.def"
};

static int send_return(struct guest *g, uint64_t call, enum call_form form, const void *bytes, size_t n)
{
	struct msg m = {.kind = MSG_CTL_RETURN, .epoch = g->epoch, .blob = bytes};

	m.blob_bytes = (uint32_t)n;
	m.u.ctl_return.id = call;
	m.u.ctl_return.form = (uint8_t)form;
	int r = link_send(g->link, GUEST_CONTROL, &m);
	if (r)
		log_warn("the answer to call %llu cannot be sent: %s", (unsigned long long)call, strerror(-r));
	link_flush(g->link);
	return r;
}

void serve_return_text(struct guest *g, uint64_t call, const char *text, size_t n)
{
	int r = n > CALL_WHOLE_MAX ? -E2BIG : 0;

	for (; !r && n > SERVE_BYTES_MAX; text += SERVE_BYTES_MAX, n -= SERVE_BYTES_MAX)
		r = send_return(g, call, CALL_PART, text, SERVE_BYTES_MAX);
	if (!r)
		r = send_return(g, call, CALL_JSON, text, n);
	if (r) // what has left of it is taken back by this
		serve_return_error(g, call, "the answer has no room on its way: %s", strerror(-r));
}

void serve_return_json(struct guest *g, uint64_t call, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (text)
		serve_return_text(g, call, text, strlen(text));
	else
		serve_return_error(g, call, "no memory for the answer");
	free(text);
	json_decref(json);
}

void serve_return_bytes(struct guest *g, uint64_t call, const void *bytes, size_t n)
{
	if (n > SERVE_BYTES_MAX)
		serve_return_error(g, call, "the answer has %zu bytes, %u are the limit", n, SERVE_BYTES_MAX);
	else
		send_return(g, call, CALL_BYTES, bytes, n);
}

void serve_return_error(struct guest *g, uint64_t call, const char *fmt, ...)
{
	char text[DESC_REPORT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	send_return(g, call, CALL_ERROR, text, strlen(text));
}

/* `pando run` would wait for it for ever. Its queue is full when it has read nothing for long, as one that is stopped.
 */
static bool must_arrive(enum host_event e)
{
	return e == HOST_EV_READY || e == HOST_EV_POWEROFF || e == HOST_EV_RESET || e == HOST_EV_CRASHED ||
	       e == HOST_EV_FAILED || e == HOST_EV_HOST_LOST;
}

void serve_event(struct guest *g, enum host_event e, json_t *data)
{
	char why[DESC_REPORT_MAX];
	struct msg m = {.kind = MSG_CTL_EVENT, .epoch = g->epoch};
	size_t n = 0;
	uint8_t *blob = call_join(host_event_name(e), data, &n);

	m.blob = blob;
	m.blob_bytes = (uint32_t)n;
	int r = blob ? link_send(g->link, GUEST_CONTROL, &m) : -ENOMEM;
	if (r)
		log_warn("the event %s cannot be sent: %s", host_event_name(e), strerror(-r));
	link_flush(g->link);
	free(blob);
	json_decref(data);
	if ((r == -ENOBUFS || r == -ENOMEM) && must_arrive(e)) { // it is told by the end of the session, at least
		link_remove(g->link, GUEST_CONTROL);
		guest_happens(g, GUEST_EV_HUNG_UP, why, sizeof(why));
	}
}

/* For tests: the host ends, as if its machine had lost its power, when it is asked that. */
void serve_end_at(const char *what)
{
	const char *at = getenv("PANDO_END_AT");

	if (at && !strcmp(at, what))
		raise(SIGKILL);
}

void serve_result(struct guest *g, uint64_t call, int r, const char *why)
{
	if (r)
		serve_return_error(g, call, "%s", why);
	else
		serve_return_json(g, call, json_object());
}

bool serve_has_machine(struct guest *g, uint64_t call)
{
	if (g->machine && !guest_ended(g))
		return true;
	serve_return_error(g, call, "host %u runs no machine", g->self);
	return false;
}

uint32_t serve_vcpus_on(const struct guest *g, host_id h)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < desc_vcpus(&g->desc); v++)
		n += machine_host_of(g->machine, v) == h;
	return n;
}

void serve_on_call(struct guest *g, const struct msg *m)
{
	uint64_t call = m->u.ctl_call.id;
	char name[CALL_VERB_MAX], why[160];
	json_t *args;

	if (!call_split(m->blob, m->blob_bytes, name, &args)) {
		serve_return_error(g, call, "the call is malformed");
		return;
	}
	serve_end_at(name);
	enum verb v = verb_find(name);
	if (v == VERBS)
		serve_return_error(g, call, "this host does not know the verb '%s'", name);
	else if (!verb_args_fit(v, args, why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else
		serve[v](g, call, args);
	json_decref(args);
}
