// SPDX-License-Identifier: Apache-2.0
/* Work that needs no memory but a thread's own stack: one thread, then one on every CPU. */
#include <stdio.h>

#include "guest-tools/tool.h"

struct work {
	uint64_t steps;
	struct {
		uint64_t result, ns;
	} __attribute__((aligned(4096))) of[TOOL_CPUS_MAX];
};

static void churn(int me, void *arg)
{
	struct work *w = arg;
	uint64_t start = tool_now_ns(), x = 88172645463325252u, n = w->steps;

	for (; n > 0; n--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	w->of[me].result = x;
	w->of[me].ns = tool_now_ns() - start;
}

/* The slowest thread's time. */
static uint64_t longest(const struct work *w, int n)
{
	uint64_t ns = 0;

	for (int i = 0; i < n; i++)
		ns = w->of[i].ns > ns ? w->of[i].ns : ns;
	return ns ? ns : 1;
}

int compute_main(int argc, char **argv)
{
	static struct work w;
	int cpu[TOOL_CPUS_MAX];
	uint64_t one, all, start, bad = 0, right;
	struct topo t;

	w.steps = (uint64_t)(tool_arg(argc, argv, "msteps", 100) * 1e6);
	topo_read(&t);
	if (!topo_spread(&t, t.cpus, cpu))
		return 1;
	start = tool_now_ns();
	tool_run(1, cpu, churn, &w);
	one = longest(&w, 1);
	right = w.of[0].result;
	tool_run(t.cpus, cpu, churn, &w);
	all = longest(&w, t.cpus);
	for (int i = 0; i < t.cpus; i++)
		bad += w.of[i].result != right;
	tool_result("compute_one_cpu", (double)one / 1e9, "s");
	tool_result("compute_all_cpus", (double)all / 1e9, "s");
	tool_result("compute_scaling", (double)one * t.cpus / (double)all, "ratio");
	tool_result("compute_time", (double)(tool_now_ns() - start) / 1e9, "s");
	if (bad)
		tool_fail("compute", "%llu CPUs got a wrong result", (unsigned long long)bad);
	else
		tool_pass("compute");
	return 0;
}
