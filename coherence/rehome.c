// SPDX-License-Identifier: Apache-2.0
/*
 * The home of a granule moves to another host, while its pages are used. Only the directory moves: what the pages hold
 * is not the home's. Each step is a call between two steps of the engine and has no effects; docs/PROTOCOL.md, "Homes
 * that move", has their order among the hosts and why it is safe.
 */
#include <errno.h>
#include <string.h>

#include "coherence/engine_priv.h"

static struct granule *granule_at(struct coh_engine *e, page_idx first)
{
	bool begins = first < e->cfg.pages && !(first & (granule_pages(e) - 1));
	struct granule *g = begins ? &e->granule[first >> e->cfg.granule_shift] : NULL;

	return g && g->home1 ? g : NULL;
}

static page_idx granule_end(const struct coh_engine *e, page_idx first)
{
	page_idx end = first + granule_pages(e);

	return end < e->cfg.pages ? end : e->cfg.pages;
}

int coh_engine_rehome_prepare(struct coh_engine *e, page_idx first, host_id from, host_id to)
{
	struct granule *g = granule_at(e, first);
	uint64_t pages = g ? granule_end(e, first) - first : 0;

	if (!g || from == to || from >= e->cfg.hosts || to >= e->cfg.hosts || (e->gone & host_bit(to)))
		return -EINVAL;
	if (g->home1 != from + 1u || g->other1 || g->flags & GRANULE_CLOSED)
		return -EINVAL;
	if (to == e->cfg.self) {
		if (e->homed + e->homes_due + pages > e->quota)
			return -ENOSPC;
		e->homes_due += pages;
		g->flags |= GRANULE_DUE;
	}
	g->other1 = (uint8_t)(to + 1);
	g->flags |= GRANULE_MOVED;
	return 0;
}

int coh_engine_rehome_cancel(struct coh_engine *e, page_idx first)
{
	struct granule *g = granule_at(e, first);

	if (!g)
		return -EINVAL;
	if (!g->other1)
		return 0;
	if (g->flags & GRANULE_FLIPPED)
		return -EBUSY;
	if (g->flags & GRANULE_DUE)
		e->homes_due -= granule_end(e, first) - first;
	g->flags &= (uint8_t) ~(GRANULE_FROZEN | GRANULE_DUE);
	g->other1 = 0;
	return 0;
}

int coh_engine_rehome_freeze(struct coh_engine *e, page_idx first)
{
	struct granule *g = granule_at(e, first);

	if (!g || g->home1 != e->cfg.self + 1u || !g->other1)
		return -EINVAL;
	g->flags |= GRANULE_FROZEN;
	return 0;
}

/* From here on the other one is the home as far as this host knows. What is owned at home may not be given up. */
static void flip(struct coh_engine *e, struct granule *g, page_idx first)
{
	uint8_t home1 = g->home1;
	bool here = home1 == e->cfg.self + 1u || g->other1 == e->cfg.self + 1u;

	g->home1 = g->other1;
	g->other1 = home1;
	g->flags |= GRANULE_FLIPPED;
	for (page_idx p = first; here && p < granule_end(e, first); p++)
		if (e->page[p] & PG_RIGHTS)
			page_set_loose(e, p);
}

int coh_engine_rehome_ship(struct coh_engine *e, page_idx first, uint8_t *buf, size_t cap)
{
	struct granule *g = granule_at(e, first);

	if (!g || !(g->flags & GRANULE_FROZEN))
		return -EINVAL;
	if (g->busy)
		return -EAGAIN;
	int n = dir_pack(e, first, granule_end(e, first), buf, cap);
	if (n < 0)
		return n;
	for (page_idx p = first; p < granule_end(e, first); p++) {
		if (!e->dir[p].touched && !e->dir[p].sharers)
			continue; // never written, and the memory of the entry stays so
		dir_set_owner(e, &e->dir[p], e->cfg.self);
		memset(&e->dir[p], 0, sizeof(e->dir[p]));
	}
	e->homed -= granule_end(e, first) - first;
	g->flags &= (uint8_t) ~(GRANULE_FROZEN | GRANULE_USED);
	flip(e, g, first);
	e->stats.homes_out++;
	return n;
}

/* What the former home says of a page, against what is known here: all transactions of it have ended. NULL: it fits. */
static const char *entry_error(const struct coh_engine *e, page_idx page, host_id from, const struct dir_entry *d)
{
	host_id self = e->cfg.self;
	uint32_t w = e->page[page];

	if (d->owner >= e->cfg.hosts || (e->gone & host_bit(d->owner)))
		return "a page's owner is no host";
	if (e->cfg.hosts < HOSTS_MAX && d->sharers >> e->cfg.hosts)
		return "a page is shared by no host";
	if (d->sharers & host_bit(d->owner))
		return "a page's owner is among its sharers";
	if (!d->touched && d->owner != from)
		return "an untouched page has left home";
	if (!(w & PG_OWNER) != !(d->touched && d->owner == self))
		return "this host knows better who owns a page";
	if ((w & PG_RIGHTS) && !(w & PG_OWNER) && !(d->sharers & host_bit(self)))
		return "this host has a copy of a page that is not listed";
	return NULL;
}

/*
 * Zeroes that nobody ever wrote belong to their home. If it has a read copy of them it has data to give, like any
 * owner; one it may have had is no entry.
 */
static void take_over(struct coh_engine *e, page_idx page, const struct dir_entry *d)
{
	struct dir *to = &e->dir[page];
	host_set self = host_bit(e->cfg.self);

	to->sharers = d->sharers & ~e->gone;
	to->touched = d->touched;
	if (d->touched) {
		page_touch(e, page, to);
		dir_set_owner(e, to, d->owner);
	} else if (d->sharers & self) {
		to->sharers &= ~self;
		to->touched = page_rights(e, page) != COH_NONE;
		if (to->touched)
			page_set(e, page, page_rights(e, page), true);
	}
	if (e->page[page] & PG_EVICTING)
		policy_evict_end(e, page);
}

/* Twice over the same bytes: nothing of them counts before all of them have been looked at. */
static const char *each_entry(struct coh_engine *e, page_idx first, host_id from, const uint8_t *buf, size_t n,
			      bool use)
{
	struct dir_reader r = {.at = buf, .left = n};
	struct dir_entry d;

	for (page_idx p = first; p < granule_end(e, first); p++) {
		if (!dir_next(&r, &d))
			return "a directory that does not cover its pages";
		const char *error = use ? NULL : entry_error(e, p, from, &d);
		if (error)
			return error;
		if (use && (d.touched || d.sharers))
			take_over(e, p, &d);
	}
	return r.left || r.same ? "a directory that covers more than its pages" : NULL;
}

const char *coh_engine_rehome_adopt(struct coh_engine *e, host_id from, page_idx first, const uint8_t *buf, size_t n)
{
	struct granule *g = granule_at(e, first);

	if (!g || !(g->flags & GRANULE_DUE) || g->home1 != from + 1u)
		return "a home that nobody is to give";
	const char *error = each_entry(e, first, from, buf, n, false);
	if (error)
		return error;
	g->flags &= (uint8_t)~GRANULE_DUE;
	e->homes_due -= granule_end(e, first) - first;
	e->homed += granule_end(e, first) - first;
	flip(e, g, first);
	each_entry(e, first, from, buf, n, true);
	e->stats.homes_in++;
	return NULL;
}

/* Who was refused by the old home need not wait any longer. */
static void ask_again(struct coh_engine *e, page_idx first)
{
	for (uint32_t i = 0; i < e->cfg.requests_max; i++) {
		const struct request *r = &e->reqs[i];

		if (r->used && r->page >= first && r->page < granule_end(e, first) &&
		    timers_armed(&e->timers, timer_req(i)))
			timers_set(&e->timers, timer_req(i), e->now);
	}
}

int coh_engine_rehome_commit(struct coh_engine *e, page_idx first, host_id to)
{
	struct granule *g = granule_at(e, first);

	if (!g || !g->other1)
		return -EINVAL;
	if (!(g->flags & GRANULE_FLIPPED)) {
		if (g->other1 != to + 1u || to == e->cfg.self || g->home1 == e->cfg.self + 1u)
			return -EINVAL;
		flip(e, g, first);
	}
	if (g->home1 != to + 1u)
		return -EINVAL;
	ask_again(e, first);
	return 0;
}

int coh_engine_rehome_finish(struct coh_engine *e, page_idx first)
{
	struct granule *g = granule_at(e, first);

	if (!g || !g->other1 || !(g->flags & GRANULE_FLIPPED))
		return -EINVAL;
	g->other1 = 0;
	g->flags &= (uint8_t)~GRANULE_FLIPPED;
	return 0;
}

uint64_t coh_engine_homed(const struct coh_engine *e)
{
	return e->homed;
}
