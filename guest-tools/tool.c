// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "guest-tools/tool.h"

static int failed;
static double patience = TOOL_PATIENCE_S;

/* Reads a file of sysfs or procfs; an absent one is empty. */
static const char *slurp(const char *path)
{
	static char text[8192];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = 0;
	return text;
}

/* "0-2,5" to {0,1,2,5}; the count. */
static int list_parse(const char *s, int out[], int max)
{
	int n = 0;

	while (isdigit((unsigned char)*s)) {
		char *end;
		long a = strtol(s, &end, 10), b = a;

		if (*end == '-')
			b = strtol(end + 1, &end, 10);
		for (; a <= b && n < max; a++)
			out[n++] = (int)a;
		s = *end == ',' ? end + 1 : end;
	}
	return n;
}

static long meminfo_kib(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

static void node_read(struct topo *t, int at)
{
	char path[96];
	int cpu[TOOL_CPUS_MAX], n;
	const char *text;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", t->node[at]);
	n = list_parse(slurp(path), cpu, TOOL_CPUS_MAX);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < t->cpus; j++)
			if (t->cpu[j] == cpu[i])
				t->node_of[j] = t->node[at];
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", t->node[at]);
	text = slurp(path);
	t->free_kib[at] = meminfo_kib(text, "MemFree:");
	t->all_kib[at] = meminfo_kib(text, "MemTotal:");
}

void topo_read(struct topo *t)
{
	memset(t, 0, sizeof(*t));
	t->cpus = list_parse(slurp("/sys/devices/system/cpu/online"), t->cpu, TOOL_CPUS_MAX);
	if (t->cpus == 0)
		t->cpus = 1;
	t->nodes = list_parse(slurp("/sys/devices/system/node/online"), t->node, TOOL_NODES_MAX);
	for (int i = 0; i < t->nodes; i++)
		node_read(t, i);
	if (t->nodes == 0) {
		const char *text = slurp("/proc/meminfo");

		t->nodes = 1;
		t->free_kib[0] = meminfo_kib(text, "MemFree:");
		t->all_kib[0] = meminfo_kib(text, "MemTotal:");
	}
}

bool topo_spread(const struct topo *t, int n, int cpu[])
{
	bool taken[TOOL_CPUS_MAX] = {false};
	int have = 0, misses = 0;

	for (int k = 0; have < n && misses <= t->nodes; k++) {
		int node = t->node[k % t->nodes];

		misses++;
		for (int j = 0; j < t->cpus; j++) {
			if (taken[j] || t->node_of[j] != node)
				continue;
			taken[j] = true;
			cpu[have++] = t->cpu[j];
			misses = 0;
			break;
		}
	}
	return have == n;
}

int topo_one_each(int cpu[])
{
	struct topo t;
	int n;

	topo_read(&t);
	n = t.nodes < t.cpus ? t.nodes : t.cpus;
	return topo_spread(&t, n, cpu) ? n : topo_spread(&t, 1, cpu);
}

/* As /sys/devices/pci0000:01/0000:01:02.0/virtio0. */
bool topo_virtio(const char *path, int *host, int *node)
{
	char *real = realpath(path, NULL), *at = real ? strstr(real, "/virtio") : NULL, file[300];
	bool found = at && at - real > 12 && sscanf(at - 12, "0000:%x:", (unsigned *)host) == 1;

	if (found) {
		snprintf(file, sizeof(file), "%.*s/numa_node", (int)(at - real), real);
		*node = atoi(slurp(file));
	}
	free(real);
	return found;
}

struct job {
	pthread_t thread;
	int i, cpu;
	void (*fn)(int i, void *arg);
	void *arg;
};

static void *job_main(void *p)
{
	struct job *job = p;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)job->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		tool_fail("affinity", "cannot run on CPU %d", job->cpu);
	job->fn(job->i, job->arg);
	return NULL;
}

void tool_run(int n, const int cpu[], void (*fn)(int i, void *arg), void *arg)
{
	static struct job job[TOOL_CPUS_MAX];
	uint64_t end = tool_now_ns() + (uint64_t)(patience * 1e9);
	struct timespec at = {.tv_sec = (time_t)(end / 1000000000u), .tv_nsec = (long)(end % 1000000000u)};

	for (int i = 0; i < n; i++) {
		job[i] = (struct job){.i = i, .cpu = cpu[i], .fn = fn, .arg = arg};
		if (pthread_create(&job[i].thread, NULL, job_main, &job[i]) != 0) {
			tool_fail("thread", "cannot start thread %d", i);
			exit(1);
		}
	}
	for (int i = 0; i < n; i++)
		if (pthread_clockjoin_np(job[i].thread, NULL, CLOCK_MONOTONIC, &at) != 0) {
			tool_fail("hang", "thread %d on CPU %d is not over after %g s", i, cpu[i], patience);
			exit(1);
		}
}

void tool_meet(struct tool_meet *m, uint32_t n, uint32_t *sense)
{
	uint32_t next = ++*sense;

	if (__atomic_add_fetch(&m->here, 1, __ATOMIC_ACQ_REL) == n) {
		__atomic_store_n(&m->here, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&m->phase, next, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&m->phase, __ATOMIC_ACQUIRE) != next)
		tool_pause();
}

void *tool_pages(uint64_t bytes)
{
	void *p;

	bytes = (bytes + TOOL_PAGE - 1) / TOOL_PAGE * TOOL_PAGE;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) {
		tool_fail("memory", "cannot map %llu bytes", (unsigned long long)bytes);
		exit(1);
	}
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

uint64_t tool_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t tool_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

void tool_result(const char *name, double value, const char *unit)
{
	if (value == (double)(int64_t)value)
		printf("RESULT %s %lld %s\n", name, (long long)value, unit);
	else
		printf("RESULT %s %.3f %s\n", name, value, unit);
}

void tool_pass(const char *name)
{
	printf("PASS %s\n", name);
}

static void say(const char *kind, const char *name, const char *why, va_list ap)
{
	printf("%s %s: ", kind, name);
	vprintf(why, ap);
	printf("\n");
}

void tool_fail(const char *name, const char *why, ...)
{
	va_list ap;

	failed = 1;
	va_start(ap, why);
	say("FAIL", name, why, ap);
	va_end(ap);
}

void tool_skip(const char *name, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	say("SKIP", name, why, ap);
	va_end(ap);
}

double tool_arg(int argc, char **argv, const char *name, double otherwise)
{
	size_t n = strlen(name);

	for (int i = 1; i < argc; i++)
		if (!strncmp(argv[i], "--", 2) && !strncmp(argv[i] + 2, name, n) && argv[i][2 + n] == '=')
			return strtod(argv[i] + 3 + n, NULL);
	return otherwise;
}

const char *tool_path(int argc, char **argv)
{
	return argc > 1 && strncmp(argv[argc - 1], "--", 2) != 0 ? argv[argc - 1] : NULL;
}

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} tools[] = {
	{"topology", topology_main}, {"litmus", litmus_main},   {"pattern", pattern_main}, {"sharing", sharing_main},
	{"clock", clock_main},       {"compute", compute_main}, {"disk", disk_main},       {"net", net_main},
	{"lease", lease_main},       {"rate", rate_main},       {"pour", pour_main},
};

static int run_tool(int (*tool)(int argc, char **argv), int argc, char **argv)
{
	patience = tool_arg(argc, argv, "patience", TOOL_PATIENCE_S);
	return tool(argc, argv) != 0 || failed;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');

	setvbuf(stdout, NULL, _IOLBF, 0);
	name = name ? name + 1 : argv[0];
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
			if (!strcmp(name, tools[i].name))
				return run_tool(tools[i].main, argc, argv);
		// not called by the name of a tool: the first argument may be one
		if (argc < 2)
			break;
		name = argv[1];
		argc--;
		argv++;
	}
	fprintf(stderr, "usage: pando-guest topology|litmus|pattern|sharing|clock|compute|disk|net\n");
	return 2;
}
