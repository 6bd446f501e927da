// SPDX-License-Identifier: Apache-2.0
// Inside of the span layer, for its own files.
#ifndef VMM_SPAN_SPAN_PRIV_H
#define VMM_SPAN_SPAN_PRIV_H

#include "vmm/span/span.h"
#include "vmm/span/homes.h"
#include "vmm/span/iofwd.h"
#include "vmm/span/observe.h"
#include "vmm/span/outbox.h"
#include "vmm/span/pager.h"
#include "vmm/span/peers.h"

struct span {
	const struct machine_desc *desc;
	host_id self;
	struct ram *ram;
	struct link *link;
	struct machine *machine;
	struct span_handler handler;
	struct pager pager;
	struct observe observe;
	bool trace_wanted; // and it begins when the cluster clock is known
	bool paging;       // several hosts: the pager is open
	bool released;     // userfaultfd is closed
	bool failure_told, connected_told;
	uint64_t asked;    // the engine's waits_asked when it was last looked at
	uint64_t stuck_ns; // when it was last said that a fault waits
	struct peers peers;
	host_set expected; // no members yet: they may call
	bool joins;        // this host came to a guest that ran
	struct iofwd iofwd;
	struct loop_poller clock; // the deadlines of engine and peers, joined
	struct span_homes {
		struct span_homes_run run; // pages 0: none moves
		bool gone;                 // span_homes_go() was called
		uint64_t left, came;       // granules that are still to be shipped, or to come; that have come
		void (*over)(void *ctx);
		void *ctx;
		uint64_t began_ns; // when it was
	} homes;
	uint64_t homes_ns; // of all moves of homes from or to here that have ended
	struct outbox outbox;
	struct loop_task outbox_full;          // another thread has put something in
	uint64_t irqs_in, io_served, bad_msgs; // span thread
	uint64_t irqs_out;                     // atomic
	uint64_t posted_in;                    // span thread: of what nobody waits for, what the machine did not take
	uint64_t one_way_out;                  // atomic: lines and EOIs sent
	uint64_t posted_out, posted_waiting;   // atomic: writes sent that nobody waits for; those still in the outbox
	uint64_t posted_done;                  // atomic: of posted_out, those known to be done, at least
	/* cards.c: */
	struct cards_out {
		struct cards_late {
			struct outbox_entry e;
			struct cards_late *next;
		} * first, **end;
		uint64_t letters, bytes; // atomic: of data that the link has not taken yet, in the outbox as well
	} cards_out[HOSTS_MAX];          // by peer: waits for room in the link
	const char *blamed[HOSTS_MAX];   // atomic: what is to be said of a host that is to be cut off
	struct loop_task blaming;
};

void span_check_pager(struct span *d);
/* members.c: in places without a host nobody is asked, whatever directories that come here say of who had them. */
void span_no_hosts_yet(struct span *d);
/* Cuts a peer off: nothing it sends counts any more. Span thread. */
void span_fence(struct span *d, host_id h, const char *reason);
void span_check_waits(struct span *d); // stuck.c: after a tick of the pager
uint64_t span_oldest_wait_ms(const struct span *d);
bool span_put(struct span *d, host_id to, const struct msg *m); // into the outbox; any thread; false: closed
/* Span thread: what is in the outbox, at least as far as the last write of post.c; of data a part at a time. */
void span_send_outbox(struct span *d);

/* An access that waits for its answer: 0, or -ECANCELED (the guest is over). Any thread but the span thread. */
int span_forward_io(struct span *d, host_id to, struct msg_io_req *req);
/* As machine_peer.post(). Any thread but the span thread. */
int span_post_io(struct span *d, host_id to, const struct msg_io_req *req);
/* A message of a peer. */
void span_on_msg(struct span *d, host_id from, const struct msg *m);
/* post.c: to be called before a coherence message leaves; after a message has been taken out of the outbox. */
void post_flush(void *d);
bool post_waits(const struct span *d); // a write is in the outbox that is to leave before the next of those
void post_sent(struct span *d, const struct msg *m);

/* cards.c; all but the hooks on the span thread. */
void span_cards_hooks(struct machine_peer *to);
void span_send_entry(struct span *d, struct outbox_entry *e); // takes over its blob
int span_cards_turn(void *d);
void span_card_in(struct span *d, host_id from, const struct msg *m);
void span_blamed(void *d);
void span_cards_free(struct span *d); // with what is still in the outbox

/* homes.c: after each step of the engine; a HOME_STATE has come. */
void homes_ship(struct span *d);
void homes_take(struct span *d, host_id from, const struct msg *m);

/* trace_msgs.c: messages that are not the pager's; marks. */
void trace_msg_in(struct span *d, host_id from, const struct msg *m);
void trace_msg_out(struct span *d, host_id to, const struct msg *m);
void trace_clock_known(struct span *d); // after each exchange
void trace_mark(struct span *d, enum trace_kind kind, host_id peer);
void trace_vcpu(struct span *d, enum trace_kind kind, host_id peer, uint32_t vcpu);
void trace_home(struct span *d, enum trace_kind kind, host_id peer, page_idx first);

/* stats_observe.c: latencies, hot pages, the map. */
void stats_observe(const struct span *d, struct status_host *to);

#endif
