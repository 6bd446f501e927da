// SPDX-License-Identifier: Apache-2.0
/*
 * Interrupt messages between APICs, whatever they came from (ICR write, MSI, I/O APIC entry), and
 * whom they reach. All local APICs are in x2APIC mode (Intel SDM vol. 3, 10.12; AMD APM vol.
 * 2, 16.11). Pure; any thread.
 */
#ifndef VMM_CHIP_ICR_H
#define VMM_CHIP_ICR_H

#include "coherence/base/types.h"

enum apic_delivery {
	APIC_FIXED = 0,
	APIC_LOWEST = 1,
	APIC_SMI = 2,
	APIC_RESERVED3 = 3,
	APIC_NMI = 4,
	APIC_INIT = 5,
	APIC_SIPI = 6,
	APIC_EXTINT = 7,
};

enum apic_shorthand { APIC_TO_DEST = 0, APIC_TO_SELF = 1, APIC_TO_ALL = 2, APIC_TO_OTHERS = 3 };

#define APIC_BROADCAST 0xffffffffu

struct apic_msg {
	uint8_t delivery;  // enum apic_delivery
	uint8_t vector;    // interrupt vector; SIPI: start page
	uint8_t shorthand; // enum apic_shorthand; APIC_TO_DEST for MSI and I/O APIC
	bool logical;      // dest is cluster << 16 | bitmap, otherwise an APIC id
	bool level;        // level-triggered: an EOI must go back to the I/O APIC
	uint32_t dest;     // meaningless with a shorthand
};

/*
 * Decodes a 64-bit ICR. Returns true if there is something to deliver; false for what current
 * processors drop: INIT de-assert, reserved delivery modes.
 */
bool icr_decode(uint64_t icr, struct apic_msg *out);

/*
 * Decodes an MSI write. ext_dest: the guest was told KVM_FEATURE_MSI_EXT_DEST_ID, so address bits
 * 11:5 are destination bits 14:8. Returns 0, or -EINVAL if addr is no MSI address or the delivery
 * mode is reserved.
 */
int msi_decode(uint64_t addr, uint32_t data, bool ext_dest, struct apic_msg *out);

/*
 * Does the message reach the APIC apic_id? sender: APIC id of who sent it (only used by
 * shorthands). A lowest-priority message matches all candidates; who routes it chooses one.
 */
bool apic_msg_matches(const struct apic_msg *m, uint32_t sender, uint32_t apic_id);

/* The logical x2APIC id of an APIC id (contents of LDR). */
static inline uint32_t apic_logical_id(uint32_t id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

#endif
