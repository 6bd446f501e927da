// SPDX-License-Identifier: Apache-2.0
/*
 * The home of a page: the directory entry and the queue. One transaction a page at a time, from
 * here to the requester's DONE, so no host ever sees messages of two transactions of one page mixed
 * up.
 */
#include "coherence/engine_priv.h"

static struct coh_msg msg_for(const struct home_req *q, uint8_t kind)
{
	return (struct coh_msg){.kind = kind, .requester = q->requester, .txn = q->txn, .page = q->page};
}

/* Sends INV to every host of the set. Returns how many there are: the acknowledgements to collect.
 */
static uint16_t invalidate(struct coh_engine *e, struct home_req *q, host_set set)
{
	uint16_t n = 0;

	q->asked = set;
	for (host_id h = 0; set; h++, set >>= 1) {
		if (!(set & 1))
			continue;
		msg_send(e, h, msg_for(q, COH_MSG_INV));
		e->stats.invalidations_out++;
		n++;
	}
	return n;
}

static void grant(struct coh_engine *e, struct home_req *q, enum coh_rights rights, uint8_t flags, uint16_t acks)
{
	struct coh_msg m = msg_for(q, COH_MSG_GRANT);

	m.rights = (uint8_t)rights;
	m.flags = flags;
	m.acks = acks;
	if (flags & COH_MSGF_ZERO)
		e->stats.zero_out++;
	q->giver = e->cfg.self;
	msg_send(e, q->requester, m);
}

static void forward(struct coh_engine *e, struct home_req *q, uint8_t kind, host_id owner, uint16_t acks)
{
	struct coh_msg m = msg_for(q, kind);

	m.acks = acks;
	q->giver = owner;
	msg_send(e, owner, m);
}

static void start_read(struct coh_engine *e, struct dir *d, struct home_req *q)
{
	if (d->touched) {
		forward(e, q, COH_MSG_FWD_READ, dir_owner(e, d), 0);
	} else {
		grant(e, q, COH_RO, COH_MSGF_ZERO, 0);
		// The home itself got zeroes: from now on it has data to give, like any owner.
		if (q->requester == e->cfg.self)
			page_touch(e, q->page, d);
	}
	if (q->requester != dir_owner(e, d))
		d->sharers |= host_bit(q->requester);
}

static void start_write(struct coh_engine *e, struct dir *d, struct home_req *q)
{
	host_set others = d->sharers & ~host_bit(q->requester) & ~e->gone;
	uint16_t acks = invalidate(e, q, others);

	if (d->touched)
		forward(e, q, COH_MSG_FWD_WRITE, dir_owner(e, d), acks);
	else
		grant(e, q, COH_RW, COH_MSGF_ZERO, acks);
}

/* The requester has a copy: everybody else, the owner too, only has to forget the page. */
static void start_upgrade(struct coh_engine *e, struct dir *d, struct home_req *q)
{
	host_set others = d->sharers | (d->touched ? host_bit(dir_owner(e, d)) : 0);

	others &= ~host_bit(q->requester) & ~e->gone;
	grant(e, q, COH_RW, 0, invalidate(e, q, others));
}

/* Starts the transaction at the head of the queue. Returns false if it makes no sense. */
static bool start(struct coh_engine *e, struct dir *d)
{
	struct home_req *q = &e->pool[d->busy - 1];
	bool owns = dir_owner(e, d) == q->requester && d->touched;
	bool has_copy = owns || (d->sharers & host_bit(q->requester));

	if (q->kind == COH_MSG_REQ_UPGRADE && has_copy) {
		policy_upgrades(d, q->requester);
		start_upgrade(e, d, q);
	} else if (owns) {
		peer_fault(e, q->requester, "owner asks for data it has");
		return false;
	} else if (q->kind == COH_MSG_REQ_READ && !policy_migrates(e, d, q->requester)) {
		policy_reads(d, q->requester);
		start_read(e, d, q);
		return true;
	} else {
		start_write(e, d, q); // an upgrade whose copy is gone is a write miss
		d->reader = 0;
	}
	d->sharers = 0;
	dir_set_owner(e, d, q->requester);
	page_touch(e, q->page, d);
	return true;
}

static void finish(struct coh_engine *e, struct dir *d)
{
	uint32_t i = d->busy - 1;
	struct home_req *q = &e->pool[i];

	d->busy = q->next;
	if (q->next)
		e->pool[q->next - 1].tail = q->tail;
	else
		page_granule(e, q->page)->busy--;
	e->pool_used[q->requester]--;
	*q = (struct home_req){.next = e->pool_free};
	e->pool_free = i + 1;
}

/* Every host has its own share of the queue, so none can crowd the others out for ever. */
static bool queue_has_room(const struct coh_engine *e, host_id from)
{
	return e->pool_free && e->pool_used[from] < e->cfg.queue_max / e->cfg.hosts;
}

static void refuse(struct coh_engine *e, host_id from, uint64_t txn, page_idx page)
{
	struct coh_msg nack = {.kind = COH_MSG_NACK, .requester = from, .txn = txn, .page = page};

	msg_send(e, from, nack);
}

/* Of a granule that is to be shipped what waited for its turn is refused: the next home never knew of it. */
static bool start_or_refuse(struct coh_engine *e, struct dir *d)
{
	const struct home_req *q = &e->pool[d->busy - 1];

	if (page_served(e, q->page))
		return start(e, d);
	e->stats.refused_moving++;
	refuse(e, q->requester, q->txn, q->page);
	return false;
}

static void run_queue(struct coh_engine *e, struct dir *d)
{
	while (d->busy && !start_or_refuse(e, d))
		finish(e, d);
}

void home_request(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct dir *d = page_dir(e, m->page);

	if (m->txn <= e->seen_txn[from]) { // numbers of one host only rise on its link: a duplicate
		e->stats.stale_msgs++;
		return;
	}
	e->seen_txn[from] = m->txn;
	/* Never passed on to the home there is: its number would come behind newer ones of that link, as a duplicate.
	 */
	if (!page_served(e, m->page)) {
		e->stats.refused_moving++;
		refuse(e, from, m->txn, m->page);
		return;
	}
	if (!queue_has_room(e, from)) {
		e->stats.queue_full++;
		refuse(e, from, m->txn, m->page);
		return;
	}
	uint32_t i = e->pool_free - 1;
	struct home_req *q = &e->pool[i];
	e->pool_free = q->next;
	e->pool_used[from]++;
	*q = (struct home_req){.page = m->page, .txn = m->txn, .tail = i + 1, .requester = from, .kind = m->kind};
	if (!d->busy) {
		d->busy = i + 1;
		page_granule(e, m->page)->busy++;
		run_queue(e, d);
		return;
	}
	struct home_req *head = &e->pool[d->busy - 1];
	e->pool[head->tail - 1].next = i + 1;
	head->tail = i + 1;
}

void home_done(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct dir *d = page_dir(e, m->page);
	const struct home_req *q = d && d->busy ? &e->pool[d->busy - 1] : NULL;

	if (!q || q->requester != from || q->txn != m->txn) {
		e->stats.stale_msgs++;
		return;
	}
	finish(e, d);
	run_queue(e, d);
}

/* A hint: whatever is under way for the page makes it pointless, and it may be refused. */
void home_evict(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct dir *d = page_dir(e, m->page);

	if (!page_served(e, m->page) || d->busy || dir_owner(e, d) != from || !req_recall(e, m->page))
		e->stats.stale_msgs++;
}

/* ---- what of a transaction ---- */

static void chase(struct coh_engine *e, const struct home_req *q, host_id who, enum coh_told owed, uint16_t acks)
{
	struct coh_msg m = msg_for(q, COH_MSG_CHASE);

	m.rights = (uint8_t)owed;
	m.acks = acks;
	msg_send(e, who, m);
}

static void chase_all(struct coh_engine *e, const struct home_req *q)
{
	host_set set = q->asked;

	chase(e, q, q->giver, COH_TOLD_GRANT, (uint16_t)__builtin_popcountll(set));
	for (host_id h = 0; set; h++, set >>= 1)
		if (set & 1)
			chase(e, q, h, COH_TOLD_ACK, 0);
}

/*
 * The home can't say of what others owe whether it has arrived, since that goes another way: it sends a word after what
 * it asked of them, and they send one after what they gave. Messages between two hosts keep their order, so behind that
 * word nothing is still on its way. The requester behind the head is told to wait; and the head's requester is chased
 * for its DONE, which nobody else would miss.
 */
void home_asked(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	const struct dir *d = page_dir(e, m->page);
	uint32_t i = d ? d->busy : 0; // what came here when this was no home has been refused, before this answer

	while (i && (e->pool[i - 1].requester != from || e->pool[i - 1].txn != m->txn))
		i = e->pool[i - 1].next;
	if (i && i == d->busy) {
		chase_all(e, &e->pool[i - 1]);
		return;
	}
	struct coh_msg told = {.kind = COH_MSG_TOLD,
			       .requester = from,
			       .rights = i ? COH_TOLD_WAITS : COH_TOLD_NOTHING,
			       .txn = m->txn,
			       .page = m->page};
	msg_send(e, from, told);
	if (i) {
		const struct home_req *q = &e->pool[d->busy - 1];
		chase(e, q, q->requester, COH_TOLD_DONE, 0);
	}
}

void home_told(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	const struct dir *d = page_dir(e, m->page);
	const struct home_req *q = d && d->busy ? &e->pool[d->busy - 1] : NULL;

	if (!q || q->requester != from || q->txn != m->txn)
		e->stats.stale_msgs++;
	else
		msg_lost(e, from, m->page, "its word that it has the page never came");
}

host_id home_waits_for(const struct coh_engine *e, const struct request *r)
{
	const struct dir *d = page_dir(e, r->page);
	const struct home_req *q = d && d->busy ? &e->pool[d->busy - 1] : NULL;

	if (!q || q->requester != e->cfg.self)
		return q ? q->requester : e->cfg.self;
	host_set missing = r->granted ? q->asked & ~r->acked : host_bit(q->giver);
	return missing ? (host_id)__builtin_ctzll(missing) : e->cfg.self;
}

static bool untouched(const struct coh_engine *e, page_idx page)
{
	const struct dir *d = page_dir(e, page);

	return d && page_served(e, page) && !page_closed(e, page) && !d->touched && !d->busy && !d->sharers &&
	       !(e->page[page] & (PG_RIGHTS | PG_PENDING));
}

uint32_t home_zero_run(const struct coh_engine *e, page_idx page, page_idx *first)
{
	page_idx lo = page - page % e->cfg.zero_run, hi = lo + e->cfg.zero_run;

	if (!untouched(e, page))
		return 0;
	*first = page;
	if (!policy_has_spare(e, e->cfg.zero_run))
		return 1;
	while (*first > lo && untouched(e, *first - 1))
		--*first;
	page_idx end = page + 1;
	while (end < hi && end < e->cfg.pages && untouched(e, end))
		end++;
	return (uint32_t)(end - *first);
}
