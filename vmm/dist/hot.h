// SPDX-License-Identifier: Apache-2.0
/*
 * The hottest pages, in bounded memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent
 * and Top-k Elements in Data Streams, 2005). A page with more than 1/HOT_PAGES of all faults is always in it; a count may be too
 * high by at most the page's .error. Pure; dist thread.
 */
#ifndef VMM_DIST_HOT_H
#define VMM_DIST_HOT_H

#include "coherence/base/types.h"

#define HOT_PAGES 64u

struct hot_page {
	page_idx page;
	uint64_t reads, writes, error;
};

struct hot {
	struct hot_page v[HOT_PAGES];
	unsigned n;
};

void hot_count(struct hot *h, page_idx page, bool write);
/* Sorts by count, hottest first. Returns how many there are. */
unsigned hot_sorted(const struct hot *h, struct hot_page out[HOT_PAGES]);

#endif
