// SPDX-License-Identifier: Apache-2.0
/*
 * The whole state of a KVM vCPU as a value, and its form on the wire: what is needed to let the vCPU go on in another
 * KVM. The TSC is not in it (it follows from the cluster clock), nor is the local APIC (it is ours, vmm/chip/lapic.h).
 */
#ifndef VMM_HV_STATE_H
#define VMM_HV_STATE_H

#include "coherence/base/fields.h"
#include "vmm/hv/vcpu.h"

#define HV_STATE_XSAVE_MAX 12288u // all that XSAVE has today, with AMX, is 11,008 bytes
#define HV_STATE_MSRS_MAX  256u
#define HV_STATE_XCRS_MAX  16u
#define HV_STATE_BYTES_MAX 20000u // of the encoded form

struct hv_state_segment {
	uint64_t base;
	uint32_t limit;
	uint16_t selector;
	uint8_t type, present, dpl, db, s, l, g, avl, unusable;
};

struct hv_state_msr {
	uint32_t index;
	uint64_t value;
};

struct hv_state {
	uint64_t gpr[18];               // rax rbx rcx rdx rsi rdi rsp rbp r8-r15 rip rflags
	struct hv_state_segment seg[8]; // cs ds es fs gs ss tr ldt
	uint64_t gdt_base, idt_base;
	uint16_t gdt_limit, idt_limit;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
	uint8_t pdptrs_valid;
	uint64_t pdptr[4];
	uint64_t db[4], dr6, dr7;
	/* Events: an exception that is being delivered, an interrupt and an NMI, and what shadows them. */
	uint8_t exception_injected, exception_nr, exception_has_error;
	uint32_t exception_error;
	uint8_t interrupt_injected, interrupt_nr, interrupt_soft, interrupt_shadow;
	uint8_t nmi_injected, nmi_pending, nmi_masked;
	uint32_t mp_state;
	uint32_t xcrs_n;
	struct {
		uint32_t number;
		uint64_t value;
	} xcr[HV_STATE_XCRS_MAX];
	uint32_t xsave_n; // bytes; 0: KVM has no XSAVE, fpu holds the x87 and SSE state
	uint8_t xsave[HV_STATE_XSAVE_MAX];
	uint32_t fpu_n;
	uint8_t fpu[512];
	uint32_t msrs_n;
	struct hv_state_msr msr[HV_STATE_MSRS_MAX];
};

/* What a KVM must have in common with another for a vCPU to go from one to the other. */
struct hv_state_traits {
	uint32_t xsave_bytes;
	unsigned msrs_n;
	uint32_t msr[HV_STATE_MSRS_MAX]; // ascending: those that can be read and written back
};

/* Tries what this vCPU's KVM can read and write back. While it does not run; once for each vCPU is enough. */
int hv_state_traits(struct hv_vcpu *v, const struct hv *hv, struct hv_state_traits *out);

/*
 * On the vCPU's thread. An access that waits for its completion is completed first, which may call h's functions and
 * touch guest memory. 0, HV_STOP, or a negative errno with a sentence in why that names what KVM refused.
 */
int hv_state_get(struct hv_vcpu *v, const struct hv_state_traits *t, const struct hv_handlers *h, void *ctx,
		 struct hv_state *out, char *why, size_t why_cap);
int hv_state_set(struct hv_vcpu *v, const struct hv_state *s, char *why, size_t why_cap);

/*
 * Writes or reads all fields, all of them checked for what can be known without KVM: reading what makes no sense sets
 * f->bad. Pure.
 */
void hv_state_fields(struct fields *f, struct hv_state *s);
/* Does this KVM take every MSR and as much extended state as s has? False: why names the first that it does not. Pure.
 */
bool hv_state_fits(const struct hv_state *s, const struct hv_state_traits *t, char *why, size_t why_cap);

#endif
