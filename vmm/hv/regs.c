// SPDX-License-Identifier: Apache-2.0
/* Making a vCPU, and the states it starts from. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/hv/kvm_priv.h"
#include "vmm/hv/vcpu.h"

#define CR0_PE   1u
#define CR0_ET   (1u << 4)
#define CR0_NE   (1u << 5)
#define CR0_CD   (1u << 30)
#define CR0_NW   (1u << 29)
#define CR0_PG   (1u << 31)
#define CR4_PAE  (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define SEL_CODE 0x10 // __BOOT_CS and __BOOT_DS of the Linux boot protocol
#define SEL_DATA 0x18

#define RESET_RIP     0xfff0u
#define RESET_CS_BASE 0xffff0000u

#define MSR_MTRR_DEF_TYPE 0x2ffu
#define MSR_MISC_ENABLE   0x1a0u
#define MSR_HWCR          0xc0010015u
#define MSR_APIC_BASE     0x1bu

int hv_set_cpuid(int fd, const struct cpuid_table *t)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + t->n * sizeof(struct kvm_cpuid_entry2));

	if (!c)
		return -ENOMEM;
	c->nent = t->n;
	for (unsigned i = 0; i < t->n; i++) {
		const struct cpuid_entry *e = &t->e[i];

		c->entries[i] = (struct kvm_cpuid_entry2){
			.function = e->function,
			.index = e->index,
			.flags = e->indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = e->eax,
			.ebx = e->ebx,
			.ecx = e->ecx,
			.edx = e->edx,
		};
	}
	int r = ioctl(fd, KVM_SET_CPUID2, c) ? -errno : 0;

	free(c);
	return r;
}

/* What firmware leaves behind. Not every KVM takes each of them, and none is essential. */
static void set_start_msrs(int fd, bool amd)
{
	static const struct kvm_msr_entry values[] = {
		{.index = MSR_MTRR_DEF_TYPE, .data = 0x806}, // MTRRs on, memory is write-back
		{.index = MSR_MISC_ENABLE, .data = 1},       // fast strings
	};

	for (unsigned i = 0; i < sizeof(values) / sizeof(*values); i++)
		hv_msr_set(fd, values[i].index, values[i].data);
	if (amd)
		hv_msr_set(fd, MSR_HWCR, 1 << 24); // the TSC counts at the P0 frequency
}

int hv_vcpu_open(struct hv_vcpu *v, const struct hv *hv, unsigned index, const struct cpuid_table *cpuid, char *why,
		 size_t why_cap)
{
	memset(v, 0, sizeof(*v));
	v->run_bytes = hv->run_bytes;
	v->run = MAP_FAILED;
	v->fd = ioctl(hv->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	int r = v->fd < 0 ? -errno : 0;

	if (r)
		return refuse_with(why, why_cap, r, "KVM makes no vCPU number %u: %s", index, strerror(-r));
	v->run = mmap(NULL, v->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	v->reset_state = malloc(sizeof(struct kvm_sregs));
	if (v->run == MAP_FAILED || !v->reset_state)
		r = -ENOMEM;
	else if (ioctl(v->fd, KVM_GET_SREGS, v->reset_state))
		r = -errno;
	else
		r = hv_set_cpuid(v->fd, cpuid);
	if (r) {
		refuse_with(why, why_cap, r, "KVM does not set up vCPU %u: %s", index, strerror(-r));
		hv_vcpu_close(v, v->run_bytes);
		return r;
	}
	set_start_msrs(v->fd, cpuid_is_amd(cpuid));
	r = hv_vcpu_keep_power_on(v, hv);
	if (r)
		hv_vcpu_close(v, v->run_bytes);
	return r;
}

void hv_vcpu_close(struct hv_vcpu *v, size_t run_bytes)
{
	if (v->run != MAP_FAILED && v->run)
		munmap(v->run, run_bytes);
	free(v->reset_state);
	free(v->power_on);
	if (v->fd >= 0)
		close(v->fd);
	v->run = NULL;
	v->reset_state = v->power_on = NULL;
	v->fd = -1;
}

int hv_vcpu_set_tsc_offset(struct hv_vcpu *v, int64_t offset)
{
	return hv_set_tsc_offset(v->fd, offset);
}

int hv_vcpu_set_apic_base(struct hv_vcpu *v, uint64_t apic_base)
{
	return hv_msr_set(v->fd, MSR_APIC_BASE, apic_base);
}

/* A device or MSR access that user space has just answered must be finished before registers are
 * replaced. */
static void complete_access(struct hv_vcpu *v)
{
	v->run->immediate_exit = 1;
	ioctl(v->fd, KVM_RUN, 0);
	v->run->immediate_exit = 0;
}

int hv_vcpu_set_init(struct hv_vcpu *v, uint64_t apic_base)
{
	struct kvm_sregs s = *(struct kvm_sregs *)v->reset_state;
	struct kvm_regs g = {.rip = RESET_RIP, .rflags = 2, .rdx = 0x600};
	struct kvm_vcpu_events ev;
	struct kvm_debugregs d = {.dr6 = 0xffff0ff0, .dr7 = 0x400};

	complete_access(v);
	s.apic_base = apic_base;
	if (ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ev))
		return -errno;
	memset(&ev.exception, 0, sizeof(ev.exception));
	memset(&ev.interrupt, 0, sizeof(ev.interrupt));
	memset(&ev.nmi, 0, sizeof(ev.nmi));
	/* A kick may have been before a triple fault of the life that is over: nobody has heard of it, nor shall. */
	ev.triple_fault.pending = 0;
	ev.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | (ev.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	if (ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev) || ioctl(v->fd, KVM_SET_SREGS, &s) ||
	    ioctl(v->fd, KVM_SET_REGS, &g) || ioctl(v->fd, KVM_SET_DEBUGREGS, &d))
		return -errno;
	return 0;
}

int hv_vcpu_set_sipi(struct hv_vcpu *v, uint8_t vector)
{
	struct kvm_sregs s;
	struct kvm_regs g;

	if (ioctl(v->fd, KVM_GET_SREGS, &s) || ioctl(v->fd, KVM_GET_REGS, &g))
		return -errno;
	s.cs.selector = (uint16_t)(vector << 8);
	s.cs.base = (uint64_t)vector << 12;
	g.rip = 0;
	return ioctl(v->fd, KVM_SET_SREGS, &s) || ioctl(v->fd, KVM_SET_REGS, &g) ? -errno : 0;
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool code64)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = !code64,
		.s = 1,
		.l = code64,
		.g = 1,
	};
}

/* Protected mode with flat segments; what they have in common. */
static int set_flat(struct hv_vcpu *v, struct kvm_sregs *s, const struct kvm_regs *g, bool code64)
{
	struct kvm_sregs now;

	if (ioctl(v->fd, KVM_GET_SREGS, &now))
		return -errno;
	s->apic_base = now.apic_base;
	s->cs = flat(SEL_CODE, 0xb, code64);
	s->ds = s->es = s->ss = s->fs = s->gs = flat(SEL_DATA, 0x3, false);
	s->idt.base = s->idt.limit = 0;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | (code64 ? CR0_PG : 0);
	return ioctl(v->fd, KVM_SET_SREGS, s) || ioctl(v->fd, KVM_SET_REGS, g) ? -errno : 0;
}

int hv_vcpu_set_linux64(struct hv_vcpu *v, const struct hv_linux64 *b)
{
	struct kvm_sregs s = *(struct kvm_sregs *)v->reset_state;
	struct kvm_regs g = {.rip = b->entry, .rsi = b->boot_params, .rflags = 2};

	s.gdt.base = b->gdt_base;
	s.gdt.limit = b->gdt_limit;
	s.cr3 = b->cr3;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	return set_flat(v, &s, &g, true);
}

int hv_vcpu_set_flat32(struct hv_vcpu *v, const struct hv_flat32 *b)
{
	struct kvm_sregs s = *(struct kvm_sregs *)v->reset_state;
	struct kvm_regs g = {.rip = b->entry, .rax = b->eax, .rbx = b->ebx, .rflags = 2};

	s.gdt.base = b->gdt_base;
	s.gdt.limit = b->gdt_limit;
	return set_flat(v, &s, &g, false);
}

void hv_vcpu_describe(struct hv_vcpu *v, char *buf, size_t cap)
{
	struct kvm_regs g;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &g) || ioctl(v->fd, KVM_GET_SREGS, &s)) {
		snprintf(buf, cap, "registers cannot be read");
		return;
	}
	if (g.rip == RESET_RIP && s.cs.base == RESET_CS_BASE) { // on AMD KVM itself resets a vCPU that shuts down
		snprintf(buf, cap, "RIP %#x CS %#x: as after a reset, its registers are lost", RESET_RIP,
			 s.cs.selector);
		return;
	}
	snprintf(buf, cap,
		 "RIP %#llx CS %#x RSP %#llx RFLAGS %#llx CR0 %#llx CR2 %#llx CR3 %#llx CR4 %#llx "
		 "EFER %#llx",
		 g.rip, s.cs.selector, g.rsp, g.rflags, s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
}
