// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/homes.h"

#include <errno.h>
#include <string.h>

#include "coherence/base/check.h"
#include "coherence/base/refuse.h"
#include "net/now.h"
#include "vmm/span/span_priv.h"

#define GRANULE (DESC_GRANULE / PAGE_BYTES)

static unsigned granules(const struct span_homes_run *r)
{
	return (unsigned)(r->pages / GRANULE);
}

static page_idx granule_of(const struct span_homes_run *r, unsigned i)
{
	return r->first + i * GRANULE;
}

static uint64_t all_bits(const struct span_homes_run *r)
{
	return granules(r) == 64 ? UINT64_MAX : ((uint64_t)1 << granules(r)) - 1;
}

static const char *run_error(const struct span *d, const struct span_homes_run *r)
{
	if (!d->paging || d->released)
		return "this host shares no memory";
	if (d->homes.run.pages)
		return "homes are moving already";
	if (r->first % GRANULE || r->pages % GRANULE || !r->pages || r->pages > SPAN_HOMES_MAX * GRANULE ||
	    r->first > UINT64_MAX - r->pages)
		return "a run of 1 to 64 whole granules is needed";
	return NULL;
}

static int forget(struct span *d)
{
	const struct span_homes_run *r = &d->homes.run;

	for (unsigned i = 0; i < granules(r); i++)
		if (coh_engine_rehome_cancel(d->pager.engine, granule_of(r, i)) == -EBUSY)
			return -EBUSY; // of what is no memory nothing was prepared
	if (r->to == d->self)
		pager_keep(&d->pager, 0, r->pages);
	memset(&d->homes, 0, sizeof(d->homes));
	return 0;
}

int span_homes_prepare(struct span *d, const struct span_homes_run *r, char *why, size_t cap)
{
	const char *error = run_error(d, r);

	if (error)
		return refuse_with(why, cap, -EINVAL, "host %u: %s", d->self, error);
	d->homes.run = *r;
	if (r->to == d->self)
		pager_keep(&d->pager, r->pages, 0);
	for (unsigned i = 0; i < granules(r); i++) {
		int e = coh_engine_rehome_prepare(d->pager.engine, granule_of(r, i), r->from, r->to);

		if (!e)
			continue;
		forget(d);
		return refuse_with(why, cap, e, "host %u: the home of page %llu is not host %u, or moves already",
				   d->self, (unsigned long long)granule_of(r, i), r->from);
	}
	return 0;
}

int span_homes_cancel(struct span *d, char *why, size_t cap)
{
	if (!d->homes.run.pages || !forget(d))
		return 0;
	return refuse_with(why, cap, -EBUSY, "host %u: homes have moved already", d->self);
}

/* ---- the two ends ---- */

static void look_whether_over(struct span *d)
{
	struct span_homes *h = &d->homes;

	if (h->left || !h->over)
		return;
	void (*over)(void *ctx) = h->over;
	h->over = NULL;
	over(h->ctx);
}

void homes_ship(struct span *d)
{
	struct span_homes *h = &d->homes;

	if (!h->left || h->run.from != d->self)
		return;
	for (unsigned i = 0; i < granules(&h->run); i++) {
		uint8_t blob[COH_REHOME_BYTES(9)];
		struct msg m = {.kind = MSG_HOME_STATE, .epoch = d->desc->epoch, .blob = blob};
		int n = h->left >> i & 1
				? coh_engine_rehome_ship(d->pager.engine, granule_of(&h->run, i), blob, sizeof(blob))
				: -EAGAIN;
		if (n < 0)
			continue;
		h->left &= ~((uint64_t)1 << i);
		m.blob_bytes = (uint32_t)n;
		m.u.home_state.page = granule_of(&h->run, i);
		trace_home(d, TRACE_HOME_LEFT, h->run.to, m.u.home_state.page);
		link_send(d->link, h->run.to, &m);
	}
	link_flush(d->link);
	look_whether_over(d);
}

int span_homes_go(struct span *d, page_idx first, void (*over)(void *ctx), void *ctx, char *why, size_t cap)
{
	struct span_homes *h = &d->homes;
	const struct span_homes_run *r = &h->run;

	if (!r->pages || r->first != first || h->gone || (r->from != d->self && r->to != d->self))
		return refuse_with(why, cap, -EINVAL, "host %u: no homes are to move from or to here", d->self);
	h->gone = true;
	h->began_ns = now_ns();
	h->over = over;
	h->ctx = ctx;
	if (r->to == d->self) {
		h->left = all_bits(r) & ~h->came;
		look_whether_over(d);
		return 0;
	}
	h->left = all_bits(r);
	for (unsigned i = 0; i < granules(r); i++)
		PD_CHECK(!coh_engine_rehome_freeze(d->pager.engine, granule_of(r, i)));
	homes_ship(d);
	return 0;
}

void homes_take(struct span *d, host_id from, const struct msg *m)
{
	struct span_homes *h = &d->homes;
	page_idx first = m->u.home_state.page;
	const char *error = "gave a home that was not to come here";

	if (d->paging && h->run.to == d->self && first - h->run.first < h->run.pages)
		error = coh_engine_rehome_adopt(d->pager.engine, from, first, m->blob, m->blob_bytes);
	if (error) {
		d->bad_msgs++;
		span_fence(d, from, error);
		return;
	}
	trace_home(d, TRACE_HOME_CAME, from, first);
	uint64_t bit = (uint64_t)1 << ((first - h->run.first) / GRANULE);
	h->came |= bit;
	h->left &= ~bit;
	look_whether_over(d);
}

/* ---- after it ---- */

static int each(struct span *d, int r, const char *step, char *why, size_t cap)
{
	return r ? refuse_with(why, cap, r, "host %u: homes cannot %s now", d->self, step) : 0;
}

int span_homes_commit(struct span *d, page_idx first, char *why, size_t cap)
{
	const struct span_homes_run *r = &d->homes.run;
	int e = r->pages && r->first == first ? 0 : -EINVAL;

	for (unsigned i = 0; !e && i < granules(r); i++)
		e = coh_engine_rehome_commit(d->pager.engine, granule_of(r, i), r->to);
	return each(d, e, "be elsewhere", why, cap);
}

int span_homes_finish(struct span *d, page_idx first, char *why, size_t cap)
{
	const struct span_homes_run *r = &d->homes.run;
	int e = r->pages && r->first == first ? 0 : -EINVAL;

	for (unsigned i = 0; !e && i < granules(r); i++)
		e = coh_engine_rehome_finish(d->pager.engine, granule_of(r, i));
	if (e)
		return each(d, e, "stay elsewhere", why, cap);
	if (r->from == d->self)
		pager_keep(&d->pager, 0, r->pages);
	if (d->homes.gone)
		d->homes_ns += now_ns() - d->homes.began_ns;
	memset(&d->homes, 0, sizeof(d->homes));
	return 0;
}

uint64_t span_homed(const struct span *d)
{
	return d->paging ? coh_engine_homed(d->pager.engine) : 0;
}
