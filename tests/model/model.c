// SPDX-License-Identifier: Apache-2.0
// Breadth-first search over all states of a few small configurations; see --help.
#include "tests/model/model.h"

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
	uint8_t drains; // known to reach quiescence
	uint16_t bytes;
	uint8_t packed[];
};

struct search {
	uint8_t *arena;
	size_t used;
	uint32_t *table; // units + 1
	size_t slots, states, transitions;
	size_t limit;
	double seconds;
};

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

/* The record of a state, new or not. */
static uint32_t intern(struct search *s, struct state *st, uint32_t parent, struct action a)
{
	uint8_t buf[PACKED_MAX + 8] = {0};
	unsigned n = pack(st, buf);

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
		action_text(&at(s, path[--n])->a, text, sizeof(text));
		printf("    %s\n", text);
	}
	if (last) {
		action_text(last, text, sizeof(text));
		printf("    %s   <-- here\n", text);
	}
}

static bool is_work(const struct action *a)
{
	return a->kind != A_READ && a->kind != A_WRITE && a->kind != A_GIVE_UP && a->kind != A_RAN &&
	       a->kind != A_EVICT && a->kind != A_LOSE;
}

/* The first that is work; of what can be asked about, one after the other. count: there is none. */
static unsigned choose(const struct action *acts, unsigned count, unsigned *turn)
{
	unsigned first = 0, asks = 0;

	while (first < count && !is_work(&acts[first]))
		first++;
	while (first + asks < count && acts[first + asks].kind == A_ASK)
		asks++;
	return asks ? first + (*turn)++ % asks : first;
}

/* Without new faults, work in progress must come to an end: follows the first step until it has. */
static const char *drains(struct search *s, uint32_t unit)
{
	uint32_t path[512];
	unsigned n = 0, turn = 0;

	while (!at(s, unit)->drains) {
		struct state st;
		struct action acts[ACTIONS_CAP];
		unpack(at(s, unit)->packed, &st);
		if (n == 512)
			return "work does not come to an end";
		path[n++] = unit;
		if (st.told)
			break;
		if (world_quiescent(&st)) {
			const char *wrong = world_quiescent_wrong(&st);
			if (wrong)
				return wrong;
			break;
		}
		unsigned count = world_actions(&st, acts, ACTIONS_CAP), k = choose(acts, count, &turn);
		if (k == count && st.lost && world_nobody_waits(&st))
			break;
		if (k == count)
			return "deadlock: work in progress and nothing can happen";
		const char *wrong = world_step(&st, &acts[k]);
		if (wrong)
			return wrong;
		unit = intern(s, &st, unit, acts[k]);
	}
	while (n)
		at(s, path[--n])->drains = 1;
	return NULL;
}

static const char *expand(struct search *s, uint32_t unit, struct action *bad)
{
	struct state from, to;
	struct action acts[ACTIONS_CAP];

	unpack(at(s, unit)->packed, &from);
	unsigned n = world_actions(&from, acts, ACTIONS_CAP);
	for (unsigned i = 0; i < n; i++) {
		to = from;
		*bad = acts[i];
		const char *wrong = world_step(&to, &acts[i]);
		if (wrong)
			return wrong;
		intern(s, &to, unit, acts[i]);
		s->transitions++;
	}
	bad->kind = ACTIONS;
	return drains(s, unit);
}

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Returns whether the configuration did what was expected of it. */
static bool check(struct search *s, const struct model_config *c)
{
	struct state init;
	struct action bad = {0};
	const char *wrong = NULL;
	double start = seconds_now();
	size_t next = 0;

	free(s->table);
	madvise(s->arena, s->used, MADV_DONTNEED);
	*s = (struct search){.arena = s->arena, .limit = s->limit, .seconds = s->seconds};
	world_init(c, &init);
	intern(s, &init, 0, bad);
	while (next < s->used && !wrong) {
		const struct record *r = at(s, (uint32_t)(next / UNIT));
		wrong = expand(s, (uint32_t)(next / UNIT), &bad);
		if (!wrong)
			next += (sizeof(*r) + r->bytes + UNIT - 1) & ~(size_t)(UNIT - 1);
		if (!wrong && (s->states > s->limit || seconds_now() - start > s->seconds))
			wrong = "not finished within the limit";
	}
	bool good = c->finds ? wrong && !strcmp(wrong, c->finds) : !wrong;
	printf("%s model.%s", good ? "PASS" : "FAIL", c->name);
	if (wrong)
		printf(": %s%s", c->finds && good ? "(the planted fault was found) " : "", wrong);
	else if (!good)
		printf(": the planted fault was not found");
	printf(" (%zu states, %zu transitions, %.1f s, %zu MiB)\n", s->states, s->transitions, seconds_now() - start,
	       (s->used + s->slots * sizeof(*s->table)) >> 20);
	if (wrong && !good)
		print_trace(s, (uint32_t)(next / UNIT), bad.kind < ACTIONS ? &bad : NULL);
	fflush(stdout);
	return good;
}

// clang-format off
static const struct model_config configs[] = {
	{.name = "planted_fault", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .skip_inv = true, .finds = "an old copy can be read"},
	{.name = "2_hosts_1_page", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .evict = true},
	{.name = "2_hosts_2_pages_two_homes", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 4, .zero_run = 2, .evict = true},
	{.name = "2_hosts_2_pages_hold_evict", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 4, .zero_run = 2, .hold = true, .evict = true},
	{.name = "2_hosts_2_pages_migratory", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .migratory = COH_MIGRATORY_ALL},
	{.name = "3_hosts_1_page_migratory", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .evict = true, .migratory = COH_MIGRATORY_ODD},
	{.name = "2_hosts_2_pages_full_queue", .hosts = 2, .pages = 2, .queue_max = 2,
	 .requests_max = 2, .zero_run = 1, .one_home = true, .evict = true, .hold = true},
	{.name = "2_hosts_2_pages_one_request", .hosts = 2, .pages = 2, .queue_max = 4,
	 .requests_max = 1, .zero_run = 1, .evict = true},
	{.name = "3_hosts_1_page_homes_word", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .ask = true, .homes_word = true,
	 .finds = "it has given the page, which never came"},
	{.name = "2_hosts_1_page_nobody_asks", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .lose = true,
	 .finds = "deadlock: work in progress and nothing can happen"},
	{.name = "2_hosts_1_page_lost", .hosts = 2, .pages = 1, .queue_max = 4,
	 .requests_max = 4, .zero_run = 1, .hold = true, .evict = true, .ask = true, .lose = true},
	{.name = "2_hosts_2_pages_ask", .hosts = 2, .pages = 2, .queue_max = 2,
	 .requests_max = 1, .zero_run = 1, .one_home = true, .ask = true},
	{.name = "3_hosts_1_page_ask", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .ask = true},
	{.name = "3_hosts_1_page_lost", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .ask = true, .lose = true, .late = true},
	{.name = "3_hosts_1_page_hold_evict", .hosts = 3, .pages = 1, .queue_max = 6,
	 .requests_max = 2, .zero_run = 1, .hold = true, .evict = true},
};
// clang-format on

static void help(void)
{
	printf("Usage: model [--only NAME] [--states N] [--seconds S]\n"
	       "Visits every state that the coherence engines of a small cluster can reach, by "
	       "every order of\n"
	       "faults, message deliveries, expired deadlines and evictions, and checks each of "
	       "them.\n"
	       "  --only NAME   one configuration of:\n");
	for (unsigned i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
		printf("                %s\n", configs[i].name);
	printf("  --states N    give up after N states (default 40000000)\n"
	       "  --seconds S   give up after S seconds for each configuration (default 200)\n");
}

int main(int argc, char **argv)
{
	struct search s = {.limit = 40000000, .seconds = 200};
	const char *only = NULL;
	bool good = true, any = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			only = argv[++i];
		} else if (!strcmp(argv[i], "--states") && i + 1 < argc) {
			s.limit = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) {
			s.seconds = strtod(argv[++i], NULL);
		} else {
			help();
			return strcmp(argv[i], "--help") ? 2 : 0;
		}
	}
	s.arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	PD_CHECK(s.arena != MAP_FAILED);
	for (unsigned i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		if (only && strcmp(only, configs[i].name))
			continue;
		any = true;
		good &= check(&s, &configs[i]);
	}
	if (!any)
		printf("FAIL model: no configuration of that name\n");
	return good && any ? 0 : 1;
}
