// SPDX-License-Identifier: Apache-2.0
// Inside of the distribution layer, for its own files.
#ifndef VMM_DIST_DIST_PRIV_H
#define VMM_DIST_DIST_PRIV_H

#include "vmm/dist/dist.h"
#include "vmm/dist/iofwd.h"
#include "vmm/dist/observe.h"
#include "vmm/dist/outbox.h"
#include "vmm/dist/pager.h"
#include "vmm/dist/peers.h"

struct dist {
	const struct machine_desc *desc;
	host_id self;
	struct link *link;
	struct machine *machine;
	struct dist_handler handler;
	struct pager pager;
	struct observe observe;
	bool trace_wanted; // and it begins when the cluster clock is known
	bool paging;       // several hosts: the pager is open
	bool released;     // userfaultfd is closed
	bool failure_told;
	struct peers peers;
	struct iofwd iofwd;
	struct outbox outbox;
	uint64_t irqs_in, io_served, bad_msgs; // dist thread
	uint64_t irqs_out;                     // atomic
	uint64_t posted_in;                    // dist thread: writes that others posted to us
	uint64_t posted_out, posted_waiting;   // atomic: ours; those still in the outbox
	uint32_t posted_run;                   // atomic: since one was waited for
};

void dist_check_pager(struct dist *d);
bool dist_put(struct dist *d, host_id to, const struct msg *m); // into the outbox; any thread; false: closed
void dist_send_outbox(struct dist *d);                          // dist thread

/* post.c: to be called before a coherence message leaves; after a message has been taken out of the outbox. */
void post_flush(void *d);
void post_sent(struct dist *d, const struct msg *m);

/* trace_msgs.c: messages that are not the pager's; marks. */
void trace_msg_in(struct dist *d, host_id from, const struct msg *m);
void trace_msg_out(struct dist *d, host_id to, const struct msg *m);
void trace_clock_known(struct dist *d); // after each exchange
void trace_mark(struct dist *d, enum trace_kind kind, host_id peer);

/* stats_observe.c: latency, counters of each peer, hot pages, the map. New references. */
json_t *stats_latency(const struct dist *d);
void stats_peer(const struct dist *d, host_id peer, json_t *o);
json_t *stats_hot(const struct dist *d);
json_t *stats_heat(const struct dist *d);

#endif
