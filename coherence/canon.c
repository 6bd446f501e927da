// SPDX-License-Identifier: Apache-2.0
#include "coherence/canon.h"

#include <errno.h>
#include <string.h>

#include "coherence/engine_priv.h"

#define FAR_NS 1000000000ull // deadlines of a loaded engine: only an expire reaches them

static void save_request(const struct coh_engine *e, page_idx page, struct coh_canon_page *p)
{
	uint32_t i = pmap_get(&e->req_map, page);

	p->req_kind = COH_CANON_NONE;
	if (i == PMAP_NONE)
		return;
	const struct request *r = &e->reqs[i];
	p->req_kind = r->kind;
	p->req_granted = r->granted;
	p->req_want_write = r->want_write;
	p->req_waiter = r->waiter;
	p->req_nacked = timers_armed(&e->timers, timer_req(i));
	p->req_acks = (uint8_t)r->acks;
	p->req_acked = (uint8_t)r->acked;
	p->req_home = r->home;
	p->req_txn = r->txn;
}

static void save_deferred(const struct coh_engine *e, page_idx page, struct coh_canon_page *p)
{
	uint32_t i = pmap_get(&e->defer_map, page);

	p->defer_kind = COH_CANON_NONE;
	if (i == PMAP_NONE)
		return;
	p->defer_kind = e->defer[i].msg.kind;
	p->defer_requester = e->defer[i].msg.requester;
	p->defer_acks = (uint8_t)e->defer[i].msg.acks;
	p->defer_txn = e->defer[i].msg.txn;
}

static int save_dir(const struct coh_engine *e, page_idx page, struct coh_canon_page *p)
{
	const struct dir *d = page_dir(e, page);

	if (!d)
		return 0;
	p->dir_owner = dir_owner(e, d);
	p->dir_sharers = (uint8_t)d->sharers;
	p->dir_touched = d->touched;
	for (uint32_t i = d->busy; i; i = e->pool[i - 1].next) {
		const struct home_req *q = &e->pool[i - 1];
		if (p->queue_n == COH_CANON_HOSTS)
			return -EINVAL;
		if (!p->queue_n) {
			p->giver = q->giver;
			p->asked = (uint8_t)q->asked;
		}
		p->queue[p->queue_n].requester = q->requester;
		p->queue[p->queue_n].kind = q->kind;
		p->queue[p->queue_n++].txn = q->txn;
	}
	return 0;
}

int coh_canon_save(const struct coh_engine *e, struct coh_canon *out)
{
	if (e->cfg.pages > COH_CANON_PAGES || e->cfg.hosts > COH_CANON_HOSTS || e->cfg.granule_shift)
		return -EINVAL;
	memset(out, 0, sizeof(*out));
	out->txn = e->txn;
	memcpy(out->seen, e->seen_txn, sizeof(out->seen));
	out->wait_n = (uint8_t)e->wait_n;
	for (uint32_t i = 0; i < e->wait_n; i++)
		out->wait[i] = (uint8_t)e->wait[(e->wait_head + i) % COH_WAIT_MAX];
	for (page_idx page = 0; page < e->cfg.pages; page++) {
		struct coh_canon_page *p = &out->page[page];
		uint32_t w = e->page[page];
		p->home1 = e->granule[page].home1;
		p->other1 = e->granule[page].other1;
		p->moving = e->granule[page].flags & ~GRANULE_USED; // the protocol does not know it
		p->rights = w & PG_RIGHTS;
		p->owner = !!(w & PG_OWNER);
		p->held = policy_held(e, page);
		p->evicting = !!(w & PG_EVICTING);
		p->waiting = !!(w & PG_WAITING);
		p->wait_write = !!(w & PG_WAIT_WR);
		save_request(e, page, p);
		save_deferred(e, page, p);
		if (save_dir(e, page, p))
			return -EINVAL;
	}
	return 0;
}

static void load_request(struct coh_engine *e, page_idx page, const struct coh_canon_page *p)
{
	if (p->req_kind == COH_CANON_NONE)
		return;
	uint32_t i = e->req_free - 1;
	struct request *r = &e->reqs[i];
	e->req_free = r->next_free;
	e->reqs_used++;
	*r = (struct request){.page = page,
			      .txn = p->req_txn,
			      .acked = p->req_acked,
			      .acks = p->req_acks,
			      .home = p->req_home,
			      .kind = p->req_kind,
			      .used = true,
			      .granted = p->req_granted,
			      .want_write = p->req_want_write,
			      .waiter = p->req_waiter};
	pmap_put(&e->req_map, page, i);
	e->page[page] |= PG_PENDING;
	e->incoming += p->rights == COH_NONE;
	if (p->req_nacked)
		timers_set(&e->timers, timer_req(i), FAR_NS);
}

static void load_deferred(struct coh_engine *e, page_idx page, const struct coh_canon_page *p)
{
	if (p->defer_kind == COH_CANON_NONE)
		return;
	uint32_t i = e->defer_free - 1;
	e->defer_free = e->defer[i].next_free;
	e->defer[i].msg = (struct coh_msg){.kind = p->defer_kind,
					   .requester = p->defer_requester,
					   .acks = p->defer_acks,
					   .epoch = e->cfg.epoch,
					   .txn = p->defer_txn,
					   .page = page};
	pmap_put(&e->defer_map, page, i);
	e->page[page] |= PG_DEFERRED;
	timers_set(&e->timers, timer_defer(e, i), FAR_NS);
}

static void load_dir(struct coh_engine *e, page_idx page, const struct coh_canon_page *p)
{
	struct dir *d = page_dir(e, page);
	uint32_t last = 0;

	if (!d)
		return;
	dir_set_owner(e, d, p->dir_owner);
	d->sharers = p->dir_sharers;
	d->touched = p->dir_touched;
	for (unsigned k = 0; k < p->queue_n; k++) {
		uint32_t i = e->pool_free;
		struct home_req *q = &e->pool[i - 1];
		e->pool_free = q->next;
		e->pool_used[p->queue[k].requester]++;
		*q = (struct home_req){.page = page,
				       .txn = p->queue[k].txn,
				       .tail = i,
				       .requester = p->queue[k].requester,
				       .kind = p->queue[k].kind,
				       .giver = k ? 0 : p->giver,
				       .asked = k ? 0 : p->asked};
		if (last)
			e->pool[last - 1].next = i;
		else
			d->busy = i;
		e->pool[d->busy - 1].tail = i;
		last = i;
	}
	e->granule[page].busy += d->busy != 0;
}

static void load_evicting(struct coh_engine *e, page_idx page)
{
	uint32_t i = e->evicts++;

	e->evict[i] = (struct evict_slot){.page = page, .used = true};
	e->page[page] |= PG_EVICTING;
	timers_set(&e->timers, timer_evict(e, i), FAR_NS);
}

static void load_granule(struct coh_engine *e, page_idx page, const struct coh_canon_page *p)
{
	struct granule *g = &e->granule[page];

	e->homed -= g->home1 == e->cfg.self + 1u;
	*g = (struct granule){.home1 = p->home1, .other1 = p->other1, .flags = p->moving};
	e->homed += g->home1 == e->cfg.self + 1u;
	e->homes_due += !!(g->flags & GRANULE_DUE);
}

void coh_canon_load(struct coh_engine *e, const struct coh_canon *in)
{
	e->txn = in->txn;
	memcpy(e->seen_txn, in->seen, sizeof(in->seen));
	for (page_idx page = 0; page < e->cfg.pages; page++) {
		const struct coh_canon_page *p = &in->page[page];
		load_granule(e, page, p);
		page_set(e, page, (enum coh_rights)p->rights, p->owner);
		e->page[page] |= p->held ? PG_HELD : 0;
		e->page[page] |= p->waiting ? PG_WAITING : 0;
		e->page[page] |= p->wait_write ? PG_WAIT_WR : 0;
		page_stamp(e, page);
		load_request(e, page, p);
		load_deferred(e, page, p);
		load_dir(e, page, p);
		if (p->evicting)
			load_evicting(e, page);
	}
	for (e->wait_n = 0; e->wait_n < in->wait_n; e->wait_n++)
		e->wait[e->wait_n] = in->wait[e->wait_n];
	if (e->wait_n)
		timers_set(&e->timers, timer_policy(e), FAR_NS);
}

static uint32_t timer_id(const struct coh_engine *e, enum coh_canon_timer t, page_idx page)
{
	uint32_t i;

	switch (t) {
	case COH_CANON_RETRY:
		i = pmap_get(&e->req_map, page);
		return i == PMAP_NONE ? TIMERS_NONE : timer_req(i);
	case COH_CANON_HOLD:
		i = pmap_get(&e->defer_map, page);
		return i == PMAP_NONE ? TIMERS_NONE : timer_defer(e, i);
	case COH_CANON_EVICT:
		for (i = 0; i < COH_EVICT_INFLIGHT; i++)
			if (e->evict[i].used && e->evict[i].page == page)
				return timer_evict(e, i);
		return TIMERS_NONE;
	case COH_CANON_POLICY:
		return timer_policy(e);
	}
	return TIMERS_NONE;
}

void coh_canon_timer_expire(struct coh_engine *e, enum coh_canon_timer t, page_idx page)
{
	timers_set(&e->timers, timer_id(e, t, page), e->now);
}

void coh_canon_give_up(struct coh_engine *e, page_idx page, struct coh_fx_list *fx)
{
	fx->n = 0;
	e->fx = fx;
	policy_give_up(e, page);
	self_drain(e);
	e->fx = NULL;
}

void coh_canon_ask(struct coh_engine *e, page_idx page, struct coh_fx_list *fx)
{
	uint32_t i = pmap_get(&e->req_map, page);

	fx->n = 0;
	e->fx = fx;
	if (i != PMAP_NONE)
		req_ask(e, &e->reqs[i]);
	self_drain(e);
	e->fx = NULL;
}
