// SPDX-License-Identifier: Apache-2.0
#include "vmm/call/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/text.h"
#include "net/log.h"
#include "vmm/call/tame.h"

struct call {
	struct calls *calls;
	unsigned slot;
	uint64_t id;
	char late[64]; // what is said of a host that does not answer in time
	struct loop_timer deadline;
	host_set asked, missing;
	call_done done;
	void *ctx;
	struct call_answer answers[HOSTS_MAX]; // by host
	uint8_t *copies[HOSTS_MAX];            // what the answers point to
	size_t have[HOSTS_MAX];                // bytes there, of the parts so far
};

bool call_split(const uint8_t *blob, size_t n, char name[CALL_VERB_MAX], json_t **json)
{
	const uint8_t *end = n ? memchr(blob, 0, n < CALL_VERB_MAX ? n : CALL_VERB_MAX) : NULL;

	if (!end || end == blob)
		return false;
	size_t used = (size_t)(end - blob) + 1;

	*json = json_loadb((const char *)blob + used, n - used, CALL_JSON_FLAGS, NULL);
	if (!*json)
		return false;
	memcpy(name, blob, used);
	return true;
}

uint8_t *call_join(const char *name, const json_t *json, size_t *n)
{
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("{}");
	size_t name_n = strlen(name) + 1, text_n = text ? strlen(text) : 0;
	uint8_t *blob = NULL;

	if (text && name_n > 1 && name_n <= CALL_VERB_MAX && text_n <= CALL_ARGS_MAX)
		blob = malloc(name_n + text_n);
	if (blob) {
		memcpy(blob, name, name_n);
		memcpy(blob + name_n, text, text_n);
		*n = name_n + text_n;
	}
	free(text);
	return blob;
}

const struct call_answer *call_first_error(const struct call_answer *answers, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (answers[i].form == CALL_ERROR)
			return &answers[i];
	return NULL;
}

void calls_init(struct calls *c, struct link *link, const struct machine_desc *desc)
{
	memset(c, 0, sizeof(*c));
	c->link = link;
	c->desc = desc;
}

void calls_admit(struct calls *c, host_id h, bool admitted)
{
	c->also = admitted ? c->also | host_bit(h) : c->also & ~host_bit(h);
}

static void answer_error(struct call *k, host_id h, const char *text)
{
	k->missing &= ~host_bit(h);
	k->answers[h].host = h;
	k->answers[h].form = CALL_ERROR;
	k->answers[h].error = text;
}

/* The slot is free before the owner hears of it, so that it may start the next call. */
static void finish(struct calls *c, unsigned slot)
{
	struct call *k = c->v[slot];
	struct call_answer out[HOSTS_MAX];
	unsigned n = 0;

	c->v[slot] = NULL;
	loop_timer_stop(&k->deadline);
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		if (k->asked & host_bit((host_id)h))
			out[n++] = k->answers[h];
	k->done(k->ctx, out, n);
	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		if (k->answers[h].json)
			json_decref(k->answers[h].json);
		free(k->copies[h]);
	}
	free(k);
}

static void fail_missing(struct call *k, const char *text)
{
	for (host_set left = k->missing; left; left &= left - 1)
		answer_error(k, (host_id)__builtin_ctzll(left), text);
}

void calls_cancel(struct calls *c, const char *reason)
{
	c->closed = true;
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		if (!c->v[i])
			continue;
		fail_missing(c->v[i], reason);
		finish(c, i);
	}
}

static void time_is_up(void *arg)
{
	struct call *k = arg;
	host_set late = k->missing;

	fail_missing(k, k->late);
	for (; late; late &= late - 1)
		k->answers[__builtin_ctzll(late)].late = true;
	finish(k->calls, k->slot);
}

int calls_start(struct calls *c, host_set to, enum verb verb, const json_t *args, unsigned timeout_ms, call_done done,
		void *ctx)
{
	struct msg m = {.kind = MSG_CTL_CALL, .epoch = c->desc->epoch};
	size_t n = 0;
	unsigned slot = 0;

	if (c->closed)
		return -ESHUTDOWN;
	while (slot < CALLS_MAX && c->v[slot])
		slot++;
	if (slot == CALLS_MAX)
		return -ENOSPC;
	if (!to || (to & ~(desc_all_hosts(c->desc) | c->also)) || verb >= VERBS)
		return -EINVAL;
	uint8_t *blob = call_join(verb_name(verb), args, &n);
	struct call *k = blob ? calloc(1, sizeof(*k)) : NULL;
	if (!k) {
		free(blob);
		return blob ? -ENOMEM : -E2BIG;
	}
	k->id = m.u.ctl_call.id = ++c->last_id;
	k->calls = c;
	k->slot = slot;
	snprintf(k->late, sizeof(k->late), "no answer to '%s' within %g s", verb_name(verb), timeout_ms / 1000.0);
	k->deadline = (struct loop_timer){.fn = time_is_up, .arg = k};
	k->asked = k->missing = to;
	k->done = done;
	k->ctx = ctx;
	c->v[slot] = k;
	m.blob = blob;
	m.blob_bytes = (uint32_t)n;
	for (host_set left = to; left; left &= left - 1) {
		host_id h = (host_id)__builtin_ctzll(left);
		if (link_send(c->link, h, &m))
			answer_error(k, h, "the host cannot be reached");
	}
	link_flush(c->link);
	free(blob);
	/* Nobody could be asked: done is called all the same, but not from in here. */
	loop_timer_in(link_loop(c->link), &k->deadline, k->missing ? (uint64_t)timeout_ms * 1000000 : 0);
	return 0;
}

/* Adds what has come to what came before it, with a zero behind. */
static uint8_t *gather(struct call *k, host_id from, const struct msg *m)
{
	size_t have = k->have[from], n = m->blob_bytes;
	uint8_t *all = have + n <= CALL_WHOLE_MAX ? realloc(k->copies[from], have + n + 1) : NULL;

	if (!all)
		return NULL;
	if (n) // an empty blob may be NULL, which memcpy() does not take
		memcpy(all + have, m->blob, n);
	all[have + n] = 0;
	k->copies[from] = all;
	k->have[from] = have + n;
	return all;
}

static void take_answer(struct call *k, host_id from, const struct msg *m)
{
	struct call_answer *a = &k->answers[from];
	enum call_form form = m->u.ctl_return.form;

	if (form != CALL_JSON && form != CALL_PART)
		k->have[from] = 0; // the parts before an error are nothing
	uint8_t *copy = gather(k, from, m);

	if (!copy) {
		answer_error(k, from, "no memory for the answer, or it is longer than any");
		return;
	}
	if (form == CALL_PART)
		return;
	k->missing &= ~host_bit(from);
	*a = (struct call_answer){.host = from, .form = form};
	if (form == CALL_JSON) {
		a->json = tame_json(json_loadb((char *)copy, k->have[from], CALL_JSON_FLAGS, NULL));
		if (!a->json)
			answer_error(k, from, "the host's answer is no JSON");
	} else if (form == CALL_BYTES) {
		a->bytes = copy;
		a->bytes_n = k->have[from];
	} else {
		a->form = CALL_ERROR;
		text_tame((char *)copy, false);
		a->error = (char *)copy;
	}
}

void calls_on_return(struct calls *c, host_id from, const struct msg *m)
{
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		struct call *k = c->v[i];

		if (!k || k->id != m->u.ctl_return.id || !(k->missing & host_bit(from)))
			continue;
		take_answer(k, from, m);
		if (!k->missing)
			finish(c, i);
		return;
	}
	c->strays++;
}

void calls_on_down(struct calls *c, host_id host)
{
	for (unsigned i = 0; i < CALLS_MAX; i++) {
		struct call *k = c->v[i];

		if (!k || !(k->missing & host_bit(host)))
			continue;
		answer_error(k, host, "the host is lost");
		if (!k->missing)
			finish(c, i);
	}
}
