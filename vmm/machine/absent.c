// SPDX-License-Identifier: Apache-2.0
/* What the guest looks for and this machine has not: said once for each, on the host whose vCPU asked. */
#include "net/log.h"
#include "vmm/machine/machine_priv.h"

#define PORT_BLOCK   8u // as many as small ISA devices have
#define MEMORY_BLOCK 4096u

static void say(const char *space, const struct absent_range *what, uint64_t addr, const struct bus_access *a)
{
	unsigned long long at = addr, first = what->first, last = what->last;

	if (first > last)
		log_info("the guest tries more %s that are not there (now %#llx): the others are only counted", space,
			 at);
	else if (what->name)
		log_info("the guest looks for what this machine does not have: %s (%s of %#llx by vCPU %u)", what->name,
			 a->write ? "write" : "read", at, a->vcpu);
	else
		log_info("the guest looks for something at %s %#llx-%#llx, where nothing is (%s of %#llx by vCPU %u)",
			 space, first, last, a->write ? "write" : "read", at, a->vcpu);
}

static void absent_port(void *owner, const struct absent_range *what, uint64_t addr, const struct bus_access *a)
{
	(void)owner;
	say("ports", what, addr, a);
}

static void absent_memory(void *owner, const struct absent_range *what, uint64_t addr, const struct bus_access *a)
{
	(void)owner;
	say("addresses", what, addr, a);
}

void machine_name_absent(struct machine *m)
{
	bus_name_absent(&m->ports, absent_pc_ports, absent_pc_ports_n, PORT_BLOCK, absent_port, NULL);
	bus_name_absent(&m->mmio, absent_pc_memory, absent_pc_memory_n, MEMORY_BLOCK, absent_memory, NULL);
}
