/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs inside the guest share. They are one static program: every page of it may have
 * to cross the network. Output is for machines: RESULT name value unit, PASS name, FAIL name: why,
 * SKIP name: reason. Only the first thread prints.
 */
#ifndef PANDO_GUEST_TOOL_H
#define PANDO_GUEST_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#define TOOL_CPUS_MAX  256
#define TOOL_NODES_MAX 64
#define TOOL_PAGE      4096u

struct topo {
	int cpus;                      // online
	int cpu[TOOL_CPUS_MAX];        // their numbers
	int node_of[TOOL_CPUS_MAX];    // by position in cpu[]; 0 where the kernel has no nodes
	int nodes;                     // with memory or CPUs
	int node[TOOL_NODES_MAX];      // their numbers
	long free_kib[TOOL_NODES_MAX]; // by position in node[]
	long all_kib[TOOL_NODES_MAX];
};

/* Reads sysfs. Always finds one CPU and one node at least. */
void topo_read(struct topo *t);

/*
 * N CPUs, taken in turn from every node, so that neighbours in the answer are on different nodes if
 * there are several. False if there are fewer than N.
 */
bool topo_spread(const struct topo *t, int n, int cpu[]);

/* A CPU of every node that has one. The count, which is 1 at least. */
int topo_one_each(int cpu[]);

/*
 * The host and the node of the virtio device to which the link PATH of sysfs leads (a block or network device's
 * "device"): the host is that of the PCI bus; the node is -1 where the kernel knows none. False if there is no such
 * device.
 */
bool topo_virtio(const char *path, int *host, int *node);

/*
 * Runs fn(i, arg) for i = 0..n-1 at once, each on its CPU; returns when all have. What is not over after
 * --patience=SECONDS (TOOL_PATIENCE_S) hangs: that is reported, and the program ends. No tool judges by how much was
 * done in a time: each goes on until enough was, on a machine however slow.
 */
#define TOOL_PATIENCE_S 120 // of the guest's own time
void tool_run(int n, const int cpu[], void (*fn)(int i, void *arg), void *arg);

/* Waits, spinning, until N threads are here. SENSE starts as 0 in every thread. */
struct tool_meet {
	uint32_t here, phase;
};
void tool_meet(struct tool_meet *m, uint32_t n, uint32_t *sense);

/* Zeroed memory in whole pages, not backed by huge pages. Never NULL: the program ends instead. */
void *tool_pages(uint64_t bytes);

uint64_t tool_now_ns(void);
uint64_t tool_random(uint64_t *state); // xorshift; the state must not be 0

/* The word at a place of a pattern: any word tells where it belongs, and to which seed. */
static inline uint64_t tool_word(uint64_t at, uint64_t seed)
{
	return (at + 1) * 0x9e3779b97f4a7c15u ^ seed;
}

void tool_result(const char *name, double value, const char *unit);
void tool_pass(const char *name);
void tool_fail(const char *name, const char *why, ...) __attribute__((format(printf, 2, 3)));
void tool_skip(const char *name, const char *why, ...) __attribute__((format(printf, 2, 3)));

/* The number after "--NAME=" among the arguments, else OTHERWISE. */
double tool_arg(int argc, char **argv, const char *name, double otherwise);

/* The last argument, if it begins with no "--"; else NULL. */
const char *tool_path(int argc, char **argv);

static inline void tool_pause(void)
{
	__builtin_ia32_pause();
}

int topology_main(int argc, char **argv);
int litmus_main(int argc, char **argv);
int pattern_main(int argc, char **argv);
int sharing_main(int argc, char **argv);
int clock_main(int argc, char **argv);
int compute_main(int argc, char **argv);
int disk_main(int argc, char **argv);
int net_main(int argc, char **argv);
int lease_main(int argc, char **argv);
int rate_main(int argc, char **argv);
int pour_main(int argc, char **argv);

#endif
