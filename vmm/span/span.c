// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/span.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/span/span_priv.h"
#include "vmm/span/now.h"
#include "vmm/machine/move.h"

#define DATA_AT_ONCE (2u << 20) // bytes

static void on_faults(void *ctx, int fd, unsigned events)
{
	struct span *d = ctx;

	(void)fd;
	(void)events;
	pager_on_faults(&d->pager);
	span_check_pager(d);
	homes_ship(d);
}

static uint64_t due(void *ctx);
static void tick(void *ctx);

static void send_outbox(void *arg)
{
	span_send_outbox(arg);
}

int span_create(struct span **out, const struct machine_desc *desc, host_id self, struct ram *ram, struct link *link,
		uint64_t tsc_khz, const struct span_handler *handler, char *why, size_t why_cap)
{
	struct span *d = calloc(1, sizeof(*d));
	int r = d ? 0 : -ENOMEM;

	if (r) {
		snprintf(why, why_cap, "no memory for the span layer");
		return r;
	}
	d->desc = desc;
	d->self = self;
	d->ram = ram;
	d->link = link;
	d->handler = *handler;
	d->clock = (struct loop_poller){.ctx = d, .turn = span_cards_turn, .due = due, .expire = tick};
	d->blaming = (struct loop_task){.fn = span_blamed, .arg = d};
	loop_add_poller(link_loop(link), &d->clock);
	outbox_init(&d->outbox);
	d->outbox_full = (struct loop_task){.fn = send_outbox, .arg = d};
	iofwd_init(&d->iofwd);
	peers_init(&d->peers, desc, self, now_tsc(), tsc_khz);
	d->joins = desc->version != 0;
	observe_init(&d->observe, self, desc_host_slots(desc), desc_pages_end(desc), tsc_khz);
	if (desc_host_slots(desc) > 1) {
		span_trace_start(d, 0); // without memory for it there is none
		r = pager_open(&d->pager, desc, self, ram, link, why, why_cap);
		if (!r) {
			d->paging = true;
			d->pager.before_send = post_flush;
			d->pager.before_send_ctx = d;
			span_no_hosts_yet(d);
			d->pager.observe = &d->observe;
			r = loop_watch(link_loop(link), d->pager.uffd.fd, LOOP_READ, on_faults, d);
		}
	}
	if (r) {
		span_destroy(d);
		return r;
	}
	*out = d;
	return 0;
}

void span_destroy(struct span *d)
{
	span_cancel(d);
	loop_uncall(link_loop(d->link), &d->outbox_full);
	loop_uncall(link_loop(d->link), &d->blaming);
	loop_remove_poller(link_loop(d->link), &d->clock);
	span_release_memory(d);
	if (d->paging)
		pager_close(&d->pager);
	observe_close(&d->observe);
	span_cards_free(d);
	free(d);
}

void span_release_memory(struct span *d)
{
	if (!d->paging || d->pager.uffd.fd < 0)
		return;
	loop_unwatch(link_loop(d->link), d->pager.uffd.fd);
	pager_release(&d->pager);
	d->released = true;
}

void span_cancel(struct span *d)
{
	outbox_close(&d->outbox);
	iofwd_cancel(&d->iofwd);
}

static uint32_t vcpu_of(void *ctx, uint32_t tid)
{
	return machine_vcpu_of_thread(ctx, tid);
}

static void waited(void *ctx, uint32_t vcpu, uint64_t ticks)
{
	machine_page_waited(ctx, vcpu, ticks);
}

void span_attach(struct span *d, struct machine *m)
{
	d->machine = m;
	d->observe.threads = (struct observe_threads){0};
	if (m)
		d->observe.threads = (struct observe_threads){.ctx = m, .vcpu_of = vcpu_of, .waited = waited};
}

static void lose(struct span *d, host_id h, const char *reason)
{
	if (!d->peers.v[h].up)
		return;
	d->peers.v[h].up = false;
	if (!(d->peers.counted & host_bit(h))) { // it is no member yet, or none any more
		peers_forget(&d->peers, h);
		log_info("the session with host %u, which has no part in the guest, has ended: %s", h, reason);
		return;
	}
	trace_mark(d, TRACE_HOST_LOST, h);
	d->handler.host_lost(d->handler.ctx, h, reason);
}

void span_fence(struct span *d, host_id h, const char *reason)
{
	lose(d, h, reason); // first: what it says of its end must not overtake what we say
	link_remove(d->link, h);
}

static void on_down(void *ctx, unsigned peer, const char *reason)
{
	lose(ctx, (host_id)peer, reason);
}

static void on_msg(void *ctx, unsigned peer, const struct msg *m)
{
	span_on_msg(ctx, (host_id)peer, m);
}

static void check_connected(struct span *d)
{
	if (d->connected_told || !span_connected(d))
		return;
	d->connected_told = true;
	peers_settle(&d->peers);
	d->handler.connected(d->handler.ctx);
}

int span_add_peer(struct span *d, host_id h, int fd, struct seal_stream *seal)
{
	const struct link_handler mine = {.ctx = d, .on_msg = on_msg, .on_down = on_down};
	int r = link_add_sealed(d->link, h, fd, seal);

	if (!r)
		r = link_set_handler(d->link, h, &mine);
	if (r)
		return r;
	peers_up(&d->peers, h, now_ns());
	check_connected(d);
	return 0;
}

void span_check_pager(struct span *d)
{
	host_id broken = d->pager.broken_peer;

	if (broken != HOST_NONE && d->peers.v[broken].up)
		span_fence(d, broken, d->pager.broken_why);
	if (d->pager.failed && !d->failure_told) {
		d->failure_told = true;
		d->handler.failed(d->handler.ctx, d->pager.failed);
	}
}

/*
 * An interrupt, an access or a line that never comes would be waited for by nobody here, and by the guest for ever.
 * What a link takes it delivers, in order: so this is the link's fault or a stranger's on the way, and which message it
 * was nobody knows.
 */
static bool all_came(struct span *d, host_id from, const struct msg_ping *ping)
{
	uint64_t came = link_stats(d->link, from)->first_in - 1; // without this one
	char why[160];

	if (came == ping->before)
		return true;
	snprintf(why, sizeof(why), "the link lost or added messages: %llu came of %llu that it says it sent",
		 (unsigned long long)came, (unsigned long long)ping->before);
	span_fence(d, from, why);
	return false;
}

static void answer_ping(struct span *d, host_id from, const struct msg_ping *ping, uint64_t received)
{
	struct msg m = {.kind = MSG_PONG, .epoch = d->desc->epoch};

	m.u.pong.t_sent = ping->t_sent;
	m.u.pong.t_received = peers_shown_clock(&d->peers, received);
	m.u.pong.t_answered = peers_shown_clock(&d->peers, now_tsc());
	m.u.pong.tsc_khz = peers_shown_khz(&d->peers);
	link_send(d->link, from, &m);
	link_flush(d->link);
}

/* r: what the machine said to something that nobody waits for. */
static void took(struct span *d, host_id from, int r)
{
	if (r == 0)
		return; // it is counted when it has been carried out
	d->posted_in++;
	if (r == -ENOSPC)
		span_fence(d, from, "had more under way than a host can have");
	else if (r != MACHINE_ANSWERED)
		d->bad_msgs++;
}

static void serve_io(struct span *d, host_id from, const struct msg_io_req *req)
{
	struct msg m = {.kind = MSG_IO_REP, .epoch = d->desc->epoch, .u.io_rep.id = req->id};
	struct msg_io_req local = *req;
	bool size_ok = req->size == 1 || req->size == 2 || req->size == 4 || req->size == 8;
	bool good = size_ok && req->vcpu < desc_vcpus(d->desc) && req->space < MACHINE_SPACES && req->write <= 1;
	int r = MACHINE_ANSWERED;

	d->io_served++;
	d->bad_msgs += !good;
	if (d->machine && good)
		r = machine_io_in(d->machine, from, &local);
	if (!req->id || r == -ENOSPC)
		took(d, from, r);
	else if (r == MACHINE_ANSWERED) {
		m.u.io_rep.value = req->write ? 0 : local.value;
		trace_msg_out(d, from, &m);
		link_send(d->link, from, &m);
	}
}

/* What the guest lost with a vCPU that makes no sense is lost: the peer that sent it is no member any more. */
static void take_vcpu(struct span *d, host_id from, const struct msg *m)
{
	char why[160] = "sent a vCPU to a host without a machine";

	if (d->machine && machine_move_in(d->machine, from, m, why, sizeof(why)) == 0) {
		trace_vcpu(d, TRACE_VCPU_CAME, from, m->u.vcpu_state.vcpu);
		return;
	}
	d->bad_msgs++;
	span_fence(d, from, why);
}

void span_on_msg(struct span *d, host_id from, const struct msg *m)
{
	uint64_t tsc = now_tsc();

	peers_heard(&d->peers, from, now_ns());
	trace_msg_in(d, from, m);
	switch (m->kind) {
	case MSG_COH:
		if (d->paging && !d->released) {
			pager_on_msg(&d->pager, from, m);
			span_check_pager(d);
			homes_ship(d);
		}
		break;
	case MSG_HOME_STATE:
		homes_take(d, from, m);
		break;
	case MSG_PING:
		if (all_came(d, from, &m->u.ping))
			answer_ping(d, from, &m->u.ping, tsc);
		break;
	case MSG_PONG:
		peers_on_pong(&d->peers, from, &m->u.pong, tsc, now_ns());
		trace_clock_known(d);
		check_connected(d);
		break;
	case MSG_IRQ:
		d->irqs_in++;
		if (d->machine)
			machine_irq_in(d->machine, from, &m->u.irq);
		break;
	case MSG_VCPU_STATE:
		take_vcpu(d, from, m);
		break;
	case MSG_EOI:
		took(d, from, d->machine ? machine_eoi_in(d->machine, from, m->u.eoi.vector) : -ENOENT);
		break;
	case MSG_LINE:
		took(d, from, d->machine ? machine_line_in(d->machine, from, &m->u.line) : -ENOENT);
		break;
	case MSG_IO_REQ:
		serve_io(d, from, &m->u.io_req);
		break;
	case MSG_DEV_QUEUE:
	case MSG_BLK_REQ:
	case MSG_BLK_WRITE:
	case MSG_BLK_REP:
		span_card_in(d, from, m);
		break;
	case MSG_IO_REP:
		iofwd_answer(&d->iofwd, m->u.io_rep.id, m->u.io_rep.value);
		break;
	default: // a control message from a peer: not its business
		d->bad_msgs++;
		span_fence(d, from, "sent a message that peers must not send");
	}
}

/* Of disks' data each byte is copied; faults wait no longer than for so much of it. */
void span_send_outbox(struct span *d)
{
	struct outbox_entry e;
	uint64_t bytes = 0;

	while ((bytes < DATA_AT_ONCE || post_waits(d)) && outbox_take(&d->outbox, &e)) {
		bytes += e.msg.blob_bytes;
		trace_msg_out(d, e.to, &e.msg);
		post_sent(d, &e.msg);
		span_send_entry(d, &e);
	}
	if (bytes >= DATA_AT_ONCE)
		loop_call(link_loop(d->link), &d->outbox_full); // the rest when others have had their turn
}

static void send_pings(struct span *d, host_set to)
{
	for (unsigned h = 0; h < d->peers.hosts; h++) {
		struct msg m = {.kind = MSG_PING, .epoch = d->desc->epoch};

		if (!(to & host_bit((host_id)h)))
			continue;
		trace_msg_out(d, (host_id)h, &m);
		m.u.ping.before = link_stats(d->link, h)->first_out;
		m.u.ping.t_sent = peers_clock(&d->peers, now_tsc());
		link_send(d->link, h, &m);
		link_flush(d->link);
	}
}

static void tick(void *ctx)
{
	struct span *d = ctx;
	host_set ping, lost;

	if (d->paging && !d->released) {
		pager_tick(&d->pager, now_ns());
		span_check_pager(d);
		homes_ship(d);
		span_check_waits(d);
	}
	peers_tick(&d->peers, now_ns(), &ping, &lost);
	send_pings(d, ping);
	for (unsigned h = 0; h < d->peers.hosts; h++)
		if (lost & host_bit((host_id)h))
			span_fence(d, (host_id)h, "silent for too long");
}

/* The engine's deadline moves with every message, so it is asked for before each sleep instead of set in a timer. */
static uint64_t due(void *ctx)
{
	const struct span *d = ctx;
	uint64_t a = d->paging && !d->released ? pager_deadline(&d->pager) : UINT64_MAX;
	uint64_t b = peers_deadline(&d->peers);

	return a < b ? a : b;
}

bool span_connected(const struct span *d)
{
	/* Who has answered has taken us in: at the start all do it at the same time, and none waits for that. */
	return peers_all_up(&d->peers) && peers_clock_ready(&d->peers) && (!d->joins || peers_all_heard(&d->peers));
}

struct machine_clock span_clock(const struct span *d)
{
	return (struct machine_clock){
		.tsc_offset = peers_tsc_offset(&d->peers),
		.tsc_khz = peers_guest_khz(&d->peers),
		.dilate = d->desc->dilate,
	};
}

bool span_same_rate(const struct span *d, uint64_t *own_khz)
{
	*own_khz = d->peers.tsc_khz;
	return peers_same_rate(&d->peers);
}

void span_irqs(const struct span *d, uint64_t *out, uint64_t *in)
{
	*out = __atomic_load_n(&d->irqs_out, __ATOMIC_RELAXED) + __atomic_load_n(&d->posted_out, __ATOMIC_RELAXED) +
	       __atomic_load_n(&d->one_way_out, __ATOMIC_RELAXED);
	*in = d->irqs_in + d->posted_in + (d->machine ? machine_taken(d->machine) : 0);
}

bool span_untouched(const struct span *d, page_idx page)
{
	return d->paging && coh_engine_untouched(d->pager.engine, page);
}

bool span_put(struct span *d, host_id to, const struct msg *m)
{
	if (!outbox_put(&d->outbox, to, m))
		return false;
	loop_call(link_loop(d->link), &d->outbox_full);
	return true;
}

void span_send_vcpu(struct span *d, host_id to, struct msg *m)
{
	m->epoch = d->desc->epoch;
	trace_vcpu(d, TRACE_VCPU_LEFT, to, m->u.vcpu_state.vcpu);
	link_send(d->link, to, m);
	link_flush(d->link);
}
