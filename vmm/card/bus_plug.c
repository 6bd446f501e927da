// SPDX-License-Identifier: Apache-2.0
/*
 * Cards that come to a bus in use, and leave it. One that leaves is out of its slot at once, so no driver reaches it
 * any more; what a driver has left behind in it ends as in a reset, wherever its queues are served; then it is closed.
 */
#include <errno.h>

#include "vmm/card/bus_priv.h"
#include "vmm/virtio/transport.h"

static void lock(struct card_bus *b)
{
	b->host->lock(b->host->ctx);
}

static void unlock(struct card_bus *b)
{
	b->host->unlock(b->host->ctx);
}

int card_bus_attach(struct card_bus *b, struct card *c)
{
	lock(b);
	int r = b->cards[c->slot] ? -EEXIST
				  : pci_bus_add(&b->root.bus, c->slot, &virtio_function_ops, &c->f, &c->f.v.pci);

	if (!r) {
		virtio_power_on(&c->f.v); // where its BAR is, is what it says
		b->cards[c->slot] = c;
	}
	unlock(b);
	if (!r)
		b->host->wake(b->host->ctx); // it begins
	return r;
}

void card_bus_discard(struct card *c)
{
	card_bus_close(c);
}

static struct card *find(struct card_bus *b, uint32_t id)
{
	for (unsigned i = 0; i < DESC_SLOTS; i++)
		if (b->cards[i] && b->cards[i]->id == id)
			return b->cards[i];
	return NULL;
}

int card_bus_detach(struct card_bus *b, uint32_t id, void (*gone)(void *ctx), void *ctx)
{
	int r = 0;

	lock(b);
	struct card *c = find(b, id);

	if (!c)
		r = -ENOENT;
	else if (c->leaving)
		r = -EBUSY;
	else {
		pci_bus_remove(&b->root.bus, c->slot);
		c->gone = gone;
		c->gone_ctx = ctx;
		__atomic_store_n(&c->leaving, true, __ATOMIC_RELEASE);
	}
	unlock(b);
	if (!r)
		b->host->wake(b->host->ctx);
	return r;
}

/* As its driver would do it; the lock held. */
static void reset(struct card *c)
{
	virtio_function_ops.bar_write(&c->f, VIRTIO_BAR, VIRTIO_AT_STATUS, 1, 0);
	c->f.wanted = false;
	__atomic_store_n(&c->woken, true, __ATOMIC_SEQ_CST);
}

void card_bus_leave(struct card_bus *b, struct card *c)
{
	bool first = !c->left;

	if (!__atomic_load_n(&c->leaving, __ATOMIC_ACQUIRE))
		return;
	lock(b);
	if (first)
		reset(c);
	bool ended = !c->f.s.under_way && !c->far_under_way;
	bool quiet = !first && !c->f.v.resetting && ended;

	c->waits = !ended; // card_bus_turn() sees to the rest
	if (quiet)
		b->cards[c->slot] = NULL;
	unlock(b);
	if (first && c->started && c->ops->drain)
		c->ops->drain(c);
	if (first)
		b->host->wake(b->host->ctx); // its queues are looked at, then it is
	c->left = true;
	if (quiet)
		card_bus_close_beside(c);
}
