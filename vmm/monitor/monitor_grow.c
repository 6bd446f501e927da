// SPDX-License-Identifier: Apache-2.0
// vCPUs and memory that come to the guest and leave it: x-pando-grow, x-pando-shrink, and QEMU's words for them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/monitor/monitor_priv.h"

static const char *const known[] = {"driver", "id", "host", "node-id", "socket-id", "core-id", "thread-id", "die-id"};

/* ---- what came of it ---- */

static void on_grown(void *ctx, const char *error)
{
	struct monitor_asked *w = ctx;
	struct grow_result r = growths_result(w->m->r->growths);

	if (error && (r.cpus || r.memory_bytes))
		qmp_error(w->call, "%s; %u vCPUs and %llu MiB have come", error, r.cpus,
			  (unsigned long long)(r.memory_bytes >> 20));
	else if (error)
		qmp_error(w->call, "%s", error);
	else if (w->quiet)
		qmp_return_empty(w->call);
	else
		qmp_return(w->call, json_pack("{s:I,s:I,s:I}", "node", (json_int_t)r.node, "cpus", (json_int_t)r.cpus,
					      "memory", (json_int_t)r.memory_bytes));
	free(w);
}

static void grow(struct monitor *m, struct qmp_call *call, const struct grow_wish *wish, bool quiet)
{
	struct monitor_asked *w = malloc(sizeof(*w));
	char why[DESC_REPORT_MAX] = "no memory";
	int e = -ENOMEM;

	if (w) {
		*w = (struct monitor_asked){.m = m, .call = call, .quiet = quiet};
		e = growths_grow(m->r->growths, wish, on_grown, w, why, sizeof(why));
	}
	if (!e)
		return;
	free(w);
	qmp_error(call, "%s", why);
}

bool monitor_number(struct qmp_call *call, const json_t *args, const char *key, uint64_t most, uint64_t *out)
{
	const json_t *v = json_object_get(args, key);

	if (v && (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > most)) {
		qmp_error(call, "Parameter '%s' expects 0 to %llu", key, (unsigned long long)most);
		return false;
	}
	if (v)
		*out = (uint64_t)json_integer_value(v);
	return true;
}

static void x_grow(void *ctx, struct qmp_call *call, const json_t *args)
{
	uint64_t host = 0, cpus = 0, memory = 0, node = GROW_ANY_NODE;

	if (!monitor_number(call, args, "host", HOSTS_MAX - 1, &host) ||
	    !monitor_number(call, args, "cpus", VCPUS_MAX, &cpus) ||
	    !monitor_number(call, args, "memory", INT64_MAX, &memory) ||
	    !monitor_number(call, args, "node", DESC_NODES_MAX - 1, &node))
		return;
	const struct grow_wish w = {.host = (host_id)host,
				    .cpus = (uint32_t)cpus,
				    .memory_bytes = memory,
				    .node = (uint32_t)node,
				    .vcpu = GROW_ANY_VCPU};

	grow(ctx, call, &w, false);
}

static void on_asked(void *ctx, const char *error)
{
	if (error)
		qmp_error(ctx, "%s", error);
	else
		qmp_return_empty(ctx);
}

static void shrink_memory(struct monitor *m, struct qmp_call *call, const char *name, uint64_t seconds)
{
	uint32_t slot = monitor_dimm_find(m, name);

	if (slot)
		monitor_del_dimm(m, call, slot, seconds * 1000);
	else
		qmp_error_class(call, "DeviceNotFound",
				"Device '%.200s' not found: query-memory-devices has those there are", name);
}

static void x_shrink(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	const char *memory = json_string_value(json_object_get(args, "memory"));
	uint64_t vcpu = UINT64_MAX, seconds = SHRINK_MS / 1000;
	char why[DESC_REPORT_MAX];

	if (!monitor_number(call, args, "vcpu", VCPUS_MAX - 1, &vcpu) ||
	    !monitor_number(call, args, "seconds", 86400, &seconds))
		return;
	if (!memory == (vcpu == UINT64_MAX))
		qmp_error(call, "either 'vcpu' or 'memory' is needed");
	else if (memory)
		shrink_memory(m, call, memory, seconds);
	else if (growths_remove_vcpu(m->r->growths, (uint32_t)vcpu, on_asked, call, why, sizeof(why)))
		qmp_error(call, "%s", why);
}

/* ---- device_add of a CPU ---- */

/* The place with these properties, of which each names the node or the number in it; -1: there is none. */
static int64_t place_of(const struct machine_desc *d, uint64_t node, uint64_t core)
{
	for (uint32_t v = 0; v < desc_vcpus(d); v++)
		if (desc_node_of_vcpu(d, v) == node && desc_number_in_node(d, v) == core)
			return v;
	return -1;
}

/* Who has other vCPUs of that node; else the host of the same number; else the first. */
host_id monitor_host_of_node(const struct machine_desc *d, uint32_t node)
{
	for (uint32_t v = 0; v < desc_vcpus(d); v++)
		if (desc_node_of_vcpu(d, v) == node && desc_vcpu_present(d, v))
			return desc_host_of_vcpu(d, v);
	return (host_id)(desc_is_member(d, node) ? node : 0);
}

bool monitor_knows(struct qmp_call *call, const json_t *args, const char *type, const char *const *names, size_t n)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)args, key, v)
	{
		bool is = false;

		for (size_t i = 0; i < n; i++)
			is |= strcmp(names[i], key) == 0;
		if (!is) {
			qmp_error(call, "Property '%s.%.100s' not found", type, key);
			return false;
		}
	}
	return true;
}

void monitor_add_cpu(struct monitor *m, struct qmp_call *call, const json_t *args)
{
	const struct machine_desc *d = &m->r->desc;
	uint64_t node = UINT64_MAX, core = UINT64_MAX, host, zero = 0;

	if (!monitor_knows(call, args, MONITOR_CPU_TYPE, known, sizeof(known) / sizeof(*known)) ||
	    !monitor_number(call, args, "node-id", DESC_NODES_MAX - 1, &node) ||
	    !monitor_number(call, args, "socket-id", DESC_NODES_MAX - 1, &node) ||
	    !monitor_number(call, args, "core-id", VCPUS_MAX - 1, &core) ||
	    !monitor_number(call, args, "thread-id", 0, &zero) || !monitor_number(call, args, "die-id", 0, &zero))
		return;
	int64_t v = place_of(d, node, core);

	if (node == UINT64_MAX || core == UINT64_MAX) {
		qmp_error(call, "Parameter '%s' is missing", node == UINT64_MAX ? "socket-id" : "core-id");
	} else if (v < 0) {
		qmp_error(call, "Invalid CPU: socket-id %llu with core-id %llu is none of query-hotpluggable-cpus",
			  (unsigned long long)node, (unsigned long long)core);
	} else if (desc_vcpu_present(d, (uint32_t)v)) {
		qmp_error(call, "CPU[%lld] with socket-id %llu and core-id %llu exists", (long long)v,
			  (unsigned long long)node, (unsigned long long)core);
	} else {
		host = monitor_host_of_node(d, (uint32_t)node);
		if (!monitor_number(call, args, "host", HOSTS_MAX - 1, &host))
			return;
		const struct grow_wish w = {
			.host = (host_id)host, .cpus = 1, .node = (uint32_t)node, .vcpu = (uint32_t)v};

		grow(m, call, &w, true);
	}
}

const struct qmp_command monitor_grow[] = {
	{"x-pando-grow", x_grow},
	{"x-pando-shrink", x_shrink},
	{0},
};
