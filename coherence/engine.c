// SPDX-License-Identifier: Apache-2.0
// One step: check the event, give it to the role it concerns, then do the work that became
// possible.
#include "coherence/engine_priv.h"

#include <string.h>

static const char *const msg_names[] = {
#define COH_MSG(name, text) #name,
#include "coherence/coh_msg.def"
#undef COH_MSG
};

const char *coh_msg_name(unsigned kind)
{
	return kind < COH_MSG_KINDS ? msg_names[kind] : "?";
}

struct coh_fx *fx_add(struct coh_engine *e, enum coh_fx_kind kind, page_idx page)
{
	PD_CHECK(e->fx->n < COH_FX_MAX);
	struct coh_fx *fx = &e->fx->v[e->fx->n++];
	memset(fx, 0, sizeof(*fx));
	fx->kind = kind;
	fx->page = page;
	return fx;
}

/* Messages to this host itself never leave the step: they wait in a short queue until self_drain().
 */
void msg_send(struct coh_engine *e, host_id to, struct coh_msg m)
{
	m.epoch = e->cfg.epoch;
	if (to == e->cfg.self) {
		PD_CHECK(e->self_n < SELF_MAX);
		e->self[(e->self_head + e->self_n++) % SELF_MAX] = m;
		return;
	}
	struct coh_fx *fx = fx_add(e, COH_FX_SEND, m.page);
	fx->to = to;
	fx->msg = m;
	e->stats.msgs_out[m.kind]++;
}

void peer_fault(struct coh_engine *e, host_id who, const char *reason)
{
	struct coh_fx *fx = fx_add(e, COH_FX_PEER_FAULT, 0);

	fx->to = who;
	fx->reason = reason;
	e->stats.bad_msgs++;
}

/* Who waits for it waits in vain: a reliable link does not lose, so there is nobody to ask for it again. */
void msg_lost(struct coh_engine *e, host_id who, page_idx page, const char *reason)
{
	struct coh_fx *fx = fx_add(e, COH_FX_LOST, page);

	fx->to = who;
	fx->reason = reason;
	e->stats.waits_lost++;
}

static void deliver(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	switch (m->kind) {
	case COH_MSG_REQ_READ:
	case COH_MSG_REQ_WRITE:
	case COH_MSG_REQ_UPGRADE:
		home_request(e, from, m);
		break;
	case COH_MSG_FWD_READ:
	case COH_MSG_FWD_WRITE:
	case COH_MSG_INV:
		owner_asked(e, m);
		break;
	case COH_MSG_GRANT:
		req_grant(e, from, m);
		break;
	case COH_MSG_ACK:
		req_ack(e, from, m);
		break;
	case COH_MSG_DONE:
		home_done(e, from, m);
		break;
	case COH_MSG_EVICT:
		home_evict(e, from, m);
		break;
	case COH_MSG_NACK:
		req_nack(e, from, m);
		break;
	case COH_MSG_ASK:
		home_asked(e, from, m);
		break;
	case COH_MSG_CHASE:
		if (m->rights == COH_TOLD_DONE)
			req_chased(e, from, m);
		else
			owner_chased(e, m);
		break;
	case COH_MSG_TOLD:
		if (m->rights == COH_TOLD_DONE)
			home_told(e, from, m);
		else
			req_told(e, from, m);
		break;
	}
}

void self_drain(struct coh_engine *e)
{
	while (e->self_n) {
		struct coh_msg m = e->self[e->self_head];
		e->self_head = (e->self_head + 1) % SELF_MAX;
		e->self_n--;
		deliver(e, e->cfg.self, &m);
	}
}

/* Whether it is the page's home, or may have been when it sent this. */
static bool home_or_former(const struct coh_engine *e, host_id who, page_idx page)
{
	return page_home(e, page) == who || page_moved(e, page);
}

/* Orders are carried out before a home moves, so they can be the new or the old one's only while it does. */
static bool may_order(const struct coh_engine *e, host_id who, page_idx page)
{
	const struct granule *g = page_granule(e, page);

	return g->home1 == who + 1u || g->other1 == who + 1u;
}

static const char *chase_error(const struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	if (!home_or_former(e, from, m->page))
		return "chased by a host that is not the page's home";
	switch (m->rights) {
	case COH_TOLD_DONE:
		return m->requester == e->cfg.self ? NULL : "chased for the end of another host's transaction";
	case COH_TOLD_GRANT:
	case COH_TOLD_ACK:
		return m->requester != e->cfg.self ? NULL : "chased for what is owed to itself";
	}
	return "chased for nothing";
}

static const char *told_error(const struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	switch (m->rights) {
	case COH_TOLD_DONE:
		if (m->requester == from && home_or_former(e, e->cfg.self, m->page))
			return NULL;
		return "told of the end of another's transaction";
	case COH_TOLD_NOTHING:
	case COH_TOLD_WAITS:
		if (!home_or_former(e, from, m->page))
			return "told of a transaction by a host that is not the page's home";
		break;
	}
	return m->requester == e->cfg.self ? NULL : "told of another host's transaction";
}

static const char *role_error(const struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	switch (m->kind) {
	case COH_MSG_REQ_READ:
	case COH_MSG_REQ_WRITE:
	case COH_MSG_REQ_UPGRADE:
	case COH_MSG_DONE:
	case COH_MSG_EVICT:
	case COH_MSG_ASK:
		if (!home_or_former(e, e->cfg.self, m->page))
			return "request to a host that is not the page's home";
		return m->requester == from ? NULL : "request in another host's name";
	case COH_MSG_FWD_READ:
	case COH_MSG_FWD_WRITE:
	case COH_MSG_INV:
		if (m->requester == e->cfg.self)
			return "asked to give a page to itself";
		return may_order(e, from, m->page) ? NULL : "order from a host that is not the page's home";
	case COH_MSG_NACK:
		if (!home_or_former(e, from, m->page))
			return "refusal from a host that is not the page's home";
		break;
	case COH_MSG_CHASE:
		return chase_error(e, from, m);
	case COH_MSG_TOLD:
		return told_error(e, from, m);
	}
	return m->requester == e->cfg.self ? NULL : "answer for another host";
}

/* Everything a peer says is checked here or against the state it refers to, before it is used. */
static const char *msg_error(const struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	unsigned hosts = e->cfg.hosts;

	if (m->kind >= COH_MSG_KINDS)
		return "unknown message kind";
	if (!page_is_memory(e, m->page))
		return "page out of range";
	if (m->requester >= hosts)
		return "requester out of range";
	if (m->rights > (m->kind == COH_MSG_CHASE || m->kind == COH_MSG_TOLD ? COH_TOLD_DONE : COH_RW))
		return "unknown rights";
	if (m->acks >= hosts)
		return "more acknowledgements than hosts";
	if (m->flags > (m->kind == COH_MSG_GRANT ? COH_MSGF_ZERO : 0u))
		return "flags that do not fit the message";
	return role_error(e, from, m);
}

/* Who has left asks for nothing; what it owed to others may still be on its way. */
static bool asks(unsigned kind)
{
	return kind == COH_MSG_REQ_READ || kind == COH_MSG_REQ_WRITE || kind == COH_MSG_REQ_UPGRADE ||
	       kind == COH_MSG_EVICT;
}

/*
 * What says nothing that counts any more may be late by any time, also about memory that is gone: all else has arrived
 * before it went.
 */
static bool too_late(const struct coh_engine *e, const struct coh_msg *m)
{
	bool may = m->kind == COH_MSG_EVICT || m->kind == COH_MSG_NACK || m->kind == COH_MSG_ASK ||
		   m->kind == COH_MSG_CHASE || m->kind == COH_MSG_TOLD;

	return may && m->page < e->cfg.pages && page_home(e, m->page) == HOST_NONE && page_moved(e, m->page);
}

static void on_msg(struct coh_engine *e, const struct coh_event *ev)
{
	const struct coh_msg *m = &ev->msg;

	if (ev->from >= e->cfg.hosts || ev->from == e->cfg.self || (asks(m->kind) && (e->gone & host_bit(ev->from)))) {
		e->stats.bad_msgs++; // a link that does not exist: nobody to blame
		return;
	}
	if (m->epoch != e->cfg.epoch || too_late(e, m)) {
		e->stats.stale_msgs++;
		return;
	}
	const char *error = msg_error(e, ev->from, m);
	if (error) {
		peer_fault(e, ev->from, error);
		return;
	}
	e->stats.msgs_in[m->kind]++;
	deliver(e, ev->from, m);
}

static void on_timer(struct coh_engine *e, uint32_t id)
{
	if (id == timer_ask(e))
		req_look(e);
	else if (id >= timer_policy(e))
		return; // policy: what follows every step does the work
	else if (id >= timer_evict(e, 0))
		policy_evict_due(e, id - timer_evict(e, 0));
	else if (id >= timer_defer(e, 0))
		owner_defer_due(e, id - timer_defer(e, 0));
	else
		req_retry(e, id);
}

static void on_tick(struct coh_engine *e)
{
	while (fx_room(e)) {
		uint32_t id = timers_pop(&e->timers, e->now);
		if (id == TIMERS_NONE)
			return;
		on_timer(e, id);
		self_drain(e);
	}
}

void coh_engine_step(struct coh_engine *e, const struct coh_event *ev, struct coh_fx_list *fx)
{
	fx->n = 0;
	e->fx = fx;
	if (ev->now_ns > e->now)
		e->now = ev->now_ns;
	switch (ev->kind) {
	case COH_EV_FAULT:
		if (page_is_memory(e, ev->page))
			req_fault(e, ev->page, ev->access);
		break;
	case COH_EV_MSG:
		on_msg(e, ev);
		break;
	case COH_EV_TICK:
		on_tick(e);
		break;
	case COH_EV_RAN:
		if (page_is_memory(e, ev->page))
			owner_release(e, ev->page);
		break;
	}
	self_drain(e);
	req_service_waiting(e);
	self_drain(e);
	policy_evict(e);
	self_drain(e);
	e->fx = NULL;
}

uint64_t coh_engine_deadline(const struct coh_engine *e)
{
	return timers_next(&e->timers);
}

enum coh_rights coh_engine_rights(const struct coh_engine *e, page_idx page)
{
	return page < e->cfg.pages ? page_rights(e, page) : COH_NONE;
}

bool coh_engine_pending(const struct coh_engine *e, page_idx page)
{
	return page < e->cfg.pages && (e->page[page] & (PG_PENDING | PG_WAITING));
}

unsigned coh_engine_open(const struct coh_engine *e)
{
	return e->reqs_used + e->evicts;
}

bool coh_engine_untouched(const struct coh_engine *e, page_idx page)
{
	const struct dir *d = page < e->cfg.pages ? page_dir(e, page) : NULL;

	return d && !d->touched;
}

host_id coh_engine_owner(const struct coh_engine *e, page_idx page)
{
	const struct dir *d = page < e->cfg.pages ? page_dir(e, page) : NULL;

	return d && d->touched ? dir_owner(e, d) : HOST_NONE;
}

host_id coh_engine_home(const struct coh_engine *e, page_idx page)
{
	return page < e->cfg.pages ? page_home(e, page) : HOST_NONE;
}

const struct coh_stats *coh_engine_stats(const struct coh_engine *e)
{
	return &e->stats;
}

double coh_engine_bytes_per_page(const struct coh_engine *e)
{
	return (double)(e->bytes - (e->cfg.pages - e->homed) * sizeof(struct dir)) / (double)e->cfg.pages;
}
