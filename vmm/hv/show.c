// SPDX-License-Identifier: Apache-2.0
#include "vmm/hv/show.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "vmm/hv/kvm_priv.h"

#define MSR_KERNEL_GS_BASE 0xc0000102u

const char *const hv_gpr_names[HV_GPRS] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "r8",
					   "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags"};
const char *const hv_seg_names[HV_SEGS] = {"cs", "ds", "es", "fs", "gs", "ss", "ldt", "tr", "gdt", "idt"};
const char *const hv_sys_names[HV_SYSS] = {"cr0", "cr2", "cr3", "cr4", "cr8", "efer", "kernel_gs_base"};

static struct hv_segment segment(const struct kvm_segment *s)
{
	return (struct hv_segment){
		.base = s->base,
		.selector = s->selector,
		.limit = s->limit,
		.flags = (uint32_t)s->type << 8 | (uint32_t)s->s << 12 | (uint32_t)s->dpl << 13 |
			 (uint32_t)s->present << 15 | (uint32_t)s->avl << 20 | (uint32_t)s->l << 21 |
			 (uint32_t)s->db << 22 | (uint32_t)s->g << 23,
	};
}

static void take_general(const struct kvm_regs *g, uint64_t *out)
{
	const uint64_t v[HV_GPRS] = {g->rax, g->rbx, g->rcx, g->rdx, g->rsi, g->rdi, g->rsp, g->rbp, g->r8,
				     g->r9,  g->r10, g->r11, g->r12, g->r13, g->r14, g->r15, g->rip, g->rflags};

	for (unsigned i = 0; i < HV_GPRS; i++)
		out[i] = v[i];
}

static void take_special(const struct kvm_sregs *s, struct hv_registers *out)
{
	const struct kvm_segment *const segs[] = {&s->cs, &s->ds, &s->es, &s->fs, &s->gs, &s->ss, &s->ldt, &s->tr};

	for (unsigned i = 0; i <= HV_TR; i++)
		out->seg[i] = segment(segs[i]);
	out->seg[HV_GDT] = (struct hv_segment){.base = s->gdt.base, .limit = s->gdt.limit};
	out->seg[HV_IDT] = (struct hv_segment){.base = s->idt.base, .limit = s->idt.limit};
	out->sys[HV_CR0] = s->cr0;
	out->sys[HV_CR2] = s->cr2;
	out->sys[HV_CR3] = s->cr3;
	out->sys[HV_CR4] = s->cr4;
	out->sys[HV_CR8] = s->cr8;
	out->sys[HV_EFER] = s->efer;
}

int hv_vcpu_registers(struct hv_vcpu *v, struct hv_registers *out)
{
	struct kvm_regs g;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &g) || ioctl(v->fd, KVM_GET_SREGS, &s))
		return -errno;
	take_general(&g, out->gpr);
	take_special(&s, out);
	out->sys[HV_KERNEL_GS_BASE] = 0;
	hv_msr_get(v->fd, MSR_KERNEL_GS_BASE, &out->sys[HV_KERNEL_GS_BASE]);
	return 0;
}
