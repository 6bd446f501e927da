// SPDX-License-Identifier: Apache-2.0
/*
 * All of memory: `pattern` (one vCPU writes everything, another verifies it, more than any one host
 * holds) and `storm` (all vCPUs read and write random pages; every page carries a version and words
 * made from it); and `known`, some pages of a text that is known.
 */
#include "guest-tools/micro/micro.h"

#define WORDS (PAGE / 8u)

struct storm_page { // seqlock: odd while being written
	volatile uint64_t lock, version, owner;
	volatile uint64_t word[WORDS - 3];
};

struct piece {
	uint64_t at, pages;
};

static struct {
	struct piece piece[RANGES_MAX];
	uint32_t pieces_n;
	uint64_t pages;
} mem;

static struct {
	uint64_t spread, ops, salt; // pages used, evenly spread; operations each
	struct {
		uint64_t reads, writes, skipped, bad, pages;
	} __attribute__((aligned(4096))) v[VCPUS_MAX];
} storm;

/* Everything that is not handed out. */
static void mem_find(void)
{
	mem.pieces_n = 0;
	mem.pages = 0;
	for (uint32_t i = 0; i < mach.ranges_n; i++) {
		const struct range *r = &mach.range[i];
		uint64_t at = r->at > mach.next[r->node] ? r->at : mach.next[r->node];

		if (at >= r->end)
			continue;
		mem.piece[mem.pieces_n++] = (struct piece){at, (r->end - at) / PAGE};
		mem.pages += (r->end - at) / PAGE;
	}
}

static void *mem_page(uint64_t i)
{
	for (uint32_t p = 0; p < mem.pieces_n; i -= mem.piece[p++].pages)
		if (i < mem.piece[p].pages)
			return (void *)(mem.piece[p].at + i * PAGE);
	return NULL;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;

	return x ^ x >> 31;
}

static void fill_job(uint32_t me, void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < mem.pages; i++) {
		volatile uint64_t *p = mem_page(i);

		for (uint32_t k = 0; k < WORDS; k++)
			p[k] = mix(i + storm.salt, k);
	}
	storm.v[me].pages = mem.pages;
}

static void verify_job(uint32_t me, void *arg)
{
	uint64_t bad = 0;

	(void)arg;
	for (uint64_t i = 0; i < mem.pages; i++) {
		volatile uint64_t *p = mem_page(i);

		for (uint32_t k = 0; k < WORDS; k++)
			bad += p[k] != mix(i + storm.salt, k);
	}
	storm.v[me].bad = bad;
}

static void pattern_run(const char *name)
{
	uint32_t last = mach.vcpus_n - 1;
	uint64_t bad = 0, t = tsc();

	mem_find();
	for (uint32_t k = 0; k < 2; k++) { // the last vCPU writes and the first verifies, then the other way round
		storm.salt = t + k;
		run_one(k ? 0 : last, fill_job, NULL);
		run_one(k ? last : 0, verify_job, NULL);
		bad += storm.v[k ? last : 0].bad;
	}
	print("RESULT pattern_guest_pages %lu pages\nRESULT pattern_guest_ms %lu ms\n", mem.pages,
	      ticks_ns(tsc() - t) / 1000000);
	if (bad)
		test_fail(name, "%lu wrong words in %lu pages", bad, mem.pages);
	else
		test_pass(name);
}

/* Pages full of one text, which somebody on the network between the hosts looks for: to another host and back. */
static const char known_text[16] = {'K', 'n', 'o', 'w', 'n', 'G', 'u', 'e', 's', 't', 'B', 'y', 't', 'e', 's', '!'};

static uint64_t known_word(uint32_t k)
{
	uint64_t word = 0;

	for (uint32_t i = 8; i-- > 0;)
		word = word << 8 | (uint8_t)known_text[8 * (k & 1) + i];
	return word;
}

static void known_fill_job(uint32_t me, void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < storm.spread; i++) {
		volatile uint64_t *p = mem_page(i);

		for (uint32_t k = 0; k < WORDS; k++)
			p[k] = known_word(k);
	}
	storm.v[me].pages = storm.spread;
}

static void known_read_job(uint32_t me, void *arg)
{
	uint64_t bad = 0;

	(void)arg;
	for (uint64_t i = 0; i < storm.spread; i++) {
		volatile uint64_t *p = mem_page(i);

		for (uint32_t k = 0; k < WORDS; k++)
			bad += p[k] != known_word(k);
	}
	storm.v[me].bad = bad;
}

static void known_run(const char *name)
{
	uint32_t last = mach.vcpus_n - 1;
	uint64_t bad = 0;

	mem_find();
	storm.spread = option_u64("pages", 64);
	for (uint32_t k = 0; k < 2; k++) {
		run_one(k ? 0 : last, known_fill_job, NULL);
		run_one(k ? last : 0, known_read_job, NULL);
		bad += storm.v[k ? last : 0].bad;
	}
	if (bad)
		test_fail(name, "%lu wrong words in %lu pages", bad, storm.spread);
	else
		test_pass(name);
}

static struct storm_page *storm_page(uint64_t i)
{
	return mem_page(i * (mem.pages / storm.spread));
}

static void stamp(struct storm_page *p, uint64_t id, uint64_t version, uint32_t owner)
{
	p->owner = owner;
	for (uint32_t k = 0; k < WORDS - 3; k++)
		p->word[k] = mix(id + version, k);
	p->version = version;
}

static bool sound(const struct storm_page *p, uint64_t id, uint64_t version)
{
	for (uint32_t k = 0; k < WORDS - 3; k++)
		if (p->word[k] != mix(id + version, k))
			return false;
	return true;
}

static void storm_write(uint32_t me, struct storm_page *p, uint64_t id)
{
	while (__atomic_exchange_n(&p->lock, 1, __ATOMIC_ACQUIRE))
		relax();
	uint64_t v = p->version;

	storm.v[me].bad += (v & 1) || !sound(p, id, v);
	p->version = v + 1;
	stamp(p, id, v + 2, me);
	__atomic_store_n(&p->lock, 0, __ATOMIC_RELEASE);
	storm.v[me].writes++;
}

/* A copy that was stable from the first to the last look must be whole: x86 shows stores in their
 * order. */
static void storm_read(uint32_t me, struct storm_page *p, uint64_t id)
{
	uint64_t v = p->version;
	bool ok = sound(p, id, v);

	if ((v & 1) || p->version != v)
		storm.v[me].skipped++;
	else
		storm.v[me].bad += !ok;
	storm.v[me].reads++;
}

static void storm_job(uint32_t me, void *arg)
{
	uint64_t seed = mix(storm.salt, me) | 1;

	(void)arg;
	for (uint64_t i = 0; i < storm.ops; i++) {
		uint64_t id = rnd(&seed) % storm.spread;

		if (rnd(&seed) & 1)
			id %= 16; // half of all on a few hot pages
		if (rnd(&seed) % 100 < 40)
			storm_write(me, storm_page(id), id);
		else
			storm_read(me, storm_page(id), id);
	}
}

static void storm_run(const char *name)
{
	uint64_t reads = 0, writes = 0, bad = 0, skipped = 0, versions = 0, t;

	mem_find();
	storm.salt = tsc();
	storm.ops = option_u64("ops", 5000);
	storm.spread = option_u64("pages", 1024);
	if (storm.spread > mem.pages)
		storm.spread = mem.pages;
	for (uint64_t i = 0; i < storm.spread; i++) {
		stamp(storm_page(i), i, 0, 0);
		storm_page(i)->lock = 0;
	}
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		storm.v[v].reads = storm.v[v].writes = storm.v[v].bad = storm.v[v].skipped = 0;
	t = tsc();
	run_on(mach.vcpus_n, storm_job, NULL);
	t = tsc() - t;
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		reads += storm.v[v].reads, writes += storm.v[v].writes;
		bad += storm.v[v].bad, skipped += storm.v[v].skipped;
	}
	for (uint64_t i = 0; i < storm.spread; i++) {
		versions += storm_page(i)->version / 2;
		bad += !sound(storm_page(i), i, storm_page(i)->version);
	}
	print("storm reads %lu (%lu met a writer) writes %lu ms %lu\n", reads, skipped, writes, ticks_ns(t) / 1000000);
	print("RESULT storm_guest %lu ops/s\n", (reads + writes) * 1000000 / (ticks_ns(t) / 1000 + 1));
	if (bad)
		test_fail(name, "%lu torn or stale pages", bad);
	else if (versions != writes)
		test_fail(name, "%lu writes, but versions count %lu", writes, versions);
	else
		test_pass(name);
}

const struct test storm_tests[] = {{"storm", storm_run}, {"pattern", pattern_run}, {"known", known_run}, {NULL, NULL}};
