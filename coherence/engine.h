// SPDX-License-Identifier: Apache-2.0
/*
 * The coherence engine: one per host, a pure state machine.
 *
 * An event goes in, effects come out. The engine makes no system call, reads no clock, takes no
 * lock, logs nothing, and allocates nothing after coh_engine_init(). Page bytes never enter it: it
 * names pages, the caller moves their bytes. The same object code runs in the daemon, in the
 * simulator and in the model checker.
 *
 * Protocol (docs/PROTOCOL.md): each page has a home host, fixed by address range. The home keeps the
 * directory entry (owner, sharers, busy, bounded queue) and runs one transaction per page at a time.
 * At any instant a page has one writer, or any number of readers one of which is its owner.
 *   read miss   requester -> home -> owner -> requester (data); the owner keeps ownership, read-only
 *   write miss  home -> owner: give data and ownership to requester; home -> sharers: invalidate;
 *               sharers acknowledge to the requester, which counts
 *   upgrade     a sharer (or the read-only owner) becomes the writer; no data crosses
 *   untouched   a page no host ever wrote has no data: it is granted as zeroes
 *   eviction    a host over its quota asks the home to take a page back (a hint); the home then runs
 *               an ordinary write transaction for itself. Non-owned read copies are dropped silently.
 * The requester closes each transaction with a DONE to the home.
 *   waited long the requester asks the home what became of its transaction; each host that owes something to it is made
 *               to say when that has left. What has left and is not here was lost: COH_FX_LOST
 */
#ifndef COHERENCE_ENGINE_H
#define COHERENCE_ENGINE_H

#include "coherence/base/types.h"

#define COH_HOMES_MAX      256u      // home ranges in one configuration
#define COH_GRANULE_MAX    18u       // largest granule_shift
#define COH_FX_MAX         1024u     // effects of one step (an engine that needs more defers work to a tick)
#define COH_ZERO_RUN_MAX   512u      // pages of one INSTALL_ZERO effect
#define COH_MIGRATORY_ALL  255u      // .migratory: every read that may take ownership does
#define COH_MIGRATORY_ODD  254u      // .migratory: those of hosts with odd numbers do
#define COH_PREFETCH_MAX   512u      // largest prefetch_max
#define COH_EVICT_INFLIGHT 32u       // EVICT hints under way from one host
#define COH_RESERVE        64u       // pages above quota_pages that own faults may take
#define COH_RESERVE_HOME   128u      // ... that pages homed here may take when they come back
#define COH_ASK_MAX        65534u    // largest ask_max
#define COH_WAIT_MAX       1024u     // faults that wait in the engine for room
#define COH_RETRY_NS       100000u   // wait after a NACK, doubled up to 16 times
#define COH_EVICT_NS       20000000u // an EVICT hint is forgotten after this time

enum coh_access { COH_READ = 0, COH_WRITE = 1 };
enum coh_rights { COH_NONE = 0, COH_RO = 1, COH_RW = 2 };

/* Pages that have one home. In a configuration they stand in order; between them there may be no memory. */
struct coh_home_range {
	page_idx first;
	uint64_t pages;
	host_id host;
};

struct coh_config {
	host_id self;
	unsigned hosts; // slots: numbers of hosts are below. Not in all of them need be a host
	uint64_t pages; // pages have numbers below; not all need have a home
	struct coh_home_range homes[COH_HOMES_MAX];
	unsigned homes_n;
	unsigned granule_shift; // ranges begin and end at multiples of 1 << this pages (the last may end anywhere)
	uint64_t hold_ns;       // a page just received is not surrendered before this time passed
	uint64_t hold_max_ns;   // the adaptive hold never exceeds this
	uint64_t quota_pages;   // resident pages wanted at most on this host (0: no limit), at least
				// the pages homed here; exceeded by at most COH_RESERVE_HOME
	unsigned requests_max;  // own requests in flight at most (power of two)
	unsigned queue_max;     // requests queued at this home, all pages together; each slot of a host has an equal
				// share, used or not: from requests_max * hosts on no request is ever refused
	unsigned prefetch_max;  // pages requested ahead of a sequential read stream (0: off)
	unsigned migratory;     // hand-overs by read-then-write until a read takes ownership at once (0: never)
	uint64_t ask_ns;        // a request is asked about once it has waited one to two of these (0: never)
	unsigned ask_max;       // ... and given up when it has waited so many of them
	unsigned zero_run;      // untouched local pages granted at once, 1 .. COH_ZERO_RUN_MAX
	uint32_t epoch;         // messages of another epoch are counted and ignored
};

/* What crosses between engines. The kinds are listed once, in coherence/coh_msg.def. */
enum coh_msg_kind {
#define COH_MSG(name, text) COH_MSG_##name,
#include "coherence/coh_msg.def"
#undef COH_MSG
	COH_MSG_KINDS
};

/* What a CHASE is about and a TOLD says, in .rights. */
enum coh_told {
	COH_TOLD_NOTHING, // home to requester: there is no such transaction
	COH_TOLD_WAITS,   // home to requester: it waits for its turn
	COH_TOLD_GRANT,   // the GRANT, which demands .acks, left before this
	COH_TOLD_ACK,     // the ACK left before this
	COH_TOLD_DONE,    // requester to home: its DONE left before this
};

#define COH_MSGF_DATA 1u // PAGE_BYTES of page data travel with the message
#define COH_MSGF_ZERO 2u // the page is all zeroes: no data travels

struct coh_msg {
	uint8_t kind;      // enum coh_msg_kind
	uint8_t flags;     // COH_MSGF_*
	host_id requester; // the host the transaction is for
	uint8_t rights;    // enum coh_rights asked or granted; of CHASE and TOLD enum coh_told
	uint16_t acks;     // acknowledgements the requester must collect
	uint16_t spare;    // 0
	uint32_t epoch;
	uint64_t txn; // the requester's transaction number, never reused
	page_idx page;
};

enum coh_event_kind {
	COH_EV_FAULT, // a local access needs .page with .access
	COH_EV_MSG,   // .msg arrived from host .from (if COH_MSGF_DATA, the caller holds its bytes)
	COH_EV_TICK,  // the deadline last returned by coh_engine_deadline() has passed
	COH_EV_RAN,   // the access that waited for .page has made progress: its hold may end early
};

struct coh_event {
	enum coh_event_kind kind;
	uint64_t now_ns; // monotonic; never goes back
	page_idx page;
	enum coh_access access;
	host_id from;
	struct coh_msg msg;
};

/*
 * Effects must be carried out in order. INSTALL effects with data always refer to the bytes of the
 * message of the current event.
 */
enum coh_fx_kind {
	COH_FX_SEND,         // send .msg to .to; if COH_MSGF_DATA, with the local bytes of .page, which
			     // is resident and not writable now. The caller may find the page all
			     // zeroes and turn COH_MSGF_DATA into COH_MSGF_ZERO.
	COH_FX_INSTALL,      // place the event's bytes at .page with .rights, wake whoever waits
	COH_FX_INSTALL_ZERO, // place zeroes at .pages pages from .page with .rights, wake
	COH_FX_PROTECT,      // make .page read-only
	COH_FX_UNPROTECT,    // make .page writable, wake
	COH_FX_DROP,         // forget .page
	COH_FX_WAKE,         // .page already has the rights: wake whoever waits
	COH_FX_PEER_FAULT,   // host .to broke the protocol (.reason): fence it
	COH_FX_LOST, // what host .to sent or should have sent for .page is lost (.reason), and with it the page:
		     // fence it. .to may be this host: what waits here has been forgotten here
};

struct coh_fx {
	enum coh_fx_kind kind;
	host_id to;
	enum coh_rights rights;
	page_idx page;
	uint32_t pages;
	bool waited; // of INSTALL and INSTALL_ZERO: an access waits for it, so it is not to wait for anything else
	struct coh_msg msg;
	const char *reason; // static text
};

struct coh_fx_list {
	unsigned n;
	struct coh_fx v[COH_FX_MAX];
};

/* Counters; each only grows, except the levels at the end. */
struct coh_stats {
	uint64_t faults_read, faults_write, faults_upgrade; // by what they needed
	uint64_t faults_spurious;                           // already had the rights
	uint64_t faults_local;                              // resolved without a message
	uint64_t pages_in, pages_out, zero_in, zero_out;    // page grants received / given
	uint64_t upgrades, invalidations_in, invalidations_out;
	uint64_t downgrades, evict_hints, drops_silent, prefetches, prefetch_hits;
	uint64_t holds, stale_msgs, queue_full, bad_msgs;
	uint64_t homes_in, homes_out,
		refused_moving;                 // granules that got or lost their home here; requests refused for it
	uint64_t waits_asked, waits_lost;       // requests asked about; found to be lost
	uint64_t msgs_in[32], msgs_out[32];     // by enum coh_msg_kind
	uint64_t resident, owned, resident_max; // levels: pages
};

struct coh_engine;

/* Bytes an engine needs for this configuration, or 0 if the configuration is not valid. Most are addresses only: what
 * belongs to pages that are not memory, or not homed here, is never touched. */
size_t coh_engine_bytes(const struct coh_config *cfg);
/* How many of them may come to be used as long as memory and homes are as they are. 0: not valid. */
size_t coh_engine_used_bytes(const struct coh_config *cfg);

/*
 * Builds an engine in mem (coh_engine_bytes() bytes, 64-byte aligned, zero-filled, owned by the
 * caller; releasing it ends the engine). Returns the engine. Not thread-safe: one caller at a time.
 */
struct coh_engine *coh_engine_init(void *mem, const struct coh_config *cfg);

/* Why a configuration is not valid: static text, or NULL if it is valid. */
const char *coh_config_error(const struct coh_config *cfg);

/*
 * One step. fx->n is set to the number of effects (it may be 0). A message that makes no sense is
 * counted, never trusted: the effect COH_FX_PEER_FAULT says so.
 */
void coh_engine_step(struct coh_engine *e, const struct coh_event *ev, struct coh_fx_list *fx);

/*
 * What changes while the engine runs, between two steps; the deadline may be another one afterwards. Each of them
 * changes nothing unless it returns 0.
 */
#define COH_QUOTA_NOTHING UINT64_MAX // of coh_engine_set_quota(): keep no page

/*
 * Memory that comes, with its home. Returns 0; -EINVAL: it does not begin and end with granules (it may end with the
 * pages), is not below cfg.pages, lies over other memory, or its host has no slot; -ENOSPC: it is homed here, and the
 * quota is less than all pages homed here would be (set the quota first). It is closed (below), so that nothing is
 * asked of a host that does not have it yet, nor fetched ahead; open: all hosts have it, and accesses may come. 0 or
 * -EINVAL.
 */
int coh_engine_range_add(struct coh_engine *e, const struct coh_home_range *r);
int coh_engine_range_open(struct coh_engine *e, page_idx first, uint64_t pages);
/* Whether any host has ever touched a page of it that is homed here. O(granules). */
bool coh_engine_range_used(const struct coh_engine *e, page_idx first, uint64_t pages);
/*
 * Memory that goes (docs/PROTOCOL.md, "Memory that goes"): no access can begin any more, on any host. In this order,
 * each on all hosts before the next anywhere:
 *   close   nothing new begins about its pages on this host: a fault is ignored, nothing is fetched ahead, recalled or
 *           given up. What is under way goes on
 *   quiet   asked until all hosts have said yes after the last of them closed, and then again until all have
 *   take    pages and directory are forgotten, whatever they held; the owner lets go of the memory
 * close: 0; -EINVAL: it does not begin and end with granules; -EBUSY: a home in it moves. Where there is no memory it
 * is as if there were some. take: 0, -EINVAL, or -EBUSY: not closed, or not quiet; O(pages).
 */
int coh_engine_range_close(struct coh_engine *e, page_idx first, uint64_t pages);
bool coh_engine_range_quiet(const struct coh_engine *e, page_idx first, uint64_t pages);
int coh_engine_range_take(struct coh_engine *e, page_idx first, uint64_t pages);
/*
 * As cfg.quota_pages (0: no limit), or COH_QUOTA_NOTHING. What is over it goes away by eviction, in its time. Returns
 * 0, or -EINVAL: it is less than the pages homed here.
 */
int coh_engine_set_quota(struct coh_engine *e, uint64_t pages);
/*
 * Pages homed here that host (another one) owns, by the directory: a page counts from the start of the transaction that
 * gives it to that host, and no more from the start of the one that takes it away, while its data may still be there or
 * under way. 0 is no word that none is.
 */
uint64_t coh_engine_lent(const struct coh_engine *e, host_id host);
/*
 * A host has left: its slot is empty, and it is asked for nothing any more; read copies that a directory still says it
 * has are none. Returns 0, -EINVAL: no such slot or this host; -EBUSY: it owns pages homed here, or a request of it is
 * open here: it has not left.
 */
int coh_engine_host_gone(struct coh_engine *e, host_id host);
/*
 * Another host is to use the slot of one that has left, or that was never used: its transaction numbers begin anew.
 * Before its first message. It is asked for nothing yet, since not all hosts need have a session with it, and nothing
 * it asks for counts. Returns as coh_engine_host_gone().
 */
int coh_engine_host_new(struct coh_engine *e, host_id host);
/* All hosts have a session with it: it is a host like others, and asks only once all have been told this. */
void coh_engine_host_joined(struct coh_engine *e, host_id host);

/*
 * The home of a granule moves (docs/PROTOCOL.md, "Homes that move"). Each of these is about the granule that begins at
 * page first, and changes nothing unless it succeeds. In this order, each on all hosts named before the next anywhere:
 *   prepare  all       orders may come from either end. At `to` 0 or -ENOSPC: its quota does not cover the granule too
 *   freeze   from      no transaction begins there any more: requests are refused, and asked for again
 *   ship     from      -EAGAIN as long as a transaction runs there; else the directory as bytes, and it is gone here
 *   adopt    to        from then on it is the home
 *   commit   all       requests go to the new home
 *   finish   all       only the new home gives orders
 * Until ship has succeeded the move can be called off: cancel, on all hosts.
 */
#define COH_REHOME_BYTES(granule_shift) ((size_t)12 << (granule_shift)) // what ship writes at most

/* -EINVAL: first begins no granule, its home is not `from`, it moves already, or there is no such host. */
int coh_engine_rehome_prepare(struct coh_engine *e, page_idx first, host_id from, host_id to);
int coh_engine_rehome_freeze(struct coh_engine *e, page_idx first); // -EINVAL: not homed here, or not prepared
/* Returns the bytes written to buf; -EINVAL: not frozen; -EAGAIN; -ENOBUFS. O(pages of a granule). */
int coh_engine_rehome_ship(struct coh_engine *e, page_idx first, uint8_t *buf, size_t cap);
/*
 * buf is what host `from` says that it shipped: a peer's word. Returns NULL, or what is wrong with it (static text):
 * the peer broke the protocol. O(pages of a granule).
 */
const char *coh_engine_rehome_adopt(struct coh_engine *e, host_id from, page_idx first, const uint8_t *buf, size_t n);
int coh_engine_rehome_commit(struct coh_engine *e, page_idx first, host_id to); // -EINVAL: not so far
int coh_engine_rehome_finish(struct coh_engine *e, page_idx first);             // -EINVAL: not so far
/* 0 also where nothing was prepared; -EBUSY: shipped, adopted or committed here, it has to go on. */
int coh_engine_rehome_cancel(struct coh_engine *e, page_idx first);

uint64_t coh_engine_homed(const struct coh_engine *e); // pages homed here

/* When the engine wants a COH_EV_TICK: absolute nanoseconds, or UINT64_MAX for never. */
uint64_t coh_engine_deadline(const struct coh_engine *e);

/* The rights this host has on page now. */
enum coh_rights coh_engine_rights(const struct coh_engine *e, page_idx page);

/* Whether an own request for the page is under way, or a fault waits for room for it. */
bool coh_engine_pending(const struct coh_engine *e, page_idx page);

/* Own requests that have not ended yet, evictions that were hinted among them. */
unsigned coh_engine_open(const struct coh_engine *e);

/* The page is homed here and no host ever had it: all zeroes, nowhere in memory. */
bool coh_engine_untouched(const struct coh_engine *e, page_idx page);

/* Who owns a page homed here, as its directory has it; HOST_NONE for one that nobody ever wrote or that is homed
 * elsewhere. */
host_id coh_engine_owner(const struct coh_engine *e, page_idx page);

host_id coh_engine_home(const struct coh_engine *e, page_idx page);
const struct coh_stats *coh_engine_stats(const struct coh_engine *e);

/* Bytes of engine metadata for each page of the guest, averaged over this host. */
double coh_engine_bytes_per_page(const struct coh_engine *e);

const char *coh_msg_name(unsigned kind);

#endif
