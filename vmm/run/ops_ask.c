// SPDX-License-Identifier: Apache-2.0
// Operations of one step: a question to hosts, and what becomes of their answers.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/run/ops_priv.h"

#define PRESS_AGAIN_NS 5000000u // while the board is on its way, which takes some milliseconds

struct ask {
	struct ops_op o;
	struct ops_kind kind; // of the verb's name and time
	host_set to;
	enum verb verb;
	json_t *args;      // owned
	json_t *answers;   // owned; once they are there
	const char *event; // told when it is done; NULL: none
	int vcpu;          // registers
	ops_answers answered;
};

/* What is an object gets "host" and its address added; hosts say nothing else where this is used. */
static json_t *by_host(struct ask *w, const struct call_answer *a, unsigned n)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < n; i++) {
		if (!json_is_object(a[i].json)) {
			op_say(&w->o.op, "host %u answered '%s' with something that is no object", a[i].host,
			       verb_name(w->verb));
			json_decref(all);
			return NULL;
		}
		json_t *o = json_pack("{s:i,s:s}", "host", (int)a[i].host, "address",
				      w->o.v->desc->hosts[a[i].host].address);

		json_object_update_missing(o, a[i].json);
		json_array_append_new(all, o);
	}
	return all;
}

json_t *ops_by_vcpu(const struct ops *ops, const struct call_answer *answers, unsigned n)
{
	json_t *all = json_array();

	for (unsigned v = 0; v < desc_vcpus(ops->desc); v++)
		for (unsigned i = 0; i < n; i++) {
			const json_t *o;
			size_t at;

			json_array_foreach(answers[i].json, at, o) if (json_integer_value(json_object_get(o, "vcpu")) ==
								       v) json_array_append(all, (json_t *)o);
		}
	return all;
}

static json_t *looks(struct ask *w, const struct call_answer *a, unsigned n)
{
	json_t *all = ops_by_vcpu(w->o.v, a, n);

	if (json_array_size(all) == (w->vcpu == OPS_ALL_VCPUS ? desc_vcpus_present(w->o.v->desc) : 1))
		return all;
	op_say(&w->o.op, OPS_LACKS_VCPUS);
	json_decref(all);
	return NULL;
}

static void on_answers(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ask *w = ctx;
	const char *error = ops_error(&w->o, a, n);

	if (!error && w->answered)
		w->answers = w->verb == VERB_REGISTERS ? looks(w, a, n) : by_host(w, a, n);
	ops_step_over(&w->o, error ? error : w->o.op.error[0] ? w->o.op.error : NULL);
}

static void ask(struct ops_op *o)
{
	struct ask *w = (struct ask *)o;
	json_t *args = w->args;

	w->args = NULL;
	ops_ask(o, w->to, w->verb, args, on_answers);
}

static void finish(struct ops_op *o, const char *error)
{
	struct ask *w = (struct ask *)o;

	if (!error && w->event)
		ops_tell(o->v, w->event, NULL);
}

static void tell(struct ops_op *o, const char *error)
{
	struct ask *w = (struct ask *)o;

	if (w->answered)
		w->answered(o->ctx, error ? NULL : w->answers, error);
	else if (o->done)
		o->done(o->ctx, error);
}

static void drop(struct ops_op *o)
{
	struct ask *w = (struct ask *)o;

	json_decref(w->args);
	json_decref(w->answers);
}

static const struct ops_step steps[] = {{ask, NULL}, {0}};

/* args: consumed. */
static struct ask *ask_new(struct ops *v, enum verb verb, json_t *args, enum op_class cls, void *ctx)
{
	struct ops_kind kind = {.name = verb_name(verb),
				.cls = cls,
				.ms = verb_info(verb)->ms,
				.steps = steps,
				.finish = finish,
				.tell = tell,
				.drop = drop};
	struct ask *w = (struct ask *)ops_op_new(v, &kind, sizeof(*w), NULL, ctx);

	if (!w) {
		json_decref(args);
		return NULL;
	}
	w->kind = kind;
	w->o.kind = &w->kind;
	w->to = desc_all_hosts(v->desc);
	w->verb = verb;
	w->args = args;
	return w;
}

static int add(struct ask *w)
{
	return ops_op_add(w ? &w->o : NULL);
}

int ops_ask_all(struct ops *v, enum verb verb, json_t *args, enum op_class cls, ops_answers answered, void *ctx)
{
	struct ask *w = ask_new(v, verb, args, cls, ctx);

	if (w)
		w->answered = answered;
	return add(w);
}

static void press(void *op)
{
	struct ops_op *o = op;
	struct ops *v = o->v;

	if (!v->board_goes) {
		((struct ask *)o)->to = host_bit(desc_device_host(v->desc, DEVICE_PM));
		ask(o);
	} else if (op_left_ms(&o->op, 1)) {
		o->question.again = (struct loop_timer){.fn = press, .arg = o};
		loop_timer_in(link_loop(v->calls->link), &o->question.again, PRESS_AGAIN_NS);
	} else {
		ops_step_over(o, "the ACPI chip was on its way to another host for too long");
	}
}

static void begin_press(struct ops_op *o)
{
	press(o);
}

static const struct ops_step press_steps[] = {{begin_press, NULL}, {0}};

int ops_powerdown(struct ops *v, ops_done done, void *ctx)
{
	struct ask *w = ask_new(v, VERB_POWERDOWN, NULL, OP_FREE, ctx);

	if (w) {
		w->kind.steps = press_steps;
		w->o.done = done;
		w->event = "POWERDOWN";
	}
	return add(w);
}

int ops_nmi(struct ops *v, ops_done done, void *ctx)
{
	struct ask *w = ask_new(v, VERB_NMI, NULL, OP_STILL, ctx);

	if (w)
		w->o.done = done;
	return add(w);
}

int ops_registers(struct ops *v, int vcpu, ops_answers done, void *ctx)
{
	if (vcpu < OPS_ALL_VCPUS || vcpu >= (int)desc_vcpus(v->desc))
		return -EINVAL;
	struct ask *w = ask_new(v, VERB_REGISTERS, json_pack("{s:i}", "vcpu", vcpu), OP_STILL, ctx);

	if (w) {
		w->answered = done;
		w->vcpu = vcpu;
	}
	return add(w);
}
