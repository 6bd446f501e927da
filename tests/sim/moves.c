// SPDX-License-Identifier: Apache-2.0
/*
 * Homes that move while the cluster works, and a host that is emptied and leaves. What coordinates it is not a host:
 * each step reaches each host after a delay of its own, and the next step begins when all have taken it.
 */
#include <errno.h>

#include "tests/sim/cluster.h"

enum phase { PREPARE, FREEZE, SHIP, ADOPT, COMMIT, FINISH, PHASES };

static uint64_t granule(const struct sim *s)
{
	return (uint64_t)1 << s->cfg.granule_shift;
}

static void again_at(struct sim *s, uint64_t delay)
{
	struct event e = {.kind = EV_MOVE};

	queue_push(&s->queue, s->now + delay, &e);
}

void moves_begin(struct sim *s)
{
	again_at(s, s->cfg.moves_ns);
}

static void step_at(struct sim *s, unsigned i, unsigned h, uint64_t delay)
{
	struct event e = {.kind = EV_MOVE_STEP, .host = h, .from = (host_id)i};

	queue_push(&s->queue, s->now + delay, &e);
}

/* Sends the step of the phase that begins to who has to take it. */
static void begin_phase(struct sim *s, unsigned i)
{
	struct sim_move *m = &s->move[i];
	bool one = m->phase == FREEZE || m->phase == SHIP || m->phase == ADOPT;

	m->left = 0;
	for (unsigned h = 0; h < s->cfg.hosts; h++) {
		if (one && h != (m->phase == ADOPT ? m->to : m->from))
			continue;
		m->left++;
		step_at(s, i, h, 1 + sim_random(s, 3 * s->cfg.delay_ns));
	}
}

static uint64_t pages_of(const struct sim *s, const struct sim_move *m)
{
	return s->cfg.pages - m->first < granule(s) ? s->cfg.pages - m->first : granule(s);
}

static void change_quota(struct sim *s, unsigned h, uint64_t more, uint64_t less)
{
	struct host *host = &s->host[h];

	if (!host->quota)
		return;
	host->quota += more - less;
	if (coh_engine_set_quota(host->engine, host->quota))
		sim_fail(s, "quota refused");
}

/* 0, -EAGAIN, or another error. */
static int take_step(struct sim *s, struct sim_move *m, unsigned h)
{
	struct coh_engine *e = s->host[h].engine;
	const char *wrong;

	switch (m->phase) {
	case PREPARE:
		if (h == m->to)
			change_quota(s, h, pages_of(s, m), 0);
		return coh_engine_rehome_prepare(e, m->first, m->from, m->to);
	case FREEZE:
		return coh_engine_rehome_freeze(e, m->first);
	case SHIP:
		m->bytes = coh_engine_rehome_ship(e, m->first, m->blob, sizeof(m->blob));
		return m->bytes < 0 ? m->bytes : 0;
	case ADOPT:
		wrong = coh_engine_rehome_adopt(e, m->from, m->first, m->blob, (size_t)m->bytes);
		if (wrong)
			sim_fail(s, wrong);
		return 0;
	case COMMIT:
		return coh_engine_rehome_commit(e, m->first, m->to);
	default:
		if (h == m->from)
			change_quota(s, h, 0, pages_of(s, m));
		return coh_engine_rehome_finish(e, m->first);
	}
}

static void on_step(struct sim *s, unsigned i, unsigned h)
{
	struct sim_move *m = &s->move[i];
	int r = take_step(s, m, h);

	cluster_arm(s, h);
	if (r == -EAGAIN) {
		step_at(s, i, h, 1 + s->cfg.delay_ns / 8);
		return;
	}
	if (r)
		sim_fail(s, "a step of a home's move was refused");
	if (--m->left)
		return;
	if (++m->phase < PHASES) {
		begin_phase(s, i);
		return;
	}
	m->used = false;
	s->moves++;
}

static bool moves_already(const struct sim *s, page_idx first)
{
	for (unsigned i = 0; i < MOVES_MAX; i++)
		if (s->move[i].used && s->move[i].first == first)
			return true;
	return false;
}

static void move(struct sim *s, page_idx first, host_id to)
{
	host_id from = coh_engine_home(s->host[0].engine, first);

	if (to == from || to == s->drained || moves_already(s, first))
		return;
	for (unsigned i = 0; i < MOVES_MAX; i++) {
		if (s->move[i].used)
			continue;
		s->move[i] = (struct sim_move){.used = true, .first = first, .from = from, .to = to};
		begin_phase(s, i);
		return;
	}
}

/* ---- a host that leaves ---- */

static unsigned last(const struct sim *s)
{
	return s->cfg.hosts - 1;
}

static bool leaving(const struct sim *s)
{
	bool done = s->cfg.drain;

	for (unsigned i = last(s); i < s->cfg.cpus; i += s->cfg.hosts)
		done &= s->cpu[i].done;
	return done;
}

/* It gives everything back, and all are asked whether it has. */
static void empty(struct sim *s, unsigned h)
{
	const struct coh_stats *st = coh_engine_stats(s->host[h].engine);
	bool lent = false;

	if (coh_engine_set_quota(s->host[h].engine, COH_QUOTA_NOTHING))
		sim_fail(s, "a host that is home of nothing can't be emptied");
	cluster_arm(s, h);
	for (unsigned o = 0; o < s->cfg.hosts; o++)
		lent |= coh_engine_lent(s->host[o].engine, (host_id)h) != 0;
	if (st->resident || st->owned || lent)
		return;
	for (unsigned o = 0; o < s->cfg.hosts; o++) {
		if (o != h && coh_engine_host_gone(s->host[o].engine, (host_id)h))
			return; // a word of its last transaction is on its way
	}
	s->drained = h;
}

static void drain(struct sim *s, unsigned h)
{
	unsigned moving = 0;

	for (unsigned i = 0; i < MOVES_MAX; i++)
		moving += s->move[i].used && (s->move[i].to == h || s->move[i].from == h);
	if (!coh_engine_homed(s->host[h].engine) && !moving) {
		empty(s, h);
		return;
	}
	for (page_idx p = 0; p < s->cfg.pages; p += granule(s))
		if (coh_engine_home(s->host[0].engine, p) == h)
			move(s, p, (host_id)sim_random(s, h));
}

/* Requests that are refused again and again would keep the cluster busy for ever. */
static void look_at_faults(struct sim *s)
{
	for (unsigned i = 0; i < s->cfg.cpus; i++)
		if (s->cpu[i].blocked && s->now - s->cpu[i].fault_at > s->cfg.fault_limit_ns)
			sim_fail(s, "a fault takes too long");
}

void moves_on_event(struct sim *s, const struct event *e)
{
	if (e->kind == EV_MOVE_STEP) {
		on_step(s, e->from, e->host);
		return;
	}
	look_at_faults(s);
	bool leaves = leaving(s) && s->drained == HOST_NONE;
	if (leaves)
		drain(s, last(s));
	else if (s->running)
		move(s, sim_random(s, s->cfg.pages / granule(s)) * granule(s), (host_id)sim_random(s, s->cfg.hosts));
	if (s->running || leaves)
		again_at(s, 1 + sim_random(s, 2 * s->cfg.moves_ns));
}

uint64_t sim_moves(const struct sim *s)
{
	return s->moves;
}

bool sim_drained(const struct sim *s)
{
	return s->drained == last(s);
}
