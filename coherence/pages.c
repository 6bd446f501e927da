// SPDX-License-Identifier: Apache-2.0
// State of each page: one word, and the two bitmaps by which the eviction hand finds candidates.
#include "coherence/engine_priv.h"

host_id page_home(const struct coh_engine *e, page_idx page)
{
	return (host_id)(e->granule[page >> e->cfg.granule_shift].home1 - 1);
}

struct dir *page_dir(const struct coh_engine *e, page_idx page)
{
	return page_home(e, page) == e->cfg.self ? &e->dir[page] : NULL;
}

/* Loose pages may be given up: all but those that are at home and owned here. */
static void mark_loose(struct coh_engine *e, page_idx page, bool loose)
{
	uint64_t word = page / 64, bit = (uint64_t)1 << (page % 64);

	if (loose)
		e->loose[word] |= bit;
	else
		e->loose[word] &= ~bit;
	bit = (uint64_t)1 << (word % 64);
	if (e->loose[word])
		e->loose_top[word / 64] |= bit;
	else
		e->loose_top[word / 64] &= ~bit;
}

void page_set_loose(struct coh_engine *e, page_idx page)
{
	bool owner = e->page[page] & PG_OWNER;

	mark_loose(e, page, !owner || page_home(e, page) != e->cfg.self);
}

static void residence_changed(struct coh_engine *e, page_idx page, bool resident)
{
	struct coh_stats *s = &e->stats;

	if (resident) {
		s->resident++;
		if (s->resident > s->resident_max)
			s->resident_max = s->resident;
	} else {
		s->resident--;
	}
	if (e->page[page] & PG_PENDING)
		e->incoming += resident ? (uint64_t)-1 : 1;
}

void page_set(struct coh_engine *e, page_idx page, enum coh_rights rights, bool owner)
{
	uint32_t w = e->page[page];
	bool was = w & PG_RIGHTS, is = rights != COH_NONE;

	if (was != is)
		residence_changed(e, page, is);
	e->stats.owned += (uint64_t)owner - !!(w & PG_OWNER);
	w = (w & ~(PG_RIGHTS | PG_OWNER)) | rights | (owner ? PG_OWNER : 0) | PG_REF;
	if (!is)
		w &= ~(PG_HELD | PG_AHEAD | PG_REF);
	e->page[page] = w;
	if (is)
		page_set_loose(e, page);
	else if (was)
		mark_loose(e, page, false);
	if ((w & PG_EVICTING) && (!is || !owner))
		policy_evict_end(e, page);
}

void page_stamp(struct coh_engine *e, page_idx page)
{
	uint32_t coarse = (uint32_t)(e->now >> e->stamp_shift) & 0xffff;

	e->page[page] = (e->page[page] & 0xffff) | coarse << PG_STAMP_SHIFT;
}

/* Time since the stamp, modulo 65536 coarse units: an old page may look young for a moment. */
uint64_t page_age_ns(const struct coh_engine *e, page_idx page)
{
	uint32_t coarse = (uint32_t)(e->now >> e->stamp_shift);

	return (uint64_t)((coarse - (e->page[page] >> PG_STAMP_SHIFT)) & 0xffff) << e->stamp_shift;
}
