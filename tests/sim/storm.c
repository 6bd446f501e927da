// SPDX-License-Identifier: Apache-2.0
// Random and regular accesses by many hosts: hot and cold pages, quota pressure, streams, fairness,
// scale.
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

static struct sim *running;
static uint64_t pages, hot_pages, ops;
static unsigned write_percent, hot_percent;
static unsigned leaves = HOST_NONE; // the vCPUs of this host end early

static struct op storm(struct cpu *c)
{
	if (c->count++ == (c->host == leaves ? ops / 4 : ops))
		return (struct op){.kind = OP_END};
	bool hot = sim_random(running, 100) < hot_percent;
	struct op o = {.page = sim_reachable(running, sim_random(running, hot ? hot_pages : pages)),
		       .word = (unsigned)sim_random(running, WORDS),
		       .value = (uint64_t)c->id << 40 | c->count};
	unsigned dice = (unsigned)sim_random(running, 100);
	o.kind = dice >= write_percent ? OP_LOAD : dice % 4 == 0 ? OP_XCHG : dice % 4 == 1 ? OP_ADD : OP_STORE;
	return o;
}

/* Writes all pages in order, then reads them in order. */
static struct op sweep(struct cpu *c)
{
	uint64_t n = c->count++;
	uint64_t p = (n + c->id * pages / 4) % pages;

	if (n == 2 * pages)
		return (struct op){.kind = OP_END};
	if (n < pages)
		return (struct op){.kind = OP_STORE, .page = p, .value = n + 1};
	return (struct op){.kind = OP_LOAD, .page = p};
}

/* Reads all pages in order: host 0 wrote them. */
static struct op stream(struct cpu *c)
{
	if (c->id && !sim_peek(running, pages - 1, 0)) // not before all is written
		return (struct op){.kind = OP_PAUSE};
	uint64_t n = c->count++;
	if (n == pages)
		return (struct op){.kind = OP_END};
	if (c->id == 0)
		return (struct op){.kind = OP_STORE, .page = n, .value = n + 1};
	return (struct op){.kind = OP_LOAD, .page = n};
}

static struct op greedy(struct cpu *c)
{
	c->count++;
	return (struct op){.kind = OP_ADD, .page = 0, .value = 1};
}

struct storm_test {
	const char *name;
	unsigned hosts_min, hosts_max, cpus_a_host, seeds;
	uint64_t pages, ops, quota_extra;
	unsigned write_percent, prefetch, queue_a_host;
	bool (*extra)(struct sim *s, const struct sim_config *c, const char **why);
	program_fn *program;
	uint64_t moves_ns;
	bool drain;
	uint64_t goes_ns;
};

static struct sim_config config_for(const struct storm_test *t, uint64_t seed)
{
	unsigned hosts = t->hosts_min + (unsigned)(seed % (t->hosts_max - t->hosts_min + 1));

	return (struct sim_config){.seed = seed,
				   .hosts = hosts,
				   .cpus = hosts * t->cpus_a_host,
				   .pages = t->pages,
				   .quota_extra = t->quota_extra,
				   .delay_ns = 1000 + 7000 * (seed % 5),
				   .hold_ns = seed % 3 * 5000,
				   .prefetch = t->prefetch,
				   .zero_run = 1 + (unsigned)(seed % 4) * 5,
				   .migratory = (unsigned)(seed % 3),
				   .granule_shift = t->moves_ns || t->goes_ns ? (unsigned)(seed % 4) : 0,
				   .goes_ns = t->goes_ns,
				   .moves_ns = t->moves_ns,
				   .drain = t->drain,
				   .ask_ns = (t->moves_ns || t->goes_ns) && seed % 5 == 0 ? 20000 : 0,
				   .ask_max = 60000,
				   .queue_max = hosts * t->queue_a_host,
				   .requests_max = 32,
				   .dup_percent = seed % 4 || t->goes_ns ? 0 : 15, // a request twice would be late
				   .ran_percent = (unsigned)(seed % 3) * 50,
				   .fault_limit_ns = 400000000};
}

static bool quota_kept(struct sim *s, const struct sim_config *c, const char **why)
{
	uint64_t hints = 0, over = 0;

	for (unsigned h = 0; h < c->hosts; h++) {
		const struct coh_stats *st = sim_stats(s, h);
		uint64_t homed = c->pages / c->hosts + (h + 1 == c->hosts ? c->pages % c->hosts : 0);
		if (st->resident_max > homed + c->quota_extra + COH_RESERVE_HOME)
			over++;
		hints += st->evict_hints;
	}
	*why = over ? "a host held more pages than quota and reserve" : "no eviction happened";
	return !over && hints;
}

static bool prefetched(struct sim *s, const struct sim_config *c, const char **why)
{
	uint64_t hits = 0;

	for (unsigned h = 0; h < c->hosts; h++)
		hits += sim_stats(s, h)->prefetch_hits;
	*why = "a sequential reader got nothing ahead";
	return hits * 2 > c->pages;
}

static bool nacked(struct sim *s, const struct sim_config *c, const char **why)
{
	uint64_t full = 0;

	for (unsigned h = 0; h < c->hosts; h++)
		full += sim_stats(s, h)->queue_full;
	*why = "no queue was ever full";
	return full > 0;
}

static bool moved(struct sim *s, const struct sim_config *c, const char **why)
{
	*why = "fewer homes moved than there are hosts";
	return sim_moves(s) >= c->hosts;
}

static bool left(struct sim *s, const struct sim_config *c, const char **why)
{
	*why = "the last host could not leave";
	return sim_drained(s) && sim_moves(s) >= c->hosts;
}

static bool gone(struct sim *s, const struct sim_config *c, const char **why)
{
	(void)c;
	*why = "memory went less than three times";
	return sim_goes(s) >= 3;
}

static bool any(struct sim *s, const struct sim_config *c, const char **why)
{
	(void)s, (void)c, (void)why;
	return true;
}

static const struct storm_test tests[] = {
	{"storm", 2, 8, 2, 60, 96, 1500, 0, 40, 0, 64, any, storm, 0, false, 0},
	{"storm_reads", 2, 8, 2, 30, 96, 1500, 0, 8, 8, 64, any, storm, 0, false, 0},
	{"storm_quota", 2, 4, 2, 12, 1200, 4000, 8, 60, 4, 64, quota_kept, storm, 0, false, 0},
	{"storm_full_queue", 3, 6, 3, 20, 24, 800, 0, 50, 0, 1, nacked, storm, 0, false, 0},
	{"sweep_quota", 2, 4, 1, 6, 1600, 0, 4, 0, 8, 64, quota_kept, sweep, 0, false, 0},
	{"stream", 2, 2, 1, 8, 1000, 0, 0, 0, 16, 64, prefetched, stream, 0, false, 0},
	{"moves", 2, 8, 2, 60, 96, 1500, 0, 40, 0, 64, moved, storm, 20000, false, 0},
	{"moves_quota", 2, 4, 2, 24, 600, 3000, 8, 60, 4, 64, moved, storm, 20000, false, 0},
	{"moves_full_queue", 3, 6, 3, 20, 24, 800, 0, 50, 0, 1, moved, storm, 20000, false, 0},
	{"drain", 3, 6, 2, 40, 120, 3000, 0, 40, 0, 64, left, storm, 20000, true, 0},
	{"drain_quota", 3, 6, 2, 24, 400, 3000, 16, 40, 4, 64, left, storm, 20000, true, 0},
	{"moves_hosts_64", 64, 64, 1, 3, 512, 300, 0, 40, 4, 16, left, storm, 5000, true, 0},
	{"goes", 2, 8, 2, 60, 96, 3000, 0, 40, 0, 64, gone, storm, 0, false, 5000},
	{"goes_quota", 2, 4, 2, 24, 600, 4000, 8, 60, 4, 64, gone, storm, 0, false, 5000},
	{"goes_full_queue", 3, 6, 3, 20, 48, 3000, 0, 50, 0, 1, gone, storm, 0, false, 5000},
	{"goes_hosts_64", 64, 64, 1, 3, 512, 600, 0, 40, 4, 16, gone, storm, 0, false, 2000},
	{"hosts_16", 16, 16, 2, 4, 256, 600, 0, 40, 4, 32, any, storm, 0, false, 0},
	{"hosts_64", 64, 64, 1, 2, 512, 300, 0, 40, 4, 16, any, storm, 0, false, 0},
};

static struct sim *begin(const struct storm_test *t, const struct sim_config *c)
{
	struct sim *s = sim_open(c);

	running = s;
	pages = c->pages;
	hot_pages = 2 + c->seed % 7;
	hot_percent = (unsigned)(c->seed % 3) * 40;
	ops = t->ops;
	write_percent = t->write_percent;
	leaves = t->drain ? c->hosts - 1 : HOST_NONE;
	for (unsigned i = 0; i < c->cpus; i++) {
		sim_cpu(s, i)->program = t->program;
		sim_start(s, sim_cpu(s, i), 1 + sim_random(s, 1000));
	}
	return s;
}

static const char *run_seed(const struct storm_test *t, const struct sim_config *c, uint64_t *steps, uint64_t *slowest)
{
	struct sim *s = begin(t, c);
	const char *wrong = sim_run(s, UINT64_MAX), *why = NULL;

	if (!wrong)
		wrong = sim_settle(s);
	if (!wrong && !t->extra(s, c, &why))
		wrong = why;
	*steps += sim_steps(s);
	*slowest = sim_fault_max_ns(s) > *slowest ? sim_fault_max_ns(s) : *slowest;
	sim_close(s);
	return wrong;
}

static bool run_test(const struct args *a, const struct storm_test *t)
{
	uint64_t steps = 0, slowest = 0;

	if (!wanted(a, t->name))
		return true;
	for (uint64_t i = 0; i < (a->seed ? 1 : t->seeds); i++) {
		uint64_t seed = a->seed ? a->seed : 500 + i;
		struct sim_config c = config_for(t, seed);
		const char *wrong = run_seed(t, &c, &steps, &slowest);
		if (wrong) {
			failed(t->name, seed, wrong);
			return false;
		}
	}
	printf("PASS sim.%s (%lu steps, slowest fault %.3f ms)\n", t->name, steps, (double)slowest / 1e6);
	fflush(stdout);
	return true;
}

/* All hosts want to write one page all the time; the home saves a message, so it may get a little
 * more. */
static bool fairness(const struct args *a)
{
	struct storm_test t = {.name = "fairness",
			       .hosts_min = 4,
			       .hosts_max = 4,
			       .cpus_a_host = 1,
			       .pages = 8,
			       .queue_a_host = 16,
			       .program = greedy};
	uint64_t least = UINT64_MAX, most = 0;
	struct sim_config c = config_for(&t, a->seed ? a->seed : 11);

	if (!wanted(a, t.name))
		return true;
	struct sim *s = begin(&t, &c);
	const char *wrong = sim_run(s, sim_now(s) + 200000000);
	for (unsigned i = 0; i < c.cpus; i++) {
		uint64_t times = sim_stats(s, i)->pages_in + sim_stats(s, i)->zero_in;
		least = times < least ? times : least;
		most = times > most ? times : most;
	}
	uint64_t steps = sim_steps(s);
	sim_close(s);
	if (sim_trace)
		printf("least %lu most %lu steps %lu\n", least, most, steps);
	if (!wrong && (least < 100 || least * 10 < most * 8))
		wrong = "a host got the page much less often than another";
	if (wrong)
		failed(t.name, c.seed, wrong);
	else
		printf("PASS sim.fairness (a hot page went to each of 4 hosts %lu to %lu times)\n", least, most);
	return !wrong;
}

/* ---- requests that wait long ---- */

#define ASK_NS 2000000u // above what a fault takes in these storms

static struct sim_config harm_config(uint64_t seed, enum sim_harm harm, uint64_t at)
{
	static const struct storm_test t = {.hosts_min = 2,
					    .hosts_max = 5,
					    .cpus_a_host = 2,
					    .pages = 24,
					    .quota_extra = 4,
					    .prefetch = 4,
					    .queue_a_host = 8};
	struct sim_config c = config_for(&t, seed);

	c.dup_percent = 0; // a duplicate would make good what is lost
	c.harm = harm;
	c.harm_at = at;
	c.ask_ns = ASK_NS;
	c.ask_max = 20;
	c.fault_limit_ns = 5 * ASK_NS;
	if (seed % 4 == 0) { // refusals, and asking, are lost too
		c.queue_max = c.hosts;
		c.ask_ns = c.delay_ns;
		c.ask_max = (unsigned)(20 * ASK_NS / c.ask_ns);
		c.fault_limit_ns =
			21 * ASK_NS; // a lost DONE keeps the sender's only place: it is refused until it gives up
	}
	return c;
}

static const struct storm_test harmed = {"harmed", 2, 5, 2, 0, 24, 150, 4, 50, 4, 8, any, storm, 0, false, 0};

/* One run in which one message is harmed. Counts what became of it. */
static const char *run_harmed(const struct sim_config *c, unsigned told[], unsigned right[])
{
	struct sim *s = begin(&harmed, c);
	const char *wrong = sim_run(s, sim_now(s) + 1000000000); // more than enough

	if (!wrong)
		wrong = sim_settle(s);
	(sim_told(s) ? told : right)[sim_harmed(s)]++;
	if (sim_trace)
		printf("%s: %s\n", coh_msg_name(sim_harmed(s)), sim_told(s) ? sim_told(s) : "finished right");
	sim_close(s);
	return wrong;
}

static void print_harmed(const char *name, const unsigned told[], const unsigned right[])
{
	printf("PASS sim.%s (told of/finished right:", name);
	for (unsigned k = 0; k < COH_MSG_KINDS; k++)
		if (told[k] + right[k])
			printf(" %s %u/%u", coh_msg_name(k), told[k], right[k]);
	printf(")\n");
	fflush(stdout);
}

/* One message is lost or altered: a host says so in time, or everything ends right. Never is it silent. */
static bool harm_test(const struct args *a, const char *name, enum sim_harm harm, unsigned seeds)
{
	unsigned told[COH_MSG_KINDS + 1] = {0}, right[COH_MSG_KINDS + 1] = {0};

	if (!wanted(a, name))
		return true;
	for (uint64_t i = 0; i < (a->seed ? 1 : seeds); i++) {
		uint64_t seed = a->seed ? a->seed : 9000 + i;
		struct sim_config c = harm_config(seed, harm, 1 + seed * 7919 % 1500);
		const char *wrong = run_harmed(&c, told, right);
		if (wrong) {
			failed(name, seed, wrong);
			return false;
		}
	}
	print_harmed(name, told, right);
	return true;
}

/* Nothing is lost, and everybody asks all the time while messages are slow: nobody says that something was. */
static bool asked_for_nothing(const struct args *a)
{
	struct storm_test t = {"asked_for_nothing", 2, 5, 2, 24, 48, 600, 8, 50, 4, 2, any, storm, 0, false, 0};
	uint64_t steps = 0, asked = 0, slowest = 0;

	if (!wanted(a, t.name))
		return true;
	for (uint64_t i = 0; i < (a->seed ? 1 : t.seeds); i++) {
		uint64_t seed = a->seed ? a->seed : 700 + i;
		struct sim_config c = config_for(&t, seed);
		c.ask_ns = c.delay_ns / (1 + seed % 3);
		c.ask_max = 60000;
		struct sim *s = begin(&t, &c);
		const char *wrong = sim_run(s, UINT64_MAX);
		wrong = wrong ? wrong : sim_settle(s);
		for (unsigned h = 0; h < c.hosts; h++)
			asked += sim_stats(s, h)->waits_asked;
		steps += sim_steps(s);
		slowest = sim_fault_max_ns(s) > slowest ? sim_fault_max_ns(s) : slowest;
		sim_close(s);
		if (!wrong && !asked)
			wrong = "nobody asked";
		if (wrong) {
			failed(t.name, seed, wrong);
			return false;
		}
	}
	printf("PASS sim.asked_for_nothing (%lu steps, asked %lu times, slowest fault %.3f ms)\n", steps, asked,
	       (double)slowest / 1e6);
	return true;
}

/* Without asking a lost message stops a vCPU for ever, and the simulator must see that. */
static bool planted_loss(const struct args *a)
{
	unsigned told[COH_MSG_KINDS + 1] = {0}, right[COH_MSG_KINDS + 1] = {0}, stuck = 0;
	const char *wrong = NULL, *found = "";

	if (!wanted(a, "planted_loss"))
		return true;
	for (uint64_t seed = 1; seed < 40; seed += 2) {
		struct sim_config c = harm_config(seed, HARM_LOSE, 200);
		c.ask_ns = 0;
		wrong = run_harmed(&c, told, right);
		stuck += wrong != NULL;
		found = wrong ? wrong : found;
	}
	if (!stuck)
		failed("planted_loss", 1, "messages were lost and nobody noticed");
	else
		printf("PASS sim.planted_loss (in %u of 20 runs, one of them: %s)\n", stuck, found);
	return stuck != 0;
}

static bool harm_all(const struct args *a)
{
	bool good = asked_for_nothing(a);

	good &= harm_test(a, "lost", HARM_LOSE, 1500);
	good &= harm_test(a, "altered_txn", HARM_TXN, 400);
	good &= harm_test(a, "altered_page", HARM_PAGE, 400);
	good &= harm_test(a, "altered_acks", HARM_ACKS, 400);
	good &= harm_test(a, "altered_kind", HARM_KIND, 100);
	good &= planted_loss(a);
	return good;
}

/* The oracle must notice an invalidation that is not carried out. */
static bool planted_fault(const struct args *a)
{
	static const struct storm_test t = {"planted_fault", 3, 3,     2, 1, 32, 3000, 0, 40, 0, 64, any,
					    storm,           0, false, 0};
	struct sim_config c = config_for(&t, a->seed ? a->seed : 500);
	uint64_t steps = 0, slowest = 0;

	if (!wanted(a, t.name))
		return true;
	c.skip_inv_ppm = 2000;
	c.hold_ns = 0;
	const char *found = run_seed(&t, &c, &steps, &slowest);
	if (!found)
		failed(t.name, c.seed, "an invalidation was left out and nobody noticed");
	else
		printf("PASS sim.planted_fault (noticed: %s)\n", found);
	return found != NULL;
}

bool storm_all(const struct args *a)
{
	bool good = true;

	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		good &= run_test(a, &tests[i]);
	good &= fairness(a);
	good &= planted_fault(a);
	good &= harm_all(a);
	return good;
}
