// SPDX-License-Identifier: Apache-2.0
/*
 * A VM of one page that runs two instructions. It shows that this processor really virtualises, and
 * two facts that no capability tells: whether a TSC offset has an effect, and whether KVM emulates
 * the guest's kernel mode (then its gaps must not be offered in CPUID).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/hv/kvm_priv.h"

#define PAGE_GPA    0x1000u
#define XSETBV_AT   10u // offset of the last program
#define XCR0_SSE    3u  // x87 and SSE
#define CR4_OSXSAVE (1u << 18)
#define NEAR_TSC    (1ull << 36) // far less than any TSC we pretend, far more than the test takes

struct probe {
	int vm, vcpu;
	uint8_t *page;
	struct kvm_run *run;
};

/* 16-bit real mode: three programs that end in HLT. The emulator has no crc32. */
static const uint8_t code[] = {
	0x0f, 0x31, 0xf4,                                         // rdtsc
	0x66, 0xf2, 0x0f,     0x38, 0xf1, 0xc0, 0xf4,             // crc32 eax, eax
	0x66, 0xb8, XCR0_SSE, 0,    0,    0,    0x66, 0x31, 0xc9, // mov eax, 3; xor ecx, ecx
	0x66, 0x31, 0xd2,     0x0f, 0x01, 0xd1, 0xf4,             // xor edx, edx; xsetbv
};

static bool has_xsave(const struct hv *hv)
{
	const struct cpuid_entry *e = cpuid_find(&hv->supported, 1, 0);

	return e && e->ecx & 1u << 26;
}

static int set_up(struct hv *hv, struct probe *p)
{
	struct kvm_userspace_memory_region m = {.guest_phys_addr = PAGE_GPA, .memory_size = 4096};
	struct kvm_sregs s;
	struct kvm_regs g = {.rip = PAGE_GPA, .rflags = 2};

	p->vm = hv_new_vm(hv);
	if (p->vm < 0)
		return p->vm;
	p->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->page == MAP_FAILED)
		return -errno;
	memcpy(p->page, code, sizeof(code));
	m.userspace_addr = (uint64_t)(uintptr_t)p->page;
	if (ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &m))
		return -errno;
	p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
	if (p->vcpu < 0)
		return -errno;
	p->run = mmap(NULL, hv->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
	if (p->run == MAP_FAILED || ioctl(p->vcpu, KVM_GET_SREGS, &s))
		return -errno;
	s.cs.base = s.cs.selector = 0;
	if (hv_set_cpuid(p->vcpu, &hv->supported) == 0 && has_xsave(hv))
		s.cr4 |= CR4_OSXSAVE;
	if (ioctl(p->vcpu, KVM_SET_SREGS, &s) || ioctl(p->vcpu, KVM_SET_REGS, &g))
		return -errno;
	return 0;
}

static void tear_down(struct hv *hv, struct probe *p)
{
	if (p->run != MAP_FAILED)
		munmap(p->run, hv->run_bytes);
	if (p->vcpu >= 0)
		close(p->vcpu);
	if (p->vm >= 0)
		close(p->vm);
	if (p->page != MAP_FAILED)
		munmap(p->page, 4096);
}

/* Returns the exit reason, or a negative errno. */
static int run_on(struct probe *p)
{
	int r;

	do
		r = ioctl(p->vcpu, KVM_RUN, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : (int)p->run->exit_reason;
}

static bool xsetbv_is_seen(struct probe *p)
{
	struct kvm_regs g = {.rip = PAGE_GPA + XSETBV_AT, .rflags = 2};
	struct kvm_xcrs x = {0};

	return !ioctl(p->vcpu, KVM_SET_REGS, &g) && run_on(p) == KVM_EXIT_HLT && !ioctl(p->vcpu, KVM_GET_XCRS, &x) &&
	       x.nr_xcrs && x.xcrs[0].value == XCR0_SSE;
}

static int measure(struct hv *hv, struct probe *p)
{
	const int64_t offset = (int64_t)(0 - __rdtsc()) + (1ll << 50);
	struct kvm_regs g;
	int set = hv_set_tsc_offset(p->vcpu, offset);
	int r = run_on(p);

	if (r != KVM_EXIT_HLT)
		return r < 0 ? r : -EIO;
	if (ioctl(p->vcpu, KVM_GET_REGS, &g))
		return -errno;
	uint64_t seen = (g.rdx & 0xffffffff) << 32 | (g.rax & 0xffffffff);

	hv->emulated = run_on(p) != KVM_EXIT_HLT;
	hv->xsave = has_xsave(hv) && xsetbv_is_seen(p);
	/* Such a KVM applies the offset to what it emulates and not to what runs natively. */
	hv->tsc_offset = !set && !hv->emulated && seen - (1ull << 50) < NEAR_TSC;
	return 0;
}

int hv_probe(struct hv *hv, char *why, size_t why_cap)
{
	struct probe p = {.vm = -1, .vcpu = -1, .page = MAP_FAILED, .run = MAP_FAILED};
	int r = set_up(hv, &p);

	if (r)
		refuse_with(why, why_cap, r,
			    "KVM makes no vCPU: %s (is nested virtualisation on, and no other "
			    "hypervisor running?)",
			    strerror(-r));
	else if ((r = measure(hv, &p)))
		refuse_with(why, why_cap, r, "KVM does not run a test program: %s (exit %u)", strerror(-r),
			    p.run->exit_reason);
	tear_down(hv, &p);
	return r;
}
