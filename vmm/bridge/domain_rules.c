// SPDX-License-Identifier: Apache-2.0
// What may stand in a domain, element by element. docs/DOMAIN-XML.md says the same for people; a test compares.
#include <string.h>

#include "net/session.h"
#include "vmm/bridge/domain_rules_priv.h"

/* ---- takers ---- */

static const char *take_name(struct walk *w, const char *v)
{
	w->name_line = walk_line(w);
	if (!*v || v[0] == '.' || v[0] == '-' ||
	    v[strspn(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")])
		return "expected letters, digits, '-', '_' and '.', a letter, digit or '_' first";
	return value_text(w, v, w->d.name, sizeof(w->d.name));
}

/* Tools write elements for which they have nothing to say: an empty one is as if it were not there. */
static const char *take_uuid(struct walk *w, const char *v)
{
	if (!*v)
		return NULL;
	return uuid_parse(v, w->d.uuid) ? "expected 32 hexadecimal digits, grouped 8-4-4-4-12 or not at all" : NULL;
}

static const char *take_title(struct walk *w, const char *v)
{
	return value_prose(w, v, false, w->d.title, sizeof(w->d.title));
}

static const char *take_description(struct walk *w, const char *v)
{
	return value_prose(w, v, true, w->d.description, sizeof(w->d.description));
}

static void begin_size(struct walk *w)
{
	w->scale = 1024; // libvirt's unit where none is named
}

static const char *take_unit(struct walk *w, const char *v)
{
	return value_scale(w, v, &w->scale);
}

static const char *take_memory(struct walk *w, const char *v)
{
	w->memory_line = walk_line(w);
	return value_size(w, v, w->scale, &w->d.memory_bytes);
}

static const char *take_current_memory(struct walk *w, const char *v)
{
	w->current_line = walk_line(w);
	return value_size(w, v, w->scale, &w->current_memory);
}

static const char *take_vcpus(struct walk *w, const char *v)
{
	uint64_t n = 0;
	const char *wrong = value_count(w, v, 1, VCPUS_MAX, &n);

	w->vcpu_line = walk_line(w);
	w->d.vcpus = (uint32_t)n;
	return wrong;
}

static const char *take_vcpus_current(struct walk *w, const char *v)
{
	return value_count(w, v, 1, VCPUS_MAX, &w->vcpus_current);
}

static const char *take_kernel(struct walk *w, const char *v)
{
	return *v ? value_path(w, v, w->d.kernel, sizeof(w->d.kernel)) : NULL;
}

static const char *take_initrd(struct walk *w, const char *v)
{
	return *v ? value_path(w, v, w->d.initrd, sizeof(w->d.initrd)) : NULL;
}

static void begin_os_boot(struct walk *w)
{
	w->boot_line = walk_line(w);
}

static const char *take_cmdline(struct walk *w, const char *v)
{
	return value_text(w, v, w->d.cmdline, sizeof(w->d.cmdline));
}

static const char *take_cpu_mode(struct walk *w, const char *v)
{
	(void)v; // the only one
	w->d.host_passthrough = true;
	return NULL;
}

static void begin_topology(struct walk *w)
{
	w->topology_line = walk_line(w);
	w->dies = 1;
}

#define COUNT_TAKER(name, field)                                   \
	static const char *name(struct walk *w, const char *v)     \
	{                                                          \
		return value_count(w, v, 1, VCPUS_MAX, &w->field); \
	}
COUNT_TAKER(take_sockets, sockets)
COUNT_TAKER(take_dies, dies)
COUNT_TAKER(take_cores, cores)
COUNT_TAKER(take_threads, threads)

static void begin_numa(struct walk *w)
{
	w->numa_line = walk_line(w);
}

static void begin_cell(struct walk *w)
{
	w->scale = 1024;
	if (w->cells_n == HOSTS_MAX) {
		walk_error(w->errors, walk_line(w), "<cpu><numa><cell>", "there are more than %u", HOSTS_MAX);
		w->cells_n--; // the last one is written over: the file is refused anyway
	}
	w->cell = &w->cells[w->cells_n++];
	memset(w->cell, 0, sizeof(*w->cell));
	w->cell->line = walk_line(w);
	w->cell->scale = 1024;
}

static const char *take_cell_id(struct walk *w, const char *v)
{
	uint64_t id = 0;
	const char *wrong = value_count(w, v, 0, HOSTS_MAX - 1, &id);

	w->cell->id = (uint32_t)id;
	w->cell->has_id = !wrong;
	return wrong;
}

static const char *take_cell_cpus(struct walk *w, const char *v)
{
	w->cell->has_cpus = true;
	return value_cpus(w, v, w->cell->cpus);
}

/* The unit may come after it: the scale is applied when the cells are checked. */
static const char *take_cell_memory(struct walk *w, const char *v)
{
	return value_count(w, v, 1, INT64_MAX, &w->cell->memory);
}

static const char *take_cell_unit(struct walk *w, const char *v)
{
	return value_scale(w, v, &w->cell->scale);
}

static const char *take_sibling_id(struct walk *w, const char *v)
{
	return value_count(w, v, 0, HOSTS_MAX - 1, &w->sibling);
}

static void begin_sibling(struct walk *w)
{
	w->sibling = HOSTS_MAX;
}

static const char *take_distance(struct walk *w, const char *v)
{
	uint64_t n = 0;
	const char *wrong = value_count(w, v, 10, 254, &n);

	if (!wrong && w->sibling < HOSTS_MAX)
		w->cell->distance[w->sibling] = (uint8_t)n;
	else if (!wrong)
		wrong = "the id of the other cell must come before it";
	return wrong;
}

/* ---- timers ---- */

static void begin_timer(struct walk *w)
{
	w->timer = NULL;
	w->timer_present = 1;
}

static const char *take_timer(struct walk *w, const char *v)
{
	static const char *const known[] = {"rtc", "pit", "tsc", "hpet", "kvmclock", "hypervclock"};

	for (unsigned i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i], v) == 0)
			w->timer = known[i];
	return w->timer ? NULL : "expected rtc, pit, tsc, hpet, kvmclock or hypervclock";
}

static const char *take_present(struct walk *w, const char *v)
{
	w->timer_present = strcmp(v, "yes") == 0;
	return NULL;
}

/* kvmclock: the guest is told the frequency through it, and keeps time by its TSC. */
static void end_timer(struct walk *w)
{
	bool absent = w->timer && (strcmp(w->timer, "hpet") == 0 || strcmp(w->timer, "hypervclock") == 0);

	if (w->timer && absent == !!w->timer_present)
		walk_error(w->errors, walk_line(w), "<clock><timer>", "%s is %s present here", w->timer,
			   absent ? "never" : "always");
}

/* ---- our own elements ---- */

static void begin_hosts(struct walk *w)
{
	w->hosts_line = walk_line(w);
}

static const char *take_local(struct walk *w, const char *v)
{
	uint64_t n = 0;
	const char *wrong = value_count(w, v, 1, HOSTS_MAX, &n);

	w->d.local = (unsigned)n;
	return wrong;
}

static const char *take_key(struct walk *w, const char *v)
{
	return value_path(w, v, w->d.key, sizeof(w->d.key));
}

static void begin_host(struct walk *w)
{
	w->has_host_cell = false;
	w->host_address[0] = 0;
}

static const char *take_address(struct walk *w, const char *v)
{
	char host[DESC_ADDRESS_MAX], port[16];

	if (strpbrk(v, ", ") || session_parse_address(v, host, sizeof(host), port, sizeof(port)) || !host[0])
		return "expected one address, host:port or [v6]:port";
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		if (w->address_taken[h] && strcmp(w->d.addresses[h], v) == 0)
			return "it stands there twice: a host takes one part of a guest";
	return value_text(w, v, w->host_address, sizeof(w->host_address));
}

static const char *take_host_cell(struct walk *w, const char *v)
{
	const char *wrong = value_count(w, v, 0, HOSTS_MAX - 1, &w->host_cell);

	w->has_host_cell = !wrong;
	return wrong;
}

/* Without a cell: the next one. */
static void end_host(struct walk *w)
{
	uint64_t cell = w->has_host_cell ? w->host_cell : w->d.hosts_n;

	if (cell >= HOSTS_MAX || w->address_taken[cell]) {
		walk_error(w->errors, walk_line(w), "<metadata><pando:hosts><pando:host>",
			   "cell %llu has a host already, or there are more than %u", (unsigned long long)cell,
			   HOSTS_MAX);
		return;
	}
	w->address_taken[cell] = true;
	strcpy(w->d.addresses[cell], w->host_address);
	w->d.hosts_n++;
}

static const char *take_knob(struct walk *w, enum tuning_knob k, const char *v)
{
	return value_count(w, v, tuning_rules[k].min, tuning_rules[k].max, &w->d.tuning.value[k]);
}

#define KNOB_TAKER(name, knob)                                 \
	static const char *name(struct walk *w, const char *v) \
	{                                                      \
		return take_knob(w, knob, v);                  \
	}
KNOB_TAKER(take_dilate, TUNING_DILATE)
KNOB_TAKER(take_peer_timeout, TUNING_PEER_TIMEOUT)
KNOB_TAKER(take_hold, TUNING_HOLD)
KNOB_TAKER(take_reserve, TUNING_RESERVE)
KNOB_TAKER(take_prefetch, TUNING_PREFETCH)
KNOB_TAKER(take_spin, TUNING_SPIN)

static const char *take_reboot(struct walk *w, const char *v)
{
	w->d.no_reboot = strcmp(v, "destroy") == 0;
	return NULL;
}

/* ---- the tables ---- */

static const struct attribute_rule domain_attributes[] = {
	ATTR("type", .values = "kvm", .required = true),
	IGNORES("id", "a number that a run gives"),
	{0},
};

static const struct attribute_rule unit_attributes[] = {TAKES("unit", take_unit), {0}};

static const struct attribute_rule memory_attributes[] = {
	TAKES("unit", take_unit),
	REFUSES("dumpCore", "a dump has all of the memory"),
	{0},
};

static const struct attribute_rule vcpu_attributes[] = {
	ATTR("placement", .treatment = NO_EFFECT, .why = "vCPUs are placed on hosts, not on processors of a host",
	     .values = "static"),
	TAKES("current", take_vcpus_current),
	REFUSES("cpuset", "vCPU threads are not pinned"),
	{0},
};

static const struct attribute_rule tuning_attributes[] = {
	TAKES("dilate", take_dilate),
	TAKES("peer-timeout", take_peer_timeout),
	TAKES("hold", take_hold),
	TAKES("reserve", take_reserve),
	TAKES("prefetch", take_prefetch),
	TAKES("spin", take_spin),
	{0},
};

static const struct attribute_rule hosts_attributes[] = {
	TAKES("local", take_local),
	TAKES("key", take_key),
	{0},
};

static const struct attribute_rule host_attributes[] = {
	NEEDS("address", take_address),
	TAKES("cell", take_host_cell),
	{0},
};

static const struct element_rule hosts_children[] = {
	{.name = "host",
	 .ours = true,
	 .many = true,
	 .attributes = host_attributes,
	 .begin = begin_host,
	 .end = end_host},
	{0},
};

static const struct element_rule metadata_children[] = {
	{.name = "hosts",
	 .ours = true,
	 .attributes = hosts_attributes,
	 .children = hosts_children,
	 .begin = begin_hosts},
	{.name = "tuning", .ours = true, .attributes = tuning_attributes},
	{.name = "stream",
	 .ours = true,
	 .many = true,
	 .attributes = domain_stream_attributes,
	 .begin = domain_stream_begin},
	{0},
};

static const struct attribute_rule os_type_attributes[] = {
	ATTR("arch", .values = "x86_64"),
	IGNORES("machine", "there is one machine"),
	{0},
};

static const struct attribute_rule os_boot_attributes[] = {ATTR("dev", .values = "hd", .required = true), {0}};

static const struct element_rule os_children[] = {
	{.name = "type", .attributes = os_type_attributes, .values = "hvm"},
	{.name = "kernel", .take = take_kernel},
	{.name = "initrd", .take = take_initrd},
	{.name = "cmdline", .take = take_cmdline},
	{.name = "boot", .attributes = os_boot_attributes, .begin = begin_os_boot},
	{.name = "loader", .treatment = REFUSED, .why = "there is no firmware: <kernel> is what boots"},
	{.name = "nvram", .treatment = REFUSED, .why = "there is no firmware"},
	{.name = "bios", .treatment = REFUSED, .why = "there is no BIOS"},
	{.name = "bootmenu", .treatment = REFUSED, .why = "there is no BIOS"},
	{.name = "smbios", .treatment = REFUSED, .why = "SMBIOS has Pando's own words, and the domain's UUID"},
	{.name = "dtb", .treatment = REFUSED, .why = "this machine has ACPI tables, no device tree"},
	{0},
};

static const struct element_rule features_children[] = {
	{.name = "acpi"},
	{.name = "apic"},
	{.name = "pae", .treatment = NO_EFFECT, .why = "64-bit processors have it"},
	{.name = "hyperv", .treatment = REFUSED, .why = "there are no Hyper-V enlightenments"},
	{.name = "kvm",
	 .treatment = REFUSED,
	 .why = "KVM's features are fixed: what would write to memory that hosts share is off"},
	{.name = "pmu", .treatment = REFUSED, .why = "there is no virtual performance monitoring"},
	{.name = "smm", .treatment = REFUSED, .why = "there is no system management mode"},
	{.name = "ioapic", .treatment = REFUSED, .why = "the I/O APIC is the monitor's"},
	{.name = "vmport", .treatment = REFUSED, .why = "there is no VMware port"},
	{0},
};

static const struct attribute_rule topology_attributes[] = {
	NEEDS("sockets", take_sockets),
	TAKES("dies", take_dies),
	NEEDS("cores", take_cores),
	NEEDS("threads", take_threads),
	{0},
};

static const struct attribute_rule sibling_attributes[] = {
	NEEDS("id", take_sibling_id),
	NEEDS("value", take_distance),
	{0},
};

static const struct element_rule distances_children[] = {
	{.name = "sibling", .many = true, .attributes = sibling_attributes, .begin = begin_sibling},
	{0},
};

static const struct element_rule cell_children[] = {
	{.name = "distances", .children = distances_children},
	{.name = "cache", .treatment = REFUSED, .why = "cells have no caches of their own"},
	{0},
};

static const struct attribute_rule cell_attributes[] = {
	TAKES("id", take_cell_id),
	TAKES("cpus", take_cell_cpus),
	NEEDS("memory", take_cell_memory),
	TAKES("unit", take_cell_unit),
	REFUSES("memAccess", "a cell's memory is what its host gives"),
	REFUSES("discard", "a cell's memory is what its host gives"),
	{0},
};

static const struct element_rule numa_children[] = {
	{.name = "cell", .many = true, .attributes = cell_attributes, .children = cell_children, .begin = begin_cell},
	{0},
};

static const struct attribute_rule cpu_attributes[] = {
	ATTR("mode", .values = "host-passthrough", .take = take_cpu_mode),
	ATTR("check", .treatment = NO_EFFECT, .why = "guests see what KVM and all hosts can do",
	     .values = "none|partial|full"),
	ATTR("migratable", .treatment = NO_EFFECT, .why = "guests see what all hosts can do", .values = "on|off"),
	REFUSES("match", "there are no named processor models"),
	{0},
};

static const struct element_rule cpu_children[] = {
	{.name = "topology", .attributes = topology_attributes, .begin = begin_topology},
	{.name = "numa", .children = numa_children, .begin = begin_numa},
	{.name = "model", .treatment = REFUSED, .why = "there are no named processor models: mode='host-passthrough'"},
	{.name = "vendor", .treatment = REFUSED, .why = "the vendor is the hosts'"},
	{.name = "feature", .treatment = REFUSED, .why = "features are not chosen one by one"},
	{.name = "cache", .treatment = REFUSED, .why = "caches are the hosts'"},
	{.name = "maxphysaddr", .treatment = REFUSED, .why = "the width of addresses is the hosts'"},
	{0},
};

static const struct attribute_rule timer_attributes[] = {
	NEEDS("name", take_timer),
	ATTR("present", .values = "yes|no", .take = take_present),
	ATTR("tickpolicy", .treatment = NO_EFFECT, .why = "late ticks are delivered at the normal rate",
	     .values = "delay"),
	REFUSES("track", "timers follow the cluster clock"),
	REFUSES("frequency", "the TSC has the frequency of the first host"),
	REFUSES("mode", "the TSC is the processor's"),
	{0},
};

static const struct element_rule clock_children[] = {
	{.name = "timer", .many = true, .attributes = timer_attributes, .begin = begin_timer, .end = end_timer},
	{0},
};

static const struct attribute_rule clock_attributes[] = {ATTR("offset", .values = "utc", .required = true), {0}};

static const struct attribute_rule pm_attributes[] = {ATTR("enabled", .values = "no", .required = true), {0}};
static const struct element_rule pm_children[] = {
	{.name = "suspend-to-mem", .attributes = pm_attributes},
	{.name = "suspend-to-disk", .attributes = pm_attributes},
	{0},
};

static const struct attribute_rule seclabel_attributes[] = {
	ATTR("type", .values = "none", .required = true), IGNORES("model", "there is no label"), {0}};

static const struct element_rule domain_children[] = {
	{.name = "name", .take = take_name},
	{.name = "uuid", .take = take_uuid},
	{.name = "title", .take = take_title},
	{.name = "description", .take = take_description},
	{.name = "metadata", .foreign = true, .children = metadata_children},
	{.name = "memory", .attributes = memory_attributes, .take = take_memory, .begin = begin_size},
	{.name = "currentMemory", .attributes = unit_attributes, .take = take_current_memory, .begin = begin_size},
	{.name = "vcpu", .attributes = vcpu_attributes, .take = take_vcpus},
	{.name = "os", .children = os_children},
	{.name = "features", .children = features_children},
	{.name = "cpu", .attributes = cpu_attributes, .children = cpu_children},
	{.name = "clock", .attributes = clock_attributes, .children = clock_children},
	{.name = "on_poweroff", .values = "destroy"},
	{.name = "on_reboot", .values = "restart|destroy", .take = take_reboot},
	{.name = "on_crash", .values = "destroy"},
	{.name = "pm", .children = pm_children},
	{.name = "devices", .children = domain_devices},
	{.name = "seclabel", .treatment = NO_EFFECT, .why = "there is no label", .attributes = seclabel_attributes},
	{.name = "maxMemory", .treatment = REFUSED, .why = "memory is not added to a running guest yet"},
	{.name = "vcpus", .treatment = REFUSED, .why = "vCPUs are not added to a running guest yet"},
	{.name = "memoryBacking", .treatment = REFUSED, .why = "memory is what the hosts give"},
	{.name = "memtune", .treatment = REFUSED, .why = "memory is what the hosts give"},
	{.name = "numatune", .treatment = REFUSED, .why = "a cell is a host"},
	{.name = "cputune", .treatment = REFUSED, .why = "vCPU threads are not tuned"},
	{.name = "blkiotune", .treatment = REFUSED, .why = "requests to disks are not weighed"},
	{.name = "iothreads", .treatment = REFUSED, .why = "each host has one device thread"},
	{.name = "resource", .treatment = REFUSED, .why = "hosts are not put into resource groups"},
	{.name = "sysinfo", .treatment = REFUSED, .why = "SMBIOS has Pando's own words, and the domain's UUID"},
	{.name = "bootloader", .treatment = REFUSED, .why = "<kernel> is what boots"},
	{.name = "perf", .treatment = REFUSED, .why = "there is no performance monitoring"},
	{.name = "launchSecurity", .treatment = REFUSED, .why = "guest memory is not encrypted"},
	{.name = "idmap", .treatment = REFUSED, .why = "this is no container"},
	{.name = "cachetune", .treatment = REFUSED, .why = "caches are the hosts'"},
	{0},
};

const struct element_rule domain_rules[] = {
	{.name = "domain", .attributes = domain_attributes, .children = domain_children},
	{0},
};
