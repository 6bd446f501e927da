// SPDX-License-Identifier: Apache-2.0
// Memory that goes, and comes again: the steps of the hosts, in any order within each (docs/PROTOCOL.md).
#include "tests/model/model.h"

/* A look that finds something is none: nothing follows of it. */
bool going_step_of(const struct state *s, unsigned h)
{
	const struct going *g = &s->going;
	const struct coh_canon_page *p = &s->host[h].page[0];

	if (g->phase == GOING_NOT || g->phase >= GOING_GONE || g->mask >> h & 1)
		return false;
	return g->phase == GOING_CLOSE || g->phase == GOING_TAKE ||
	       (p->req_kind == COH_CANON_NONE && !p->queue_n && !p->waiting && p->defer_kind == COH_CANON_NONE);
}

static int going_do(struct state *s, struct coh_engine *e, unsigned h)
{
	switch (s->going.phase) {
	case GOING_CLOSE:
		return coh_engine_range_close(e, 0, 1);
	case GOING_TAKE: // the owner lets go of the memory, and wakes who waits for it
		s->blocked[h][0] = s->fresh[h][0] = s->written[0] = 0;
		return coh_engine_range_take(e, 0, 1);
	default:
		return coh_engine_range_quiet(e, 0, 1) ? 0 : -1;
	}
}

const char *going_step(struct state *s, unsigned h, struct coh_engine *e, const struct model_config *cfg)
{
	struct going *g = &s->going;

	coh_canon_load(e, &s->host[h]);
	if (going_do(s, e, h))
		return "a step of memory that goes was refused";
	g->mask |= (uint8_t)(1u << h);
	if (g->mask == (1u << cfg->hosts) - 1) {
		g->mask = 0;
		// The deliberate fault: nobody looks again, at what a request has begun that was on its way.
		g->phase = (uint8_t)(g->phase + (g->phase == GOING_LOOK && cfg->one_look ? 2 : 1));
	}
	return coh_canon_save(e, &s->host[h]) ? "more queued requests than hosts" : coh_engine_check(e);
}

const char *going_back(struct state *s, unsigned h, struct coh_engine *e, unsigned home)
{
	const struct coh_home_range r = {.first = 0, .pages = 1, .host = (host_id)home};

	coh_canon_load(e, &s->host[h]);
	return coh_engine_range_add(e, &r) || coh_engine_range_open(e, 0, 1) || coh_canon_save(e, &s->host[h])
		       ? "memory can't come again"
		       : NULL;
}

bool going_is_left(const struct state *s, unsigned hosts)
{
	for (unsigned h = 0; h < hosts && s->going.phase == GOING_GONE; h++)
		if (s->host[h].page[0].rights || s->host[h].page[0].owner || s->host[h].page[0].home1)
			return true;
	return false;
}
