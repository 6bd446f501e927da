// SPDX-License-Identifier: Apache-2.0
// QEMU's query-* commands: the machine in its words. Lists of what this machine does not have are empty.
#include <stdio.h>

#include "vmm/conf/disk_config.h"
#include "vmm/monitor/monitor_priv.h"

static void query_name(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;

	(void)args;
	qmp_return(call, json_pack("{s:s}", "name", m->r->desc.name));
}

static void query_uuid(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;

	(void)args;
	qmp_return(call, json_pack("{s:s}", "UUID", m->r->opt->desc.uuid));
}

static void query_status(void *ctx, struct qmp_call *call, const json_t *args)
{
	enum ops_state s = ops_state(((struct monitor *)ctx)->r->ops);

	(void)args;
	qmp_return(call, json_pack("{s:b,s:b,s:s}", "running", s == OPS_RUNNING, "singlestep", 0, "status",
				   ops_state_name(s)));
}

static void query_kvm(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)ctx, (void)args;
	qmp_return(call, json_pack("{s:b,s:b}", "enabled", 1, "present", 1));
}

static void query_target(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)ctx, (void)args;
	qmp_return(call, json_pack("{s:s}", "arch", "x86_64"));
}

static void query_machines(void *ctx, struct qmp_call *call, const json_t *args)
{
	bool room = ((struct monitor *)ctx)->r->desc.room;

	(void)args;
	qmp_return(call, json_pack("[{s:s,s:b,s:i,s:b,s:b,s:b,s:s}]", "name", "pando", "is-default", 1, "cpu-max",
				   (int)VCPUS_MAX, "hotpluggable-cpus", (int)room, "numa-mem-supported", 1,
				   "deprecated", 0, "default-cpu-type", MONITOR_CPU_TYPE));
}

/* A node is a package too: that is what the guest's firmware tables say. */
static json_t *properties(const struct machine_desc *d, uint32_t vcpu)
{
	int node = (int)desc_node_of_vcpu(d, vcpu);

	return json_pack("{s:i,s:i,s:i,s:i}", "node-id", node, "socket-id", node, "core-id",
			 (int)desc_number_in_node(d, vcpu), "thread-id", 0);
}

static json_t *path_of(json_int_t vcpu)
{
	return json_sprintf("/machine/vcpu[%lld]", (long long)vcpu);
}

static void cpus_fast(struct monitor *m, struct qmp_call *call, const json_t *document)
{
	json_t *vcpus = monitor_vcpus(document), *out = json_array(), *v;
	size_t i;

	json_array_foreach(vcpus, i, v)
	{
		json_int_t n = monitor_int(v, "vcpu");

		if (n < 0 || n >= desc_vcpus(&m->r->desc))
			continue;
		json_array_append_new(out, json_pack("{s:I,s:o,s:I,s:o,s:s}", "cpu-index", n, "qom-path", path_of(n),
						     "thread-id", monitor_int(v, "thread"), "props",
						     properties(&m->r->desc, (uint32_t)n), "target", "x86_64"));
	}
	json_decref(vcpus);
	qmp_return(call, out);
}

static void query_cpus_fast(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)args;
	monitor_with_status(ctx, call, cpus_fast);
}

static void query_hotpluggable_cpus(void *ctx, struct qmp_call *call, const json_t *args)
{
	const struct machine_desc *d = &((struct monitor *)ctx)->r->desc;
	json_t *out = json_array();

	(void)args;
	for (uint32_t v = 0; v < desc_vcpus(d); v++) {
		json_t *o = json_pack("{s:s,s:i,s:o}", "type", MONITOR_CPU_TYPE, "vcpus-count", 1, "props",
				      properties(d, v));

		if (desc_vcpu_present(d, v)) // without a path: room for one
			json_object_set_new(o, "qom-path", path_of(v));
		json_array_append_new(out, o);
	}
	qmp_return(call, out);
}

/* QEMU's words for where a console goes to. */
static json_t *chardev(const char *label, const struct run_console *c, const struct console_options *o)
{
	char where[DISK_PATH_MAX + 8] = "stdio";

	if (c->kind == CONSOLE_PTY)
		snprintf(where, sizeof(where), "pty:%s", c->pty);
	else if (c->kind == CONSOLE_FILE)
		snprintf(where, sizeof(where), "file:%s", o->path);
	else if (c->kind == CONSOLE_NULL)
		snprintf(where, sizeof(where), "null");
	return json_pack("{s:s,s:s,s:b}", "label", label, "filename", where, "frontend-open", 1);
}

static void query_chardev(void *ctx, struct qmp_call *call, const json_t *args)
{
	const struct run *r = ((struct monitor *)ctx)->r;
	json_t *out = json_array();

	(void)args;
	json_array_append_new(out, chardev("serial0", &r->console, &r->opt->console_to));
	if (desc_console_host(&r->desc, DESC_CONSOLE_VIRTIO) != HOST_NONE)
		json_array_append_new(out, chardev("virtio0", &r->virtio, &r->opt->virtio_console_to));
	qmp_return(call, out);
}

static void query_dump(void *ctx, struct qmp_call *call, const json_t *args)
{
	static const char *const names[] = {[OPS_DUMP_NONE] = "none",
					    [OPS_DUMP_ACTIVE] = "active",
					    [OPS_DUMP_COMPLETED] = "completed",
					    [OPS_DUMP_FAILED] = "failed"};
	uint64_t done, total;
	enum ops_dump_state s = ops_dump_status(((struct monitor *)ctx)->r->ops, &done, &total);

	(void)args;
	qmp_return(call, json_pack("{s:s,s:I,s:I}", "status", names[s], "completed", (json_int_t)done, "total",
				   (json_int_t)total));
}

static void nothing(void *ctx, struct qmp_call *call, const json_t *args)
{
	(void)ctx, (void)args;
	qmp_return(call, json_array());
}

const struct qmp_command monitor_queries[] = {
	{"query-name", query_name},           {"query-uuid", query_uuid},
	{"query-status", query_status},       {"query-kvm", query_kvm},
	{"query-target", query_target},       {"query-machines", query_machines},
	{"query-cpus-fast", query_cpus_fast}, {"query-hotpluggable-cpus", query_hotpluggable_cpus},
	{"query-chardev", query_chardev},     {"query-dump", query_dump},
	{"query-iothreads", nothing},         {0},
};
