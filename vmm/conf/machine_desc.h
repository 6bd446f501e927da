// SPDX-License-Identifier: Apache-2.0
/*
 * The description of one guest machine: what `pando run` sends every host (as JSON) and what the
 * firmware tables, the page homes and the vCPU placement are derived from. A value, owned by whoever holds it.
 */
#ifndef VMM_CONF_MACHINE_DESC_H
#define VMM_CONF_MACHINE_DESC_H

#include "coherence/base/types.h"

#define DESC_CMDLINE_MAX 2048u
#define DESC_ADDRESS_MAX 128u
#define DESC_NAME_MAX    64u
#define DESC_REPORT_MAX  512u
#define DESC_RESERVE_MIN 256u // pages: one instruction may need several, and pages on their way home need room

struct desc_host {
	char address[DESC_ADDRESS_MAX]; // where its monitor listens for peers
	uint32_t vcpus;                 // vCPUs that start on it; vCPU indices are assigned in host order
	uint64_t memory_bytes;          // guest RAM homed on it: its NUMA node (a multiple of 2 MiB)
};

struct machine_desc {
	char name[DESC_NAME_MAX];
	unsigned hosts_n;
	struct desc_host hosts[HOSTS_MAX];
	char cmdline[DESC_CMDLINE_MAX];
	uint32_t epoch;
	uint32_t dilate;          // guest time runs at 1/dilate of real time (1: real time)
	uint32_t peer_timeout_ms; // a silent host is lost after this time
	uint64_t hold_ns;         // minimum time a page stays where it was just taken
	uint64_t reserve_pages;   // pages a host may hold beyond what it gave
	uint32_t prefetch_max;
	uint32_t spin_us;
	int64_t tsc_skew; // test knob: host h pretends that its TSC is h * tsc_skew ticks ahead
};

/* Derived facts (pure). */
uint64_t desc_memory_bytes(const struct machine_desc *d);
uint32_t desc_vcpus(const struct machine_desc *d);
host_set desc_all_hosts(const struct machine_desc *d);
host_id desc_host_of_vcpu(const struct machine_desc *d, uint32_t vcpu);
uint32_t desc_first_vcpu(const struct machine_desc *d, host_id h); // index of h's first vCPU

/*
 * APIC ids follow the topology: host number << bits | number within the host, bits enough for the largest host, so
 * that each host is a CPU package. desc_vcpu_of_apic() returns false for an id that no vCPU has.
 */
unsigned desc_apic_bits(const struct machine_desc *d);
uint32_t desc_apic_id(const struct machine_desc *d, uint32_t vcpu);
bool desc_vcpu_of_apic(const struct machine_desc *d, uint32_t apic_id, uint32_t *vcpu);

/* Cross-checks. Returns 0, or -EINVAL with a sentence in why that names the value and what was expected. */
int desc_check(const struct machine_desc *d, char *why, size_t why_cap);

/* JSON text (malloc'd, caller frees) and back; hostile input is refused with a reason. */
char *desc_to_json(const struct machine_desc *d);
int desc_from_json(const char *text, size_t len, struct machine_desc *out, char *why, size_t why_cap);

#endif
