// SPDX-License-Identifier: Apache-2.0
#include "vmm/dev/bus.h"

#include <errno.h>

int bus_add(struct bus *b, uint64_t first, uint64_t bytes, const char *name, bus_fn fn, void *owner)
{
	unsigned at = b->n;

	if (!bytes || first + bytes - 1 < first)
		return -EINVAL;
	if (b->n == BUS_RANGES_MAX)
		return -ENOSPC;
	for (unsigned i = 0; i < b->n; i++) {
		const struct bus_range *r = &b->range[i];

		if (first <= r->first + (r->bytes - 1) && r->first <= first + (bytes - 1))
			return -EEXIST;
	}
	b->n++;
	b->range[at].first = first;
	b->range[at].bytes = bytes;
	b->range[at].name = name;
	b->range[at].fn = fn;
	b->range[at].owner = owner;
	return 0;
}

void bus_name_absent(struct bus *b, const struct absent_range *known, unsigned n, uint64_t block, bus_absent_fn fn,
		     void *owner)
{
	b->absent = (struct absent){.known = known, .known_n = n, .block = block};
	b->on_absent = fn;
	b->absent_owner = owner;
}

static uint64_t ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;
}

static void nobody(struct bus *b, uint64_t addr, struct bus_access *a)
{
	struct absent_range what;

	__atomic_fetch_add(&b->unclaimed, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&b->last_unclaimed, addr, __ATOMIC_RELAXED);
	if (absent_touch(&b->absent, addr, &what) && b->on_absent)
		b->on_absent(b->absent_owner, &what, addr, a);
	if (!a->write)
		a->value = ones(a->size);
}

int bus_do(struct bus *b, uint64_t addr, struct bus_access *a)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct bus_range *r = &b->range[i];

		if (addr < r->first || addr - r->first >= r->bytes)
			continue;
		a->offset = addr - r->first;
		if (a->size > r->bytes - a->offset)
			break;
		__atomic_fetch_add(&r->accesses, 1, __ATOMIC_RELAXED);
		if (!a->write)
			a->value = ones(a->size);
		int res = r->fn(r->owner, a);

		a->value &= ones(a->size);
		return res;
	}
	nobody(b, addr, a);
	return 0;
}
