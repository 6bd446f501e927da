// SPDX-License-Identifier: Apache-2.0
/*
 * A coarse map of guest memory, in at most HEAT_REGIONS equal regions: how often pages of each were asked for, counted
 * where the pages are homed. A region belongs to the home of its first page. Pure; span thread.
 */
#ifndef VMM_SPAN_HEAT_H
#define VMM_SPAN_HEAT_H

#include "coherence/engine.h"

#define HEAT_REGIONS 512u
#define HEAT_SAMPLES 8192u // directory entries that one look at the owners reads: below a millisecond

struct heat {
	uint64_t pages; // of the guest
	unsigned shift; // log2 of a region's pages
	uint64_t faults[HEAT_REGIONS];
};

void heat_init(struct heat *h, uint64_t pages);
unsigned heat_regions(const struct heat *h);
static inline void heat_count(struct heat *h, page_idx page)
{
	h->faults[page >> h->shift]++;
}
/*
 * The host that owns most of a region's pages that anybody has written, by a sample of at most samples of those homed
 * here; HOST_NONE when none of them was.
 */
host_id heat_owner(const struct heat *h, const struct coh_engine *e, unsigned region, unsigned samples);

#endif
