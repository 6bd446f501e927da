// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/ask.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "net/clock_est.h"
#include "net/msg.h"
#include "net/now.h"
#include "net/session_talk.h"
#include "net/seal/stream.h"
#include "vmm/call/call.h"
#include "vmm/check/show.h"

#define TEXT_MAX  4096u // an identity as JSON, and more
#define FRAME_MAX (MSG_HEADER_BYTES + MSG_FIELDS_MAX + TEXT_MAX)

struct talk {
	struct session_talk talk;
	uint8_t frame[FRAME_MAX];
};

static uint64_t tsc(void)
{
	unsigned aux;

	return __rdtscp(&aux);
}

static int put(struct talk *t, const struct msg *m)
{
	uint8_t frame[FRAME_MAX];
	int n = msg_encode(m, frame, sizeof(frame));

	if (n < 0 || m->blob_bytes > sizeof(frame) - (size_t)n)
		return n < 0 ? n : -EMSGSIZE;
	if (m->blob_bytes)
		memcpy(frame + n, m->blob, m->blob_bytes);
	return session_talk_put(&t->talk, frame, (uint32_t)n + m->blob_bytes);
}

/* The next message; its blob lies in t->frame. */
static int get(struct talk *t, struct msg *m)
{
	int r = session_talk_get(&t->talk, t->frame, MSG_HEADER_BYTES);

	if (r)
		return r;
	int n = msg_frame_bytes(t->frame, MSG_HEADER_BYTES);
	if (n < (int)MSG_HEADER_BYTES || (size_t)n > sizeof(t->frame))
		return -EPROTO;
	r = session_talk_get(&t->talk, t->frame + MSG_HEADER_BYTES, (uint32_t)n - MSG_HEADER_BYTES);
	return r ? r : msg_decode(t->frame, (size_t)n, m);
}

/* Of the verbs there is one that needs no guest. */
static int answer_call(struct talk *t, const struct msg *m, const char *text)
{
	struct msg a = {.kind = MSG_CTL_RETURN, .blob = (const uint8_t *)text, .blob_bytes = (uint32_t)strlen(text)};
	char name[CALL_VERB_MAX];
	json_t *args;

	if (!call_split(m->blob, m->blob_bytes, name, &args))
		return -EPROTO;
	json_decref(args);
	if (verb_find(name) != VERB_IDENTITY)
		return -EPROTO;
	a.u.ctl_return.id = m->u.ctl_call.id;
	a.u.ctl_return.form = CALL_JSON;
	return put(t, &a);
}

static int answer_ping(struct talk *t, const struct msg_ping *ping, uint64_t received, uint64_t tsc_khz)
{
	struct msg a = {.kind = MSG_PONG};

	a.u.pong.t_sent = ping->t_sent;
	a.u.pong.t_received = received;
	a.u.pong.tsc_khz = tsc_khz;
	a.u.pong.t_answered = tsc();
	return put(t, &a);
}

static int answer_one(struct talk *t, const struct msg *m, uint64_t received, const struct check_identity *self,
		      const char *text)
{
	if (m->kind == MSG_CTL_CALL)
		return answer_call(t, m, text);
	return m->kind == MSG_PING ? answer_ping(t, &m->u.ping, received, self->tsc_khz) : -EPROTO;
}

void check_answer(int fd, struct seal_stream *seal, const struct check_identity *self)
{
	struct talk t;
	json_t *o = check_identity_json(self);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	struct msg m;
	int r = text ? 0 : -ENOMEM;

	session_talk_begin(&t.talk, fd, seal, CHECK_SESSION_MS);
	for (unsigned i = 0; !r && i < CHECK_ANSWERS_MAX; i++) {
		r = get(&t, &m);
		if (!r)
			r = answer_one(&t, &m, tsc(), self, text);
	}
	free(text);
	json_decref(o);
}

static int ask_identity(struct talk *t, struct check_identity *out)
{
	size_t n = 0;
	uint8_t *blob = call_join(verb_name(VERB_IDENTITY), NULL, &n);
	struct msg m = {.kind = MSG_CTL_CALL, .u.ctl_call.id = 1, .blob = blob, .blob_bytes = (uint32_t)n};
	int r = blob ? put(t, &m) : -ENOMEM;

	free(blob);
	if (!r)
		r = get(t, &m);
	if (r)
		return r;
	bool told = m.kind == MSG_CTL_RETURN && m.u.ctl_return.form == CALL_JSON;
	json_t *o = told ? json_loadb((const char *)m.blob, m.blob_bytes, 0, NULL) : NULL;
	bool ok = o && check_identity_parse(o, out);

	json_decref(o);
	return ok ? 0 : -EPROTO;
}

static int ask_clock(struct talk *t, struct clock_est *est)
{
	for (unsigned i = 0; i < CHECK_PINGS; i++) {
		uint64_t sent = tsc();
		struct msg m = {.kind = MSG_PING, .u.ping.t_sent = sent};
		int r = put(t, &m);

		if (!r)
			r = get(t, &m);
		if (r || m.kind != MSG_PONG)
			return r ? r : -EPROTO;
		struct clock_sample s = {.sent = sent,
					 .peer_received = m.u.pong.t_received,
					 .peer_answered = m.u.pong.t_answered,
					 .received = tsc()};
		clock_est_add(est, &s);
	}
	return 0;
}

/* Ticks are this host's: as long as it knows their rate by the time they took. */
static void ask_all(struct talk *t, struct check_other *o)
{
	struct clock_est est;
	uint64_t ns = now_ns(), ticks = tsc();

	clock_est_init(&est);
	o->error = ask_identity(t, &o->is);
	if (!o->error)
		o->error = ask_clock(t, &est);
	ns = now_ns() - ns;
	ticks = tsc() - ticks;
	if (o->error) {
		snprintf(o->why, sizeof(o->why), "the host gave no answer: %s", strerror(-o->error));
	} else if (est.valid && ticks) {
		o->rtt_ns = (uint64_t)((double)est.rtt_min * (double)ns / (double)ticks);
		o->bound_ns = (uint64_t)((double)est.bound * (double)ns / (double)ticks) + 1;
	}
}

void check_ask(const char *address, const struct session_key *key, struct check_other *out)
{
	struct session_hello hello = {.role = SESSION_CHECK};
	struct seal_stream *seal;
	const char *why = "";
	struct talk t;

	memset(out, 0, sizeof(*out));
	snprintf(out->address, sizeof(out->address), "%s", address);
	int fd = session_connect(address, key, &hello, SESSION_TIMEOUT_MS, &seal, &why);

	if (fd < 0) {
		out->error = fd;
		snprintf(out->why, sizeof(out->why), "%s", why && *why ? why : strerror(-fd));
		return;
	}
	session_talk_begin(&t.talk, fd, seal, CHECK_SESSION_MS);
	ask_all(&t, out);
	seal_stream_free(seal);
	close(fd);
}
