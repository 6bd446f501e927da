// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/home.h"

#include <errno.h>

#include "coherence/base/check.h"

static int come(struct home *h, const struct handover *m)
{
	bool owes = h->on_owed || h->entry_owed || h->pending_owed || h->broken_owed;

	if (h->state != HOME_AWAY || owes || ring_check(&m->setup) || !ring_place_good(&m->place, m->setup.size))
		return -EPROTO;
	*h = (struct home){.state = HOME_HERE,
			   .look = true, // what was made available on the way here was told to nobody
			   .on_owed = true,
			   .turn = m->turn,
			   .setup = m->setup,
			   .place = m->place,
			   .entry = m->entry};
	return HOME_BEGIN;
}

static int leave(struct home *h, const struct handover *m)
{
	if (h->state != HOME_HERE)
		return -EPROTO;
	h->state = HOME_LEAVING;
	h->discard = m->discard;
	h->look = false; // whoever has it next looks
	return HOME_NOTHING;
}

/* It may have left meanwhile: then there is no interrupt that could go by the old entry. */
static int change_entry(struct home *h, const struct handover *m)
{
	if (h->entry_owed)
		return -EPROTO;
	h->entry = m->entry;
	h->entry_owed = true;
	return HOME_NOTHING;
}

int home_in(struct home *h, const struct handover *m)
{
	if (m->kind == HANDOVER_ON)
		return m->entry.irq < HANDOVER_IRQS ? come(h, m) : -EPROTO;
	if (m->turn != h->turn)
		return -EPROTO;
	switch (m->kind) {
	case HANDOVER_OFF:
		return leave(h, m);
	case HANDOVER_ENTRY:
		return m->entry.irq < HANDOVER_IRQS ? change_entry(h, m) : -EPROTO;
	case HANDOVER_KICK:
		if (h->state != HOME_HERE)
			return -EPROTO;
		h->look = true;
		return HOME_NOTHING;
	default:
		return -EPROTO;
	}
}

/* One that is leaving needs no kick: who has it next looks, and that is later than this. */
bool home_kick(struct home *h)
{
	h->look |= h->state == HOME_HERE;
	return h->state != HOME_AWAY;
}

bool home_look(struct home *h)
{
	bool look = h->look && h->state == HOME_HERE && !h->broken;

	h->look = h->look && !look;
	return look;
}

void home_look_again(struct home *h)
{
	h->look |= h->state == HOME_HERE;
}

void home_took(struct home *h)
{
	PD_CHECK(h->state == HOME_HERE);
	h->under_way++;
}

bool home_ended(struct home *h)
{
	PD_CHECK(h->under_way);
	h->under_way--;
	return !h->discard && !h->broken;
}

bool home_interrupts(struct home *h)
{
	h->pending_owed |= h->entry.irq == HANDOVER_IRQ_TELL;
	return h->entry.irq == HANDOVER_IRQ_SEND;
}

void home_breaks(struct home *h, enum ring_error why)
{
	if (h->broken || h->state == HOME_AWAY)
		return;
	h->broken = h->broken_owed = true;
	h->why = why;
}

/* Takes a debt. */
static bool owed(bool *debt)
{
	bool was = *debt;

	*debt = false;
	return was;
}

bool home_next(struct home *h, const struct ring_place *place, struct handover *m)
{
	*m = (struct handover){.turn = h->turn};
	if (owed(&h->on_owed)) {
		m->kind = HANDOVER_ON_DONE;
	} else if (owed(&h->pending_owed)) {
		m->kind = HANDOVER_PENDING;
	} else if (owed(&h->broken_owed)) {
		m->kind = HANDOVER_BROKEN;
		m->why = h->why;
	} else if (owed(&h->entry_owed)) {
		m->kind = HANDOVER_ENTRY_DONE;
	} else if (h->state == HOME_LEAVING && !h->under_way) {
		h->state = HOME_AWAY; // last: what it had to say has been said
		m->kind = HANDOVER_OFF_DONE;
		if (!h->broken && !h->discard) // else it is nowhere: a reset ends, or has to come
			m->place = *place;
	} else {
		return false;
	}
	return true;
}
