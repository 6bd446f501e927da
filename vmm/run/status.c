// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/conf/output_file.h"
#include "vmm/run/members.h"
#include "vmm/status/status.h"

/* What the guest has on PCI, whether its host answers or not; a host's part has what such a device has counted. */
static json_t *devices(const struct machine_desc *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < d->devices_n; i++) {
		const struct desc_device *dev = &d->devices[i];
		json_t *config = dev->config[0] ? json_loads(dev->config, 0, NULL) : json_object();

		if (desc_is_card(dev))
			json_array_append_new(list, json_pack("{s:I,s:s,s:I,s:I,s:O}", "device", (json_int_t)dev->id,
							      "kind", dev->kind, "host", (json_int_t)dev->host, "slot",
							      (json_int_t)dev->slot, "config", config));
		json_decref(config);
	}
	return list;
}

/* A plain member is nothing to be told. */
static void add_state(const struct run_status *s, json_t *o, host_id h)
{
	enum member_state state = s->members ? members_state(s->members, h) : MEMBER_IS;

	if (state != MEMBER_IS)
		json_object_set_new(o, "member", json_string(member_state_name(state)));
}

static json_t *joining(const struct run_status *s)
{
	json_t *list = json_array();

	for (host_set left = s->members ? members_joining(s->members) : 0; left; left &= left - 1) {
		host_id h = (host_id)__builtin_ctzll(left);

		json_array_append_new(
			list, json_pack("{s:i,s:s}", "host", (int)h, "address", members_address(s->members, h)));
	}
	return list;
}

static json_t *document(struct run_status *s)
{
	int64_t v[STATUS_GUEST_NUMBERS];
	json_t *list = json_array();
	char key[16];

	for (unsigned h = 0; h < s->desc->hosts_n; h++) {
		if (!desc_is_member(s->desc, h))
			continue;
		snprintf(key, sizeof(key), "%u", h);
		json_t *o = json_object_get(s->hosts, key);
		if (o)
			json_array_append(list, o);
		else
			json_array_append_new(list, json_pack("{s:i,s:s,s:s}", "host", (int)h, "address",
							      s->desc->hosts[h].address, "error", "no answer"));
		add_state(s, json_array_get(list, json_array_size(list) - 1), (host_id)h);
	}
	json_t *doc = json_pack("{s:s}", "name", s->desc->name);

#define RUN(name, object, key, value, ...) v[STATUS_GUEST_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	status_write_all(doc, status_guest_lines, STATUS_GUEST_NUMBERS, v);
	json_object_set(doc, "warnings", s->warnings);
	json_object_set_new(doc, "devices", devices(s->desc));
	json_object_set_new(doc, "hosts", list);
	json_object_set_new(doc, "board", json_integer(s->desc->board));
	if (s->members && members_joining(s->members))
		json_object_set_new(doc, "joining", joining(s));
	return doc;
}

/* A done may ask again: that is a request of the next round. */
static void answer_requests(struct run_status *s, const json_t *doc)
{
	unsigned n = s->requests_n;
	run_status_done done[RUN_STATUS_REQUESTS_MAX];
	void *ctx[RUN_STATUS_REQUESTS_MAX];

	for (unsigned i = 0; i < n; i++) {
		done[i] = s->requests[i].done;
		ctx[i] = s->requests[i].ctx;
	}
	s->requests_n = 0;
	for (unsigned i = 0; i < n; i++)
		done[i](ctx[i], doc);
}

static void finish(struct run_status *s)
{
	json_decref(s->last);
	s->last = document(s);
	json_decref(s->hosts);
	s->hosts = NULL;
	s->asking = false;
	json_t *doc = json_incref(s->last);
	answer_requests(s, doc);
	json_decref(doc);
}

static void on_answers(void *ctx, const struct call_answer *answers, unsigned n)
{
	struct run_status *s = ctx;
	char key[16];

	if (!s->calls || s->calls->closed) // stopped, or about to be: run_status_stop() answers
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct call_answer *a = &answers[i];

		snprintf(key, sizeof(key), "%u", a->host);
		if (a->form == CALL_JSON && json_is_object(a->json))
			json_object_set(s->hosts, key, a->json);
		else if (a->form == CALL_ERROR) // the document says so, and whoever asks does it every second
			log_debug("host %u tells no status: %s", a->host, a->error);
		else
			log_warn("host %u sent a status that is no JSON object", a->host);
	}
	finish(s);
}

static void unasked(void *arg)
{
	finish(arg);
}

static void begin(struct run_status *s)
{
	if (s->asking)
		return;
	s->asking = true;
	s->hosts = json_object();
	if (calls_start(s->calls, desc_all_hosts(s->desc), VERB_STATUS, NULL, verb_info(VERB_STATUS)->ms, on_answers,
			s))
		loop_timer_in(link_loop(s->calls->link), &s->unasked, 0); // never from inside
}

void run_status_start(struct run_status *s, struct calls *calls, const struct machine_desc *desc)
{
	memset(s, 0, sizeof(*s));
	s->calls = calls;
	s->desc = desc;
	s->started_ns = now_ns();
	s->unasked = (struct loop_timer){.fn = unasked, .arg = s};
	s->warnings = json_array();
}

void run_status_warn(struct run_status *s, const char *name, const char *text, const char *remedy)
{
	json_array_append_new(s->warnings, json_pack("{s:s,s:s,s:s}", "warning", name, "text", text, "remedy", remedy));
}

void run_status_stop(struct run_status *s)
{
	loop_timer_stop(&s->unasked);
	s->calls = NULL; // asking again is refused
	answer_requests(s, NULL);
	json_decref(s->hosts);
	json_decref(s->last);
	json_decref(s->warnings);
	s->hosts = s->last = s->warnings = NULL;
}

void run_status_ask(struct run_status *s)
{
	begin(s);
}

int run_status_request(struct run_status *s, run_status_done done, void *ctx)
{
	if (!s->calls)
		return -ENOTCONN;
	if (s->requests_n == RUN_STATUS_REQUESTS_MAX)
		return -ENOSPC;
	s->requests[s->requests_n].done = done;
	s->requests[s->requests_n++].ctx = ctx;
	begin(s);
	return 0;
}

int run_status_write(const struct run_status *s, const char *path)
{
	char *text = s->last ? json_dumps(s->last, JSON_INDENT(1)) : NULL, *line = NULL;
	int n = text ? asprintf(&line, "%s\n", text) : -1;
	int r = !s->last ? -ENODATA : n < 0 ? -ENOMEM : output_file_write(path, 0666, line, (size_t)n, NULL);

	if (n >= 0)
		free(line);
	free(text);
	return r;
}
