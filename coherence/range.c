// SPDX-License-Identifier: Apache-2.0
// Memory that comes while the engine runs, and memory that goes.
#include <errno.h>

#include "coherence/engine_priv.h"

/* The one table that is written whole at the start: eight bytes a granule. What a page has is zero until it is used. */
void range_place(struct coh_engine *e, const struct coh_home_range *r)
{
	struct granule *g = &e->granule[r->first >> e->cfg.granule_shift];

	for (uint64_t n = granules_of(&e->cfg, r->pages); n; n--, g++)
		*g = (struct granule){.home1 = (uint8_t)(r->host + 1u), .flags = g->flags & GRANULE_MOVED};
	e->homed += r->host == e->cfg.self ? r->pages : 0;
}

/* Begins and ends with granules, or ends with the pages. */
static bool is_whole(const struct coh_engine *e, page_idx first, uint64_t pages)
{
	uint64_t all = e->cfg.pages, mask = granule_pages(e) - 1, end = first + pages;

	return pages && first <= all && pages <= all - first && !(first & mask) && (!(end & mask) || end == all);
}

static bool is_free(const struct coh_engine *e, const struct coh_home_range *r)
{
	const struct granule *g = &e->granule[r->first >> e->cfg.granule_shift];

	for (uint64_t n = granules_of(&e->cfg, r->pages); n; n--)
		if ((g++)->home1)
			return false;
	return true;
}

int coh_engine_range_add(struct coh_engine *e, const struct coh_home_range *r)
{
	if (r->host >= e->cfg.hosts || !is_whole(e, r->first, r->pages) || !is_free(e, r))
		return -EINVAL;
	if (r->host == e->cfg.self && r->pages > e->quota - e->homed - e->homes_due)
		return -ENOSPC;
	range_place(e, r);
	return coh_engine_range_close(e, r->first, r->pages);
}

int coh_engine_range_open(struct coh_engine *e, page_idx first, uint64_t pages)
{
	if (!is_whole(e, first, pages))
		return -EINVAL;
	struct granule *g = &e->granule[first >> e->cfg.granule_shift];

	for (uint64_t n = granules_of(&e->cfg, pages); n; n--)
		(g++)->flags &= (uint8_t)~GRANULE_CLOSED;
	return 0;
}

bool coh_engine_range_used(const struct coh_engine *e, page_idx first, uint64_t pages)
{
	if (!is_whole(e, first, pages))
		return false;
	const struct granule *g = &e->granule[first >> e->cfg.granule_shift];

	for (uint64_t n = granules_of(&e->cfg, pages); n; n--)
		if ((g++)->flags & GRANULE_USED)
			return true;
	return false;
}

/* ---- memory that goes ---- */

static bool inside(page_idx page, page_idx first, uint64_t pages)
{
	return page - first < pages;
}

int coh_engine_range_close(struct coh_engine *e, page_idx first, uint64_t pages)
{
	if (!is_whole(e, first, pages))
		return -EINVAL;
	struct granule *g = &e->granule[first >> e->cfg.granule_shift];
	uint64_t n = granules_of(&e->cfg, pages);

	for (uint64_t i = 0; i < n; i++)
		if (g[i].other1)
			return -EBUSY;
	for (uint64_t i = 0; i < n; i++)
		g[i].flags |= GRANULE_CLOSED;
	return 0;
}

static bool is_closed(const struct coh_engine *e, page_idx first, uint64_t pages)
{
	const struct granule *g = &e->granule[first >> e->cfg.granule_shift];

	for (uint64_t n = granules_of(&e->cfg, pages); n; n--)
		if (!((g++)->flags & GRANULE_CLOSED))
			return false;
	return true;
}

/* Whatever is under way stands in a table, which is smaller than the pages are. */
bool coh_engine_range_quiet(const struct coh_engine *e, page_idx first, uint64_t pages)
{
	if (!is_whole(e, first, pages))
		return true;
	const struct granule *g = &e->granule[first >> e->cfg.granule_shift];

	for (uint64_t i = 0; i < granules_of(&e->cfg, pages); i++)
		if (g[i].busy)
			return false;
	for (uint32_t i = 0; i < e->cfg.requests_max; i++)
		if (e->reqs[i].used && inside(e->reqs[i].page, first, pages))
			return false;
	for (uint32_t i = 0; i < e->wait_n; i++)
		if (inside(e->wait[(e->wait_head + i) % COH_WAIT_MAX], first, pages))
			return false;
	for (uint32_t i = 0; i < e->defer_n; i++) {
		page_idx page = e->defer[i].msg.page; // of one that is not in use: any

		if (inside(page, first, pages) && pmap_get(&e->defer_map, page) == i)
			return false;
	}
	return true;
}

static void forget(struct coh_engine *e, page_idx page)
{
	struct dir *d = page_dir(e, page);

	if (e->page[page]) { // else never used, and the memory of the word stays so
		page_set(e, page, COH_NONE, false);
		e->page[page] = 0;
	}
	if (d && (d->touched || d->sharers)) {
		dir_set_owner(e, d, e->cfg.self);
		*d = (struct dir){0};
	}
}

int coh_engine_range_take(struct coh_engine *e, page_idx first, uint64_t pages)
{
	if (!is_whole(e, first, pages))
		return -EINVAL;
	if (!is_closed(e, first, pages) || !coh_engine_range_quiet(e, first, pages))
		return -EBUSY;
	for (page_idx p = first; p < first + pages; p++) {
		if (page_home(e, p) == HOST_NONE)
			continue;
		e->homed -= page_home(e, p) == e->cfg.self;
		forget(e, p);
	}
	struct granule *g = &e->granule[first >> e->cfg.granule_shift];

	for (uint64_t n = granules_of(&e->cfg, pages); n; n--, g++)
		*g = (struct granule){.flags = g->home1 || g->flags & GRANULE_MOVED ? GRANULE_MOVED : 0};
	return 0;
}
