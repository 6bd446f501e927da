// SPDX-License-Identifier: Apache-2.0
/*
 * What CPUID tells the guest: a pure function from what the host's KVM supports. All hosts of a
 * cluster must come to the same answer but for the topology, so nothing is taken from the host that
 * differs between processors of one model.
 */
#ifndef VMM_HV_CPUID_H
#define VMM_HV_CPUID_H

#include "coherence/base/types.h"

#define CPUID_ENTRIES_MAX 256u

struct cpuid_entry {
	uint32_t function, index;
	bool indexed; // index matters
	uint32_t eax, ebx, ecx, edx;
};

struct cpuid_table {
	unsigned n;
	struct cpuid_entry e[CPUID_ENTRIES_MAX];
};

/* What one vCPU's table depends on besides the host. Every host of the cluster is one package. */
struct cpuid_topology {
	uint32_t apic_id;
	unsigned apic_bits;     // APIC id bits within a package (desc_apic_bits())
	uint32_t package_vcpus; // vCPUs of this package
	uint32_t guest_tsc_khz; // what the guest is to believe
	unsigned address_bits;  // what the guest is to believe; 0: as the processor
	bool no_xsave;          // leave out XSAVE and what needs it
	bool emulated;          // KVM emulates the guest's kernel mode: leave out what its emulator lacks
};

/*
 * Fills out from in (KVM_GET_SUPPORTED_CPUID). Any input is handled: leaves that are missing stay
 * missing, but leaf 0, 1 and the hypervisor leaves are always there.
 */
void cpuid_policy(const struct cpuid_table *in, const struct cpuid_topology *t, struct cpuid_table *out);

/* Bits of physical addresses, by leaf 0x80000008; 0: it is missing. */
unsigned cpuid_address_bits(const struct cpuid_table *t);

/* Whether the processor is AMD's or a descendant of it (Hygon): leaf 0's vendor. False without leaf 0. */
bool cpuid_is_amd(const struct cpuid_table *t);

/* The entry of a leaf, or NULL. index is ignored where it does not matter. */
const struct cpuid_entry *cpuid_find(const struct cpuid_table *t, uint32_t function, uint32_t index);

#endif
