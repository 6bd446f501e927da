// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "net/link.h"
#include "net/log.h"
#include "net/now.h"
#include "vmm/conf/units.h"
#include "vmm/call/steps.h"
#include "vmm/monitor/monitor.h"
#include "vmm/run/run_priv.h"
#include "vmm/run/tracer.h"

#define RUN_STATUS_NS  100000000u   // for the last status of hosts that stop
#define RUN_TRACE_NS   60000000000u // to fetch what they have recorded
#define RUN_STOP_NS    3000000000u  // for all hosts to stop their vCPUs
#define RUN_CONNECT_MS 5000u
#define STEPS          "5"

static void progress(const struct run *r, int step, const char *text)
{
	if (!r->opt->quiet)
		log_tell("pando: [%d/" STEPS "] %s", step, text);
}

static void send_go(struct run *r, unsigned step)
{
	struct msg m = {.kind = MSG_CTL_GO, .epoch = r->desc.epoch, .u.ctl_go.step = (uint8_t)step};

	for (unsigned h = 0; h < r->desc.hosts_n; h++)
		if (r->up & host_bit((host_id)h))
			link_send(r->link, h, &m);
	link_flush(r->link);
}

static void enter(struct run *r, enum phase p, uint64_t timeout_ns)
{
	r->phase = p;
	r->reached = 0;
	loop_timer_in(r->loop, &r->deadline, timeout_ns);
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

static void tell_resets(struct run *r, bool over)
{
	char line[DESC_REPORT_MAX + 128];

	if (reset_notes_due(&r->resets, now_ns(), over, line, sizeof(line)) && !r->opt->quiet)
		log_tell("\rpando: %s", line);
}

static void end(struct run *r, int status)
{
	if (r->phase >= STOPPING)
		return;
	r->exit_status = status;
	tell_resets(r, true);
	if (r->ops)
		ops_over(r->ops, r->quit ? OPS_DESTROYED : reason_of(status));
	if (r->opt->status_json && r->phase == RUNNING)
		run_status_ask(&r->status); // answered before the hosts stop: same session, in order
	enter(r, STOPPING, RUN_STOP_NS);
	send_go(r, CTL_STEP_QUIT);
	if (!r->up)
		r->phase = DONE;
}

void run_quit(struct run *r)
{
	r->quit = true;
	end(r, RUN_POWEROFF);
}

static void fail(struct run *r, int status, const char *text)
{
	if (r->phase >= STOPPING)
		return;
	log_tell("pando: %s", text);
	end(r, status);
}

static void send_setup(struct run *r)
{
	char *json = desc_to_json(&r->desc);

	for (unsigned h = 0; h < r->desc.hosts_n; h++) {
		struct msg m = {.kind = MSG_CTL_SETUP, .epoch = r->desc.epoch, .u.ctl_setup.self = h};
		m.blob = (const uint8_t *)json;
		m.blob_bytes = (uint32_t)strlen(json);
		link_send(r->link, h, &m);
	}
	free(json);
}

static void place_and_set_up(struct run *r)
{
	char why[DESC_REPORT_MAX], size[32], line[256];
	const struct run_options *o = r->opt;

	if (place_guest(&r->desc, r->offers, &o->wish, why, sizeof(why)) || desc_check(&r->desc, why, sizeof(why))) {
		fail(r, RUN_FAILED, why);
		return;
	}
	for (unsigned h = 0; h < r->desc.hosts_n; h++) {
		units_format_size(desc_host_pages(&r->desc, (host_id)h) << PAGE_SHIFT, size, sizeof(size));
		snprintf(line, sizeof(line), "host %u at %s: %u vCPUs, %s", h, r->desc.hosts[h].address,
			 desc_host_vcpus(&r->desc, (host_id)h), size);
		progress(r, 2, line);
	}
	run_warn(r);
	enter(r, WAIT_READY, (uint64_t)o->start_timeout_ms * 1000000);
	send_setup(r);
}

static void on_keys(void *ctx, const uint8_t *bytes, size_t n)
{
	struct run *r = ctx;
	struct msg m = {.kind = MSG_CTL_CONSOLE, .epoch = r->desc.epoch, .blob = bytes, .blob_bytes = (uint32_t)n};

	link_send(r->link, 0, &m);
}

static void start_console(struct run *r)
{
	run_console_start(&r->console, r->loop, on_keys, r);
	if (r->console.terminal.changed && !r->opt->quiet)
		log_tell("pando: console of the guest; Ctrl-C ends it on every host");
	else if (r->console.kind == CONSOLE_PTY)
		log_tell("pando: console of the guest: %s", r->console.pty);
}

/* What was asked for and is not there is a failure, however well the guest ended. */
static void lose_file(struct run *r, const char *what, const char *path, const char *error)
{
	log_tell("pando: no %s was written to '%s': %s", what, path, error);
	if (r->exit_status == RUN_POWEROFF)
		r->exit_status = RUN_FAILED;
}

static void on_trace_saved(void *ctx, const char *error)
{
	struct run *r = ctx;

	if (error)
		lose_file(r, "trace", r->opt->trace, error);
	r->trace_saving = false;
	r->phase = DONE;
}

/* The vCPUs have stopped, the hosts still answer: the last chance for --trace. Returns whether it is under way. */
static bool save_trace(struct run *r)
{
	if (!r->opt->trace || r->trace_asked || !r->up)
		return r->trace_saving;
	r->trace_asked = true;
	int e = tracer_save(r->tracer, r->up, r->opt->trace, on_trace_saved, r);

	if (e)
		lose_file(r, "trace", r->opt->trace, strerror(-e));
	else
		loop_timer_in(r->loop, &r->deadline, RUN_TRACE_NS);
	r->trace_saving = e == 0;
	return r->trace_saving;
}

/* All hosts reached what the phase waits for. */
static void advance(struct run *r)
{
	uint64_t limit = (uint64_t)r->opt->start_timeout_ms * 1000000;

	switch (r->phase) {
	case WAIT_OFFERS:
		place_and_set_up(r);
		break;
	case WAIT_READY:
		enter(r, WAIT_IMAGES, limit);
		break;
	case WAIT_IMAGES:
		progress(r, 3, "hosts are set up; connecting them to each other");
		enter(r, WAIT_CONNECTED, limit);
		send_go(r, CTL_STEP_CONNECT);
		break;
	case WAIT_CONNECTED:
		progress(r, 4, "hosts are connected, cluster clock is set; creating the machine");
		enter(r, WAIT_CREATED, limit);
		send_go(r, CTL_STEP_CREATE);
		break;
	case WAIT_CREATED:
		progress(r, 5, "starting the guest");
		enter(r, WAIT_RUNNING, limit);
		send_go(r, CTL_STEP_RUN);
		break;
	case WAIT_RUNNING:
		enter(r, RUNNING, UINT64_MAX);
		r->running_ns = now_ns();
		mover_started(r->mover);
		ops_started(r->ops);
		start_console(r);
		if (r->opt->running)
			r->opt->running(r->opt->running_ctx, r->ops, r->link);
		break;
	case STOPPING:
		if (!save_trace(r))
			r->phase = DONE;
		break;
	case RUNNING:
	case DONE:
		break;
	}
}

static void reach(struct run *r, host_id h)
{
	host_set all = r->phase == STOPPING ? r->up : desc_all_hosts(&r->desc);

	r->reached |= host_bit(h);
	if ((r->reached & all) == all)
		advance(r);
}

static void on_restarted(void *ctx, const char *error)
{
	char text[DESC_REPORT_MAX];

	if (!error)
		return;
	snprintf(text, sizeof(text), "the guest could not be reset: %s", error);
	fail(ctx, RUN_FAILED, text);
}

static void on_broken(void *ctx, const char *text)
{
	fail(ctx, RUN_FAILED, text);
}

static void on_resets_due(void *arg)
{
	tell_resets(arg, false);
}

static void restart(struct run *r, const char *why)
{
	char line[DESC_REPORT_MAX + 128];

	if (r->phase >= STOPPING)
		return;
	if (!ops_guest_reset(r->ops, on_restarted, r) || r->phase >= STOPPING)
		return; // another host told of it already, or it failed
	if (reset_notes_add(&r->resets, now_ns(), why, line, sizeof(line)) && !r->opt->quiet)
		log_tell("\rpando: %s", line);
	loop_timer_set(r->loop, &r->resets_due, reset_notes_deadline(&r->resets));
}

static void on_state(struct run *r, host_id from, const struct msg *m)
{
	static const enum phase reached_in[] = {[CTL_READY] = WAIT_READY,
						[CTL_CONNECTED] = WAIT_CONNECTED,
						[CTL_CREATED] = WAIT_CREATED,
						[CTL_RUNNING] = WAIT_RUNNING};
	unsigned state = m->u.ctl_state.state;
	char text[DESC_REPORT_MAX + DESC_ADDRESS_MAX + 64];
	int n = (int)(m->blob_bytes < DESC_REPORT_MAX ? m->blob_bytes : DESC_REPORT_MAX);
	const char *said = (const char *)m->blob;

	switch (state) {
	case CTL_READY:
	case CTL_CONNECTED:
	case CTL_CREATED:
	case CTL_RUNNING:
		if (reached_in[state] == r->phase)
			reach(r, from);
		break;
	case CTL_STOPPED:
		if (r->phase == STOPPING)
			reach(r, from);
		break;
	case CTL_POWEROFF:
		if (r->phase < STOPPING && !r->opt->quiet)
			log_tell("\rpando: the guest powered off after %.2f s",
				 (double)(now_ns() - r->running_ns) / 1e9);
		end(r, RUN_POWEROFF);
		break;
	case CTL_RESET:
		snprintf(text, sizeof(text), "the guest reset itself: %.*s", n, said);
		if (r->opt->no_reboot)
			fail(r, RUN_RESET, text);
		else
			restart(r, text);
		break;
	case CTL_CRASHED:
		snprintf(text, sizeof(text), "the guest died: %.*s", n, said);
		fail(r, RUN_CRASHED, text);
		break;
	case CTL_BUSY:
		snprintf(text, sizeof(text), "host %u at %s %.*s", from, r->desc.hosts[from].address, n, said);
		fail(r, RUN_FAILED, text);
		break;
	case CTL_HOST_LOST:
		if (m->u.ctl_state.host < r->desc.hosts_n)
			monitor_host_lost(r->monitor, m->u.ctl_state.host, "another host lost it");
		snprintf(text, sizeof(text), "host %u reports: %.*s", from, n, said);
		fail(r, RUN_HOST_LOST, text);
		break;
	default:
		snprintf(text, sizeof(text), "host %u failed: %.*s", from, n, said);
		fail(r, RUN_FAILED, text);
	}
}

static void on_event(struct run *r, host_id from, const struct msg *m)
{
	char name[CALL_VERB_MAX];
	json_t *data;

	if (!call_split(m->blob, m->blob_bytes, name, &data)) {
		log_warn("host %u sent a malformed event", from);
		return;
	}
	run_on_event(r, from, name, data);
	json_decref(data);
}

static void on_msg(void *ctx, unsigned peer, const struct msg *m)
{
	struct run *r = ctx;

	switch (m->kind) {
	case MSG_CTL_OFFER:
		r->offers[peer] = (struct place_offer){m->u.ctl_offer.vcpus, m->u.ctl_offer.memory_bytes};
		r->walks[peer] = m->u.ctl_offer.walks;
		if (r->phase == WAIT_OFFERS)
			reach(r, (host_id)peer);
		break;
	case MSG_CTL_STATE:
		on_state(r, (host_id)peer, m);
		break;
	case MSG_CTL_CONSOLE:
		run_console_write(&r->console, m->blob, m->blob_bytes);
		if (r->opt->console)
			r->opt->console(r->opt->running_ctx, m->blob, m->blob_bytes);
		break;
	case MSG_CTL_STATUS:
		run_status_on_status(&r->status, (host_id)peer, m);
		break;
	case MSG_CTL_RETURN:
		calls_on_return(&r->calls, (host_id)peer, m);
		break;
	case MSG_CTL_EVENT:
		on_event(r, (host_id)peer, m);
		break;
	default:
		log_warn("host %u sent an unexpected %s message", peer, msg_name(m->kind));
	}
}

static void on_down(void *ctx, unsigned peer, const char *reason)
{
	struct run *r = ctx;
	char text[DESC_REPORT_MAX];

	r->up &= ~host_bit((host_id)peer);
	calls_on_down(&r->calls, (host_id)peer);
	snprintf(text, sizeof(text), "lost host %u at %s: %s", peer, r->desc.hosts[peer].address, reason);
	if (r->phase == STOPPING) {
		reach(r, (host_id)peer);
		return;
	}
	monitor_host_lost(r->monitor, peer, reason);
	fail(r, RUN_HOST_LOST, text);
}

static void on_signal(void *ctx, int fd, unsigned events)
{
	struct signalfd_siginfo info;
	struct run *r = ctx;

	(void)events;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (r->phase == STOPPING)
		r->phase = DONE; // asked twice: no more patience
	else
		fail(r, RUN_INTERRUPTED, "interrupted: ending the guest on every host");
}

/* Each round of the loop, from the set-up until the images have left. */
static int pump(void *ctx)
{
	struct run *r = ctx;
	char why[DESC_REPORT_MAX];
	int n = 0;

	if (r->phase == WAIT_READY || r->phase == WAIT_IMAGES)
		n = images_pump(&r->images, r->link, r->desc.epoch, why, sizeof(why));
	if (n < 0)
		fail(r, RUN_FAILED, why);
	if (r->phase == WAIT_IMAGES && images_sent(&r->images, r->link)) {
		advance(r);
		n++;
	}
	return n < 0 ? 1 : n;
}

static void time_is_up(void *arg)
{
	static const char *const waits[] = {
		[WAIT_OFFERS] = "make its offer",       [WAIT_READY] = "set itself up",
		[WAIT_IMAGES] = "take the boot images", [WAIT_CONNECTED] = "connect to the others",
		[WAIT_CREATED] = "create its machine",  [WAIT_RUNNING] = "start"};
	struct run *r = arg;
	char text[DESC_REPORT_MAX];

	if (r->phase == STOPPING) {
		r->phase = DONE;
		return;
	}
	for (unsigned h = 0; h < r->desc.hosts_n; h++) {
		if (r->reached & host_bit((host_id)h))
			continue;
		snprintf(text, sizeof(text), "host %u at %s did not %s in time", h, r->desc.hosts[h].address,
			 waits[r->phase]);
		fail(r, RUN_FAILED, text);
		return;
	}
}

static int connect_hosts(struct run *r)
{
	const struct run_options *o = r->opt;
	struct session_hello hello = {.role = SESSION_CONTROL, .epoch = r->desc.epoch};

	r->desc.hosts_n = o->hosts_n;
	for (unsigned h = 0; h < o->hosts_n; h++) {
		const char *why = "";
		int fd = session_reach(o->addresses[h], &o->key, &hello, RUN_CONNECT_MS, &why);

		if (fd < 0) {
			log_tell("pando: cannot reach host %u at %s: %s", h, o->addresses[h],
				 why && *why ? why : strerror(-fd));
			return fd;
		}
		snprintf(r->desc.hosts[h].address, DESC_ADDRESS_MAX, "%s", o->addresses[h]);
		int e = link_add_fd(r->link, h, fd);
		if (e)
			return e;
		r->up |= host_bit((host_id)h);
	}
	return 0;
}

static int open_link(struct run *r)
{
	struct loop_options wait = {.waits = "uring"};
	int e = loop_create(&r->loop, &wait);

	if (e)
		return e;
	enter(r, WAIT_OFFERS, (uint64_t)r->opt->start_timeout_ms * 1000000);
	struct link_options lo = {.transport = "uring", .epoch = r->desc.epoch, .loop = r->loop};
	struct link_handler lh = {.ctx = r, .on_msg = on_msg, .on_down = on_down};

	e = link_create(&r->link, &lo, &lh);
	loop_add_poller(r->loop, &r->pump); // after the link: what it sends leaves at the link's next turn
	return e;
}

static int open_all(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	int e = open_link(r);
	if (e) {
		log_tell("pando: cannot make the link: %s", strerror(-e));
		return e;
	}
	calls_init(&r->calls, r->link, &r->desc);
	r->ops = ops_create(&r->calls, &r->desc);
	r->mover = mover_create(&r->calls, &r->desc);
	r->tracer = tracer_create(&r->calls, &r->desc);
	if (!r->ops || !r->mover || !r->tracer)
		return -ENOMEM;
	ops_set_mover(r->ops, r->mover);
	ops_set_broken(r->ops, on_broken, r);
	loop_watch(r->loop, r->signal_fd, LOOP_READ, on_signal, r);
	progress(r, 1, "connecting to the hosts");
	e = connect_hosts(r);
	if (e)
		return e;
	run_status_start(&r->status, r->link, &r->desc);
	char why[DESC_REPORT_MAX];
	e = monitor_start(&r->monitor, r, why, sizeof(why));
	if (e) {
		log_tell("pando: %s", why);
		return e;
	}
	return run_metrics_start(&r->metrics, &r->opt->metrics, r->loop, &r->status);
}

static void write_status(struct run *r)
{
	uint64_t limit = now_ns() + RUN_STATUS_NS;

	if (!r->opt->status_json || !r->status.link)
		return;
	while (r->status.request && now_ns() < limit)
		loop_run(r->loop, limit);
	int e = run_status_write(&r->status, r->opt->status_json);
	if (e)
		lose_file(r, "status", r->opt->status_json,
			  e == -ENODATA ? "the hosts did not tell one" : strerror(-e));
}

int run_guest(const struct run_options *opt)
{
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return RUN_FAILED;
	r->opt = opt;
	r->desc = opt->desc;
	r->exit_status = RUN_FAILED;
	r->signal_fd = -1;
	r->deadline = (struct loop_timer){.fn = time_is_up, .arg = r};
	r->resets_due = (struct loop_timer){.fn = on_resets_due, .arg = r};
	r->pump = (struct loop_poller){.ctx = r, .turn = pump};
	char why[DESC_REPORT_MAX];
	r->images = opt->images;
	int e = opt->images.piece ? 0 : images_open(&r->images, opt->kernel, opt->initrd, why, sizeof(why));
	if (!e)
		e = run_console_open(&r->console, &opt->console_to, why, sizeof(why));
	if (e)
		log_tell("pando: %s", why);
	else
		e = open_all(r);
	while (e >= 0 && r->phase != DONE)
		e = loop_run(r->loop, UINT64_MAX);
	write_status(r); // runs the loop once more, so while the monitor lives
	calls_cancel(&r->calls, "the guest is over");
	if (r->loop)
		loop_run_posted(r->loop); // what waited for its turn is told the same
	monitor_stop(r->monitor);
	ops_destroy(r->ops);
	mover_destroy(r->mover);
	tracer_destroy(r->tracer);
	r->ops = NULL;
	r->mover = NULL;
	run_console_close(&r->console);
	run_metrics_stop(&r->metrics);
	run_status_stop(&r->status);
	if (r->link)
		link_destroy(r->link);
	loop_destroy(r->loop);
	images_close(&r->images);
	close(r->signal_fd);
	int status = r->exit_status;
	free(r);
	return status;
}
