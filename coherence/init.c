// SPDX-License-Identifier: Apache-2.0
// Checks a configuration and lays the engine out in the caller's memory.
#include <errno.h>

#include "coherence/engine_priv.h"

#define PAGES_MAX    ((uint64_t)1 << 40) // 4 PiB of guest: keeps all sizes below in range
#define REQUESTS_MAX 65536u
#define QUEUE_MAX    (1u << 20)
#define HOLD_NS_MAX  1000000000ull

static const char *homes_error(const struct coh_config *c)
{
	uint64_t at = 0, mine = 0, mask = ((uint64_t)1 << c->granule_shift) - 1;

	/* Behind the last range there may be room for memory that comes later. */
	if (c->homes_n == 0 || c->homes_n > COH_HOMES_MAX)
		return "number of home ranges";
	for (unsigned i = 0; i < c->homes_n; i++) {
		const struct coh_home_range *r = &c->homes[i];
		if (r->first < at || r->first > c->pages || r->pages == 0 || r->pages > c->pages - r->first)
			return "home ranges are not in order within the pages";
		if (r->host >= c->hosts)
			return "home range of an unknown host";
		at = r->first + r->pages;
		if (r->first & mask || (at & mask && at != c->pages))
			return "a home range does not begin and end with a granule";
		mine += r->host == c->self ? r->pages : 0;
	}
	if (c->quota_pages && c->quota_pages < mine)
		return "quota smaller than the pages homed here";
	return NULL;
}

const char *coh_config_error(const struct coh_config *c)
{
	if (c->hosts == 0 || c->hosts > HOSTS_MAX)
		return "number of hosts";
	if (c->self >= c->hosts)
		return "own host number";
	if (c->pages == 0 || c->pages > PAGES_MAX)
		return "number of pages";
	if (c->requests_max == 0 || c->requests_max > REQUESTS_MAX || (c->requests_max & (c->requests_max - 1)))
		return "requests_max is not a power of two in range";
	if (c->queue_max < c->hosts || c->queue_max > QUEUE_MAX)
		return "queue_max must be at least the number of hosts";
	if (c->ask_ns && (c->ask_max < 2 || c->ask_max > COH_ASK_MAX))
		return "ask_max";
	if (c->zero_run == 0 || c->zero_run > COH_ZERO_RUN_MAX)
		return "zero_run";
	if (c->prefetch_max > COH_PREFETCH_MAX)
		return "prefetch_max";
	if (c->hold_max_ns < c->hold_ns || c->hold_max_ns > HOLD_NS_MAX)
		return "hold_max_ns";
	if (c->granule_shift > COH_GRANULE_MAX || c->pages >> c->granule_shift >= UINT32_MAX)
		return "granule_shift";
	return homes_error(c);
}

static uint32_t defer_entries(const struct coh_config *c)
{
	return c->pages < DEFER_MAX ? (uint32_t)c->pages : DEFER_MAX;
}

/* Places the tables one after another from base; with base NULL it only measures. */
struct plan {
	uint8_t *base;
	size_t used;
};

static void *take(struct plan *p, uint64_t n, size_t size)
{
	void *at = p->base ? p->base + p->used : NULL;

	p->used += (n * size + 63) & ~(size_t)63;
	return at;
}

static size_t lay_out(struct coh_engine *e, uint8_t *base, const struct coh_config *c)
{
	struct plan p = {.base = base};
	uint64_t words = (c->pages + 63) / 64;
	uint32_t defer = defer_entries(c);
	uint32_t ids = c->requests_max + defer + COH_EVICT_INFLIGHT + 2;

	take(&p, 1, sizeof(*e));
	e->page = take(&p, c->pages, sizeof(*e->page));
	e->dir = take(&p, c->pages, sizeof(*e->dir));
	e->granule = take(&p, granules_of(c, c->pages), sizeof(*e->granule));
	e->loose = take(&p, words, sizeof(*e->loose));
	e->loose_top = take(&p, (words + 63) / 64, sizeof(*e->loose_top));
	e->reqs = take(&p, c->requests_max, sizeof(*e->reqs));
	e->req_map.slots = take(&p, pmap_slots(c->requests_max), sizeof(struct pmap_slot));
	e->pool = take(&p, c->queue_max, sizeof(*e->pool));
	e->defer = take(&p, defer, sizeof(*e->defer));
	e->defer_map.slots = take(&p, pmap_slots(defer), sizeof(struct pmap_slot));
	e->timers.when = take(&p, ids, sizeof(*e->timers.when));
	e->timers.pos = take(&p, ids, sizeof(*e->timers.pos));
	e->timers.heap = take(&p, ids, sizeof(*e->timers.heap));
	e->req_map.mask = pmap_slots(c->requests_max) - 1;
	e->defer_map.mask = pmap_slots(defer) - 1;
	e->timers.ids = ids;
	e->defer_n = defer;
	return p.used;
}

size_t coh_engine_bytes(const struct coh_config *cfg)
{
	struct coh_engine scratch;

	return coh_config_error(cfg) ? 0 : lay_out(&scratch, NULL, cfg);
}

size_t coh_engine_used_bytes(const struct coh_config *cfg)
{
	size_t all = coh_engine_bytes(cfg);
	uint64_t memory = 0, mine = 0;

	if (!all)
		return 0;
	for (unsigned i = 0; i < cfg->homes_n; i++) {
		memory += cfg->homes[i].pages;
		mine += cfg->homes[i].host == cfg->self ? cfg->homes[i].pages : 0;
	}
	return all - (cfg->pages - memory) * sizeof(uint32_t) - (cfg->pages - mine) * sizeof(struct dir);
}

static void chain_free_lists(struct coh_engine *e)
{
	for (uint32_t i = 0; i < e->cfg.requests_max; i++)
		e->reqs[i].next_free = i + 1 < e->cfg.requests_max ? i + 2 : 0;
	for (uint32_t i = 0; i < e->cfg.queue_max; i++)
		e->pool[i].next = i + 1 < e->cfg.queue_max ? i + 2 : 0;
	for (uint32_t i = 0; i < e->defer_n; i++)
		e->defer[i].next_free = i + 1 < e->defer_n ? i + 2 : 0;
	e->req_free = e->pool_free = e->defer_free = 1;
}

struct coh_engine *coh_engine_init(void *mem, const struct coh_config *cfg)
{
	struct coh_engine *e = mem;

	PD_CHECK(!coh_config_error(cfg));
	e->cfg = *cfg;
	e->bytes = lay_out(e, mem, cfg);
	e->quota = cfg->quota_pages ? cfg->quota_pages : UINT64_MAX;
	for (unsigned i = 0; i < cfg->homes_n; i++)
		range_place(e, &cfg->homes[i]);
	while ((cfg->hold_max_ns >> e->stamp_shift) >= 512)
		e->stamp_shift++;
	chain_free_lists(e);
	return e;
}

/* ---- what changes while the engine runs ---- */

int coh_engine_set_quota(struct coh_engine *e, uint64_t pages)
{
	uint64_t quota = pages == COH_QUOTA_NOTHING ? 0 : pages ? pages : UINT64_MAX;

	if (quota < e->homed + e->homes_due)
		return -EINVAL;
	e->quota = quota;
	e->over = e->stats.resident + e->incoming;
	timers_set(&e->timers, timer_policy(e), e->now);
	return 0;
}

uint64_t coh_engine_lent(const struct coh_engine *e, host_id host)
{
	return host < e->cfg.hosts && host != e->cfg.self ? e->lent[host] : 0;
}

int coh_engine_host_gone(struct coh_engine *e, host_id host)
{
	if (host >= e->cfg.hosts || host == e->cfg.self)
		return -EINVAL;
	if (e->lent[host] || e->pool_used[host])
		return -EBUSY;
	e->gone |= host_bit(host);
	return 0;
}

int coh_engine_host_new(struct coh_engine *e, host_id host)
{
	if (host >= e->cfg.hosts || host == e->cfg.self)
		return -EINVAL;
	if (e->lent[host] || e->pool_used[host])
		return -EBUSY;
	e->gone |= host_bit(host); // directories may list the one before it among the sharers
	e->seen_txn[host] = 0;
	return 0;
}

void coh_engine_host_joined(struct coh_engine *e, host_id host)
{
	if (host < e->cfg.hosts)
		e->gone &= ~host_bit(host);
}
