// SPDX-License-Identifier: Apache-2.0
/*
 * Guest-physical address space. RAM fills [0, 3 GiB) and goes on at 4 GiB; devices live in between.
 * Page indices (page_idx) count from address 0 up, without the hole. The display's window has page indices, but the
 * guest does not reach them; where a node's window is not filled, indices have no memory. Pure.
 */
#ifndef VMM_MEM_LAYOUT_H
#define VMM_MEM_LAYOUT_H

#include "vmm/conf/machine_desc.h"

#define LAYOUT_VGA     0xa0000ull // display memory of a PC, to LAYOUT_VGA_END: no RAM answers, whoever probes finds none
#define LAYOUT_VGA_END 0xc0000ull
#define LAYOUT_LOW_END DESC_HOLE_BEGIN // RAM below 4 GiB ends here at most
#define LAYOUT_HIGH    DESC_HOLE_END   // RAM goes on here
#define LAYOUT_IOAPIC  0xfec00000ull   // I/O APIC
#define LAYOUT_LAPIC   0xfee00000ull   // local APIC: every vCPU reaches its own there, in xAPIC mode

// Fixed I/O ports (vmm/conf/devices.def says whose they are)
#define LAYOUT_PORT_PM1_EVT       0x600u // ACPI PM1a event block, 4 bytes
#define LAYOUT_PORT_PM1_CNT       0x604u // ACPI PM1a control, 2 bytes: SLP_TYP 5 is S5
#define LAYOUT_PORT_PM_TMR        0x608u // ACPI PM timer, 4 bytes
#define LAYOUT_PORT_RESET         0xcf9u // reset register: 6 resets
#define LAYOUT_PORT_COM1          0x3f8u // 16550, IRQ 4
#define LAYOUT_PORT_PVPANIC       0x505u // where a guest tells that it has panicked
#define LAYOUT_PORT_WATCHDOG_STOP 0x441u // as on an IB700 board: a write stops the watchdog
#define LAYOUT_PORT_WATCHDOG      0x443u // ... and starts it
#define LAYOUT_PORT_HOTPLUG       0x620u // PCI slots that are filled and emptied, 16 bytes
#define LAYOUT_PORT_CPUPLUG       0xcd8u // CPUs that come and go, as QEMU has it
#define LAYOUT_PORT_MEMPLUG       0xa00u // memory that comes and goes, the same
#define LAYOUT_IRQ_SCI            9u
#define LAYOUT_IRQ_HOTPLUG        5u
#define LAYOUT_IRQ_GROW           10u

/* A run of RAM with consecutive addresses on one NUMA node. */
struct layout_range {
	uint64_t gpa, bytes;
	page_idx first;
	uint32_t node;
	uint32_t slot; // as desc_range has it
	host_id home;
};

#define LAYOUT_RANGES_MAX (DESC_RANGES_MAX + 1u) // one may straddle the hole

/* Fills out[LAYOUT_RANGES_MAX] in address order; returns how many. */
unsigned layout_ranges(const struct machine_desc *d, struct layout_range *out);

/*
 * Address <-> page index. layout_page() returns false for addresses in the hole, and for pages that are not among the
 * first ram_bytes.
 */
bool layout_page(uint64_t ram_bytes, uint64_t gpa, page_idx *page);
uint64_t layout_gpa(page_idx page);

#endif
