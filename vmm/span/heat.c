// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/heat.h"

#include <string.h>

void heat_init(struct heat *h, uint64_t pages)
{
	memset(h, 0, sizeof(*h));
	h->pages = pages;
	while (pages > (uint64_t)HEAT_REGIONS << h->shift)
		h->shift++;
}

unsigned heat_regions(const struct heat *h)
{
	return (unsigned)((h->pages + (1ull << h->shift) - 1) >> h->shift);
}

/* The i-th of n pages looked at: one of each n-th part, not always the same place in it, which a pattern could meet. */
static page_idx sample(page_idx first, uint64_t pages, unsigned i, unsigned n)
{
	uint64_t part = pages / n;
	uint64_t mixed = (first + i + 1) * 0x9e3779b97f4a7c15ull >> 32;

	return first + i * part + mixed % part;
}

host_id heat_owner(const struct heat *h, const struct coh_engine *e, unsigned region, unsigned samples)
{
	page_idx first = (page_idx)region << h->shift;
	uint64_t pages = h->pages - first < 1ull << h->shift ? h->pages - first : 1ull << h->shift;
	unsigned n = pages < samples ? (unsigned)pages : samples, owned[HOSTS_MAX] = {0};
	host_id most = HOST_NONE;

	for (unsigned i = 0; i < n; i++) {
		host_id o = coh_engine_owner(e, sample(first, pages, i, n));

		if (o == HOST_NONE)
			continue;
		owned[o]++;
		if (most == HOST_NONE || owned[o] > owned[most])
			most = o;
	}
	return most;
}
