// SPDX-License-Identifier: Apache-2.0
// One step of a device: what is asked of it under its lock, and what that leads to when the lock is free.
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "coherence/base/check.h"
#include "vmm/machine/board.h"

/* ---- under the device's lock ---- */

/* An ISA device has 8 bits: a wider access is done byte by byte. */
static int access_bytes(struct device *d, struct device_access *a, struct device_fx *fx)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < a->size; i++) {
		struct device_access one = *a;

		one.size = 1;
		one.offset = a->offset + i;
		one.value = a->write ? a->value >> 8 * i & 0xff : 0xff;
		PD_CHECK(d->kind->ops->access(d->state, &one, fx) == 0);
		value |= (one.value & 0xff) << 8 * i;
	}
	if (!a->write)
		a->value = value;
	return 0;
}

static int perform(struct device *d, struct device_request *r, uint64_t now, struct device_fx *fx)
{
	const struct device_ops *ops = d->kind->ops;
	bool late;
	int res = 0;

	if (!d->here) { // it has gone to another host meanwhile, which is told again what matters (board_move.c)
		atomic_fetch_and(&d->asked, ~(1u << r->what));
		return 0;
	}
	switch (r->what) {
	case REQUEST_ACCESS:
		late = device_may_be_late(
			ops, &r->a); // a late answer may have come before access() returns, and r is gone then
		r->a.now_ns = now;
		r->a.request = r;
		res = ops->bytewise ? access_bytes(d, &r->a, fx) : ops->access(d->state, &r->a, fx);
		PD_CHECK(res == 0 || late);
		break;
	case REQUEST_INTA: // its output falls during the cycle: the next request is a new edge
		r->a.value = (uint64_t)(int64_t)ops->acknowledge(d->state);
		atomic_fetch_and(&d->line, ~1ull);
		break;
	case REQUEST_EOI:
		ops->eoi(d->state, r->pin, fx);
		break;
	case REQUEST_LINE:
		ops->input(d->state, r->pin, r->high, fx);
		break;
	case REQUEST_BUTTON:
		atomic_fetch_and(&d->asked, ~(1u << r->what)); // from now on asking again is another press
		ops->button(d->state);
		break;
	case REQUEST_RESET:
		if (ops->reset)
			ops->reset(d->state, now, (int64_t)time(NULL), fx);
		break;
	case REQUEST_FEED: // settle() feeds
		atomic_fetch_and(&d->asked, ~(1u << r->what));
		break;
	}
	return res;
}

/* The device is brought up to now: its line, its deadline, typed bytes. */
static void settle(struct device *d, uint64_t now, struct device_fx *fx)
{
	const struct device_ops *ops = d->kind->ops;
	uint64_t line = atomic_load(&d->line);
	unsigned rises = 0;
	bool high;

	if (fx->back_n)
		console_back(d->board, fx->back, fx->back_n);
	if (ops->room)
		console_feed(d, now);
	if (!ops->run)
		return;
	high = ops->run(d->state, now, &rises, fx);
	if (high && !(line & 1) && !rises)
		rises = 1;
	atomic_store(&d->line, ((line >> 1) + rises) << 1 | high);
	if (!ops->deadline)
		return;
	uint64_t due = ops->deadline(d->state);

	if (due < atomic_exchange(&d->due_ns, due)) // a later one is found when the thread wakes
		board_wake(d->board);
}

/* ---- no lock held ---- */

static void tell(struct machine *m, enum machine_event_kind kind)
{
	machine_tell(m, &(struct machine_event){.kind = kind});
}

static void tell_plug(struct machine *m, const struct device_fx *fx)
{
	bool memory = fx->flags & DEVICE_FX_MEMORY;

	machine_tell(m, &(struct machine_event){.kind = MACHINE_EV_PLUG_SAID,
						.memory = memory,
						.ejected = fx->plug.said == PLUG_EJECTED,
						.index = fx->plug.index + memory,
						.event = fx->plug.event,
						.status = fx->plug.status});
}

static void carry_out(struct device *d, const struct device_fx *fx)
{
	struct machine *m = d->board->m;

	device_wires(d);
	for (unsigned i = 0; i < fx->msgs_n; i++)
		irqs_send(m, &fx->msgs[i], APIC_BROADCAST);
	if (!fx->flags)
		return;
	if (fx->flags & DEVICE_FX_ELSEWHERE) {
		fx->request->elsewhere = fx->elsewhere;
		board_relay(d->board, fx->request);
	}
	if (fx->flags & DEVICE_FX_WORK)
		d->kind->ops->work(d->state);
	if (fx->flags & (DEVICE_FX_POWEROFF | DEVICE_FX_RESET))
		consoles_flush(d->board);
	if (fx->flags & DEVICE_FX_POWEROFF)
		machine_end(m, MACHINE_POWEROFF, "powered off");
	if (fx->flags & DEVICE_FX_RESET)
		machine_end(m, MACHINE_RESET, fx->why);
	if (fx->flags & DEVICE_FX_PANICKED)
		tell(m, MACHINE_EV_PANICKED);
	if (fx->flags & DEVICE_FX_CRASH_LOADED)
		tell(m, MACHINE_EV_CRASH_LOADED);
	if (fx->flags & (DEVICE_FX_CPU | DEVICE_FX_MEMORY))
		tell_plug(m, fx);
	if (fx->flags & DEVICE_FX_FREED)
		machine_tell(m,
			     &(struct machine_event){.kind = MACHINE_EV_SLOT_FREED, .bus = fx->bus, .slot = fx->slot});
}

/* A request that came by the queue is over. */
static void finish(struct device_request *r)
{
	struct machine *m = r->d->board->m;

	if (r->from != HOST_NONE && r->id && m->peer.answer)
		m->peer.answer(m->peer.ctx, r->from, r->id, r->a.write ? 0 : r->a.value);
	device_dequeued(r);
}

bool device_do(struct device *d, struct device_request *own)
{
	struct device_request *r;
	int res;

	do {
		struct device_fx fx;

		fx.flags = fx.out_n = fx.back_n = fx.msgs_n = 0;
		pthread_mutex_lock(&d->lock);
		uint64_t now = machine_now_ns(d->board->m);

		r = device_take(d);
		if (!r)
			r = own;
		res = r ? perform(d, r, now, &fx) : 0;
		if (d->here)
			settle(d, now, &fx);
		if (fx.out_n)
			console_put(&d->board->consoles[DESC_CONSOLE_SERIAL], fx.out, fx.out_n);
		pthread_mutex_unlock(&d->lock);
		carry_out(d, &fx);
		if (r && r != own && res == 0)
			finish(r);
	} while (r != own);
	return res == 0;
}

/* ---- answers that come later ---- */

void device_answer(struct device_request *r, uint64_t value)
{
	struct board *b = r->d->board;

	r->a.value = value;
	if (r->from != HOST_NONE) {
		finish(r);
		return;
	}
	pthread_mutex_lock(&b->answers_lock);
	bool given_up = r->given_up;

	r->answered = true;
	pthread_cond_broadcast(&b->answers);
	pthread_mutex_unlock(&b->answers_lock);
	if (given_up)
		free(r);
}

/* Waits for it; false: the machine is being stopped, and the request is the answer's to free. */
static bool wait_for(struct board *b, struct device_request *r)
{
	pthread_mutex_lock(&b->answers_lock);
	while (!r->answered && !b->cancelled)
		pthread_cond_wait(&b->answers, &b->answers_lock);
	bool answered = r->answered;

	r->given_up = !answered;
	pthread_mutex_unlock(&b->answers_lock);
	return answered;
}

static bool stateless(const struct device_ops *ops)
{
	return !ops->bytes && !ops->run && !ops->room;
}

static int late_access(struct device *d, struct device_access *a)
{
	struct device_request *r = board_request(d, REQUEST_ACCESS);

	if (!r)
		return 0; // as if nobody were there
	r->a = *a;
	if (!device_do(d, r) && !wait_for(d->board, r))
		return -ECANCELED;
	a->value = r->a.value;
	free(r);
	return 0;
}

/* Nothing is kept from one access to the next, so no thread need wait for another: guests read the PM timer in loops.
 */
static void stateless_access(struct device *d, struct device_request *r)
{
	struct device_fx fx;

	fx.flags = fx.out_n = fx.back_n = fx.msgs_n = 0;
	perform(d, r, machine_now_ns(d->board->m), &fx);
	carry_out(d, &fx);
}

int device_local_access(struct device *d, struct device_access *a)
{
	const struct device_ops *ops = d->kind->ops;
	struct device_request r;

	if (device_may_be_late(ops, a))
		return late_access(d, a);
	r.d = d;
	r.what = REQUEST_ACCESS;
	r.from = HOST_NONE;
	r.a = *a;
	if (stateless(ops))
		stateless_access(d, &r);
	else
		device_do(d, &r);
	a->value = r.a.value;
	return 0;
}
