// SPDX-License-Identifier: Apache-2.0
// The owner's and the sharers' role: giving pages up, but not before they were
// of use.
#include "coherence/base/check.h"
#include "coherence/engine_priv.h"

static struct held *held_slot(struct coh_engine *e, page_idx p) {
  return &e->held[(p * 0x9e3779b97f4a7c15ull >> 40) % HELD_SLOTS];
}

void hold_set(struct coh_engine *e, page_idx p) {
  if (e->cfg.hold_ns)
    *held_slot(e, p) =
        (struct held){.page = p, .until_ns = e->now + e->cfg.hold_ns};
}

uint64_t hold_until(const struct coh_engine *e, page_idx p) {
  const struct held *h = held_slot((struct coh_engine *)e, p);

  return h->page == p ? h->until_ns : 0;
}

/* ---- deferred demands: a binary heap by time ---- */

static void sift_up(struct deferred *v, uint32_t i) {
  while (i && v[(i - 1) / 2].due_ns > v[i].due_ns) {
    struct deferred t = v[i];
    v[i] = v[(i - 1) / 2];
    v[(i - 1) / 2] = t;
    i = (i - 1) / 2;
  }
}

static void sift_down(struct deferred *v, uint32_t n, uint32_t i) {
  for (;;) {
    uint32_t least = i, l = 2 * i + 1, r = l + 1;

    if (l < n && v[l].due_ns < v[least].due_ns)
      least = l;
    if (r < n && v[r].due_ns < v[least].due_ns)
      least = r;
    if (least == i)
      return;
    struct deferred t = v[i];
    v[i] = v[least];
    v[least] = t;
    i = least;
  }
}

static bool defer(struct coh_engine *e, const struct coh_msg *m, uint64_t due) {
  if (e->deferred_n == e->cfg.queue_max)
    return false; // served at once: early, but right
  e->deferred[e->deferred_n] = (struct deferred){.due_ns = due, .msg = *m};
  sift_up(e->deferred, e->deferred_n++);
  e->stats.holds++;
  return true;
}

/* ---- giving up ---- */

static void grant(struct coh_engine *e, const struct coh_msg *m,
                  enum coh_rights rights) {
  struct coh_msg g = *m;

  g.kind = COH_MSG_GRANT;
  g.flags = COH_MSGF_DATA;
  g.rights = (uint8_t)rights;
  e->stats.pages_out++;
  fx_send(e, m->requester, &g);
}

static void give_copy(struct coh_engine *e, const struct coh_msg *m) {
  if (page_rights(e, m->page) == COH_RW) {
    fx_add(e, COH_FX_PROTECT, m->page);
    page_set(e, m->page, COH_RO, true);
    e->stats.downgrades++;
  }
  grant(e, m, COH_RO);
}

static void give_page(struct coh_engine *e, const struct coh_msg *m) {
  if (page_rights(e, m->page) == COH_RW)
    fx_add(e, COH_FX_PROTECT, m->page);
  grant(e, m, COH_RW);
  fx_add(e, COH_FX_DROP, m->page);
  page_set(e, m->page, COH_NONE, false);
  policy_evicted(e, m->page);
}

static void drop_copy(struct coh_engine *e, const struct coh_msg *m) {
  struct coh_msg ack = *m;

  e->stats.invalidations_in++;
  if (page_rights(e, m->page) != COH_NONE) {
    fx_add(e, COH_FX_DROP, m->page);
    page_set(e, m->page, COH_NONE, false);
    policy_evicted(e, m->page);
  }
  ack.kind = COH_MSG_ACK;
  if (m->requester == e->cfg.self)
    requester_ack(e, &ack);
  else
    fx_send(e, m->requester, &ack);
}

static void serve(struct coh_engine *e, const struct coh_msg *m) {
  if (m->kind == COH_MSG_INV)
    drop_copy(e, m);
  else if (!page_owned(e, m->page))
    e->stats.stale_msgs++; // a duplicate: it was served before
  else if (m->kind == COH_MSG_FWD_READ)
    give_copy(e, m);
  else
    give_page(e, m);
}

void owner_demand(struct coh_engine *e, const struct coh_msg *m) {
  uint64_t until =
      page_rights(e, m->page) == COH_NONE ? 0 : hold_until(e, m->page);

  if (until <= e->now || !defer(e, m, until))
    serve(e, m);
}

void owner_tick(struct coh_engine *e) {
  while (e->deferred_n && e->deferred[0].due_ns <= e->now &&
         e->fx->n < COH_FX_MAX / 2) {
    struct coh_msg m = e->deferred[0].msg;

    e->deferred[0] = e->deferred[--e->deferred_n];
    sift_down(e->deferred, e->deferred_n, 0);
    serve(e, &m);
  }
}

void owner_ran(struct coh_engine *e, page_idx p) {
  if (hold_until(e, p) > e->now)
    held_slot(e, p)->until_ns = e->now;
  for (uint32_t i = 0; i < e->deferred_n; i++) {
    if (e->deferred[i].msg.page == p) {
      e->deferred[i].due_ns = e->now;
      sift_up(e->deferred, i);
      break;
    }
  }
  owner_tick(e);
}
