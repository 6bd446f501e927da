// SPDX-License-Identifier: Apache-2.0
/*
 * Own requests: from a local fault to the grant, the acknowledgements and the DONE. A page has at
 * most one own request; faults that come meanwhile are absorbed.
 */
#include "coherence/engine_priv.h"

static struct request *find(struct coh_engine *e, page_idx page)
{
	uint32_t i = pmap_get(&e->req_map, page);

	return i == PMAP_NONE ? NULL : &e->reqs[i];
}

static uint32_t index_of(const struct coh_engine *e, const struct request *r)
{
	return (uint32_t)(r - e->reqs);
}

static void ask_home(struct coh_engine *e, struct request *r)
{
	struct coh_msg m = {.kind = r->kind, .requester = e->cfg.self, .page = r->page};

	m.rights = r->kind == COH_MSG_REQ_READ ? COH_RO : COH_RW;
	m.txn = r->txn = ++e->txn;
	r->home = page_home(e, r->page);
	msg_send(e, r->home, m);
}

/* Takes a table entry for page and asks. Returns false if the table is full. */
static bool begin(struct coh_engine *e, page_idx page, enum coh_access access, bool waiter)
{
	bool resident = page_rights(e, page) != COH_NONE;

	if (!e->req_free)
		return false;
	uint32_t i = e->req_free - 1;
	struct request *r = &e->reqs[i];
	e->req_free = r->next_free;
	e->reqs_used++;
	*r = (struct request){.page = page, .used = true, .waiter = waiter};
	r->kind = access == COH_READ ? COH_MSG_REQ_READ : resident ? COH_MSG_REQ_UPGRADE : COH_MSG_REQ_WRITE;
	pmap_put(&e->req_map, page, i);
	e->page[page] |= PG_PENDING;
	e->incoming += !resident;
	req_watch(e);
	ask_home(e, r);
	return true;
}

static void end(struct coh_engine *e, struct request *r)
{
	uint32_t i = index_of(e, r);

	timers_clear(&e->timers, timer_req(i));
	pmap_del(&e->req_map, r->page);
	e->page[r->page] &= ~PG_PENDING;
	e->incoming -= page_rights(e, r->page) == COH_NONE;
	*r = (struct request){.next_free = e->req_free};
	e->req_free = i + 1;
	e->reqs_used--;
}

/* An untouched page homed here, and neighbours of the same kind, become ours without any message.
 */
static bool take_zeroes(struct coh_engine *e, page_idx page)
{
	page_idx first;
	uint32_t n = home_zero_run(e, page, &first);

	if (!n)
		return false;
	struct coh_fx *fx = fx_add(e, COH_FX_INSTALL_ZERO, first);
	fx->pages = n;
	fx->rights = COH_RW;
	for (page_idx p = first; p < first + n; p++) {
		page_touch(e, p, page_dir(e, p));
		page_set(e, p, COH_RW, true);
	}
	policy_hold_begin(e, page);
	e->stats.faults_local++;
	return true;
}

/* Returns false if the access has to wait for room in memory or in the table. */
static bool try_start(struct coh_engine *e, page_idx page, enum coh_access access)
{
	bool resident = page_rights(e, page) != COH_NONE;
	unsigned before = e->fx->n;

	if (!resident && !policy_room(e, page))
		return false;
	if (!resident && take_zeroes(e, page)) {
		e->stats.faults_read += access == COH_READ;
		e->stats.faults_write += access == COH_WRITE;
		return true;
	}
	if (!begin(e, page, access, true))
		return false;
	if (resident)
		e->stats.faults_upgrade++;
	else if (access == COH_WRITE)
		e->stats.faults_write++;
	else
		e->stats.faults_read++;
	self_drain(e);
	bool sent = false;
	for (unsigned i = before; i < e->fx->n; i++)
		sent |= e->fx->v[i].kind == COH_FX_SEND;
	e->stats.faults_local += !sent && !(e->page[page] & PG_PENDING);
	if (!resident)
		policy_miss(e, page, access);
	return true;
}

static void wait_for_room(struct coh_engine *e, page_idx page, enum coh_access access)
{
	if (e->wait_n == COH_WAIT_MAX) { // more threads than expected: let them fault again
		fx_add(e, COH_FX_WAKE, page);
		return;
	}
	e->wait[(e->wait_head + e->wait_n++) % COH_WAIT_MAX] = page;
	req_watch(e);
	e->page[page] |= PG_WAITING | (access == COH_WRITE ? PG_WAIT_WR : 0);
}

static bool satisfied(const struct coh_engine *e, page_idx page, enum coh_access access)
{
	return page_rights(e, page) >= (access == COH_WRITE ? COH_RW : COH_RO);
}

/* A fault on a page that is already asked for. */
static void absorb(struct coh_engine *e, page_idx page, enum coh_access access)
{
	struct request *r = find(e, page);

	r->waiter = true;
	if (access == COH_WRITE && r->kind == COH_MSG_REQ_READ)
		r->want_write = true;
	if (e->page[page] & PG_AHEAD) {
		e->page[page] &= ~PG_AHEAD;
		policy_miss(e, page, r->kind == COH_MSG_REQ_READ ? COH_READ : COH_WRITE);
	}
}

void req_fault(struct coh_engine *e, page_idx page, enum coh_access access)
{
	if (page_closed(e, page))
		return; // who waits for it is woken when the memory is gone
	if (satisfied(e, page, access)) {
		e->stats.faults_spurious++;
		e->page[page] &= ~PG_AHEAD;
		fx_add(e, COH_FX_WAKE, page);
	} else if (e->page[page] & PG_PENDING) {
		absorb(e, page, access);
	} else if (e->page[page] & PG_WAITING) {
		e->page[page] |= access == COH_WRITE ? PG_WAIT_WR : 0;
	} else {
		// The local access can't go on with what a hold protects: give it up, ask again.
		if (e->page[page] & PG_DEFERRED)
			owner_release(e, page);
		if (e->wait_n || !try_start(e, page, access))
			wait_for_room(e, page, access);
	}
}

void req_service_waiting(struct coh_engine *e)
{
	while (e->wait_n && fx_room(e)) {
		page_idx page = e->wait[e->wait_head];
		enum coh_access access = e->page[page] & PG_WAIT_WR ? COH_WRITE : COH_READ;

		if (satisfied(e, page, access)) {
			fx_add(e, COH_FX_WAKE, page);
		} else if (e->page[page] & PG_PENDING) {
			absorb(e, page, access);
		} else if (page_closed(e, page)) {
			; // as in req_fault()
		} else if (!try_start(e, page, access)) {
			// Something under way will make room; this is for when nothing is.
			if (!timers_armed(&e->timers, timer_policy(e)))
				timers_set(&e->timers, timer_policy(e), e->now + COH_RETRY_NS);
			return;
		}
		e->page[page] &= ~(PG_WAITING | PG_WAIT_WR);
		e->wait_head = (e->wait_head + 1) % COH_WAIT_MAX;
		e->wait_looks = 0;
		e->wait_n--;
	}
	if (e->wait_n)
		timers_set(&e->timers, timer_policy(e), e->now);
}

/* Takes back a page homed here that another host owns. Returns false if it can't be done now. */
bool req_recall(struct coh_engine *e, page_idx page)
{
	if ((e->page[page] & PG_PENDING) || page_closed(e, page) || !policy_room(e, page))
		return false;
	return begin(e, page, COH_WRITE, false);
}

/* Asks for a page nobody waits for yet. Returns false if the stream should stop here. */
bool req_prefetch(struct coh_engine *e, page_idx page, enum coh_access access)
{
	const struct dir *d = page_dir(e, page);

	if (!page_is_memory(e, page) || page_closed(e, page) ||
	    (e->page[page] & (PG_RIGHTS | PG_PENDING | PG_WAITING)) || (d && !d->touched))
		return true; // nothing to do for this one
	if (e->wait_n || e->reqs_used >= e->cfg.requests_max / 2 || !fx_room(e))
		return false;
	begin(e, page, access, false);
	e->page[page] |= PG_AHEAD;
	e->stats.prefetches++;
	self_drain(e);
	return true;
}

static void complete(struct coh_engine *e, struct request *r)
{
	page_idx page = r->page;
	bool again = r->want_write && page_rights(e, page) != COH_RW && !page_closed(e, page);
	struct coh_msg done = {.kind = COH_MSG_DONE, .requester = e->cfg.self, .txn = r->txn, .page = page};

	host_id home = r->home;

	if (r->waiter)
		policy_hold_begin(e, page);
	end(e, r);
	msg_send(e, home, done);
	if (again && !(e->page[page] & PG_WAITING)) {
		if (begin(e, page, COH_WRITE, true))
			e->stats.faults_upgrade++;
		else
			wait_for_room(e, page, COH_WRITE);
	}
}

static bool all_acked(const struct request *r)
{
	return __builtin_popcountll(r->acked) >= r->acks;
}

static void install(struct coh_engine *e, const struct request *r, const struct coh_msg *m, enum coh_rights rights)
{
	bool zero = m->flags & COH_MSGF_ZERO;
	struct coh_fx *fx = fx_add(e, zero ? COH_FX_INSTALL_ZERO : COH_FX_INSTALL, m->page);
	const struct dir *d = page_dir(e, m->page);

	fx->pages = 1;
	fx->rights = rights;
	fx->waited = r->waiter;
	if (zero)
		e->stats.zero_in++;
	else
		e->stats.pages_in++;
	// A reader is the owner only if it is the home and the page had no data anywhere.
	page_set(e, m->page, rights, rights == COH_RW || (d && dir_owner(e, d) == e->cfg.self));
}

/* The page is in the hands of this host alone once everybody has acknowledged. */
static void write_progress(struct coh_engine *e, struct request *r)
{
	if (!r->granted || !all_acked(r))
		return;
	if (page_rights(e, r->page) != COH_RW) {
		fx_add(e, COH_FX_UNPROTECT, r->page);
		page_set(e, r->page, COH_RW, true);
	}
	complete(e, r);
}

/* What is wrong with a grant for r, or NULL. */
static const char *grant_error(const struct coh_engine *e, host_id from, const struct request *r,
			       const struct coh_msg *m)
{
	bool data = m->flags, copy = page_rights(e, r->page) != COH_NONE;

	/* A reader may be given more than it asked for. */
	if (m->rights != COH_RW && (r->kind != COH_MSG_REQ_READ || m->rights != COH_RO))
		return "grant of other rights than asked";
	if (data == copy)
		return data ? "grant of data that is here" : "grant without data";
	if (!data && from != r->home)
		return "grant without data from a host that is not the home";
	if (r->kind == COH_MSG_REQ_READ && m->acks)
		return "read grant with acknowledgements";
	return NULL;
}

void req_grant(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct request *r = find(e, m->page);

	if (!r || r->txn != m->txn || r->granted) {
		e->stats.stale_msgs++;
		return;
	}
	const char *error = grant_error(e, from, r, m);
	if (error) {
		peer_fault(e, from, error);
		return;
	}
	r->granted = true;
	r->acks = m->acks;
	timers_clear(&e->timers, timer_req(index_of(e, r)));
	if (r->kind == COH_MSG_REQ_READ) {
		install(e, r, m, (enum coh_rights)m->rights);
		complete(e, r);
		return;
	}
	// Until the last reader acknowledged this is one more copy of the same content.
	if (m->flags)
		install(e, r, m, all_acked(r) ? COH_RW : COH_RO);
	else
		e->stats.upgrades++;
	write_progress(e, r);
}

void req_ack(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct request *r = find(e, m->page);

	if (!r || r->txn != m->txn || (r->acked & host_bit(from))) {
		e->stats.stale_msgs++;
		return;
	}
	if (r->kind == COH_MSG_REQ_READ) {
		peer_fault(e, from, "acknowledgement of a read");
		return;
	}
	r->acked |= host_bit(from);
	write_progress(e, r);
}

void req_nack(struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	struct request *r = find(e, m->page);

	if (!r || r->txn != m->txn || r->home != from || r->granted ||
	    timers_armed(&e->timers, timer_req(index_of(e, r)))) {
		e->stats.stale_msgs++;
		return;
	}
	if (!r->waiter) { // nobody needs it
		e->page[r->page] &= ~PG_AHEAD;
		end(e, r);
		return;
	}
	timers_set(&e->timers, timer_req(index_of(e, r)), e->now + ((uint64_t)COH_RETRY_NS << r->nacks));
	if (r->nacks < 4)
		r->nacks++;
}

/* Asks again, for what is needed by now; under a new number, so that numbers only rise. */
void req_retry(struct coh_engine *e, uint32_t i)
{
	struct request *r = &e->reqs[i];
	bool write = r->want_write || r->kind != COH_MSG_REQ_READ;

	r->want_write = false;
	if (!write)
		r->kind = COH_MSG_REQ_READ;
	else if (page_rights(e, r->page) != COH_NONE)
		r->kind = COH_MSG_REQ_UPGRADE;
	else
		r->kind = COH_MSG_REQ_WRITE;
	ask_home(e, r);
}
