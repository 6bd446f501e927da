// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/queue.h"

#include <stdlib.h>

#include "coherence/base/check.h"

static bool before(const struct key *a, const struct key *b)
{
	return a->when != b->when ? a->when < b->when : a->seq < b->seq;
}

static void grow(struct queue *q)
{
	uint32_t cap = q->cap ? 2 * q->cap : 256;

	q->heap = realloc(q->heap, cap * sizeof(*q->heap));
	q->pool = realloc(q->pool, cap * sizeof(*q->pool));
	q->free_list = realloc(q->free_list, cap * sizeof(*q->free_list));
	PD_CHECK(q->heap && q->pool && q->free_list);
	for (uint32_t i = q->cap; i < cap; i++)
		q->free_list[q->free_n++] = i;
	q->cap = cap;
}

void queue_push(struct queue *q, uint64_t when, const struct event *e)
{
	if (!q->free_n)
		grow(q);
	uint32_t idx = q->free_list[--q->free_n];
	struct key k = {.when = when, .seq = q->seq++, .idx = idx};
	uint32_t i = q->n++;
	q->pool[idx] = *e;
	for (; i && before(&k, &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
		q->heap[i] = q->heap[(i - 1) / 2];
	q->heap[i] = k;
}

bool queue_pop(struct queue *q, uint64_t *when, struct event *e)
{
	if (!q->n)
		return false;
	*when = q->heap[0].when;
	*e = q->pool[q->heap[0].idx];
	q->free_list[q->free_n++] = q->heap[0].idx;
	struct key last = q->heap[--q->n];
	uint32_t i = 0;
	for (;;) {
		uint32_t c = 2 * i + 1;
		if (c + 1 < q->n && before(&q->heap[c + 1], &q->heap[c]))
			c++;
		if (c >= q->n || !before(&q->heap[c], &last))
			break;
		q->heap[i] = q->heap[c];
		i = c;
	}
	q->heap[i] = last;
	return true;
}

void queue_free(struct queue *q)
{
	free(q->heap);
	free(q->pool);
	free(q->free_list);
}
