// SPDX-License-Identifier: Apache-2.0
// What to fetch early and what to let go: sequential streams, the quota, the
// eviction hand.
#include "coherence/engine_priv.h"

bool quota_full(const struct coh_engine *e) {
  return e->cfg.quota_pages && e->stats.resident + e->requests_used >=
                                   e->cfg.quota_pages + COH_QUOTA_SLACK;
}

void policy_evicted(struct coh_engine *e, page_idx p) {
  for (uint32_t i = 0; i < e->evicts_n; i++)
    if (e->evicts[i].page == p)
      e->evicts[i--] = e->evicts[--e->evicts_n];
}

static void expire(struct coh_engine *e) {
  for (uint32_t i = 0; i < e->evicts_n; i++)
    if (e->evicts[i].expires_ns <=
        e->now) // the hint was ignored: it may be given again
      e->evicts[i--] = e->evicts[--e->evicts_n];
}

static bool evicting(const struct coh_engine *e, page_idx p) {
  for (uint32_t i = 0; i < e->evicts_n; i++)
    if (e->evicts[i].page == p)
      return true;
  return false;
}

/* Lets go of one page; returns whether it did something. */
static bool let_go(struct coh_engine *e, page_idx p) {
  enum coh_rights have = page_rights(e, p);

  if (have == COH_NONE || request_of(e, p) || home_of(e, p) == e->cfg.self ||
      hold_until(e, p) > e->now)
    return false;
  if (!page_owned(e, p)) {
    fx_add(e, COH_FX_DROP, p);
    page_set(e, p, COH_NONE, false);
    e->stats.drops_silent++;
    return true;
  }
  if (e->evicts_n == EVICTS_MAX || evicting(e, p))
    return false;
  e->evicts[e->evicts_n++] =
      (struct evict){.page = p, .expires_ns = e->now + EVICT_RETRY_NS};
  struct coh_msg m = {.kind = COH_MSG_EVICT,
                      .requester = e->cfg.self,
                      .epoch = e->cfg.epoch,
                      .page = p};
  e->stats.evict_hints++;
  fx_send(e, home_of(e, p), &m);
  return true;
}

void policy_evict(struct coh_engine *e) {
  uint64_t quota = e->cfg.quota_pages;

  if (!quota)
    return;
  expire(e);
  for (unsigned scanned = 0; scanned < SCAN_MAX && e->fx->n < COH_FX_MAX / 2;
       scanned++) {
    if (e->stats.resident + e->requests_used <= quota + e->evicts_n)
      return;
    e->hand = e->hand + 1 < e->cfg.pages ? e->hand + 1 : 0;
    let_go(e, e->hand);
  }
}

static void fetch(struct coh_engine *e, page_idx p) {
  if (page_rights(e, p) != COH_NONE || request_of(e, p) ||
      home_of(e, p) == e->cfg.self)
    return;
  e->stats.prefetches++;
  requester_start(e, p, COH_MSG_REQ_READ, false);
}

/* A read fault at p: a stream that expected it fetches ahead, twice as far as
 * last time. */
void policy_prefetch(struct coh_engine *e, page_idx p) {
  struct stream *s = NULL;

  if (!e->cfg.prefetch_max)
    return;
  for (unsigned i = 0; i < STREAMS; i++)
    if (e->streams[i].next == p)
      s = &e->streams[i];
  if (!s) {
    e->streams[e->stream_next++ % STREAMS] = (struct stream){.next = p + 1};
    return;
  }
  s->window = s->window ? s->window * 2 : 2;
  if (s->window > e->cfg.prefetch_max)
    s->window = e->cfg.prefetch_max;
  if (e->cfg.quota_pages &&
      e->stats.resident + e->requests_used + s->window >= e->cfg.quota_pages)
    s->window = 0;
  page_idx last = p + s->window;
  if (last >= e->cfg.pages)
    last = e->cfg.pages - 1;
  for (page_idx q = p + 1; q <= last; q++)
    fetch(e, q);
  s->next = last + 1;
}
