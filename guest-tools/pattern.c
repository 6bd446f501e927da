// SPDX-License-Identifier: Apache-2.0
/*
 * Fills most of the free memory of every node with a pattern that depends on the position, from the
 * node's own CPU, then checks it word by word: from another node's CPU, or with --far=PERCENT so much of it (each such
 * page crosses the network) and the rest from its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest-tools/tool.h"

#define WORDS     (TOOL_PAGE / 8)
#define LEAVE_KIB 24576 // of each node, for the kernel
#define BIND      2     // MPOL_BIND

struct area {
	uint64_t *words;
	uint64_t pages, bad_words, first_bad;
	uint64_t seed; // of the area and of the pass
};

static struct area area[TOOL_NODES_MAX];
static int areas;
static uint64_t far_percent;

static void fill(int i, void *arg)
{
	struct area *a = &area[i];

	(void)arg;
	for (uint64_t at = 0; at < a->pages * WORDS; at++)
		a->words[at] = tool_word(at, a->seed);
}

static bool is_far(uint64_t page)
{
	return page % 100 < far_percent;
}

/* The far pages, or the others. Two CPUs may be at one area, so what is wrong is counted atomically. */
static void verify_pages(struct area *a, bool far)
{
	for (uint64_t page = 0; page < a->pages; page++) {
		if (is_far(page) != far)
			continue;
		for (uint64_t at = page * WORDS; at < (page + 1) * WORDS; at++)
			if (a->words[at] != tool_word(at, a->seed) &&
			    __atomic_fetch_add(&a->bad_words, 1, __ATOMIC_RELAXED) == 0)
				a->first_bad = at;
	}
}

static void verify(int i, void *arg)
{
	verify_pages(&area[(i + *(int *)arg) % areas], true);
	verify_pages(&area[i], false);
}

static void bind_to(struct area *a, int node)
{
	unsigned long mask[TOOL_NODES_MAX / 64 + 1] = {0};

	mask[node / 64] |= 1ul << (node % 64);
	if (syscall(SYS_mbind, a->words, a->pages * TOOL_PAGE, BIND, mask, TOOL_NODES_MAX, 0) < 0)
		printf("pattern: no binding to node %d, first touch places it\n", node);
}

int pattern_main(int argc, char **argv)
{
	double percent = tool_arg(argc, argv, "percent", 70);
	int passes = (int)tool_arg(argc, argv, "passes", 1);
	uint64_t bytes = 0, far = 0, bad = 0, start = tool_now_ns();
	int cpu[TOOL_CPUS_MAX], shift;
	struct topo t;
	char name[64];

	far_percent = (uint64_t)tool_arg(argc, argv, "far", 100);
	topo_read(&t);
	areas = t.nodes < t.cpus ? t.nodes : t.cpus;
	if (!topo_spread(&t, areas, cpu)) {
		tool_skip("pattern", "cannot find a CPU for each of %d nodes", t.nodes);
		return 0;
	}
	shift = areas > 1 ? 1 : 0;
	for (int i = 0; i < areas; i++) {
		long kib = (long)((double)t.free_kib[i] * percent / 100);

		if (kib > t.free_kib[i] - LEAVE_KIB)
			kib = t.free_kib[i] - LEAVE_KIB;
		area[i].pages = kib > 4 ? (uint64_t)kib / 4 : 1;
		area[i].words = tool_pages(area[i].pages * TOOL_PAGE);
		bind_to(&area[i], t.node[i]);
		snprintf(name, sizeof(name), "pattern_node%d", t.node[i]);
		tool_result(name, (double)(area[i].pages * TOOL_PAGE), "bytes");
		bytes += area[i].pages * TOOL_PAGE;
		for (uint64_t page = 0; page < area[i].pages; page++)
			far += is_far(page) ? TOOL_PAGE : 0;
	}
	for (int pass = 0; pass < passes; pass++) {
		for (int i = 0; i < areas; i++)
			area[i].seed = (uint64_t)(pass + 1) * 0xd1b54a32d192ed03u + (uint64_t)i;
		tool_run(areas, cpu, fill, NULL);
		tool_run(areas, cpu, verify, &shift);
	}
	for (int i = 0; i < areas; i++) {
		bad += area[i].bad_words;
		if (area[i].bad_words)
			printf("pattern: node %d: first bad word at %llu\n", t.node[i],
			       (unsigned long long)area[i].first_bad);
	}
	tool_result("pattern_bytes", (double)bytes, "bytes");
	tool_result("pattern_far_bytes", (double)far, "bytes");
	tool_result("pattern_bad_words", (double)bad, "words");
	tool_result("pattern_time", (double)(tool_now_ns() - start) / 1e9, "s");
	if (bad)
		tool_fail("pattern", "%llu words are not what was written", (unsigned long long)bad);
	else
		tool_pass("pattern");
	return 0;
}
