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
#include "net/signals.h"
#include "vmm/call/tame.h"
#include "vmm/monitor/monitor.h"
#include "vmm/run/run_priv.h"
#include "vmm/run/tracer.h"

#define RUN_STATUS_NS 100000000u // for the last status of hosts that stop

void run_lose_file(struct run *r, const char *what, const char *path, const char *error)
{
	log_tell("pando: no %s was written to '%s': %s", what, path, error);
	if (r->exit_status == RUN_POWEROFF)
		r->exit_status = RUN_FAILED;
}

static void on_broken(void *ctx, const char *text)
{
	run_fail(ctx, RUN_FAILED, text);
}

static void on_resets_due(void *arg)
{
	run_tell_resets(arg, false);
}

static void on_event(struct run *r, host_id from, const struct msg *m)
{
	char name[CALL_VERB_MAX];
	json_t *data;

	if (!call_split(m->blob, m->blob_bytes, name, &data)) {
		log_warn("host %u sent a malformed event", from);
		return;
	}
	run_on_event(r, from, name, tame_json(data));
	json_decref(data);
}

/* Addresses of the guest are laid out for good, and its processors say how many bits they have. */
static void take_offer(struct run *r, host_id h, const struct msg_ctl_offer *o)
{
	char text[DESC_REPORT_MAX];

	if (!o->address_bits || o->address_bits >= r->desc.address_bits) {
		members_offer(r->members, h);
		return;
	}
	snprintf(text, sizeof(text), "%s has guest addresses of %u bits, and this guest's have %u",
		 members_address(r->members, h), o->address_bits, r->desc.address_bits);
	members_failed(r->members, h, text);
}

static void on_offer(struct run *r, host_id from, const struct msg_ctl_offer *o)
{
	bool joins = r->members && members_joining(r->members) & host_bit(from);

	if (r->phase > PHASE_OFFERS && !joins)
		return;
	r->offers[from] = (struct place_offer){o->vcpus, o->memory_bytes, o->address_bits};
	r->walks[from] = o->walks;
	if (joins) {
		take_offer(r, from, o);
		return;
	}
	r->offered |= host_bit(from);
	if (r->phase == PHASE_OFFERS)
		run_reach(r, from);
}

static void on_msg(void *ctx, unsigned peer, const struct msg *m)
{
	struct run *r = ctx;

	run_alive_heard(r, (host_id)peer, m);
	switch (m->kind) {
	case MSG_PING: // answered already
		break;
	case MSG_CTL_OFFER:
		on_offer(r, (host_id)peer, &m->u.ctl_offer);
		break;
	case MSG_CTL_CONSOLE:
		run_consoles_on_output(r, m);
		break;
	case MSG_CTL_CREDIT:
		run_consoles_on_credit(r, (host_id)peer, m);
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
	run_host_gone(ctx, (host_id)peer, reason);
}

static void on_signal(void *ctx, int fd, unsigned events)
{
	struct signalfd_siginfo info;
	struct run *r = ctx;

	(void)events;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCONT)
		run_consoles_continued(r);
	else if (info.ssi_signo == SIGWINCH)
		run_consoles_resized(r);
	else if (r->phase < PHASE_QUIT)
		run_fail(r, RUN_INTERRUPTED, "interrupted: ending the guest on every host");
	else
		run_happens(r, RUN_EV_HURRY); // asked twice: no more patience
}

/* Each round of the loop, from the set-up until the images have left; what is sent again later is board_net.c's. */
static int pump(void *ctx)
{
	struct run *r = ctx;
	char why[DESC_REPORT_MAX];
	int n = 0;

	if (r->phase == PHASE_SET_UP || r->phase == PHASE_IMAGES)
		n = images_pump(&r->images, r->link, r->desc.epoch, why, sizeof(why));
	if (n < 0)
		run_fail(r, RUN_FAILED, why);
	if (!n && r->images_again)
		n = run_boards_pump(r);
	if (r->phase == PHASE_IMAGES && images_sent(&r->images, r->link)) {
		run_happens(r, RUN_EV_DONE);
		n++;
	}
	return n < 0 ? 1 : n;
}

static int open_link(struct run *r)
{
	struct loop_options wait = {.waits = "uring"};
	int e = loop_create(&r->loop, &wait);

	if (e)
		return e;
	struct link_options lo = {.transport = "uring", .epoch = r->desc.epoch, .loop = r->loop};
	struct link_handler lh = {.ctx = r, .on_msg = on_msg, .on_down = on_down};

	e = link_create(&r->link, &lo, &lh);
	loop_add_poller(r->loop, &r->pump); // after the link: what it sends leaves at the link's next turn
	return e;
}

static int open_all(struct run *r)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCONT, SIGWINCH};

	signal(SIGPIPE, SIG_IGN);
	r->signal_fd = signals_open(signals, sizeof(signals) / sizeof(*signals));
	int e = r->signal_fd < 0 ? r->signal_fd : open_link(r);
	if (e) {
		log_tell("pando: cannot make the %s: %s", r->signal_fd < 0 ? "descriptor of signals" : "link",
			 strerror(-e));
		return e;
	}
	calls_init(&r->calls, r->link, &r->desc);
	r->ops = ops_create(&r->calls, &r->desc);
	r->mover = r->ops ? mover_create(r->ops) : NULL;
	r->tracer = r->ops ? tracer_create(r->ops) : NULL;
	r->plugs = r->ops ? plugs_create(r->ops, &r->desc) : NULL;
	r->growths = r->ops ? growths_create(r->ops, &r->desc) : NULL;
	r->homes = r->ops ? homes_create(r->ops, &r->desc) : NULL;
	if (!r->mover || !r->tracer || !r->plugs || !r->growths || !r->homes || run_members_begin(r) ||
	    run_boards_begin(r))
		return -ENOMEM;
	r->drain = drain_create(&(struct drain_parts){.ops = r->ops,
						      .desc = &r->desc,
						      .homes = r->homes,
						      .members = r->members,
						      .offers = r->offers,
						      .boards = r->boards});
	if (!r->drain)
		return -ENOMEM;
	members_set_grow(r->members, growths_give, r->growths);
	ops_set_broken(r->ops, on_broken, r);
	loop_watch(r->loop, r->signal_fd, LOOP_READ, on_signal, r);
	return 0;
}

/* The end of the guest is no success where its output did not get to where it was wanted. */
static void close_consoles(struct run *r)
{
	if (!run_consoles_close(r) && r->exit_status == RUN_POWEROFF)
		r->exit_status = RUN_FAILED;
}

static void write_status(struct run *r)
{
	uint64_t limit = now_ns() + RUN_STATUS_NS;

	if (!r->opt->status_json || !r->status.calls)
		return;
	while (r->status.asking && now_ns() < limit)
		loop_run(r->loop, limit);
	int e = run_status_write(&r->status, r->opt->status_json);
	if (e)
		run_lose_file(r, "status", r->opt->status_json,
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
	r->resets_due = (struct loop_timer){.fn = on_resets_due, .arg = r};
	r->pump = (struct loop_poller){.ctx = r, .turn = pump};
	char why[DESC_REPORT_MAX];
	r->images = opt->images;
	int e = opt->images.piece ? 0 : images_open(&r->images, opt->kernel, opt->initrd, why, sizeof(why));
	if (!e)
		e = run_consoles_open(r, why, sizeof(why));
	if (e)
		log_tell("pando: %s", why);
	else
		e = open_all(r);
	if (!e)
		run_bring_up(r);
	while (e >= 0 && r->phase != PHASE_OVER)
		e = loop_run(r->loop, UINT64_MAX);
	write_status(r); // runs the loop once more, so while the monitor lives
	calls_cancel(&r->calls, "the guest is over");
	growths_over(r->growths);
	if (r->loop)
		loop_run_posted(r->loop); // what waited for its turn is told the same
	dials_stop(r->dials);
	run_members_end(r);
	monitor_stop(r->monitor);
	ops_destroy(r->ops);
	mover_destroy(r->mover);
	plugs_destroy(r->plugs);
	members_destroy(r->members);
	growths_destroy(r->growths);
	drain_destroy(r->drain);
	boards_destroy(r->boards);
	homes_destroy(r->homes);
	tracer_destroy(r->tracer);
	r->ops = NULL;
	r->mover = NULL;
	close_consoles(r);
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
