// SPDX-License-Identifier: Apache-2.0
/*
 * Model check of who is who in a session (net/session_claim.c): after the handshake each side shows a certificate and a
 * signature over the handshake's hash, and hears whether it is taken. The attacker owns the network, and he knows the
 * cluster key: he has a handshake with whoever he likes, hears what is said in it, and says there what he has heard
 * elsewhere, or of himself. He has a monitor's certificate, and a host's and operator's that was revoked. Between two
 * others he hears nothing. Signatures are perfect.
 */
#include <stdio.h>
#include <string.h>

#include "tests/model/search.h"

enum k_fault {
	K_GOOD,
	K_UNBOUND,    // the hash is not in what is signed
	K_NO_SIDE,    // nor the side
	K_NOT_SIGNED, // a certificate alone will do
	K_NO_ROLE,    // whatever its role
	K_NO_LIST,    // and whether it was revoked
	K_NONE_TOO,   // who shows none is taken
	K_NO_VERDICT, // the acceptor does not wait for what the connector thinks of it
	K_CLEAR,      // whether a certificate is asked for can be altered on the way
};

/* Ends of connections: an operator's, a host's that is called, and another's to its peer. */
enum k_end { K_OPERATOR, K_CALLED, K_CALLER, K_ENDS };
/* Whom a certificate is of. */
enum k_who { K_NOBODY, K_ALICE, K_HOST, K_OTHER_HOST, K_SPY, K_GONE, K_WHO };
#define K_ATTACKER K_ENDS // as what is at the other end

struct k_side {
	uint8_t met;     // what is at the other end, and one more
	uint8_t asks;    // it has understood that certificates are shown
	uint8_t said;    // its claim
	uint8_t heard;   // whom it takes the other for: enum k_who
	uint8_t judged;  // it has heard one, good or not
	uint8_t taken;   // the other side said that it is taken
	uint8_t refuses; // ghost: it said that it is not
	uint8_t session;
};

struct k_state {
	struct k_side e[K_ENDS];
	uint8_t expired; // the certificate of the host that is called
};

enum k_action {
	K_MEET,    // end: a handshake with arg & 3; arg >> 2: altered on the way
	K_SAY,     // end: its claim
	K_HEAR,    // end: a claim of the end arg & 3, or of the attacker's own of who arg >> 2
	K_VERDICT, // end: hears that it is taken
	K_EXPIRE,  // the certificate of the host that is called is over
	K_ACTIONS
};

struct k_config {
	const char *name;
	enum k_fault fault;
	const char *finds;
};

#define FALSE_NAME "somebody was taken for another"
#define TOO_MUCH   "somebody has a session that he must not have"
#define ALONE      "an acceptor has a session that its connector has refused"

static const struct k_config configs[] = {
	{"claiming_unbound", K_UNBOUND, FALSE_NAME},
	{"claiming_no_side", K_NO_SIDE, FALSE_NAME},
	{"claiming_not_signed", K_NOT_SIGNED, FALSE_NAME},
	{"claiming_no_role", K_NO_ROLE, TOO_MUCH},
	{"claiming_no_list", K_NO_LIST, TOO_MUCH},
	{"claiming_none_too", K_NONE_TOO, TOO_MUCH},
	{"claiming_no_verdict", K_NO_VERDICT, ALONE},
	{"claiming_clear", K_CLEAR, TOO_MUCH},
	{"claiming", K_GOOD, NULL},
};

static struct k_config cfg;

static bool is_acceptor(unsigned end)
{
	return end == K_CALLED;
}

static enum k_who who_is(unsigned end)
{
	static const enum k_who who[] = {K_ALICE, K_HOST, K_OTHER_HOST};

	return who[end];
}

/* Of whom does an end want to hear: the operator and the caller of a host; the one who is called of an operator. */
static bool may(const struct k_state *s, unsigned end, enum k_who who)
{
	bool host = who == K_HOST || who == K_OTHER_HOST || who == K_GONE;
	bool alive = who != K_GONE && !(who == K_HOST && s->expired);
	bool role = is_acceptor(end) ? who == K_ALICE || who == K_GONE : host;

	return who != K_NOBODY && (role || cfg.fault == K_NO_ROLE) && (alive || cfg.fault == K_NO_LIST);
}

/* ---- what is possible ---- */

struct list {
	struct action *out;
	unsigned n, cap;
};

static void can(struct list *l, bool possible, enum k_action kind, unsigned end, unsigned arg)
{
	if (possible && l->n < l->cap)
		l->out[l->n++] = (struct action){.kind = (uint8_t)kind, .host = (uint8_t)end, .arg = (uint8_t)arg};
}

static bool met(const struct k_side *p, unsigned other)
{
	return p->met == other + 1;
}

/* In one handshake the connector shows itself first, and the acceptor when it has judged that. */
static bool may_speak(const struct k_side *p, unsigned end)
{
	return p->met && p->asks && !p->said && (!is_acceptor(end) || p->judged);
}

static unsigned actions(const void *state, struct action *out, unsigned cap)
{
	const struct k_state *s = state;
	struct list l = {.out = out, .cap = cap};

	can(&l, !s->expired, K_EXPIRE, K_CALLED, 0);
	for (unsigned end = 0; end < K_ENDS; end++) {
		const struct k_side *p = &s->e[end];

		for (unsigned alter = 0; alter < 2; alter++) {
			can(&l, !p->met, K_MEET, end, K_ATTACKER | alter << 2);
			can(&l, !p->met && end != K_CALLED && !s->e[K_CALLED].met, K_MEET, end, K_CALLED | alter << 2);
		}
		can(&l, may_speak(p, end), K_SAY, end, 0);
		for (unsigned from = 0; from < K_ENDS && p->met && p->asks && !p->judged; from++) {
			bool near = met(p, from) && s->e[from].said;
			bool far = met(p, K_ATTACKER) && met(&s->e[from], K_ATTACKER) && s->e[from].said;

			can(&l, near || far, K_HEAR, end, from);
		}
		for (unsigned who = K_NOBODY; who < K_WHO && p->asks && !p->judged; who++)
			can(&l, met(p, K_ATTACKER), K_HEAR, end, K_ATTACKER | who << 2);
		can(&l, p->said && !p->taken && (met(p, K_ATTACKER) || s->e[p->met - 1].heard), K_VERDICT, end, 0);
	}
	return l.n;
}

/* ---- what ends do ---- */

static void meet(struct k_state *s, unsigned end, unsigned other, bool altered)
{
	if (altered && cfg.fault != K_CLEAR)
		return; // what each of them asks for is in the handshake's hash: there is none
	s->e[end].met = (uint8_t)(other + 1);
	s->e[end].asks = !altered;
	if (other == K_ATTACKER)
		return;
	s->e[other].met = (uint8_t)(end + 1);
	s->e[other].asks = !altered;
}

/* A claim that an end made, shown to another. Of one handshake, and of its other side; or it is not genuine. */
static enum k_who genuine(const struct k_state *s, unsigned end, unsigned from)
{
	bool same_hash = met(&s->e[end], from) || (end == from);
	bool same_side = is_acceptor(end) == is_acceptor(from);

	if (!same_hash && cfg.fault != K_UNBOUND && cfg.fault != K_NOT_SIGNED)
		return K_NOBODY;
	if (same_side && cfg.fault != K_NO_SIDE && cfg.fault != K_NOT_SIGNED)
		return K_NOBODY;
	return who_is(from);
}

/* The attacker's own: for his certificates he has the keys, and knows the others' certificates. */
static enum k_who made(enum k_who who)
{
	return who == K_SPY || who == K_GONE || cfg.fault == K_NOT_SIGNED ? who : K_NOBODY;
}

static void hear(struct k_state *s, unsigned end, enum k_who who)
{
	struct k_side *p = &s->e[end];

	p->judged = 1;
	p->heard = may(s, end, who) ? (uint8_t)who : K_NOBODY;
	p->refuses = !p->heard && cfg.fault != K_NONE_TOO;
}

/* An end has a session when it has taken the other, and been taken. */
static void settle(struct k_state *s, unsigned end)
{
	struct k_side *p = &s->e[end];
	bool likes = p->heard || (p->judged && cfg.fault == K_NONE_TOO);
	bool liked = p->taken || (is_acceptor(end) && cfg.fault == K_NO_VERDICT && p->said);

	p->session = p->met && (p->asks ? likes && liked : 1);
}

static const char *judge(const struct k_state *s)
{
	for (unsigned end = 0; end < K_ENDS; end++) {
		const struct k_side *p = &s->e[end];

		if (!p->session)
			continue;
		if (p->heard == K_ALICE || p->heard == K_HOST || p->heard == K_OTHER_HOST) {
			if (met(p, K_ATTACKER) || who_is(p->met - 1u) != p->heard)
				return FALSE_NAME;
		} else {
			return TOO_MUCH; // of nobody, a spy, or one who was shut out
		}
		/* the one who is called is no host for another host here: its caller must not get on as operator */
		if (!met(p, K_ATTACKER) && is_acceptor(end) && s->e[p->met - 1].refuses)
			return ALONE;
	}
	return NULL;
}

static const char *step(void *state, const struct action *a)
{
	struct k_state *s = state;
	unsigned other = a->arg & 3, more = a->arg >> 2;

	switch ((enum k_action)a->kind) {
	case K_MEET:
		meet(s, a->host, other, more);
		break;
	case K_SAY:
		s->e[a->host].said = 1;
		break;
	case K_HEAR:
		hear(s, a->host, other == K_ATTACKER ? made((enum k_who)more) : genuine(s, a->host, other));
		break;
	case K_VERDICT:
		s->e[a->host].taken = 1;
		break;
	case K_EXPIRE:
		s->expired = 1;
		break;
	default:
		break;
	}
	for (unsigned end = 0; end < K_ENDS; end++)
		settle(s, end);
	return judge(s);
}

/* ---- the model ---- */

static void text(const struct action *a, char *buf, size_t cap)
{
	static const char *const ends[] = {"operator", "called host", "calling host", "attacker"};
	static const char *const names[K_ACTIONS] = {"meets", "shows itself", "is shown", "hears that it is taken",
						     "has a certificate that is over"};

	snprintf(buf, cap, "%s %s (%s, %u)", ends[a->host], names[a->kind], ends[a->arg & 3], a->arg >> 2);
}

static const struct search_ops ops = {
	.state_bytes = sizeof(struct k_state), .actions = actions, .step = step, .text = text};

static const char *name(unsigned i)
{
	return configs[i].name;
}

static bool check(unsigned i, struct search *s)
{
	static struct k_state init;

	cfg = configs[i];
	memset(&init, 0, sizeof(init));
	return search_check(s, &ops, &init, configs[i].name, configs[i].finds);
}

const struct model claiming_model = {.n = sizeof(configs) / sizeof(configs[0]), .name = name, .check = check};
