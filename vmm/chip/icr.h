// SPDX-License-Identifier: Apache-2.0
/*
 * Interrupt messages between APICs, whatever they came from (ICR write, MSI, I/O APIC entry), and
 * whom they reach (Intel SDM vol. 3, 10.6, 10.12; AMD APM vol. 2, 16.11). Pure; any thread.
 *
 * A physical destination is an APIC id in both modes. A logical one of eight bits means what each
 * receiver's own mode makes of it: lapic_logical() of vmm/chip/lapic.h.
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

#define APIC_BROADCAST  0xffffffffu
#define XAPIC_BROADCAST 0xffu // of eight bits: no APIC id

struct apic_msg {
	uint8_t delivery;  // enum apic_delivery
	uint8_t vector;    // interrupt vector; SIPI: start page
	uint8_t shorthand; // enum apic_shorthand; APIC_TO_DEST for MSI and I/O APIC
	bool logical;      // dest is a logical id, otherwise an APIC id
	bool wide;         // dest is in x2APIC's format, 32 bits; otherwise 8 (15 with extended destination ids)
	bool level;        // level-triggered: an EOI must go back to the I/O APIC
	uint32_t dest;     // meaningless with a shorthand
};

/*
 * Decodes a 64-bit ICR. Returns true if there is something to deliver; false for what current
 * processors drop: INIT de-assert, reserved delivery modes.
 */
bool icr_decode(uint64_t icr, struct apic_msg *out);
/* The same of the xAPIC's two registers as one word: 0x310 above 0x300. 0xff becomes APIC_BROADCAST. */
bool icr_decode_xapic(uint64_t icr, struct apic_msg *out);

/*
 * Decodes an MSI write. ext_dest: the guest was told KVM_FEATURE_MSI_EXT_DEST_ID, so address bits
 * 11:5 are destination bits 14:8. Returns 0, or -EINVAL if addr is no MSI address or the delivery
 * mode is reserved.
 */
int msi_decode(uint64_t addr, uint32_t data, bool ext_dest, struct apic_msg *out);

/*
 * Does the message reach the APIC apic_id? sender: APIC id of who sent it (only used by
 * shorthands). A logical destination is taken for one of x2APIC's format. A lowest-priority message
 * matches all candidates; who routes it chooses one.
 */
bool apic_msg_matches(const struct apic_msg *m, uint32_t sender, uint32_t apic_id);

/* The logical x2APIC id of an APIC id (contents of LDR). */
static inline uint32_t apic_logical_id(uint32_t id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

#endif
