// SPDX-License-Identifier: Apache-2.0
// What a host with a copy is asked by the home: give a read copy, give the page, forget it.
#include "coherence/engine_priv.h"

static void give(struct coh_engine *e, const struct coh_msg *asked, enum coh_rights rights)
{
	struct coh_msg m = {.kind = COH_MSG_GRANT,
			    .flags = COH_MSGF_DATA,
			    .requester = asked->requester,
			    .rights = (uint8_t)rights,
			    .acks = asked->acks,
			    .txn = asked->txn,
			    .page = asked->page};

	e->stats.pages_out++;
	msg_send(e, asked->requester, m);
}

static void protect(struct coh_engine *e, page_idx page)
{
	if (page_rights(e, page) != COH_RW)
		return;
	fx_add(e, COH_FX_PROTECT, page);
	page_set(e, page, COH_RO, true);
	e->stats.downgrades++;
}

static void drop(struct coh_engine *e, page_idx page)
{
	fx_add(e, COH_FX_DROP, page);
	page_set(e, page, COH_NONE, false);
	policy_lost(e, page);
}

static void serve(struct coh_engine *e, const struct coh_msg *m)
{
	uint32_t w = e->page[m->page];

	if (m->kind == COH_MSG_INV) {
		struct coh_msg ack = {.kind = COH_MSG_ACK, .requester = m->requester, .txn = m->txn, .page = m->page};
		e->stats.invalidations_in++;
		if (w & PG_RIGHTS) // else dropped silently before
			drop(e, m->page);
		msg_send(e, m->requester, ack);
		return;
	}
	if (!(w & PG_OWNER)) { // a late duplicate; the home would not ask
		e->stats.stale_msgs++;
		return;
	}
	protect(e, m->page);
	if (m->kind == COH_MSG_FWD_READ) {
		give(e, m, COH_RO);
	} else {
		give(e, m, COH_RW);
		drop(e, m->page);
	}
}

/*
 * Whether serving m has to wait. Not while an own request is under way: then the local access can't
 * go on with what is here anyway, and waiting would only delay its turn in the home's queue.
 */
static bool must_wait(const struct coh_engine *e, const struct coh_msg *m)
{
	bool takes = m->kind != COH_MSG_FWD_READ || page_rights(e, m->page) == COH_RW;

	return takes && !(e->page[m->page] & PG_PENDING) && policy_held(e, m->page);
}

/* A second message while one is put off: the home sent a duplicate, or the first is one. */
static bool same_as_deferred(const struct coh_engine *e, const struct coh_msg *m)
{
	const struct coh_msg *d = &e->defer[pmap_get(&e->defer_map, m->page)].msg;

	return d->kind == m->kind && d->requester == m->requester && d->txn == m->txn;
}

void owner_asked(struct coh_engine *e, const struct coh_msg *m)
{
	if (e->page[m->page] & PG_DEFERRED) {
		if (same_as_deferred(e, m)) {
			e->stats.stale_msgs++;
			return;
		}
		owner_release(e, m->page);
	}
	if (!must_wait(e, m) || !e->defer_free) {
		serve(e, m);
		return;
	}
	uint32_t i = e->defer_free - 1;
	struct deferred *d = &e->defer[i];
	e->defer_free = d->next_free;
	d->msg = *m;
	e->page[m->page] |= PG_DEFERRED;
	pmap_put(&e->defer_map, m->page, i);
	timers_set(&e->timers, timer_defer(e, i), policy_hold_end(e, m->page));
	e->stats.holds++;
}

static void undefer(struct coh_engine *e, uint32_t i)
{
	struct deferred *d = &e->defer[i];
	struct coh_msg m = d->msg;

	timers_clear(&e->timers, timer_defer(e, i));
	pmap_del(&e->defer_map, m.page);
	*d = (struct deferred){.next_free = e->defer_free};
	e->defer_free = i + 1;
	e->page[m.page] &= ~(PG_DEFERRED | PG_HELD);
	serve(e, &m);
}

void owner_release(struct coh_engine *e, page_idx page)
{
	e->page[page] &= ~PG_HELD;
	if (e->page[page] & PG_DEFERRED)
		undefer(e, pmap_get(&e->defer_map, page));
}

/* The hold ended by time: if the page comes back soon, the next hold will be longer. */
void owner_defer_due(struct coh_engine *e, uint32_t i)
{
	e->page[e->defer[i].msg.page] |= PG_CONTESTED;
	undefer(e, i);
}

/* What the home asked for came before this; a hold that still puts it off has lasted long enough. */
void owner_chased(struct coh_engine *e, const struct coh_msg *m)
{
	struct coh_msg told = {.kind = COH_MSG_TOLD,
			       .requester = m->requester,
			       .rights = m->rights,
			       .acks = m->acks,
			       .txn = m->txn,
			       .page = m->page};

	if (e->page[m->page] & PG_DEFERRED) {
		const struct coh_msg *d = &e->defer[pmap_get(&e->defer_map, m->page)].msg;
		if (d->requester == m->requester && d->txn == m->txn)
			owner_release(e, m->page);
	}
	msg_send(e, m->requester, told);
}
