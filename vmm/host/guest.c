// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/guest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/call/boot_image.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

/* ---- phases ---- */

static void enter(struct guest *g, enum guest_phase next)
{
	enum guest_phase was = g->phase;

	log_debug("the guest is %s", guest_phase_name(next));
	g->phase = next;
	if (guest_phase_ended(next))
		newcomers_wait(&g->newcomers);
	if (next == GUEST_HALTED)
		guest_linger(g);
	if (next >= GUEST_HALTED && was < GUEST_HALTED)
		guest_halt(g);
}

enum guest_turn guest_happens(struct guest *g, enum guest_event e, char *why, size_t cap)
{
	enum guest_phase next;
	enum guest_turn t = guest_phase_turn(g->phase, e, &next, why, cap);

	if (t == GUEST_MOVES)
		enter(g, next);
	else if (t == GUEST_REFUSES)
		log_debug("refused: %s", why);
	return t;
}

void guest_tell(struct guest *g, enum host_event e, const char *fmt, ...)
{
	char text[DESC_REPORT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	serve_event(g, e, json_pack("{s:s}", "text", text));
}

void guest_fail(struct guest *g, const char *why)
{
	char refused[DESC_REPORT_MAX];

	if (guest_happens(g, GUEST_EV_FAILED, refused, sizeof(refused)) != GUEST_MOVES)
		return;
	log_error("%s", why);
	guest_tell(g, HOST_EV_FAILED, "%s", why);
	guest_step_give_up(g);
}

static void hang_up(void *arg)
{
	char why[DESC_REPORT_MAX];

	guest_happens(arg, GUEST_EV_HUNG_UP, why, sizeof(why));
}

void guest_linger(struct guest *g)
{
	g->linger.fn = hang_up; // it may be armed
	g->linger.arg = g;
	loop_timer_in(g->loop, &g->linger, GUEST_LINGER_NS);
}

/* ---- the control session ---- */

static void on_setup(struct guest *g, const struct msg *m)
{
	serve_end_at("set-up");
	g->setup = m;
	guest_step_ask(g, &guest_set_up, 0);
	g->setup = NULL;
}

/* Also those of a host that is to have the board: what it has of earlier ones is not meant. */
static bool takes_images(const struct guest *g)
{
	return g->phase == GUEST_SET_UP || (g->phase == GUEST_RUNNING && g->desc.board != g->self);
}

static void on_image(struct guest *g, const struct msg *m)
{
	const struct msg_ctl_image *piece = &m->u.ctl_image;
	struct guest_image *img = &g->images[piece->which & 1];
	char why[DESC_REPORT_MAX];
	enum guest_turn t = guest_happens(g, GUEST_EV_IMAGE, why, sizeof(why));

	if (t == GUEST_REFUSES)
		guest_fail(g, why);
	if (t == GUEST_REFUSES || !takes_images(g)) // what was on its way when the guest ended
		return;
	if (g->phase == GUEST_RUNNING && !piece->offset) {
		free(img->bytes);
		*img = (struct guest_image){0};
	}
	if (piece->which > 1 || piece->total > CTL_IMAGE_MAX || piece->offset != img->have ||
	    (img->bytes && img->total != piece->total) || m->blob_bytes > piece->total - piece->offset) {
		if (g->phase == GUEST_RUNNING) // the rest of what is not wanted any more
			guest_images_drop(g);
		else
			guest_fail(g, "a boot image arrived in disorder");
		return;
	}
	if (!img->bytes) {
		img->bytes = malloc(piece->total ? piece->total : 1);
		img->total = piece->total;
		if (!img->bytes) {
			if (g->phase != GUEST_RUNNING) // else who asks for it is told that it is not whole
				guest_fail(g, "no memory for a boot image");
			return;
		}
	}
	memcpy(img->bytes + piece->offset, m->blob, m->blob_bytes);
	img->have += m->blob_bytes;
}

/* The link's own handler: of the control session. Peers are span's. */
static void on_msg(void *ctx, unsigned peer, const struct msg *m)
{
	struct guest *g = ctx;

	(void)peer;
	guest_control_heard(g);
	switch (m->kind) {
	case MSG_PONG: // it is there: that was all
		break;
	case MSG_CTL_SETUP:
		on_setup(g, m);
		break;
	case MSG_CTL_IMAGE:
		on_image(g, m);
		break;
	case MSG_CTL_CONSOLE:
		guest_news_typed(g, m);
		break;
	case MSG_CTL_CALL:
		serve_on_call(g, m);
		break;
	default:
		log_warn("ignored a %s message on the control session", msg_name(m->kind));
	}
}

static void on_down(void *ctx, unsigned peer, const char *reason)
{
	struct guest *g = ctx;

	(void)peer;
	if (!guest_ended(g))
		log_warn("the control session is gone (%s): the guest is stopped", reason);
	hang_up(g);
}

/* Of hosts that start together the higher number calls the lower. Who comes later calls all. */
static bool may_call(const struct guest *g, uint32_t h)
{
	return h < HOSTS_MAX && ((desc_is_member(&g->desc, h) && h > g->self) || span_expects(g->span, (host_id)h));
}

static void on_sessions(void *ctx, int fd, unsigned events)
{
	struct guest *g = ctx;
	struct listener_session s;

	(void)fd;
	(void)events;
	while (listener_take(g->listener, &s)) {
		bool peer = s.hello.role == SESSION_PEER && g->phase >= GUEST_SET_UP && !guest_ended(g) &&
			    s.hello.epoch == g->epoch && may_call(g, s.hello.arg);

		if (s.hello.role == SESSION_CONTROL)
			newcomers_add(&g->newcomers, &s);
		else if (!peer)
			listener_session_close(&s); // another guest's
		else
			span_add_peer(g->span, (host_id)s.hello.arg, s.fd, s.seal);
	}
}

static unsigned signal_of(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? info.ssi_signo : 0;
}

static void on_signal(void *ctx, int fd, unsigned events)
{
	struct guest *g = ctx;
	char why[DESC_REPORT_MAX];
	unsigned number = signal_of(fd);

	(void)events;
	if (!number)
		return;
	if (!guest_ended(g))
		guest_tell(g, HOST_EV_FAILED, "host %u was told to end by signal %u", g->self, number);
	guest_happens(g, GUEST_EV_SIGNAL, why, sizeof(why));
}

static int send_offer(struct guest *g)
{
	struct msg m = {.kind = MSG_CTL_OFFER, .epoch = g->epoch};

	m.u.ctl_offer.vcpus = g->opt->vcpus;
	m.u.ctl_offer.memory_bytes = g->opt->memory_bytes;
	m.u.ctl_offer.walks = (uint8_t)g->opt->is.walks;
	m.u.ctl_offer.address_bits = g->opt->is.address_bits;
	return link_send(g->link, GUEST_CONTROL, &m);
}

static int open_loop(struct guest *g)
{
	struct loop_options lo = {.waits = "uring", .spin_us = g->opt->spin_us};
	int r = loop_create(&g->loop, &lo);

	newcomers_init(&g->newcomers, g->loop, g->epoch);
	if (!r)
		r = loop_watch(g->loop, g->listener->event_fd, LOOP_READ, on_sessions, g);
	if (!r)
		r = loop_watch(g->loop, g->signal_fd, LOOP_READ, on_signal, g);
	return r;
}

static int open_link(struct guest *g)
{
	struct link_options lo = {
		.transport = g->opt->dpdk ? "dpdk" : "uring", .epoch = g->epoch, .dpdk = g->opt->dpdk, .loop = g->loop};
	struct link_handler h = {.ctx = g, .on_msg = on_msg, .on_down = on_down};

	return link_create(&g->link, &lo, &h);
}

static void close_control(struct guest *g)
{
	struct listener_session s = {.fd = g->control_fd, .seal = g->control_seal};

	listener_session_close(&s);
}

int guest_open_session(struct guest *g, char *why, unsigned cap)
{
	int r = open_loop(g);

	if (!r)
		r = open_link(g);
	if (!r)
		r = link_add_sealed(g->link, GUEST_CONTROL, g->control_fd, g->control_seal);
	else
		close_control(g);
	if (!r)
		r = send_offer(g);
	if (!r)
		guest_control_watch(g);
	else
		snprintf(why, cap, "cannot make the link: %s", strerror(-r));
	return r;
}

int guest_run(const struct host_options *opt, struct listener *l, int signal_fd, const struct listener_session *control)
{
	struct guest *g = calloc(1, sizeof(*g));
	char why[DESC_REPORT_MAX];

	if (!g) {
		close(control->fd);
		return -ENOMEM;
	}
	g->opt = opt;
	g->listener = l;
	g->signal_fd = signal_fd;
	g->control_fd = control->fd;
	g->control_seal = control->seal;
	g->epoch = control->hello.epoch;
	guest_works_init(&g->works, g);
	guest_news_init(g);
	int r = guest_step_begin(g, &guest_session, why, sizeof(why));
	if (r)
		log_error("%s", why);
	g->step = NULL;
	/* Not before the link is open, which others work for who go behind; and a thread that polls would starve them.
	 */
	if (!opt->spin_us)
		loop_go_first(2);
	while (r >= 0 && g->phase < GUEST_OVER)
		r = loop_run(g->loop, UINT64_MAX);
	hang_up(g);
	guest_undo_steps(g);
	bool ends = g->phase == GUEST_OVER_FOR_GOOD;
	free(g);
	return r < 0 ? r : !ends;
}
