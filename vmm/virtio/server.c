// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/server.h"

#include <errno.h>

#include "coherence/base/check.h"

/* ---- sets of queues, of which any thread may ask ---- */

static bool in_set(const uint64_t *set, uint16_t queue)
{
	return __atomic_load_n(&set[queue / 64], __ATOMIC_SEQ_CST) >> (queue % 64) & 1;
}

static void put_in(uint64_t *set, uint16_t queue)
{
	__atomic_fetch_or(&set[queue / 64], 1ull << (queue % 64), __ATOMIC_SEQ_CST);
}

static bool take_out(uint64_t *set, uint16_t queue)
{
	uint64_t bit = 1ull << (queue % 64);

	return __atomic_fetch_and(&set[queue / 64], ~bit, __ATOMIC_SEQ_CST) & bit;
}

void server_init(struct server *s, uint16_t queues, struct ring *rings, const struct guest_mem *mem,
		 const struct server_ops *ops, void *ctx, const struct server_link *link)
{
	PD_CHECK(queues && queues <= SERVER_QUEUES_MAX);
	memset(s, 0, sizeof(*s));
	s->queues = queues;
	s->rings = rings;
	s->mem = mem;
	s->ops = ops;
	s->ctx = ctx;
	s->link = *link;
}

void server_forget(struct server *s)
{
	memset(s->homes, 0, sizeof(s->homes));
	for (uint16_t q = 0; q < s->queues; q++) {
		take_out(s->here, q);
		take_out(s->kicked, q);
	}
	__atomic_store_n(&s->under_way, 0, __ATOMIC_RELAXED); // it is; the device thread looks at it meanwhile
}

/*
 * That the queue leaves between the two is no harm: its next home looks later than this, and the driver has stored
 * before it notified.
 */
bool server_kick(struct server *s, uint16_t queue)
{
	if (!in_set(s->here, queue))
		return false;
	put_in(s->kicked, queue);
	return true;
}

void server_hold(struct server *s, bool hold)
{
	__atomic_store_n(&s->held, hold, __ATOMIC_SEQ_CST);
}

/* ---- words ---- */

/* What the owner is owed; not while the ring is worked on. */
static void say(struct server *s, uint16_t queue)
{
	struct home *h = &s->homes[queue];
	struct ring_place at = ring_place_of(&s->rings[queue]);
	struct handover m;

	if (h->state != HOME_AWAY && !h->discard && s->rings[queue].broken)
		home_breaks(h, s->rings[queue].broken); // by what has ended since: it has no place to be told
	while (home_next(h, &at, &m)) {
		if (h->state == HOME_AWAY)
			take_out(s->here, queue);
		s->link.tell(s->link.ctx, queue, &m);
	}
}

int server_in(struct server *s, uint16_t queue, const struct handover *m)
{
	if (queue >= s->queues)
		return -EPROTO;
	struct home *h = &s->homes[queue];
	int r = home_in(h, m);

	if (r < 0)
		return r;
	if (r == HOME_BEGIN) {
		take_out(s->kicked, queue);
		ring_resume(&s->rings[queue], &h->setup, &h->place);
		s->accepted = h->setup.accepted;
		s->epoch = h->setup.epoch;
		put_in(s->here, queue);
	}
	say(s, queue);
	return 0;
}

static void hear(struct server *s)
{
	if (s->link.hear)
		s->link.hear(s->link.ctx);
}

/* ---- rings ---- */

void server_told(struct server *s, uint16_t queue)
{
	struct home *h = &s->homes[queue];
	struct ring *r = &s->rings[queue];

	if (h->state == HOME_AWAY)
		return;
	if (ring_wants_interrupt(r, s->mem) && home_interrupts(h))
		s->link.interrupt(s->link.ctx, &h->entry);
	say(s, queue);
}

static bool full(struct server *s)
{
	return s->ops->full && s->ops->full(s->ctx);
}

/* Requests of one queue; true: there may be more. */
static bool drain(struct server *s, uint16_t queue)
{
	struct home *h = &s->homes[queue];
	struct ring *r = &s->rings[queue];
	bool stopped = false;
	unsigned n = 0;

	ring_disarm(r, s->mem);
	while (n < r->at.size && !(stopped = full(s)) && ring_pop(r, s->mem, &s->chain) == 1) {
		bool later = false;
		uint32_t used = 0;

		home_took(h);
		s->under_way++;
		enum ring_error e = s->ops->request(s->ctx, queue, &s->chain, &used, &later);

		n++;
		if (later && !e)
			continue;
		home_ended(h);
		s->under_way--;
		if (e)
			ring_break(r, e);
		else
			ring_push(r, s->mem, s->chain.head, used);
	}
	s->served += n;
	server_told(s, queue);
	return !r->broken && !stopped && (n == r->at.size || ring_arm(r, s->mem));
}

static bool held(const struct server *s)
{
	return __atomic_load_n(&s->held, __ATOMIC_SEQ_CST);
}

/* Takes the queue's turn to be looked at. */
static bool begin(struct server *s, uint16_t queue)
{
	if (held(s))
		return false;
	if (take_out(s->kicked, queue))
		home_kick(&s->homes[queue]);
	return home_look(&s->homes[queue]);
}

bool server_round(struct server *s)
{
	bool more = false;

	for (uint16_t q = 0; q < s->queues; q++) {
		hear(s);
		if (!begin(s, q) || (s->ops->on_demand && s->ops->on_demand(s->ctx, q)) || !drain(s, q))
			continue;
		more = true;
		home_look_again(&s->homes[q]);
	}
	hear(s);
	return more;
}

bool server_take(struct server *s, uint16_t queue)
{
	struct home *h = &s->homes[queue];
	struct ring *r = &s->rings[queue];

	hear(s);
	if (held(s) || h->state != HOME_HERE || h->broken) // while it is held, others may have the homes
		return false;
	begin(s, queue); // whoever asked for a look has it
	bool got = ring_pop(r, s->mem, &s->chain) == 1;

	if (!got && ring_arm(r, s->mem)) // tell us of the next one; there is one already
		got = ring_pop(r, s->mem, &s->chain) == 1;
	if (got) {
		home_took(h);
		s->under_way++;
	} else if (r->broken) {
		server_told(s, queue);
		hear(s);
	}
	return got;
}

/* One is under way no more. False: it is thrown away. */
static bool ended(struct server *s, uint16_t queue)
{
	bool wanted = home_ended(&s->homes[queue]);

	s->under_way--;
	s->discarded += !wanted;
	return wanted;
}

/* No interrupt comes that would say what is owed. */
static void say_now(struct server *s, uint16_t queue)
{
	say(s, queue);
	hear(s);
}

void server_complete_all(struct server *s, uint16_t queue, const struct server_used *used, unsigned n,
			 enum ring_error e)
{
	struct ring *r = &s->rings[queue];
	bool wanted = true;

	hear(s);
	for (unsigned i = 0; i < n; i++)
		wanted = ended(s, queue); // of all of them
	if (wanted && e)
		ring_break(r, e);
	for (unsigned i = 0; i < n && wanted && !r->broken; i++)
		ring_put(r, s->mem, used[i].head, used[i].bytes);
	if (wanted)
		ring_publish(r, s->mem);
	if (s->homes[queue].discard)
		say_now(s, queue);
}

void server_complete(struct server *s, uint16_t queue, uint16_t head, uint32_t used, enum ring_error e)
{
	const struct server_used one = {.head = head, .bytes = used};

	server_complete_all(s, queue, &one, 1, e);
}

void server_untake(struct server *s, uint16_t queue, const struct chain *c)
{
	hear(s);
	if (ended(s, queue))
		ring_unpop(&s->rings[queue], c);
	if (s->homes[queue].state == HOME_LEAVING)
		say_now(s, queue);
}

bool server_driver(const struct server *s, uint64_t *accepted, uint32_t *epoch)
{
	uint64_t any = 0;

	for (unsigned w = 0; w < sizeof(s->here) / sizeof(s->here[0]); w++)
		any |= __atomic_load_n(&s->here[w], __ATOMIC_RELAXED);
	*accepted = s->accepted;
	*epoch = s->epoch;
	return any;
}

bool server_wanted(const struct server *s, uint16_t queue)
{
	const struct home *h = &s->homes[queue];

	return h->state != HOME_AWAY && !h->discard && !h->broken;
}
