// SPDX-License-Identifier: Apache-2.0
/*
 * The distribution layer of one host: makes the rest of the monitor believe that all RAM, all devices and all vCPUs
 * are reachable from here. It joins the pager, forwarded I/O and interrupts, liveness and the cluster clock.
 *
 * One thread, the dist thread, owns the link and calls everything but dist_irq(), dist_eoi(), dist_io() and
 * dist_post_io(), which any thread may call.
 */
#ifndef VMM_DIST_DIST_H
#define VMM_DIST_DIST_H

#include <jansson.h>

#include "net/link.h"
#include "vmm/machine/machine.h"

struct dist;

struct dist_handler {
	void *ctx;
	void (*host_lost)(void *ctx, host_id host, const char *reason); // once for each lost host
	void (*failed)(void *ctx, const char *reason);                  // this host can't go on
};

/*
 * Builds the layer for host self; with a single host there is no pager, and RAM is plain memory. desc and ram must
 * outlive it. Returns 0 or a negative errno with a sentence in why.
 */
int dist_create(struct dist **out, const struct machine_desc *desc, host_id self, const struct ram *ram,
		struct link *link, uint64_t tsc_khz, const struct dist_handler *handler, char *why, size_t why_cap);
void dist_destroy(struct dist *d);

void dist_attach(struct dist *d, struct machine *m); // where interrupts and I/O go; NULL detaches
void dist_peer_up(struct dist *d, host_id h);        // its session is on the link as peer number h
void dist_peer_down(struct dist *d, host_id h, const char *reason);
void dist_on_msg(struct dist *d, host_id from, const struct msg *m);
void dist_on_kick(struct dist *d);
void dist_tick(struct dist *d);
uint64_t dist_deadline(const struct dist *d);

bool dist_connected(const struct dist *d); // every peer is up and the clock is known
struct machine_clock dist_clock(const struct dist *d);
/* The TSC frequency of this host in kHz, and whether it is host 0's (peers_same_rate). */
bool dist_same_rate(const struct dist *d, uint64_t *own_khz);

/* Ends forwarding: waiting dist_io() calls return -ECANCELED, later ones too. */
void dist_cancel(struct dist *d);
/* Closes userfaultfd, so that a thread that waits for a page which will never come goes on. vCPUs must be kicked. */
void dist_release_memory(struct dist *d);

void dist_irq(struct dist *d, host_id to, const struct msg_irq *irq);
/* Dist thread, does not wait: an interrupt message for a vCPU that has moved there; and VCPU_STATE itself. */
void dist_pass_on(struct dist *d, host_id to, const struct msg_irq *irq);
void dist_send_vcpu(struct dist *d, host_id to, struct msg *m);
void dist_eoi(struct dist *d, host_id to, uint8_t vector);
int dist_io(struct dist *d, host_id to, struct msg_io_req *req);
/* A write that nobody waits for. false: it has to be waited for, with dist_io(). */
bool dist_post_io(struct dist *d, host_id to, const struct msg_io_req *req);

/* Interrupt messages and posted writes sent to and got from other hosts so far. Dist thread. */
void dist_irqs(const struct dist *d, uint64_t *out, uint64_t *in);
/* Is the page homed here and has nobody touched it: zeroes that are nowhere in memory? Dist thread. */
bool dist_untouched(const struct dist *d, page_idx page);

/*
 * The trace (vmm/trace/ring.h); dist thread. It runs from the start; dist_trace_start() begins anew with a ring of so
 * many records (0: the standard) and returns 0 or -ENOMEM. dist_trace_read() encodes what a stopped ring has from the
 * first-th record on, at most max, and returns how many.
 */
struct dist_trace_info {
	uint64_t records, lost, bound, tsc_khz; // bound: in ticks of tsc_khz
};
int dist_trace_start(struct dist *d, uint64_t records);
void dist_trace_stop(struct dist *d);
struct dist_trace_info dist_trace_info(const struct dist *d);
uint64_t dist_trace_read(const struct dist *d, uint64_t first, uint64_t max, uint8_t *out);

/* Tells the machine of page waits that are still going on. Before machine_stats_json(); dist thread. */
void dist_settle(struct dist *d);
json_t *dist_stats(const struct dist *d); // new reference

#endif
