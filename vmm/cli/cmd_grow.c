// SPDX-License-Identifier: Apache-2.0
// `pando grow` and `pando shrink`: vCPUs and memory of a running guest.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/conf/machine_desc.h"
#include "vmm/conf/units.h"
#include "vmm/qmp/qmp_client.h"

#define GROW_USAGE                                                                                                \
	"Usage: pando grow NAME [--host H] [--cpus N] [--memory SIZE] [--node N] [--json]\n\n"                    \
	"The running guest NAME gets more vCPUs and memory, of what host H offers beyond what it gives, in the "  \
	"room\nthat `pando run --max-cpus --max-memory` made. They are for the guest to bring online; --elastic " \
	"has it do so.\nA guest that is stopped gets no memory.\n\n"
#define SHRINK_USAGE                                                                                           \
	"Usage: pando shrink NAME --cpu N\n"                                                                   \
	"       pando shrink NAME --memory DEVICE [--seconds N]\n\n"                                           \
	"The running guest NAME is asked to give up vCPU N: it answers in its own time, or not at all; the "   \
	"event\nACPI_DEVICE_OST has its answer, and `pando status` shows the vCPUs there are. Or memory that " \
	"came later, as\n`pando qmp NAME query-memory-devices` names it: then its answer is waited for.\n\n"
#define GROW_WAIT_MS 90000000u // longer than `pando run` tries: memory comes in pieces, and the guest takes its time

/* 0, or the exit status; *value: what the monitor returned. */
static int ask(const char *name, const char *command, json_t *args, json_t **value)
{
	struct qmp_client_conn *c;
	char why[512];

	*value = NULL;
	if (qmp_client_open(&c, name, why, sizeof(why))) {
		fprintf(stderr, "pando: %s\n", why);
		json_decref(args);
		return 1;
	}
	int e = qmp_client_command(c, command, args, GROW_WAIT_MS, value, why, sizeof(why));

	if (e)
		fprintf(stderr, "pando: %s\n", why);
	json_decref(args);
	qmp_client_close(c);
	return e ? 1 : 0;
}

static void print_grown(const json_t *o, uint64_t host)
{
	char size[32];

	units_format_size((uint64_t)json_integer_value(json_object_get(o, "memory")), size, sizeof(size));
	printf("%lld vCPUs and %s of host %llu have come, in node %lld\n",
	       (long long)json_integer_value(json_object_get(o, "cpus")), size, (unsigned long long)host,
	       (long long)json_integer_value(json_object_get(o, "node")));
}

static int usage(int left, const char *text, const struct cli_option *table)
{
	fprintf(left == -2 ? stdout : stderr, "%s", text);
	if (left == -2)
		cli_print_options(table);
	return left == -2 ? 0 : 2;
}

int cli_grow(int argc, char **argv)
{
	uint64_t host = 0, cpus = 0, memory = 0, node = UINT64_MAX;
	bool json = false;
	const struct cli_option table[] = {
		{"host", "H", "the host that gives them (default 0)", CLI_COUNT, &host, 0, HOSTS_MAX - 1},
		{"cpus", "N", "so many vCPUs more", CLI_COUNT, &cpus, 1, VCPUS_MAX},
		{"memory", "SIZE",
		 "so much memory more: a multiple of 128M, or of 2G where the guest started with 64G or more", CLI_SIZE,
		 &memory, 1, 0},
		{"node", "N", "the guest's node that gets them (default: one with room)", CLI_COUNT, &node, 0,
		 HOSTS_MAX - 1},
		{"json", NULL, "what the monitor returns", CLI_FLAG, &json, 0, 0},
		{0},
	};
	json_t *value;
	int left = cli_parse(argc, argv, table);

	if (left == -1)
		return 2;
	if (left != 1 || (!cpus && !memory))
		return usage(left, GROW_USAGE, table);
	json_t *args = json_pack("{s:I,s:I,s:I}", "host", (json_int_t)host, "cpus", (json_int_t)cpus, "memory",
				 (json_int_t)memory);

	if (node != UINT64_MAX)
		json_object_set_new(args, "node", json_integer((json_int_t)node));
	int e = ask(argv[1], "x-pando-grow", args, &value);

	if (!e && json) {
		json_dumpf(value, stdout, JSON_INDENT(1));
		putchar('\n');
	} else if (!e) {
		print_grown(value, host);
	}
	json_decref(value);
	return e;
}

static int shrink_cpu(const char *name, uint64_t cpu)
{
	json_t *value;
	int e = ask(name, "x-pando-shrink", json_pack("{s:I}", "vcpu", (json_int_t)cpu), &value);

	json_decref(value);
	if (!e)
		printf("the guest was asked to give up vCPU %llu\n", (unsigned long long)cpu);
	return e;
}

static int shrink_memory(const char *name, const char *device, uint64_t seconds)
{
	json_t *value, *args = json_pack("{s:s,s:I}", "memory", device, "seconds", (json_int_t)seconds);
	int e = ask(name, "x-pando-shrink", args, &value);

	json_decref(value);
	if (!e)
		printf("the guest %s %s\n", seconds ? "has given up" : "was asked to give up", device);
	return e;
}

int cli_shrink(int argc, char **argv)
{
	uint64_t cpu = 0, seconds = 60;
	const char *memory = NULL;
	const struct cli_option table[] = {
		{"cpu", "N", "index of the vCPU", CLI_COUNT, &cpu, 1, VCPUS_MAX - 1},
		{"memory", "DEVICE", "name of the memory device, as dimm0", CLI_TEXT, &memory, 0, 0},
		{"seconds", "N", "how long its answer is waited for (default 60; 0: not at all)", CLI_COUNT, &seconds,
		 0, 86400},
		{0},
	};
	int left = cli_parse(argc, argv, table);

	if (left == -1)
		return 2;
	if (left != 1 || !cpu == !memory)
		return usage(left, SHRINK_USAGE, table);
	return cpu ? shrink_cpu(argv[1], cpu) : shrink_memory(argv[1], memory, seconds);
}
