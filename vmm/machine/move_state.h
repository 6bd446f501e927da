// SPDX-License-Identifier: Apache-2.0
/* A vCPU on its way: what KVM has of it, and what is ours. Pure. */
#ifndef VMM_MACHINE_MOVE_STATE_H
#define VMM_MACHINE_MOVE_STATE_H

#include "vmm/chip/lapic.h"
#include "vmm/hv/state.h"

struct move_state {
	uint32_t vcpu;
	struct hv_state hv;
	struct lapic lapic;
	uint8_t nmi; // NMIs that are not injected yet
	uint8_t init, wait_sipi, halted, ran;
	uint8_t extint;            // CPU_INTR_* of machine_priv.h
	uint16_t inta;             // vector + 1 that the 8259 gave and nobody has injected, 0: none
	uint16_t sipi, early_sipi; // start page + 1, 0: none
	uint32_t early_placement;
	int64_t tsc_adjust;
	uint64_t clock_msr;
	uint64_t packed; // cluster clock: no guest instruction ran at a later time than this
};

#define MOVE_NMI_MAX    2u
#define MOVE_EXTINT_MAX 3u

/* Writes it. Returns the bytes, or 0 if cap is too small. */
size_t move_state_encode(struct move_state *s, uint8_t *buf, size_t cap);

/*
 * Reads what a peer sent for the vCPU with this index and APIC id. Every value is checked for what can be known without
 * KVM. 0 or -EPROTO.
 */
int move_state_decode(const uint8_t *buf, size_t n, uint32_t vcpu, uint32_t apic_id, struct move_state *out);

#endif
