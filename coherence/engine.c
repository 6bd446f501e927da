// SPDX-License-Identifier: Apache-2.0
#include "coherence/engine.h"

#include "coherence/base/check.h"
#include "coherence/engine_priv.h"

const char *coh_msg_name(unsigned kind) {
  static const char *const names[] = {
#define COH_MSG(name, text) #name,
#include "coherence/coh_msg.def"
#undef COH_MSG
  };
  return kind < COH_MSG_KINDS ? names[kind] : "?";
}

const char *coh_config_error(const struct coh_config *cfg) {
  uint64_t at = 0;

  if (cfg->hosts == 0 || cfg->hosts > HOSTS_MAX || cfg->self >= cfg->hosts)
    return "the host number is outside the cluster";
  if (cfg->homes_n == 0 || cfg->homes_n > COH_HOMES_MAX)
    return "the number of home ranges is out of bounds";
  for (unsigned i = 0; i < cfg->homes_n; i++) {
    if (cfg->homes[i].first != at || cfg->homes[i].pages == 0 ||
        cfg->homes[i].host >= cfg->hosts)
      return "the home ranges do not cover the pages one after the other";
    at += cfg->homes[i].pages;
  }
  if (at != cfg->pages)
    return "the home ranges do not add up to the pages";
  if (cfg->requests_max == 0 || cfg->requests_max > 0x7fffff ||
      cfg->queue_max == 0)
    return "requests_max and queue_max must be positive";
  if (cfg->zero_run == 0 || cfg->zero_run > COH_ZERO_RUN_MAX)
    return "zero_run is out of bounds";
  return NULL;
}

static size_t round_up(size_t n) { return (n + 63) & ~(size_t)63; }

static uint64_t homed_pages(const struct coh_config *cfg) {
  uint64_t n = 0;

  for (unsigned i = 0; i < cfg->homes_n; i++)
    if (cfg->homes[i].host == cfg->self)
      n += cfg->homes[i].pages;
  return n;
}

size_t coh_engine_bytes(const struct coh_config *cfg) {
  if (coh_config_error(cfg))
    return 0;
  return round_up(sizeof(struct coh_engine)) +
         round_up(cfg->pages * sizeof(uint32_t)) +
         round_up(homed_pages(cfg) * sizeof(struct dir_entry)) +
         round_up(cfg->queue_max * sizeof(struct home_txn)) +
         round_up(cfg->requests_max * sizeof(struct request)) +
         round_up(cfg->queue_max * sizeof(struct deferred));
}

static void *carve(uint8_t **at, size_t bytes) {
  void *p = *at;

  *at += round_up(bytes);
  return p;
}

struct coh_engine *coh_engine_init(void *mem, const struct coh_config *cfg) {
  uint8_t *at = mem;
  struct coh_engine *e = carve(&at, sizeof(*e));
  uint64_t homed = 0;

  PD_CHECK(!coh_config_error(cfg));
  e->cfg = *cfg;
  e->dir_n = homed_pages(cfg);
  e->pages = carve(&at, cfg->pages * sizeof(uint32_t));
  e->dir = carve(&at, e->dir_n * sizeof(struct dir_entry));
  e->txns = carve(&at, cfg->queue_max * sizeof(struct home_txn));
  e->requests = carve(&at, cfg->requests_max * sizeof(struct request));
  e->deferred = carve(&at, cfg->queue_max * sizeof(struct deferred));
  for (unsigned i = 0; i < cfg->homes_n; i++) {
    e->home_base[i] = homed;
    homed += cfg->homes[i].host == cfg->self ? cfg->homes[i].pages : 0;
  }
  for (uint64_t i = 0; i < e->dir_n; i++)
    e->dir[i] =
        (struct dir_entry){.owner = cfg->self, .untouched = 1, .busy = NONE32};
  for (uint32_t i = 0; i < cfg->queue_max; i++)
    e->txns[i].next = i + 1 < cfg->queue_max ? i + 1 : NONE32;
  for (uint32_t i = 0; i < cfg->requests_max; i++)
    e->requests[i].next_free = i + 1 < cfg->requests_max ? i + 1 : NONE32;
  for (unsigned i = 0; i < STREAMS; i++)
    e->streams[i].next = UINT64_MAX;
  for (unsigned i = 0; i < HELD_SLOTS; i++)
    e->held[i].page = UINT64_MAX;
  e->retry_at = UINT64_MAX;
  return e;
}

/* ---- what the roles share ---- */

struct coh_fx *fx_add(struct coh_engine *e, enum coh_fx_kind kind,
                      page_idx page) {
  PD_CHECK(e->fx->n < COH_FX_MAX);
  struct coh_fx *fx = &e->fx->v[e->fx->n++];
  *fx = (struct coh_fx){.kind = kind, .page = page};
  return fx;
}

void fx_send(struct coh_engine *e, host_id to, const struct coh_msg *m) {
  struct coh_fx *fx = fx_add(e, COH_FX_SEND, m->page);

  fx->to = to;
  fx->msg = *m;
  e->stats.msgs_out[m->kind]++;
}

void fx_peer_fault(struct coh_engine *e, host_id who, const char *reason) {
  struct coh_fx *fx = fx_add(e, COH_FX_PEER_FAULT, 0);

  fx->to = who;
  fx->reason = reason;
  e->stats.bad_msgs++;
}

void page_set(struct coh_engine *e, page_idx p, enum coh_rights rights,
              bool owner) {
  uint32_t old = e->pages[p];
  bool was = old & PAGE_RIGHTS, is = rights != COH_NONE;

  e->stats.resident += (uint64_t)is - (uint64_t)was;
  e->stats.owned += (uint64_t)owner - (uint64_t) !!(old & PAGE_OWNER);
  if (e->stats.resident > e->stats.resident_max)
    e->stats.resident_max = e->stats.resident;
  e->pages[p] = (old & ~(PAGE_RIGHTS | PAGE_OWNER)) | (uint32_t)rights |
                (owner ? PAGE_OWNER : 0);
}

static unsigned range_of(const struct coh_engine *e, page_idx p) {
  unsigned low = 0, high = e->cfg.homes_n - 1;

  while (low < high) {
    unsigned mid = (low + high + 1) / 2;
    if (e->cfg.homes[mid].first <= p)
      low = mid;
    else
      high = mid - 1;
  }
  return low;
}

host_id home_of(const struct coh_engine *e, page_idx p) {
  return e->cfg.homes[range_of(e, p)].host;
}

struct dir_entry *dir_of(struct coh_engine *e, page_idx p) {
  unsigned r = range_of(e, p);

  PD_CHECK(e->cfg.homes[r].host == e->cfg.self);
  return &e->dir[e->home_base[r] + (p - e->cfg.homes[r].first)];
}

/* ---- the step ---- */

static const char *message_error(const struct coh_engine *e,
                                 const struct coh_msg *m, host_id from) {
  if (m->kind >= COH_MSG_KINDS)
    return "an unknown message";
  if (m->page >= e->cfg.pages)
    return "a page outside the guest";
  if (m->requester >= e->cfg.hosts || from >= e->cfg.hosts ||
      from == e->cfg.self)
    return "a host outside the cluster";
  if ((m->flags & ~(COH_MSGF_DATA | COH_MSGF_ZERO)) ||
      ((m->flags & COH_MSGF_DATA) && m->kind != COH_MSG_GRANT))
    return "flags that the message does not have";
  bool mine = home_of(e, m->page) == e->cfg.self;
  switch (m->kind) {
  case COH_MSG_REQ_READ:
  case COH_MSG_REQ_WRITE:
  case COH_MSG_REQ_UPGRADE:
  case COH_MSG_DONE:
  case COH_MSG_EVICT:
    return !mine ? "a request for a page that is not homed here"
           : m->requester != from ? "a request in another host's name"
                                  : NULL;
  case COH_MSG_FWD_READ:
  case COH_MSG_FWD_WRITE:
  case COH_MSG_INV:
    return home_of(e, m->page) != from
               ? "an order from a host that is not the home"
           : m->requester == e->cfg.self && m->kind != COH_MSG_INV
               ? "an order to give a page to oneself"
               : NULL;
  default:
    return m->requester != e->cfg.self ? "an answer for another host" : NULL;
  }
}

static void on_msg(struct coh_engine *e, const struct coh_event *ev) {
  const struct coh_msg *m = &ev->msg;
  const char *error = message_error(e, m, ev->from);

  if (error) {
    fx_peer_fault(e, ev->from, error);
    return;
  }
  e->stats.msgs_in[m->kind]++;
  if (m->epoch != e->cfg.epoch) {
    e->stats.stale_msgs++;
    return;
  }
  switch (m->kind) {
  case COH_MSG_REQ_READ:
  case COH_MSG_REQ_WRITE:
  case COH_MSG_REQ_UPGRADE:
    home_request(e, ev->from, m->kind, m->txn, m->page);
    break;
  case COH_MSG_DONE:
    home_done(e, ev->from, m->txn, m->page);
    break;
  case COH_MSG_EVICT:
    home_evict(e, ev->from, m->page);
    break;
  case COH_MSG_GRANT:
    requester_grant(e, m, ev->from);
    break;
  case COH_MSG_ACK:
    requester_ack(e, m);
    break;
  case COH_MSG_NACK:
    requester_nack(e, m);
    break;
  default:
    owner_demand(e, m);
  }
}

void coh_engine_step(struct coh_engine *e, const struct coh_event *ev,
                     struct coh_fx_list *fx) {
  fx->n = 0;
  e->fx = fx;
  e->now = ev->now_ns;
  switch (ev->kind) {
  case COH_EV_FAULT:
    PD_CHECK(ev->page < e->cfg.pages);
    requester_fault(e, ev->page, ev->access);
    break;
  case COH_EV_MSG:
    on_msg(e, ev);
    break;
  case COH_EV_TICK:
    owner_tick(e);
    requester_retry(e);
    break;
  case COH_EV_RAN:
    owner_ran(e, ev->page);
    break;
  }
  policy_evict(e);
  if (e->waiting_head != e->waiting_tail)
    requester_waiting(e);
}

uint64_t coh_engine_deadline(const struct coh_engine *e) {
  uint64_t at = e->retry_at;

  if (e->deferred_n && e->deferred[0].due_ns < at)
    at = e->deferred[0].due_ns;
  if (e->waiting_head != e->waiting_tail && e->now + RETRY_NS < at)
    at = e->now + RETRY_NS;
  return at;
}

enum coh_rights coh_engine_rights(const struct coh_engine *e, page_idx page) {
  return page_rights(e, page);
}

bool coh_engine_pending(const struct coh_engine *e, page_idx page) {
  return e->pages[page] >> PAGE_SLOT_SHIFT;
}

host_id coh_engine_home(const struct coh_engine *e, page_idx page) {
  return home_of(e, page);
}

const struct coh_stats *coh_engine_stats(const struct coh_engine *e) {
  return &e->stats;
}

double coh_engine_bytes_per_page(const struct coh_engine *e) {
  return (double)coh_engine_bytes(&e->cfg) / (double)e->cfg.pages;
}
