// SPDX-License-Identifier: Apache-2.0
// What `pando run` does in each phase, from the first connection to the last answer.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/conf/units.h"
#include "vmm/monitor/monitor.h"
#include "vmm/run/run_priv.h"
#include "vmm/run/tracer.h"

#define RUN_TRACE_MS   60000u // to fetch what the hosts have recorded
#define RUN_STOP_MS    3000u  // for all hosts to stop their vCPUs
#define RUN_CONNECT_MS 5000u
#define STEPS          "5"

static void progress(const struct run *r, int step, const char *text)
{
	if (!r->opt->quiet)
		log_tell("pando: [%d/" STEPS "] %s", step, text);
}

/* ---- connect ---- */

static void on_dialled(void *ctx, unsigned h, int fd, struct seal_stream *seal, const char *why)
{
	struct run *r = ctx;
	char text[DESC_REPORT_MAX], ended[RUN_ENDED_MAX];
	int e = fd < 0 ? fd : link_add_sealed(r->link, h, fd, seal);

	if (e) {
		bool gone = run_host_ended(r, (host_id)h, ended, sizeof(ended));

		snprintf(text, sizeof(text), "cannot reach host %u at %s: %s", h, r->desc.hosts[h].address,
			 gone   ? ended
			 : *why ? why
				: strerror(-e));
		run_fail(r, RUN_FAILED, text);
		return;
	}
	r->up |= host_bit((host_id)h);
	run_reach(r, (host_id)h);
}

static void begin_connect(struct run *r)
{
	const struct run_options *o = r->opt;
	struct session_hello hello = {.role = SESSION_CONTROL, .epoch = r->desc.epoch};
	char text[DESC_REPORT_MAX];

	r->desc.hosts_n = o->hosts_n;
	for (unsigned h = 0; h < o->hosts_n; h++)
		snprintf(r->desc.hosts[h].address, DESC_ADDRESS_MAX, "%s", o->addresses[h]);
	int e = dials_start(&r->dials, r->loop, o->hosts_n, o->addresses, &o->key, &hello, RUN_CONNECT_MS, on_dialled,
			    r);
	if (!e)
		return;
	snprintf(text, sizeof(text), "cannot call the hosts: %s", strerror(-e));
	run_fail(r, RUN_FAILED, text);
}

/* ---- offers, set up, images ---- */

static void begin_offers(struct run *r)
{
	char why[DESC_REPORT_MAX];
	host_set early = r->offered;

	dials_stop(r->dials);
	r->dials = NULL;
	run_status_start(&r->status, &r->calls, &r->desc);
	r->status.members = r->members;
	int e = monitor_start(&r->monitor, r, why, sizeof(why));
	if (e) {
		run_fail(r, RUN_FAILED, why);
		return;
	}
	if (run_metrics_start(&r->metrics, &r->opt->metrics, r->loop, &r->status)) { // it has said why
		run_end(r, RUN_FAILED);
		return;
	}
	for (; early && r->phase == PHASE_OFFERS; early &= early - 1)
		run_reach(r, (host_id)__builtin_ctzll(early));
}

void run_send_setup(struct run *r, host_id h, const struct machine_desc *d)
{
	struct msg m = {.kind = MSG_CTL_SETUP, .epoch = d->epoch, .u.ctl_setup.self = h};
	char *json = desc_to_json(d);

	m.blob = (const uint8_t *)json;
	m.blob_bytes = (uint32_t)strlen(json);
	link_send(r->link, h, &m);
	free(json);
}

static void begin_set_up(struct run *r)
{
	char why[DESC_REPORT_MAX], size[32], line[256];

	if (place_guest(&r->desc, r->offers, &r->opt->wish, why, sizeof(why)) ||
	    desc_check(&r->desc, why, sizeof(why))) {
		run_fail(r, RUN_FAILED, why);
		return;
	}
	for (unsigned h = 0; h < r->desc.hosts_n; h++) {
		units_format_size(desc_host_pages(&r->desc, (host_id)h) << PAGE_SHIFT, size, sizeof(size));
		snprintf(line, sizeof(line), "host %u at %s: %u vCPUs, %s", h, r->desc.hosts[h].address,
			 desc_host_vcpus(&r->desc, (host_id)h), size);
		progress(r, 2, line);
	}
	run_warn(r);
	for (unsigned h = 0; h < r->desc.hosts_n; h++)
		run_send_setup(r, (host_id)h, &r->desc);
}

/* ---- runs ---- */

static void begin_start(struct run *r)
{
	r->started_ns = now_ns();
}

static void begin_runs(struct run *r)
{
	r->running_ns = now_ns();
	run_alive_begin(r);
	mover_started(r->mover);
	ops_started(r->ops);
	run_consoles_start(r);
	if (r->opt->running)
		r->opt->running(r->opt->running_ctx, r->ops, r->link);
}

/* ---- the end ---- */

static void on_trace_saved(void *ctx, const char *error)
{
	struct run *r = ctx;

	if (error)
		run_lose_file(r, "trace", r->opt->trace, error);
	run_happens(r, RUN_EV_DONE);
}

/* The vCPUs have stopped, the hosts still answer: the last chance for --trace. */
static void begin_save(struct run *r)
{
	int e = r->opt->trace && r->up ? tracer_save(r->tracer, r->up, r->opt->trace, on_trace_saved, r) : -ENODATA;

	if (!e)
		return;
	if (r->opt->trace)
		run_lose_file(r, "trace", r->opt->trace, r->up ? strerror(-e) : "no host is left that could tell it");
	run_happens(r, RUN_EV_DONE);
}

/* ---- the phases in order ---- */

static const struct run_step {
	int number; // of what is said on the terminal, 0: nothing is
	const char *says;
	enum verb verb;    // asked of all hosts; VERBS: none
	const char *waits; // "host 1 at A did not ... in time"; NULL: it may take any time
	void (*begin)(struct run *r);
} steps[RUN_PHASES] = {
	[PHASE_CONNECT] = {1, "connecting to the hosts", VERBS, "answer", begin_connect},
	[PHASE_OFFERS] = {0, NULL, VERBS, "make its offer", begin_offers},
	[PHASE_SET_UP] = {0, NULL, VERBS, "set itself up", begin_set_up},
	[PHASE_IMAGES] = {0, NULL, VERBS, "take the boot images", NULL},
	[PHASE_PEERS] = {3, "hosts are set up; connecting them to each other", VERB_CONNECT, "connect to the others",
			 NULL},
	[PHASE_CREATE] = {4, "hosts are connected, cluster clock is set; creating the machine", VERB_CREATE,
			  "create its machine", NULL},
	[PHASE_START] = {5, "starting the guest", VERB_RUN, "start", begin_start},
	[PHASE_RUNS] = {0, NULL, VERBS, NULL, begin_runs},
	[PHASE_QUIT] = {0, NULL, VERB_QUIT, "stop", NULL},
	[PHASE_SAVE] = {0, NULL, VERBS, "tell its trace", begin_save},
	[PHASE_OVER] = {0, NULL, VERBS, NULL, NULL},
};

static unsigned limit_ms(const struct run *r)
{
	return r->phase == PHASE_QUIT ? RUN_STOP_MS : r->phase == PHASE_SAVE ? RUN_TRACE_MS : r->opt->start_timeout_ms;
}

static void late(struct run *r, host_id h)
{
	char text[DESC_REPORT_MAX];

	snprintf(text, sizeof(text), "host %u at %s did not %s in time", h, r->desc.hosts[h].address,
		 steps[r->phase].waits);
	if (r->phase < PHASE_QUIT)
		run_fail(r, RUN_FAILED, text);
	else
		run_happens(r, RUN_EV_LATE);
}

static void time_is_up(void *arg)
{
	struct run *r = arg;
	unsigned h = 0;

	while (h + 1 < r->desc.hosts_n && r->reached & host_bit((host_id)h))
		h++;
	late(r, (host_id)h);
}

/* All hosts have answered the phase's verb. */
static void on_answers(void *ctx, const struct call_answer *answers, unsigned n)
{
	const struct run_asked *asked = ctx;
	struct run *r = asked->r;
	const struct call_answer *e = call_first_error(answers, n);
	char text[DESC_REPORT_MAX + 64];

	if (r->phase != asked->phase) // ended meanwhile
		return;
	if (r->phase == PHASE_QUIT || !e) { // who does not stop in time is left to itself
		run_happens(r, e && e->late ? RUN_EV_LATE : RUN_EV_DONE);
	} else if (e->late) {
		late(r, e->host);
	} else {
		snprintf(text, sizeof(text), "host %u failed: %s", e->host, e->error);
		run_fail(r, RUN_FAILED, text);
	}
}

static void ask_hosts(struct run *r, enum verb verb)
{
	struct run_asked *asked = &r->asked[r->phase];
	char text[DESC_REPORT_MAX];

	*asked = (struct run_asked){.r = r, .phase = r->phase};
	int e = r->up ? calls_start(&r->calls, r->up, verb, NULL, limit_ms(r), on_answers, asked) : -ENOTCONN;
	if (!e)
		return;
	snprintf(text, sizeof(text), "the hosts cannot be told to '%s': %s", verb_name(verb), strerror(-e));
	if (r->phase < PHASE_QUIT)
		run_fail(r, RUN_FAILED, text);
	else // they stop when their sessions end
		run_happens(r, RUN_EV_LATE);
}

static void enter(struct run *r, enum run_phase next)
{
	const struct run_step *s = &steps[next];

	log_debug("phase '%s'", run_phase_name(next));
	r->phase = next;
	r->reached = 0;
	loop_timer_stop(&r->deadline);
	r->deadline.fn = time_is_up;
	r->deadline.arg = r;
	if (s->says)
		progress(r, s->number, s->says);
	if (s->waits && s->verb == VERBS)
		loop_timer_in(r->loop, &r->deadline, (uint64_t)limit_ms(r) * 1000000u);
	if (s->verb != VERBS)
		ask_hosts(r, s->verb);
	if (s->begin && r->phase == next)
		s->begin(r);
}

void run_happens(struct run *r, enum run_event e)
{
	char why[DESC_REPORT_MAX];
	enum run_phase next;

	switch (run_phase_turn(r->phase, e, &next, why, sizeof(why))) {
	case RUN_MOVES:
		enter(r, next);
		break;
	case RUN_REFUSES:
		log_warn("%s", why);
		break;
	case RUN_STAYS:
		break;
	}
}

void run_reach(struct run *r, host_id h)
{
	r->reached |= host_bit(h);
	if ((r->reached & desc_all_hosts(&r->desc)) == desc_all_hosts(&r->desc))
		run_happens(r, RUN_EV_DONE);
}

void run_bring_up(struct run *r)
{
	enter(r, PHASE_CONNECT);
}

static enum ops_reason reason_of(int status)
{
	switch (status) {
	case RUN_POWEROFF:
		return OPS_POWEROFF;
	case RUN_RESET:
		return OPS_RESET;
	case RUN_CRASHED:
		return OPS_CRASHED;
	case RUN_HOST_LOST:
		return OPS_LOST_HOST;
	case RUN_INTERRUPTED:
		return OPS_DESTROYED;
	default:
		return OPS_HOST_ERROR;
	}
}

void run_end(struct run *r, int status)
{
	if (r->phase >= PHASE_QUIT)
		return;
	r->exit_status = status;
	dials_stop(r->dials);
	r->dials = NULL;
	run_tell_resets(r, true);
	if (r->ops)
		ops_over(r->ops, r->quit ? OPS_DESTROYED : reason_of(status));
	if (r->opt->status_json && r->phase == PHASE_RUNS)
		run_status_ask(&r->status); // answered before the hosts stop: same session, in order
	run_happens(r, RUN_EV_END);
}

void run_quit(struct run *r)
{
	r->quit = true;
	run_end(r, RUN_POWEROFF);
}

void run_fail(struct run *r, int status, const char *text)
{
	if (r->phase >= PHASE_QUIT)
		return;
	run_tell(r, "pando: %s", text);
	run_end(r, status);
}
