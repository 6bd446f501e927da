// SPDX-License-Identifier: Apache-2.0
/*
 * Where an interrupt message goes: the hosts that have a vCPU it is for, and what each of them is
 * told. Pure.
 */
#ifndef VMM_MACHINE_ROUTE_H
#define VMM_MACHINE_ROUTE_H

#include "net/msg.h"
#include "vmm/chip/icr.h"
#include "vmm/machine/placement.h"

enum route_dest {
	ROUTE_PHYSICAL,
	ROUTE_LOGICAL,
	ROUTE_ALL,
	ROUTE_OTHERS,
	ROUTE_VCPU,
	ROUTE_PASSED, // a vCPU that the message has missed once: for it wherever it is
	/* Logical destinations of eight bits, which only the APIC of a vCPU can tell to be its own: */
	ROUTE_XAPIC,        // dest; asks all of them
	ROUTE_XAPIC_PASSED, // dest >> 24, asks one vCPU, dest & 0xffffff, wherever it is
	ROUTE_XAPIC_ONE     // dest & 255: the first that is asked and says yes, host by host from host dest >> 8 on
};                          // msg_irq.dest_mode

/*
 * sender: APIC id of the vCPU whose ICR it was (for shorthands; anything for devices). Returns the
 * set of hosts, empty if nobody is addressed, and in *out what all of them get. A lowest-priority
 * message is made a message to one vCPU here, so that exactly one host takes it; but for ROUTE_XAPIC_ONE, where the
 * sender adds its own number to dest and asks its own vCPUs first.
 */
host_set route_message(const struct placement *p, const struct apic_msg *msg, uint32_t sender, struct msg_irq *out);

/* Is the message for the vCPU with this index and APIC id? irq may be anything a peer sent. */
bool route_matches(const struct msg_irq *irq, uint32_t vcpu, uint32_t apic_id);
#define ROUTE_FEW 16u // the APICs of a logical cluster
/*
 * Those of d's vCPUs that route_matches() may be true of, without a look at all of them: their number, at most
 * ROUTE_FEW, and in v their indexes. ROUTE_FEW + 1: the message may be for any vCPU, and v is untouched. irq may be
 * anything a peer sent.
 */
unsigned route_few(const struct machine_desc *d, const struct msg_irq *irq, uint32_t v[ROUTE_FEW]);
/* If it matches: does the APIC have to be asked as well, by cpu_addressed(), and for what destination? */
bool route_asks(const struct msg_irq *irq, uint32_t *dest);
/* The message for a vCPU that has left since it was sent. */
struct msg_irq route_pass_on(const struct msg_irq *irq, uint32_t vcpu);
/* ROUTE_XAPIC_ONE: the host to be asked after self, HOST_NONE: all have been, or the message makes no sense. */
host_id route_next(const struct msg_irq *irq, host_id self, host_set members);

#endif
