// SPDX-License-Identifier: Apache-2.0
// Begins the steps of a guest's life, sees them done, and undoes them. What they are: guest_steps.c.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "coherence/base/check.h"
#include "net/log.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

#define STOP_GRACE_NS 20000000 // for kicked vCPUs to leave the guest before their pages are let go

static void job_is_over(void *ctx)
{
	struct guest *g = ctx;

	loop_call(g->loop, &g->job_over);
}

int guest_step_begin(struct guest *g, const struct guest_step *s, char *why, unsigned cap)
{
	PD_CHECK(g->begun_n < GUEST_STEPS_MAX); // each phase is entered once, so each step begins once
	g->begun[g->begun_n++] = s;
	g->step = s;
	int r = s->begin ? s->begin(g, why, cap) : 0;

	if (r || !s->job)
		return r;
	r = job_start(&g->job, s->job, g, job_is_over, g);
	if (r)
		snprintf(why, cap, "no thread for the step '%s': %s", s->name, strerror(-r));
	return r;
}

static void answer(struct guest *g, const char *error)
{
	const struct guest_step *s = g->step;
	uint64_t call = g->step_call;

	g->step = NULL;
	g->step_call = 0;
	if (call && error)
		serve_return_error(g, call, "%s", error);
	else if (call)
		serve_return_json(g, call, json_object());
	else if (error)
		guest_tell(g, HOST_EV_FAILED, "%s", error);
	else if (s == &guest_set_up)
		guest_tell(g, HOST_EV_READY, "ready");
}

static void step_failed(struct guest *g, const char *error)
{
	char why[DESC_REPORT_MAX];

	log_error("the step '%s' failed: %s", g->step->name, error);
	guest_happens(g, GUEST_EV_FAILED, why, sizeof(why));
	answer(g, error);
}

void guest_step_look(struct guest *g)
{
	const struct guest_step *s = g->step;
	char why[DESC_REPORT_MAX];

	if (!s || g->phase >= GUEST_HALTED || g->job.running || (s->whole && !s->whole(g)))
		return;
	guest_happens(g, GUEST_EV_DONE, why, sizeof(why));
	answer(g, NULL);
}

static void job_done(void *arg)
{
	struct guest *g = arg;

	if (!job_finished(&g->job))
		return; // its end was waited for
	if (g->job.result < 0) {
		step_failed(g, g->job.why);
		return;
	}
	if (g->step->take)
		g->step->take(g);
	guest_step_look(g);
}

void guest_step_ask(struct guest *g, const struct guest_step *s, uint64_t call)
{
	char why[DESC_REPORT_MAX] = "";

	if (guest_happens(g, s->asked, why, sizeof(why)) != GUEST_MOVES) {
		if (call)
			serve_return_error(g, call, "%s", why);
		else
			guest_fail(g, why);
		return;
	}
	g->job_over = (struct loop_task){.fn = job_done, .arg = g};
	g->step_call = call;
	if (guest_step_begin(g, s, why, sizeof(why)))
		step_failed(g, why);
	else
		guest_step_look(g);
}

void guest_step_give_up(struct guest *g)
{
	char text[DESC_REPORT_MAX];

	if (!g->step)
		return;
	snprintf(text, sizeof(text), "the step '%s' was given up: the guest is %s", g->step->name,
		 guest_phase_name(g->phase));
	if (g->step_call)
		answer(g, text);
	g->step = NULL;
}

static int job_stop(void *ctx, char *why, unsigned cap)
{
	(void)why;
	(void)cap;
	machine_stop(((struct guest *)ctx)->made);
	return 0;
}

/* Cards that end their requests meanwhile must not take what is absent from now on for the guest's zeroes. */
static void let_go(struct guest *g)
{
	if (desc_host_slots(&g->desc) > 1)
		ram_let_go(&g->ram);
	if (g->span)
		span_release_memory(g->span);
}

/*
 * A vCPU may be waiting for a page that will never come. So: first every vCPU is told to leave (its signal is pending,
 * it runs no guest instruction any more), then userfaultfd is closed, which lets the waiting threads go.
 */
void guest_halt(struct guest *g)
{
	struct timespec grace = {.tv_nsec = STOP_GRACE_NS};
	struct job stop = {0};

	guest_works_cancel(&g->works);
	if (g->span)
		span_cancel(g->span);
	if (g->job.running) {
		let_go(g); // a job that loads must not wait for pages either
		if (g->step && g->step->cancel)
			g->step->cancel(g);
		pthread_join(g->job.thread, NULL);
		g->job.running = false;
	}
	if (g->made && job_start(&stop, job_stop, g, NULL, NULL) == 0) {
		nanosleep(&grace, NULL);
		let_go(g);
		pthread_join(stop.thread, NULL);
	} else
		let_go(g);
	if (g->loop)
		guest_works_join(&g->works);
	if (g->span)
		span_attach(g->span, NULL);
}

void guest_undo_steps(struct guest *g)
{
	while (g->begun_n) {
		const struct guest_step *s = g->begun[--g->begun_n];

		if (s->undo)
			s->undo(g);
	}
}
