// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/server.h"

#include <string.h>

void server_init(struct server *s, struct virtio *v, struct ring *rings, const struct guest_mem *mem,
		 const struct server_ops *ops, void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->v = v;
	s->rings = rings;
	s->mem = mem;
	s->ops = ops;
	s->ctx = ctx;
	server_power_on(s);
}

static void forget_rings(struct server *s)
{
	for (unsigned q = 0; q < s->v->p.queues; q++)
		s->rings[q].at.size = 0;
	s->epoch = s->v->epoch;
	s->failed = false;
}

void server_power_on(struct server *s)
{
	memset(s->look, 0, sizeof(s->look));
	s->under_way = 0;
	forget_rings(s);
}

void server_look(struct server *s, uint16_t queue)
{
	s->look[queue / 64] |= 1ull << (queue % 64);
}

void server_hold(struct server *s, bool hold)
{
	s->held = hold;
}

bool server_accessed(struct server *s, const struct virtio_fx *fx)
{
	if (fx->flags & VIRTIO_FX_KICK)
		server_look(s, fx->queue);
	for (uint16_t q = 0; (fx->flags & VIRTIO_FX_READY) && q < s->v->p.queues; q++)
		server_look(s, q);
	return fx->flags & (VIRTIO_FX_KICK | VIRTIO_FX_READY | VIRTIO_FX_RESET);
}

/* Lock held. What was broken or unfinished before a reset is none of this epoch's. */
static void follow_epoch(struct server *s)
{
	if (s->v->resetting && !s->under_way) {
		virtio_reset_done(s->v);
		memset(s->look, 0, sizeof(s->look));
	}
	if (s->epoch != s->v->epoch)
		forget_rings(s);
}

/* Takes the queue's turn to be looked at, under the lock. False: it has none, or is not to be served. */
static bool begin(struct server *s, uint16_t queue)
{
	uint64_t bit = 1ull << (queue % 64);
	struct ring_setup setup;

	if (s->held || !(s->look[queue / 64] & bit))
		return false;
	s->look[queue / 64] &= ~bit; // before anything is looked at: who comes later asks again
	if (!virtio_queue(s->v, queue, &setup))
		return false;
	if (!s->rings[queue].at.size)
		ring_start(&s->rings[queue], &setup);
	return true;
}

/* No lock held. Tells the driver that it must reset the device, once. */
static void fail(struct server *s, struct ring *r)
{
	struct msix_message m;

	if (s->failed || !r->broken)
		return;
	s->failed = true;
	s->why = r->broken;
	s->broken++;
	s->ops->lock(s->ctx);
	bool told = virtio_fail(s->v, &m);

	s->ops->unlock(s->ctx);
	if (told)
		s->ops->send(s->ctx, &m);
}

void server_told(struct server *s, uint16_t queue)
{
	struct ring *r = &s->rings[queue];
	struct msix_message m;

	if (r->at.size && ring_wants_interrupt(r, s->mem)) {
		s->ops->lock(s->ctx);
		bool told = virtio_queue_interrupt(s->v, queue, &m);

		s->ops->unlock(s->ctx);
		if (told)
			s->ops->send(s->ctx, &m);
	}
	fail(s, r);
}

static bool full(struct server *s)
{
	return s->ops->full && s->ops->full(s->ctx);
}

/* Requests of one queue; true: there may be more. */
static bool drain(struct server *s, uint16_t queue)
{
	struct ring *r = &s->rings[queue];
	bool stopped = false;
	unsigned n = 0;

	ring_disarm(r, s->mem);
	while (n < r->at.size && !(stopped = full(s)) && ring_pop(r, s->mem, &s->chain) == 1) {
		bool later = false;
		uint32_t used = 0;
		enum ring_error e = s->ops->request(s->ctx, queue, &s->chain, &used, &later);

		n++;
		if (e)
			ring_break(r, e);
		else if (later)
			s->under_way++;
		else
			ring_push(r, s->mem, s->chain.head, used);
	}
	s->served += n;
	server_told(s, queue);
	return !r->broken && !stopped && (n == r->at.size || ring_arm(r, s->mem));
}

bool server_round(struct server *s)
{
	bool more = false;

	for (uint16_t q = 0; q < s->v->p.queues; q++) {
		s->ops->lock(s->ctx);
		follow_epoch(s);
		bool serve = begin(s, q);

		s->ops->unlock(s->ctx);
		if (!serve || (s->ops->on_demand && s->ops->on_demand(s->ctx, q)) || !drain(s, q))
			continue;
		more = true;
		s->ops->lock(s->ctx);
		server_look(s, q);
		s->ops->unlock(s->ctx);
	}
	return more;
}

bool server_take(struct server *s, uint16_t queue)
{
	s->ops->lock(s->ctx);
	follow_epoch(s);
	server_look(s, queue);
	bool serve = begin(s, queue);

	s->ops->unlock(s->ctx);
	struct ring *r = &s->rings[queue];
	bool got = serve && ring_pop(r, s->mem, &s->chain) == 1;

	if (serve && !got && ring_arm(r, s->mem)) // tell us of the next one; there is one already
		got = ring_pop(r, s->mem, &s->chain) == 1;
	if (got)
		s->under_way++;
	else if (serve)
		fail(s, r);
	return got;
}

/* n requests are under way no more. False: a reset came between, and nothing of them may be seen. */
static bool ended(struct server *s, unsigned n)
{
	s->under_way -= n;
	s->ops->lock(s->ctx);
	bool current = !s->v->resetting && s->epoch == s->v->epoch;

	follow_epoch(s); // the last one ends a reset
	s->ops->unlock(s->ctx);
	return current;
}

void server_complete_all(struct server *s, uint16_t queue, const struct server_used *used, unsigned n,
			 enum ring_error e)
{
	struct ring *r = &s->rings[queue];

	if (!ended(s, n)) {
		s->discarded += n;
		return;
	}
	if (e)
		ring_break(r, e);
	for (unsigned i = 0; i < n && !r->broken; i++)
		ring_put(r, s->mem, used[i].head, used[i].bytes);
	if (r->at.size)
		ring_publish(r, s->mem);
}

void server_complete(struct server *s, uint16_t queue, uint16_t head, uint32_t used, enum ring_error e)
{
	const struct server_used one = {.head = head, .bytes = used};

	server_complete_all(s, queue, &one, 1, e);
}

void server_untake(struct server *s, uint16_t queue, const struct chain *c)
{
	if (ended(s, 1))
		ring_unpop(&s->rings[queue], c);
}

void server_fields(struct fields *f, struct server *s)
{
	if (s->under_way) {
		f->bad = true;
		return;
	}
	for (unsigned q = 0; q < s->v->p.queues && !f->bad; q++) {
		uint8_t begun = s->rings[q].at.size != 0;

		FIELD(f, begun);
		f->bad |= begun > 1;
		if (!begun) {
			s->rings[q].at.size = 0;
			continue;
		}
		ring_fields(f, &s->rings[q]);
		if (!f->to) /* a ring is where its queue is */
			f->bad |= !s->v->queue[q].enabled || s->rings[q].at.size != s->v->queue[q].size ||
				  s->rings[q].at.desc != s->v->queue[q].desc ||
				  s->rings[q].at.avail != s->v->queue[q].avail ||
				  s->rings[q].at.used != s->v->queue[q].used;
	}
	for (uint16_t q = 0; !f->to && q < s->v->p.queues; q++)
		server_look(s, q); // who knows what was asked meanwhile
	if (!f->to)
		s->epoch = s->v->epoch;
}
