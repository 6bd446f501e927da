// SPDX-License-Identifier: Apache-2.0
// Which memory is to move, and where to.
#include <errno.h>

#include "coherence/base/refuse.h"
#include "vmm/run/homes.h"

#define GRANULE_PAGES (DESC_GRANULE / PAGE_BYTES)

struct spread {
	const struct machine_desc *d;
	host_id from;
	uint64_t room[HOSTS_MAX], part[HOSTS_MAX]; // granules; what of it each is to get
	struct homes_piece *out;
	unsigned n;
};

static void give(struct spread *s, page_idx first, uint64_t granules, unsigned to)
{
	s->out[s->n++] = (struct homes_piece){
		.first = first, .pages = granules * GRANULE_PAGES, .from = s->from, .to = (host_id)to};
	s->room[to] -= granules;
}

/* In proportion to the room that is left; then what rounding left. */
static void deal(struct spread *s, uint64_t want)
{
	uint64_t have = 0, left = want;

	for (unsigned k = 0; k < s->d->hosts_n; k++)
		have += s->room[k];
	for (unsigned k = 0; k < s->d->hosts_n && have; k++) {
		s->part[k] = (uint64_t)((unsigned __int128)want * s->room[k] / have);
		left -= s->part[k];
	}
	for (unsigned k = 0; left; k = (k + 1) % s->d->hosts_n) {
		bool more = s->part[k] < s->room[k];

		s->part[k] += more;
		left -= more;
	}
}

static void give_parts(struct spread *s)
{
	unsigned to = 0;

	for (unsigned i = 0; i < s->d->ranges_n; i++) {
		const struct desc_range *r = &s->d->ranges[i];
		page_idx end = r->first + r->pages;

		for (page_idx at = r->first; r->home == s->from && at < end;) {
			while (!s->part[to])
				to++;
			uint64_t left = (end - at) / GRANULE_PAGES;
			uint64_t take = left < s->part[to] ? left : s->part[to];

			give(s, at, take, to);
			s->part[to] -= take;
			at += take * GRANULE_PAGES;
		}
	}
}

int homes_spread(const struct machine_desc *d, host_id from, const uint64_t room[HOSTS_MAX], struct homes_piece *out,
		 char *why, size_t cap)
{
	struct spread s = {.d = d, .from = from, .out = out};
	uint64_t have = 0, want = desc_host_pages(d, from) / GRANULE_PAGES;

	for (unsigned k = 0; k < d->hosts_n; k++) {
		s.room[k] = k == from || !desc_is_member(d, k) ? 0 : room[k] / GRANULE_PAGES;
		have += s.room[k];
	}
	if (have < want)
		return refuse_with(why, cap, -ENOSPC,
				   "%llu MiB of memory have their home on host %u, the other hosts have offered %llu "
				   "MiB more than they have",
				   (unsigned long long)(want * DESC_GRANULE >> 20), from,
				   (unsigned long long)(have * DESC_GRANULE >> 20));
	deal(&s, want);
	give_parts(&s);
	return (int)s.n;
}

unsigned homes_first(const struct machine_desc *d, host_id from, host_id to, uint64_t pages, struct homes_piece *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < d->ranges_n && pages; i++) {
		const struct desc_range *r = &d->ranges[i];
		uint64_t take = r->pages < pages ? r->pages : pages;

		if (r->home != from)
			continue;
		out[n++] = (struct homes_piece){.first = r->first, .pages = take, .from = from, .to = to};
		pages -= take;
	}
	return n;
}
