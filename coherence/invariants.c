// SPDX-License-Identifier: Apache-2.0
// What must hold on one host between two steps; the simulator and the model check look often.
#include "coherence/canon.h"
#include "coherence/engine_priv.h"

struct sums {
	uint64_t resident, owned, pending, incoming, deferred, evicting, waiting, queued;
	uint64_t lent[HOSTS_MAX];
};

static const char *page_wrong(const struct coh_engine *e, page_idx page, struct sums *s)
{
	uint32_t w = e->page[page];
	unsigned rights = w & PG_RIGHTS;
	bool marked = e->loose[page / 64] >> (page % 64) & 1;
	bool at_home = page_home(e, page) == e->cfg.self && (w & PG_OWNER);

	s->resident += rights != COH_NONE;
	s->owned += !!(w & PG_OWNER);
	s->pending += !!(w & PG_PENDING);
	s->incoming += (w & PG_PENDING) && rights == COH_NONE;
	s->deferred += !!(w & PG_DEFERRED);
	s->evicting += !!(w & PG_EVICTING);
	s->waiting += !!(w & PG_WAITING);
	if (rights > COH_RW)
		return "unknown rights";
	if (rights == COH_RW && !(w & PG_OWNER))
		return "writable and not the owner";
	if (rights == COH_NONE && (w & (PG_OWNER | PG_HELD | PG_EVICTING | PG_DEFERRED)))
		return "an absent page is owned, held, evicted or asked for";
	if (marked != (rights != COH_NONE && !at_home))
		return "bitmap of loose pages";
	if (!(w & PG_PENDING) != (pmap_get(&e->req_map, page) == PMAP_NONE))
		return "pending and the request table";
	if (!(w & PG_DEFERRED) != (pmap_get(&e->defer_map, page) == PMAP_NONE))
		return "deferred and its table";
	return NULL;
}

static const char *dir_wrong(const struct coh_engine *e, page_idx page, struct sums *s)
{
	const struct dir *d = page_dir(e, page);
	uint32_t last = d ? d->busy : 0;

	if (!d)
		return NULL;
	if (dir_owner(e, d) >= e->cfg.hosts)
		return "owner out of range";
	if (!d->touched && dir_owner(e, d) != e->cfg.self)
		return "an untouched page has left home";
	s->lent[dir_owner(e, d)]++;
	if (d->sharers & host_bit(dir_owner(e, d)))
		return "the owner is among the sharers";
	if (!d->busy && dir_owner(e, d) == e->cfg.self && d->touched != !!(e->page[page] & PG_OWNER))
		return "an idle page owned here is not here";
	for (uint32_t i = d->busy; i; i = e->pool[i - 1].next) {
		if (e->pool[i - 1].page != page)
			return "queue of another page";
		last = i;
		s->queued++;
	}
	if (d->busy && e->pool[d->busy - 1].tail != last)
		return "tail of a queue";
	return NULL;
}

static const char *sums_wrong(const struct coh_engine *e, const struct sums *s)
{
	uint64_t used = 0;

	for (unsigned h = 0; h < e->cfg.hosts; h++) {
		used += e->pool_used[h];
		if (h != e->cfg.self && s->lent[h] != e->lent[h])
			return "levels of lent pages";
	}
	if (s->resident != e->stats.resident || s->owned != e->stats.owned)
		return "levels of resident or owned pages";
	if (s->pending != e->reqs_used || s->incoming != e->incoming)
		return "requests in use";
	if (s->evicting != e->evicts || s->waiting != e->wait_n)
		return "evictions or waiting faults";
	if (used != s->queued)
		return "pool entries in use";
	if (e->self_n)
		return "messages to self left over";
	if (e->quota != UINT64_MAX && e->stats.resident > e->quota + COH_RESERVE_HOME && e->stats.resident > e->over)
		return "more pages than quota and reserve";
	return NULL;
}

const char *coh_engine_check(const struct coh_engine *e)
{
	struct sums s = {0};

	for (page_idx page = 0; page < e->cfg.pages; page++) {
		const char *wrong = page_wrong(e, page, &s);
		if (!wrong)
			wrong = dir_wrong(e, page, &s);
		if (wrong)
			return wrong;
	}
	return sums_wrong(e, &s);
}
