// SPDX-License-Identifier: Apache-2.0
/*
 * The span layer of one host: makes the rest of the monitor believe that all RAM, all devices and all vCPUs
 * are reachable from here. It joins the pager, forwarded I/O and interrupts, liveness and the cluster clock.
 *
 * One thread, the span thread, owns the link and calls everything here. What other threads need is in span_hooks().
 */
#ifndef VMM_SPAN_SPAN_H
#define VMM_SPAN_SPAN_H

#include "net/link.h"
#include "vmm/machine/machine.h"
#include "vmm/status/status.h"

struct span;

struct span_handler {
	void *ctx;
	void (*connected)(void *ctx);                                   // span_connected() has become true; once
	void (*host_lost)(void *ctx, host_id host, const char *reason); // once for each lost host
	void (*failed)(void *ctx, const char *reason);                  // this host can't go on
	/* A fault has waited so long for the page at this address, whose home is host; not the first word of each, but
	 * one a minute at most. May be NULL. */
	void (*stuck)(void *ctx, uint64_t gpa, host_id home, uint64_t waited_ns);
};

/*
 * Builds the layer for host self; with a single host there is no pager, and RAM is plain memory. desc and ram must
 * outlive it. Returns 0 or a negative errno with a sentence in why.
 */
int span_create(struct span **out, const struct machine_desc *desc, host_id self, struct ram *ram, struct link *link,
		uint64_t tsc_khz, const struct span_handler *handler, char *why, size_t why_cap);
void span_destroy(struct span *d);

void span_attach(struct span *d, struct machine *m); // where interrupts and I/O go; NULL detaches
struct machine_peer span_hooks(struct span *d);      // what the machine asks of other hosts; any thread may call them
/* A session with host h, which the link owns from now on, seal too (also on error): what comes from it comes here.
 * Returns 0, or what link_add_sealed() does. */
int span_add_peer(struct span *d, host_id h, int fd, struct seal_stream *seal);

bool span_connected(const struct span *d); // every peer is up and the clock is known
struct machine_clock span_clock(const struct span *d);
/* The TSC frequency of this host in kHz, and whether it is host 0's (peers_same_rate). */
bool span_same_rate(const struct span *d, uint64_t *own_khz);

/*
 * Hosts that join and leave the running guest (members.c). Span thread. What comes before is as if there were no h.
 */
/* h, which is no member, will call: it is taken in from now on, and lost without a word. */
int span_expect(struct span *d, host_id h); // 0, or -EBUSY: something of who was h before is still here
bool span_expects(const struct span *d, host_id h);
bool span_reaches(const struct span *d, host_id h); // there is a session, and h has said something in it
/* The session with h, if there is one, ends here; h is not expected any more. Of a member: it is none any more. */
void span_forget(struct span *d, host_id h);
void span_join(struct span *d, host_id h); // h is a member: its loss counts
/* What is left of the guest on h, as this host knows it. */
struct span_left {
	uint64_t resident, owned, homed; // pages, if h is this host
	uint64_t lent;                   // pages homed here that h owns
	uint64_t requests;               // of this host, under way
};
void span_left(const struct span *d, host_id h, struct span_left *to);
/* This host gives up all pages, in its time; keep: as many as it gives stay again. 0, or -EINVAL: it is a home. */
int span_keep(struct span *d, bool keep);
/* h owns nothing any more: no directory here has it. 0 or -EBUSY. Not a word of h is taken as one of pages from now on.
 */
int span_gone(struct span *d, host_id h);
/* Whether the loss of h counts; h is this host itself: that of all others. */
void span_count(struct span *d, host_id h, bool counted);

/*
 * Memory of the next description: its pages can be had from now on, and nothing of this host touches them yet. Span
 * thread, on every host, before any lets the guest reach them. 0 or a negative errno with a sentence.
 */
int span_grow(struct span *d, const struct desc_range *r, char *why, size_t why_cap);
/* All hosts have it: accesses may come from now on. */
void span_open(struct span *d, page_idx first, uint64_t pages);
/* Pages homed here of memory that came later, of which no page here was ever touched: a guest that brings memory online
 * by itself has soon used some of it. */
uint64_t span_unused_pages(const struct span *d);
/*
 * Memory goes that nobody can reach any more, on any host: nothing new begins about its pages. May be asked again and
 * again; quiet: nothing is under way here. 0; -EBUSY: a home in it moves; -EINVAL: not whole granules. Span thread.
 */
int span_shrink_begin(struct span *d, page_idx first, uint64_t pages, bool *quiet);
/* All hosts have said twice that they are quiet: its pages are given back. 0, or -EBUSY: not so. */
int span_shrink(struct span *d, page_idx first, uint64_t pages);

/* Ends forwarding: waiting span_io() calls return -ECANCELED, later ones too. */
void span_cancel(struct span *d);
/* Closes userfaultfd, so that a thread that waits for a page which will never come goes on. vCPUs must be kicked. */
void span_release_memory(struct span *d);

/* Span thread, does not wait: the message VCPU_STATE. */
void span_send_vcpu(struct span *d, host_id to, struct msg *m);

/* Messages that nobody waits for (interrupts, lines, EOIs, posted writes): sent to other hosts, and got from them and
 * carried out, so far. Span thread. */
void span_irqs(const struct span *d, uint64_t *out, uint64_t *in);
/* Is the page homed here and has nobody touched it: zeroes that are nowhere in memory? Span thread. */
bool span_untouched(const struct span *d, page_idx page);

/*
 * The trace (vmm/trace/ring.h); span thread. It runs from the start; span_trace_start() begins anew with a ring of so
 * many records (0: the standard) and returns 0 or -ENOMEM. span_trace_read() encodes what a stopped ring has from the
 * first-th record on, at most max, and returns how many.
 */
struct span_trace_info {
	uint64_t records, lost, bound, tsc_khz; // bound: in ticks of tsc_khz
};
int span_trace_start(struct span *d, uint64_t records);
void span_trace_stop(struct span *d);
void span_trace_paused(struct span *d, bool paused); // this host's vCPUs have stopped, or go on
struct span_trace_info span_trace_info(const struct span *d);
uint64_t span_trace_read(const struct span *d, uint64_t first, uint64_t max, uint8_t *out);

/*
 * Fills in what the layer has counted, and tells the machine of page waits that are still going on: before
 * machine_status(). Span thread; it makes no JSON.
 */
void span_status(struct span *d, struct status_host *to);

#endif
