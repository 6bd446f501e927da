// SPDX-License-Identifier: Apache-2.0
/*
 * A driver that has changed an MSI-X entry, or has enabled a queue, reads registers back to know that it is so. Where
 * the queue is on another host it is so when that host has said it, and the read is answered then; meanwhile only who
 * reads waits.
 */
#include <stdlib.h>

#include "vmm/card/bus_priv.h"

struct card_read {
	struct device_access a;
	struct card_read *next;
};

static void lock(struct card_bus *b)
{
	b->host->lock(b->host->ctx);
}

static void unlock(struct card_bus *b)
{
	b->host->unlock(b->host->ctx);
}

/* With the lock. At the end of the guest nothing is waited for. */
static bool settled(const struct card_bus *b)
{
	if (atomic_load(&b->ends))
		return true;
	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		const struct card *c = b->cards[i];

		if (c && c->keep.tell && !owners_settled(&c->f.o))
			return false;
	}
	return true;
}

/* Without memory for it, it is answered as it is. */
bool card_bus_read_waits(struct card_bus *b, const struct device_access *a)
{
	if (!a->request || settled(b))
		return false;
	struct card_read *r = malloc(sizeof(*r));

	if (!r)
		return false;
	*r = (struct card_read){.a = *a, .next = b->reads};
	b->reads = r;
	atomic_store(&b->reading, true);
	b->host->wake(b->host->ctx); // it may have settled since the device thread looked
	return true;
}

void card_bus_reads(struct card_bus *b, bool all)
{
	struct card_read *r = NULL;

	lock(b);
	if (all || settled(b)) {
		r = b->reads;
		b->reads = NULL;
		atomic_store(&b->reading, false);
	}
	for (struct card_read *x = r; x; x = x->next)
		card_bus_access(b, &x->a);
	unlock(b);
	while (r) {
		struct card_read *x = r;

		r = x->next;
		b->host->answer(b->host->ctx, x->a.request, x->a.value);
		free(x);
	}
}
