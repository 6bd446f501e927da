// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/conf/output_file.h"
#include "vmm/status/status.h"

static void begin(struct run_status *s)
{
	struct msg m = {.kind = MSG_CTL_STATUS_REQ, .epoch = s->desc->epoch};

	if (s->request)
		return;
	s->request = ++s->last_request;
	loop_timer_in(link_loop(s->link), &s->deadline, RUN_STATUS_WAIT_NS);
	s->missing = 0;
	s->hosts = json_object();
	m.u.ctl_status_req.id = s->request;
	for (unsigned h = 0; h < s->desc->hosts_n; h++)
		if (link_send(s->link, h, &m) == 0)
			s->missing |= host_bit((host_id)h);
	link_flush(s->link);
}

static json_t *document(struct run_status *s)
{
	int64_t v[STATUS_GUEST_NUMBERS];
	json_t *list = json_array();
	char key[16];

	for (unsigned h = 0; h < s->desc->hosts_n; h++) {
		snprintf(key, sizeof(key), "%u", h);
		json_t *o = json_object_get(s->hosts, key);
		if (o)
			json_array_append(list, o);
		else
			json_array_append_new(list, json_pack("{s:i,s:s,s:s}", "host", (int)h, "address",
							      s->desc->hosts[h].address, "error", "no answer"));
	}
	json_t *doc = json_pack("{s:s}", "name", s->desc->name);

#define RUN(name, object, key, value, ...) v[STATUS_GUEST_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	status_write_all(doc, status_guest_lines, STATUS_GUEST_NUMBERS, v);
	json_object_set(doc, "warnings", s->warnings);
	json_object_set_new(doc, "hosts", list);
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

static void drop_part(struct run_status_part *p)
{
	free(p->bytes);
	*p = (struct run_status_part){0};
}

static void drop_parts(struct run_status *s)
{
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		drop_part(&s->parts[h]);
}

static void finish(struct run_status *s)
{
	loop_timer_stop(&s->deadline);
	json_decref(s->last);
	s->last = document(s);
	json_decref(s->hosts);
	s->hosts = NULL;
	s->request = 0;
	drop_parts(s);
	json_t *doc = json_incref(s->last);
	answer_requests(s, doc);
	json_decref(doc);
}

static void time_is_up(void *arg)
{
	finish(arg);
}

void run_status_start(struct run_status *s, struct link *l, const struct machine_desc *desc)
{
	memset(s, 0, sizeof(*s));
	s->link = l;
	s->desc = desc;
	s->started_ns = now_ns();
	s->deadline = (struct loop_timer){.fn = time_is_up, .arg = s};
	s->warnings = json_array();
}

void run_status_warn(struct run_status *s, const char *name, const char *text, const char *remedy)
{
	json_array_append_new(s->warnings, json_pack("{s:s,s:s,s:s}", "warning", name, "text", text, "remedy", remedy));
}

void run_status_stop(struct run_status *s)
{
	loop_timer_stop(&s->deadline);
	s->link = NULL; // asking again is refused
	answer_requests(s, NULL);
	drop_parts(s);
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
	if (!s->link)
		return -ENOTCONN;
	if (s->requests_n == RUN_STATUS_REQUESTS_MAX)
		return -ENOSPC;
	s->requests[s->requests_n].done = done;
	s->requests[s->requests_n++].ctx = ctx;
	begin(s);
	return 0;
}

/* A piece of a host's answer. Returns 1 when it is whole, 0 when more must come, or negative: it makes no sense. */
static int take_piece(struct run_status_part *p, const struct msg *m)
{
	const struct msg_ctl_status *piece = &m->u.ctl_status;

	if (piece->total > RUN_STATUS_BYTES_MAX || piece->offset != p->have || (p->bytes && piece->total != p->total) ||
	    m->blob_bytes > piece->total - piece->offset || !m->blob_bytes != !piece->total)
		return -EPROTO;
	if (!p->bytes) {
		p->bytes = malloc(piece->total + 1);
		p->total = piece->total;
	}
	if (!p->bytes)
		return -ENOMEM;
	if (m->blob_bytes) // a host that could not make one sends none, and memcpy() takes no NULL
		memcpy(p->bytes + p->have, m->blob, m->blob_bytes);
	p->have += m->blob_bytes;
	return p->have == p->total;
}

void run_status_on_status(struct run_status *s, host_id from, const struct msg *m)
{
	struct run_status_part *p = &s->parts[from];
	char key[16];

	if (!s->request || m->u.ctl_status.id != s->request || !(s->missing & host_bit(from)))
		return;
	int whole = take_piece(p, m);
	if (!whole)
		return;
	s->missing &= ~host_bit(from);
	json_t *o = whole > 0 ? json_loadb(p->bytes, p->have, 0, NULL) : NULL;
	if (json_is_object(o)) {
		snprintf(key, sizeof(key), "%u", from);
		json_object_set_new(s->hosts, key, o);
	} else {
		json_decref(o);
		log_warn("host %u %s", from,
			 whole == -EPROTO         ? "sent pieces of a status that do not fit together"
			 : whole == -ENOMEM       ? "sent a status for which there is no memory"
			 : !m->u.ctl_status.total ? "has no memory for its status"
						  : "sent a status that is no JSON object");
	}
	drop_part(p);
	if (!s->missing)
		finish(s);
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
