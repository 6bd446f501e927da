// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/effects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "coherence/base/check.h"
#include "net/log.h"
#include "net/now.h"
#include "vmm/mem/layout.h"

#define FAULT_ROUNDS_MAX 4u // batches of faults read before peers get their turn
#define REQUESTS_MAX     1024u
#define GRANULE_SHIFT    9u    // DESC_GRANULE in pages
#define QUEUE_MAX        4096u // at least: each slot of a host can have all its requests at one home
#define HOLD_MAX_FACTOR  8u
#define MIGRATORY_AFTER  2u           // read-then-write hand-overs before a read takes ownership
#define ASK_NS           1000000000u  // requests are asked about after one to two of these
#define GIVE_UP_NS       60000000000u // ... and given up after this long, or when the silent are lost several times over
#define GIVE_UP_SILENCES 4u
#define ZERO_RUN         32u // untouched local pages placed at one fault

_Static_assert(PAGE_BYTES << GRANULE_SHIFT == DESC_GRANULE, "homes are given by granules of the description");
_Static_assert(DESC_RANGES_MAX <= COH_HOMES_MAX, "each range of memory is one of homes");
_Static_assert(DESC_PREFETCH_MAX <= COH_PREFETCH_MAX, "what a description may say the engine takes");

/* Where the guest's time is stretched, so is everything that a host does. */
uint64_t pager_gives_up_after_ns(const struct machine_desc *d)
{
	uint64_t silence = (uint64_t)d->peer_timeout_ms * 1000000u * GIVE_UP_SILENCES;

	return (silence > GIVE_UP_NS ? silence : GIVE_UP_NS) * (d->dilate ? d->dilate : 1);
}

/* The reserve is the limit that users see: what the engine may take above its quota is inside it. */
uint64_t pager_quota(const struct machine_desc *d, host_id self)
{
	return desc_host_pages(d, self) + d->reserve_pages - COH_RESERVE_HOME;
}

static void engine_config(struct coh_config *c, const struct machine_desc *d, host_id self)
{
	memset(c, 0, sizeof(*c));
	c->self = self;
	c->hosts = desc_host_slots(d);
	for (unsigned i = 0; i < d->ranges_n; i++)
		c->homes[c->homes_n++] = (struct coh_home_range){
			.first = d->ranges[i].first, .pages = d->ranges[i].pages, .host = (host_id)d->ranges[i].home};
	c->pages = desc_pages_end(d);
	c->granule_shift = GRANULE_SHIFT;
	c->hold_ns = d->hold_ns;
	c->hold_max_ns = d->hold_ns * HOLD_MAX_FACTOR;
	c->quota_pages = pager_quota(d, self);
	c->requests_max = REQUESTS_MAX;
	c->queue_max = c->hosts * REQUESTS_MAX > QUEUE_MAX ? c->hosts * REQUESTS_MAX : QUEUE_MAX;
	c->prefetch_max = d->prefetch_max;
	c->zero_run = ZERO_RUN;
	c->ask_ns = ASK_NS;
	uint64_t looks = pager_gives_up_after_ns(d) / ASK_NS;
	c->ask_max = looks < COH_ASK_MAX ? (unsigned)looks : COH_ASK_MAX;
	c->migratory = MIGRATORY_AFTER;
	c->epoch = d->epoch;
}

/* What waited for more of its kind goes, and what it sends with the link's turn, which is the next. */
static int round_over(void *ctx)
{
	struct pager *p = ctx;
	bool any = p->merge.n;

	effects_settle(p);
	return any;
}

int pager_open(struct pager *p, const struct machine_desc *desc, host_id self, const struct ram *ram, struct link *link,
	       char *why, size_t why_cap)
{
	struct coh_config cfg;

	memset(p, 0, sizeof(*p));
	p->uffd.fd = -1;
	p->broken_peer = HOST_NONE;
	p->ram = ram;
	p->link = link;
	p->self = self;
	engine_config(&cfg, desc, self);
	const char *error = coh_config_error(&cfg);
	if (error) {
		snprintf(why, why_cap, "coherence configuration: %s", error);
		return -EINVAL;
	}
	p->quota = cfg.quota_pages;
	p->engine_bytes = coh_engine_bytes(&cfg);
	p->engine_mem =
		mmap(NULL, p->engine_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	p->fx = malloc(sizeof(*p->fx));
	p->merge.bytes = malloc((size_t)MERGE_PAGES * PAGE_BYTES);
	if (p->engine_mem == MAP_FAILED || !p->fx || !p->merge.bytes) {
		if (p->engine_mem == MAP_FAILED)
			p->engine_mem = NULL;
		pager_close(p);
		snprintf(why, why_cap, "no memory for %zu bytes of coherence state", p->engine_bytes);
		return -ENOMEM;
	}
	p->engine = coh_engine_init(p->engine_mem, &cfg);
	int r = uffd_open(&p->uffd, ram, why, why_cap);
	if (r) {
		pager_close(p);
		return r;
	}
	p->turn = (struct loop_poller){.ctx = p, .turn = round_over};
	loop_add_first_poller(link_loop(link), &p->turn);
	return 0;
}

void pager_release(struct pager *p)
{
	effects_settle(p);
	uffd_close(&p->uffd);
}

void pager_close(struct pager *p)
{
	if (p->turn.turn)
		loop_remove_poller(link_loop(p->link), &p->turn);
	p->turn.turn = NULL;
	free(p->merge.bytes);
	p->merge.bytes = NULL;
	uffd_close(&p->uffd);
	free(p->fx);
	if (p->engine_mem)
		munmap(p->engine_mem, p->engine_bytes);
	p->fx = NULL;
	p->engine_mem = NULL;
	p->engine = NULL;
}

/* The quota first: a home must be able to keep what is homed there. What fails leaves nothing. */
int pager_grow(struct pager *p, const struct machine_desc *desc, const struct desc_range *r)
{
	const struct coh_home_range range = {.first = r->first, .pages = r->pages, .host = (host_id)r->home};
	int e = uffd_register(&p->uffd, r->first, r->pages);

	if (!e) // memory was here before, and something wrote to it late
		e = uffd_clear(&p->uffd, r->first, r->pages);
	if (!e && r->home == p->self)
		e = coh_engine_set_quota(p->engine, pager_quota(desc, p->self) + r->pages);
	if (!e)
		e = coh_engine_range_add(p->engine, &range);
	if (e) {
		uffd_unregister(&p->uffd, r->first, r->pages);
		coh_engine_set_quota(p->engine, p->quota);
	} else if (r->home == p->self) {
		p->quota = pager_quota(desc, p->self) + r->pages;
	}
	return e;
}

int pager_shrink(struct pager *p, page_idx first, uint64_t pages)
{
	uint64_t homed = coh_engine_homed(p->engine);

	effects_settle(p); // some of it may be about that memory
	int e = coh_engine_range_take(p->engine, first, pages);

	if (e)
		return e;
	int bad = uffd_unregister(&p->uffd, first, pages);

	if (bad) // it is nobody's memory all the same, and may come again
		log_warn("userfaultfd keeps memory that is gone: %s", strerror(-bad));
	pager_keep(p, 0, homed - coh_engine_homed(p->engine));
	return 0;
}

void pager_keep(struct pager *p, uint64_t more, uint64_t less)
{
	p->quota += more - less;
	PD_CHECK(!coh_engine_set_quota(p->engine, p->quota));
}

int pager_empty(struct pager *p, bool empty)
{
	return coh_engine_set_quota(p->engine, empty ? COH_QUOTA_NOTHING : p->quota);
}

static void step(struct pager *p, struct coh_event *ev, const uint8_t *blob)
{
	coh_engine_step(p->engine, ev, p->fx);
	effects_run(p, blob);
	if (p->observe)
		observe_step_end(p->observe, p->engine);
}

void pager_on_faults(struct pager *p)
{
	struct uffd_fault faults[UFFD_READ_MAX];

	for (unsigned round = 0; round < FAULT_ROUNDS_MAX && !p->failed; round++) {
		int n = uffd_read(&p->uffd, faults);

		effects_check(p, n, "reading userfaultfd");
		for (int i = 0; i < n; i++) {
			struct coh_event ev = {
				.kind = COH_EV_FAULT,
				.now_ns = now_ns(),
				.page = faults[i].page,
				.access = faults[i].write ? COH_WRITE : COH_READ,
			};
			if (p->observe)
				observe_fault(p->observe, p->engine, faults[i].page, faults[i].write, faults[i].tid);
			step(p, &ev, NULL);
		}
		p->faults_read += n > 0 ? (unsigned)n : 0;
		if (n < (int)UFFD_READ_MAX)
			return;
	}
}

void pager_on_msg(struct pager *p, host_id from, const struct msg *m)
{
	const struct msg_coh *c = &m->u.coh;
	struct coh_event ev = {
		.kind = COH_EV_MSG,
		.now_ns = now_ns(),
		.page = c->page,
		.from = from,
		.msg = {.kind = c->kind,
			.flags = c->flags,
			.requester = c->requester,
			.rights = c->rights,
			.acks = c->acks,
			.epoch = c->epoch,
			.txn = c->txn,
			.page = c->page},
	};
	if (p->observe)
		observe_msg_in(p->observe, p->engine, from, &ev.msg);
	step(p, &ev, m->blob);
}

void pager_tick(struct pager *p, uint64_t now)
{
	if (now >= coh_engine_deadline(p->engine)) {
		if (p->observe)
			observe_event(
				p->observe,
				(struct trace_record){.kind = TRACE_TICK, .peer = HOST_NONE, .requester = HOST_NONE});
		struct coh_event ev = {.kind = COH_EV_TICK, .now_ns = now_ns()};
		step(p, &ev, NULL);
	}
}

uint64_t pager_deadline(const struct pager *p)
{
	return coh_engine_deadline(p->engine);
}
