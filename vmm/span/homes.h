// SPDX-License-Identifier: Apache-2.0
/*
 * Homes of pages that move between hosts: this host's part (docs/PROTOCOL.md, "Homes that move"; vmm/run/homes.h has
 * the order over the hosts). A run of granules moves at a time, from one host to another, each granule by itself. All
 * of it on the span thread; nothing waits.
 */
#ifndef VMM_SPAN_HOMES_H
#define VMM_SPAN_HOMES_H

#include "vmm/span/span.h"

#define SPAN_HOMES_MAX 64u // granules of a run

struct span_homes_run {
	page_idx first;
	uint64_t pages; // of whole granules
	host_id from, to;
};

/* All hosts. At r->to this host may keep so many pages more from then on. Returns 0 or a negative errno with a
 * sentence; then nothing has changed. */
int span_homes_prepare(struct span *d, const struct span_homes_run *r, char *why, size_t why_cap);
/*
 * The two ends of the run that was prepared, which begins at page first: its from lets no transaction begin in it, and
 * ships what is idle, now or later; its to waits for what comes. over is called once when all of it has been, maybe
 * from inside. 0 or a negative errno with a sentence.
 */
int span_homes_go(struct span *d, page_idx first, void (*over)(void *ctx), void *ctx, char *why, size_t why_cap);
/* All hosts; after finish its former home keeps so many pages less. 0 or a negative errno with a sentence. */
int span_homes_commit(struct span *d, page_idx first, char *why, size_t why_cap);
int span_homes_finish(struct span *d, page_idx first, char *why, size_t why_cap);
/* All hosts, before span_homes_go() anywhere: 0 also where nothing was prepared. -EBUSY with a sentence. */
int span_homes_cancel(struct span *d, char *why, size_t why_cap);

uint64_t span_homed(const struct span *d); // pages homed here

#endif
