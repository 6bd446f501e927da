// SPDX-License-Identifier: Apache-2.0
#include "vmm/mem/layout.h"

#define LOW_PAGES (LAYOUT_LOW_END >> PAGE_SHIFT)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

unsigned layout_ranges(const struct machine_desc *d, struct layout_range *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->ranges_n; i++) {
		const struct desc_range *r = &d->ranges[i];
		page_idx page = r->first;
		uint64_t left = r->pages;

		while (left) { // twice for the one range that straddles the hole
			uint64_t pages = page < LOW_PAGES ? least(left, LOW_PAGES - page) : left;

			out[n++] = (struct layout_range){
				.gpa = layout_gpa(page),
				.bytes = pages << PAGE_SHIFT,
				.first = page,
				.node = r->node,
				.slot = r->slot,
				.home = (host_id)r->home,
			};
			page += pages;
			left -= pages;
		}
	}
	return n;
}

bool layout_page(uint64_t ram_bytes, uint64_t gpa, page_idx *page)
{
	uint64_t offset = gpa;

	if (gpa >= LAYOUT_HIGH)
		offset = gpa - (LAYOUT_HIGH - LAYOUT_LOW_END);
	else if (gpa >= LAYOUT_LOW_END)
		return false;
	if (offset >= ram_bytes)
		return false;
	*page = offset >> PAGE_SHIFT;
	return true;
}

uint64_t layout_gpa(page_idx page)
{
	uint64_t offset = page << PAGE_SHIFT;

	return offset < LAYOUT_LOW_END ? offset : offset + (LAYOUT_HIGH - LAYOUT_LOW_END);
}
