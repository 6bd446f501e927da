// SPDX-License-Identifier: Apache-2.0
/* What the guest sees of its machine: CPUs, nodes, distances, clock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-tools/tool.h"

/* The first line of a file that starts with KEY, without its end; "" if there is none. */
static const char *line_of(const char *path, const char *key)
{
	static char line[4096];
	FILE *f = fopen(path, "r");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = !strncmp(line, key, strlen(key));
	if (f)
		fclose(f);
	if (!found)
		line[0] = 0;
	line[strcspn(line, "\n")] = 0;
	return line;
}

static void print_clock(void)
{
	static const char *const flags[] = {"tsc",        "constant_tsc",       "nonstop_tsc", "tsc_known_freq",
					    "tsc_adjust", "tsc_deadline_timer", "x2apic"};
	const char *src = line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource", "");
	const char *have;

	printf("RESULT clocksource %s name\n", *src ? src : "unknown");
	if (strcmp(src, "tsc"))
		tool_fail("clocksource", "is %s, not tsc", src);
	else
		tool_pass("clocksource");
	have = line_of("/proc/cpuinfo", "flags");
	printf("RESULT cpu_flags ");
	for (size_t i = 0, n = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		char word[40];

		snprintf(word, sizeof(word), " %s ", flags[i]);
		if (strstr(have, word))
			printf("%s%s", n++ ? "," : "", flags[i]);
	}
	printf(" list\n");
	have = strchr(line_of("/proc/cpuinfo", "model name"), ':');
	printf("RESULT cpu_model \"%s\" name\n", have ? have + 2 : "unknown");
}

int topology_main(int argc, char **argv)
{
	int want_cpus = (int)tool_arg(argc, argv, "cpus", 0);
	int want_nodes = (int)tool_arg(argc, argv, "nodes", 0);
	struct topo t;
	char name[64], path[96];
	long all = 0;

	topo_read(&t);
	tool_result("cpus_online", t.cpus, "cpus");
	tool_result("numa_nodes", t.nodes, "nodes");
	for (int i = 0; i < t.cpus; i++) {
		snprintf(name, sizeof(name), "cpu%d_node", t.cpu[i]);
		tool_result(name, t.node_of[i], "node");
	}
	for (int i = 0; i < t.nodes; i++) {
		snprintf(name, sizeof(name), "node%d_memory", t.node[i]);
		tool_result(name, (double)t.all_kib[i], "KiB");
		all += t.all_kib[i];
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/distance", t.node[i]);
		printf("RESULT node%d_distances \"%s\" list\n", t.node[i], line_of(path, ""));
	}
	tool_result("memory", (double)all, "KiB");
	print_clock();
	if (want_cpus && want_cpus != t.cpus)
		tool_fail("cpus", "%d online, not %d", t.cpus, want_cpus);
	else if (want_cpus)
		tool_pass("cpus");
	if (want_nodes && want_nodes != t.nodes)
		tool_fail("nodes", "%d, not %d", t.nodes, want_nodes);
	else if (want_nodes)
		tool_pass("nodes");
	return 0;
}
