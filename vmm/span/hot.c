// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/hot.h"

#include <stdlib.h>
#include <string.h>

static uint64_t total(const struct hot_page *p)
{
	return p->reads + p->writes + p->error;
}

/* Totals only grow, so the last known minimum bounds them from below, and mostly one that has it is found at once. */
static unsigned find_least(struct hot *h)
{
	unsigned least = 0;

	for (unsigned k = 0; k < HOT_PAGES; k++) {
		unsigned i = (h->next + k) % HOT_PAGES;
		if (h->total[i] <= h->least) {
			h->next = i + 1;
			return i;
		}
	}
	for (unsigned i = 1; i < HOT_PAGES; i++)
		least = h->total[i] < h->total[least] ? i : least;
	h->least = h->total[least];
	h->next = least + 1;
	return least;
}

/* Every fault comes here: the two compact tables are all that most of them look at. */
static unsigned entry(struct hot *h, page_idx page)
{
	uint32_t known = 0;
	unsigned least;

	for (unsigned i = 0; i < HOT_PAGES; i++) // all of them, without a branch: the compiler takes several at once
		known |= h->tag[i] == (uint32_t)page;
	for (unsigned i = 0; known && i < h->n; i++)
		if (h->tag[i] == (uint32_t)page && h->v[i].page == page)
			return i;
	if (h->n < HOT_PAGES) {
		least = h->n++;
		h->total[least] = 0;
	} else {
		least = find_least(h);
	}
	h->v[least] = (struct hot_page){.page = page, .error = h->total[least]};
	h->tag[least] = (uint32_t)page;
	return least;
}

/* Counts in windows of fixed length: the present one and the one before are enough for a rate. */
static void count_lately(struct hot_page *p, uint64_t now_ns)
{
	uint64_t window = now_ns >> HOT_WINDOW_SHIFT;

	if (window != p->window) {
		p->before = window == p->window + 1 ? p->recent : 0;
		p->recent = 0;
		p->window = window;
	}
	p->recent++;
}

unsigned hot_count(struct hot *h, page_idx page, bool write, bool upgrade, uint64_t now_ns)
{
	unsigned i = entry(h, page);
	struct hot_page *p = &h->v[i];

	h->total[i]++;
	p->writes += write;
	p->upgrades += write && upgrade;
	p->reads += !write;
	count_lately(p, now_ns);
	return i;
}

double hot_rate(const struct hot_page *p, uint64_t now_ns)
{
	const double length = (double)(1ull << HOT_WINDOW_SHIFT);
	uint64_t window = now_ns >> HOT_WINDOW_SHIFT, age = window - p->window;
	double recent = age == 0 ? p->recent : 0, before = age == 0 ? p->before : age == 1 ? p->recent : 0;
	double passed = (double)(now_ns & ((1ull << HOT_WINDOW_SHIFT) - 1)) / length;

	return (recent + before * (1 - passed)) * 1e9 / length;
}

const char *hot_sharing(const struct hot_page *p)
{
	uint64_t all = p->reads + p->writes, moved = p->migrated + p->upgrades;

	if (all < p->error || all < HOT_JUDGED)
		return "unknown";
	if (p->writes + p->migrated <= all / 8)
		return "read-mostly";
	if (p->writes - p->upgrades > all / 2)
		return "write-shared";
	/* A page that is read and then written shows two faults a visit, or one if it came with the right to write. */
	if (2 * p->upgrades + p->migrated >= all - all / 4 && moved)
		return "migratory";
	return "mixed";
}

static int by_count(const void *a, const void *b)
{
	uint64_t x = total(a), y = total(b);

	return x < y ? 1 : x > y ? -1 : 0;
}

unsigned hot_sorted(const struct hot *h, struct hot_page out[HOT_PAGES])
{
	memcpy(out, h->v, h->n * sizeof(out[0]));
	qsort(out, h->n, sizeof(out[0]), by_count);
	return h->n;
}
