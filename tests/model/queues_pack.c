// SPDX-License-Identifier: Apache-2.0
// States of the queues' model as byte strings. Turns and versions of entries only rise and are only compared, so the
// k-th smallest that is in use becomes k.
#include <string.h>

#include "coherence/base/check.h"
#include "tests/model/queues.h"

static struct q_config cfg;

void q_pack_config(const struct q_config *c)
{
	cfg = *c;
}

/* ---- numbers ---- */

/* Which are in use, and then what each becomes. They are few, and one is at most one more than the last. */
struct numbers {
	uint8_t rank[256];
};

static void note(struct numbers *n, uint32_t number)
{
	PD_CHECK(number < 256);
	n->rank[number] = 1;
}

static void rank(struct numbers *n)
{
	uint8_t k = 0;

	n->rank[0] = 0; // is 0 and stays it
	for (unsigned i = 1; i < 256; i++)
		n->rank[i] = n->rank[i] ? ++k : 0;
}

static bool has_entry(const struct q_wire *w)
{
	return w->kind == WIRE_HANDOVER && (w->word == HANDOVER_ON || w->word == HANDOVER_ENTRY);
}

typedef void number_fn(struct numbers *turns, struct numbers *entries, uint32_t *turn, uint32_t *entry);

static void note_both(struct numbers *turns, struct numbers *entries, uint32_t *turn, uint32_t *entry)
{
	note(turns, *turn);
	if (entry)
		note(entries, *entry);
}

static void change_both(struct numbers *turns, struct numbers *entries, uint32_t *turn, uint32_t *entry)
{
	*turn = turns->rank[*turn];
	if (entry)
		*entry = entries->rank[*entry];
}

static void wire_numbers(struct numbers *turns, struct numbers *entries, struct q_wire *w, number_fn *fn)
{
	uint32_t turn = w->turn, entry = w->data;

	if (w->kind == WIRE_REP)
		return;
	fn(turns, entries, &turn, has_entry(w) ? &entry : NULL);
	w->turn = (uint8_t)turn;
	w->data = (uint8_t)entry;
}

static void each(struct q_state *s, unsigned q, struct numbers *turns, struct numbers *entries, number_fn *fn)
{
	struct owner *o = &s->owner[q];

	fn(turns, entries, &o->turn, &o->entry.data);
	for (unsigned h = 0; h < cfg.hosts; h++) {
		struct home *g = &s->home[h][q];
		fn(turns, entries, &g->turn, g->state == HOME_AWAY ? NULL : &g->entry.data);
		for (unsigned to = 0; to < cfg.hosts; to++)
			for (unsigned k = 0; k < s->ch[h][to].n; k++)
				if (s->ch[h][to].m[k].queue == q)
					wire_numbers(turns, entries, &s->ch[h][to].m[k], fn);
	}
}

static void canonical(struct q_state *s, unsigned q)
{
	struct numbers turns = {{0}}, entries = {{0}};

	s->owner[q].stale &= cfg.mask; // only who reads back an entry waits for it
	for (unsigned h = 0; h < cfg.hosts; h++) {
		struct home *g = &s->home[h][q];
		if (g->state == HOME_AWAY) // what it knew of a turn that is over is never looked at again
			*g = (struct home){.turn = g->turn == s->owner[q].turn ? g->turn : 0,
					   .entry_owed = g->entry_owed};
	}
	note(&entries, s->ring[q].known);
	each(s, q, &turns, &entries, note_both);
	rank(&turns);
	rank(&entries);
	each(s, q, &turns, &entries, change_both);
	s->ring[q].known = entries.rank[s->ring[q].known];
}

/* ---- one walk for both directions ---- */

struct walk {
	uint8_t *p;
	bool load;
};

static uint32_t byte(struct walk *w, uint32_t value)
{
	if (w->load)
		return *w->p++;
	PD_CHECK(value < 256);
	*w->p++ = (uint8_t)value;
	return value;
}

#define BYTE(w, x) ((x) = (__typeof__(x))byte(w, (uint32_t)(x)))

static void walk_entry(struct walk *w, struct handover_entry *e)
{
	BYTE(w, e->data);
	BYTE(w, e->irq);
	e->address = 0xfee00000;
}

/* At a home next_used lags; where that is the place of a hand-over, all three are one. */
static void walk_place(struct walk *w, struct ring_place *p)
{
	BYTE(w, p->next_avail);
	BYTE(w, p->next_used);
	if (w->load)
		p->told = p->next_used;
}

/* Flags, of which a structure has at most eight. */
static void walk_flags(struct walk *w, bool *const *flags, unsigned n)
{
	uint32_t all = 0;

	for (unsigned i = 0; i < n; i++)
		all |= (uint32_t)*flags[i] << i;
	all = byte(w, all);
	for (unsigned i = 0; i < n; i++)
		*flags[i] = all >> i & 1;
}

static void walk_owner(struct walk *w, struct owner *o)
{
	bool *const flags[] = {&o->wanted,    &o->discard, &o->on_asked, &o->off_asked,
			       &o->entry_new, &o->kicked,  &o->again,    &o->stale};

	walk_flags(w, flags, 8);
	BYTE(w, o->home);
	BYTE(w, o->at);
	BYTE(w, o->entry_host);
	BYTE(w, o->turn);
	BYTE(w, o->at_back);
	walk_entry(w, &o->entry);
	if (o->at == HOST_NONE)
		walk_place(w, &o->place);
	o->setup = q_setup;
}

static void walk_home(struct walk *w, struct home *g)
{
	bool *const flags[] = {&g->look,       &g->discard,      &g->broken,     &g->on_owed,
			       &g->entry_owed, &g->pending_owed, &g->broken_owed};

	BYTE(w, g->state);
	BYTE(w, g->turn);
	walk_flags(w, flags, 7);
	if (g->state == HOME_AWAY)
		return;
	BYTE(w, g->under_way);
	walk_entry(w, &g->entry);
	walk_place(w, &g->place);
	g->setup = q_setup;
	g->why = g->broken ? RING_LOOP : RING_GOOD;
}

static void walk_ring(struct walk *w, struct q_ring *r)
{
	bool *const flags[] = {&r->armed, &r->kick, &r->irq, &r->pending};

	walk_flags(w, flags, 4);
	BYTE(w, r->avail);
	BYTE(w, r->known);
	for (unsigned i = 0; i < cfg.ring; i++) {
		BYTE(w, r->order[i]);
		BYTE(w, r->chain[i]);
	}
}

static void walk_wire(struct walk *w, struct q_wire *m)
{
	uint32_t head = byte(w, (uint32_t)m->kind | (uint32_t)m->queue << 2 | (uint32_t)m->chain << 4);

	m->kind = head & 3;
	m->queue = head >> 2 & 3;
	m->chain = (uint8_t)(head >> 4);
	if (m->kind == WIRE_REP)
		return;
	BYTE(w, m->turn);
	if (m->kind == WIRE_REQ)
		return;
	BYTE(w, m->word);
	if (m->word == HANDOVER_OFF)
		BYTE(w, m->discard);
	if (m->word == HANDOVER_ON || m->word == HANDOVER_OFF_DONE)
		BYTE(w, m->place);
	if (has_entry(m)) {
		BYTE(w, m->data);
		BYTE(w, m->irq);
	}
}

static void walk_host(struct walk *w, struct q_state *s, unsigned h)
{
	bool *const flags[] = {&s->round[h].in, &s->held[h]};

	walk_flags(w, flags, 2);
	if (s->round[h].in) {
		BYTE(w, s->round[h].queue);
		BYTE(w, s->round[h].taken);
	}
	for (unsigned to = 0; to < cfg.hosts; to++) {
		struct q_channel *c = &s->ch[h][to];
		BYTE(w, c->n);
		for (unsigned k = 0; k < c->n; k++)
			walk_wire(w, &c->m[k]);
	}
}

static void walk_state(struct walk *w, struct q_state *s)
{
	bool *const flags[] = {&s->live, &s->resetting, &s->failed};

	walk_flags(w, flags, 3);
	for (unsigned q = 0; q < cfg.queues; q++) {
		walk_owner(w, &s->owner[q]);
		walk_ring(w, &s->ring[q]);
		for (unsigned h = 0; h < cfg.hosts; h++)
			walk_home(w, &s->home[h][q]);
	}
	for (unsigned h = 0; h < cfg.hosts; h++)
		walk_host(w, s, h);
	BYTE(w, s->back_n);
	for (unsigned i = 0; i < s->back_n; i++) {
		BYTE(w, s->back[i].host);
		BYTE(w, s->back[i].queue);
		BYTE(w, s->back[i].chain);
	}
}

unsigned q_pack(void *state, uint8_t *buf)
{
	struct walk w = {.p = buf};
	struct q_state *s = state;

	for (unsigned q = 0; q < cfg.queues; q++)
		canonical(s, q);
	walk_state(&w, s);
	PD_CHECK(w.p - buf <= (long)PACKED_MAX);
	return (unsigned)(w.p - buf);
}

void q_unpack(const uint8_t *buf, void *state)
{
	struct walk w = {.p = (uint8_t *)buf, .load = true};

	memset(state, 0, sizeof(struct q_state));
	walk_state(&w, state);
}
