// SPDX-License-Identifier: Apache-2.0
// What is wise rather than what is correct: how long to hold, what to evict, what to fetch ahead.
#include "coherence/engine_priv.h"

#define SPARE_PAGES 32u // that a stream leaves of the quota

/* ---- hold ---- */

static uint64_t hold_ns(const struct coh_engine *e, page_idx page)
{
	uint64_t ns = e->cfg.hold_ns << ((e->page[page] & PG_LEVEL) >> PG_LEVEL_SHIFT);

	return ns < e->cfg.hold_max_ns ? ns : e->cfg.hold_max_ns;
}

/* A page that was taken when its hold ran out, and is back soon, is being fought over: hold longer.
 */
void policy_hold_begin(struct coh_engine *e, page_idx page)
{
	uint32_t level = (e->page[page] & PG_LEVEL) >> PG_LEVEL_SHIFT;

	if (!e->cfg.hold_ns)
		return;
	if ((e->page[page] & PG_CONTESTED) && page_age_ns(e, page) < 4 * e->cfg.hold_max_ns)
		level += level < HOLD_LEVEL_MAX;
	else
		level -= level > 0;
	e->page[page] &= ~(PG_CONTESTED | PG_LEVEL);
	e->page[page] |= level << PG_LEVEL_SHIFT | PG_HELD;
	page_stamp(e, page);
}

bool policy_held(const struct coh_engine *e, page_idx page)
{
	return (e->page[page] & PG_HELD) && page_age_ns(e, page) < hold_ns(e, page);
}

uint64_t policy_hold_end(const struct coh_engine *e, page_idx page)
{
	return e->now + (hold_ns(e, page) - page_age_ns(e, page));
}

void policy_lost(struct coh_engine *e, page_idx page)
{
	page_stamp(e, page);
}

/* ---- quota ---- */

static uint64_t expected(const struct coh_engine *e)
{
	return e->stats.resident + e->incoming;
}

/* Pages homed here may use a deeper reserve, so that pages can always go home (docs/PROTOCOL.md).
 */
bool policy_room(const struct coh_engine *e, page_idx page)
{
	bool home = page_home(e, page) == e->cfg.self;

	return e->quota == UINT64_MAX || expected(e) < e->quota + (home ? COH_RESERVE_HOME : COH_RESERVE);
}

bool policy_has_spare(const struct coh_engine *e, uint64_t pages)
{
	return expected(e) + pages <= e->quota;
}

static bool asks_home(struct coh_engine *e, page_idx page)
{
	struct coh_msg m = {.kind = COH_MSG_EVICT, .requester = e->cfg.self, .page = page};

	if (e->evicts == COH_EVICT_INFLIGHT)
		return false;
	for (uint32_t i = 0; i < COH_EVICT_INFLIGHT; i++) {
		if (e->evict[i].used)
			continue;
		e->evict[i] = (struct evict_slot){.page = page, .used = true};
		timers_set(&e->timers, timer_evict(e, i), e->now + COH_EVICT_NS);
		break;
	}
	e->evicts++;
	e->page[page] |= PG_EVICTING;
	e->stats.evict_hints++;
	msg_send(e, page_home(e, page), m);
	return true;
}

void policy_evict_end(struct coh_engine *e, page_idx page)
{
	for (uint32_t i = 0; i < COH_EVICT_INFLIGHT; i++)
		if (e->evict[i].used && e->evict[i].page == page) {
			e->evict[i].used = false;
			timers_clear(&e->timers, timer_evict(e, i));
			e->evicts--;
		}
	e->page[page] &= ~PG_EVICTING;
}

/* The home did not take it: forget the hint, so that the hand may try other pages. */
void policy_evict_due(struct coh_engine *e, uint32_t i)
{
	policy_evict_end(e, e->evict[i].page);
}

bool policy_give_up(struct coh_engine *e, page_idx page)
{
	uint32_t w = e->page[page];

	if (!(w & PG_RIGHTS) || (w & (PG_PENDING | PG_DEFERRED | PG_EVICTING)))
		return false;
	if (policy_held(e, page) || page_closed(e, page))
		return false;
	if (w & PG_OWNER)
		return page_home(e, page) != e->cfg.self && asks_home(e, page);
	fx_add(e, COH_FX_DROP, page);
	page_set(e, page, COH_NONE, false);
	e->stats.drops_silent++;
	return true;
}

/* Moves the hand to the next loose page. */
static bool hand_next(struct coh_engine *e, unsigned *budget)
{
	uint64_t words = (e->cfg.pages + 63) / 64, tops = (words + 63) / 64;

	for (; *budget; --*budget) {
		if (e->hand >= e->cfg.pages)
			e->hand = 0;
		uint64_t w = e->hand / 64;
		uint64_t bits = e->loose[w] & (~(uint64_t)0 << (e->hand % 64));
		if (bits) {
			e->hand = w * 64 + (uint64_t)__builtin_ctzll(bits);
			--*budget;
			return true;
		}
		if (++w >= words) {
			e->hand = 0;
			continue;
		}
		uint64_t t = w / 64;
		bits = e->loose_top[t] & (~(uint64_t)0 << (w % 64));
		while (!bits && ++t < tops && budget[0] > 1) {
			bits = e->loose_top[t];
			--*budget;
		}
		if (bits)
			e->hand = (t * 64 + (uint64_t)__builtin_ctzll(bits)) * 64;
		else
			e->hand = t < tops ? t * 4096 : 0;
	}
	return false;
}

/* Brings this host back to its quota, as far as one step may: O(HAND_WORDS). */
void policy_evict(struct coh_engine *e)
{
	unsigned budget = HAND_WORDS;

	if (e->quota == UINT64_MAX)
		return;
	while (expected(e) > e->quota + e->evicts && fx_room(e)) {
		if (!hand_next(e, &budget)) {
			if (!timers_armed(&e->timers, timer_policy(e)))
				timers_set(&e->timers, timer_policy(e), e->now + COH_RETRY_NS);
			return;
		}
		page_idx page = e->hand++;
		if (e->page[page] & PG_REF) // second chance
			e->page[page] &= ~PG_REF;
		else
			policy_give_up(e, page);
	}
}

/* ---- migratory pages ---- */

/*
 * A page that each host reads and then writes (a lock and what it protects) moves with two transactions, a read and an
 * upgrade. Where that happened several times in a row, a read takes ownership at once. Every MIGRATORY_CHECK-th time it
 * does not: if no upgrade follows, the page has become one that is read, and goes back to the ordinary way. (Cox and
 * Fowler, Adaptive cache coherency for detecting migratory shared data, ISCA 1993; the check is ours.)
 */
bool policy_migrates(const struct coh_engine *e, struct dir *d, host_id requester)
{
	if (!d->touched || d->sharers || dir_owner(e, d) == requester)
		return false;
	if (e->cfg.migratory >= COH_MIGRATORY_ODD)
		return e->cfg.migratory == COH_MIGRATORY_ALL || (requester & 1);
	if (d->reader) // the last reader did not write
		d->score = d->turn = 0;
	if (!e->cfg.migratory || d->score < e->cfg.migratory)
		return false;
	d->turn = (d->turn + 1) % MIGRATORY_CHECK;
	return d->turn != 0;
}

void policy_reads(struct dir *d, host_id requester)
{
	d->reader = requester + 1;
}

void policy_upgrades(struct dir *d, host_id requester)
{
	bool alone = !(d->sharers & ~host_bit(requester));

	if (d->reader == requester + 1 && alone)
		d->score += d->score < MIGRATORY_SCORE_MAX;
	else if (!alone)
		d->score = 0;
	d->reader = 0;
}

/* ---- sequential streams ---- */

static struct stream *stream_of(struct coh_engine *e, page_idx page)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		struct stream *s = &e->streams[i];
		if (s->used && page > s->last && page <= s->ahead + 1)
			return s;
	}
	struct stream *s = &e->streams[e->stream_next++ % STREAMS];
	*s = (struct stream){.last = page, .ahead = page, .window = 1, .used = true};
	return NULL;
}

/*
 * A stream of misses fetches ahead with the access it misses with: a reader copies, a writer (memory that is being
 * cleared or filled for the first time) the pages themselves.
 */
void policy_miss(struct coh_engine *e, page_idx page, enum coh_access access)
{
	if (!e->cfg.prefetch_max)
		return;
	struct stream *s = stream_of(e, page);
	if (!s)
		return;
	e->stats.prefetch_hits += (page <= s->ahead ? page : s->ahead) - s->last;
	s->last = page;
	s->window = s->window * 2 < e->cfg.prefetch_max ? s->window * 2 : e->cfg.prefetch_max;
	if (s->ahead < page)
		s->ahead = page;
	uint32_t spare = s->window < SPARE_PAGES ? s->window : SPARE_PAGES; // kept for who waits, not for the stream

	while (s->ahead < page + s->window && s->ahead + 1 < e->cfg.pages && policy_has_spare(e, spare + 1) &&
	       req_prefetch(e, s->ahead + 1, access))
		s->ahead++;
}
