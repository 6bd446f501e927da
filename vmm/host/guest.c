// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/guest.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/call/steps.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/span/now.h"
#include "vmm/machine/move.h"

void guest_report(struct guest *g, unsigned state, unsigned host, const char *fmt, ...)
{
	struct msg m = {.kind = MSG_CTL_STATE, .epoch = g->epoch};
	char text[DESC_REPORT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m.u.ctl_state.state = (uint8_t)state;
	m.u.ctl_state.host = host;
	m.blob = (const uint8_t *)text;
	m.blob_bytes = (uint32_t)strlen(text);
	link_send(g->link, GUEST_CONTROL, &m);
	link_flush(g->link);
}

/* The guest can't go on: say so once, stop the vCPUs, and wait for the control session to close us. */
void guest_fail(struct guest *g, unsigned state, unsigned host, const char *why)
{
	if (g->ended)
		return;
	g->ended = true;
	guest_linger(g);
	log_error("%s", why);
	guest_report(g, state, host, "%s", why);
	guest_stop(g);
}

static void on_host_lost(void *ctx, host_id host, const char *reason)
{
	struct guest *g = ctx;
	char why[DESC_REPORT_MAX];

	if (g->quitting)
		return;
	snprintf(why, sizeof(why), "lost host %u (%s): %s; the guest is stopped", host, g->desc.hosts[host].address,
		 reason);
	guest_fail(g, CTL_HOST_LOST, host, why);
}

static void on_failed(void *ctx, const char *reason)
{
	struct guest *g = ctx;

	guest_fail(g, CTL_FAILED, g->self, reason);
}

static void on_connected(void *ctx)
{
	guest_check_connected(ctx);
}

static const struct span_handler span_calls = {
	.connected = on_connected, .host_lost = on_host_lost, .failed = on_failed};

#define CLOCK_TRIES 32u

/* The TSC and the time of the same moment: of several tries the one that took least, since a busy host interrupts some.
 */
static uint64_t tsc_and_ns(uint64_t *ns)
{
	uint64_t best = UINT64_MAX, tsc = 0;

	for (unsigned i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = now_ns(), t = now_tsc(), took = now_ns() - before;

		if (took < best) {
			best = took;
			tsc = t;
			*ns = before + took / 2;
		}
	}
	return tsc;
}

static uint64_t tsc_khz_of_host(void)
{
	uint64_t n0, n1, t0 = tsc_and_ns(&n0);

	while (now_ns() - n0 < 20000000u)
		;
	uint64_t t1 = tsc_and_ns(&n1);

	return (t1 - t0) * 1000000u / (n1 - n0);
}

static int set_up(struct guest *g, const struct msg *m, char *why, unsigned cap)
{
	struct span_handler handler = span_calls;
	int r = desc_from_json((const char *)m->blob, m->blob_bytes, &g->desc, why, cap);

	handler.ctx = g;
	if (r)
		return r;
	if (m->u.ctl_setup.self >= g->desc.hosts_n || g->desc.epoch != g->epoch) {
		snprintf(why, cap, "the set-up names host %u of %u, epoch %u (expected %u)", m->u.ctl_setup.self,
			 g->desc.hosts_n, g->desc.epoch, g->epoch);
		return -EINVAL;
	}
	g->self = (host_id)m->u.ctl_setup.self;
	uint32_t vcpus = desc_host_vcpus(&g->desc, g->self);
	uint64_t memory = desc_host_pages(&g->desc, g->self) << PAGE_SHIFT;
	if (vcpus > g->opt->vcpus || memory > g->opt->memory_bytes) {
		snprintf(why, cap, "host %u offers %u vCPUs and %llu MiB, but %u and %llu MiB are asked", g->self,
			 g->opt->vcpus, (unsigned long long)(g->opt->memory_bytes >> 20), vcpus,
			 (unsigned long long)(memory >> 20));
		return -ENOSPC;
	}
	r = ram_map_with_room(&g->ram, desc_memory_bytes(&g->desc), desc_room_bytes(&g->desc));
	if (r) {
		snprintf(why, cap, "cannot map %llu MiB of guest RAM: %s",
			 (unsigned long long)(desc_memory_bytes(&g->desc) >> 20), strerror(-r));
		return r;
	}
	g->ram_mapped = true;
	return span_create(&g->span, &g->desc, g->self, &g->ram, g->link, tsc_khz_of_host(), &handler, why, cap);
}

static void on_setup(struct guest *g, const struct msg *m)
{
	char why[DESC_REPORT_MAX] = "";

	if (g->span) {
		guest_fail(g, CTL_FAILED, g->self, "a second set-up arrived");
		return;
	}
	if (set_up(g, m, why, sizeof(why)))
		guest_fail(g, CTL_FAILED, g->self, why);
	else
		guest_report(g, CTL_READY, g->self, "ready");
}

static void on_image(struct guest *g, const struct msg *m)
{
	const struct msg_ctl_image *piece = &m->u.ctl_image;
	struct guest_image *img = &g->images[piece->which & 1];

	if (piece->which > 1 || piece->total > CTL_IMAGE_MAX || piece->offset != img->have ||
	    (img->bytes && img->total != piece->total) || m->blob_bytes > piece->total - piece->offset) {
		guest_fail(g, CTL_FAILED, g->self, "a boot image arrived in disorder");
		return;
	}
	if (!img->bytes) {
		img->bytes = malloc(piece->total ? piece->total : 1);
		img->total = piece->total;
		if (!img->bytes) {
			guest_fail(g, CTL_FAILED, g->self, "no memory for a boot image");
			return;
		}
	}
	memcpy(img->bytes + piece->offset, m->blob, m->blob_bytes);
	img->have += m->blob_bytes;
}

static void on_control(struct guest *g, const struct msg *m)
{
	switch (m->kind) {
	case MSG_CTL_SETUP:
		on_setup(g, m);
		break;
	case MSG_CTL_IMAGE:
		on_image(g, m);
		break;
	case MSG_CTL_GO:
		guest_go(g, m->u.ctl_go.step);
		break;
	case MSG_CTL_CONSOLE:
		if (g->machine && g->self == 0)
			machine_console_in(g->machine, m->u.ctl_console.port, m->blob, m->blob_bytes);
		break;
	case MSG_CTL_STATUS_REQ:
		guest_send_status(g, m->u.ctl_status_req.id);
		break;
	case MSG_CTL_CALL:
		serve_on_call(g, m);
		break;
	default:
		log_warn("ignored a %s message on the control session", msg_name(m->kind));
	}
}

/* The link's own handler: of the control session. Peers are span's. */
static void on_msg(void *ctx, unsigned peer, const struct msg *m)
{
	(void)peer;
	on_control(ctx, m);
}

static void on_down(void *ctx, unsigned peer, const char *reason)
{
	struct guest *g = ctx;

	(void)peer;
	if (!g->quitting && !g->ended)
		log_warn("the control session is gone (%s): the guest is stopped", reason);
	g->over = true;
}

static void on_sessions(void *ctx, int fd, unsigned events)
{
	struct guest *g = ctx;
	struct listener_session s;

	(void)fd;
	(void)events;
	while (listener_take(g->listener, &s)) {
		bool peer = s.hello.role == SESSION_PEER && g->span && !g->ended && s.hello.epoch == g->epoch &&
			    s.hello.arg < g->desc.hosts_n && s.hello.arg > g->self;

		if (s.hello.role == SESSION_CONTROL)
			newcomers_add(&g->newcomers, &s);
		else if (!peer)
			close(s.fd); // another guest's
		else
			span_add_peer(g->span, (host_id)s.hello.arg, s.fd);
	}
}

static void on_signal(void *ctx, int fd, unsigned events)
{
	struct guest *g = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	g->signalled = true;
	if (!g->ended)
		guest_report(g, CTL_FAILED, g->self, "host %u was told to end by signal %u", g->self, info.ssi_signo);
	g->over = true;
}

static int send_offer(struct guest *g)
{
	struct msg m = {.kind = MSG_CTL_OFFER, .epoch = g->epoch};

	m.u.ctl_offer.vcpus = g->opt->vcpus;
	m.u.ctl_offer.memory_bytes = g->opt->memory_bytes;
	m.u.ctl_offer.walks = (uint8_t)g->opt->is.walks;
	return link_send(g->link, GUEST_CONTROL, &m);
}

static int open_loop(struct guest *g, int signal_fd)
{
	struct loop_options lo = {.waits = "uring", .spin_us = g->opt->spin_us};
	int r = loop_create(&g->loop, &lo);

	newcomers_init(&g->newcomers, g->loop, g->epoch, &g->ended);
	if (!r)
		r = loop_watch(g->loop, g->listener->event_fd, LOOP_READ, on_sessions, g);
	if (!r)
		r = loop_watch(g->loop, signal_fd, LOOP_READ, on_signal, g);
	return r;
}

static int open_link(struct guest *g)
{
	struct link_options lo = {
		.transport = g->opt->dpdk ? "dpdk" : "uring", .epoch = g->epoch, .dpdk = g->opt->dpdk, .loop = g->loop};
	struct link_handler h = {.ctx = g, .on_msg = on_msg, .on_down = on_down};
	int r = link_create(&g->link, &lo, &h);

	if (r)
		log_error("cannot make the link: %s", strerror(-r));
	return r;
}

/*
 * A page request that waits for the processor behind a busy vCPU thread delays another host's vCPU by a scheduler
 * slice. The span thread works for microseconds at a time and then sleeps, so it goes first where that is allowed. The
 * threads that it starts do not inherit this.
 */
static void go_first(void)
{
	struct sched_param param = {.sched_priority = 1};

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		log_debug("no real-time priority for the span thread: %s", strerror(errno));
}

int guest_run(const struct host_options *opt, struct listener *l, int signal_fd, const struct listener_session *control)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g) {
		close(control->fd);
		return -ENOMEM;
	}
	if (!opt->spin_us) // a thread that polls would starve the others
		go_first();
	g->opt = opt;
	g->listener = l;
	g->epoch = control->hello.epoch;
	guest_works_init(&g->works, g);
	guest_steps_init(g);
	int r = open_loop(g, signal_fd);
	if (!r)
		r = open_link(g);
	if (!r)
		r = link_add_fd(g->link, GUEST_CONTROL, control->fd);
	else
		close(control->fd);
	if (!r)
		r = send_offer(g);
	while (r >= 0 && !g->over)
		r = loop_run(g->loop, UINT64_MAX);
	newcomers_release(&g->newcomers, l);
	guest_tear_down(g);
	bool signalled = g->signalled;
	free(g);
	return r < 0 ? r : !signalled;
}
