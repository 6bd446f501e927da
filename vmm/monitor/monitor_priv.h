// SPDX-License-Identifier: Apache-2.0
// Between the files of the QMP monitor: each has one table of commands, whose ctx is the struct monitor.
#ifndef VMM_MONITOR_MONITOR_PRIV_H
#define VMM_MONITOR_MONITOR_PRIV_H

#include "vmm/monitor/backs.h"
#include "vmm/monitor/device_names.h"
#include "vmm/monitor/monitor.h"
#include "vmm/run/run_priv.h"
#include "vmm/qmp/qmp.h"

#define MONITOR_HOT_MAX  256u
#define MONITOR_CPU_TYPE "host-x86_64-cpu"

#define MONITOR_OBJECTS 64u

/* What object-add has named: memory of a device that is there (slot), or is to come (0). */
struct monitor_object {
	char id[DEVICE_NAME_MAX]; // "": none
	uint64_t size;
	uint32_t slot;
};

struct monitor_dimms {
	struct monitor_object object[MONITOR_OBJECTS];
	char id[DESC_MEMORY_SLOTS + 1][DEVICE_NAME_MAX]; // of devices, by slot; "": it has none
};

struct monitor {
	struct run *r;
	struct qmp *q;
	struct device_names names;
	struct backs backs;
	struct plugging *plugging; // devices that are on their way
	struct monitor_dimms dimms;
};

extern const struct qmp_command *const monitor_tables[]; // all of these, then NULL
extern const struct qmp_command monitor_queries[]; // monitor_queries.c: what is known without asking, and QEMU's lists
extern const struct qmp_command monitor_machine[]; // monitor_machine.c: what acts on the machine
extern const struct qmp_command monitor_devices[]; // monitor_devices.c: PCI devices in QEMU's words
extern const struct qmp_command monitor_plug[];    // monitor_plug.c: devices that come and go
extern const struct qmp_command monitor_pando[];   // monitor_pando.c: x-pando-query-*
extern const struct qmp_command monitor_move[];    // monitor_move.c: x-pando-move-vcpu
extern const struct qmp_command monitor_members[]; // monitor_members.c: hosts that join and leave
extern const struct qmp_command monitor_grow[];    // monitor_grow.c: vCPUs and memory that come and go
extern const struct qmp_command monitor_dimms[];   // monitor_dimms.c: the memory of it in QEMU's words
extern const struct qmp_command monitor_drain[];   // monitor_drain.c: a host is emptied and leaves; the board
void monitor_drain_begin(struct monitor *m);       // it tells what devices are called
extern const struct qmp_command monitor_homes[];   // monitor_homes.c: x-pando-move-homes
extern const struct qmp_command monitor_domain[];  // monitor_domain.c: libvirt's words
extern const struct qmp_command monitor_trace[];   // monitor_trace.c: x-pando-trace-*
extern const struct qmp_command monitor_hmp[];     // monitor_hmp.c: human-monitor-command

/*
 * Asks the hosts for the status document and calls fn with it on success; otherwise the call is over with an error. fn
 * answers the call.
 */
void monitor_with_status(struct monitor *m, struct qmp_call *call,
			 void (*fn)(struct monitor *m, struct qmp_call *call, const json_t *document));

/*
 * A command that is a verb: all hosts are asked, and their answers are the reply as they are, each with "host" and
 * "address" (ops_ask_all()). args is consumed; NULL: none.
 */
void monitor_ask_hosts(struct monitor *m, struct qmp_call *call, enum verb verb, json_t *args, enum op_class cls);

/* Adds state, reason and their numbers in libvirt to the status document. */
void monitor_add_state(const struct monitor *m, json_t *document);

/* monitor_members.c: what a host is to the guest; and those that are joining, as elements of the list of hosts. */
json_t *monitor_membership(const struct monitor *m, host_id h); // a new reference
void monitor_add_joining(const struct monitor *m, json_t *list);

/* A verb could not be started: the call is over with the reason. */
void monitor_refuse(struct qmp_call *call, int error);

/* The vCPUs in the document in order of their numbers, each with "host" added: a new array. */
json_t *monitor_vcpus(const json_t *document);

/* A command that is answered when an operation is over. */
struct monitor_asked {
	struct monitor *m;
	struct qmp_call *call;
	bool quiet; // with nothing, where it went well
};

/* monitor_grow.c: device_add of MONITOR_CPU_TYPE. Answers the call. */
void monitor_add_cpu(struct monitor *m, struct qmp_call *call, const json_t *args);
/* ... who gives what comes to a node, unless it is said. */
host_id monitor_host_of_node(const struct machine_desc *d, uint32_t node);
/* ... an argument that may be missing; false: the call has been answered. */
bool monitor_number(struct qmp_call *call, const json_t *args, const char *key, uint64_t most, uint64_t *out);
/* ... whether a device of type takes all that is said of it: names, n of them; false: the call has been answered. */
bool monitor_knows(struct qmp_call *call, const json_t *args, const char *type, const char *const *names, size_t n);

/* monitor_dimms.c: device_add of a pc-dimm; device_del of the memory in a slot, which waits for the guest's word as
 * growths_remove_memory() does. Both answer the call. */
void monitor_add_dimm(struct monitor *m, struct qmp_call *call, const json_t *args);
void monitor_del_dimm(struct monitor *m, struct qmp_call *call, uint32_t slot, uint64_t ms);
/* ... the slot, from 1 on, of the device of that name; 0: there is none. */
uint32_t monitor_dimm_find(const struct monitor *m, const char *name);
/* ... the data of events about it; gone: and its name with it. New references. */
json_t *monitor_dimm_event(struct monitor *m, uint32_t slot, bool gone);
json_t *monitor_ost_event(struct monitor *m, const json_t *data);

/* monitor_plug.c: the node of a disk, which blockdev-add has named, or its own name; and the disk of a node (NULL). */
const char *monitor_node_of(const struct monitor *m, uint32_t device);
const struct desc_device *monitor_disk_of_node(const struct monitor *m, const char *node);
/* ... a device is gone: the data of the event. A new reference. */
json_t *monitor_device_deleted(struct monitor *m, uint32_t device);

/* monitor_devices.c: the data of an event as clients get it. A new reference. */
json_t *monitor_device_event(struct monitor *m, const char *event, const json_t *data);

static inline json_int_t monitor_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* One element of what ops_registers() gives, as text for a person; malloc'd. */
char *monitor_registers_text(const json_t *vcpu);

#endif
