// SPDX-License-Identifier: Apache-2.0
/*
 * The whole protocol state of a small engine as a plain structure, out and in, for the model check
 * and for tests. What only policy uses (clock times, hold levels, streams, counters) is left out;
 * time is abstracted: a hold lasts until a RAN or until its deadline is made to pass.
 */
#ifndef COHERENCE_CANON_H
#define COHERENCE_CANON_H

#include "coherence/engine.h"

#define COH_CANON_PAGES 2u
#define COH_CANON_HOSTS 4u
#define COH_CANON_NONE  0xffu

struct coh_canon_page {
	uint8_t home1, other1, moving; // of its granule: struct granule's home1, other1 and flags
	uint8_t rights, owner, held, evicting, waiting, wait_write;
	/* own request: kind is COH_CANON_NONE if there is none */
	uint8_t req_kind, req_granted, req_want_write, req_waiter, req_nacked;
	uint8_t req_acks, req_acked, req_home;
	uint64_t req_txn;
	/* put off by a hold: kind is COH_CANON_NONE if there is none */
	uint8_t defer_kind, defer_requester, defer_acks;
	uint64_t defer_txn;
	/* directory entry, if the page is homed here; queue[0] is the running transaction */
	uint8_t dir_owner, dir_sharers, dir_touched, queue_n;
	uint8_t giver, asked; // of queue[0]
	struct {
		uint8_t requester, kind;
		uint64_t txn;
	} queue[COH_CANON_HOSTS];
};

/* Granules are pages. */
struct coh_canon {
	uint64_t txn;                   // last own transaction number used
	uint64_t seen[COH_CANON_HOSTS]; // highest accepted from each host
	uint8_t wait_n;                 // faults waiting for room
	uint8_t wait[COH_CANON_PAGES];  // their pages, first come first
	struct coh_canon_page page[COH_CANON_PAGES];
};

enum coh_canon_timer { COH_CANON_RETRY, COH_CANON_HOLD, COH_CANON_EVICT, COH_CANON_POLICY };

/* Reads e's state. Returns 0, or -EINVAL if e is larger than the structure. */
int coh_canon_save(const struct coh_engine *e, struct coh_canon *out);

/* Gives a fresh engine (just initialised, same configuration) the state in. Deadlines lie ahead. */
void coh_canon_load(struct coh_engine *e, const struct coh_canon *in);

/* Lets that timer of page (POLICY: page is ignored) expire at the next TICK. */
void coh_canon_timer_expire(struct coh_engine *e, enum coh_canon_timer t, page_idx page);

/* A step in which the eviction hand picks page. fx->n is 0 if it would leave the page alone. */
void coh_canon_give_up(struct coh_engine *e, page_idx page, struct coh_fx_list *fx);

/* A step in which the look at what waits picks the own request for page, if there is one. */
void coh_canon_ask(struct coh_engine *e, page_idx page, struct coh_fx_list *fx);

/*
 * What every state between two steps must satisfy on one host. O(pages). Returns static text that
 * says what is wrong, or NULL.
 */
const char *coh_engine_check(const struct coh_engine *e);

#endif
