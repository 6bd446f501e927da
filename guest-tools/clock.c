// SPDX-License-Identifier: Apache-2.0
/*
 * Clocks across CPUs: a time read before a message was sent must not be later than a time read
 * after it was received. Every pair of neighbours in the list of CPUs (which takes nodes in turn)
 * is tried.
 */
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

#include "guest-tools/tool.h"

#define LEAST 16u // messages of each CPU, whatever the time

struct pair {
	uint64_t rounds, deadline;
	uint64_t (*read)(void);
	volatile uint64_t *turn, *stamp; // one page: a message is one transfer
	uint32_t *stop;
	uint64_t done[2], back[2], worst[2], step[2], jumps[2];
	uint64_t jump; // a step of so much is one: the clock went on while nothing else did
};

static uint64_t read_tsc(void)
{
	uint64_t t;

	_mm_lfence(); // not before the message was seen
	t = __rdtsc();
	_mm_lfence(); // not after it was sent
	return t;
}

static void check(struct pair *p, int me, uint64_t before, uint64_t after)
{
	if (after >= before) {
		if (before && after - before > p->step[me])
			p->step[me] = after - before;
		p->jumps[me] += before && after - before >= p->jump;
		return;
	}
	p->back[me]++;
	if (before - after > p->worst[me])
		p->worst[me] = before - after;
}

static void exchange(int me, void *arg)
{
	struct pair *p = arg;
	uint64_t last = 0;

	for (uint64_t n = 0; n < p->rounds; n++) {
		uint64_t now;

		while ((*p->turn & 1) != (uint64_t)me)
			if (__atomic_load_n(p->stop, __ATOMIC_RELAXED))
				return;
			else
				tool_pause();
		now = p->read();
		check(p, me, *p->stamp, now);
		check(p, me, last, now);
		last = p->read();
		check(p, me, now, last);
		*p->stamp = last;
		*p->turn = *p->turn + 1;
		p->done[me]++;
		if (p->done[me] >= LEAST && tool_now_ns() > p->deadline)
			break;
	}
	__atomic_store_n(p->stop, 1, __ATOMIC_RELAXED);
}

static void clocks(const char *name, uint64_t (*read)(void), const char *unit, const int cpu[], int cpus,
		   uint64_t rounds, double seconds, uint64_t jump)
{
	uint64_t done = 0, back = 0, worst = 0, step = 0, jumps = 0;
	char rname[64];

	for (int i = 0; i + 1 < cpus; i++) {
		static struct pair p;
		uint8_t *area = tool_pages(2 * TOOL_PAGE);

		memset(&p, 0, sizeof(p));
		p.rounds = rounds;
		p.deadline = tool_now_ns() + (uint64_t)(seconds * 1e9);
		p.read = read;
		p.jump = jump;
		p.turn = (volatile uint64_t *)area;
		p.stamp = p.turn + 1;
		p.stop = (uint32_t *)(area + TOOL_PAGE);
		tool_run(2, &cpu[i], exchange, &p);
		for (int j = 0; j < 2; j++) {
			done += p.done[j];
			back += p.back[j];
			worst = p.worst[j] > worst ? p.worst[j] : worst;
			step = p.step[j] > step ? p.step[j] : step;
			jumps += p.jumps[j];
		}
	}
	snprintf(rname, sizeof(rname), "%s_messages", name);
	tool_result(rname, (double)done, "messages");
	snprintf(rname, sizeof(rname), "%s_steps_back", name);
	tool_result(rname, (double)back, "steps");
	snprintf(rname, sizeof(rname), "%s_largest_step", name);
	tool_result(rname, (double)step, unit);
	snprintf(rname, sizeof(rname), "%s_jumps", name);
	tool_result(rname, (double)jumps, "steps");
	if (back)
		tool_fail(name, "%llu steps back, the worst of %llu %s", (unsigned long long)back,
			  (unsigned long long)worst, unit);
	else
		tool_pass(name);
}

int clock_main(int argc, char **argv)
{
	uint64_t rounds = (uint64_t)tool_arg(argc, argv, "rounds", 1000);
	double seconds = tool_arg(argc, argv, "seconds", 5); // for each pair
	int cpu[TOOL_CPUS_MAX];
	double jump_ms = tool_arg(argc, argv, "jump-ms", 1e6), khz = tool_arg(argc, argv, "tsc-khz", 1e6);
	struct topo t;

	topo_read(&t);
	if (t.cpus < 2 || !topo_spread(&t, t.cpus, cpu)) {
		tool_skip("clock", "needs 2 CPUs, there are %d", t.cpus);
		return 0;
	}
	clocks("clock_tsc", read_tsc, "ticks", cpu, t.cpus, rounds, seconds, (uint64_t)(jump_ms * khz));
	clocks("clock_monotonic", tool_now_ns, "ns", cpu, t.cpus, rounds, seconds, (uint64_t)(jump_ms * 1e6));
	return 0;
}
