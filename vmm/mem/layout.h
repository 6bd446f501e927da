// SPDX-License-Identifier: Apache-2.0
/*
 * Guest-physical address space. RAM fills [0, 3 GiB) and goes on at 4 GiB; devices live in between.
 * Page indices (page_idx) count RAM pages only, from address 0 up, without the hole. Pure.
 */
#ifndef VMM_MEM_LAYOUT_H
#define VMM_MEM_LAYOUT_H

#include "vmm/conf/machine_desc.h"

#define LAYOUT_LOW_END 0xc0000000ull  // RAM below 4 GiB ends here at most
#define LAYOUT_HIGH 0x100000000ull    // RAM goes on here
#define LAYOUT_IOAPIC 0xfec00000ull   // I/O APIC
#define LAYOUT_LAPIC 0xfee00000ull    // local APIC (x2APIC mode only: nothing answers here)

/* A run of RAM with consecutive addresses on one NUMA node. */
struct layout_range {
	uint64_t gpa, bytes;
	page_idx first;
	host_id host;
};

#define LAYOUT_RANGES_MAX (HOSTS_MAX + 1u) // one host's memory may straddle the hole

/* Fills out[LAYOUT_RANGES_MAX] in address order; returns how many. */
unsigned layout_ranges(const struct machine_desc *d, struct layout_range *out);

/* Address <-> page index. layout_page() returns false outside RAM. */
bool layout_page(uint64_t ram_bytes, uint64_t gpa, page_idx *page);
uint64_t layout_gpa(page_idx page);

#endif
