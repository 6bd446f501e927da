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

/* With the lock: the slot that it is about; DESC_SLOTS: none. */
static unsigned slot_of(const struct card_bus *b, const struct device_access *a)
{
	const struct pci_slot *s;
	struct pci_address at;
	uint64_t offset;
	unsigned bar;

	switch (a->range) {
	case CARD_BUS_ECAM:
		return pci_ecam_decode(a->offset).slot;
	case CARD_BUS_DATA:
		return pci_ports_decode(b->root.address, (unsigned)a->offset, &at) ? at.slot : DESC_SLOTS;
	default:
		s = pci_bus_at(&b->root.bus, b->root.window + a->offset, &bar, &offset);
		return s ? (unsigned)(s - b->root.bus.slot) : DESC_SLOTS;
	}
}

/*
 * With the lock. Of what the other hosts still have to say, only what concerns the card that is read is waited for; but
 * where a BAR was may be the place of any card by now. At the end of the guest nothing is waited for.
 */
static bool settled(const struct card_bus *b, const struct device_access *a)
{
	unsigned slot = slot_of(b, a);

	if (atomic_load(&b->ends))
		return true;
	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		const struct card *c = b->cards[i];

		if (c && c->keep.tell && !(i == slot ? owners_settled(&c->f.o) : owners_placed(&c->f.o)))
			return false;
	}
	return true;
}

/* Without memory for it, it is answered as it is. */
bool card_bus_read_waits(struct card_bus *b, const struct device_access *a)
{
	if (!a->request || settled(b, a))
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
	struct card_read *r = NULL, **at = &b->reads;

	lock(b);
	while (*at) {
		struct card_read *x = *at;

		if (!all && !settled(b, &x->a)) {
			at = &x->next;
			continue;
		}
		*at = x->next;
		card_bus_access(b, &x->a);
		x->next = r;
		r = x;
	}
	atomic_store(&b->reading, b->reads != NULL);
	unlock(b);
	while (r) {
		struct card_read *x = r;

		r = x->next;
		b->host->answer(b->host->ctx, x->a.request, x->a.value);
		free(x);
	}
}
