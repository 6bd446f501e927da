// SPDX-License-Identifier: Apache-2.0
// The steps of a guest's life on one host: connect the peers, create the machine, run it, stop it, take it down.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/call/steps.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

#define STOP_GRACE_NS 20000000 // for kicked vCPUs to leave the guest before their pages are let go

/* ---- what the machine tells, on vCPU and timer threads ---- */

static void take_console(struct guest *g, const struct machine_event *e)
{
	pthread_mutex_lock(&g->lock);
	size_t room = GUEST_CONSOLE_MAX - g->console_n;
	size_t take = e->n < room ? e->n : room;
	memcpy(g->console + g->console_n, e->bytes, take);
	g->console_n += take;
	g->console_lost += e->n - take;
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->console_said);
}

static void take_end(struct guest *g, const struct machine_event *e)
{
	pthread_mutex_lock(&g->lock);
	if (!g->how) {
		g->how = e->end;
		snprintf(g->how_text, sizeof(g->how_text), "%s", e->text ? e->text : "");
	}
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->machine_ended);
}

/* Others of which nothing but the kind is told; once each until the next reset, since a guest can say so a million
 * times a second. */
static void take_news(struct guest *g, enum machine_event_kind kind)
{
	uint32_t bit = 1u << kind;

	if (__atomic_fetch_or(&g->news_had, bit, __ATOMIC_RELAXED) & bit)
		return;
	__atomic_fetch_or(&g->news, bit, __ATOMIC_RELAXED);
	loop_call(g->loop, &g->has_news);
}

static void on_event(void *ctx, const struct machine_event *e)
{
	if (e->kind == MACHINE_EV_CONSOLE)
		take_console(ctx, e);
	else if (e->kind == MACHINE_EV_ENDED)
		take_end(ctx, e);
	else
		take_news(ctx, e->kind);
}

/* ---- jobs: they run beside the span thread ---- */

static int job_connect(void *ctx, char *why, unsigned cap)
{
	struct guest *g = ctx;
	struct session_hello hello = {.role = SESSION_PEER, .arg = g->self, .epoch = g->epoch};

	for (unsigned h = 0; h < g->self; h++) { // the higher number calls the lower
		const char *reason = "";

		g->dialled[h] =
			session_reach(g->desc.hosts[h].address, &g->opt->key, &hello, GUEST_CONNECT_MS, &reason);
		if (g->dialled[h] < 0) {
			snprintf(why, cap, "host %u cannot connect to host %u at %s: %s", g->self, h,
				 g->desc.hosts[h].address, reason);
			return g->dialled[h];
		}
	}
	return 0;
}

static int job_create(void *ctx, char *why, unsigned cap)
{
	struct guest *g = ctx;
	struct machine_config cfg = {
		.desc = &g->desc,
		.self = g->self,
		.ram = &g->ram,
		.clock = span_clock(g->span),
		.peer = span_hooks(g->span),
		.event = on_event,
		.event_ctx = g,
	};
	uint64_t own_khz;

	if (!span_same_rate(g->span, &own_khz)) {
		snprintf(why, cap,
			 "the TSC of host %u ticks at %llu kHz, that of host 0 at %llu kHz: hosts of one guest "
			 "must have the same frequency",
			 g->self, (unsigned long long)own_khz, (unsigned long long)cfg.clock.tsc_khz);
		return -ENOTSUP;
	}
	return machine_create(&g->made, &cfg, why, cap);
}

static int job_run(void *ctx, char *why, unsigned cap)
{
	struct guest *g = ctx;
	const struct guest_image *k = &g->images[CTL_KERNEL], *i = &g->images[CTL_INITRD];

	if (g->self == 0) {
		if (!k->bytes || k->have != k->total || i->have != i->total) {
			snprintf(why, cap, "the kernel or initrd did not arrive whole");
			return -EINVAL;
		}
		int r = machine_load(g->made, k->bytes, k->total, i->bytes, i->total, why, cap);
		if (r)
			return r;
	}
	int r = machine_start(g->made);
	if (r)
		snprintf(why, cap, "cannot start the vCPU threads: %s", strerror(-r));
	return r;
}

static void free_images(struct guest *g)
{
	for (unsigned i = 0; i < 2; i++) {
		free(g->images[i].bytes);
		g->images[i] = (struct guest_image){0};
	}
}

/* ---- steps, on the span thread ---- */

static void job_is_over(void *ctx)
{
	struct guest *g = ctx;

	loop_call(g->loop, &g->job_over);
}

static void start_job(struct guest *g, int (*fn)(void *, char *, unsigned))
{
	int r = job_start(&g->job, fn, g, job_is_over, g);

	if (r)
		guest_fail(g, CTL_FAILED, g->self, "cannot start a step: another one is running");
}

void guest_go(struct guest *g, unsigned step)
{
	if (step == CTL_STEP_QUIT) { // peers are not let go before all have stopped
		g->quitting = g->ended = true;
		guest_linger(g);
		guest_stop(g);
		guest_report(g, CTL_STOPPED, g->self, "stopped");
		return;
	}
	if (g->ended)
		return;
	bool in_order = (step == CTL_STEP_CONNECT && g->span && !g->connecting) ||
			(step == CTL_STEP_CREATE && g->connected && !g->made) ||
			(step == CTL_STEP_RUN && g->machine && !g->running);
	if (!in_order) {
		guest_fail(g, CTL_FAILED, g->self, "a step was asked for out of order");
		return;
	}
	g->step = step;
	if (step == CTL_STEP_CONNECT) {
		g->connecting = true;
		start_job(g, job_connect);
	} else if (step == CTL_STEP_CREATE) {
		pthread_mutex_init(&g->lock, NULL);
		g->console = malloc(GUEST_CONSOLE_MAX);
		if (g->console)
			start_job(g, job_create);
		else
			guest_fail(g, CTL_FAILED, g->self, "no memory");
	} else {
		g->running = true;
		start_job(g, job_run);
	}
}

static void peers_dialled(struct guest *g)
{
	for (unsigned h = 0; h < g->self; h++)
		span_add_peer(g->span, (host_id)h, g->dialled[h]);
}

static void job_done(void *arg)
{
	struct guest *g = arg;

	if (!job_finished(&g->job))
		return; // its end was waited for
	if (g->job.result < 0) {
		guest_fail(g, CTL_FAILED, g->self, g->job.why);
		return;
	}
	if (g->step == CTL_STEP_CONNECT) {
		peers_dialled(g);
		guest_check_connected(g);
	} else if (g->step == CTL_STEP_CREATE) {
		g->machine = g->made;
		span_attach(g->span, g->machine);
		guest_report(g, CTL_CREATED, g->self, "machine created");
	} else {
		guest_life_begin(g, false);
		guest_report(g, CTL_RUNNING, g->self, "running"); // the images stay here for a reset
	}
}

void guest_check_connected(struct guest *g)
{
	if (!g->connecting || g->connected || g->job.running || g->ended || !span_connected(g->span))
		return;
	g->connected = true;
	guest_report(g, CTL_CONNECTED, g->self, "connected to %u other hosts", g->desc.hosts_n - 1);
}

static void flush_console(void *arg)
{
	struct guest *g = arg;
	struct msg m = {.kind = MSG_CTL_CONSOLE, .epoch = g->epoch};

	pthread_mutex_lock(&g->lock);
	for (size_t at = 0; at < g->console_n; at += m.blob_bytes) {
		size_t left = g->console_n - at;

		m.blob = g->console + at;
		m.blob_bytes = (uint32_t)(left < 65536 ? left : 65536);
		if (link_send(g->link, GUEST_CONTROL, &m))
			break;
	}
	g->console_n = 0;
	pthread_mutex_unlock(&g->lock);
}

void guest_check_end(struct guest *g)
{
	static const unsigned states[] = {
		[MACHINE_POWEROFF] = CTL_POWEROFF, [MACHINE_RESET] = CTL_RESET, [MACHINE_CRASH] = CTL_CRASHED};

	pthread_mutex_lock(&g->lock);
	enum machine_end how = g->how;
	if (how == MACHINE_RESET)
		g->how = 0; // its vCPUs wait: `pando run` resets the machine on all hosts, or ends it
	pthread_mutex_unlock(&g->lock);
	if (!how || g->ended)
		return;
	if (how == MACHINE_RESET) {
		guest_report(g, CTL_RESET, g->self, "%s", g->how_text);
		return;
	}
	g->ended = true;
	/* The other hosts' vCPUs may still need pages from here: no lingering yet, they are served until told to quit.
	 */
	guest_report(g, states[how], g->self, "%s", g->how_text);
}

static void check_end(void *arg)
{
	guest_check_end(arg);
}

static void tell_news(void *arg)
{
	static const char *const names[MACHINE_EVENTS] = {
		[MACHINE_EV_PANICKED] = "GUEST_PANICKED", [MACHINE_EV_CRASH_LOADED] = "GUEST_CRASHLOADED"};
	struct guest *g = arg;
	uint32_t news = __atomic_exchange_n(&g->news, 0, __ATOMIC_RELAXED);

	for (unsigned kind = 0; kind < MACHINE_EVENTS; kind++)
		if (news & 1u << kind && names[kind])
			serve_event(g, names[kind], NULL);
}

static void lingered(void *arg)
{
	((struct guest *)arg)->over = true;
}

void guest_linger(struct guest *g)
{
	loop_timer_in(g->loop, &g->linger, GUEST_LINGER_NS);
}

/* What a vCPU said before its machine ended has left before that is told: the two are called for in this order. */
void guest_steps_init(struct guest *g)
{
	g->job_over = (struct loop_task){.fn = job_done, .arg = g};
	g->console_said = (struct loop_task){.fn = flush_console, .arg = g};
	g->machine_ended = (struct loop_task){.fn = check_end, .arg = g};
	g->has_news = (struct loop_task){.fn = tell_news, .arg = g};
	g->linger = (struct loop_timer){.fn = lingered, .arg = g};
}

static int job_stop(void *ctx, char *why, unsigned cap)
{
	(void)why;
	(void)cap;
	machine_stop(((struct guest *)ctx)->made);
	return 0;
}

/*
 * A vCPU may be waiting for a page that will never come. So: first every vCPU is told to leave (its signal is pending,
 * it runs no guest instruction any more), then userfaultfd is closed, which lets the waiting threads go.
 */
void guest_stop(struct guest *g)
{
	struct timespec grace = {.tv_nsec = STOP_GRACE_NS};
	struct job stop = {0};

	if (g->stopped || !g->span)
		return;
	g->stopped = true;
	guest_works_cancel(&g->works);
	span_cancel(g->span);
	if (g->job.running && g->step != CTL_STEP_CONNECT)
		span_release_memory(g->span); // a loading job must not wait for pages either
	if (g->job.running) {
		pthread_join(g->job.thread, NULL);
		g->job.running = false;
	}
	if (g->made && job_start(&stop, job_stop, g, NULL, NULL) == 0) {
		nanosleep(&grace, NULL);
		span_release_memory(g->span);
		pthread_join(stop.thread, NULL);
	} else
		span_release_memory(g->span);
	guest_works_join(&g->works);
	span_attach(g->span, NULL);
}

void guest_tear_down(struct guest *g)
{
	guest_stop(g);
	guest_works_join(&g->works);
	if (g->console) {
		flush_console(g);
		link_flush(g->link);
	}
	if (g->made)
		machine_destroy(g->made);
	if (g->span)
		span_destroy(g->span);
	if (g->ram_mapped)
		ram_unmap(&g->ram);
	free_images(g);
	guest_moves_free(g);
	free(g->console);
	if (g->link)
		link_destroy(g->link);
	loop_destroy(g->loop);
}
