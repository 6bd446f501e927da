// SPDX-License-Identifier: Apache-2.0
/*
 * Model check of how somebody is let into the cluster and shut out again (net/id/, vmm/cluster/): a host by a token, a
 * person by an SSH key, a list of the revoked. An attacker owns the network: he has every message that was ever sent
 * and gives any of them to anybody, as often as he likes; and he has read once what the cluster keeps of the token. Who
 * is asked may crash between any two steps, and then has what is on its disk. Ciphers and signatures are perfect.
 */
#include <stdio.h>
#include <string.h>

#include "tests/model/search.h"

#define CHALLENGES 2u // connections of people
#define LISTS      3u // of the revoked; the host is on them from the second on

enum e_fault {
	E_GOOD,
	E_NO_SPEND,      // a token is not used up
	E_GRANT_FIRST,   // it is spent after the answer has gone out
	E_PSK_ENOUGH,    // who has read what is kept of it may ask
	E_UNBOUND,       // what is signed does not have the key in it that is to be certified
	E_NO_PIN,        // who joins takes any root
	E_ROLLBACK,      // a list is taken whatever its number
	E_UNSIGNED,      // and whoever made it
	E_OLD_CHALLENGE, // an answer to any challenge will do
	E_OPEN_AGAIN,    // a challenge stands until it is answered rightly, and longer
	E_LOGIN_UNBOUND, // as E_UNBOUND, of a person
};

enum e_who { E_NOBODY, E_HONEST, E_ATTACKER };

struct e_state {
	uint8_t asked;        // the host has said its ask
	uint8_t spent;        // the token is, on the disk
	uint8_t pending;      // whose key is about to be certified: enum e_who
	uint8_t step;         // of that
	uint8_t granted[3];   // ghost: certificates that have gone out by the token, by e_who
	uint8_t member;       // the host is one, of a cluster of: enum e_who
	uint8_t made;         // the newest list of the root
	uint8_t seen;         // by a member who judges: its number
	uint8_t revokes;      // what it says of the host
	uint8_t knew;         // ghost: a list that he has taken said so
	uint8_t opened, open; // challenges so far; the one that stands, 0: none
	uint8_t answered;     // the person has signed them, a bit each
	uint8_t logged[CHALLENGES + 1], stolen;
};

struct e_config {
	const char *name;
	enum e_fault fault;
	const char *finds;
};

enum e_action {
	E_ASK,    // the host
	E_HEAR,   // who is asked: what arg says of: 0 the host's ask, 1 the same with another key in it, 2 one made of
		  // what is kept
	E_GO,     // the next step of that
	E_CRASH,  // nothing of it is known any more
	E_TAKE,   // the host: an answer of e_who arg
	E_REVOKE, // one more list
	E_LIST,   // who judges: list arg, 0: one that nobody has signed
	E_SHOW,   // who judges: the host's certificate
	E_OPEN,   // somebody asks for a challenge
	E_SIGN,   // the person: challenge arg, whoever gave it to him
	E_LOGIN,  // who is asked: the answer to challenge arg, as it is
	E_STEAL,  // the same with another key in it
	E_ACTIONS
};

#define TWICE  "a token let in two"
#define THIEF  "the attacker's key was certified"
#define ROOT   "a host joined another cluster than its token's"
#define FORGOT "a revocation was forgotten"
#define AGAIN  "a login was used twice"

static const struct e_config configs[] = {
	{"entering_no_spend", E_NO_SPEND, TWICE},
	{"entering_grant_first", E_GRANT_FIRST, TWICE},
	{"entering_psk_enough", E_PSK_ENOUGH, THIEF},
	{"entering_unbound", E_UNBOUND, THIEF},
	{"entering_no_pin", E_NO_PIN, ROOT},
	{"entering_rollback", E_ROLLBACK, FORGOT},
	{"entering_unsigned_list", E_UNSIGNED, FORGOT},
	{"entering_old_challenge", E_OLD_CHALLENGE, AGAIN},
	{"entering_open_again", E_OPEN_AGAIN, AGAIN},
	{"entering_login_unbound", E_LOGIN_UNBOUND, THIEF},
	{"entering", E_GOOD, NULL},
};

static struct e_config cfg;

/* ---- what is possible ---- */

struct list {
	struct action *out;
	unsigned n, cap;
};

static void can(struct list *l, bool possible, enum e_action kind, unsigned arg)
{
	if (possible && l->n < l->cap)
		l->out[l->n++] = (struct action){.kind = (uint8_t)kind, .arg = (uint8_t)arg};
}

static unsigned actions(const void *state, struct action *out, unsigned cap)
{
	const struct e_state *s = state;
	struct list l = {.out = out, .cap = cap};

	can(&l, !s->asked, E_ASK, 0);
	for (unsigned kind = 0; kind < 3; kind++)
		can(&l, !s->pending && (s->asked || kind == 2), E_HEAR, kind);
	can(&l, s->pending, E_GO, 0);
	can(&l, s->pending, E_CRASH, 0);
	can(&l, s->granted[E_HONEST] && !s->member, E_TAKE, E_HONEST);
	can(&l, s->asked && !s->member, E_TAKE, E_ATTACKER);
	can(&l, s->made < LISTS, E_REVOKE, 0);
	for (unsigned n = 0; n <= s->made; n++)
		can(&l, true, E_LIST, n);
	can(&l, s->member == E_HONEST, E_SHOW, 0);
	can(&l, s->opened < CHALLENGES, E_OPEN, 0);
	for (unsigned c = 1; c <= s->opened; c++) {
		can(&l, !(s->answered & 1u << c), E_SIGN, c);
		can(&l, s->open && s->answered & 1u << c, E_LOGIN, c);
		can(&l, s->open && s->answered & 1u << c, E_STEAL, c);
	}
	return l.n;
}

/* ---- what parties do ---- */

static void hear(struct e_state *s, unsigned kind)
{
	bool good = kind == 0 || (kind == 1 && cfg.fault == E_UNBOUND) || (kind == 2 && cfg.fault == E_PSK_ENOUGH);

	if (!good || (s->spent && cfg.fault != E_NO_SPEND))
		return;
	s->pending = kind == 0 ? E_HONEST : E_ATTACKER;
	s->step = 0;
}

/* Spends the token on the disk, then answers. */
static const char *go(struct e_state *s)
{
	bool spend = (s->step == 0) != (cfg.fault == E_GRANT_FIRST);

	if (spend)
		s->spent = 1;
	else if (s->granted[s->pending] < 2)
		s->granted[s->pending]++;
	if (s->step++)
		s->pending = s->step = 0;
	if (s->granted[E_ATTACKER])
		return THIEF;
	return s->granted[E_HONEST] > 1 ? TWICE : NULL;
}

static const char *take_list(struct e_state *s, unsigned n)
{
	bool good = n ? n > s->seen || cfg.fault == E_ROLLBACK : cfg.fault == E_UNSIGNED;

	if (!good)
		return NULL;
	s->seen = n ? (uint8_t)n : LISTS;
	s->revokes = n >= 2;
	s->knew |= s->revokes;
	return NULL;
}

static const char *answer(struct e_state *s, unsigned c, bool other_key)
{
	bool right = (c == s->open || cfg.fault == E_OLD_CHALLENGE) && (!other_key || cfg.fault == E_LOGIN_UNBOUND);

	if (right && other_key)
		s->stolen = 1;
	else if (right && s->logged[c] < 2)
		s->logged[c]++;
	if (cfg.fault != E_OPEN_AGAIN)
		s->open = 0; // one answer, right or not, ends it
	return s->stolen ? THIEF : s->logged[c] > 1 ? AGAIN : NULL;
}

static const char *step(void *state, const struct action *a)
{
	struct e_state *s = state;

	switch ((enum e_action)a->kind) {
	case E_ASK:
		s->asked = 1;
		break;
	case E_HEAR:
		hear(s, a->arg);
		break;
	case E_GO:
		return go(s);
	case E_CRASH:
		s->pending = s->step = 0;
		break;
	case E_TAKE: // the attacker can answer: what he has read has the handshake's key in it
		if (a->arg == E_HONEST || cfg.fault == E_NO_PIN)
			s->member = a->arg;
		return s->member == E_ATTACKER ? ROOT : NULL;
	case E_REVOKE:
		s->made++;
		break;
	case E_LIST:
		return take_list(s, a->arg);
	case E_SHOW:
		return s->knew && !s->revokes ? FORGOT : NULL;
	case E_OPEN:
		s->open = ++s->opened;
		break;
	case E_SIGN:
		s->answered |= (uint8_t)(1u << a->arg);
		break;
	case E_LOGIN:
		return answer(s, a->arg, false);
	case E_STEAL:
		return answer(s, a->arg, true);
	default:
		break;
	}
	return NULL;
}

/* ---- the model ---- */

static void text(const struct action *a, char *buf, size_t cap)
{
	static const char *const names[E_ACTIONS] = {
		"the host asks",    "an ask is heard",          "the next step",
		"a crash",          "the host takes an answer", "one more list",
		"a list is shown",  "the host is judged",       "a challenge is asked for",
		"the person signs", "the answer is given",      "the answer is given with another key"};

	snprintf(buf, cap, "%s (%u)", names[a->kind], a->arg);
}

static const struct search_ops ops = {
	.state_bytes = sizeof(struct e_state), .actions = actions, .step = step, .text = text};

static const char *name(unsigned i)
{
	return configs[i].name;
}

static bool check(unsigned i, struct search *s)
{
	static struct e_state init;

	cfg = configs[i];
	memset(&init, 0, sizeof(init));
	return search_check(s, &ops, &init, configs[i].name, configs[i].finds);
}

const struct model entering_model = {.n = sizeof(configs) / sizeof(configs[0]), .name = name, .check = check};
