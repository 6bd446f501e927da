// SPDX-License-Identifier: Apache-2.0
// The host that has the board looks at vCPU 0 every few seconds until the guest's first sign of life (life.h), and
// tells when none comes.
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

#define NS_PER_S 1000000000ull

/* From vCPU 0's thread to the span thread. */
struct look {
	struct guest *g;
	struct life_sample sample;
};

static void take_doings(struct guest *g, struct life_sample *s)
{
	struct machine_doings d;

	machine_doings(g->machine, &d);
	s->now_ns = now_ns();
	s->console_bytes = d.console_bytes;
	s->interrupts = d.interrupts;
	s->halts = d.halts;
	s->accesses = d.accesses;
	s->page_waits = d.page_waits;
	s->held = d.held;
}

static json_t *place(const struct life *l)
{
	const struct life_sample *s = &l->last;

	return json_pack("{s:i,s:I,s:I,s:b}", "vcpu", 0, "rip", (json_int_t)s->rip, "seconds",
			 (json_int_t)(life_silent_ns(l) / NS_PER_S), "halted", (int)s->halted);
}

static void judge(struct guest *g, void *arg)
{
	struct look *l = arg;

	switch (g->machine && !guest_ended(g) ? life_take(&g->life, &l->sample) : LIFE_NOTHING) {
	case LIFE_SILENT:
		serve_event(g, HOST_EV_GUEST_SILENT, place(&g->life));
		break;
	case LIFE_AGAIN:
		log_info("the guest, silent before, shows a sign of life");
		break;
	default:
		break;
	}
	free(l);
}

/* On vCPU 0's thread. */
static void on_look(void *ctx, uint32_t vcpu, const struct hv_registers *regs, const char *state)
{
	struct look *l = ctx;
	struct timespec t = {0};

	(void)vcpu;
	take_doings(l->g, &l->sample);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	l->sample.cpu_ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	l->sample.rip = regs ? regs->gpr[HV_RIP] : 0;
	l->sample.interrupts_on = regs && regs->gpr[HV_RFLAGS] & 0x200;
	l->sample.halted = state[0] == 'h';
	l->sample.held |= !regs;
	if (!guest_post(l->g, judge, l))
		free(l);
}

static void on_due(void *arg)
{
	struct guest *g = arg;

	if (g->life.alive || guest_ended(g) || !g->machine || g->desc.board != g->self)
		return;
	loop_timer_in(g->loop, &g->life_due, LIFE_EVERY_NS);
	struct look *l = calloc(1, sizeof(*l));

	if (!l)
		return;
	l->g = g;
	int r = machine_registers(g->machine, 0, on_look, l);

	if (r) // it is elsewhere: next time
		free(l);
	if (r == -ENOENT)
		g->life.last.held = true;
}

void guest_life_begin(struct guest *g, bool after_reset)
{
	struct life_sample first = {0};

	if (g->desc.board != g->self || !g->machine)
		return;
	if (after_reset)
		take_doings(g, &first);
	life_begin(&g->life, &first);
	g->life_begun = true;
	g->life_due.fn = on_due;
	g->life_due.arg = g;
	loop_timer_in(g->loop, &g->life_due, LIFE_EVERY_NS);
}

void guest_life_go_on(struct guest *g, bool alive)
{
	guest_life_begin(g, true);
	g->life.alive = alive;
}

json_t *guest_life_json(const struct life *l)
{
	json_t *o = place(l);

	json_object_set_new(o, "signs", json_boolean(l->alive));
	json_object_set_new(o, "silent", json_boolean(l->silent));
	return o;
}
