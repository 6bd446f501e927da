// SPDX-License-Identifier: Apache-2.0
/*
 * Stopping the vCPUs of all hosts so that the guest's clock stands still, and letting them go on.
 *
 * Stop: every host gets its vCPUs out of the guest. When all are out, every host freezes the time of its chips and says
 * what the cluster clock is; the latest of these is where the guest's time stands: no vCPU and no chip has seen a later
 * one. Interrupts that were on their way between hosts have arrived when as many came as were sent.
 *
 * Go: every host says what the clock is now; T is the latest. Each host takes T - (where it stands) out of the guest's
 * clock and lets its vCPUs go on, not before its own clock has come to T. So the first thing a vCPU can read is where
 * time stood.
 */
#include "net/log.h"
#include "vmm/run/ops_priv.h"

#define SETTLE_LOOKS 1000u

static uint64_t latest(const struct call_answer *a, unsigned n)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t clock = (uint64_t)json_integer_value(json_object_get(a[i].json, "clock"));

		at = clock > at ? clock : at;
	}
	return at;
}

static json_int_t sum(const struct call_answer *a, unsigned n, const char *key)
{
	json_int_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += json_integer_value(json_object_get(a[i].json, key));
	return total;
}

static bool all_adjustable(const struct call_answer *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!json_is_true(json_object_get(a[i].json, "adjustable")))
			return false;
	return true;
}

/* ---- stop ---- */

static void freeze(struct ops_op *o);

static void on_frozen(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct ops *v = o->v;
	const char *error = ops_error(o, a, n);

	if (error) {
		ops_step_over(o, error);
		return;
	}
	v->settled = sum(a, n, "irqs_out") + v->left_out == sum(a, n, "irqs_in") + v->left_in;
	if (!v->settled) {
		if (o->settling++ < SETTLE_LOOKS) {
			freeze(o);
			return;
		}
		log_warn("interrupts sent between the hosts have not all arrived");
	}
	v->paused_tsc = latest(a, n);
	v->adjustable = all_adjustable(a, n);
	if (!v->adjustable && !v->warned)
		log_warn("a host's KVM cannot move the guest's clock: it does not stand still while the guest is "
			 "stopped");
	v->warned |= !v->adjustable;
	o->halted = true;
	ops_step_over(o, NULL);
}

static void freeze(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_FREEZE, NULL, on_frozen);
}

static void on_paused(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);

	if (error)
		ops_step_over(o, error);
	else
		freeze(o);
}

void ops_halt(struct ops_op *o)
{
	if (o->ran)
		ops_ask_everyone(o, VERB_PAUSE, NULL, on_paused);
	else
		ops_step_over(o, NULL);
}

/* ---- go on ---- */

static void on_gone(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);

	if (!error) {
		o->halted = false;
		o->v->held += o->held;
	}
	ops_step_over(o, error);
}

static void on_clocks(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct ops *v = o->v;
	const char *error = ops_error(o, a, n);
	uint64_t now = latest(a, n);

	if (error) {
		ops_step_over(o, error);
		return;
	}
	o->held = v->adjustable && now > v->paused_tsc ? now - v->paused_tsc : 0;
	ops_ask_everyone(o, VERB_RESUME,
			 json_pack("{s:I,s:I}", "not_before", (json_int_t)now, "held", (json_int_t)o->held), on_gone);
}

void ops_go(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_CLOCK, NULL, on_clocks);
}

void ops_go_again(struct ops_op *o)
{
	if (o->ran)
		ops_go(o);
	else
		ops_step_over(o, NULL);
}

/* A host that could not stop can't go on either: what failed first is told. */
static void on_let_go(void *ctx, const struct call_answer *a, unsigned n)
{
	(void)a;
	(void)n;
	ops_step_over(ctx, NULL);
}

/* Some hosts did not stop: those that did go on. */
void ops_unhalt(struct ops_op *o)
{
	if (o->halted || !o->ran)
		ops_go_again(o);
	else
		ops_ask_everyone(o, VERB_RESUME, json_pack("{s:i,s:i}", "not_before", 0, "held", 0), on_let_go);
}
