// SPDX-License-Identifier: Apache-2.0
/*
 * The hottest pages, in bounded memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient Computation of
 * Frequent and Top-k Elements in Data Streams, 2005). A page with more than 1/HOT_PAGES of all faults is always in it;
 * a count may be too high by at most the page's .error. Pure; span thread.
 */
#ifndef VMM_SPAN_HOT_H
#define VMM_SPAN_HOT_H

#include "coherence/base/types.h"

#define HOT_PAGES        64u
#define HOT_JUDGED       4u  // faults that say nothing about how a page is shared yet
#define HOT_WINDOW_SHIFT 30u // the rate looks at the last 2^30 ns, more or less

struct hot_page {
	page_idx page;
	uint64_t reads, writes, error;
	uint64_t upgrades; // of the writes: there was a copy to read already
	uint64_t migrated; // of the reads: the page came with the right to write
	uint64_t window;   // the time window of .recent; .before is the window before that
	uint32_t recent, before;
};

struct hot {
	unsigned n, next;          // next: where the search for the least begins
	uint64_t least;            // no total is below it
	uint32_t tag[HOT_PAGES];   // of each: its page's low bits; those from n on mean nothing
	uint64_t total[HOT_PAGES]; // reads + writes + error
	struct hot_page v[HOT_PAGES];
};

/* A fault that is over. Returns its page's place, good until another page takes it over (compare .page). */
unsigned hot_count(struct hot *h, page_idx page, bool write, bool upgrade, uint64_t now_ns);
/* Faults a second lately. */
double hot_rate(const struct hot_page *p, uint64_t now_ns);
/*
 * How this host shares the page, as its own faults tell: "read-mostly" (others write now and then), "migratory" (read,
 * then written: it goes from host to host), "write-shared" (written without being read), "mixed", or "unknown": too few
 * of its faults have been seen.
 */
const char *hot_sharing(const struct hot_page *p);
/* Sorts by count, hottest first. Returns how many there are. */
unsigned hot_sorted(const struct hot *h, struct hot_page out[HOT_PAGES]);

#endif
