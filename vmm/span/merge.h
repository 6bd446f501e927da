// SPDX-License-Identifier: Apache-2.0
/*
 * Effects of several steps of the engine that are carried out together. A stream of pages comes and goes a page at a
 * time in the protocol; what it costs the kernel is paid for a run of them: one call protects, places or takes them
 * all, and wakes once.
 *
 * A run is one kind of effect on pages that follow each other. It is collected in the order of the engine's effects and
 * carried out before any effect that is not part of it, but for messages without data where pages are being placed:
 * what such a message causes comes back through the same thread, after the run. So nobody sees another order of effects
 * than the engine's, and the engine, its model and its simulator know nothing of this.
 *
 * Pure but for the bytes it keeps; used by one thread.
 */
#ifndef VMM_SPAN_MERGE_H
#define VMM_SPAN_MERGE_H

#include "coherence/engine.h"

#define MERGE_PAGES 64u // of a run at most

enum merge_kind {
	MERGE_NONE,
	MERGE_INSTALL, // pages placed with the same rights
	MERGE_GIVE,    // made read-only, and sent
	MERGE_TAKE,    // sent, and forgotten
};

struct merge_page {
	host_id to;         // who gets it
	bool zero;          // it is all zeroes (MERGE_INSTALL)
	bool protect;       // it may be writable until then
	struct coh_msg msg; // what it is sent with
	uint64_t txn;       // on whose behalf, for a trace
	host_id requester;
};

struct merge {
	enum merge_kind kind;
	page_idx first;
	uint32_t n; // 0: MERGE_NONE
	enum coh_rights rights;
	bool protect; // of one page at least
	struct merge_page page[MERGE_PAGES];
	uint8_t *bytes; // MERGE_PAGES pages, what is placed; the owner's
};

/*
 * Takes the effects that fx begins with into the run, if they are the next of it, or begin one where there is none.
 * left: how many effects follow, with fx itself; blob: the bytes of the event, copied. Returns how many effects it
 * took; 0: carry out the run first, or there is no such run.
 */
unsigned merge_add(struct merge *m, const struct coh_fx *fx, unsigned left, const uint8_t *blob);

/* Whether fx may be carried out before the run. */
bool merge_passes(const struct merge *m, const struct coh_fx *fx);

/* The run has been carried out. */
void merge_clear(struct merge *m);

#endif
