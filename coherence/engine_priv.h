// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the engine share. Roles: requester.c (own faults and grants), ask.c (what
 * waits long), home.c (directory
 * and queue), owner.c (what a host that has a copy is asked), policy.c (eviction, hold, prefetch),
 * pages.c (state of each page), range.c (memory that comes and goes). docs/PROTOCOL.md gives the whole.
 */
#ifndef COHERENCE_ENGINE_PRIV_H
#define COHERENCE_ENGINE_PRIV_H

#include "coherence/base/check.h"
#include "coherence/base/pmap.h"
#include "coherence/base/timers.h"
#include "coherence/engine.h"

#define STREAMS        8u   // sequential read streams followed at once
#define SELF_MAX       64u  // messages of this host to itself within one step
#define DEFER_MAX      256u // requests put off by a hold; more are served without a hold
#define FX_ROOM        200u // effects that one item of work may need (2 * HOSTS_MAX and change)
#define HAND_WORDS     512u // words of the eviction bitmaps looked at in one step
#define HOLD_LEVEL_MAX 7u   // the hold is at most hold_ns << this

/* Page state: one word for each page of the guest. */
#define PG_RIGHTS      3u         // enum coh_rights
#define PG_OWNER       (1u << 2)  // this host has the page's data to give
#define PG_PENDING     (1u << 3)  // an own request is in the table
#define PG_DEFERRED    (1u << 4)  // a FWD or INV waits for the hold to end
#define PG_HELD        (1u << 5)  // installed for a local fault: hold from the stamp on
#define PG_AHEAD       (1u << 6)  // prefetched, not asked for yet
#define PG_WAITING     (1u << 7)  // a fault waits for room (wait ring)
#define PG_WAIT_WR     (1u << 8)  // ... and wants to write
#define PG_EVICTING    (1u << 9)  // an EVICT is under way
#define PG_REF         (1u << 10) // second chance of the clock hand
#define PG_CONTESTED   (1u << 11) // the last hold ended by time with somebody waiting
#define PG_LEVEL_SHIFT 12
#define PG_LEVEL       (7u << PG_LEVEL_SHIFT)
#define PG_STAMP_SHIFT 16 // coarse time of installation or loss

/* Directory entry of a page homed here. */
struct dir {
	host_set sharers;            // may hold read copies; the owner is not in it
	uint32_t busy;               // pool index + 1 of the running transaction, head of the queue; 0: idle
	host_id owner_of;            // owner ^ self (dir_owner()): an entry nobody touched is all zeroes
	uint8_t touched;             // 0: nobody ever wrote it, no host has data, all zeroes
	uint8_t reader;              // host + 1 of the last reader that has not written since; 0: none
	uint8_t score : 4, turn : 4; // read-then-write hand-overs in a row; migratory grants since a check
};

#define MIGRATORY_SCORE_MAX 15u
#define MIGRATORY_CHECK     8u // every so many migratory grants one is an ordinary read, to see whether it is written

/* A request accepted by this home: running (head) or queued behind the head. */
struct home_req {
	page_idx page;
	uint64_t txn;
	uint32_t next; // index + 1
	uint32_t tail; // of the head only: index + 1 of the last in the queue
	host_id requester;
	uint8_t kind;
	host_id giver;  // of the head only: who gives the grant
	host_set asked; // of the head only: who acknowledges
};

/* An own request. */
struct request {
	page_idx page;
	uint64_t txn;
	host_set acked;
	uint16_t acks;
	host_id home; // who was asked: it, and nobody else, serves or refuses, and is told of the end
	uint8_t kind; // COH_MSG_REQ_*
	uint8_t nacks;
	uint16_t looks; // how often the look at what waits has found it
	bool used;
	bool granted;
	bool want_write; // a write fault came while a read was under way
	bool waiter;     // a local access waits (not a prefetch, not a recall)
	uint32_t next_free;
};

struct deferred {
	struct coh_msg msg;
	uint32_t next_free;
};

struct evict_slot {
	page_idx page;
	bool used;
};

struct stream {
	page_idx last;  // last miss
	page_idx ahead; // last page requested
	uint32_t window;
	bool used;
};

/* Some pages in a row that have one home. */
struct granule {
	uint8_t home1;  // home + 1, as far as this host knows; 0: no memory there
	uint8_t other1; // while the home moves: the other end of the move + 1
	uint8_t flags;  // GRANULE_*
	uint32_t busy;  // pages homed here with a transaction
};

#define GRANULE_MOVED \
	1u // its home has moved, or begun to, or memory was here before: for good, since words may be late
#define GRANULE_FROZEN  2u  // homed here, to be shipped: no transaction begins
#define GRANULE_DUE     4u  // the home is to come here
#define GRANULE_FLIPPED 8u  // home1 is the new home
#define GRANULE_CLOSED  16u // its memory is to go: this host begins nothing about it
#define GRANULE_USED    32u // homed here, and somebody has touched a page of it

/* What of a directory entry goes to another home. */
struct dir_entry {
	host_set sharers;
	host_id owner;
	bool touched;
};

struct dir_reader {
	const uint8_t *at;
	size_t left;
	unsigned same; // entries still like this one
	struct dir_entry entry;
};

struct coh_engine {
	struct coh_config cfg;
	size_t bytes;
	uint64_t now;
	uint64_t txn; // last used
	uint32_t *page;
	struct dir *dir; // by page, though used of those homed here alone: where a home comes to there is room for it
	uint64_t *loose,
		*loose_top;      // resident pages that may be given up: a bit a page, a bit a word
	uint64_t homed;          // pages homed here
	uint64_t homes_due;      // pages whose homes are to come here
	uint64_t quota;          // COH_QUOTA_NOTHING is 0 here, no limit UINT64_MAX
	uint64_t over;           // pages expected when the quota was last set: no more come until they are fewer
	host_set gone;           // slots of hosts that have left
	struct granule *granule; // who is home, by granules of 1 << cfg.granule_shift pages

	struct request *reqs;
	struct pmap req_map;
	uint32_t req_free; // index + 1
	uint32_t reqs_used;
	uint32_t look_at;  // where the look at what waits goes on
	uint64_t incoming; // own requests whose page is not resident

	struct home_req *pool;
	uint32_t pool_free;
	uint32_t pool_used[HOSTS_MAX];
	uint64_t seen_txn[HOSTS_MAX]; // highest transaction number accepted from each host
	uint64_t lent[HOSTS_MAX];     // pages homed here by owner; of this host's own it says nothing

	struct deferred *defer;
	struct pmap defer_map;
	uint32_t defer_free, defer_n;

	struct timers timers; // ids: requests, deferred, evict slots, policy, the look at what waits
	struct evict_slot evict[COH_EVICT_INFLIGHT];
	uint32_t evicts;
	uint64_t hand;

	page_idx wait[COH_WAIT_MAX];
	uint32_t wait_head, wait_n;
	uint32_t wait_looks; // looks at what waits since the first in the ring is first

	struct stream streams[STREAMS];
	uint32_t stream_next;
	unsigned stamp_shift;

	struct coh_msg self[SELF_MAX];
	uint32_t self_head, self_n;
	struct coh_fx_list *fx;
	struct coh_stats stats;
};

/* ---- engine.c ---- */
struct coh_fx *fx_add(struct coh_engine *e, enum coh_fx_kind kind, page_idx page);
void msg_send(struct coh_engine *e, host_id to, struct coh_msg m);
void peer_fault(struct coh_engine *e, host_id who, const char *reason);
void msg_lost(struct coh_engine *e, host_id who, page_idx page, const char *reason);
void self_drain(struct coh_engine *e);
static inline bool fx_room(const struct coh_engine *e)
{
	return e->fx->n + FX_ROOM <= COH_FX_MAX;
}
static inline uint32_t timer_req(uint32_t i)
{
	return i;
}
static inline uint32_t timer_defer(const struct coh_engine *e, uint32_t i)
{
	return e->cfg.requests_max + i;
}
static inline uint32_t timer_evict(const struct coh_engine *e, uint32_t i)
{
	return e->cfg.requests_max + e->defer_n + i;
}
static inline uint32_t timer_policy(const struct coh_engine *e)
{
	return e->cfg.requests_max + e->defer_n + COH_EVICT_INFLIGHT;
}

static inline uint32_t timer_ask(const struct coh_engine *e)
{
	return timer_policy(e) + 1;
}

/* ---- range.c ---- */
static inline uint64_t granules_of(const struct coh_config *c, uint64_t pages)
{
	return (pages + ((uint64_t)1 << c->granule_shift) - 1) >> c->granule_shift;
}
/* r is good, and free. */
void range_place(struct coh_engine *e, const struct coh_home_range *r);

/* ---- pages.c ---- */
static inline uint64_t granule_pages(const struct coh_engine *e)
{
	return (uint64_t)1 << e->cfg.granule_shift;
}
host_id page_home(const struct coh_engine *e, page_idx page);    // HOST_NONE: no memory there
struct dir *page_dir(const struct coh_engine *e, page_idx page); // NULL: not homed here
static inline bool page_is_memory(const struct coh_engine *e, page_idx page)
{
	return page < e->cfg.pages && page_home(e, page) != HOST_NONE;
}
static inline host_id dir_owner(const struct coh_engine *e, const struct dir *d)
{
	return d->owner_of ^ e->cfg.self;
}
static inline void dir_set_owner(struct coh_engine *e, struct dir *d, host_id owner)
{
	e->lent[dir_owner(e, d)]--;
	e->lent[owner]++;
	d->owner_of = owner ^ e->cfg.self;
}
static inline enum coh_rights page_rights(const struct coh_engine *e, page_idx page)
{
	return (enum coh_rights)(e->page[page] & PG_RIGHTS);
}
static inline struct granule *page_granule(const struct coh_engine *e, page_idx page)
{
	return &e->granule[page >> e->cfg.granule_shift];
}
/* Its home has moved, some time: what is late may come from or for a former one. */
static inline bool page_moved(const struct coh_engine *e, page_idx page)
{
	return page_granule(e, page)->flags & GRANULE_MOVED;
}
/* Somebody has data of it from now on. */
static inline void page_touch(struct coh_engine *e, page_idx page, struct dir *d)
{
	d->touched = 1;
	page_granule(e, page)->flags |= GRANULE_USED;
}
/* Homed here, and transactions may begin. */
static inline bool page_served(const struct coh_engine *e, page_idx page)
{
	const struct granule *g = page_granule(e, page);

	return g->home1 == e->cfg.self + 1u && !(g->flags & GRANULE_FROZEN);
}
/* Its memory is to go: nothing new begins. */
static inline bool page_closed(const struct coh_engine *e, page_idx page)
{
	return page_granule(e, page)->flags & GRANULE_CLOSED;
}
void page_set_loose(struct coh_engine *e, page_idx page); // anew, of a resident page
/* All changes of rights go through here: it keeps the levels, the bitmaps and the eviction slots.
 */
void page_set(struct coh_engine *e, page_idx page, enum coh_rights rights, bool owner);
void page_stamp(struct coh_engine *e, page_idx page);
uint64_t page_age_ns(const struct coh_engine *e, page_idx page);

/* ---- requester.c ---- */
void req_fault(struct coh_engine *e, page_idx page, enum coh_access access);
bool req_recall(struct coh_engine *e, page_idx page);
bool req_prefetch(struct coh_engine *e, page_idx page, enum coh_access access);
void req_grant(struct coh_engine *e, host_id from, const struct coh_msg *m);
void req_ack(struct coh_engine *e, host_id from, const struct coh_msg *m);
void req_nack(struct coh_engine *e, host_id from, const struct coh_msg *m);
void req_retry(struct coh_engine *e, uint32_t i);
void req_service_waiting(struct coh_engine *e);
void req_watch(struct coh_engine *e); // something waits: look at it when it has waited long
void req_ask(struct coh_engine *e, const struct request *r);
void req_look(struct coh_engine *e); // at all that waits
void req_chased(struct coh_engine *e, host_id from, const struct coh_msg *m);
void req_told(struct coh_engine *e, host_id from, const struct coh_msg *m);

/* ---- home.c ---- */
void home_request(struct coh_engine *e, host_id from, const struct coh_msg *m);
void home_done(struct coh_engine *e, host_id from, const struct coh_msg *m);
void home_evict(struct coh_engine *e, host_id from, const struct coh_msg *m);
void home_asked(struct coh_engine *e, host_id from, const struct coh_msg *m);
void home_told(struct coh_engine *e, host_id from, const struct coh_msg *m);
/* Who keeps an own request for a page homed here waiting. */
host_id home_waits_for(const struct coh_engine *e, const struct request *r);
/* Untouched neighbours of page, homed here, that may be granted at once: *first and the count. */
uint32_t home_zero_run(const struct coh_engine *e, page_idx page, page_idx *first);

/* ---- dircode.c: the entries of pages first .. end - 1 ---- */
int dir_pack(const struct coh_engine *e, page_idx first, page_idx end, uint8_t *buf, size_t cap); // bytes, or -ENOBUFS
bool dir_next(struct dir_reader *r, struct dir_entry *out); // false: the bytes make no sense, or there are no more

/* ---- owner.c ---- */
void owner_asked(struct coh_engine *e, const struct coh_msg *m); // FWD_READ, FWD_WRITE, INV
void owner_release(struct coh_engine *e, page_idx page);         // the hold of a deferred page ends
void owner_defer_due(struct coh_engine *e, uint32_t i);
void owner_chased(struct coh_engine *e, const struct coh_msg *m);

/* ---- policy.c ---- */
bool policy_room(const struct coh_engine *e, page_idx page);
bool policy_has_spare(const struct coh_engine *e, uint64_t pages);
void policy_evict(struct coh_engine *e);
/* Drops page, or asks its home to take it, if that is possible now. Returns false if it is not. */
bool policy_give_up(struct coh_engine *e, page_idx page);
void policy_evict_due(struct coh_engine *e, uint32_t i);
void policy_evict_end(struct coh_engine *e, page_idx page);
bool policy_migrates(const struct coh_engine *e, struct dir *d, host_id requester);
void policy_reads(struct dir *d, host_id requester);
void policy_upgrades(struct dir *d, host_id requester);
void policy_miss(struct coh_engine *e, page_idx page, enum coh_access access);
void policy_hold_begin(struct coh_engine *e, page_idx page);
bool policy_held(const struct coh_engine *e, page_idx page);
uint64_t policy_hold_end(const struct coh_engine *e, page_idx page);
void policy_lost(struct coh_engine *e, page_idx page);

#endif
