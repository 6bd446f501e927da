// SPDX-License-Identifier: Apache-2.0
/*
 * Own requests that wait long. Links are reliable, so a request ends by itself, soon; what does not was lost on its
 * way, or altered, and nothing would ever come of it. Nobody is judged by time: each host that owes something says when
 * it has left, and what is not here when that word comes was lost. Time only says when to ask, and when to give up on a
 * host that does not even say that.
 */
#include "coherence/engine_priv.h"

static struct request *find(struct coh_engine *e, const struct coh_msg *m)
{
	uint32_t i = pmap_get(&e->req_map, m->page);

	return i == PMAP_NONE || e->reqs[i].txn != m->txn ? NULL : &e->reqs[i];
}

/* It was refused and will be asked for again, under another number: nobody owes it anything. */
static bool refused(const struct coh_engine *e, const struct request *r)
{
	return timers_armed(&e->timers, timer_req((uint32_t)(r - e->reqs)));
}

void req_watch(struct coh_engine *e)
{
	if (e->cfg.ask_ns && !timers_armed(&e->timers, timer_ask(e)))
		timers_set(&e->timers, timer_ask(e), e->now + e->cfg.ask_ns);
}

void req_ask(struct coh_engine *e, const struct request *r)
{
	struct coh_msg m = {.kind = COH_MSG_ASK, .requester = e->cfg.self, .txn = r->txn, .page = r->page};

	if (refused(e, r))
		return;
	e->stats.waits_asked++;
	msg_send(e, r->home, m);
}

static void give_up(struct coh_engine *e, const struct request *r)
{
	msg_lost(e, r->home == e->cfg.self ? home_waits_for(e, r) : r->home, r->page,
		 "the page never came, and nobody says why");
}

/* A request that began since the last look is left alone: it has not waited long. */
void req_look(struct coh_engine *e)
{
	for (; e->look_at < e->cfg.requests_max; e->look_at++) {
		struct request *r = &e->reqs[e->look_at];

		if (!fx_room(e)) {
			timers_set(&e->timers, timer_ask(e), e->now);
			return;
		}
		if (!r->used || ++r->looks == 1)
			continue;
		if (r->looks > e->cfg.ask_max)
			give_up(e, r);
		else
			req_ask(e, r);
		self_drain(e);
	}
	e->look_at = 0;
	if (e->wait_n && ++e->wait_looks > e->cfg.ask_max)
		msg_lost(e, e->cfg.self, e->wait[e->wait_head], "there is no room for the page, and nobody makes any");
	if (e->reqs_used || e->wait_n)
		req_watch(e);
}

/* The home asks for the end of a transaction of ours: if it is no longer here, its DONE left before this. */
void req_chased(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct coh_msg told = {.kind = COH_MSG_TOLD,
			       .requester = e->cfg.self,
			       .rights = COH_TOLD_DONE,
			       .txn = m->txn,
			       .page = m->page};

	if (!find(e, m)) // else it waits itself, and asks
		msg_send(e, from, told);
}

void req_told(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct request *r = find(e, m);

	if (!r || refused(e, r)) {
		e->stats.stale_msgs++;
		return;
	}
	bool of_home = m->rights == COH_TOLD_WAITS || m->rights == COH_TOLD_NOTHING;
	if (of_home && r->home != from) {
		e->stats.stale_msgs++; // of a home that was asked before
		return;
	}
	switch (m->rights) {
	case COH_TOLD_WAITS:
		r->looks = 1; // its home is well; whoever's turn it is looks too
		break;
	case COH_TOLD_NOTHING:
		msg_lost(e, from, m->page, "it knows nothing of the request for the page");
		break;
	case COH_TOLD_GRANT:
		if (!r->granted)
			msg_lost(e, from, m->page, "it has given the page, which never came");
		else if (r->acks != m->acks)
			msg_lost(e, from, m->page, "it demanded other acknowledgements than came with the page");
		break;
	case COH_TOLD_ACK:
		if (!(r->acked & host_bit(from)))
			msg_lost(e, from, m->page, "it has acknowledged, which never came");
		break;
	}
}
