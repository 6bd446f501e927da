// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "coherence/base/check.h"
#include "tests/model/queues.h"

#define PAST_WORDS 64u // in an action's arg

static struct q_config cfg;

static struct handover_entry entry(uint32_t version, bool masked)
{
	return (struct handover_entry){
		.address = 0xfee00000, .data = version, .irq = masked ? HANDOVER_IRQ_TELL : HANDOVER_IRQ_SEND};
}

static unsigned next_index(unsigned i)
{
	return (i + 1) % (2 * cfg.ring);
}

/* ---- messages ---- */

static bool is_word(const struct q_wire *w)
{
	return w->kind == WIRE_HANDOVER;
}

/*
 * What a driver can cause without end merges with what waits (vmm/machine/card_mail.h). Here with the second that
 * waits, so that one may be early and one late.
 */
static bool merges(const struct q_channel *c, const struct q_wire *w)
{
	unsigned same = 0;

	if (!is_word(w) || (w->word != HANDOVER_KICK && w->word != HANDOVER_PENDING))
		return false;
	for (unsigned i = 0; i < c->n; i++)
		same += !memcmp(&c->m[i], w, sizeof(*w));
	return same >= 2;
}

/* Words and data are two streams, of which either may be late: a channel has the words first, then the data. */
static const char *push(struct q_state *s, unsigned from, unsigned to, const struct q_wire *w)
{
	struct q_channel *c = &s->ch[from][to];
	unsigned i = c->n;

	if (to >= cfg.hosts)
		return "a message to nobody";
	if (merges(c, w))
		return NULL;
	if (c->n == Q_CHANNEL)
		return "too many messages between two hosts";
	while (is_word(w) && i && !is_word(&c->m[i - 1]))
		i--;
	memmove(&c->m[i + 1], &c->m[i], (c->n++ - i) * sizeof(c->m[0]));
	c->m[i] = *w;
	return NULL;
}

/* What the owner has to say. */
static const char *owner_sends(struct q_state *s, unsigned q)
{
	struct owner *o = &s->owner[q];
	const char *wrong = NULL;
	struct handover m;
	host_id to;

	while (!wrong && owner_next(o, &to, &m)) {
		if (m.kind == HANDOVER_ON && cfg.fault == Q_PLACE_LOST)
			m.place = (struct ring_place){0};
		struct q_wire w = q_wire_of(q, &m);
		wrong = push(s, Q_OWNER, to, &w);
		if (m.kind == HANDOVER_OFF && cfg.fault == Q_HASTY_GIVE && o->wanted) {
			o->at = HOST_NONE;
			o->off_asked = false;
		}
	}
	return wrong;
}

static const char *home_sends(struct q_state *s, unsigned h, unsigned q)
{
	struct home *g = &s->home[h][q];
	unsigned under_way = g->under_way;
	const char *wrong = NULL;
	struct handover m;

	if (cfg.fault == Q_HASTY_LEAVE)
		g->under_way = 0;
	while (!wrong && home_next(g, &g->place, &m)) {
		struct q_wire w = q_wire_of(q, &m);
		if (m.kind != HANDOVER_PENDING || cfg.fault != Q_MASKED_DROPPED)
			wrong = push(s, h, Q_OWNER, &w);
	}
	g->under_way = under_way;
	return wrong;
}

/* ---- the driver's side ---- */

static void begin_rings(struct q_state *s)
{
	for (unsigned q = 0; q < cfg.queues; q++) {
		bool kick = s->ring[q].kick; // of before a reset: it comes later, and does no harm
		uint32_t known = s->ring[q].known;

		s->ring[q] = (struct q_ring){.armed = true, .kick = kick, .known = known};
	}
}

static void make_available(struct q_ring *r)
{
	unsigned c = 0;

	while (r->chain[c] != CHAIN_FREE)
		c++;
	r->chain[c] = CHAIN_AVAIL;
	r->order[r->avail % cfg.ring] = (uint8_t)c;
	r->avail = (uint8_t)next_index(r->avail);
	r->kick |= r->armed;
}

static bool has_free(const struct q_ring *r)
{
	for (unsigned c = 0; c < cfg.ring; c++)
		if (r->chain[c] == CHAIN_FREE)
			return true;
	return false;
}

static void sees_used(struct q_ring *r)
{
	r->irq = false;
	for (unsigned c = 0; c < cfg.ring; c++)
		if (r->chain[c] == CHAIN_USED)
			r->chain[c] = CHAIN_FREE;
}

/* The device's registers say whether its vector is masked. */
static void raise(struct q_state *s, unsigned q)
{
	if (s->resetting || !s->live)
		return;
	if (s->owner[q].entry.irq == HANDOVER_IRQ_SEND)
		s->ring[q].irq = true;
	else
		s->ring[q].pending = true;
}

/* ---- the home's thread ---- */

static const char *interrupt(struct q_state *s, unsigned h, unsigned q)
{
	struct home *g = &s->home[h][q];

	if (!home_interrupts(g))
		return NULL;
	if (g->entry.data < s->ring[q].known)
		return "an interrupt by an entry that is no more";
	s->ring[q].irq = true;
	return NULL;
}

static const char *end_of_request(struct q_state *s, unsigned h, unsigned q, unsigned c)
{
	struct home *g = &s->home[h][q];

	if (g->state == HOME_AWAY)
		return "an answer to a host where the queue is not";
	if (!g->under_way)
		return "an answer that nobody waits for";
	if (!home_ended(g))
		return NULL;
	if (s->ring[q].chain[c] != CHAIN_TAKEN)
		return "a request ends twice";
	s->ring[q].chain[c] = CHAIN_USED;
	g->place.next_used = g->place.told = (uint16_t)next_index(g->place.next_used);
	return interrupt(s, h, q);
}

static const char *take(struct q_state *s, unsigned h)
{
	unsigned q = s->round[h].queue;
	struct home *g = &s->home[h][q];
	struct q_ring *r = &s->ring[q];

	if (g->place.next_avail == r->avail || s->round[h].taken == cfg.ring) { // the end of the round
		s->round[h] = (struct q_round){.in = false};
		if (g->place.next_avail == r->avail)
			r->armed = true; // and the driver's index was the same when it was looked at again
		else
			home_look_again(g);
		return NULL;
	}
	unsigned c = r->order[g->place.next_avail % cfg.ring];

	if (r->chain[c] != CHAIN_AVAIL)
		return "a request is served twice";
	r->chain[c] = CHAIN_TAKEN;
	g->place.next_avail = (uint16_t)next_index(g->place.next_avail);
	s->round[h].taken++;
	home_took(g);
	return push(
		s, h, Q_OWNER,
		&(struct q_wire){.kind = WIRE_REQ, .queue = (uint8_t)q, .chain = (uint8_t)c, .turn = (uint8_t)g->turn});
}

static const char *begin_round(struct q_state *s, unsigned h, unsigned q)
{
	if (!home_look(&s->home[h][q]))
		return "no round is due";
	s->ring[q].armed = false;
	s->round[h] = (struct q_round){.in = true, .queue = (uint8_t)q};
	return NULL;
}

/* ---- deliveries ---- */

static bool to_home(const struct q_wire *w)
{
	return w->kind == WIRE_REP || (w->kind == WIRE_HANDOVER && w->word <= HANDOVER_KICK);
}

static const char *to_owner(struct q_state *s, unsigned from, const struct q_wire *w)
{
	struct handover m = q_handover_of(w);
	int r = owner_in(&s->owner[w->queue], (host_id)from, &m);

	if (r < 0)
		return cfg.fault ? NULL : "a home says what nobody asked";
	if (r == OWNER_RAISE)
		raise(s, w->queue);
	if (r == OWNER_BROKEN && !s->resetting) {
		s->failed = true;
		for (unsigned q = 0; q < cfg.queues; q++)
			owner_want_not(&s->owner[q], false);
	}
	return NULL;
}

static const char *request(struct q_state *s, unsigned from, const struct q_wire *w)
{
	if (owner_request(&s->owner[w->queue], (host_id)from, w->turn))
		return cfg.fault ? NULL : "a request of who has not got the queue";
	unsigned at = s->back_n++;
	struct q_back b = {.host = (uint8_t)from, .queue = w->queue, .chain = w->chain};

	while (at && memcmp(&s->back[at - 1], &b, sizeof(b)) > 0) { // in order: which came first does not matter
		s->back[at] = s->back[at - 1];
		at--;
	}
	s->back[at] = b;
	return NULL;
}

static const char *deliver(struct q_state *s, unsigned h, unsigned arg)
{
	struct q_channel *c = &s->ch[arg % PAST_WORDS][h];
	unsigned i = 0;

	while (arg >= PAST_WORDS && is_word(&c->m[i]))
		i++;
	struct q_wire w = c->m[i];

	memmove(&c->m[i], &c->m[i + 1], (c->n - i - 1u) * sizeof(c->m[0]));
	memset(&c->m[--c->n], 0, sizeof(c->m[0]));
	if (w.kind == WIRE_REQ)
		return request(s, arg % PAST_WORDS, &w);
	if (w.kind == WIRE_REP)
		return end_of_request(s, h, w.queue, w.chain);
	if (!to_home(&w))
		return to_owner(s, arg % PAST_WORDS, &w);
	struct handover m = q_handover_of(&w);

	if (home_in(&s->home[h][w.queue], &m) < 0)
		return cfg.fault ? NULL : "the owner says what can't be";
	if (m.kind == HANDOVER_ON && cfg.fault == Q_NO_FIRST_LOOK)
		s->home[h][w.queue].look = false;
	return NULL;
}

static const char *finish(struct q_state *s, unsigned i)
{
	struct q_back b = s->back[i];

	memmove(&s->back[i], &s->back[i + 1], (s->back_n - i - 1u) * sizeof(b));
	memset(&s->back[--s->back_n], 0, sizeof(b));
	if (s->owner[b.queue].at_back)
		owner_replied(&s->owner[b.queue]);
	return push(s, Q_OWNER, b.host, &(struct q_wire){.kind = WIRE_REP, .queue = b.queue, .chain = b.chain});
}

/* ---- what is possible ---- */

struct list {
	struct action *out;
	unsigned n, cap;
};

static void add(struct list *l, unsigned kind, unsigned host, unsigned arg)
{
	PD_CHECK(l->n < l->cap);
	l->out[l->n++] = (struct action){(uint8_t)kind, (uint8_t)host, (uint8_t)arg, false};
}

/* Its thread is in a round, and takes in nothing meanwhile. */
static bool can_take_in(const struct q_state *s, unsigned h, const struct q_wire *w)
{
	return !to_home(w) || !s->round[h].in;
}

static void deliveries(const struct q_state *s, struct list *l, unsigned from, unsigned to)
{
	const struct q_channel *c = &s->ch[from][to];
	unsigned i = 0;

	if (c->n && can_take_in(s, to, &c->m[0]))
		add(l, Q_DELIVER, to, from);
	while (i < c->n && is_word(&c->m[i]))
		i++;
	if (i && i < c->n && can_take_in(s, to, &c->m[i]))
		add(l, Q_DELIVER, to, from + PAST_WORDS);
}

static bool all_quiet(const struct q_state *s)
{
	for (unsigned q = 0; q < cfg.queues; q++)
		if (!owner_quiet(&s->owner[q]) && cfg.fault != Q_HASTY_RESET)
			return false;
	return true;
}

static bool all_settled(const struct q_state *s)
{
	for (unsigned q = 0; q < cfg.queues; q++)
		if (!owner_settled(&s->owner[q]) && cfg.fault != Q_HASTY_READ)
			return false;
	return true;
}

static void work(const struct q_state *s, struct list *l)
{
	for (unsigned from = 0; from < cfg.hosts; from++)
		for (unsigned to = 0; to < cfg.hosts; to++)
			deliveries(s, l, from, to);
	for (unsigned i = 0; i < s->back_n; i++)
		add(l, Q_FINISH, 0, i);
	for (unsigned h = 0; h < cfg.hosts; h++) {
		if (s->round[h].in)
			add(l, Q_TAKE, h, 0);
		for (unsigned q = 0; q < cfg.queues; q++) {
			const struct home *g = &s->home[h][q];
			if (!s->round[h].in && !s->held[h] && g->look && g->state == HOME_HERE && !g->broken)
				add(l, Q_ROUND, h, q);
			if (s->ring[q].kick)
				add(l, Q_KICK, h, q);
		}
		if (s->held[h])
			add(l, Q_CONT, h, 0);
	}
	for (unsigned q = 0; q < cfg.queues; q++)
		if (s->ring[q].irq)
			add(l, Q_SEES, 0, q);
	if (s->resetting && all_quiet(s))
		add(l, Q_RESET_DONE, 0, 0);
}

unsigned q_actions(const void *state, struct action *out, unsigned cap)
{
	const struct q_state *s = state;
	struct list l = {.out = out, .cap = cap};

	work(s, &l);
	for (unsigned q = 0; q < cfg.queues; q++) {
		if (s->live && has_free(&s->ring[q]))
			add(&l, Q_ADD, 0, q);
		for (unsigned h = 0; h < cfg.hosts && s->live && !s->resetting && !s->failed && !cfg.stays; h++)
			if (s->owner[q].home != h || (s->owner[q].at == h && !s->owner[q].off_asked))
				add(&l, Q_REHOME, h, q);
		if (cfg.mask)
			add(&l, Q_ENTRY, 0, q);
		if (cfg.mask && all_settled(s) && s->ring[q].known != s->owner[q].entry.data)
			add(&l, Q_READ_BACK, 0, q);
		for (unsigned h = 0; cfg.breaks && !s->failed && h < cfg.hosts; h++)
			if (s->round[h].in && s->round[h].queue == q)
				add(&l, Q_BREAK, h, q);
	}
	if (cfg.reset && s->live && !s->resetting)
		add(&l, Q_RESET, 0, 0);
	if (!s->live)
		add(&l, Q_ENABLE, 0, 0);
	for (unsigned h = 0; cfg.hold && h < cfg.hosts; h++)
		if (!s->held[h])
			add(&l, Q_HOLD, h, 0);
	return l.n;
}

/* ---- steps ---- */

/* The vCPU's own host, or, by its access to the registers, the owner's. */
static void kick(struct q_state *s, unsigned h, unsigned q)
{
	s->ring[q].kick = false;
	if (!home_kick(&s->home[h][q]) && s->live && !s->resetting && cfg.fault != Q_KICK_DROPPED)
		owner_kick(&s->owner[q]);
}

static void change_entry(struct q_state *s, unsigned q)
{
	struct owner *o = &s->owner[q];
	struct handover_entry e = entry(o->entry.data + 1, o->entry.irq == HANDOVER_IRQ_SEND);

	owner_set_entry(o, &e);
	if (e.irq == HANDOVER_IRQ_SEND && s->ring[q].pending) {
		s->ring[q].irq = true;
		s->ring[q].pending = false;
	}
}

static void reset_done(struct q_state *s)
{
	s->live = s->resetting = s->failed = false;
	for (unsigned q = 0; q < cfg.queues; q++)
		if (owner_quiet(&s->owner[q]))
			owner_forget(&s->owner[q]);
	begin_rings(s);
}

static const char *act(struct q_state *s, const struct action *a)
{
	unsigned q = a->arg % Q_QUEUES;

	switch (a->kind) {
	case Q_DELIVER:
		return deliver(s, a->host, a->arg);
	case Q_FINISH:
		return finish(s, a->arg);
	case Q_ROUND:
		return begin_round(s, a->host, q);
	case Q_TAKE:
		return take(s, a->host);
	case Q_KICK:
		kick(s, a->host, q);
		return NULL;
	case Q_SEES:
		sees_used(&s->ring[q]);
		return NULL;
	case Q_CONT:
	case Q_HOLD:
		s->held[a->host] = a->kind == Q_HOLD;
		return NULL;
	case Q_RESET_DONE:
		reset_done(s);
		return NULL;
	case Q_ADD:
		make_available(&s->ring[q]);
		return NULL;
	case Q_REHOME:
		if (s->owner[q].home == a->host) // the BAR has moved
			owner_again(&s->owner[q]);
		owner_want(&s->owner[q], a->host, &q_setup);
		return NULL;
	case Q_ENTRY:
		change_entry(s, q);
		return NULL;
	case Q_READ_BACK:
		s->ring[q].known = s->owner[q].entry.data;
		return NULL;
	case Q_RESET:
		s->resetting = true;
		for (q = 0; q < cfg.queues; q++)
			owner_want_not(&s->owner[q], true);
		return NULL;
	case Q_ENABLE:
		s->live = true;
		for (q = 0; q < cfg.queues; q++)
			owner_want(&s->owner[q], s->owner[q].home, &q_setup);
		return NULL;
	default:
		home_breaks(&s->home[a->host][q], RING_LOOP);
		s->round[a->host] = (struct q_round){.in = false};
		return NULL;
	}
}

static bool requests_on_the_way(const struct q_state *s)
{
	for (unsigned i = 0; i < Q_HOSTS * Q_HOSTS; i++) {
		const struct q_channel *c = &s->ch[i / Q_HOSTS][i % Q_HOSTS];
		for (unsigned k = 0; k < c->n; k++)
			if (c->m[k].kind != WIRE_HANDOVER)
				return true;
	}
	return s->back_n;
}

static const char *check(const struct q_state *s)
{
	for (unsigned q = 0; q < cfg.queues; q++) {
		unsigned homes = 0;
		for (unsigned h = 0; h < cfg.hosts; h++)
			homes += s->home[h][q].state != HOME_AWAY;
		if (homes > 1)
			return "a queue has two homes";
		if (!s->live && homes)
			return "a queue is served after its reset";
	}
	return !s->live && requests_on_the_way(s) ? "a request is under way after its reset" : NULL;
}

const char *q_step(void *state, const struct action *a)
{
	struct q_state *s = state;
	const char *wrong = act(s, a);

	for (unsigned q = 0; q < cfg.queues && !wrong; q++) {
		wrong = owner_sends(s, q);
		for (unsigned h = 0; h < cfg.hosts && !wrong; h++)
			if (!s->round[h].in || s->round[h].queue != q)
				wrong = home_sends(s, h, q);
	}
	return wrong ? wrong : check(s);
}

void q_init(const struct q_config *c, struct q_state *s)
{
	struct handover_entry e = entry(1, false);

	cfg = *c;
	memset(s, 0, sizeof(*s));
	q_pack_config(c);
	for (unsigned q = 0; q < cfg.queues; q++) {
		owner_init(&s->owner[q]);
		owner_set_entry(&s->owner[q], &e);
		s->owner[q].home = (host_id)((cfg.hosts - 1 + q) % cfg.hosts);
		s->ring[q].known = 1;
	}
	begin_rings(s);
}

/* ---- rest ---- */

static const char *wrong_at_rest(const struct q_state *s, unsigned q)
{
	const struct owner *o = &s->owner[q];
	const struct q_ring *r = &s->ring[q];

	if (o->at != (o->wanted ? o->home : HOST_NONE))
		return "a queue is not where it should be";
	if (!owner_settled(o) || o->at_back)
		return "the owner waits for nothing";
	if (r->pending && o->entry.irq == HANDOVER_IRQ_SEND)
		return "an interrupt stays pending";
	for (unsigned c = 0; c < cfg.ring && s->live && !s->failed; c++) {
		if (r->chain[c] == CHAIN_AVAIL)
			return "a request waits, and nobody will look";
		if (r->chain[c] == CHAIN_TAKEN)
			return "a request is lost";
		if (r->chain[c] == CHAIN_USED && !r->pending)
			return "an interrupt is lost";
	}
	return NULL;
}

bool q_at_rest(const void *state, const char **wrong)
{
	const struct q_state *s = state;
	struct action acts[64];
	struct list l = {.out = acts, .cap = 64};

	work(s, &l);
	for (unsigned q = 0; q < cfg.queues && !l.n && !*wrong; q++)
		*wrong = wrong_at_rest(s, q);
	if (!l.n && !*wrong && s->resetting)
		*wrong = "a reset does not end";
	return !l.n;
}
