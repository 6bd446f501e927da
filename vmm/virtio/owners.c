// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/owners.h"

#include <errno.h>

#include "coherence/base/check.h"

static void lock(struct owners *o)
{
	o->ops->lock(o->ctx);
}

static void unlock(struct owners *o)
{
	o->ops->unlock(o->ctx);
}

static void note_news(struct owners *o)
{
	__atomic_store_n(&o->news, true, __ATOMIC_SEQ_CST);
}

bool owners_news(const struct owners *o)
{
	return __atomic_load_n(&o->news, __ATOMIC_SEQ_CST);
}

void owners_init(struct owners *o, struct virtio *v, struct server *here, host_id self, const struct owners_ops *ops,
		 void *ctx)
{
	memset(o, 0, sizeof(*o));
	o->v = v;
	o->here = here;
	o->self = self;
	o->ops = ops;
	o->ctx = ctx;
	for (unsigned q = 0; q < VIRTIO_QUEUES_MAX; q++)
		owner_init(&o->queue[q]);
}

void owners_power_on(struct owners *o)
{
	for (unsigned q = 0; q < VIRTIO_QUEUES_MAX; q++)
		owner_init(&o->queue[q]);
	o->failed = o->recalled = false;
	server_forget(o->here);
}

/* ---- what the registers say ---- */

static host_id home_of(const struct owners *o, uint16_t q, const struct handover_entry *e)
{
	host_id h = o->ops->home && !o->recalled ? o->ops->home(o->ctx, q, e) : HOST_NONE;

	return h == HOST_NONE ? o->self : h;
}

/*
 * Which host a queue is on follows from the entry. One that is here interrupts through the registers: they are at hand,
 * so there is nothing to be told or waited for.
 */
static void look_at(struct owners *o, uint16_t q)
{
	struct virtio *v = o->v;
	struct owner *w = &o->queue[q];
	struct handover_entry e;
	struct ring_setup setup;

	if (!virtio_queue(v, q, &setup)) {
		owner_want_not(w, v->resetting);
		return;
	}
	virtio_queue_entry(v, q, &e);
	host_id home = home_of(o, q, &e);

	owner_want(w, home, &setup);
	if ((w->at == HOST_NONE ? home : w->at) == o->self)
		e = (struct handover_entry){.irq = HANDOVER_IRQ_TELL};
	owner_set_entry(w, &e);
}

/* True: there is something to say, or a reset to be ended. */
static bool look_at_all(struct owners *o)
{
	bool due = o->v->resetting;

	for (uint16_t q = 0; q < o->v->p.queues; q++) {
		look_at(o, q);
		due |= owner_due(&o->queue[q]);
	}
	if (due)
		note_news(o);
	return due;
}

bool owners_accessed(struct owners *o, const struct virtio_fx *fx)
{
	unsigned wants = VIRTIO_FX_READY | VIRTIO_FX_RESET | VIRTIO_FX_MSIX;
	bool due = (fx->flags & wants) && look_at_all(o);

	if ((fx->flags & VIRTIO_FX_KICK) && !server_kick(o->here, fx->queue)) {
		owner_kick(&o->queue[fx->queue]);
		note_news(o);
	}
	return due || (fx->flags & VIRTIO_FX_KICK);
}

bool owners_moved(struct owners *o)
{
	return look_at_all(o);
}

bool owners_bar_moved(struct owners *o)
{
	for (uint16_t q = 0; q < o->v->p.queues; q++)
		if (o->queue[q].at != o->self)
			owner_again(&o->queue[q]);
	return look_at_all(o);
}

bool owners_settled(const struct owners *o)
{
	for (uint16_t q = 0; q < o->v->p.queues; q++)
		if (!owner_settled(&o->queue[q]))
			return false;
	return true;
}

bool owners_placed(const struct owners *o)
{
	for (uint16_t q = 0; q < o->v->p.queues; q++)
		if (o->queue[q].stale)
			return false;
	return true;
}

/* ---- words ---- */

/* The lock held. */
static bool carry_out(struct owners *o, uint16_t queue, int effect, enum ring_error why, struct msix_message *out)
{
	if (effect == OWNER_RAISE)
		return virtio_queue_interrupt(o->v, queue, out);
	if (effect != OWNER_BROKEN || o->failed)
		return false;
	o->failed = true;
	o->why = why;
	o->broken++;
	bool told = virtio_fail(o->v, out);

	look_at_all(o); // none of them is served any more
	return told;
}

int owners_in(struct owners *o, host_id from, uint16_t queue, const struct handover *m)
{
	struct msix_message out;

	if (queue >= o->v->p.queues)
		return -EPROTO;
	lock(o);
	int r = owner_in(&o->queue[queue], from, m);
	bool send = r >= 0 && carry_out(o, queue, r, m->why, &out);

	if (r != OWNER_RAISE) {
		look_at(o, queue); // how it interrupts depends on where it is
		note_news(o);
	}
	unlock(o);
	if (send)
		o->ops->send(o->ctx, &out);
	return r < 0 ? r : 0;
}

/* The lock held. The driver's reset is over when no queue is anywhere any more. */
static void end_reset(struct owners *o)
{
	if (!o->v->resetting)
		return;
	for (uint16_t q = 0; q < o->v->p.queues; q++)
		if (!owner_quiet(&o->queue[q]))
			return;
	for (uint16_t q = 0; q < o->v->p.queues; q++)
		owner_forget(&o->queue[q]);
	virtio_reset_done(o->v);
	o->failed = false;
}

/* While the server here is held others may have its homes: those are told later. */
static bool is_for_here(const struct owners *o, const struct owner *w)
{
	return (w->at == HOST_NONE ? w->home : w->at) == o->self;
}

/* The lock held. What is to be said next. */
static bool next(struct owners *o, bool held, uint16_t *queue, host_id *to, struct handover *m)
{
	for (uint16_t q = 0; q < o->v->p.queues; q++)
		if (!(held && is_for_here(o, &o->queue[q])) && owner_next(&o->queue[q], to, m)) {
			*queue = q;
			return true;
		}
	if (!held)
		end_reset(o);
	return false;
}

/* Serving thread: says all there is to be said. To a queue here at once, which answers at once. */
static void say(void *ctx)
{
	struct owners *o = ctx;
	struct handover m;
	uint16_t queue;
	host_id to;
	bool more = true;

	if (!owners_news(o))
		return;
	__atomic_store_n(&o->news, false, __ATOMIC_SEQ_CST);
	while (more) {
		lock(o);
		bool held = __atomic_load_n(&o->here->held, __ATOMIC_SEQ_CST);

		more = next(o, held, &queue, &to, &m);
		unlock(o);
		if (more && to == o->self)
			server_in(o->here, queue, &m);
		else if (more)
			o->ops->tell(o->ctx, to, queue, &m);
	}
}

void owners_recall(struct owners *o)
{
	lock(o);
	o->recalled = true;
	look_at_all(o);
	note_news(o);
	unlock(o);
	say(o);
}

bool owners_home(struct owners *o)
{
	bool home = true;

	lock(o);
	for (uint16_t q = 0; q < o->v->p.queues; q++) {
		const struct owner *w = &o->queue[q];

		home &= (w->at == HOST_NONE || w->at == o->self) && !w->at_back &&
			(w->entry_host == HOST_NONE || w->entry_host == o->self);
	}
	unlock(o);
	return home;
}

int owners_request(struct owners *o, host_id from, uint16_t queue, uint32_t turn)
{
	if (queue >= o->v->p.queues || from == o->self)
		return -EPROTO;
	lock(o);
	int r = owner_request(&o->queue[queue], from, turn);

	unlock(o);
	return r;
}

void owners_replied(struct owners *o, uint16_t queue)
{
	lock(o);
	owner_replied(&o->queue[queue]);
	if (o->v->resetting)
		note_news(o); // it may have been the last
	unlock(o);
}

/* Serving thread: a word of the server here. */
static void told(void *ctx, uint16_t queue, const struct handover *m)
{
	struct owners *o = ctx;

	PD_CHECK(!owners_in(o, o->self, queue, m));
}

struct server_link owners_link(struct owners *o)
{
	return (struct server_link){.ctx = o, .hear = say, .tell = told};
}

/* ---- as bytes ---- */

/* Where a queue's ring is: nothing is under way. One that is broken waits for a reset, and is nowhere. */
static struct ring_place place(const struct owners *o, uint16_t q)
{
	if (o->queue[q].at != o->self)
		return o->queue[q].place;
	return o->here->homes[q].broken ? (struct ring_place){0} : ring_place_of(&o->here->rings[q]);
}

void owners_fields(struct fields *f, struct owners *o)
{
	f->bad |= f->to && o->here->under_way;
	for (uint16_t q = 0; q < o->v->p.queues && !f->bad; q++) {
		struct ring_place at = {0};

		if (f->to)
			at = place(o, q);
		FIELD(f, at.next_avail);
		FIELD(f, at.next_used);
		FIELD(f, at.told);
		f->bad |= !ring_place_good(&at, o->v->queue[q].size);
		if (f->to || f->bad)
			continue;
		owner_init(&o->queue[q]);
		o->queue[q].place = at;
	}
	if (f->to || f->bad)
		return;
	server_forget(o->here);
	look_at_all(o); // who knows what was asked meanwhile: whoever gets a queue looks
}
