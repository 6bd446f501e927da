// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/model/sealing.h"

static struct s_config cfg;

void s_init(const struct s_config *c, struct s_state *s)
{
	cfg = *c;
	memset(s, 0, sizeof(*s));
}

static bool is_connector(unsigned who)
{
	return who < S_CONNECTORS;
}

/* Which key a party has: of the two ephemeral keys that it believes in. */
static unsigned key_of(const struct s_state *s, unsigned who)
{
	unsigned c = is_connector(who) ? who : s->p[who].peer, a = is_connector(who) ? s->p[who].peer : who;

	return cfg.fault == S_NO_EPHEMERAL ? 0 : 1 + c * S_PARTIES + a;
}

static unsigned phase_of(unsigned number)
{
	return number == S_RECORDS - 1;
}

/* What of a hello or an answer can be altered so that nobody notices. */
static unsigned clear_parts(void)
{
	return cfg.fault == S_OFFER_CLEAR    ? S_OFFER
	       : cfg.fault == S_EPOCH_CLEAR  ? S_EPOCH
	       : cfg.fault == S_ROLE_CLEAR   ? S_ROLE
	       : cfg.fault == S_ANSWER_CLEAR ? S_ANSWER
					     : 0;
}

/* ---- what is possible ---- */

struct list {
	struct action *out;
	unsigned n, cap;
};

static void can(struct list *l, enum s_action kind, unsigned who, unsigned arg)
{
	if (l->n < l->cap)
		l->out[l->n++] = (struct action){.kind = (uint8_t)kind, .host = (uint8_t)who, .arg = (uint8_t)arg};
}

static void can_shake(const struct s_state *s, unsigned who, struct list *l)
{
	const struct s_party *p = &s->p[who];

	if (is_connector(who)) {
		if (p->stage == S_IDLE)
			can(l, S_SAY, who, 0);
		for (unsigned a = S_CONNECTORS; a < S_PARTIES && p->stage == S_SAID; a++)
			for (unsigned alter = 0; alter < 2 && s->p[a].stage != S_IDLE; alter++)
				can(l, S_REPLY, who, a | (alter ? S_ANSWER : 0) << 2);
		return;
	}
	for (unsigned c = 0; c < S_CONNECTORS; c++) {
		for (unsigned alter = 0; alter < 8 && p->stage == S_IDLE && s->p[c].stage != S_IDLE; alter++)
			can(l, S_HELLO, who, c | alter << 2);
		if (p->stage == S_SAID && s->p[c].stage == S_SESSION)
			can(l, S_CONFIRM, who, c);
	}
}

unsigned s_actions(const void *state, struct action *out, unsigned cap)
{
	const struct s_state *s = state;
	struct list l = {.out = out, .cap = cap};

	for (unsigned who = 0; who < S_PARTIES; who++) {
		const struct s_party *p = &s->p[who];

		can_shake(s, who, &l);
		if (p->stage != S_SESSION)
			continue;
		if (p->sent < S_RECORDS)
			can(&l, S_SEAL, who, 0);
		if (cfg.datagrams && p->sent && p->sent < S_RECORDS)
			can(&l, S_AGAIN, who, 0);
		if (cfg.fault == S_RESTORED && p->sent)
			can(&l, S_RESTORE, who, 0);
		for (unsigned from = 0; from < S_PARTIES; from++)
			for (unsigned n = 0; n < s->p[from].sent; n++)
				can(&l, S_GIVE, who, from | n << 2);
		for (unsigned n = 0; cfg.datagrams && n < S_RECORDS; n++)
			can(&l, S_FORGE, who, n << 2);
	}
	return l.n;
}

/* ---- what parties do ---- */

/* Both HELLOs are in the hash that all tags depend on: it shows what was altered, or said to somebody else. */
static void hear_hello(struct s_state *s, unsigned who, unsigned from, unsigned altered)
{
	struct s_party *p = &s->p[who];

	if (altered & ~clear_parts())
		return;
	p->stage = cfg.fault == S_NO_CONFIRM ? S_SESSION : S_SAID;
	p->peer = (uint8_t)from;
	p->altered = (uint8_t)altered;
}

static void hear_answer(struct s_state *s, unsigned who, unsigned from, unsigned altered)
{
	struct s_party *p = &s->p[who];

	if (s->p[from].peer != who || (altered & ~clear_parts()))
		return;
	p->stage = S_SESSION;
	p->peer = (uint8_t)from;
	p->altered = (uint8_t)altered;
}

static void see_proof(struct s_state *s, unsigned who, unsigned from)
{
	if (key_of(s, who) == key_of(s, from))
		s->p[who].stage = S_SESSION;
}

static const char *seal(struct s_party *p, unsigned number)
{
	bool twice = p->sealed & 1u << number;

	p->sealed |= (uint8_t)(1u << number);
	return twice ? "a number was sealed with twice" : NULL;
}

/* Whether its key and direction are those that who opens with. */
static bool opens(const struct s_state *s, unsigned who, unsigned from)
{
	return s->p[from].stage == S_SESSION && key_of(s, who) == key_of(s, from) &&
	       (cfg.fault == S_ONE_KEY || is_connector(who) != is_connector(from));
}

static bool stream_takes(struct s_party *p, bool good, unsigned n)
{
	bool in_turn = n == p->next || cfg.fault == S_NO_COUNTER ||
		       (cfg.fault == S_OLD_KEY_OPEN && phase_of(p->next) && n + 1 == S_RECORDS - 1);

	if (p->over || !good || !in_turn) {
		p->over = 1;
		return false;
	}
	p->next++;
	return true;
}

static bool datagram_takes(struct s_party *p, bool good, unsigned n)
{
	bool wanted = cfg.fault == S_NO_WINDOW || !(p->seen & 1u << n);

	if (cfg.fault == S_WINDOW_FIRST)
		p->seen |= (uint8_t)(1u << n);
	if (!wanted || !good)
		return false;
	if (phase_of(n) && !p->phase) {
		p->phase = 1;
		if (cfg.fault == S_WINDOW_RESET)
			p->seen = 0;
	}
	p->seen |= (uint8_t)(1u << n);
	return true;
}

static const char *give(struct s_state *s, unsigned who, unsigned from, unsigned n)
{
	struct s_party *p = &s->p[who];
	bool mine = p->peer == from && s->p[from].peer == who, before = p->took[from] & 1u << n;
	bool good = opens(s, who, from);
	bool took = cfg.datagrams ? datagram_takes(p, good, n) : stream_takes(p, good, n);

	if (took && !mine)
		return "a record was taken that was not sent there";
	if (took && before)
		return "a record was taken twice";
	if (took && !cfg.datagrams && p->took[from] != (1u << n) - 1)
		return "a record was taken out of its turn";
	if (!took && mine && !before && cfg.datagrams)
		return "a forged record keeps a genuine one out";
	p->took[from] |= (uint8_t)(took << n);
	return NULL;
}

/* Who has a session has it with somebody who means the same; of two ends one may still be about to. */
static const char *agree(const struct s_state *s)
{
	for (unsigned a = S_CONNECTORS; a < S_PARTIES; a++) {
		const struct s_party *p = &s->p[a], *c = &s->p[p->peer];

		if (p->stage == S_SESSION && (c->stage != S_SESSION || c->peer != a))
			return "an acceptor has a session that its connector has not";
	}
	for (unsigned c = 0; c < S_CONNECTORS; c++) {
		const struct s_party *p = &s->p[c];

		if (p->stage != S_SESSION)
			continue;
		if (s->p[p->peer].peer != c || s->p[p->peer].stage == S_IDLE)
			return "a connector has a session that its acceptor has not";
		if (p->altered || s->p[p->peer].altered)
			return "both ends of a session differ about it";
	}
	return NULL;
}

const char *s_step(void *state, const struct action *a)
{
	struct s_state *s = state;
	struct s_party *p = &s->p[a->host];
	unsigned other = a->arg & 3, more = a->arg >> 2;
	const char *wrong = NULL;

	switch ((enum s_action)a->kind) {
	case S_SAY:
		p->stage = S_SAID;
		break;
	case S_HELLO:
		hear_hello(s, a->host, other, more);
		break;
	case S_REPLY:
		hear_answer(s, a->host, other, more);
		break;
	case S_CONFIRM:
		see_proof(s, a->host, other);
		break;
	case S_SEAL:
		wrong = seal(p, p->sent++);
		break;
	case S_AGAIN:
		wrong = cfg.fault == S_SAME_AGAIN ? seal(p, 0) : seal(p, p->sent++);
		break;
	case S_GIVE:
		wrong = give(s, a->host, other, more);
		break;
	case S_FORGE:
		if (cfg.datagrams)
			datagram_takes(p, false, more);
		break;
	case S_RESTORE:
		p->sent = 0;
		break;
	default:
		break;
	}
	return wrong ? wrong : agree(s);
}
