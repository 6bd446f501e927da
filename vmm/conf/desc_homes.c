// SPDX-License-Identifier: Apache-2.0
// Homes of memory that have moved: ranges are split where they have to be, and joined where they can be.
#include <errno.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "vmm/conf/machine_desc.h"

#define GRANULE_PAGES (DESC_GRANULE / PAGE_BYTES)

struct ranges {
	struct desc_range v[DESC_RANGES_MAX + 2];
	unsigned n;
};

static bool joins(const struct desc_range *a, const struct desc_range *b)
{
	return a->first + a->pages == b->first && a->node == b->node && a->home == b->home && a->slot == b->slot;
}

/* The part of r in [from, to), with that home. */
static void put(struct ranges *out, const struct desc_range *r, page_idx from, page_idx to, uint32_t home)
{
	page_idx end = r->first + r->pages;
	struct desc_range part = *r;

	part.first = from > r->first ? from : r->first;
	end = to < end ? to : end;
	if (part.first >= end)
		return;
	part.pages = end - part.first;
	part.home = home;
	if (out->n && joins(&out->v[out->n - 1], &part))
		out->v[out->n - 1].pages += part.pages;
	else if (out->n < sizeof(out->v) / sizeof(out->v[0]))
		out->v[out->n++] = part;
}

/* Pages of [first, end) that are memory. */
static uint64_t memory_in(const struct machine_desc *d, page_idx first, page_idx end)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < d->ranges_n; i++) {
		const struct desc_range *r = &d->ranges[i];
		page_idx from = r->first > first ? r->first : first;
		page_idx to = r->first + r->pages < end ? r->first + r->pages : end;

		n += from < to ? to - from : 0;
	}
	return n;
}

int desc_rehome(struct machine_desc *d, page_idx first, uint64_t pages, uint32_t to, char *why, size_t cap)
{
	struct ranges out = {.n = 0};
	page_idx end;

	if (!desc_is_member(d, to))
		return refuse_with(why, cap, -EINVAL, "there is no host %u", to);
	if (first % GRANULE_PAGES || pages % GRANULE_PAGES || !pages || __builtin_add_overflow(first, pages, &end) ||
	    memory_in(d, first, end) != pages)
		return refuse_with(why, cap, -EINVAL, "pages %llu and %llu more are not whole granules of memory",
				   (unsigned long long)first, (unsigned long long)pages);
	for (unsigned i = 0; i < d->ranges_n; i++) {
		const struct desc_range *r = &d->ranges[i];

		put(&out, r, 0, first, r->home);
		put(&out, r, first, end, to);
		put(&out, r, end, UINT64_MAX, r->home);
	}
	if (out.n > DESC_RANGES_MAX)
		return refuse_with(why, cap, -ENOSPC, "memory would be in %u pieces, at most %u are possible", out.n,
				   DESC_RANGES_MAX);
	memcpy(d->ranges, out.v, out.n * sizeof(out.v[0]));
	d->ranges_n = out.n;
	d->version++;
	return 0;
}
