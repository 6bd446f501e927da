// SPDX-License-Identifier: Apache-2.0
// Cards that come and go while the machine runs.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/machine/pcibus_priv.h"

/* One that was opened and waits; NULL: there is none. It is the caller's. */
static struct card *take_opened(struct pcibus *p, unsigned slot, uint32_t id, bool any)
{
	pthread_mutex_lock(&p->opened_lock);
	struct card *c = p->opened[slot];

	if (c && !any && c->id != id)
		c = NULL;
	if (c)
		p->opened[slot] = NULL;
	pthread_mutex_unlock(&p->opened_lock);
	return c;
}

int machine_card_open(struct machine *m, const struct desc_device *dev, char *why, size_t why_cap)
{
	struct pcibus *p = m->pci;
	struct card *c;

	if (!p || !p->bus || dev->host != m->self || dev->slot >= DESC_SLOTS) {
		snprintf(why, why_cap, "there is no slot %u of host %u here", dev->slot, dev->host);
		return -ENODEV;
	}
	int r = card_bus_open(p->bus, dev, &c, why, why_cap);

	if (r)
		return r;
	pthread_mutex_lock(&p->opened_lock);
	bool taken = p->opened[dev->slot];

	if (!taken)
		p->opened[dev->slot] = c;
	pthread_mutex_unlock(&p->opened_lock);
	if (!taken)
		return 0;
	card_bus_discard(c);
	snprintf(why, why_cap, "another device waits for slot %u", dev->slot);
	return -EEXIST;
}

static void discard(struct pcibus *p, uint32_t id, bool any)
{
	for (unsigned slot = 0; slot < DESC_SLOTS; slot++) {
		struct card *c = take_opened(p, slot, id, any);

		if (c)
			card_bus_discard(c);
	}
}

void machine_card_discard(struct machine *m, uint32_t id)
{
	if (m->pci)
		discard(m->pci, id, false);
}

void pcibus_discard_opened(struct pcibus *p)
{
	discard(p, 0, true);
}

void pcibus_follow(struct machine *m)
{
	struct pcibus *p = m->pci;

	if (!p)
		return;
	pcibus_find_present(p);
	fronts_follow(&p->fronts);
	loop_call(devio_loop(p->devio), &p->work);
	slots_follow(p->slots, &p->present, false);
}

/* A card answers before it is said to be there. */
int machine_card_show(struct machine *m, uint32_t id)
{
	struct pcibus *p = m->pci;
	const struct desc_device *dev = p ? desc_card(m->desc, id) : NULL;

	if (!dev)
		return -ENOENT;
	struct card *c = p->bus && dev->host == m->self ? take_opened(p, dev->slot, id, false) : NULL;
	int r = c ? card_bus_attach(p->bus, c) : 0;

	if (r)
		card_bus_discard(c);
	else
		slots_follow(p->slots, &p->present, true);
	return r;
}

int machine_card_detach(struct machine *m, uint32_t id, void (*gone)(void *ctx), void *ctx)
{
	return m->pci && m->pci->bus ? card_bus_detach(m->pci->bus, id, gone, ctx) : -ENOENT;
}

int machine_slot_ask(struct machine *m, uint32_t id)
{
	const struct desc_device *dev = m->pci ? desc_card(m->desc, id) : NULL;

	return dev ? slots_ask(m->pci->slots, dev->host, dev->slot) : -ENOENT;
}
