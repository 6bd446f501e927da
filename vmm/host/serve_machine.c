// SPDX-License-Identifier: Apache-2.0
/*
 * The hosts' side of what vmm/run/ops.h does to the whole machine. Each verb acts on this host's share at once and
 * answers when that has happened; the order over all hosts is the caller's business.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/call/boot_image.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

/* A call that is answered later. */
struct later {
	struct guest *g;
	uint64_t call;
	json_t *answer; // or
	char error[DESC_REPORT_MAX];
};

static struct later *later_new(struct guest *g, uint64_t call)
{
	struct later *l = calloc(1, sizeof(*l));

	if (!l) {
		serve_return_error(g, call, "no memory");
		return NULL;
	}
	l->g = g;
	l->call = call;
	return l;
}

static void answer_later(struct guest *g, void *arg)
{
	struct later *l = arg;

	if (l->answer)
		serve_return_json(g, l->call, l->answer);
	else
		serve_return_error(g, l->call, "%s", l->error);
	free(l);
}

static void post_answer(struct later *l, void (*answer)(struct guest *g, void *arg))
{
	if (guest_post(l->g, answer, l))
		return;
	json_decref(l->answer); // being taken down: nobody listens
	free(l);
}

/* ---- pause and resume ---- */

static json_t *clock_json(uint64_t tsc)
{
	return json_pack("{s:I}", "clock", (json_int_t)tsc);
}

/* A reset that a vCPU asked for before it left the guest is told first: it belongs to the life that this pause ends. */
static void answer_pause(struct guest *g, void *arg)
{
	struct later *l = arg;

	if (l->answer)
		span_trace_paused(g->span, true);
	guest_news_end(g);
	answer_later(g, l);
}

static void on_paused(void *ctx, bool paused)
{
	struct later *l = ctx;

	if (paused)
		l->answer = clock_json(machine_clock_now(l->g->machine));
	else
		snprintf(l->error, sizeof(l->error), "host %u was told to go on meanwhile", l->g->self);
	post_answer(l, answer_pause);
}

void serve_pause(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	struct later *l = serve_has_machine(g, call) ? later_new(g, call) : NULL;

	if (l && machine_pause(g->machine, on_paused, l)) {
		serve_return_error(g, call, "host %u is being paused already", g->self);
		free(l);
	}
}

/* irqs: those this host has sent to others, and got. Over all hosts the sums are equal once none is on its way. */
void serve_freeze(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t out, in;

	(void)args;
	if (!serve_has_machine(g, call))
		return;
	json_t *o = clock_json(machine_clock_freeze(g->machine));

	span_irqs(g->span, &out, &in);
	json_object_set_new(o, "irqs_out", json_integer((json_int_t)out));
	json_object_set_new(o, "irqs_in", json_integer((json_int_t)in));
	json_object_set_new(o, "adjustable", json_boolean(machine_clock_adjustable(g->machine)));
	serve_return_json(g, call, o);
}

void serve_clock(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	if (serve_has_machine(g, call))
		serve_return_json(g, call, clock_json(machine_clock_now(g->machine)));
}

void serve_resume(struct guest *g, uint64_t call, json_t *args)
{
	if (!serve_has_machine(g, call))
		return;
	int r = machine_resume(g->machine, serve_u64(args, "not_before"), serve_u64(args, "held"));

	if (r) {
		serve_return_error(g, call, "host %u cannot go on: %s", g->self,
				   r == -ERANGE ? "the hosts' clocks are too far apart"
						: "its KVM cannot move the guest's clock");
		return;
	}
	span_trace_paused(g->span, false);
	serve_return_json(g, call, json_object());
}

/* ---- reset ---- */

static void do_reset(struct guest *g, void *arg)
{
	struct later *l = arg;
	const struct guest_image *k = &g->images[CTL_KERNEL], *i = &g->images[CTL_INITRD];
	struct machine_images images = {k->bytes, i->bytes, k->total, i->total};

	if (machine_reset(g->machine, &images, l->error, sizeof(l->error)) == 0)
		l->answer = json_object();
	__atomic_store_n(&g->news_had, 0, __ATOMIC_RELAXED);
}

static void reset_done(struct guest *g, void *arg, bool cancelled)
{
	struct later *l = arg;

	if (cancelled)
		snprintf(l->error, sizeof(l->error), "host %u is being stopped", g->self);
	else
		guest_life_begin(g, true);
	answer_later(g, l);
}

void serve_reset(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	struct later *l = serve_has_machine(g, call) ? later_new(g, call) : NULL;
	int r = l ? guest_work(g, do_reset, reset_done, l) : 0;

	if (r) {
		serve_return_error(g, call, "host %u cannot begin a reset: %s", g->self, strerror(-r));
		free(l);
	}
}

/* ---- pins ---- */

void serve_powerdown(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	if (!serve_has_machine(g, call))
		return;
	machine_power_button(g->machine);
	serve_return_json(g, call, json_object());
}

void serve_nmi(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	if (!serve_has_machine(g, call))
		return;
	machine_nmi(g->machine);
	serve_return_json(g, call, json_object());
}

/* ---- registers ---- */

struct looks {
	struct guest *g;
	uint64_t call;
	_Atomic unsigned left;
	bool failed; // no memory to look at one of them
	unsigned n;
	json_t *of[]; // one a vCPU; each is written on that vCPU's thread
};

static json_t *word(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *segment_json(const struct hv_segment *s)
{
	return json_pack("{s:I,s:I,s:I,s:I}", "selector", (json_int_t)s->selector, "base", (json_int_t)s->base, "limit",
			 (json_int_t)s->limit, "flags", (json_int_t)s->flags);
}

static json_t *registers_json(uint32_t vcpu, host_id host, const struct hv_registers *r, const char *state)
{
	json_t *o = json_pack("{s:i,s:i,s:s}", "vcpu", (int)vcpu, "host", (int)host, "state", state);

	for (unsigned i = 0; r && i < HV_GPRS; i++)
		json_object_set_new(o, hv_gpr_names[i], word(r->gpr[i]));
	for (unsigned i = 0; r && i < HV_SYSS; i++)
		json_object_set_new(o, hv_sys_names[i], word(r->sys[i]));
	for (unsigned i = 0; r && i < HV_SEGS; i++)
		json_object_set_new(o, hv_seg_names[i], segment_json(&r->seg[i]));
	return o;
}

static void looks_free(struct looks *l)
{
	for (unsigned i = 0; i < l->n; i++)
		json_decref(l->of[i]);
	free(l);
}

static void answer_looks(struct guest *g, void *arg)
{
	struct looks *l = arg;
	json_t *list = json_array();

	for (unsigned i = 0; i < l->n; i++)
		if (l->of[i])
			json_array_append(list, l->of[i]);
	if (l->failed) {
		serve_return_error(g, l->call, "host %u: no memory to look at all vCPUs", g->self);
		json_decref(list);
	} else {
		serve_return_json(g, l->call, list);
	}
	looks_free(l);
}

static void look_done(struct looks *l)
{
	if (atomic_fetch_sub(&l->left, 1) != 1)
		return;
	if (!guest_post(l->g, answer_looks, l))
		looks_free(l);
}

static void on_registers(void *ctx, uint32_t vcpu, const struct hv_registers *regs, const char *state)
{
	struct looks *l = ctx;

	l->of[vcpu] = registers_json(vcpu, l->g->self, regs, state);
	look_done(l);
}

/* vcpu: one of them, or -1 for all of this host. All that are here are in the answer. */
void serve_registers(struct guest *g, uint64_t call, json_t *args)
{
	json_int_t only = json_integer_value(json_object_get(args, "vcpu"));
	unsigned n = desc_vcpus(&g->desc);

	if (!serve_has_machine(g, call))
		return;
	struct looks *l = calloc(1, sizeof(*l) + n * sizeof(l->of[0]));

	if (!l) {
		serve_return_error(g, call, "no memory");
		return;
	}
	l->g = g;
	l->call = call;
	l->n = n;
	atomic_store(&l->left, n + 1);
	for (unsigned i = 0; i < n; i++) {
		int r = only >= 0 && only != i ? -ENOENT : machine_registers(g->machine, i, on_registers, l);

		l->failed |= r && r != -ENOENT;
		if (r)
			atomic_fetch_sub(&l->left, 1);
	}
	look_done(l);
}
