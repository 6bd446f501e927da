// SPDX-License-Identifier: Apache-2.0
// Spreads a guest's vCPUs and memory over the hosts' offers. Pure.
#ifndef VMM_RUN_PLACE_H
#define VMM_RUN_PLACE_H

#include "vmm/conf/machine_desc.h"

#define PLACE_CARDS_MAX 128u

struct place_offer {
	uint32_t vcpus;
	uint64_t memory_bytes;
	uint32_t address_bits; // of guest addresses; 0: not known
};

/*
 * What the guest is to have. Where each host's part is prescribed (the NUMA cells or the CPU topology of a domain), the
 * number of hosts must be the number of parts; otherwise the total is dealt.
 */
struct place_wish {
	uint32_t vcpus;        // in all
	uint64_t memory_bytes; // in all
	unsigned vcpu_parts;   // 0: dealt
	unsigned memory_parts;
	uint32_t vcpus_of[HOSTS_MAX]; // [0, vcpu_parts): their sum is vcpus
	uint64_t memory_of[HOSTS_MAX];
	struct desc_room room; // for hosts that may join later
	unsigned cards_n;
	/* PCI devices: kind, host, config, and the slot if it matters (0: it does not). They have no ids yet. */
	struct desc_device cards[PLACE_CARDS_MAX];
};

/*
 * Lays d out over its hosts (desc_lay_out()). Without prescribed parts, vCPUs are dealt one by one, each
 * host in turn, as far as its offer goes; memory is taken in proportion to what each host offers. Guest addresses have
 * as many bits as all hosts can do. Returns 0, or -ENOSPC / -EINVAL with a sentence that names what was asked and what
 * there is.
 */
int place_guest(struct machine_desc *d, const struct place_offer *offers, const struct place_wish *wish, char *why,
		size_t why_cap);

#endif
