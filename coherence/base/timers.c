// SPDX-License-Identifier: Apache-2.0
#include "coherence/base/timers.h"

#include "coherence/base/check.h"

/* Equal deadlines go by id, so that a run does not depend on the heap's shape. */
static bool before(const struct timers *t, uint32_t a, uint32_t b)
{
	return t->when[a] != t->when[b] ? t->when[a] < t->when[b] : a < b;
}

static void place(struct timers *t, uint32_t at, uint32_t id)
{
	t->heap[at] = id;
	t->pos[id] = at + 1;
}

static void sift(struct timers *t, uint32_t at)
{
	uint32_t id = t->heap[at];

	while (at > 0 && before(t, id, t->heap[(at - 1) / 2])) {
		place(t, at, t->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child + 1 < t->n && before(t, t->heap[child + 1], t->heap[child]))
			child++;
		if (child >= t->n || !before(t, t->heap[child], id))
			break;
		place(t, at, t->heap[child]);
		at = child;
	}
	place(t, at, id);
}

void timers_set(struct timers *t, uint32_t id, uint64_t when_ns)
{
	PD_CHECK(id < t->ids);
	t->when[id] = when_ns;
	if (!t->pos[id])
		place(t, t->n++, id);
	sift(t, t->pos[id] - 1);
}

void timers_clear(struct timers *t, uint32_t id)
{
	uint32_t at = t->pos[id];

	if (!at--)
		return;
	t->pos[id] = 0;
	if (at == --t->n)
		return;
	place(t, at, t->heap[t->n]);
	sift(t, at);
}

bool timers_armed(const struct timers *t, uint32_t id)
{
	return t->pos[id] != 0;
}

uint64_t timers_next(const struct timers *t)
{
	return t->n ? t->when[t->heap[0]] : TIMERS_NEVER;
}

uint32_t timers_pop(struct timers *t, uint64_t now_ns)
{
	if (!t->n || t->when[t->heap[0]] > now_ns)
		return TIMERS_NONE;
	uint32_t id = t->heap[0];
	timers_clear(t, id);
	return id;
}
