// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"
#include "tests/rel/rel_sim.h"

#define BYTES_A_S   1250000000ull // 10 Gbit/s
#define DELAY_NS    (10 * US)
#define QUEUE_BYTES (1u << 20)
#define WIRE_BYTES  38u // preamble, Ethernet header, check sequence, gap

/* SplitMix64 */
uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return rng_next(r) % n;
}

bool rng_chance(struct rng *r, unsigned t)
{
	return t && rng_below(r, 1000) < t;
}

static bool before(const struct packet *a, const struct packet *b)
{
	return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void push(struct net *w, const struct packet *p)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		w->heap = realloc(w->heap, w->cap * sizeof(*w->heap));
		PD_CHECK(w->heap);
	}
	unsigned i = w->n++;
	for (; i && before(p, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = *p;
}

struct packet net_take(struct net *w)
{
	struct packet first = w->heap[0], last = w->heap[--w->n];
	unsigned i = 0;

	for (;;) {
		unsigned c = 2 * i + 1;

		if (c + 1 < w->n && before(&w->heap[c + 1], &w->heap[c]))
			c++;
		if (c >= w->n || !before(&w->heap[c], &last))
			break;
		w->heap[i] = w->heap[c];
		i = c;
	}
	w->heap[i] = last;
	return first;
}

uint64_t net_next(const struct net *w)
{
	return w->n ? w->heap[0].when : UINT64_MAX;
}

static void arrive(struct net *w, unsigned from, const uint8_t *bytes, uint32_t n, uint64_t when)
{
	struct packet p = {.when = when, .order = w->orders++, .n = n, .to = !from};

	if (rng_chance(&w->rng, w->plan->late))
		p.when += rng_below(&w->rng, 200 * US);
	p.bytes = malloc(n);
	PD_CHECK(p.bytes);
	memcpy(p.bytes, bytes, n);
	if (rng_chance(&w->rng, w->plan->damage)) {
		/* one to eight bits anywhere, or a frame cut short */
		for (unsigned k = (unsigned)rng_below(&w->rng, 8) + 1; k; k--)
			p.bytes[rng_below(&w->rng, n)] ^= (uint8_t)(1u << rng_below(&w->rng, 8));
		if (rng_chance(&w->rng, 200))
			p.n = (uint32_t)rng_below(&w->rng, n);
	}
	push(w, &p);
}

/* To the side that it was for, or back to where it came from: who plays it does not care. */
static void replay(struct net *w, const uint8_t *bytes, uint32_t n, uint64_t now)
{
	middle_keep(&w->middle, &w->rng, bytes, n);
	if (!rng_chance(&w->rng, w->plan->replay))
		return;
	const uint8_t *again = middle_any(&w->middle, &w->rng, &n);

	arrive(w, (unsigned)rng_below(&w->rng, 2), again, n, now + rng_below(&w->rng, 100 * US));
}

void net_send(struct net *w, unsigned from, const uint8_t *bytes, uint32_t n, uint64_t now)
{
	const struct plan *q = w->plan;
	uint64_t rate = q->bytes_a_s ? q->bytes_a_s : BYTES_A_S;
	uint64_t limit = q->queue_bytes ? q->queue_bytes : QUEUE_BYTES;
	uint64_t start = w->free_at[from] > now ? w->free_at[from] : now;

	w->sent++;
	if (q->replay)
		replay(w, bytes, n, now);
	if ((start - now) * rate / 1000000000u > limit) {
		w->overflowed++;
		return;
	}
	w->free_at[from] = start + (n + WIRE_BYTES) * 1000000000ull / rate;
	if (rng_chance(&w->rng, q->loss) || (from == 0 && now >= q->cut_from && now < q->cut_to)) {
		w->lost++;
		return;
	}
	uint64_t when = w->free_at[from] + (q->delay_ns ? q->delay_ns : DELAY_NS);
	arrive(w, from, bytes, n, when);
	if (rng_chance(&w->rng, q->twice))
		arrive(w, from, bytes, n, when + rng_below(&w->rng, 50 * US));
}

void net_free(struct net *w)
{
	for (unsigned i = 0; i < w->n; i++)
		free(w->heap[i].bytes);
	free(w->heap);
	middle_free(&w->middle);
}
