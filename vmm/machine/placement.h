// SPDX-License-Identifier: Apache-2.0
/*
 * Which host runs which vCPU, and what it was before: vCPUs move one at a time in the whole machine, and the number of
 * moves so far is the placement's version. Pure.
 *
 * A message names the version by which its sender chose the receivers. Whoever gets it asks for the vCPUs that were
 * here by that version: those it passes on to where they went since, and those that came since got, or get, the message
 * from their former host. So each vCPU gets it once.
 */
#ifndef VMM_MACHINE_PLACEMENT_H
#define VMM_MACHINE_PLACEMENT_H

#include "vmm/conf/machine_desc.h"

#define PLACEMENT_HISTORY 4096u // moves that a message may be late by

struct placement_move {
	uint32_t vcpu;
	host_id from, to;
};

struct placement {
	const struct machine_desc *d;
	uint32_t version;
	uint32_t vcpus_n;
	uint32_t on[HOSTS_MAX]; // vCPUs of each host
	host_id host[VCPUS_MAX];
	struct placement_move last[PLACEMENT_HISTORY]; // move number n at n % PLACEMENT_HISTORY
};

void placement_init(struct placement *p, const struct machine_desc *d); // as the description says; version 0
/* On a host that has joined: as the description says, which is that of so many moves. Nothing was here before them. */
void placement_join(struct placement *p, uint32_t version);
/* Move number p->version + 1. Returns false, and changes nothing, if the vCPU is not on from, or to is no host or the
 * same. */
bool placement_move(struct placement *p, uint32_t vcpu, host_id from, host_id to);

/* The description's next version: vCPUs that it has and the placement had not are where it says; those that it has no
 * more are nowhere. */
void placement_follow(struct placement *p, const struct machine_desc *next);

host_id placement_host(const struct placement *p, uint32_t vcpu); // HOST_NONE: there is none
/* By an earlier version. A later one that is not known here yet, or one too old to be known still, is taken as the
 * present. */
host_id placement_host_at(const struct placement *p, uint32_t version, uint32_t vcpu);

#endif
