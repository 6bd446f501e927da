// SPDX-License-Identifier: Apache-2.0
// Breadth-first search over all states that a model can reach, and from each of them a way to rest.
#include "tests/model/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "coherence/base/check.h"

#define ARENA_BYTES ((size_t)5 << 30) // address space; pages are used as they are needed
#define UNIT        4u                // records start at multiples of this
#define ACTIONS_CAP 64u

struct record {
	uint32_t parent; // in units
	struct action a;
	uint8_t drains; // known to reach rest
	uint16_t bytes;
	uint8_t packed[];
};

void search_init(struct search *s)
{
	s->arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	PD_CHECK(s->arena != MAP_FAILED);
}

static struct record *at(const struct search *s, uint32_t unit)
{
	return (struct record *)(s->arena + (size_t)unit * UNIT);
}

static uint64_t hash(const uint8_t *p, unsigned n)
{
	uint64_t h = 0xcbf29ce484222325ull ^ n;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	while (n--)
		h = (h ^ *p++) * 0x100000001b3ull;
	return h ^ h >> 32;
}

static void grow(struct search *s)
{
	uint32_t *old = s->table;
	size_t n = s->slots;

	s->slots = n ? 2 * n : 1 << 16;
	s->table = calloc(s->slots, sizeof(*s->table));
	PD_CHECK(s->table);
	for (size_t i = 0; i < n; i++) {
		if (!old[i])
			continue;
		const struct record *r = at(s, old[i] - 1);
		size_t k = hash(r->packed, r->bytes) & (s->slots - 1);
		while (s->table[k])
			k = (k + 1) & (s->slots - 1);
		s->table[k] = old[i];
	}
	free(old);
}

static unsigned pack(const struct search_ops *ops, void *state, uint8_t *buf)
{
	if (ops->pack)
		return ops->pack(state, buf);
	memcpy(buf, state, ops->state_bytes);
	return (unsigned)ops->state_bytes;
}

static void unpack(const struct search_ops *ops, const uint8_t *buf, void *state)
{
	if (ops->unpack)
		ops->unpack(buf, state);
	else
		memcpy(state, buf, ops->state_bytes);
}

/* The record of a state, new or not. */
static uint32_t intern(struct search *s, void *st, uint32_t parent, struct action a)
{
	uint8_t buf[PACKED_MAX + 8] = {0};
	unsigned n = pack(s->ops, st, buf);

	if (2 * s->states >= s->slots)
		grow(s);
	size_t k = hash(buf, n) & (s->slots - 1);
	for (; s->table[k]; k = (k + 1) & (s->slots - 1)) {
		const struct record *r = at(s, s->table[k] - 1);
		if (r->bytes == n && !memcmp(r->packed, buf, n))
			return s->table[k] - 1;
	}
	uint32_t unit = (uint32_t)(s->used / UNIT);
	size_t need = (sizeof(struct record) + n + UNIT - 1) & ~(size_t)(UNIT - 1);
	PD_CHECK(s->used + need <= ARENA_BYTES);
	struct record *r = at(s, unit);
	*r = (struct record){.parent = parent, .a = a, .bytes = (uint16_t)n};
	memcpy(r->packed, buf, n);
	s->used += need;
	s->table[k] = unit + 1;
	s->states++;
	return unit;
}

static void print_trace(const struct search *s, uint32_t unit, const struct action *last)
{
	uint32_t path[4096];
	unsigned n = 0;
	char text[64];

	for (; unit && n < 4096; unit = at(s, unit)->parent)
		path[n++] = unit;
	while (n) {
		s->ops->text(&at(s, path[--n])->a, text, sizeof(text));
		printf("    %s\n", text);
	}
	if (last) {
		s->ops->text(last, text, sizeof(text));
		printf("    %s   <-- here\n", text);
	}
}

/* The first that is work; of what can be asked about, one after the other. count: there is none. */
static unsigned choose(const struct search *s, const struct action *acts, unsigned count, unsigned *turn)
{
	unsigned first = 0, asks = 0;

	while (first < count && s->ops->class(&acts[first]) == ACTION_NEWS)
		first++;
	while (first + asks < count && s->ops->class(&acts[first + asks]) == ACTION_IN_TURN)
		asks++;
	return asks ? first + (*turn)++ % asks : first;
}

/* Without news, work in progress must come to an end: follows the first step until it has. */
static const char *drains(struct search *s, uint32_t unit)
{
	static _Alignas(16) uint8_t st[STATE_MAX];
	uint32_t path[512];
	unsigned n = 0, turn = 0;

	if (!s->ops->at_rest)
		return NULL;
	while (!at(s, unit)->drains) {
		struct action acts[ACTIONS_CAP];
		const char *wrong = NULL;
		unpack(s->ops, at(s, unit)->packed, st);
		if (n == 512)
			return "work does not come to an end";
		path[n++] = unit;
		bool rests = s->ops->at_rest(st, &wrong);
		if (wrong)
			return wrong;
		if (rests)
			break;
		unsigned count = s->ops->actions(st, acts, ACTIONS_CAP), k = choose(s, acts, count, &turn);
		if (k == count && s->ops->may_stick(st))
			break;
		if (k == count)
			return "deadlock: work in progress and nothing can happen";
		wrong = s->ops->step(st, &acts[k]);
		if (wrong)
			return wrong;
		unit = intern(s, st, unit, acts[k]);
	}
	while (n)
		at(s, path[--n])->drains = 1;
	return NULL;
}

static const char *expand(struct search *s, uint32_t unit, struct action *bad)
{
	static _Alignas(16) uint8_t from[STATE_MAX], to[STATE_MAX];
	struct action acts[ACTIONS_CAP];

	unpack(s->ops, at(s, unit)->packed, from);
	unsigned n = s->ops->actions(from, acts, ACTIONS_CAP);
	for (unsigned i = 0; i < n; i++) {
		memcpy(to, from, s->ops->state_bytes);
		*bad = acts[i];
		const char *wrong = s->ops->step(to, &acts[i]);
		if (wrong)
			return wrong;
		intern(s, to, unit, acts[i]);
		s->transitions++;
	}
	bad->none = true;
	return drains(s, unit);
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); // other work on the machine is no reason to give up
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

bool search_check(struct search *s, const struct search_ops *ops, void *init, const char *name, const char *finds)
{
	struct action bad = {.kind = 0};
	const char *wrong = NULL;
	double start = seconds_now();
	size_t next = 0;

	free(s->table);
	madvise(s->arena, s->used, MADV_DONTNEED);
	*s = (struct search){
		.ops = ops, .arena = s->arena, .limit = s->limit, .seconds = s->seconds, .large = s->large};
	PD_CHECK(ops->state_bytes <= STATE_MAX && (ops->pack || ops->state_bytes <= PACKED_MAX));
	intern(s, init, 0, bad);
	while (next < s->used && !wrong) {
		const struct record *r = at(s, (uint32_t)(next / UNIT));
		wrong = expand(s, (uint32_t)(next / UNIT), &bad);
		if (!wrong)
			next += (sizeof(*r) + r->bytes + UNIT - 1) & ~(size_t)(UNIT - 1);
		if (!wrong && (s->states > s->limit || seconds_now() - start > s->seconds))
			wrong = "not finished within the limit";
	}
	bool good = finds ? wrong && !strcmp(wrong, finds) : !wrong;
	printf("%s model.%s", good ? "PASS" : "FAIL", name);
	if (wrong)
		printf(": %s%s", finds && good ? "(the planted fault was found) " : "", wrong);
	else if (!good)
		printf(": the planted fault was not found");
	printf(" (%zu states, %zu transitions, %.1f s, %zu MiB)\n", s->states, s->transitions, seconds_now() - start,
	       (s->used + s->slots * sizeof(*s->table)) >> 20);
	if (wrong && !good)
		print_trace(s, (uint32_t)(next / UNIT), bad.none ? NULL : &bad);
	fflush(stdout);
	return good;
}
