// SPDX-License-Identifier: Apache-2.0
/*
 * What a report says, gathered event by event from a recorded trace: traffic over time, latencies, who sent what to
 * whom, the hottest pages. Bounded whatever the trace has: what does not fit is counted as left out. Pure.
 */
#ifndef VMM_REPORT_MODEL_H
#define VMM_REPORT_MODEL_H

#include "coherence/base/histogram.h"

#define REPORT_BINS      240u       // of the time axis
#define REPORT_PAGES_MAX (1u << 18) // different pages that are told apart
#define REPORT_OPEN_MAX  1024u      // faults under way on one host
#define REPORT_NAME_MAX  128u

enum report_fault { REPORT_READ, REPORT_WRITE, REPORT_UPGRADE, REPORT_FAULTS };
extern const char *const report_fault_names[REPORT_FAULTS];

enum report_kind {
	REPORT_FAULT_BEGINS,  // .fault, .page, .vcpu
	REPORT_FAULT_ENDS,    // .fault, .page, .vcpu; .peer answered (or HOST_NONE)
	REPORT_PAGE_IN,       // .page came from .peer; .bytes 0: all zeroes, no data
	REPORT_INVALIDATE_IN, // .peer asked to drop .page
	REPORT_MESSAGE_IN,    // any other message from .peer
};

struct report_event {
	enum report_kind kind;
	uint64_t ns; // cluster time
	uint64_t page;
	uint32_t vcpu, bytes;
	host_id host, peer;
	enum report_fault fault;
};

struct report_latency {
	struct histogram h;
	uint64_t max_ns;
};

struct report_pair { // what one host got from another
	uint64_t pages, zeroes, bytes, invalidations, messages;
	struct report_latency latency; // of faults that the other answered
};

struct report_page {
	uint64_t page, transfers, invalidations;
	uint64_t faults[REPORT_FAULTS];
	host_set readers, writers;
};

struct report {
	char name[REPORT_NAME_MAX]; // of the guest, or of the trace
	unsigned hosts;
	uint64_t begin_ns, end_ns; // of the trace
	uint64_t events, lost;     // lost: overwritten before the trace was taken
	uint64_t outside;          // events before begin or after end, or of hosts that are none
	uint64_t unmatched;        // ends of faults that began before the trace
	struct report_latency latency[REPORT_FAULTS];
	struct report_pair *pairs;     // [to * hosts + from]
	uint32_t (*flow)[REPORT_BINS]; // pages, [to * hosts + from]
	uint32_t faults[REPORT_FAULTS][REPORT_BINS];
	struct report_page *pages; // open hash table of pages_cap entries
	unsigned pages_n;
	uint64_t pages_left_out;
	struct report_open {
		unsigned n;
		struct {
			uint64_t page, ns;
			uint32_t vcpu;
		} v[REPORT_OPEN_MAX];
	} * open; // by host
};

/* hosts: 1 .. HOSTS_MAX; end_ns > begin_ns. Returns 0, -EINVAL, -ENOMEM. */
int report_init(struct report *r, const char *name, unsigned hosts, uint64_t begin_ns, uint64_t end_ns);
void report_free(struct report *r);
/* Events of one host in their order; hosts in any order. */
void report_add(struct report *r, const struct report_event *e);

static inline struct report_pair *report_pair(const struct report *r, unsigned to, unsigned from)
{
	return &r->pairs[to * r->hosts + from];
}
/* The pages that moved or were asked for most, hottest first. Returns how many of out[cap]. */
unsigned report_hottest(const struct report *r, struct report_page *out, unsigned cap);
uint64_t report_page_heat(const struct report_page *p);

#endif
