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
	ROUTE_PASSED // a vCPU that the message has missed once: for it wherever it is
};                   // msg_irq.dest_mode

/*
 * sender: APIC id of the vCPU whose ICR it was (for shorthands; anything for devices). Returns the
 * set of hosts, empty if nobody is addressed, and in *out what all of them get. A lowest-priority
 * message is made a message to one vCPU here, so that exactly one host takes it.
 */
host_set route_message(const struct placement *p, const struct apic_msg *msg, uint32_t sender, struct msg_irq *out);

/* Is the message for the vCPU with this index and APIC id? irq may be anything a peer sent. */
bool route_matches(const struct msg_irq *irq, uint32_t vcpu, uint32_t apic_id);

#endif
