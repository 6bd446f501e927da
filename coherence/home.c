// SPDX-License-Identifier: Apache-2.0
// The home's role: the directory, one transaction a page at a time, the queue
// behind it.
#include "coherence/base/check.h"
#include "coherence/engine_priv.h"

static uint32_t txn_take(struct coh_engine *e) {
  uint32_t i = e->txns_free;

  if (i != NONE32)
    e->txns_free = e->txns[i].next;
  return i;
}

static void txn_give(struct coh_engine *e, uint32_t i) {
  e->txns[i].next = e->txns_free;
  e->txns_free = i;
}

/* Sends to a host, or hands over at once when that host is this one. */
static void tell(struct coh_engine *e, host_id to, const struct coh_msg *m) {
  if (to != e->cfg.self)
    fx_send(e, to, m);
  else if (m->kind == COH_MSG_GRANT)
    requester_grant(e, m, to);
  else
    owner_demand(e, m);
}

static struct coh_msg message(const struct coh_engine *e,
                              const struct home_txn *t, uint8_t kind,
                              enum coh_rights rights, unsigned acks) {
  return (struct coh_msg){
      .kind = kind,
      .requester = t->requester,
      .rights = (uint8_t)rights,
      .acks = (uint16_t)acks,
      .epoch = e->cfg.epoch,
      .txn = t->txn,
      .page = t->page,
  };
}

static void invalidate(struct coh_engine *e, const struct home_txn *t,
                       host_set who) {
  struct coh_msg inv = message(e, t, COH_MSG_INV, COH_NONE, 0);

  for (unsigned h = 0; who; h++, who >>= 1) {
    if (who & 1) {
      e->stats.invalidations_out++;
      tell(e, (host_id)h, &inv);
    }
  }
}

static void start_read(struct coh_engine *e, struct dir_entry *d,
                       const struct home_txn *t) {
  host_id owner = d->owner;
  bool zero = d->untouched;

  d->sharers |= host_bit(t->requester);
  if (zero) { // the home stays the owner of a page that has no bytes yet
    struct coh_msg g = message(e, t, COH_MSG_GRANT, COH_RO, 0);
    g.flags = COH_MSGF_ZERO;
    tell(e, t->requester, &g);
  } else {
    struct coh_msg f = message(e, t, COH_MSG_FWD_READ, COH_RO, 0);
    tell(e, owner, &f);
  }
}

static void start_write(struct coh_engine *e, struct dir_entry *d,
                        const struct home_txn *t) {
  host_set self = host_bit(t->requester), owner = host_bit(d->owner);
  bool upgrade = t->want == COH_MSG_REQ_UPGRADE &&
                 (d->owner == t->requester || (d->sharers & self));
  bool zero = d->untouched;
  host_id from = d->owner;
  /* An owner that gives its copy away drops it with that; every other copy must
   * be acknowledged. */
  host_set lose = (d->sharers | (upgrade && !zero ? owner : 0)) & ~self;
  if (!upgrade && !zero)
    lose &= ~owner;
  unsigned acks = (unsigned)__builtin_popcountll(lose);
  struct coh_msg m;

  d->owner = t->requester;
  d->sharers = 0;
  d->untouched = 0;
  if (upgrade || zero) {
    m = message(e, t, COH_MSG_GRANT, COH_RW, acks);
    m.flags = upgrade ? 0 : COH_MSGF_ZERO;
    e->stats.upgrades += upgrade;
    tell(e, t->requester, &m);
  } else {
    m = message(e, t, COH_MSG_FWD_WRITE, COH_RW, acks);
    tell(e, from, &m);
  }
  invalidate(e, t, lose);
}

static void start(struct coh_engine *e, uint32_t i) {
  struct home_txn t = e->txns[i]; // a step below may end it and reuse its place
  struct dir_entry *d = dir_of(e, t.page);

  if (t.want == COH_MSG_REQ_READ)
    start_read(e, d, &t);
  else
    start_write(e, d, &t);
}

static void queue(struct coh_engine *e, struct home_txn *running, uint32_t i) {
  e->txns[i].next = NONE32;
  if (running->qtail == NONE32)
    running->qhead = i;
  else
    e->txns[running->qtail].next = i;
  running->qtail = i;
}

static bool asked_already(const struct coh_engine *e,
                          const struct home_txn *running, host_id who) {
  if (running->requester == who)
    return true;
  for (uint32_t i = running->qhead; i != NONE32; i = e->txns[i].next)
    if (e->txns[i].requester == who)
      return true;
  return false;
}

static void refuse(struct coh_engine *e, host_id requester, uint64_t txn,
                   page_idx p) {
  struct coh_msg n = {.kind = COH_MSG_NACK,
                      .requester = requester,
                      .epoch = e->cfg.epoch,
                      .txn = txn,
                      .page = p};

  e->stats.queue_full++;
  if (requester == e->cfg.self)
    requester_nack(e, &n);
  else
    fx_send(e, requester, &n);
}

void home_request(struct coh_engine *e, host_id requester, uint8_t want,
                  uint64_t txn, page_idx p) {
  struct dir_entry *d = dir_of(e, p);

  if (d->busy != NONE32 && asked_already(e, &e->txns[d->busy], requester)) {
    e->stats.stale_msgs++; // a duplicate
    return;
  }
  if (d->busy == NONE32 && d->owner == requester &&
      want != COH_MSG_REQ_UPGRADE && !d->untouched) {
    if (requester != e->cfg.self)
      fx_peer_fault(e, requester, "asked for a page that it owns");
    return;
  }
  uint32_t i = txn_take(e);
  if (i == NONE32) {
    refuse(e, requester, txn, p);
    return;
  }
  e->txns[i] = (struct home_txn){.page = p,
                                 .txn = txn,
                                 .requester = requester,
                                 .want = want,
                                 .next = NONE32,
                                 .qhead = NONE32,
                                 .qtail = NONE32};
  if (d->busy != NONE32) {
    queue(e, &e->txns[d->busy], i);
    return;
  }
  d->busy = i;
  start(e, i);
}

void home_done(struct coh_engine *e, host_id requester, uint64_t txn,
               page_idx p) {
  struct dir_entry *d = dir_of(e, p);

  if (d->busy == NONE32 || e->txns[d->busy].requester != requester ||
      e->txns[d->busy].txn != txn) {
    e->stats.stale_msgs++;
    return;
  }
  uint32_t old = d->busy, next = e->txns[old].qhead;
  if (next == NONE32) {
    d->busy = NONE32;
    txn_give(e, old);
    return;
  }
  e->txns[next].qhead = e->txns[next].next;
  e->txns[next].qtail =
      e->txns[next].next == NONE32 ? NONE32 : e->txns[old].qtail;
  d->busy = next;
  txn_give(e, old);
  start(e, next);
}

/* The owner wants to be rid of the page: the home takes it as any writer would.
 * A hint: it may be ignored. */
void home_evict(struct coh_engine *e, host_id from, page_idx p) {
  struct dir_entry *d = dir_of(e, p);

  if (d->busy == NONE32 && d->owner == from && !d->untouched &&
      !request_of(e, p))
    requester_start(e, p, COH_MSG_REQ_WRITE, false);
}

static bool fresh(struct coh_engine *e, page_idx p) {
  if (p >= e->cfg.pages || home_of(e, p) != e->cfg.self)
    return false;
  const struct dir_entry *d = dir_of(e, p);
  return d->untouched && d->busy == NONE32 && !d->sharers;
}

/* A local fault on a page that nobody ever had: its neighbours are granted with
 * it, without a message. */
bool home_local_zero(struct coh_engine *e, page_idx p, enum coh_access access) {
  page_idx first = p, end = p + 1, low = p - p % e->cfg.zero_run;

  (void)access; // nobody else has it: writable at once
  if (!fresh(e, p))
    return false;
  if (!e->cfg.quota_pages ||
      e->stats.resident + e->cfg.zero_run < e->cfg.quota_pages) {
    while (first > low && fresh(e, first - 1))
      first--;
    while (end < low + e->cfg.zero_run && fresh(e, end))
      end++;
  }
  for (page_idx q = first; q < end; q++) {
    struct dir_entry *d = dir_of(e, q);
    d->untouched = 0;
    d->owner = e->cfg.self;
    page_set(e, q, COH_RW, true);
  }
  struct coh_fx *fx = fx_add(e, COH_FX_INSTALL_ZERO, first);
  fx->pages = (uint32_t)(end - first);
  fx->rights = COH_RW;
  return true;
}
