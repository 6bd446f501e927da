// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/mover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/machine/placement.h"

struct wish {
	uint32_t vcpu;
	host_id to;
	mover_done done;
	void *ctx;
};

struct mover {
	struct calls *calls;
	const struct machine_desc *desc;
	struct placement placement;
	host_set alike[HOSTS_MAX];          // by source: destinations whose processors were compared
	struct wish queue[MOVER_QUEUE_MAX]; // those that wait
	unsigned head, tail;
	struct wish now; // under way, if busy
	bool busy;
	struct loop_task turn; // one that leaves it where it is is over, but not from inside the function that asked
	struct wish first;     // a holder's, if has_first
	bool has_first;
	unsigned held;                          // by how many
	struct mover_hold *holds, **holds_tail; // granted when the move under way is over
	host_id from;
	bool out_over, wait_over, left; // left: the source has let go of it
	struct mover_result result;
	char error[DESC_REPORT_MAX]; // empty: none
};

static struct wish *current(struct mover *m)
{
	return &m->now;
}

static void start_next(struct mover *m);

/* Holds come before the next move, even one that the owner of this one asks for now. */
static void grant_holds(struct mover *m)
{
	struct mover_hold *h = m->holds, *next;

	m->holds = NULL;
	m->holds_tail = &m->holds;
	for (struct mover_hold *i = h; i; i = i->next)
		m->held++;
	for (; h; h = next) {
		next = h->next; // then may use it again
		h->then(h->ctx);
	}
}

static void finish(struct mover *m)
{
	struct wish w = m->now;
	struct mover_result result = m->result;
	char error[DESC_REPORT_MAX];

	memcpy(error, m->error, sizeof(error));
	m->busy = false;
	m->held++; // the next one begins when all have heard of this one
	grant_holds(m);
	w.done(w.ctx, error[0] ? NULL : &result, error[0] ? error : NULL);
	mover_release(m);
}

static void note(struct mover *m, const char *error)
{
	if (!m->error[0]) // the first one is the cause
		snprintf(m->error, sizeof(m->error), "%s", error);
}

static void note_errno(struct mover *m, int r)
{
	char text[80];

	snprintf(text, sizeof(text), "the hosts cannot be asked: %s", strerror(-r));
	note(m, r == -ESHUTDOWN ? "the guest is over" : text);
}

static int call(struct mover *m, host_set to, enum verb verb, bool traits, call_done done)
{
	const struct wish *w = current(m);
	json_t *args = json_pack("{s:i,s:i,s:i,s:I,s:b}", "vcpu", (int)w->vcpu, "from", (int)m->from, "to", (int)w->to,
				 "placement", (json_int_t)(m->placement.version + 1), "traits", (int)traits);
	int r = args ? calls_start(m->calls, to, verb, args, MOVER_STEP_MS, done, m) : -ENOMEM;

	json_decref(args);
	return r;
}

static host_set ends(struct mover *m)
{
	return host_bit(m->from) | host_bit(current(m)->to);
}

/* ---- the last step: all hosts know ---- */

static void on_commit(void *ctx, const struct call_answer *a, unsigned n)
{
	struct mover *m = ctx;
	const struct call_answer *bad = call_first_error(a, n);

	if (bad)
		note(m, bad->error);
	finish(m);
}

static void commit(struct mover *m)
{
	host_set all = desc_all_hosts(m->desc);
	const struct wish *w = current(m);
	int r = call(m, all, VERB_MOVE_COMMIT, false, on_commit);

	placement_move(&m->placement, w->vcpu, m->from, w->to);
	if (!r)
		return;
	note_errno(m, r);
	finish(m);
}

/* ---- it did not work ---- */

/* Did the source send it before it heard of this? Then it is the destination's, whatever the matter was. */
static void on_cancel(void *ctx, const struct call_answer *a, unsigned n)
{
	struct mover *m = ctx;

	for (unsigned i = 0; i < n; i++)
		if (a[i].host == m->from && a[i].form == CALL_JSON)
			m->left = json_is_true(json_object_get(a[i].json, "left"));
	if (m->left)
		commit(m);
	else
		finish(m);
}

static void cancel(struct mover *m)
{
	int r = call(m, ends(m), VERB_MOVE_CANCEL, false, on_cancel);

	if (!r)
		return;
	note_errno(m, r);
	finish(m);
}

/* ---- out and wait ---- */

static void both_over(struct mover *m)
{
	if (!m->out_over || !m->wait_over)
		return;
	if (m->left)
		commit(m);
	else
		finish(m);
}

static void stop_waiting(void *ctx, const struct call_answer *a, unsigned n)
{
	struct mover *m = ctx;

	for (unsigned i = 0; i < n; i++)
		if (a[i].host == m->from && a[i].form == CALL_JSON)
			m->left = json_is_true(json_object_get(a[i].json, "left"));
	m->out_over = true;
	both_over(m);
}

static void on_out(void *ctx, const struct call_answer *a, unsigned n)
{
	struct mover *m = ctx;
	const struct call_answer *bad = call_first_error(a, n);

	if (!bad) {
		m->out_over = m->left = true;
		both_over(m);
		return;
	}
	note(m, bad->error);
	int r = call(m, ends(m), VERB_MOVE_CANCEL, false, stop_waiting); // ends the destination's wait too
	if (r) {
		note_errno(m, r);
		m->out_over = true;
		both_over(m);
	}
}

static uint64_t ticks_ns(const json_t *o, const char *from, const char *to)
{
	uint64_t a = (uint64_t)json_integer_value(json_object_get(o, from));
	uint64_t b = (uint64_t)json_integer_value(json_object_get(o, to));
	uint64_t khz = (uint64_t)json_integer_value(json_object_get(o, "tsc_khz"));

	/* Clocks of two hosts: what took no time may seem to have taken less. */
	return b <= a || !khz ? 0 : (uint64_t)((unsigned __int128)(b - a) * 1000000 / khz);
}

static void take_times(struct mover *m, const json_t *o)
{
	m->result.ran = json_is_true(json_object_get(o, "ran"));
	m->result.pause_ns = ticks_ns(o, "left", "entered");
	m->result.pack_ns = ticks_ns(o, "left", "packed");
	m->result.wire_ns = ticks_ns(o, "packed", "received");
	m->result.unpack_ns = ticks_ns(o, "received", "entered");
	m->result.bytes = (uint32_t)json_integer_value(json_object_get(o, "bytes"));
}

static void on_wait(void *ctx, const struct call_answer *a, unsigned n)
{
	struct mover *m = ctx;
	const struct call_answer *bad = call_first_error(a, n);

	if (bad)
		note(m, bad->error);
	else
		take_times(m, a[0].json);
	m->wait_over = true;
	both_over(m);
}

/* ---- prepare ---- */

static const json_t *answer_of(const struct call_answer *a, unsigned n, host_id h)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i].host == h)
			return a[i].json;
	return NULL;
}

static void on_prepare(void *ctx, const struct call_answer *a, unsigned n)
{
	struct mover *m = ctx;
	host_id to = current(m)->to;
	const struct call_answer *bad = call_first_error(a, n);
	char why[DESC_REPORT_MAX] = "";

	if (!bad && !(m->alike[m->from] & host_bit(to)))
		mover_compare(answer_of(a, n, m->from), answer_of(a, n, to), why, sizeof(why));
	if (bad || why[0]) {
		if (why[0])
			snprintf(m->error, sizeof(m->error), "a vCPU of host %u cannot go on on host %u: %.400s",
				 m->from, to, why);
		else
			note(m, bad->error);
		cancel(m);
		return;
	}
	m->alike[m->from] |= host_bit(to);
	int r = call(m, host_bit(to), VERB_MOVE_WAIT, false, on_wait);
	if (!r)
		r = call(m, host_bit(m->from), VERB_MOVE_OUT, false, on_out);
	else
		m->wait_over = true;
	if (!r)
		return;
	note_errno(m, r);
	if (m->wait_over)
		cancel(m);
	else // the wait is ended by the cancellation
		on_out(m, &(struct call_answer){.form = CALL_ERROR, .error = m->error}, 1);
}

static void on_turn(void *arg)
{
	finish(arg);
}

static int begin(struct mover *m, struct wish wish)
{
	const struct wish *w = current(m);

	m->now = wish;
	m->busy = true;
	m->error[0] = 0;
	m->from = placement_host(&m->placement, w->vcpu);
	m->out_over = m->wait_over = m->left = false;
	m->result = (struct mover_result){.vcpu = w->vcpu, .from = m->from, .to = w->to};
	if (m->from == w->to) {
		loop_call(link_loop(m->calls->link), &m->turn);
		return 0;
	}
	int r = call(m, ends(m), VERB_MOVE_PREPARE, !(m->alike[m->from] & host_bit(w->to)), on_prepare);

	m->busy = r == 0;
	return r;
}

static void start_next(struct mover *m)
{
	struct wish w;

	if (m->busy)
		return;
	if (m->has_first && m->held == 1) {
		w = m->first;
		m->has_first = false;
	} else if (!m->held && m->head != m->tail) {
		w = m->queue[m->head++ % MOVER_QUEUE_MAX];
	} else {
		return;
	}
	int r = begin(m, w);

	if (!r)
		return;
	note_errno(m, r);
	finish(m);
}

static int check(const struct mover *m, uint32_t vcpu, host_id to)
{
	return placement_host(&m->placement, vcpu) == HOST_NONE || to >= m->desc->hosts_n ? -EINVAL : 0;
}

int mover_move(struct mover *m, uint32_t vcpu, host_id to, mover_done done, void *ctx)
{
	struct wish w = {.vcpu = vcpu, .to = to, .done = done, .ctx = ctx};
	int r = check(m, vcpu, to);

	if (r)
		return r;
	if (!m->busy && !m->held && m->head == m->tail)
		return begin(m, w);
	if (m->tail - m->head + m->busy >= MOVER_QUEUE_MAX)
		return -ENOSPC;
	m->queue[m->tail++ % MOVER_QUEUE_MAX] = w;
	return 0;
}

int mover_move_held(struct mover *m, uint32_t vcpu, host_id to, mover_done done, void *ctx)
{
	struct wish w = {.vcpu = vcpu, .to = to, .done = done, .ctx = ctx};
	int r = check(m, vcpu, to);

	if (r)
		return r;
	if (!m->busy && m->held == 1)
		return begin(m, w);
	if (m->has_first)
		return -EBUSY;
	m->first = w;
	m->has_first = true;
	return 0;
}

bool mover_hold(struct mover *m, struct mover_hold *h)
{
	h->next = NULL;
	if (m->busy) {
		*m->holds_tail = h;
		m->holds_tail = &h->next;
		return false;
	}
	m->held++;
	return true;
}

void mover_release(struct mover *m)
{
	m->held--;
	start_next(m);
}

struct mover *mover_create(struct calls *calls, const struct machine_desc *desc)
{
	struct mover *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->calls = calls;
	m->desc = desc;
	m->holds_tail = &m->holds;
	m->turn = (struct loop_task){.fn = on_turn, .arg = m};
	return m;
}

void mover_started(struct mover *m)
{
	placement_init(&m->placement, m->desc);
}

void mover_destroy(struct mover *m)
{
	while (m && m->busy) { // the calls are over: only a turn can be what it waits for
		loop_uncall(link_loop(m->calls->link), &m->turn);
		note(m, "the guest is over");
		finish(m);
	}
	free(m);
}

host_id mover_host(const struct mover *m, uint32_t vcpu)
{
	return placement_host(&m->placement, vcpu);
}

json_t *mover_placement(const struct mover *m)
{
	json_t *list = json_array();

	for (uint32_t v = 0; v < m->placement.vcpus_n; v++)
		json_array_append_new(list, json_pack("{s:i,s:i,s:i}", "vcpu", (int)v, "host",
						      (int)placement_host(&m->placement, v), "home",
						      (int)desc_host_of_vcpu(m->desc, v)));
	return list;
}

json_t *mover_result_json(const struct mover_result *r)
{
	return json_pack("{s:i,s:i,s:i,s:b,s:I,s:I,s:I,s:I,s:i}", "vcpu", (int)r->vcpu, "from", (int)r->from, "to",
			 (int)r->to, "ran", (int)r->ran, "pause-ns", (json_int_t)r->pause_ns, "pack-ns",
			 (json_int_t)r->pack_ns, "wire-ns", (json_int_t)r->wire_ns, "unpack-ns",
			 (json_int_t)r->unpack_ns, "bytes", (int)r->bytes);
}
