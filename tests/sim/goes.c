// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that goes while the cluster works, and comes again at another home. What coordinates it is not a host: each
 * step reaches each host after a delay of its own, and the next step begins when all have taken it.
 */
#include <string.h>

#include "tests/sim/cluster.h"

/* HIDE: no vCPU begins an access any more, and those under way end; a mapping is not taken away before. */
enum phase { OPEN, HIDE, CLOSE, LOOK, LOOK_AGAIN, TAKE, GONE, COME, READY };

static uint64_t granule(const struct sim *s)
{
	return (uint64_t)1 << s->cfg.granule_shift;
}

static void later(struct sim *s, uint64_t delay)
{
	struct event e = {.kind = EV_GO};

	queue_push(&s->queue, s->now + delay, &e);
}

void goes_begin(struct sim *s)
{
	later(s, s->cfg.goes_ns);
}

/* Sends the step of the phase to all hosts. */
static void enter(struct sim *s, unsigned phase)
{
	struct event e = {.kind = EV_GO_STEP};

	s->go.phase = phase;
	s->go.left = s->cfg.hosts;
	s->go.quiet = true;
	for (e.host = 0; e.host < s->cfg.hosts; e.host++)
		queue_push(&s->queue, s->now + 1 + sim_random(s, 3 * s->cfg.delay_ns), &e);
}

static bool hidden(const struct sim *s, page_idx page)
{
	return s->go.phase != OPEN && page - s->go.first < s->go.pages;
}

page_idx sim_reachable(const struct sim *s, page_idx page)
{
	return hidden(s, page) ? page % (s->cfg.pages / 2) : page;
}

static bool in_use(const struct sim *s)
{
	for (unsigned i = 0; i < s->cfg.cpus; i++) {
		const struct cpu *c = &s->cpu[i];

		if (c->have_op && !c->done && hidden(s, c->op.page))
			return true;
		for (unsigned k = 0; k < c->sb_n; k++)
			if (hidden(s, c->sb[k].page))
				return true;
	}
	return false;
}

/* Some granules of the upper half. */
static void choose(struct sim *s)
{
	uint64_t half = (s->cfg.pages / 2 + granule(s) - 1) / granule(s), all = s->cfg.pages / granule(s);
	uint64_t first = half + sim_random(s, all - half), most = all - first < 4 ? all - first : 4;

	s->go.first = first * granule(s);
	s->go.pages = (1 + sim_random(s, most)) * granule(s);
	s->go.phase = HIDE;
	later(s, 1);
}

static void change_quota(struct sim *s, unsigned h, uint64_t quota)
{
	struct host *host = &s->host[h];

	if (!host->quota)
		return;
	host->quota = quota;
	if (coh_engine_set_quota(host->engine, quota))
		sim_fail(s, "quota refused");
}

static void take(struct sim *s, unsigned h)
{
	struct host *host = &s->host[h];
	uint64_t homed = coh_engine_homed(host->engine);

	if (coh_engine_range_take(host->engine, s->go.first, s->go.pages))
		sim_fail(s, "memory that goes is not quiet");
	change_quota(s, h, host->quota - (homed - coh_engine_homed(host->engine)));
	for (page_idx p = s->go.first; p < s->go.first + s->go.pages; p++) {
		host->rights[p] = COH_NONE;
		s->copies[p] &= ~host_bit((host_id)h);
		s->writers[p] &= ~host_bit((host_id)h);
		memset(s->newest[p], 0, sizeof(s->newest[p]));
	}
}

static void come(struct sim *s, unsigned h)
{
	const struct coh_home_range r = {.first = s->go.first, .pages = s->go.pages, .host = s->go.home};

	if (h == r.host)
		change_quota(s, h, s->host[h].quota + r.pages);
	if (coh_engine_range_add(s->host[h].engine, &r))
		sim_fail(s, "memory can't come");
}

static void next(struct sim *s)
{
	switch (s->go.phase) {
	case LOOK:
	case LOOK_AGAIN: // both looks find all hosts quiet, or it begins anew
		enter(s, !s->go.quiet ? LOOK : s->go.phase + 1);
		break;
	case TAKE:
		s->go.phase = GONE;
		s->goes++;
		later(s, 1 + sim_random(s, 2 * s->cfg.goes_ns));
		break;
	case READY:
		s->go.phase = OPEN;
		later(s, 1 + sim_random(s, 2 * s->cfg.goes_ns));
		break;
	default:
		enter(s, s->go.phase + 1);
	}
}

static void on_step(struct sim *s, unsigned h)
{
	struct coh_engine *e = s->host[h].engine;

	if (s->go.phase == CLOSE && coh_engine_range_close(e, s->go.first, s->go.pages))
		sim_fail(s, "memory can't be closed");
	else if (s->go.phase == LOOK || s->go.phase == LOOK_AGAIN)
		s->go.quiet &= coh_engine_range_quiet(e, s->go.first, s->go.pages);
	else if (s->go.phase == TAKE)
		take(s, h);
	else if (s->go.phase == COME)
		come(s, h);
	else if (s->go.phase == READY && coh_engine_range_open(e, s->go.first, s->go.pages))
		sim_fail(s, "memory can't be opened");
	cluster_arm(s, h);
	if (--s->go.left == 0)
		next(s);
}

void goes_on_event(struct sim *s, const struct event *e)
{
	if (e->kind == EV_GO_STEP) {
		on_step(s, e->host);
	} else if (s->go.phase == OPEN && s->running) {
		choose(s);
	} else if (s->go.phase == HIDE) {
		if (in_use(s))
			later(s, 1 + s->cfg.delay_ns / 8);
		else
			enter(s, CLOSE);
	} else if (s->go.phase == GONE && s->running) {
		s->go.home = (host_id)sim_random(s, s->cfg.hosts);
		enter(s, COME);
	}
}

uint64_t sim_goes(const struct sim *s)
{
	return s->goes;
}
