// SPDX-License-Identifier: Apache-2.0
// What cards do on the device thread: rounds of their queues, and how everything that is under way comes to an end.
#include <errno.h>
#include <time.h>

#include "net/log.h"
#include "vmm/card/bus_priv.h"

#define MESSAGES_AT_ONCE 16u

static void lock(struct card_bus *b)
{
	b->host->lock(b->host->ctx);
}

static void unlock(struct card_bus *b)
{
	b->host->unlock(b->host->ctx);
}

/* Messages of one card that an access has unmasked and could not send itself. */
static void send_pending(struct card_bus *b, struct card *c)
{
	struct apic_msg out[MESSAGES_AT_ONCE];
	struct msix_message m;
	unsigned n, took;

	do {
		n = took = 0;
		lock(b);
		while (took < MESSAGES_AT_ONCE && msix_take(&c->f.v.msix, &m)) {
			took++;
			n += card_bus_decode(b, &m, &out[n]);
		}
		unlock(b);
		for (unsigned i = 0; i < n; i++)
			b->host->send(b->host->ctx, &out[i]);
	} while (took == MESSAGES_AT_ONCE);
}

/* True: there is more to do. */
static bool serve(struct card *c)
{
	if (!c->started) {
		if (c->ops->start)
			c->ops->start(c);
		c->bus->begun++;
	}
	c->started = true;
	if (!__atomic_exchange_n(&c->woken, false, __ATOMIC_SEQ_CST)) // before it looks: who comes later asks again
		return false;
	bool more = c->ops->work ? c->ops->work(c) : server_round(&c->f.s);

	if (more)
		__atomic_store_n(&c->woken, true, __ATOMIC_SEQ_CST);
	return more;
}

static void begin_drain(struct card_bus *b)
{
	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		struct card *c = b->cards[i];

		if (!c)
			continue;
		lock(b);
		server_hold(&c->f.s, true);
		unlock(b);
		if (!atomic_load(&b->ends))
			owners_recall(&c->f.o);
		if (c->ops->drain)
			c->ops->drain(c);
	}
}

/* ---- other hosts ---- */

static void follow_vcpus(struct card_bus *b)
{
	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		struct card *c = b->cards[i];

		if (!c)
			continue;
		lock(b);
		bool more = owners_moved(&c->f.o);

		unlock(b);
		if (more)
			card_wake(c);
	}
}

void card_bus_vcpus_moved(struct card_bus *b)
{
	atomic_store(&b->moved, true);
	b->host->wake(b->host->ctx);
}

static struct card *with_queues_elsewhere(struct card_bus *b, unsigned slot)
{
	struct card *c = slot < DESC_SLOTS ? b->cards[slot] : NULL;

	return c && c->keep.tell ? c : NULL;
}

int card_bus_word(struct card_bus *b, host_id from, unsigned slot, const struct card_word *w)
{
	struct card *c = with_queues_elsewhere(b, slot);
	int r = c ? owners_in(&c->f.o, from, w->queue, &w->m) : -EPROTO;

	if (!r)
		card_wake(c);
	return r;
}

int card_bus_ask(struct card_bus *b, host_id from, unsigned slot, const struct block_ask *a)
{
	struct card *c = with_queues_elsewhere(b, slot);

	return c ? c->ops->ask(c, from, a) : -EPROTO;
}

static bool all_home(struct card_bus *b)
{
	bool home = true;

	for (unsigned i = 0; i < DESC_SLOTS; i++)
		home &= !b->cards[i] || owners_home(&b->cards[i]->f.o);
	return home;
}

/* ---- rounds ---- */

bool card_bus_work(struct card_bus *b)
{
	int asked = DRAIN_ASKED;
	bool more = false;

	if (atomic_compare_exchange_strong(&b->drain, &asked, DRAIN_BEGUN))
		begin_drain(b);
	if (atomic_exchange(&b->moved, false))
		follow_vcpus(b);
	bool unsent = atomic_exchange(&b->unsent, false);

	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		struct card *c = b->cards[i];

		if (c && unsent)
			send_pending(b, c);
		if (c && serve(c))
			more = true;
		if (c)
			card_bus_leave(b, c);
	}
	if (atomic_load(&b->reading))
		card_bus_reads(b, false);
	return more;
}

unsigned card_bus_begun(const struct card_bus *b)
{
	return b->begun;
}

/* ---- drains ---- */

void card_bus_turn(struct card_bus *b)
{
	bool under_way = false;

	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		struct card *c = b->cards[i];

		if (!c)
			continue;
		unsigned n = __atomic_load_n(&c->f.s.under_way, __ATOMIC_RELAXED);

		under_way |= n != 0;
		__atomic_store_n(&c->numbers.under_way, n + c->far_under_way, __ATOMIC_RELAXED);
		__atomic_store_n(&c->numbers.broken, c->f.o.broken, __ATOMIC_RELAXED);
		if (c->waits && !n && !c->far_under_way) { // of its end nobody else tells
			c->waits = false;
			b->host->wake(b->host->ctx);
		}
	}
	bool ends = atomic_load(&b->ends); // then requests of other hosts may be under way, and nothing is reset

	if (under_way || atomic_load(&b->drain) != DRAIN_BEGUN || (!ends && !all_home(b)))
		return;
	for (unsigned i = 0; i < DESC_SLOTS && !ends; i++)
		if (b->cards[i] && b->cards[i]->ops->reset)
			b->cards[i]->ops->reset(b->cards[i]);
	pthread_mutex_lock(&b->waits_lock);
	atomic_store(&b->drain, DRAIN_DONE);
	pthread_cond_broadcast(&b->waits);
	pthread_mutex_unlock(&b->waits_lock);
}

bool card_bus_drain(struct card_bus *b, unsigned seconds)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&b->waits_lock);
	if (atomic_load(&b->drain) == DRAIN_NONE)
		atomic_store(&b->drain, DRAIN_ASKED);
	b->host->wake(b->host->ctx);
	while (atomic_load(&b->drain) != DRAIN_DONE && !b->over && r != ETIMEDOUT)
		r = seconds ? pthread_cond_timedwait(&b->waits, &b->waits_lock, &until)
			    : pthread_cond_wait(&b->waits, &b->waits_lock);
	bool done = atomic_load(&b->drain) == DRAIN_DONE;

	pthread_mutex_unlock(&b->waits_lock);
	return done;
}

void card_bus_stop(struct card_bus *b)
{
	atomic_store(&b->ends, true);
	if (!card_bus_drain(b, CARD_BUS_DRAIN_S))
		log_warn("requests of cards are still under way after %u s; they are given up", CARD_BUS_DRAIN_S);
	pthread_mutex_lock(&b->waits_lock);
	b->over = true; // a reset that waits does not wait any more
	pthread_cond_broadcast(&b->waits);
	pthread_mutex_unlock(&b->waits_lock);
	card_bus_reads(b, true);
}
