// SPDX-License-Identifier: Apache-2.0
#include "vmm/dist/hot.h"

#include <stdlib.h>
#include <string.h>

static uint64_t total(const struct hot_page *p)
{
	return p->reads + p->writes + p->error;
}

static struct hot_page *entry(struct hot *h, page_idx page)
{
	struct hot_page *least = &h->v[0];

	for (unsigned i = 0; i < h->n; i++) {
		if (h->v[i].page == page)
			return &h->v[i];
		if (total(&h->v[i]) < total(least))
			least = &h->v[i];
	}
	if (h->n < HOT_PAGES)
		least = &h->v[h->n++];
	*least = (struct hot_page){.page = page, .error = h->n < HOT_PAGES ? 0 : total(least)};
	return least;
}

void hot_count(struct hot *h, page_idx page, bool write)
{
	struct hot_page *p = entry(h, page);

	p->writes += write;
	p->reads += !write;
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
