// SPDX-License-Identifier: Apache-2.0
#include "tests/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"

static struct model_config cfg;
static struct coh_config engine_cfg[HOSTS];
static void *mem[HOSTS];
static size_t mem_bytes[HOSTS];
static struct coh_fx_list fx;

static unsigned home_of(unsigned page)
{
	return cfg.one_home ? 0 : page % cfg.hosts;
}

static struct coh_engine *fresh_engine(unsigned h)
{
	memset(mem[h], 0, mem_bytes[h]);
	return coh_engine_init(mem[h], &engine_cfg[h]);
}

void world_init(const struct model_config *c, struct state *s)
{
	cfg = *c;
	memset(s, 0, sizeof(*s));
	pack_config(c);
	for (unsigned h = 0; h < c->hosts; h++) {
		struct coh_config *e = &engine_cfg[h];
		memset(e, 0, sizeof(*e));
		e->self = (host_id)h;
		e->hosts = c->hosts;
		e->pages = c->pages;
		for (unsigned p = 0; p < c->pages; p++)
			e->homes[e->homes_n++] =
				(struct coh_home_range){.first = p, .pages = 1, .host = (host_id)home_of(p)};
		e->hold_ns = e->hold_max_ns = c->hold ? 1000 : 0;
		e->requests_max = c->requests_max;
		e->queue_max = c->queue_max;
		e->zero_run = c->zero_run;
		e->migratory = c->migratory;
		e->epoch = 1;
		PD_CHECK(!coh_config_error(e));
		free(mem[h]);
		mem_bytes[h] = (coh_engine_bytes(e) + 63) & ~(size_t)63;
		mem[h] = aligned_alloc(64, mem_bytes[h]);
		PD_CHECK(mem[h]);
		PD_CHECK(!coh_canon_save(fresh_engine(h), &s->host[h]));
	}
}

/* ---- what is possible ---- */

static bool evict_on_the_way(const struct state *s, unsigned h, unsigned page)
{
	for (unsigned to = 0; to < cfg.hosts; to++) {
		const struct channel *c = &s->ch[h][to];
		for (unsigned i = 0; i < c->n; i++)
			if (c->m[i].kind == COH_MSG_EVICT && c->m[i].page == page)
				return true;
	}
	return false;
}

static unsigned moving_from(const struct moving *m)
{
	return (unsigned)(cfg.path[m->n] - '0');
}

static unsigned moving_to(const struct moving *m)
{
	return (unsigned)(cfg.path[m->n + 1] - '0');
}

static unsigned ends_of_move(const struct moving *m)
{
	return 1u << moving_from(m) | 1u << moving_to(m);
}

/*
 * Whether host h may take the step now. What all hosts do at once is host 0's: a host that prepares later only knows
 * later what may come, and nothing comes before all have; one that finishes later only bears longer what may not come.
 */
static bool moving_step_of(const struct state *s, unsigned h)
{
	const struct moving *m = &s->moving;

	switch (m->phase) {
	case MOVING_PREPARE:
	case MOVING_FINISH:
		return h == 0;
	case MOVING_FREEZE:
		return h == moving_from(m);
	case MOVING_SHIP:
		return h == moving_from(m) && (cfg.ship_busy || !s->host[h].page[0].queue_n);
	case MOVING_ADOPT:
		return h == moving_to(m);
	case MOVING_COMMIT:
		return !((m->mask | ends_of_move(m)) >> h & 1);
	}
	return false;
}

struct list {
	struct action *out;
	unsigned n, cap;
};

static void add(struct list *l, unsigned kind, unsigned host, unsigned arg)
{
	PD_CHECK(l->n < l->cap);
	l->out[l->n++] = (struct action){(uint8_t)kind, (uint8_t)host, (uint8_t)arg, false};
}

/* One word of asking at a time keeps the states few; whatever else is under way, it may be. */
static bool asking(const struct state *s)
{
	for (unsigned i = 0; i < HOSTS * HOSTS; i++) {
		const struct channel *c = &s->ch[i / HOSTS][i % HOSTS];
		for (unsigned k = 0; k < c->n; k++)
			if (c->m[k].kind >= COH_MSG_ASK)
				return true;
	}
	return false;
}

static void page_actions(const struct state *s, struct list *l, unsigned h, unsigned p)
{
	const struct coh_canon_page *g = &s->host[h].page[p];

	if (g->home1 && g->rights == COH_NONE && !(s->blocked[h][p] & 1))
		add(l, A_READ, h, p);
	if (g->home1 && g->rights != COH_RW && !(s->blocked[h][p] & 2))
		add(l, A_WRITE, h, p);
	if (g->held)
		add(l, A_RAN, h, p);
	if (g->defer_kind != COH_CANON_NONE)
		add(l, A_HOLD, h, p);
	if (g->evicting && !evict_on_the_way(s, h, p))
		add(l, A_EVICT, h, p);
	if (cfg.evict && g->rights != COH_NONE) // whether that is possible, the engine decides
		add(l, A_GIVE_UP, h, p);
}

static void ask_actions(const struct state *s, struct list *l)
{
	for (unsigned h = 0; h < cfg.hosts; h++)
		for (unsigned p = 0; p < cfg.pages; p++) {
			const struct coh_canon_page *g = &s->host[h].page[p];
			if (g->req_kind != COH_CANON_NONE && !g->req_nacked)
				add(l, A_ASK, h, p);
		}
}

/* That the first of a channel is lost, at any time, covers all messages. */
static void lose_actions(const struct state *s, struct list *l)
{
	for (unsigned from = 0; from < cfg.hosts; from++)
		for (unsigned to = 0; to < cfg.hosts; to++)
			if (s->ch[from][to].n)
				add(l, A_LOSE, to, from);
}

static void going_actions(const struct state *s, struct list *l)
{
	if (s->going.phase == GOING_NOT)
		add(l, A_GO, 0, 0);
	if (s->going.phase == GOING_GONE)
		add(l, A_COME, 0, 0);
	for (unsigned h = 0; h < cfg.hosts; h++)
		if (going_step_of(s, h))
			add(l, A_GOING, h, 0);
}

/* Each step is taken by all hosts that have to, in any order, before the next. */
static void moving_actions(const struct state *s, struct list *l)
{
	const struct moving *m = &s->moving;

	if (m->phase == MOVING_NOT && cfg.path[m->n + 1])
		add(l, A_MOVE, 0, 0);
	if (cfg.call_off && m->phase > MOVING_PREPARE && m->phase < MOVING_ADOPT)
		add(l, A_CALL_OFF, 0, 0);
	for (unsigned h = 0; h < cfg.hosts; h++)
		if (moving_step_of(s, h))
			add(l, A_STEP, h, 0);
}

unsigned world_actions(const struct state *s, struct action *out, unsigned cap)
{
	struct list l = {.out = out, .cap = cap};

	if (s->told)
		return 0;

	// Deliveries first: the drain takes the first action that is no new work.
	for (unsigned from = 0; from < cfg.hosts; from++)
		for (unsigned to = 0; to < cfg.hosts; to++)
			if (s->ch[from][to].n)
				add(&l, A_DELIVER, to, from);
	for (unsigned h = 0; h < cfg.hosts; h++) {
		for (unsigned p = 0; p < cfg.pages; p++)
			page_actions(s, &l, h, p);
	}
	if (cfg.path)
		moving_actions(s, &l);
	if (cfg.goes)
		going_actions(s, &l);
	// What only tries again comes last: the drain is fair to what it waits for.
	for (unsigned h = 0; h < cfg.hosts; h++) {
		for (unsigned p = 0; p < cfg.pages; p++)
			if (s->host[h].page[p].req_nacked)
				add(&l, A_RETRY, h, p);
		if (s->host[h].wait_n)
			add(&l, A_POLICY, h, 0);
	}
	if (cfg.ask && (s->lost || !cfg.late) && !asking(s))
		ask_actions(s, &l);
	if (cfg.lose && !s->lost)
		lose_actions(s, &l);
	return l.n;
}

/* ---- carrying out effects, with the oracle ---- */

struct memory {
	uint8_t rights[PAGES]; // of the host's mapping, as the effects made it
};

/* A host that may write is taken to write at once: every other copy is old from then on. */
static void writes(struct state *s, unsigned h, unsigned p)
{
	for (unsigned o = 0; o < cfg.hosts; o++)
		s->fresh[o][p] = o == h;
	for (unsigned i = 0; i < HOSTS * HOSTS; i++) {
		struct channel *c = &s->ch[i / HOSTS][i % HOSTS];
		for (unsigned k = 0; k < c->n; k++)
			if (c->m[k].page == p)
				c->m[k].fresh = 0;
	}
	s->written[p] = 1;
}

static const char *send(struct state *s, unsigned h, const struct coh_fx *f, const struct memory *m)
{
	struct channel *c = &s->ch[h][f->to];
	const struct coh_msg *msg = &f->msg;

	if (f->to >= cfg.hosts || f->to == h)
		return "message to nobody";
	if (c->n == CHANNEL)
		return "too many messages between two hosts";
	if ((msg->flags & COH_MSGF_DATA) && m->rights[msg->page] != COH_RO)
		return "data sent of a page that is absent or writable";
	struct wire w = {.kind = msg->kind,
			 .flags = msg->flags,
			 .requester = msg->requester,
			 .rights = msg->rights,
			 .acks = (uint8_t)msg->acks,
			 .page = (uint8_t)msg->page,
			 .fresh = msg->flags ? s->fresh[h][msg->page] : 0,
			 .txn = msg->txn};
	// The deliberate fault: the home says itself that the owner's grant has left, instead of chasing it.
	if (cfg.homes_word && w.kind == COH_MSG_CHASE && w.rights == COH_TOLD_GRANT) {
		w.kind = COH_MSG_TOLD;
		c = &s->ch[h][w.requester];
		if (w.requester == h)
			return NULL;
	}
	c->m[c->n++] = w;
	return NULL;
}

/* A host says that something was lost, or finds nonsense because of it. */
static const char *tell(struct state *s, const char *reason)
{
	if (!s->lost)
		return reason;
	s->told = 1;
	return NULL;
}

static const char *place(struct state *s, unsigned h, const struct coh_fx *f, struct memory *m, bool fresh)
{
	for (unsigned i = 0; i < f->pages; i++) {
		unsigned p = (unsigned)f->page + i;
		if (m->rights[p] != COH_NONE)
			return "page placed over a page";
		m->rights[p] = (uint8_t)f->rights;
		s->fresh[h][p] = f->kind == COH_FX_INSTALL ? fresh : !s->written[p];
		s->blocked[h][p] = 0;
	}
	return NULL;
}

static const char *set_rights(struct memory *m, unsigned p, unsigned from, unsigned to)
{
	if (m->rights[p] != from)
		return "rights changed from what they are not";
	m->rights[p] = (uint8_t)to;
	return NULL;
}

static const char *effect(struct state *s, unsigned h, const struct coh_fx *f, struct memory *m, bool fresh)
{
	unsigned p = (unsigned)f->page;

	switch (f->kind) {
	case COH_FX_SEND:
		return send(s, h, f, m);
	case COH_FX_INSTALL:
	case COH_FX_INSTALL_ZERO:
		return place(s, h, f, m, fresh);
	case COH_FX_PROTECT:
		return set_rights(m, p, COH_RW, COH_RO);
	case COH_FX_UNPROTECT:
		s->blocked[h][p] = 0;
		return set_rights(m, p, COH_RO, COH_RW);
	case COH_FX_DROP:
		if (m->rights[p] == COH_NONE)
			return "absent page dropped";
		m->rights[p] = COH_NONE;
		return NULL;
	case COH_FX_WAKE:
		s->blocked[h][p] = 0;
		return NULL;
	case COH_FX_PEER_FAULT:
	case COH_FX_LOST:
		return tell(s, f->reason);
	}
	return "unknown effect";
}

static const char *coherent(const struct state *s)
{
	for (unsigned p = 0; p < cfg.pages; p++) {
		unsigned homes = 0;
		for (unsigned h = 0; h < cfg.hosts; h++)
			homes += s->host[h].page[p].home1 == h + 1;
		if (homes > 1)
			return "two hosts serve a page";
		unsigned copies = 0, writers = 0;
		for (unsigned h = 0; h < cfg.hosts; h++) {
			unsigned r = s->host[h].page[p].rights;
			copies += r != COH_NONE;
			writers += r == COH_RW;
			if (r != COH_NONE && !s->fresh[h][p])
				return "an old copy can be read";
		}
		if (writers && copies > 1)
			return "a writer is not alone";
	}
	return NULL;
}

/* The step's effects, then the checks of the state reached. */
static const char *settle(struct state *s, unsigned h, struct coh_engine *e, bool inv, bool fresh)
{
	struct memory m = {{0}};

	for (unsigned p = 0; p < cfg.pages; p++)
		m.rights[p] = s->host[h].page[p].rights;
	struct memory before = m;
	for (unsigned i = 0; i < fx.n; i++) {
		const char *wrong = effect(s, h, &fx.v[i], &m, fresh);
		if (wrong)
			return wrong;
	}
	if (s->told) { // and that is the end, whatever else was the case
		*s = (struct state){.lost = 1, .told = 1};
		return NULL;
	}
	const char *wrong = coh_engine_check(e);
	if (wrong)
		return wrong;
	if (coh_canon_save(e, &s->host[h]))
		return "more queued requests than hosts";
	for (unsigned p = 0; p < cfg.pages; p++) {
		if (m.rights[p] != s->host[h].page[p].rights)
			return "effects and state differ";
		// The deliberate fault: the mapping of an invalidated page stays.
		if (inv && cfg.skip_inv && before.rights[p] != COH_NONE && m.rights[p] == COH_NONE)
			s->host[h].page[p].rights = COH_RO;
		if (m.rights[p] == COH_RW)
			writes(s, h, p);
		else if (m.rights[p] == COH_NONE && !(inv && cfg.skip_inv))
			s->fresh[h][p] = 0;
	}
	return coherent(s);
}

static bool pull(struct state *s, unsigned from, unsigned to, struct coh_event *ev)
{
	struct channel *c = &s->ch[from][to];
	struct wire w = c->m[0];

	memmove(&c->m[0], &c->m[1], (c->n - 1u) * sizeof(c->m[0]));
	memset(&c->m[--c->n], 0, sizeof(c->m[0]));
	ev->kind = COH_EV_MSG;
	ev->from = (host_id)from;
	ev->msg = (struct coh_msg){.kind = w.kind,
				   .flags = w.flags,
				   .requester = w.requester,
				   .rights = w.rights,
				   .acks = w.acks,
				   .epoch = 1,
				   .txn = w.txn,
				   .page = w.page};
	return w.fresh;
}

static bool asks(unsigned kind)
{
	return kind == COH_MSG_REQ_READ || kind == COH_MSG_REQ_WRITE || kind == COH_MSG_REQ_UPGRADE;
}

/*
 * The deliberate fault: who is not the home any more passes a request on, in the requester's name, instead of refusing
 * it. Returns whether it did.
 */
static bool forwards(struct state *s, const struct action *a)
{
	const struct channel *c = &s->ch[a->arg][a->host];
	unsigned home = s->host[a->host].page[0].home1 - 1u, from = a->arg;
	struct channel *to = &s->ch[from][home];
	struct coh_event ev;

	if (!cfg.forward || !asks(c->m[0].kind) || a->host != 0 || home == 0 || home == from || to->n == CHANNEL)
		return false;
	struct wire w = c->m[0];
	pull(s, from, a->host, &ev);
	to->m[to->n++] = w;
	return true;
}

/* The deliberate fault: the former home goes on granting itself zeroes that nobody had written when it shipped them. */
static bool grants_itself(struct state *s, const struct action *a)
{
	struct coh_canon_page *g = &s->host[a->host].page[0];
	const struct moving *m = &s->moving;

	if (!cfg.zero_late || m->phase < MOVING_ADOPT || a->host != moving_from(m) || m->blob[3] || g->rights ||
	    g->req_kind != COH_CANON_NONE)
		return false;
	g->rights = COH_RW;
	g->owner = 1;
	s->fresh[a->host][0] = !s->written[0];
	s->blocked[a->host][0] = 0;
	return true;
}

static const char *moving_do(struct state *s, struct coh_engine *e)
{
	struct moving *m = &s->moving;
	host_id from = (host_id)moving_from(m), to = (host_id)moving_to(m);
	int r = 0;

	switch (m->phase) {
	case MOVING_PREPARE:
		r = coh_engine_rehome_prepare(e, 0, from, to);
		break;
	case MOVING_FREEZE:
		r = coh_engine_rehome_freeze(e, 0);
		break;
	case MOVING_SHIP:
		r = coh_engine_rehome_ship(e, 0, m->blob, sizeof(m->blob));
		m->bytes = (uint8_t)(r < 0 ? 0 : r);
		break;
	case MOVING_ADOPT:
		return coh_engine_rehome_adopt(e, from, 0, m->blob, m->bytes);
	case MOVING_COMMIT:
		r = coh_engine_rehome_commit(e, 0, to);
		break;
	case MOVING_FINISH: // and what is left of commit
		r = coh_engine_rehome_commit(e, 0, to);
		r = r ? r : coh_engine_rehome_finish(e, 0);
		break;
	}
	return r < 0 ? "a step of a move was refused" : NULL;
}

static void moving_next(struct state *s, unsigned h)
{
	struct moving *m = &s->moving;
	unsigned all = (1u << cfg.hosts) - 1;

	m->mask |= (uint8_t)(1u << h);
	if (m->phase == MOVING_ADOPT && all == ends_of_move(m))
		m->phase = MOVING_COMMIT; // nobody else has to
	if (m->phase == MOVING_COMMIT && (m->mask | ends_of_move(m)) != all)
		return;
	m->mask = 0;
	if (m->phase == MOVING_FINISH)
		*m = (struct moving){.n = (uint8_t)(m->n + 1)};
	else
		m->phase++;
}

static const char *moving_at(struct state *s, unsigned h)
{
	// The deliberate fault: the directory is shipped though a transaction runs, and that is forgotten.
	if (cfg.ship_busy && s->moving.phase == MOVING_SHIP)
		s->host[h].page[0].queue_n = 0;
	struct coh_engine *e = fresh_engine(h);
	coh_canon_load(e, &s->host[h]);
	const char *wrong = moving_do(s, e);
	fx.n = 0;
	return wrong ? wrong : settle(s, h, e, false, false);
}

static const char *moving_step(struct state *s, unsigned h)
{
	bool all = s->moving.phase == MOVING_PREPARE || s->moving.phase == MOVING_FINISH;
	const char *wrong = NULL;

	for (unsigned k = all ? 0 : h; !wrong && k <= (all ? cfg.hosts - 1 : h); k++)
		wrong = moving_at(s, k);
	moving_next(s, h);
	return wrong;
}

/* All at once: what a host does of it depends on nothing that others do. */
static const char *call_off(struct state *s)
{
	fx.n = 0;
	for (unsigned h = 0; h < cfg.hosts; h++) {
		struct coh_engine *e = fresh_engine(h);
		coh_canon_load(e, &s->host[h]);
		if (coh_engine_rehome_cancel(e, 0))
			return "a move can't be called off";
		const char *wrong = settle(s, h, e, false, false);
		if (wrong)
			return wrong;
	}
	s->moving = (struct moving){.n = s->moving.n};
	return NULL;
}

/* All at once: nobody can reach it before all have it. */
static const char *comes_again(struct state *s)
{
	const char *wrong = NULL;

	for (unsigned h = 0; h < cfg.hosts && !wrong; h++)
		wrong = going_back(s, h, fresh_engine(h), home_of(0));
	s->going.phase = GOING_BACK;
	return wrong;
}

/* The deliberate fault: a host begins something about memory that it has closed. */
static bool begins_late(const struct state *s, const struct action *a)
{
	return cfg.begin_late && (a->kind == A_READ || a->kind == A_WRITE) && s->going.phase > GOING_CLOSE;
}

const char *world_step(struct state *s, const struct action *a)
{
	static const enum coh_canon_timer timer[ACTIONS] = {[A_RETRY] = COH_CANON_RETRY,
							    [A_HOLD] = COH_CANON_HOLD,
							    [A_EVICT] = COH_CANON_EVICT,
							    [A_POLICY] = COH_CANON_POLICY};
	struct coh_event ev = {.page = a->arg};
	bool fresh = false;

	if (a->kind == A_MOVE) {
		s->moving.phase = MOVING_PREPARE;
		return NULL;
	}
	if (a->kind == A_STEP)
		return moving_step(s, a->host);
	if (a->kind == A_CALL_OFF)
		return call_off(s);
	if (a->kind == A_GO) {
		s->going.phase = GOING_CLOSE;
		return NULL;
	}
	if (a->kind == A_GOING)
		return going_step(s, a->host, fresh_engine(a->host), &cfg);
	if (a->kind == A_COME)
		return comes_again(s);
	if (a->kind == A_DELIVER && forwards(s, a))
		return NULL;
	if ((a->kind == A_READ || a->kind == A_WRITE) && grants_itself(s, a)) {
		writes(s, a->host, 0);
		return coherent(s);
	}
	struct coh_engine *e = fresh_engine(a->host);
	if (begins_late(s, a))
		s->host[a->host].page[0].moving = 0;
	coh_canon_load(e, &s->host[a->host]);
	switch (a->kind) {
	case A_READ:
	case A_WRITE:
		ev.kind = COH_EV_FAULT;
		ev.access = a->kind == A_READ ? COH_READ : COH_WRITE;
		s->blocked[a->host][a->arg] |= a->kind == A_READ ? 1 : 2;
		break;
	case A_DELIVER:
		fresh = pull(s, a->arg, a->host, &ev);
		break;
	case A_RAN:
		ev.kind = COH_EV_RAN;
		break;
	case A_LOSE:
		pull(s, a->arg, a->host, &ev);
		s->lost = 1;
		return NULL;
	case A_ASK:
		coh_canon_ask(e, a->arg, &fx);
		return settle(s, a->host, e, false, false);
	case A_GIVE_UP:
		coh_canon_give_up(e, a->arg, &fx);
		return settle(s, a->host, e, false, false);
	default:
		ev.kind = COH_EV_TICK;
		coh_canon_timer_expire(e, timer[a->kind], a->arg);
	}
	coh_engine_step(e, &ev, &fx);
	if (begins_late(s, a))
		coh_engine_range_close(e, 0, 1);
	return settle(s, a->host, e, a->kind == A_DELIVER && ev.msg.kind == COH_MSG_INV, fresh);
}

/* ---- quiescence ---- */

bool world_quiescent(const struct state *s)
{
	if (s->moving.phase != MOVING_NOT || (s->going.phase != GOING_NOT && s->going.phase < GOING_GONE))
		return false;
	for (unsigned h = 0; h < cfg.hosts; h++) {
		if (s->host[h].wait_n)
			return false;
		for (unsigned p = 0; p < cfg.pages; p++) {
			const struct coh_canon_page *g = &s->host[h].page[p];
			if (g->req_kind != COH_CANON_NONE || g->defer_kind != COH_CANON_NONE || g->queue_n)
				return false;
		}
		for (unsigned to = 0; to < cfg.hosts; to++)
			if (s->ch[h][to].n)
				return false;
	}
	return true;
}

/* After a loss a home may wait for a DONE for ever, as long as nobody waits for that page. */
bool world_nobody_waits(const struct state *s)
{
	for (unsigned h = 0; h < cfg.hosts; h++)
		for (unsigned p = 0; p < cfg.pages; p++)
			if (s->blocked[h][p] || s->host[h].page[p].req_kind != COH_CANON_NONE)
				return false;
	return true;
}

const char *world_quiescent_wrong(const struct state *s)
{
	for (unsigned p = s->going.phase == GOING_GONE; p < cfg.pages; p++) {
		unsigned home = s->host[0].page[p].home1 - 1u;
		const struct coh_canon_page *d = &s->host[home].page[p];
		if (!d->dir_touched && s->written[p])
			return "a written page counts as untouched";
		for (unsigned h = 0; h < cfg.hosts; h++) {
			const struct coh_canon_page *g = &s->host[h].page[p];
			bool owner = d->dir_touched && d->dir_owner == h;
			if (g->home1 != home + 1 || g->other1)
				return "hosts disagree about a home";
			if (s->blocked[h][p])
				return "a vCPU waits and nothing will wake it";
			if (g->owner != owner)
				return "directory and owner disagree";
			if (g->rights != COH_NONE && !owner && !(d->dir_sharers >> h & 1))
				return "a copy that the directory does not know";
		}
	}
	return going_is_left(s, cfg.hosts) ? "something is left of memory that is gone" : NULL;
}

void action_text(const struct action *a, char *buf, size_t cap)
{
	static const char *const names[ACTIONS] = {
		"read fault",        "write fault", "deliver",         "ran",
		"give up",           "retry",       "hold over",       "evict expires",
		"policy tick",       "lose",        "ask about",       "move",
		"step of the move",  "call off",    "memory is to go", "step of its going",
		"memory comes again"};

	if (a->kind == A_DELIVER || a->kind == A_LOSE)
		snprintf(buf, cap, "%s h%u -> h%u", names[a->kind], a->arg, a->host);
	else
		snprintf(buf, cap, "h%u %s page %u", a->host, names[a->kind], a->arg);
}
