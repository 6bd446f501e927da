// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/owner.h"

#include <errno.h>

#include "coherence/base/check.h"

void owner_init(struct owner *o)
{
	memset(o, 0, sizeof(*o));
	o->home = o->at = o->entry_host = HOST_NONE;
}

void owner_want(struct owner *o, host_id home, const struct ring_setup *setup)
{
	o->wanted = true;
	o->discard = false;
	o->home = home;
	o->setup = *setup;
}

void owner_want_not(struct owner *o, bool discard)
{
	o->wanted = false;
	o->discard = discard;
}

void owner_set_entry(struct owner *o, const struct handover_entry *e)
{
	if (o->entry.address == e->address && o->entry.data == e->data && o->entry.irq == e->irq)
		return;
	o->entry = *e;
	o->entry_new = o->at != HOST_NONE; // an ON brings it along
}

void owner_again(struct owner *o)
{
	o->again = o->at != HOST_NONE && !o->off_asked;
	o->stale = o->at != HOST_NONE;
}

/* On its way to the next home a queue needs no kick: being given it counts as one. */
void owner_kick(struct owner *o)
{
	o->kicked |= o->at != HOST_NONE && !o->off_asked;
}

/*
 * An entry that the last home has not confirmed may still be used by nobody else: the next one waits for that answer as
 * well, so there is one turn to which all that is asked belongs.
 */
static bool begin_turn(struct owner *o, struct handover *m)
{
	if (!o->wanted || o->entry_host != HOST_NONE)
		return false;
	o->turn++;
	o->at = o->home;
	o->on_asked = true;
	o->off_asked = o->entry_new = o->kicked = o->again = false;
	*m = (struct handover){
		.kind = HANDOVER_ON, .turn = o->turn, .place = o->place, .setup = o->setup, .entry = o->entry};
	return true;
}

bool owner_due(const struct owner *o)
{
	struct owner copy = *o;
	struct handover m;
	host_id to;

	return owner_next(&copy, &to, &m);
}

bool owner_next(struct owner *o, host_id *to, struct handover *m)
{
	if (o->at == HOST_NONE) {
		if (!begin_turn(o, m))
			return false;
	} else if (o->entry_new && o->entry_host == HOST_NONE) { // also while it leaves: it still interrupts
		o->entry_new = false;
		o->entry_host = o->at;
		*m = (struct handover){.kind = HANDOVER_ENTRY, .turn = o->turn, .entry = o->entry};
	} else if (o->kicked) {
		o->kicked = false;
		*m = (struct handover){.kind = HANDOVER_KICK, .turn = o->turn};
	} else if ((!o->wanted || o->home != o->at || o->again) && !o->off_asked) {
		o->off_asked = true;
		o->again = false;
		*m = (struct handover){.kind = HANDOVER_OFF, .turn = o->turn, .discard = !o->wanted && o->discard};
	} else {
		return false;
	}
	*to = o->at;
	return true;
}

static int on_done(struct owner *o)
{
	if (!o->on_asked)
		return -EPROTO;
	o->on_asked = false;
	return OWNER_NOTHING;
}

static int off_done(struct owner *o, const struct handover *m)
{
	if (!o->off_asked || o->on_asked || o->at_back || !ring_place_good(&m->place, o->setup.size))
		return -EPROTO;
	o->place = m->place;
	o->at = HOST_NONE;
	o->off_asked = o->entry_new = o->kicked = o->stale = false;
	return OWNER_NOTHING;
}

int owner_in(struct owner *o, host_id from, const struct handover *m)
{
	if (m->turn != o->turn)
		return -EPROTO;
	if (m->kind == HANDOVER_ENTRY_DONE) {
		if (from != o->entry_host)
			return -EPROTO;
		o->entry_host = HOST_NONE;
		return OWNER_NOTHING;
	}
	if (from != o->at)
		return -EPROTO;
	switch (m->kind) {
	case HANDOVER_ON_DONE:
		return on_done(o);
	case HANDOVER_OFF_DONE:
		return off_done(o, m);
	case HANDOVER_PENDING:
		return o->on_asked ? -EPROTO : OWNER_RAISE;
	case HANDOVER_BROKEN:
		return o->on_asked ? -EPROTO : OWNER_BROKEN;
	default:
		return -EPROTO;
	}
}

int owner_request(struct owner *o, host_id from, uint32_t turn)
{
	if (from != o->at || turn != o->turn) // its ON_DONE may come later: data has a stream of its own
		return -EPROTO;
	o->at_back++;
	return 0;
}

void owner_replied(struct owner *o)
{
	PD_CHECK(o->at_back);
	o->at_back--;
}

bool owner_settled(const struct owner *o)
{
	return !o->on_asked && !o->entry_new && !o->stale && o->entry_host == HOST_NONE;
}

bool owner_quiet(const struct owner *o)
{
	return !o->wanted && o->at == HOST_NONE && o->entry_host == HOST_NONE && !o->at_back;
}

void owner_forget(struct owner *o)
{
	PD_CHECK(owner_quiet(o));
	o->place = (struct ring_place){0};
}
