// SPDX-License-Identifier: Apache-2.0
/*
 * Model check of the board that moves from one host to another (vmm/run/board.c, vmm/machine/board_move.c). Three hosts
 * and the run process: the board is on host 0 or 1; host 2 has a vCPU, which writes to a device of the board and reads
 * what it has written, and a card whose line rises and falls whenever it likes. The one that is to take the board may
 * refuse. The loss of a host ends the guest, as ever, and is not in here.
 */
#include <stdio.h>
#include <string.h>

#include "tests/model/search.h"

#define HOSTS  3u
#define CARD   2u // the host of the card and of the vCPU
#define ON_WAY 6u // line messages to one host

enum fault {
	GOOD,
	KEEPS,         // who gives it goes on answering
	TAKEN_FIRST,   // it is taken before it is given
	ONE_IS_TOLD,   // the guest goes on when the first host knows where it is
	NOT_HALTED,    // vCPUs run meanwhile
	NOT_SETTLED,   // ... or what they sent before has not all arrived
	NO_LINES,      // nobody tells lines again
	NO_LINES_BACK, // ... when it is given back
	NO_EDGE,       // ... or their levels alone
	NOT_BACK,      // what nobody took is not given back
	OLD_STATE      // the state that was given is older than the last write
};

enum verb { NONE, HALT, GIVE, TAKE, MOVED, LINES, GO, GIVE_BACK, LINES_BACK, VERBS };

struct config {
	const char *name;
	unsigned moves, edges, writes;
	enum fault fault;
	const char *finds;
};

// clang-format off
static const struct config configs[] = {
	{.name = "board_keeps", .moves = 1, .fault = KEEPS, .finds = "two hosts have the board"},
	{.name = "board_taken_first", .moves = 1, .fault = TAKEN_FIRST, .finds = "two hosts have the board"},
	{.name = "board_one_is_told", .moves = 1, .writes = 1, .fault = ONE_IS_TOLD,
	 .finds = "an access came to a host that has no board"},
	{.name = "board_not_halted", .moves = 1, .writes = 1, .fault = NOT_HALTED,
	 .finds = "an access came to a host that has no board"},
	{.name = "board_not_settled", .moves = 1, .writes = 1, .fault = NOT_SETTLED,
	 .finds = "an access came to a host that has no board"},
	{.name = "board_no_lines", .moves = 1, .edges = 1, .fault = NO_LINES, .finds = "an interrupt was lost"},
	{.name = "board_no_lines_back", .moves = 1, .edges = 1, .fault = NO_LINES_BACK, .finds = "an interrupt was lost"},
	{.name = "board_no_edge", .moves = 1, .edges = 3, .fault = NO_EDGE, .finds = "an interrupt was lost"},
	{.name = "board_not_back", .moves = 1, .fault = NOT_BACK, .finds = "the guest runs, and no host has the board"},
	{.name = "board_old_state", .moves = 1, .writes = 2, .fault = OLD_STATE,
	 .finds = "a device has forgotten what was written to it"},
	{.name = "board_moves", .moves = 3, .edges = 3, .writes = 3},
};
// clang-format on

struct host {
	uint8_t has, value, pin; // the board; its device's register, its controller's input
	uint8_t at;              // where it believes the board to be
	uint8_t req, ans;        // of the run process: what is asked; 1: done, 2: refused
};

struct state {
	struct host h[HOSTS];
	uint8_t line, line_n[2], lines[2]; // the card's; on their way to host 0 and 1: a bit each, the first lowest
	uint8_t irr, owed;                 // the guest has an interrupt; one is due
	uint8_t wrote, access, stale;      // by the vCPU; under way, to host access - 1; OLD_STATE: what is given
	uint8_t step, asked, running, undoing, from, to;
	uint8_t value, pin; // what was given, with the run process
	uint8_t moves, edges, writes;
};

static struct config cfg;

static const enum verb forward[] = {HALT, GIVE, TAKE, MOVED, LINES, GO, NONE};
static const enum verb taken_first[] = {HALT, TAKE, GIVE, MOVED, LINES, GO, NONE};
static const enum verb back[] = {GIVE_BACK, LINES_BACK, GO, NONE};

static enum verb verb_of(const struct state *s)
{
	const enum verb *list = s->undoing ? back : cfg.fault == TAKEN_FIRST ? taken_first : forward;

	return list[s->step];
}

static unsigned asked_by(const struct state *s, enum verb v)
{
	return v == GIVE || v == GIVE_BACK ? 1u << s->from : v == TAKE ? 1u << s->to : 7u;
}

static bool skipped(enum verb v)
{
	return (v == LINES && cfg.fault == NO_LINES) || (v == LINES_BACK && cfg.fault == NO_LINES_BACK) ||
	       (v == GIVE_BACK && cfg.fault == NOT_BACK);
}

/* ---- what the card and the controllers do ---- */

static void hear(struct state *s, unsigned h, bool high)
{
	struct host *c = &s->h[h];

	if (!c->has)
		return;
	if (high && !c->pin) {
		s->irr = 1;
		s->owed = 0;
	}
	c->pin = high;
}

static bool has_room(const struct state *s)
{
	return s->line_n[s->h[CARD].at] + 2u <= ON_WAY;
}

static void tell_line(struct state *s, bool high)
{
	unsigned to = s->h[CARD].at;

	s->lines[to] = (uint8_t)(s->lines[to] | (unsigned)high << s->line_n[to]);
	s->line_n[to]++;
}

/* It may have fallen and risen again while nobody heard: an interrupt too many harms nobody. */
static void tell_line_again(struct state *s)
{
	if (cfg.fault != NO_EDGE)
		tell_line(s, false);
	tell_line(s, s->line);
}

static void take_line(struct state *s, unsigned h)
{
	bool high = s->lines[h] & 1;

	s->lines[h] >>= 1;
	s->line_n[h]--;
	hear(s, h, high);
}

/* ---- hosts ---- */

static void carry_out(struct state *s, unsigned at)
{
	struct host *h = &s->h[at];

	h->ans = 1;
	switch (h->req) {
	case GIVE:
		s->value = cfg.fault == OLD_STATE ? s->stale : h->value;
		s->pin = h->pin;
		h->has = cfg.fault == KEEPS;
		h->at = s->to;
		break;
	case TAKE:
	case GIVE_BACK:
		h->has = 1;
		h->value = s->value;
		h->pin = s->pin;
		h->at = (uint8_t)at;
		break;
	case MOVED:
		h->at = s->to;
		break;
	case LINES:
	case LINES_BACK:
		if (at == CARD)
			tell_line_again(s);
		break;
	default:
		break;
	}
	h->req = NONE;
}

/* ---- the run process ---- */

static void begin_step(struct state *s);

static void next_step(struct state *s)
{
	s->step++;
	begin_step(s);
}

static void begin_step(struct state *s)
{
	enum verb v = verb_of(s);

	s->asked = 0;
	if (v == NONE) {
		s->step = 0;
		s->undoing = 0;
		s->asked = 0;
		s->from = s->to = 0;
		s->value = s->pin = 0;
	} else if (v == HALT && cfg.fault == NOT_HALTED) {
		next_step(s);
	} else if (v == GO) {
		s->running = 1;
		next_step(s);
	} else if (skipped(v)) {
		next_step(s);
	} else if (v != HALT) {
		s->asked = (uint8_t)asked_by(s, v);
		for (unsigned h = 0; h < HOSTS; h++)
			if (s->asked >> h & 1)
				s->h[h].req = (uint8_t)v;
	}
}

static bool under_way(const struct state *s)
{
	return s->from != s->to;
}

static void take_answer(struct state *s, unsigned h)
{
	bool refused = s->h[h].ans == 2, hasty = cfg.fault == ONE_IS_TOLD && verb_of(s) == MOVED;

	s->h[h].ans = 0;
	s->asked &= (uint8_t) ~(1u << h);
	if (refused) {
		s->undoing = 1;
		s->step = 0;
		begin_step(s);
	} else if (!s->asked) {
		next_step(s);
	} else if (hasty) {
		s->running = 1; // the others hear of it some time
	}
}

static void begin_move(struct state *s)
{
	s->from = s->h[CARD].at;
	s->to = !s->from;
	s->moves++;
	s->step = 0;
	begin_step(s);
}

/* ---- actions ---- */

enum kind { A_DO, A_REFUSE, A_ANSWER, A_STAND, A_LINE, A_ACCESS, A_MOVE, A_IRQ, A_EDGE, A_WRITE, A_READ };

static unsigned actions(const void *state, struct action *out, unsigned cap)
{
	const struct state *s = state;
	unsigned n = 0;

	(void)cap;
	for (uint8_t h = 0; h < HOSTS; h++) {
		if (s->h[h].req && ((s->h[h].req != LINES && s->h[h].req != LINES_BACK) || h != CARD || has_room(s)))
			out[n++] = (struct action){.kind = A_DO, .host = h};
		if (s->h[h].req == TAKE)
			out[n++] = (struct action){.kind = A_REFUSE, .host = h};
		if (s->h[h].ans)
			out[n++] = (struct action){.kind = A_ANSWER, .host = h};
		if (h < CARD && s->line_n[h])
			out[n++] = (struct action){.kind = A_LINE, .host = h};
	}
	/* All vCPUs are out, and what nobody waits for has arrived. */
	if (under_way(s) && verb_of(s) == HALT &&
	    (cfg.fault == NOT_SETTLED || (!s->access && !s->line_n[0] && !s->line_n[1])))
		out[n++] = (struct action){.kind = A_STAND};
	if (s->access)
		out[n++] = (struct action){.kind = A_ACCESS, .host = (uint8_t)(s->access - 1) & 1};
	if (!under_way(s) && s->moves < cfg.moves)
		out[n++] = (struct action){.kind = A_MOVE};
	if (s->running && s->irr)
		out[n++] = (struct action){.kind = A_IRQ, .host = CARD};
	if (s->edges < cfg.edges && has_room(s))
		out[n++] = (struct action){.kind = A_EDGE, .host = CARD};
	if (s->running && !s->access && s->writes < cfg.writes) {
		out[n++] = (struct action){.kind = A_WRITE, .host = CARD};
		out[n++] = (struct action){.kind = A_READ, .host = CARD};
	}
	return n;
}

/* access: 1, 2: a write to host 0, 1; 3, 4: a read. */
static const char *do_access(struct state *s)
{
	bool write = s->access <= 2;
	struct host *h = &s->h[(s->access - 1) & 1];

	s->access = 0;
	if (!h->has)
		return "an access came to a host that has no board";
	s->stale = write ? h->value : s->stale;
	if (write)
		h->value = s->wrote;
	return h->value == s->wrote ? NULL : "a device has forgotten what was written to it";
}

static void edge(struct state *s)
{
	s->line = !s->line;
	s->owed = s->line && !s->irr; // one that fell before anybody looked is owed to nobody
	s->edges++;
	tell_line(s, s->line);
}

static const char *act(struct state *s, const struct action *a)
{
	switch (a->kind) {
	case A_DO:
		carry_out(s, a->host);
		break;
	case A_REFUSE:
		s->h[a->host].req = NONE;
		s->h[a->host].ans = 2;
		break;
	case A_ANSWER:
		take_answer(s, a->host);
		break;
	case A_STAND:
		s->running = 0;
		next_step(s);
		break;
	case A_LINE:
		take_line(s, a->host);
		break;
	case A_ACCESS:
		return do_access(s);
	case A_MOVE:
		begin_move(s);
		break;
	case A_IRQ:
		s->irr = 0;
		break;
	case A_EDGE:
		edge(s);
		break;
	case A_WRITE:
		s->wrote = (uint8_t)(s->wrote + 1);
		s->writes++;
		s->access = (uint8_t)(1 + s->h[CARD].at);
		break;
	default:
		s->writes++;
		s->access = (uint8_t)(3 + s->h[CARD].at);
		break;
	}
	return NULL;
}

static const char *step(void *state, const struct action *a)
{
	struct state *s = state;
	const char *wrong = act(s, a);

	if (wrong)
		return wrong;
	if (s->h[0].has && s->h[1].has)
		return "two hosts have the board";
	return s->running && !under_way(s) && !s->h[0].has && !s->h[1].has ? "the guest runs, and no host has the board"
									   : NULL;
}

static bool at_rest(const void *state, const char **wrong)
{
	const struct state *s = state;
	const struct host *h = &s->h[s->h[CARD].at];

	for (unsigned i = 0; i < HOSTS; i++)
		if (s->h[i].req || s->h[i].ans || (i < CARD && s->line_n[i]))
			return false;
	if (under_way(s) || s->access)
		return false;
	if (s->owed || h->pin != s->line)
		*wrong = "an interrupt was lost";
	return true;
}

static bool may_stick(const void *state)
{
	(void)state;
	return false;
}

static enum action_class class_of(const struct action *a)
{
	return a->kind < A_MOVE ? ACTION_WORK : ACTION_NEWS;
}

static void text(const struct action *a, char *buf, size_t cap)
{
	static const char *const names[] = {"does what it is asked",
					    "refuses",
					    "is heard",
					    "(the machine stands)",
					    "hears of a line",
					    "has an access",
					    "(the board moves)",
					    "has taken its interrupt",
					    "has an edge there",
					    "writes",
					    "reads"};

	snprintf(buf, cap, "h%u %s", a->host, names[a->kind]);
}

static const struct search_ops ops = {.state_bytes = sizeof(struct state),
				      .actions = actions,
				      .step = step,
				      .class = class_of,
				      .at_rest = at_rest,
				      .may_stick = may_stick,
				      .text = text};

static const char *name(unsigned i)
{
	return configs[i].name;
}

static bool check(unsigned i, struct search *s)
{
	struct state init = {.running = 1};

	cfg = configs[i];
	init.h[0].has = 1;
	return search_check(s, &ops, &init, configs[i].name, configs[i].finds);
}

const struct model board_model = {.n = sizeof(configs) / sizeof(configs[0]), .name = name, .check = check};
