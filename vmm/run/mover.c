// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/mover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/machine/placement.h"
#include "vmm/run/ops_priv.h"

struct mover {
	struct ops *ops;
	const struct machine_desc *desc;
	struct placement placement;
	host_set alike[HOSTS_MAX]; // by source: destinations whose processors were compared
};

/* One on its way, or waiting for its turn. */
struct move {
	struct op op; // the first member
	struct mover *m;
	uint32_t vcpu;
	host_id from, to;
	mover_done done;
	void *ctx;
	bool out_over, wait_over, left; // left: the source has let go of it
	struct mover_result result;
};

static void over(struct op *op, const char *error)
{
	struct move *w = (struct move *)op;

	w->done(w->ctx, error ? NULL : &w->result, error);
	free(w);
}

static void note(struct move *w, const struct call_answer *bad)
{
	char text[DESC_REPORT_MAX];

	if (bad->late)
		ops_answer_text(&w->op, w->m->desc, bad, text);
	op_say(&w->op, "%s", bad->late ? text : bad->error);
}

static void note_errno(struct move *w, int r)
{
	if (r == -ESHUTDOWN)
		op_say(&w->op, "the guest is over");
	else if (r == -ETIME)
		op_say(&w->op, "%s: its time is over", w->op.name);
	else
		op_say(&w->op, "the hosts cannot be asked: %s", strerror(-r));
}

static int call(struct move *w, host_set to, enum verb verb, call_done done)
{
	struct mover *m = w->m;
	unsigned ms = op_left_ms(&w->op, verb_info(verb)->ms);
	json_t *args = json_pack("{s:i,s:i,s:i,s:I}", "vcpu", (int)w->vcpu, "from", (int)w->from, "to", (int)w->to,
				 "placement", (json_int_t)(m->placement.version + 1));

	if (verb == VERB_MOVE_PREPARE)
		json_object_set_new(args, "traits", json_boolean(!(m->alike[w->from] & host_bit(w->to))));
	int r = !args ? -ENOMEM : !ms ? -ETIME : calls_start(m->ops->calls, to, verb, args, ms, done, w);

	json_decref(args);
	return r;
}

static host_set ends(const struct move *w)
{
	return host_bit(w->from) | host_bit(w->to);
}

/* ---- the last step: all hosts know ---- */

static void on_commit(void *ctx, const struct call_answer *a, unsigned n)
{
	struct move *w = ctx;
	const struct call_answer *bad = call_first_error(a, n);

	if (bad)
		note(w, bad);
	op_end(&w->op);
}

static void commit(struct move *w)
{
	struct mover *m = w->m;

	op_more_time(&w->op, OPS_UNDO_MS); // it has left: whatever its time, all have to know
	int r = call(w, desc_all_hosts(m->desc), VERB_MOVE_COMMIT, on_commit);

	placement_move(&m->placement, w->vcpu, w->from, w->to);
	if (!r)
		return;
	note_errno(w, r);
	op_end(&w->op);
}

/* ---- it did not work ---- */

static void take_left(struct move *w, const struct call_answer *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i].host == w->from && a[i].form == CALL_JSON)
			w->left = json_is_true(json_object_get(a[i].json, "left"));
}

/* Did the source send it before it heard of this? Then it is the destination's, whatever the matter was. */
static void on_cancel(void *ctx, const struct call_answer *a, unsigned n)
{
	struct move *w = ctx;

	take_left(w, a, n);
	if (w->left)
		commit(w);
	else
		op_end(&w->op);
}

static void cancel(struct move *w)
{
	op_more_time(&w->op, OPS_UNDO_MS);
	int r = call(w, ends(w), VERB_MOVE_CANCEL, on_cancel);

	if (!r)
		return;
	note_errno(w, r);
	op_end(&w->op);
}

/* ---- out and wait ---- */

static void both_over(struct move *w)
{
	if (!w->out_over || !w->wait_over)
		return;
	if (w->left)
		commit(w);
	else
		op_end(&w->op);
}

static void stop_waiting(void *ctx, const struct call_answer *a, unsigned n)
{
	struct move *w = ctx;

	take_left(w, a, n);
	w->out_over = true;
	both_over(w);
}

static void on_out(void *ctx, const struct call_answer *a, unsigned n)
{
	struct move *w = ctx;
	const struct call_answer *bad = call_first_error(a, n);

	if (!bad) {
		w->out_over = w->left = true;
		both_over(w);
		return;
	}
	note(w, bad);
	op_more_time(&w->op, OPS_UNDO_MS);
	int r = call(w, ends(w), VERB_MOVE_CANCEL, stop_waiting); // ends the destination's wait too
	if (r) {
		note_errno(w, r);
		w->out_over = true;
		both_over(w);
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

static void take_times(struct move *w, const json_t *o)
{
	w->result.ran = json_is_true(json_object_get(o, "ran"));
	w->result.pause_ns = ticks_ns(o, "left", "entered");
	w->result.pack_ns = ticks_ns(o, "left", "packed");
	w->result.wire_ns = ticks_ns(o, "packed", "received");
	w->result.unpack_ns = ticks_ns(o, "received", "entered");
	w->result.bytes = (uint32_t)json_integer_value(json_object_get(o, "bytes"));
}

static void on_wait(void *ctx, const struct call_answer *a, unsigned n)
{
	struct move *w = ctx;
	const struct call_answer *bad = call_first_error(a, n);

	if (bad)
		note(w, bad);
	else
		take_times(w, a[0].json);
	w->wait_over = true;
	both_over(w);
}

/* ---- prepare ---- */

static const json_t *answer_of(const struct call_answer *a, unsigned n, host_id h)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i].host == h)
			return a[i].json;
	return NULL;
}

static void go(struct move *w)
{
	int r = call(w, host_bit(w->to), VERB_MOVE_WAIT, on_wait);

	if (r) {
		note_errno(w, r);
		cancel(w);
		return;
	}
	r = call(w, host_bit(w->from), VERB_MOVE_OUT, on_out);
	if (!r)
		return;
	note_errno(w, r); // the wait is ended by the cancellation
	on_out(w, &(struct call_answer){.form = CALL_ERROR, .error = w->op.error}, 1);
}

static void on_prepare(void *ctx, const struct call_answer *a, unsigned n)
{
	struct move *w = ctx;
	struct mover *m = w->m;
	const struct call_answer *bad = call_first_error(a, n);
	char why[DESC_REPORT_MAX] = "";

	if (bad)
		note(w, bad);
	else if (!(m->alike[w->from] & host_bit(w->to)))
		mover_compare(answer_of(a, n, w->from), answer_of(a, n, w->to), why, sizeof(why));
	if (why[0])
		op_say(&w->op, "a vCPU of host %u cannot go on on host %u: %.400s", w->from, w->to, why);
	if (bad || why[0]) {
		cancel(w);
		return;
	}
	m->alike[w->from] |= host_bit(w->to);
	go(w);
}

/* What stood before it in the queue may have taken the vCPU out of the guest, or its destination. */
static bool can_be(struct move *w)
{
	if (w->from == HOST_NONE)
		op_say(&w->op, "there is no vCPU %u any more", w->vcpu);
	else if (!desc_is_member(w->m->desc, w->to))
		op_say(&w->op, "host %u has left", w->to);
	return !w->op.error[0];
}

static void begin(struct op *op)
{
	struct move *w = (struct move *)op;

	w->from = placement_host(&w->m->placement, w->vcpu);
	if (!can_be(w)) {
		op_end(op);
		return;
	}
	w->result = (struct mover_result){.vcpu = w->vcpu, .from = w->from, .to = w->to};
	int r = w->from == w->to ? 0 : call(w, ends(w), VERB_MOVE_PREPARE, on_prepare);

	if (r)
		note_errno(w, r);
	if (r || w->from == w->to)
		op_end(op);
}

static struct move *move_new(struct mover *m, uint32_t vcpu, host_id to, mover_done done, void *ctx)
{
	struct move *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->op = (struct op){.cls = OP_MOVE, .ms = MOVER_MS, .begin = begin, .over = over};
	snprintf(w->op.name, sizeof(w->op.name), "move of vCPU %u", vcpu);
	w->m = m;
	w->vcpu = vcpu;
	w->to = to;
	w->done = done;
	w->ctx = ctx;
	return w;
}

static int add(struct mover *m, struct op *parent, uint32_t vcpu, host_id to, mover_done done, void *ctx)
{
	if (placement_host(&m->placement, vcpu) == HOST_NONE || !desc_is_member(m->desc, to))
		return -EINVAL;
	struct move *w = move_new(m, vcpu, to, done, ctx);
	int r = !w ? -ENOMEM : parent ? op_add_inside(parent, &w->op) : ops_add(m->ops, &w->op);

	if (r)
		free(w);
	return r;
}

int mover_move(struct mover *m, uint32_t vcpu, host_id to, mover_done done, void *ctx)
{
	return add(m, NULL, vcpu, to, done, ctx);
}

int mover_move_inside(struct mover *m, struct op *parent, uint32_t vcpu, host_id to, mover_done done, void *ctx)
{
	return add(m, parent, vcpu, to, done, ctx);
}

struct mover *mover_create(struct ops *ops)
{
	struct mover *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ops = ops;
	m->desc = ops->desc;
	ops->mover = m;
	return m;
}

void mover_started(struct mover *m)
{
	placement_init(&m->placement, m->desc);
}

void mover_follow(struct mover *m)
{
	placement_follow(&m->placement, m->desc);
}

void mover_destroy(struct mover *m)
{
	free(m);
}

uint32_t mover_version(const struct mover *m)
{
	return m->placement.version;
}

void mover_host_new(struct mover *m, host_id h)
{
	m->alike[h] = 0;
	for (unsigned from = 0; from < HOSTS_MAX; from++)
		m->alike[from] &= ~host_bit(h);
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
