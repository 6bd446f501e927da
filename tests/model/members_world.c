// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/model/members.h"

#define ALL_MEMBERS ((1u << M_MEMBERS) - 1)
#define NEW         (1u << M_NEW)

static struct m_config cfg;

/* What is asked in a step, and of whom. The undo of a join is its first step's: the others leave nothing. */
struct step {
	enum m_verb verb;
	unsigned to;
};
static const struct step joins[] = {{V_EXPECT, ALL_MEMBERS},      {V_SET_UP, NEW},       {V_CONNECT, NEW},
				    {V_READY, ALL_MEMBERS | NEW}, {V_JOIN, ALL_MEMBERS}, {V_NONE, 0}};
static const struct step leaves[] = {
	{V_CHECK, ALL_MEMBERS | NEW}, {V_APART, ALL_MEMBERS | NEW}, {V_LEAVE, ALL_MEMBERS}, {V_QUIT, NEW}, {V_NONE, 0}};

void m_init(const struct m_config *c, struct m_state *s)
{
	cfg = *c;
	memset(s, 0, sizeof(*s));
	for (unsigned h = 0; h < M_MEMBERS; h++)
		s->h[h].alive = 1;
}

static struct m_host *new_one(struct m_state *s)
{
	return &s->h[M_NEW];
}

/* ---- the run process ---- */

static const struct step *step_of(const struct m_state *s)
{
	static const struct step forget = {V_FORGET, ALL_MEMBERS};

	return s->undoing ? &forget : s->op == M_JOIN ? &joins[s->step] : &leaves[s->step];
}

/* Its session with the run process ends: what it had is no more, and it is free. */
static void drop_new(struct m_state *s)
{
	struct m_host *n = new_one(s);

	*n = (struct m_host){.alive = n->alive, .number = n->number};
}

static void end_op(struct m_state *s)
{
	s->op = M_NO_OP;
	s->step = s->undoing = s->asked = s->told = 0;
}

static bool skipped(const struct m_state *s, enum m_verb v)
{
	return (v == V_READY && cfg.fault == M_NO_LOOK) || (v == V_CONNECT && cfg.fault == M_NO_LOOK) ||
	       (v == V_CHECK && cfg.fault == M_LEAVES_LOADED) || (v == V_APART && cfg.fault == M_NOT_APART) ||
	       (v == V_FORGET && cfg.fault == M_NO_FORGET) || (v == V_NONE && s->over);
}

static void begin_step(struct m_state *s);

static void fail_op(struct m_state *s)
{
	if (s->op == M_JOIN && !s->told && !s->undoing) {
		s->undoing = 1;
		begin_step(s);
	} else if (s->op == M_LEAVE && !s->step) {
		end_op(s); // it can't leave: nothing has happened
	} else {
		s->over = 1; // the hosts do not agree
	}
}

static void op_done(struct m_state *s)
{
	if (s->undoing) {
		drop_new(s);
	} else if (s->op == M_JOIN) {
		s->member = 1;
		s->apart = 0;
	} else {
		s->member = 0;
		s->safe = new_one(s)->number;
		drop_new(s);
	}
	end_op(s);
}

static void begin_step(struct m_state *s)
{
	const struct step *p = step_of(s);

	while (!s->undoing && p->verb && skipped(s, p->verb)) {
		s->step++;
		p = step_of(s);
	}
	if (!p->verb || (s->undoing && skipped(s, p->verb))) {
		op_done(s);
		return;
	}
	if (s->op == M_JOIN && !s->undoing && s->gone) {
		fail_op(s);
		return;
	}
	s->told |= p->verb == V_JOIN;
	s->asked = (uint8_t)p->to;
	if (p->verb == V_READY && cfg.fault == M_NOT_ITS_WORD)
		s->asked = ALL_MEMBERS;
	for (unsigned h = 0; h < M_HOSTS; h++)
		if (s->asked & 1u << h)
			s->h[h].req = (uint8_t)p->verb;
}

static void step_done(struct m_state *s)
{
	s->apart |= step_of(s)->verb == V_APART;
	if (s->undoing) {
		op_done(s);
		return;
	}
	/* Whoever has looked whether all can reach it knows as well whether it has gone meanwhile. */
	if (s->op == M_JOIN && s->gone && !s->told) {
		fail_op(s);
		return;
	}
	s->step++;
	begin_step(s);
}

static void take_answer(struct m_state *s, unsigned h, enum m_answer a)
{
	const struct step *p = step_of(s);

	s->asked &= (uint8_t) ~(1u << h);
	if (a == A_NO && !s->undoing && p->verb != V_QUIT) {
		for (unsigned k = 0; k < M_HOSTS; k++) // what is still asked is of no matter
			s->h[k].req = s->h[k].ans = 0;
		s->asked = 0;
		fail_op(s);
		return;
	}
	if ((p->verb == V_JOIN && cfg.fault == M_HASTY_JOIN) || (p->verb == V_LEAVE && cfg.fault == M_HASTY_LEAVE))
		s->asked = 0;
	if (!s->asked)
		step_done(s);
}

/* ---- hosts ---- */

static enum m_answer member_does(struct m_state *s, struct m_host *m, enum m_verb v)
{
	uint8_t number = new_one(s)->number;

	switch (v) {
	case V_EXPECT:
		m->expects = number;
		m->counted = cfg.fault == M_COUNTS_EARLY;
		break;
	case V_READY:
		return m->session == number ? A_YES : A_NO;
	case V_JOIN:
		if (m->session != number && cfg.fault != M_NO_LOOK)
			return A_NO;
		m->knows = number;
		m->counted = 1;
		m->expects = 0;
		break;
	case V_FORGET:
		m->expects = m->session = m->counted = 0;
		break;
	case V_CHECK:
		return s->used ? A_NO : A_YES;
	case V_APART:
		m->counted = 0;
		break;
	case V_LEAVE:
		m->knows = m->session = m->counted = 0;
		break;
	default:
		break;
	}
	return A_YES;
}

static enum m_answer new_does(struct m_state *s, struct m_host *n, enum m_verb v)
{
	switch (v) {
	case V_SET_UP:
		n->life = 1;
		n->counted = 1;
		break;
	case V_CONNECT:
		n->life = 2;
		break;
	case V_READY:
		return n->session == ALL_MEMBERS ? A_YES : A_NO;
	case V_CHECK:
		return s->used ? A_NO : A_YES;
	case V_APART:
		n->counted = 0;
		break;
	case V_QUIT:
		n->life = 0;
		break;
	default:
		break;
	}
	return A_YES;
}

/* A connection is made: 'connect' is answered once all are. */
static bool can_answer(const struct m_state *s, unsigned h)
{
	return h != M_NEW || s->h[h].req != V_CONNECT || s->h[h].session == ALL_MEMBERS;
}

static bool both_ends(const struct m_state *s, unsigned m)
{
	const struct m_host *n = &s->h[M_NEW];

	return n->alive && n->life && s->h[m].session == n->number && (n->session & 1u << m);
}

/* ---- what can happen ---- */

static void add(struct action *out, unsigned *n, unsigned kind, unsigned host)
{
	out[(*n)++] = (struct action){.kind = (uint8_t)kind, .host = (uint8_t)host};
}

static void add_sessions(const struct m_state *s, struct action *out, unsigned *n)
{
	const struct m_host *j = &s->h[M_NEW];

	for (unsigned m = 0; m < M_MEMBERS; m++) {
		if (j->alive && j->life && !(j->session & 1u << m) && s->h[m].expects == j->number && !s->h[m].session)
			add(out, n, M_CONNECT, m);
		if (s->h[m].session && !both_ends(s, m))
			add(out, n, M_LOSE, m);
		if (j->alive && j->session & 1u << m && !both_ends(s, m))
			add(out, n, M_MISS, m);
	}
}

static void add_news(const struct m_state *s, struct action *out, unsigned *n)
{
	if (!s->op && !s->member && s->h[M_NEW].number < cfg.comings)
		add(out, n, M_BEGIN_JOIN, M_NEW);
	if (!s->op && s->member) {
		add(out, n, M_BEGIN_LEAVE, M_NEW);
		add(out, n, s->used ? M_UNUSE : M_USE, M_NEW);
	}
	for (unsigned h = 0; h < M_HOSTS && s->crashes < cfg.crashes; h++)
		if (s->h[h].alive)
			add(out, n, M_CRASH, h);
}

unsigned m_actions(const void *state, struct action *out, unsigned cap)
{
	const struct m_state *s = state;
	unsigned n = 0;

	(void)cap;
	if (s->over)
		return 0;
	for (unsigned h = 0; h < M_HOSTS; h++) {
		if (s->h[h].req && s->h[h].alive && can_answer(s, h))
			add(out, &n, M_DELIVER, h);
		if (s->h[h].ans)
			add(out, &n, M_ANSWER, h);
		if (!s->h[h].alive && (h != M_NEW || (s->op && !s->gone) || s->member))
			add(out, &n, M_DOWN, h);
	}
	add_sessions(s, out, &n);
	add_news(s, out, &n);
	return n;
}

/* The run process sees that a control session has ended. */
static void down(struct m_state *s, unsigned h)
{
	if (h != M_NEW || s->told || s->member) {
		/* One that has left all others may go when it likes. */
		if (h == M_NEW && s->op == M_LEAVE && s->apart) {
			if (s->asked & NEW) {
				s->h[h].req = s->h[h].ans = 0;
				take_answer(s, h, A_YES);
			}
			s->gone = 1;
			return;
		}
		s->over = 1;
		return;
	}
	s->gone = 1;
	if (s->asked & NEW) {
		s->h[h].req = s->h[h].ans = 0;
		take_answer(s, h, A_NO);
	}
}

static void begin_join(struct m_state *s)
{
	*new_one(s) = (struct m_host){.alive = 1, .number = (uint8_t)(new_one(s)->number + 1)};
	s->op = M_JOIN;
	s->gone = s->crashed_new = s->word = s->early = s->safe = 0;
	begin_step(s);
}

static void act(struct m_state *s, const struct action *a)
{
	struct m_host *h = &s->h[a->host], *n = new_one(s);

	switch (a->kind) {
	case M_DELIVER:
		s->word |= h == n && h->req == V_READY;
		h->ans = (uint8_t)(h == n ? new_does(s, h, h->req) : member_does(s, h, h->req));
		h->req = 0;
		break;
	case M_ANSWER: {
		enum m_answer said = (enum m_answer)h->ans;

		h->ans = 0;
		if (s->asked & 1u << a->host)
			take_answer(s, a->host, said);
		break;
	}
	case M_CONNECT:
		h->session = n->number;
		n->session |= (uint8_t)(1u << a->host);
		break;
	case M_LOSE:
		h->session = 0;
		s->over |= h->counted;
		break;
	case M_MISS:
		n->session &= (uint8_t) ~(1u << a->host);
		if (n->counted && (s->told || s->member))
			s->over = 1; // it tells, and it is a member
		else if (n->counted)
			n->alive = 0; // it halts, and tells that
		break;
	case M_DOWN:
		down(s, a->host);
		break;
	case M_BEGIN_JOIN:
		begin_join(s);
		break;
	case M_BEGIN_LEAVE:
		s->op = M_LEAVE;
		begin_step(s);
		break;
	case M_USE:
	case M_UNUSE:
		s->used = a->kind == M_USE;
		break;
	default: // its questions and answers are lost with it
		s->early |= a->host == M_NEW && s->op == M_JOIN && !s->told && !s->word;
		h->alive = h->req = h->ans = 0;
		s->crashes++;
		s->crashed_new |= a->host == M_NEW;
		s->crashed_old |= a->host != M_NEW;
		break;
	}
}

/* ---- what must hold ---- */

static const char *look(const struct m_state *s, bool was_told, bool was_apart)
{
	const struct m_host *n = &s->h[M_NEW];

	for (unsigned m = 0; m < M_MEMBERS && !s->over; m++) {
		const struct m_host *h = &s->h[m];

		if (s->used && h->alive && h->knows != n->number)
			return "something of the guest is on a host that a member does not know";
		if (s->used && h->alive && n->alive && !both_ends(s, m))
			return "something of the guest is on a host that a member cannot reach";
		if (s->safe && h->alive && (h->knows == s->safe || h->session == s->safe))
			return "a host is said to be free, and a member knows it";
	}
	if (s->safe && s->used)
		return "a host is said to be free, and something of the guest is there";
	if (s->over && !s->crashed_old && !s->crashed_new)
		return "the guest ended, and nobody was lost";
	if (s->over && !s->crashed_old && ((!was_told && !s->member) || was_apart))
		return "the guest ended with a host on which nothing of it was";
	if (s->over && !s->crashed_old && s->early)
		return "the guest ended with a host that had not said that it reaches all";
	return NULL;
}

const char *m_step(void *state, const struct action *a)
{
	struct m_state *s = state;
	bool told = s->told, apart = s->apart && s->op == M_LEAVE;

	act(s, a);
	return look(s, told, apart);
}

bool m_at_rest(const void *state, const char **wrong)
{
	const struct m_state *s = state;
	struct action left[M_HOSTS * M_ACTIONS];
	unsigned n = m_actions(s, left, M_HOSTS * M_ACTIONS);

	if (s->over)
		return true;
	for (unsigned i = 0; i < n; i++)
		if (left[i].kind < M_BEGIN_JOIN)
			return false;
	for (unsigned m = 0; m < M_MEMBERS; m++)
		if (!s->member && !s->op && s->h[m].alive && (s->h[m].expects || s->h[m].session || s->h[m].knows))
			*wrong = "a join that failed has left something";
	return !s->op;
}
