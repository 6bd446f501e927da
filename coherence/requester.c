// SPDX-License-Identifier: Apache-2.0
// The requester's role: one request a page, collecting the grant and the
// acknowledgements.
#include "coherence/base/check.h"
#include "coherence/engine_priv.h"

struct request *request_of(struct coh_engine *e, page_idx p) {
  uint32_t slot = e->pages[p] >> PAGE_SLOT_SHIFT;

  return slot ? &e->requests[slot - 1] : NULL;
}

static struct request *take(struct coh_engine *e, page_idx p) {
  uint32_t i = e->requests_free;

  if (i == NONE32)
    return NULL;
  struct request *r = &e->requests[i];
  e->requests_free = r->next_free;
  e->requests_used++;
  *r = (struct request){.page = p, .used = 1};
  e->pages[p] |= (i + 1) << PAGE_SLOT_SHIFT;
  return r;
}

static void give(struct coh_engine *e, struct request *r) {
  e->pages[r->page] &= (1u << PAGE_SLOT_SHIFT) - 1;
  r->used = 0;
  r->next_free = e->requests_free;
  e->requests_free = (uint32_t)(r - e->requests);
  e->requests_used--;
}

static void send_request(struct coh_engine *e, struct request *r) {
  host_id home = home_of(e, r->page);
  struct coh_msg m = {.kind = r->want,
                      .requester = e->cfg.self,
                      .rights = r->want == COH_MSG_REQ_READ ? COH_RO : COH_RW,
                      .epoch = e->cfg.epoch,
                      .txn = r->txn,
                      .page = r->page};

  if (home == e->cfg.self)
    home_request(e, home, r->want, r->txn, r->page);
  else
    fx_send(e, home, &m);
}

void requester_start(struct coh_engine *e, page_idx p, uint8_t want,
                     bool demand) {
  struct request *r = take(e, p);

  if (!r)
    return; // a hint or a prefetch: it may be forgotten
  r->want = want;
  r->demand = demand;
  r->txn = ++e->next_txn;
  send_request(e, r);
}

static void wait_for_room(struct coh_engine *e, page_idx p,
                          enum coh_access access) {
  if (e->waiting_tail - e->waiting_head == WAITING_MAX) {
    fx_add(e, COH_FX_WAKE, p); // it faults again: later, and in vain if need be
    return;
  }
  e->waiting[e->waiting_tail++ % WAITING_MAX] =
      (struct waiting){.page = p, .access = (uint8_t)access};
}

static void count_fault(struct coh_engine *e, enum coh_access access,
                        enum coh_rights have) {
  if (access == COH_READ)
    e->stats.faults_read++;
  else if (have == COH_RO)
    e->stats.faults_upgrade++;
  else
    e->stats.faults_write++;
}

void requester_fault(struct coh_engine *e, page_idx p, enum coh_access access) {
  enum coh_rights have = page_rights(e, p);
  struct request *r = request_of(e, p);
  bool own_home = home_of(e, p) == e->cfg.self;

  if (have == COH_RW || (have == COH_RO && access == COH_READ)) {
    e->stats.faults_spurious++;
    fx_add(e, COH_FX_WAKE, p);
    return;
  }
  if (r) { // its grant wakes everybody; a writer that finds read rights faults
           // again
    if (!r->demand)
      e->stats.prefetch_hits++;
    r->demand = 1;
    return;
  }
  if (own_home && home_local_zero(e, p, access)) {
    count_fault(e, access, have);
    e->stats.faults_local++;
    return;
  }
  if (e->requests_free == NONE32 ||
      (!own_home && have == COH_NONE && quota_full(e))) {
    wait_for_room(e, p, access);
    return;
  }
  count_fault(e, access, have);
  requester_start(e, p,
                  access == COH_READ ? COH_MSG_REQ_READ
                  : have == COH_RO   ? COH_MSG_REQ_UPGRADE
                                     : COH_MSG_REQ_WRITE,
                  true);
  if (access == COH_READ)
    policy_prefetch(e, p);
}

static void complete(struct coh_engine *e, struct request *r) {
  struct request done = *r;
  host_id home = home_of(e, done.page);
  struct coh_msg m = {.kind = COH_MSG_DONE,
                      .requester = e->cfg.self,
                      .epoch = e->cfg.epoch,
                      .txn = done.txn,
                      .page = done.page};

  if (done.demand)
    hold_set(e, done.page);
  give(e, r);
  if (home == e->cfg.self)
    home_done(e, home, done.txn, done.page);
  else
    fx_send(e, home, &m);
}

static void complete_write(struct coh_engine *e, struct request *r) {
  page_set(e, r->page, COH_RW, true);
  fx_add(e, COH_FX_UNPROTECT, r->page);
  complete(e, r);
}

static void install(struct coh_engine *e, const struct coh_msg *m,
                    enum coh_rights rights) {
  struct coh_fx *fx =
      fx_add(e, m->flags & COH_MSGF_DATA ? COH_FX_INSTALL : COH_FX_INSTALL_ZERO,
             m->page);

  fx->rights = rights;
  fx->pages = 1;
  if (m->flags & COH_MSGF_DATA)
    e->stats.pages_in++;
  else
    e->stats.zero_in++;
}

static const char *grant_error(const struct coh_engine *e,
                               const struct request *r,
                               const struct coh_msg *m) {
  bool brings = m->flags & (COH_MSGF_DATA | COH_MSGF_ZERO);

  if (m->acks >= e->cfg.hosts)
    return "a grant wants more acknowledgements than there are hosts";
  if (r->granted)
    return "a page was granted twice";
  if (m->rights != (r->want == COH_MSG_REQ_READ ? COH_RO : COH_RW))
    return "a grant has other rights than were asked for";
  if (brings != (page_rights(e, m->page) == COH_NONE))
    return brings ? "a grant brings a page that is here"
                  : "a grant brings no page";
  return NULL;
}

void requester_grant(struct coh_engine *e, const struct coh_msg *m,
                     host_id from) {
  struct request *r = request_of(e, m->page);

  if (!r || r->txn != m->txn) {
    e->stats.stale_msgs++;
    return;
  }
  const char *error = grant_error(e, r, m);
  if (error) {
    fx_peer_fault(e, from, error);
    return;
  }
  r->granted = 1;
  r->acks_need = m->acks;
  if (r->want == COH_MSG_REQ_READ) {
    install(e, m, COH_RO);
    page_set(e, m->page, COH_RO, false);
    complete(e, r);
    return;
  }
  bool all = r->acks_got == r->acks_need;
  if (m->flags) { // copies of the same bytes may still be read elsewhere:
                  // read-only until the last is gone
    install(e, m, all ? COH_RW : COH_RO);
    page_set(e, m->page, all ? COH_RW : COH_RO, true);
    if (all)
      complete(e, r);
  } else if (all) {
    complete_write(e, r);
  }
}

void requester_ack(struct coh_engine *e, const struct coh_msg *m) {
  struct request *r = request_of(e, m->page);

  if (!r || r->txn != m->txn) {
    e->stats.stale_msgs++;
    return;
  }
  r->acks_got++;
  if (r->granted && r->acks_got == r->acks_need)
    complete_write(e, r);
}

void requester_nack(struct coh_engine *e, const struct coh_msg *m) {
  struct request *r = request_of(e, m->page);

  if (!r || r->txn != m->txn || r->granted) {
    e->stats.stale_msgs++;
    return;
  }
  r->nacked = 1;
  r->retry_ns = e->now + RETRY_NS;
  if (r->retry_ns < e->retry_at)
    e->retry_at = r->retry_ns;
}

void requester_retry(struct coh_engine *e) {
  if (e->now < e->retry_at)
    return;
  e->retry_at = UINT64_MAX;
  for (uint32_t i = 0; i < e->cfg.requests_max; i++) {
    struct request *r = &e->requests[i];

    if (!r->used || !r->nacked)
      continue;
    if (r->retry_ns > e->now) {
      if (r->retry_ns < e->retry_at)
        e->retry_at = r->retry_ns;
      continue;
    }
    r->nacked = 0;
    /* The copy may have been taken away meanwhile. */
    if (r->want == COH_MSG_REQ_UPGRADE && page_rights(e, r->page) == COH_NONE)
      r->want = COH_MSG_REQ_WRITE;
    send_request(e, r);
  }
}

/* Faults that found no room: as many as have it now. */
void requester_waiting(struct coh_engine *e) {
  uint32_t n = e->waiting_tail - e->waiting_head;

  while (n-- && e->requests_free != NONE32 && e->fx->n < COH_FX_MAX / 2) {
    struct waiting w = e->waiting[e->waiting_head++ % WAITING_MAX];

    requester_fault(e, w.page, (enum coh_access)w.access);
  }
}
