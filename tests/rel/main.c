// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rel/rel_sim.h"

#define SEEDS 20u
#define SMALL 1436u // MTU 1500
#define JUMBO 8936u // MTU 9000
#define LONG  262160u
// clang-format off
#define BOTH(control, bulk) {{control, bulk}, {control, bulk}}
// clang-format on

static const struct plan plans[] = {
	{.name = "clean_1500", .segment_bytes = SMALL, .size_max = LONG, .messages = BOTH(400, 400)},
	{.name = "clean_9000", .segment_bytes = JUMBO, .size_max = LONG, .messages = BOTH(400, 400)},
	{.name = "loss_1", .segment_bytes = SMALL, .size_max = LONG, .loss = 10, .messages = BOTH(400, 400)},
	{.name = "loss_5", .segment_bytes = JUMBO, .size_max = LONG, .loss = 50, .messages = BOTH(400, 400)},
	{.name = "loss_20", .segment_bytes = SMALL, .size_max = LONG, .loss = 200, .messages = BOTH(200, 200)},
	{.name = "loss_20_slow",
	 .segment_bytes = JUMBO,
	 .size_max = 4160,
	 .loss = 200,
	 .messages = BOTH(200, 200),
	 .gap_ns = {300 * US, 500 * US}},
	{.name = "twice", .segment_bytes = SMALL, .size_max = 20000, .twice = 300, .messages = BOTH(500, 500)},
	{.name = "late", .segment_bytes = SMALL, .size_max = 20000, .late = 300, .messages = BOTH(500, 500)},
	{.name = "damage", .segment_bytes = JUMBO, .size_max = 20000, .damage = 100, .messages = BOTH(300, 300)},
	{.name = "everything",
	 .segment_bytes = SMALL,
	 .size_max = LONG,
	 .loss = 200,
	 .twice = 100,
	 .late = 200,
	 .damage = 50,
	 .messages = BOTH(200, 200)},
	{.name = "cut_heals",
	 .segment_bytes = JUMBO,
	 .size_max = 9000,
	 .loss = 5,
	 .messages = BOTH(1000, 1000),
	 .gap_ns = {100 * US, 100 * US},
	 .cut_from = 20 * MS,
	 .cut_to = 700 * MS},
	{.name = "cut_stays",
	 .segment_bytes = JUMBO,
	 .size_max = 9000,
	 .messages = BOTH(1000, 1000),
	 .gap_ns = {100 * US, 100 * US},
	 .cut_from = 20 * MS,
	 .cut_to = UINT64_MAX,
	 .dead = true},
	{.name = "restart",
	 .segment_bytes = SMALL,
	 .size_max = 20000,
	 .loss = 20,
	 .twice = 50,
	 .late = 100,
	 .messages = BOTH(600, 600),
	 .gap_ns = {20 * US, 20 * US},
	 .restart_ns = 5 * MS},
	{.name = "short_queue",
	 .segment_bytes = SMALL,
	 .size_max = 9000,
	 .messages = BOTH(1000, 3000),
	 .queue_bytes = 40000,
	 .bytes_a_s = 125000000},
	{.name = "long_path",
	 .segment_bytes = JUMBO,
	 .size_max = 9000,
	 .loss = 10,
	 .messages = BOTH(300, 1000),
	 .delay_ns = 20 * MS},
	{.name = "sealed", .segment_bytes = JUMBO, .size_max = LONG, .sealed = true, .messages = BOTH(400, 400)},
	{.name = "sealed_loss_20",
	 .segment_bytes = SMALL,
	 .size_max = LONG,
	 .sealed = true,
	 .loss = 200,
	 .messages = BOTH(200, 200)},
	{.name = "sealed_damage",
	 .segment_bytes = JUMBO,
	 .size_max = 20000,
	 .sealed = true,
	 .damage = 100,
	 .messages = BOTH(300, 300)},
	{.name = "sealed_replay",
	 .segment_bytes = SMALL,
	 .size_max = 20000,
	 .sealed = true,
	 .twice = 100,
	 .late = 200,
	 .replay = 500,
	 .messages = BOTH(500, 500)},
	{.name = "sealed_splice",
	 .segment_bytes = SMALL,
	 .size_max = 20000,
	 .sealed = true,
	 .loss = 20,
	 .replay = 500,
	 .messages = BOTH(600, 600),
	 .gap_ns = {20 * US, 20 * US},
	 .restart_ns = 5 * MS},
	{.name = "sealed_everything",
	 .segment_bytes = SMALL,
	 .size_max = LONG,
	 .sealed = true,
	 .loss = 200,
	 .twice = 100,
	 .late = 200,
	 .damage = 50,
	 .replay = 200,
	 .messages = BOTH(200, 200)},
};

struct args {
	const char *only;
	uint64_t seed;
	bool trace;
};

static bool wanted(const struct args *a, const char *name)
{
	return !a->only || !strcmp(a->only, name);
}

static void failed(const char *name, uint64_t seed, const char *why)
{
	printf("FAIL rel.%s: %s (seed %lu; again: tests/rel_sim --only %s --seed %lu, see it with --trace)\n", name,
	       why, seed, name, seed);
	fflush(stdout);
}

/* What an outcome must show beyond the oracle of contents. */
static const char *judge(const struct plan *p, const struct outcome *o)
{
	const struct rel_stats *s = o->stats;

	if (o->why)
		return o->why;
	if (p->dead && (!o->first_dead_ns || o->first_dead_ns > p->cut_from + 1200 * MS))
		return "a peer that never answers was not seen to be silent";
	if (p->dead && o->sent > 100000)
		return "a peer that never answers was flooded";
	if (p->loss && !(s[0].retransmits + s[1].retransmits))
		return "frames were lost and none was repeated";
	if (p->twice && !p->restart_ns && !(s[0].duplicates + s[1].duplicates + o->sealed.again))
		return "frames came twice and nobody noticed";
	if ((p->damage || p->restart_ns) && !(s[0].bad + s[1].bad + o->sealed.forged))
		return "bad frames came and nobody noticed";
	if (p->sealed && s[0].bad + s[1].bad)
		return "what no peer has sent came as far as to rel";
	for (unsigned i = 0; i < 2; i++)
		if (p->sealed && s[i].frames_in > s[!i].frames_out)
			return "rel heard frames again that it had heard";
	if (p->sealed && p->replay && !o->sealed.again)
		return "frames were played again and nobody noticed";
	if (p->sealed && p->loss && !o->sealed.rekeys)
		return "no key was changed in all that time";
	if (!p->loss && !p->late && !p->damage && !p->cut_to && !o->overflowed && s[0].retransmits + s[1].retransmits)
		return "nothing was lost, and yet something was repeated";
	return NULL;
}

static bool run_plan(const struct args *a, const struct plan *p)
{
	uint64_t slowest = 0, repeated = 0, frames = 0;

	for (uint64_t seed = a->seed ? a->seed : 1; seed <= (a->seed ? a->seed : SEEDS); seed++) {
		size_t before = memory_live();
		struct outcome o = world_run(p, seed, a->trace);
		const char *why = judge(p, &o);

		if (!why && memory_live() > before)
			why = "memory was not given back";
		if (why) {
			failed(p->name, seed, why);
			return false;
		}
		if (o.end_ns > slowest)
			slowest = o.end_ns;
		repeated += o.stats[0].retransmits + o.stats[1].retransmits;
		frames += o.sent;
	}
	printf("PASS rel.%s (%lu frames, %lu repeated, slowest seed %.1f ms)\n", p->name, frames, repeated,
	       (double)slowest / 1e6);
	return true;
}

/* ---- figures in virtual time ---- */

static double goodput(unsigned loss, uint64_t seed, struct outcome *o)
{
	struct plan p = {.name = "goodput",
			 .segment_bytes = JUMBO,
			 .size_max = 4160,
			 .loss = loss,
			 .messages = {{0, 60000}, {0, 0}}};

	*o = world_run(&p, seed, false);
	return o->why ? 0 : (double)o->bytes / (double)o->end_ns;
}

static bool stream_at_loss(const struct args *a)
{
	struct outcome o;
	double clean = goodput(0, 1, &o), lossy = 0, worst = 1e9;

	for (uint64_t seed = 1; seed <= 5; seed++) {
		double g = goodput(10, seed, &o);

		if (a->trace)
			printf("seed %lu: %lu frames, %lu repeated, %lu timeouts, %lu needless, window %lu, rtt %lu "
			       "us, paced %lu, stalls %lu, overflowed %lu\n",
			       seed, o.sent, o.stats[0].retransmits, o.stats[0].timeouts, o.stats[0].needless,
			       o.stats[0].cwnd, o.stats[0].rtt_ns / 1000, o.stats[0].paced, o.stats[0].stalls,
			       o.overflowed);
		lossy += g / 5;
		worst = g < worst ? g : worst;
	}
	if (clean <= 0 || worst < 0.8 * clean) {
		printf("FAIL rel.stream_at_1pct_loss: %.3f GB/s, worst of five seeds %.3f, without loss %.3f\n", lossy,
		       worst, clean);
		return false;
	}
	printf("PASS rel.stream_at_1pct_loss (%.3f GB/s, worst of five seeds %.3f, without loss %.3f: ratio %.3f)\n",
	       lossy, worst, clean, worst / clean);
	return true;
}

static int help(int rc)
{
	printf("Usage: rel_sim [--only NAME] [--seed N] [--trace]\n"
	       "Runs two ends of reliable datagrams in virtual time over a network that loses, repeats, delays, "
	       "damages,\n"
	       "cuts and plays frames of before, plain and sealed, and checks each byte that arrives.\n"
	       "  --only NAME   one scenario, e.g. loss_20\n"
	       "  --seed N      that seed only; a failure names it\n"
	       "  --trace       print every message\n");
	return rc;
}

int main(int argc, char **argv)
{
	struct args a = {0};
	bool good = true;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			return help(0);
		if (!strcmp(argv[i], "--trace"))
			a.trace = true;
		else if (!strcmp(argv[i], "--only") && i + 1 < argc)
			a.only = argv[++i];
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			a.seed = strtoull(argv[++i], NULL, 0);
		else
			return help(2);
	}
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		if (wanted(&a, plans[i].name))
			good &= run_plan(&a, &plans[i]);
	if (wanted(&a, "stream_at_1pct_loss"))
		good &= stream_at_loss(&a);
	return good ? 0 : 1;
}
