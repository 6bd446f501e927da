// SPDX-License-Identifier: Apache-2.0
// The steps of an operation: forwards, backwards after a failure, and what they ask of hosts.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/run/ops_priv.h"

#define AGAIN_NS 10000000u // a question that found no room

static struct ops_op *of(struct op *op)
{
	return (struct ops_op *)op;
}

uint64_t ops_ms(const struct ops *v, uint64_t ms)
{
	return ms * (v->desc->dilate ? v->desc->dilate : 1);
}

/* ---- begin and end ---- */

static void go_on(struct ops_op *o);

static void begin(struct op *op)
{
	struct ops_op *o = of(op);

	o->ran = o->v->state == OPS_RUNNING;
	go_on(o);
}

static void drop(struct ops_op *o)
{
	loop_timer_stop(&o->question.again);
	json_decref(o->question.args);
	if (o->kind->drop)
		o->kind->drop(o);
	free(o);
}

static void over(struct op *op, const char *error)
{
	struct ops_op *o = of(op);

	if (o->kind->finish)
		o->kind->finish(o, error);
	if (o->kind->tell)
		o->kind->tell(o, error);
	else if (o->done)
		o->done(o->ctx, error);
	drop(o);
}

struct ops_op *ops_op_new(struct ops *v, const struct ops_kind *kind, size_t bytes, ops_done done, void *ctx)
{
	struct ops_op *o = calloc(1, bytes);

	if (!o)
		return NULL;
	o->op = (struct op){.cls = kind->cls, .ms = ops_ms(v, kind->ms), .begin = begin, .over = over};
	snprintf(o->op.name, sizeof(o->op.name), "%s", kind->name);
	o->v = v;
	o->kind = kind;
	o->done = done;
	o->ctx = ctx;
	return o;
}

int ops_add(struct ops *v, struct op *op)
{
	return v->state >= OPS_SHUTDOWN || !(v->queue.served & 1u << op->cls) ? -ESHUTDOWN : op_add(&v->queue, op);
}

int ops_op_add(struct ops_op *o)
{
	int r = o ? ops_add(o->v, &o->op) : -ENOMEM;

	if (r && o)
		drop(o);
	return r;
}

/* ---- one step after the other ---- */

/* The machine is left as nobody asked for, some of its vCPUs or hosts here and some there. */
static void stuck(struct ops_op *o, const char *error)
{
	struct ops *v = o->v;
	char text[DESC_REPORT_MAX + 64];

	op_say(&o->op, "%s", error);
	snprintf(text, sizeof(text), "%s: %s", o->kind->stuck, error);
	op_end(&o->op);
	if (v->broken && v->state < OPS_SHUTDOWN)
		v->broken(v->broken_ctx, text);
}

/* For tests, PANDO_KILL_AT=OPERATION/STEP:PID: that process, a host's, ends before that step (the first is 0). */
static void kill_at(const struct ops_op *o)
{
	const char *at = getenv("PANDO_KILL_AT");
	char name[sizeof(o->op.name)];
	int step, pid;

	if (!at || sscanf(at, "%47[^/]/%d:%d", name, &step, &pid) != 3 || pid <= 1)
		return;
	if (step != o->at || strcmp(name, o->kind->name))
		return;
	log_warn("PANDO_KILL_AT: process %d ends before step %d of %s", pid, step, name);
	kill(pid, SIGKILL);
}

static void go_on(struct ops_op *o)
{
	const struct ops_step *s = &o->kind->steps[o->at];

	if (!o->undoing) {
		if (s->run)
			kill_at(o);
		if (s->run)
			s->run(o);
		else
			op_end(&o->op);
		return;
	}
	while (o->at >= 0 && !o->kind->steps[o->at].undo)
		o->at--;
	if (o->at >= 0)
		o->kind->steps[o->at].undo(o);
	else
		op_end(&o->op);
}

void ops_step_over(struct ops_op *o, const char *error)
{
	if (error && o->undoing && o->kind->stuck) {
		stuck(o, error);
		return;
	}
	if (error && !o->undoing) {
		op_say(&o->op, "%s", error);
		op_more_time(&o->op, ops_ms(o->v, OPS_UNDO_MS));
		o->undoing = true;
	} else {
		o->at += o->undoing ? -1 : 1;
	}
	go_on(o);
}

void ops_no_way_back(struct ops_op *o)
{
	char first[DESC_REPORT_MAX];

	memcpy(first, o->op.error, sizeof(first));
	stuck(o, first);
}

/* ---- questions to hosts ---- */

void ops_answer_text(const struct op *op, const struct machine_desc *desc, const struct call_answer *bad, char *text)
{
	const char *address = desc->hosts[bad->host].address; // none: it is no member yet

	if (bad->late)
		snprintf(text, DESC_REPORT_MAX, "%s: host %u%s%s: %s", op->name, bad->host, *address ? " at " : "",
			 address, bad->error);
	else
		snprintf(text, DESC_REPORT_MAX, "host %u: %s", bad->host, bad->error);
}

const char *ops_error(struct ops_op *o, const struct call_answer *answers, unsigned n)
{
	const struct call_answer *bad = call_first_error(answers, n);

	if (!bad)
		return NULL;
	ops_answer_text(&o->op, o->v->desc, bad, o->said);
	return o->said;
}

void ops_answered(void *op, const struct call_answer *answers, unsigned n)
{
	ops_step_over(op, ops_error(op, answers, n));
}

static void put_question(void *op)
{
	struct ops_op *o = op;
	struct ops *v = o->v;
	enum verb verb = o->asked;
	json_t *args = o->question.args;
	unsigned ms = op_left_ms(&o->op, (unsigned)ops_ms(v, verb_info(verb)->ms));
	int r = v->state >= OPS_SHUTDOWN ? -ESHUTDOWN
		: !ms                    ? -ETIME
					 : calls_start(v->calls, o->question.to, verb, args, ms, o->question.done, o);

	if (r == -ENOSPC) {
		loop_timer_in(link_loop(v->calls->link), &o->question.again, AGAIN_NS);
		return;
	}
	o->question.args = NULL;
	json_decref(args);
	if (!r)
		return;
	if (r == -ETIME)
		snprintf(o->said, sizeof(o->said), "%s: its time was over before hosts could be asked to '%s'",
			 o->op.name, verb_name(verb));
	else
		snprintf(o->said, sizeof(o->said), "the hosts cannot be asked to '%s': %s", verb_name(verb),
			 r == -ESHUTDOWN ? "the guest is over" : strerror(-r));
	ops_step_over(o, o->said);
}

void ops_ask(struct ops_op *o, host_set to, enum verb verb, json_t *args, call_done done)
{
	o->asked = verb;
	o->question.to = to;
	o->question.args = args;
	o->question.done = done;
	o->question.again = (struct loop_timer){.fn = put_question, .arg = o};
	put_question(o);
}

void ops_ask_everyone(struct ops_op *o, enum verb verb, json_t *args, call_done done)
{
	ops_ask(o, desc_all_hosts(o->v->desc), verb, args, done);
}
