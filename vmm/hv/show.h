// SPDX-License-Identifier: Apache-2.0
/* The registers of a vCPU as plain numbers, for people and for core files. */
#ifndef VMM_HV_SHOW_H
#define VMM_HV_SHOW_H

#include "vmm/hv/vcpu.h"

enum hv_gpr {
	HV_RAX,
	HV_RBX,
	HV_RCX,
	HV_RDX,
	HV_RSI,
	HV_RDI,
	HV_RSP,
	HV_RBP,
	HV_R8,
	HV_R9,
	HV_R10,
	HV_R11,
	HV_R12,
	HV_R13,
	HV_R14,
	HV_R15,
	HV_RIP,
	HV_RFLAGS,
	HV_GPRS
};
enum hv_seg { HV_CS, HV_DS, HV_ES, HV_FS, HV_GS, HV_SS, HV_LDT, HV_TR, HV_GDT, HV_IDT, HV_SEGS };
enum hv_sys { HV_CR0, HV_CR2, HV_CR3, HV_CR4, HV_CR8, HV_EFER, HV_KERNEL_GS_BASE, HV_SYSS };

extern const char *const hv_gpr_names[HV_GPRS], *const hv_seg_names[HV_SEGS], *const hv_sys_names[HV_SYSS];

struct hv_segment {
	uint64_t base;
	uint32_t selector, limit;
	uint32_t flags; // bits 8-23 of a descriptor's high word: type, S, DPL, P, AVL, L, D/B, G
};

struct hv_registers {
	uint64_t gpr[HV_GPRS];
	uint64_t sys[HV_SYSS];
	struct hv_segment seg[HV_SEGS];
};

/* On the vCPU's thread or while it does not run. 0 or negative errno. */
int hv_vcpu_registers(struct hv_vcpu *v, struct hv_registers *out);

#endif
