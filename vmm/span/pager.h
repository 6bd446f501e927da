// SPDX-License-Identifier: Apache-2.0
/*
 * The pager: userfaultfd events and peers' messages go into the coherence engine, its effects come out as
 * messages and page-table changes. It is the only place where page bytes and the protocol meet.
 * Everything here runs on the span thread, which must never touch an absent page of guest RAM itself.
 */
#ifndef VMM_SPAN_PAGER_H
#define VMM_SPAN_PAGER_H

#include "coherence/engine.h"
#include "net/link.h"
#include "vmm/conf/machine_desc.h"
#include "vmm/mem/uffd.h"
#include "vmm/span/merge.h"
#include "vmm/span/observe.h"

struct pager {
	struct coh_engine *engine;
	void *engine_mem;
	size_t engine_bytes;
	struct coh_fx_list *fx;
	struct merge merge;      // effects that wait for more of their kind, until the end of the loop's round
	struct loop_poller turn; // that end
	struct uffd uffd;
	const struct ram *ram;
	struct link *link;
	void (*before_send)(void *ctx); // what has to leave before a coherence message does; NULL: nothing
	void *before_send_ctx;
	host_id self;
	uint64_t quota;          // pages this host may keep
	struct observe *observe; // told of everything; NULL: nobody is (the owner's)
	uint64_t faults_read;    // events from userfaultfd
	uint64_t reinstalls;     // a page was there where the engine knew none
	uint64_t zero_detected;  // full pages that turned out to be zeroes when sent
	const char *failed;      // static text: the pager can't go on
	host_id broken_peer;     // the peer that broke the protocol or whose message was lost, or HOST_NONE
	char broken_why[160];
};

/* Registers ram, builds the engine. Returns 0 or a negative errno with a sentence in why. */
int pager_open(struct pager *p, const struct machine_desc *desc, host_id self, const struct ram *ram, struct link *link,
	       char *why, size_t why_cap);
void pager_release(struct pager *p); // ends userfaultfd: it carries out nothing any more
void pager_close(struct pager *p);
/* This host may keep so many pages more, and so many less: never fewer than are homed here. */
void pager_keep(struct pager *p, uint64_t more, uint64_t less);
/* It keeps no page, what it has goes in its time; or as many as before. 0, or -EINVAL: pages have their home here. */
int pager_empty(struct pager *p, bool empty);

/* More memory than desc has, which ram_open() has made: with its home, and as many pages more as this host may keep if
 * it is that. 0 or a negative errno. */
int pager_grow(struct pager *p, const struct machine_desc *desc, const struct desc_range *r);
/* Its pages are forgotten, coh_engine_range_close() and quiet came before. 0, or -EBUSY: not so. */
int pager_shrink(struct pager *p, page_idx first, uint64_t pages);

void pager_on_faults(struct pager *p);                                 // the uffd is readable
void pager_on_msg(struct pager *p, host_id from, const struct msg *m); // a COH message
void pager_tick(struct pager *p, uint64_t now_ns);                     // at or after the deadline
/* When a request is given up that nobody says anything of, in ns after its begin. Pure. */
uint64_t pager_gives_up_after_ns(const struct machine_desc *desc);
/* How many pages host self keeps at most, by what it gives. Pure. */
uint64_t pager_quota(const struct machine_desc *desc, host_id self);
uint64_t pager_deadline(const struct pager *p); // UINT64_MAX: none

#endif
