// SPDX-License-Identifier: Apache-2.0
// What the machine asks of other hosts (struct machine_peer): its threads come in here, the span thread sends.
#include <errno.h>

#include "vmm/span/span_priv.h"

static void send_irq(void *ctx, host_id to, const struct msg_irq *irq)
{
	struct span *d = ctx;
	struct msg m = {.kind = MSG_IRQ, .epoch = d->desc->epoch, .u.irq = *irq};

	__atomic_fetch_add(&d->irqs_out, 1, __ATOMIC_RELAXED);
	span_put(d, to, &m);
}

/* On the span thread, which must not wait for room in the outbox. */
static void pass_on(void *ctx, host_id to, const struct msg_irq *irq)
{
	struct span *d = ctx;
	struct msg m = {.kind = MSG_IRQ, .epoch = d->desc->epoch, .u.irq = *irq};

	__atomic_fetch_add(&d->irqs_out, 1, __ATOMIC_RELAXED);
	link_send(d->link, to, &m);
	link_flush(d->link);
}

static void put_one_way(struct span *d, host_id to, const struct msg *m)
{
	__atomic_fetch_add(&d->one_way_out, 1, __ATOMIC_RELAXED);
	span_put(d, to, m);
}

static void send_eoi(void *ctx, host_id to, uint8_t vector)
{
	struct span *d = ctx;
	struct msg m = {.kind = MSG_EOI, .epoch = d->desc->epoch, .u.eoi.vector = vector};

	put_one_way(d, to, &m);
}

static void send_line(void *ctx, host_id to, const struct msg_line *line)
{
	struct span *d = ctx;
	struct msg m = {.kind = MSG_LINE, .epoch = d->desc->epoch, .u.line = *line};

	put_one_way(d, to, &m);
}

static void send_answer(void *ctx, host_id to, uint64_t id, uint64_t value)
{
	struct span *d = ctx;
	struct msg m = {.kind = MSG_IO_REP, .epoch = d->desc->epoch, .u.io_rep = {.id = id, .value = value}};

	span_put(d, to, &m);
}

int span_forward_io(struct span *d, host_id to, struct msg_io_req *req)
{
	struct msg m = {.kind = MSG_IO_REQ, .epoch = d->desc->epoch};
	uint64_t value = 0;

	req->id = iofwd_begin(&d->iofwd);
	if (!req->id)
		return -ECANCELED;
	m.u.io_req = *req;
	span_put(d, to, &m); // when closed, the wait is cancelled too
	int r = iofwd_wait(&d->iofwd, req->id, &value);

	if (r == 0 && !req->write)
		req->value = value;
	return r;
}

static int forward_io(void *ctx, host_id to, struct msg_io_req *req)
{
	return span_forward_io(ctx, to, req);
}

static int post_io(void *ctx, host_id to, const struct msg_io_req *req)
{
	return span_post_io(ctx, to, req);
}

struct machine_peer span_hooks(struct span *d)
{
	struct machine_peer p = {.ctx = d,
				 .irq = send_irq,
				 .pass_on = pass_on,
				 .eoi = send_eoi,
				 .io = forward_io,
				 .answer = send_answer,
				 .line = send_line,
				 .post = post_io};

	span_cards_hooks(&p);
	return p;
}
