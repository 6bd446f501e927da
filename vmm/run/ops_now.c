// SPDX-License-Identifier: Apache-2.0
// What is done to the machine at once, beside the commands of ops.c: power button, NMI, a look at registers.
#include <errno.h>
#include <stdlib.h>

#include "vmm/run/ops_priv.h"

struct now {
	struct ops *v;
	host_set to;
	enum verb verb;
	json_t *args; // owned
	call_done answered;
	const char *event; // to tell when it is done
	ops_done done;
	ops_registers_done registers;
	void *ctx;
	int vcpu;
	bool each_vcpu; // every one has to be on a host meanwhile
	bool holds;
	struct mover_hold hold;
};

static void now_free(struct now *w)
{
	if (w->holds)
		mover_release(w->v->mover);
	json_decref(w->args);
	free(w);
}

static void on_now(void *ctx, const struct call_answer *answers, unsigned n)
{
	struct now *w = ctx;
	const char *error = ops_error(w->v, answers, n);

	if (!error && w->event)
		ops_tell(w->v, w->event, NULL);
	if (w->done)
		w->done(w->ctx, error);
	now_free(w);
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

static void on_looks(void *ctx, const struct call_answer *answers, unsigned n)
{
	struct now *w = ctx;
	const char *error = ops_error(w->v, answers, n);
	json_t *all = error ? NULL : ops_by_vcpu(w->v, answers, n);

	if (!error && json_array_size(all) != (w->vcpu == OPS_ALL_VCPUS ? desc_vcpus_present(w->v->desc) : 1))
		error = OPS_LACKS_VCPUS;
	w->registers(w->ctx, error ? NULL : all, error);
	json_decref(all);
	now_free(w);
}

static int start_now(struct now *w)
{
	if (w->v->state == OPS_PRELAUNCH || w->v->state >= OPS_SHUTDOWN)
		return -ESHUTDOWN;
	return calls_start(w->v->calls, w->to, w->verb, w->args, OPS_CALL_MS, w->answered, w);
}

/* The move that was under way is over. */
static void now_held(void *ctx)
{
	struct now *w = ctx;

	w->holds = true;
	int r = start_now(w);
	const char *error = r == -ESHUTDOWN ? "the guest is over" : "too much is under way";

	if (!r)
		return;
	if (w->registers)
		w->registers(w->ctx, NULL, error);
	else if (w->done)
		w->done(w->ctx, error);
	now_free(w);
}

/* what: copied; its arguments are consumed. */
static int ask_now(struct now what)
{
	struct now *w = malloc(sizeof(*w));

	if (!w) {
		json_decref(what.args);
		return -ENOMEM;
	}
	*w = what;
	w->hold = (struct mover_hold){.then = now_held, .ctx = w};
	if (w->each_vcpu && w->v->mover && !mover_hold(w->v->mover, &w->hold))
		return 0;
	w->holds = w->each_vcpu && w->v->mover;
	int r = start_now(w);

	if (r)
		now_free(w);
	return r;
}

int ops_powerdown(struct ops *v, ops_done done, void *ctx)
{
	return ask_now((struct now){.v = v,
				    .to = host_bit(0),
				    .verb = VERB_POWERDOWN,
				    .answered = on_now,
				    .event = "POWERDOWN",
				    .done = done,
				    .ctx = ctx});
}

int ops_nmi(struct ops *v, ops_done done, void *ctx)
{
	return ask_now((struct now){.v = v,
				    .to = desc_all_hosts(v->desc),
				    .verb = VERB_NMI,
				    .answered = on_now,
				    .done = done,
				    .ctx = ctx,
				    .each_vcpu = true});
}

int ops_registers(struct ops *v, int vcpu, ops_registers_done done, void *ctx)
{
	if (vcpu < OPS_ALL_VCPUS || vcpu >= (int)desc_vcpus(v->desc))
		return -EINVAL;
	return ask_now((struct now){.v = v,
				    .to = desc_all_hosts(v->desc),
				    .verb = VERB_REGISTERS,
				    .args = json_pack("{s:i}", "vcpu", vcpu),
				    .answered = on_looks,
				    .registers = done,
				    .ctx = ctx,
				    .vcpu = vcpu,
				    .each_vcpu = true});
}
