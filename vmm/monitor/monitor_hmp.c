// SPDX-License-Identifier: Apache-2.0
// human-monitor-command: a few commands of QEMU's monitor for people, as text with its line ends.
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/monitor/monitor_priv.h"
#include "vmm/mem/layout.h"

#define NL "\r\n"

struct hmp {
	const char *line; // the whole command, words separated by one space
	const char *help;
	void (*fn)(struct monitor *m, struct qmp_call *call, int cpu); // cpu: -1: none was named
};

/* Text that grows. */
struct text {
	char *s;
	size_t n;
	FILE *f;
};

static FILE *text_open(struct text *t)
{
	t->f = open_memstream(&t->s, &t->n);
	return t->f;
}

static void text_return(struct text *t, struct qmp_call *call)
{
	fclose(t->f);
	qmp_return(call, json_string(t->s));
	free(t->s);
}

static void info_status(struct monitor *m, struct qmp_call *call, int cpu)
{
	enum ops_state s = ops_state(m->r->ops);

	(void)cpu;
	if (s == OPS_RUNNING || s == OPS_PAUSED)
		qmp_return(call, json_sprintf("VM status: %s" NL, ops_state_name(s)));
	else
		qmp_return(call, json_sprintf("VM status: paused (%s)" NL, ops_state_name(s)));
}

static void cpus_text(struct monitor *m, struct qmp_call *call, const json_t *document)
{
	json_t *vcpus = monitor_vcpus(document), *v;
	struct text t;
	FILE *f = text_open(&t);
	size_t i;

	(void)m;
	json_array_foreach(vcpus, i, v)
		fprintf(f, "%c CPU #%lld: thread_id=%lld host=%lld (%s)" NL, i ? ' ' : '*',
			(long long)monitor_int(v, "vcpu"), (long long)monitor_int(v, "thread"),
			(long long)monitor_int(v, "host"), json_string_value(json_object_get(v, "state")));
	json_decref(vcpus);
	text_return(&t, call);
}

static void info_cpus(struct monitor *m, struct qmp_call *call, int cpu)
{
	(void)cpu;
	monitor_with_status(m, call, cpus_text);
}

static void registers_text(void *ctx, const json_t *vcpus, const char *error)
{
	struct text t;
	const json_t *v;
	size_t i;

	if (error) {
		qmp_error(ctx, "%s", error);
		return;
	}
	FILE *f = text_open(&t);
	json_array_foreach(vcpus, i, v)
	{
		char *one = monitor_registers_text(v);

		for (const char *c = one ? one : ""; *c; c++)
			fputs(*c == '\n' ? NL : (const char[]){*c, 0}, f);
		free(one);
	}
	text_return(&t, ctx);
}

static void registers(struct monitor *m, struct qmp_call *call, int which)
{
	int e = ops_registers(m->r->ops, which, registers_text, call);

	if (e)
		monitor_refuse(call, e);
}

static void info_registers(struct monitor *m, struct qmp_call *call, int cpu)
{
	registers(m, call, cpu < 0 ? 0 : cpu);
}

static void info_registers_all(struct monitor *m, struct qmp_call *call, int cpu)
{
	(void)cpu;
	registers(m, call, OPS_ALL_VCPUS);
}

static void info_mtree(struct monitor *m, struct qmp_call *call, int cpu)
{
	struct layout_range *v = calloc(LAYOUT_RANGES_MAX, sizeof(*v));
	unsigned n = v ? layout_ranges(&m->r->desc, v) : 0;
	struct text t;
	FILE *f = text_open(&t);

	(void)cpu;
	fprintf(f, "address-space: memory" NL "  0000000000000000-ffffffffffffffff (prio 0, i/o): system" NL);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "    %016" PRIx64 "-%016" PRIx64 " (prio 0, ram): node %u, home host %u" NL, v[i].gpa,
			v[i].gpa + v[i].bytes - 1, v[i].node, v[i].home);
	fprintf(f, "    %016llx-%016llx (prio 0, i/o): ioapic" NL, LAYOUT_IOAPIC, LAYOUT_IOAPIC + 0xfff);
	free(v);
	text_return(&t, call);
}

static void info_numa(struct monitor *m, struct qmp_call *call, int cpu)
{
	const struct machine_desc *d = &m->r->desc;
	struct text t;
	FILE *f = text_open(&t);

	(void)cpu;
	fprintf(f, "%u nodes" NL, d->nodes_n);
	for (unsigned n = 0; n < d->nodes_n; n++) {
		fprintf(f, "node %u cpus:", n);
		for (uint32_t v = 0; v < desc_vcpus(d); v++)
			if (desc_vcpu_present(d, v) && desc_node_of_vcpu(d, v) == n)
				fprintf(f, " %u", v);
		fprintf(f, NL "node %u size: %" PRIu64 " MB" NL, n, desc_node_pages(d, n) << PAGE_SHIFT >> 20);
	}
	text_return(&t, call);
}

static void info_version(struct monitor *m, struct qmp_call *call, int cpu)
{
	(void)m, (void)cpu;
	qmp_return(call, json_string("pando " PANDO_VERSION NL));
}

static void info_name(struct monitor *m, struct qmp_call *call, int cpu)
{
	(void)cpu;
	qmp_return(call, json_sprintf("%s" NL, m->r->desc.name));
}

static void info_uuid(struct monitor *m, struct qmp_call *call, int cpu)
{
	(void)cpu;
	qmp_return(call, json_sprintf("%s" NL, m->r->opt->desc.uuid));
}

static void info_kvm(struct monitor *m, struct qmp_call *call, int cpu)
{
	(void)m, (void)cpu;
	qmp_return(call, json_string("kvm support: enabled" NL));
}

static void help(struct monitor *m, struct qmp_call *call, int cpu);

static const struct hmp commands[] = {
	{"help", "this list", help},
	{"info status", "whether it runs", info_status},
	{"info cpus", "vCPUs, their host and state", info_cpus},
	{"info registers", "of the vCPU cpu-index (0)", info_registers},
	{"info registers -a", "of every vCPU", info_registers_all},
	{"info mtree", "guest-physical addresses and whose they are", info_mtree},
	{"info numa", "nodes, which are hosts", info_numa},
	{"info version", "of Pando", info_version},
	{"info name", "of the guest", info_name},
	{"info uuid", "of the guest", info_uuid},
	{"info kvm", "whether KVM is used", info_kvm},
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void help(struct monitor *m, struct qmp_call *call, int cpu)
{
	struct text t;
	FILE *f = text_open(&t);

	(void)m, (void)cpu;
	for (unsigned i = 0; i < COMMANDS; i++)
		fprintf(f, "%-20s -- %s" NL, commands[i].line, commands[i].help);
	text_return(&t, call);
}

/* One space between words, none around them. */
static void squeeze(const char *from, char *to, size_t cap)
{
	size_t n = 0;

	for (; *from && n + 1 < cap; from++) {
		if (!isspace((unsigned char)*from))
			to[n++] = *from;
		else if (n && to[n - 1] != ' ')
			to[n++] = ' ';
	}
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = 0;
}

static void human(void *ctx, struct qmp_call *call, const json_t *args)
{
	const json_t *cpu = json_object_get(args, "cpu-index");
	struct monitor *m = ctx;
	char line[256];

	squeeze(json_string_value(json_object_get(args, "command-line")), line, sizeof(line));
	if (cpu && (json_integer_value(cpu) < 0 || json_integer_value(cpu) >= desc_vcpus(&m->r->desc))) {
		qmp_error(call, "Parameter 'cpu-index' expects a CPU number");
		return;
	}
	for (unsigned i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].line, line))
			continue;
		commands[i].fn(m, call, cpu ? (int)json_integer_value(cpu) : -1);
		return;
	}
	qmp_return(call, json_sprintf("unknown command: '%s'" NL, line)); // as QEMU: no error
}

const struct qmp_command monitor_hmp[] = {{"human-monitor-command", human}, {0}};
