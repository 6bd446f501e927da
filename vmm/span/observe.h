// SPDX-License-Identifier: Apache-2.0
/*
 * What the span layer knows about its own work: how long faults took and who answered them, what went to and
 * came from each host, where memory is hot, and the trace. The pager and the span layer tell it what happens; it reads
 * clocks and nothing else. Span thread.
 */
#ifndef VMM_SPAN_OBSERVE_H
#define VMM_SPAN_OBSERVE_H

#include <x86intrin.h>

#include "net/msg.h"
#include "vmm/span/faults.h"
#include "vmm/span/heat.h"
#include "vmm/span/hot.h"
#include "coherence/base/histogram.h"
#include "vmm/trace/ring.h"

struct observe_peer {
	uint64_t pages_in, pages_out; // grants that brought or gave a page, as bytes or as "all zeroes"
	uint64_t invalidations_in, invalidations_out;
	struct histogram latency[FAULT_KINDS]; // own faults that it answered
};

/* Who the waiting threads are. May be NULL. */
struct observe_threads {
	void *ctx;
	uint32_t (*vcpu_of)(void *ctx, uint32_t tid);             // FAULT_NO_VCPU: none
	void (*waited)(void *ctx, uint32_t vcpu, uint64_t ticks); // more ticks that it waited for pages
};

struct observe {
	host_id self;
	unsigned hosts;
	uint64_t tsc_khz;
	int64_t clock_offset; // cluster clock = TSC + this
	struct observe_threads threads;
	struct faults faults;
	struct heat heat;
	struct hot hot;
	struct histogram local; // faults that needed no other host
	struct observe_peer peer[HOSTS_MAX];
	struct trace_ring trace;
	bool tracing;
	/* The message that is being handled; what happens now happens because of it. */
	uint64_t txn;
	host_id requester; // HOST_NONE: none
	page_idx cause;    // its page
	uint64_t holds;    // the engine's counter, to see a new one
};

void observe_init(struct observe *o, host_id self, unsigned hosts, uint64_t pages, uint64_t tsc_khz);
void observe_close(struct observe *o);

/* An event of userfaultfd, before the engine sees it. */
void observe_fault(struct observe *o, const struct coh_engine *e, page_idx page, bool write, uint32_t tid);
/* A message from a peer, before and after the engine's step; out: just before it is sent. */
void observe_msg_in(struct observe *o, const struct coh_engine *e, host_id from, const struct coh_msg *m);
void observe_step_end(struct observe *o, const struct coh_engine *e);
void observe_msg_out(struct observe *o, host_id to, const struct coh_msg *m, unsigned flags);
/* An effect has been carried out: kind is what it is in a trace. */
void observe_effect(struct observe *o, const struct coh_engine *e, const struct coh_fx *fx, enum trace_kind kind);
/* The fault that has waited longest for what the engine is still after, and for how long; NULL: none. */
const struct fault *observe_oldest(const struct observe *o, const struct coh_engine *e, uint64_t *waited_ns);
/* Accounts the waits that are still going on. */
void observe_settle(struct observe *o);

/* Any other event, at a TSC of this host. r's clock is set here. */
static inline void observe_event_at(struct observe *o, struct trace_record r, uint64_t tsc)
{
	if (!o->tracing)
		return;
	r.clock = tsc + (uint64_t)o->clock_offset;
	*trace_ring_next(&o->trace) = r;
}
static inline void observe_event(struct observe *o, struct trace_record r)
{
	observe_event_at(o, r, __rdtsc());
}

#endif
