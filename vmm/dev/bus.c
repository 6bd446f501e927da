// SPDX-License-Identifier: Apache-2.0
#include "vmm/dev/bus.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/mutex.h"

/* Stays where it is while its range moves. */
struct bus_range {
	const char *name;
	bus_fn fn;
	void *owner;
	bool start_only; // one address, and accesses may go on behind it
	uint64_t accesses;
};

struct bus_entry {
	uint64_t first, last;
	struct bus_range *range;
};

/* Sorted by address, without overlap; never changed once it is published. */
struct bus_table {
	unsigned n;
	struct bus_entry e[];
};

void bus_init(struct bus *b)
{
	memset(b, 0, sizeof(*b));
	mutex_init(&b->change);
}

void bus_close(struct bus *b)
{
	for (unsigned i = 0; b->table && i < b->table->n; i++)
		free(b->table->e[i].range);
	free(b->table);
	pthread_mutex_destroy(&b->change);
	memset(b, 0, sizeof(*b));
}

/* ---- readers ---- */

/* The index of the first entry that ends at addr or behind it. */
static unsigned seek(const struct bus_table *t, uint64_t addr)
{
	unsigned lo = 0, hi = t ? t->n : 0;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (t->e[mid].last < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static unsigned begin_look(struct bus *b)
{
	unsigned phase = __atomic_load_n(&b->phase, __ATOMIC_SEQ_CST);

	__atomic_fetch_add(&b->readers[phase], 1, __ATOMIC_SEQ_CST);
	return phase;
}

static void end_look(struct bus *b, unsigned phase)
{
	__atomic_fetch_sub(&b->readers[phase], 1, __ATOMIC_SEQ_CST);
}

bool bus_find(struct bus *b, uint64_t addr, unsigned size, struct bus_hit *out)
{
	unsigned phase = begin_look(b);
	const struct bus_table *t = __atomic_load_n(&b->table, __ATOMIC_SEQ_CST);
	unsigned at = seek(t, addr);
	bool hit = t && at < t->n && addr >= t->e[at].first &&
		   (t->e[at].range->start_only || size - 1u <= t->e[at].last - addr);

	if (hit) {
		struct bus_range *r = t->e[at].range;

		__atomic_fetch_add(&r->accesses, 1, __ATOMIC_RELAXED);
		*out = (struct bus_hit){.fn = r->fn, .owner = r->owner, .offset = addr - t->e[at].first};
	}
	end_look(b, phase);
	return hit;
}

static void nobody(struct bus *b, uint64_t addr, struct bus_access *a)
{
	struct absent_range what;

	__atomic_fetch_add(&b->unclaimed, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&b->last_unclaimed, addr, __ATOMIC_RELAXED);
	if (absent_touch(&b->absent, addr, &what) && b->on_absent)
		b->on_absent(b->absent_owner, &what, addr, a);
	if (!a->write)
		a->value = bytes_ones(a->size);
}

int bus_do(struct bus *b, uint64_t addr, struct bus_access *a)
{
	struct bus_hit hit;

	if (!bus_find(b, addr, a->size, &hit)) {
		nobody(b, addr, a);
		return 0;
	}
	a->offset = hit.offset;
	if (!a->write)
		a->value = bytes_ones(a->size);
	int r = hit.fn(hit.owner, a);

	a->value &= bytes_ones(a->size);
	return r;
}

/* ---- changes ---- */

/*
 * Nobody looks into a table that was replaced before this. A reader counts itself first and reads the table then: who
 * counts himself after a counter was seen to be 0 finds the new one. One that took the phase just before it turned
 * stands in the other counter: so both are waited for.
 */
static void wait_for_readers(struct bus *b)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned old = b->phase;

		__atomic_store_n(&b->phase, !old, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&b->readers[old], __ATOMIC_SEQ_CST))
			sched_yield();
	}
}

static void publish(struct bus *b, struct bus_table *next)
{
	struct bus_table *old = b->table;

	__atomic_store_n(&b->table, next, __ATOMIC_SEQ_CST);
	if (old)
		wait_for_readers(b);
	free(old);
}

/* Change lock held. A copy without entry skip (n: all of them), with room for one more. */
static struct bus_table *copy(const struct bus *b, unsigned skip)
{
	unsigned n = b->table ? b->table->n : 0;
	struct bus_table *t = malloc(sizeof(*t) + (n + 1) * sizeof(t->e[0]));

	if (!t)
		return NULL;
	t->n = 0;
	for (unsigned i = 0; i < n; i++)
		if (i != skip)
			t->e[t->n++] = b->table->e[i];
	return t;
}

static int put(struct bus_table *t, uint64_t first, uint64_t last, struct bus_range *r)
{
	unsigned at = seek(t, first);

	if (at < t->n && t->e[at].first <= last)
		return -EEXIST;
	memmove(&t->e[at + 1], &t->e[at], (t->n - at) * sizeof(t->e[0]));
	t->e[at] = (struct bus_entry){.first = first, .last = last, .range = r};
	t->n++;
	return 0;
}

/* Change lock held. The index of the range that begins there. */
static int starts_at(const struct bus *b, uint64_t first, unsigned *at)
{
	*at = seek(b->table, first);
	return b->table && *at < b->table->n && b->table->e[*at].first == first ? 0 : -ENOENT;
}

static int add(struct bus *b, uint64_t first, uint64_t last, struct bus_range *r)
{
	unsigned n = b->table ? b->table->n : 0;
	struct bus_table *t = n < BUS_RANGES_MAX ? copy(b, n) : NULL;
	int res = t ? put(t, first, last, r) : n < BUS_RANGES_MAX ? -ENOMEM : -ENOSPC;

	if (res)
		free(t);
	else
		publish(b, t);
	return res;
}

static int add_range(struct bus *b, uint64_t first, uint64_t bytes, const struct bus_range *what)
{
	struct bus_range *r;

	if (!bytes || first + bytes - 1 < first)
		return -EINVAL;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = *what;
	pthread_mutex_lock(&b->change);
	int res = add(b, first, first + (bytes - 1), r);

	pthread_mutex_unlock(&b->change);
	if (res)
		free(r);
	return res;
}

int bus_add(struct bus *b, uint64_t first, uint64_t bytes, const char *name, bus_fn fn, void *owner)
{
	return add_range(b, first, bytes, &(struct bus_range){.name = name, .fn = fn, .owner = owner});
}

int bus_add_start(struct bus *b, uint64_t first, const char *name, bus_fn fn, void *owner)
{
	return add_range(b, first, 1, &(struct bus_range){.name = name, .fn = fn, .owner = owner, .start_only = true});
}

int bus_move(struct bus *b, uint64_t first, uint64_t to)
{
	struct bus_table *t = NULL;
	unsigned at;

	pthread_mutex_lock(&b->change);
	int r = starts_at(b, first, &at);

	if (!r) {
		const struct bus_entry *e = &b->table->e[at];
		uint64_t last = to + (e->last - e->first);

		t = last < to ? NULL : copy(b, at);
		r = t ? put(t, to, last, e->range) : last < to ? -EINVAL : -ENOMEM;
	}
	if (r)
		free(t);
	else
		publish(b, t);
	pthread_mutex_unlock(&b->change);
	return r;
}

int bus_remove(struct bus *b, uint64_t first)
{
	struct bus_table *t = NULL;
	unsigned at;

	pthread_mutex_lock(&b->change);
	int r = starts_at(b, first, &at);

	if (!r) {
		t = copy(b, at);
		r = t ? 0 : -ENOMEM;
	}
	if (!r) {
		struct bus_range *gone = b->table->e[at].range;

		publish(b, t);
		free(gone);
	}
	pthread_mutex_unlock(&b->change);
	return r;
}

void bus_each(struct bus *b, void (*fn)(void *ctx, const char *name, uint64_t first, uint64_t accesses), void *ctx)
{
	pthread_mutex_lock(&b->change);
	for (unsigned i = 0; b->table && i < b->table->n; i++)
		fn(ctx, b->table->e[i].range->name, b->table->e[i].first,
		   __atomic_load_n(&b->table->e[i].range->accesses, __ATOMIC_RELAXED));
	pthread_mutex_unlock(&b->change);
}

void bus_name_absent(struct bus *b, const struct absent_range *known, unsigned n, uint64_t block, bus_absent_fn fn,
		     void *owner)
{
	b->absent = (struct absent){.known = known, .known_n = n, .block = block};
	b->on_absent = fn;
	b->absent_owner = owner;
}
