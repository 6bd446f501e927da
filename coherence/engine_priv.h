// SPDX-License-Identifier: Apache-2.0
// Inside of the coherence engine, for its own files. See docs/PROTOCOL.md.
#ifndef COHERENCE_ENGINE_PRIV_H
#define COHERENCE_ENGINE_PRIV_H

#include "coherence/engine.h"

#define EVICTS_MAX 64u    // EVICT hints in flight
#define HELD_SLOTS 1024u  // pages whose hold is remembered (power of two)
#define WAITING_MAX 1024u // faults that wait for a free request slot
#define COH_QUOTA_SLACK 64u
#define STREAMS 4u
#define SCAN_MAX 512u    // page words the eviction hand looks at in one step
#define RETRY_NS 200000u // after a NACK
#define EVICT_RETRY_NS 20000000u
#define NONE32 0xffffffffu

/* The local state of a page, one word each. */
#define PAGE_RIGHTS 3u // enum coh_rights
#define PAGE_OWNER 4u
#define PAGE_SLOT_SHIFT 8u // own request's slot + 1, 0: none

struct dir_entry {  // one for each page homed here
  host_set sharers; // hosts with read copies; the owner is not among them
  host_id owner;
  uint8_t
      untouched; // no host ever had it for writing: zeroes, no data anywhere
  uint16_t spare;
  uint32_t busy; // index of the running transaction, NONE32: idle
};

struct home_txn { // a running transaction, or a queued one
  page_idx page;
  uint64_t txn;
  host_id requester;
  uint8_t want;          // enum coh_msg_kind: REQ_*
  uint32_t next;         // queue of the same page, or free list
  uint32_t qhead, qtail; // of a running one
};

struct request { // own request
  page_idx page;
  uint64_t txn;
  uint8_t used, want, granted, demand;
  uint8_t installed; // data placed read-only, waits for acknowledgements
  uint8_t nacked;
  uint16_t acks_need, acks_got;
  uint64_t retry_ns;
  uint32_t next_free;
};

struct deferred { // a FWD or INV that waits for the end of the hold, ordered by
                  // time
  uint64_t due_ns;
  struct coh_msg msg;
};

struct held {
  page_idx page;
  uint64_t until_ns;
};

struct waiting {
  page_idx page;
  uint8_t access;
};

struct evict {
  page_idx page;
  uint64_t expires_ns;
};

struct stream {
  page_idx next;
  uint32_t window;
};

struct coh_engine {
  struct coh_config cfg;
  uint32_t *pages;
  struct dir_entry *dir; // pages homed here, in order
  uint64_t dir_n;
  uint64_t home_base[COH_HOMES_MAX]; // index in dir of the first page of a
                                     // range homed here
  struct home_txn *txns;
  uint32_t txns_free;
  struct request *requests;
  uint32_t requests_free, requests_used;
  uint64_t next_txn;
  struct deferred *deferred; // binary heap
  uint32_t deferred_n;
  struct held held[HELD_SLOTS];
  struct waiting waiting[WAITING_MAX];
  uint32_t waiting_head, waiting_tail;
  struct evict evicts[EVICTS_MAX];
  uint32_t evicts_n;
  page_idx hand;
  struct stream streams[STREAMS];
  uint32_t stream_next;
  uint64_t retry_at; // earliest retry, UINT64_MAX: none
  struct coh_stats stats;
  /* of the running step */
  uint64_t now;
  struct coh_fx_list *fx;
};

static inline enum coh_rights page_rights(const struct coh_engine *e,
                                          page_idx p) {
  return (enum coh_rights)(e->pages[p] & PAGE_RIGHTS);
}

static inline bool page_owned(const struct coh_engine *e, page_idx p) {
  return e->pages[p] & PAGE_OWNER;
}

/* engine.c */
struct coh_fx *fx_add(struct coh_engine *e, enum coh_fx_kind kind,
                      page_idx page);
void fx_send(struct coh_engine *e, host_id to, const struct coh_msg *m);
void fx_peer_fault(struct coh_engine *e, host_id who, const char *reason);
void page_set(struct coh_engine *e, page_idx p, enum coh_rights rights,
              bool owner);
host_id home_of(const struct coh_engine *e, page_idx p);
struct dir_entry *dir_of(struct coh_engine *e, page_idx p); // page homed here

/* home.c */
void home_request(struct coh_engine *e, host_id requester, uint8_t want,
                  uint64_t txn, page_idx p);
void home_done(struct coh_engine *e, host_id requester, uint64_t txn,
               page_idx p);
void home_evict(struct coh_engine *e, host_id from, page_idx p);
bool home_local_zero(struct coh_engine *e, page_idx p, enum coh_access access);

/* requester.c */
void requester_fault(struct coh_engine *e, page_idx p, enum coh_access access);
void requester_start(struct coh_engine *e, page_idx p, uint8_t want,
                     bool demand);
void requester_grant(struct coh_engine *e, const struct coh_msg *m,
                     host_id from);
void requester_ack(struct coh_engine *e, const struct coh_msg *m);
void requester_nack(struct coh_engine *e, const struct coh_msg *m);
void requester_retry(struct coh_engine *e);
void requester_waiting(struct coh_engine *e);
struct request *request_of(struct coh_engine *e, page_idx p);

/* owner.c */
void owner_demand(struct coh_engine *e,
                  const struct coh_msg *m); // FWD_* and INV
void owner_tick(struct coh_engine *e);
void hold_set(struct coh_engine *e, page_idx p);
uint64_t hold_until(const struct coh_engine *e, page_idx p);
void owner_ran(struct coh_engine *e, page_idx p);

/* policy.c */
bool quota_full(const struct coh_engine *e);
void policy_evict(struct coh_engine *e);
void policy_evicted(struct coh_engine *e, page_idx p);
void policy_prefetch(struct coh_engine *e, page_idx p);

#endif
