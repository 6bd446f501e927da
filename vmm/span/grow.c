// SPDX-License-Identifier: Apache-2.0
// Memory that comes while the guest runs, and memory that goes.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/mem/layout.h"
#include "vmm/span/span_priv.h"

int span_grow(struct span *d, const struct desc_range *r, char *why, size_t why_cap)
{
	int e = ram_open(d->ram, r->first, r->pages);

	if (!e && d->paging) {
		e = pager_grow(&d->pager, d->desc, r);
		if (e)
			ram_close(d->ram, r->first, r->pages);
	}
	if (e)
		snprintf(why, why_cap, "%llu MiB at %#llx cannot be had: %s",
			 (unsigned long long)(r->pages << PAGE_SHIFT >> 20), (unsigned long long)layout_gpa(r->first),
			 strerror(-e));
	return e;
}

void span_open(struct span *d, page_idx first, uint64_t pages)
{
	if (d->paging)
		coh_engine_range_open(d->pager.engine, first, pages);
}

int span_shrink_begin(struct span *d, page_idx first, uint64_t pages, bool *quiet)
{
	int e = d->paging ? coh_engine_range_close(d->pager.engine, first, pages) : 0;

	*quiet = !e && (!d->paging || coh_engine_range_quiet(d->pager.engine, first, pages));
	return e;
}

int span_shrink(struct span *d, page_idx first, uint64_t pages)
{
	int e = d->paging ? pager_shrink(&d->pager, first, pages) : 0;

	return e ? e : ram_close(d->ram, first, pages);
}

uint64_t span_unused_pages(const struct span *d)
{
	uint64_t unused = 0;

	for (uint32_t slot = 1; slot <= DESC_MEMORY_SLOTS; slot++) {
		uint64_t here = 0;
		bool used = false;

		for (unsigned i = 0; i < d->desc->ranges_n && !used; i++) {
			const struct desc_range *r = &d->desc->ranges[i];

			if (r->slot != slot || r->home != d->self)
				continue;
			here += r->pages;
			used = coh_engine_range_used(d->pager.engine, r->first, r->pages);
		}
		unused += used ? 0 : here;
	}
	return unused;
}
