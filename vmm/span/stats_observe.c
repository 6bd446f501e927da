// SPDX-License-Identifier: Apache-2.0
// What struct observe has seen that is no single number: latencies, hot pages, the map of memory.
#include "net/now.h"
#include "vmm/span/span_priv.h"
#include "vmm/mem/layout.h"

_Static_assert((int)FAULT_READ == STATUS_READ && (int)FAULT_WRITE == STATUS_WRITE &&
		       (int)FAULT_UPGRADE == STATUS_UPGRADE && (int)FAULT_KINDS == STATUS_FAULTS,
	       "the kinds of faults stand in one order in span and status");
_Static_assert(HOT_PAGES <= STATUS_HOT_MAX, "the hot pages do not fit into a status_host");
_Static_assert(HEAT_REGIONS <= STATUS_REGIONS_MAX, "the map does not fit into a status_host");

static void fill_latency(const struct span *d, struct status_host *to)
{
	for (unsigned h = 0; h < d->peers.hosts; h++)
		for (unsigned k = 0; k < FAULT_KINDS; k++)
			histogram_add(&to->latency[k], &d->observe.peer[h].latency[k]);
	to->latency_local = d->observe.local;
}

static void fill_hot(const struct span *d, struct status_host *to)
{
	struct hot_page v[HOT_PAGES];
	uint64_t now = now_ns();

	to->hot_n = hot_sorted(&d->observe.hot, v);
	for (unsigned i = 0; i < to->hot_n; i++)
		to->hot[i] = (struct status_hot){
			.address = layout_gpa(v[i].page),
			.reads = v[i].reads,
			.writes = v[i].writes,
			.error = v[i].error,
			.upgrades = v[i].upgrades,
			.migrated = v[i].migrated,
			.rate = hot_rate(&v[i], now),
			.sharing = hot_sharing(&v[i]),
		};
}

static void fill_map(const struct span *d, struct status_host *to)
{
	const struct heat *h = &d->observe.heat;
	const struct coh_engine *e = d->pager.engine;
	unsigned first = 0, n = 0;

	for (unsigned r = 0; r < heat_regions(h); r++)
		if (coh_engine_home(e, (page_idx)r << h->shift) == d->self && !n++)
			first = r;
	for (unsigned i = 0; i < n; i++) {
		host_id owner = heat_owner(h, e, first + i, HEAT_SAMPLES / n);

		to->region_owner[i] = owner == HOST_NONE ? -1 : owner;
		to->region_faults[i] = h->faults[first + i];
	}
	to->first_region = first;
	to->regions_n = n;
	to->region_pages = 1ull << h->shift;
}

void stats_observe(const struct span *d, struct status_host *to)
{
	fill_latency(d, to);
	fill_hot(d, to);
	fill_map(d, to);
}
