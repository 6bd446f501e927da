// SPDX-License-Identifier: Apache-2.0
/* A KVM vCPU's state, read and written. The order of writing matters: see hv_state_set(). */
#include "vmm/hv/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/hv/kvm_priv.h"

_Static_assert(sizeof(struct kvm_fpu) <= sizeof(((struct hv_state *)0)->fpu), "x87 and SSE state");
_Static_assert(sizeof(struct kvm_xsave) <= HV_STATE_XSAVE_MAX, "extended state");

#define SETTLE_MAX 64u // accesses that one instruction can still make

/* What a guest may have set. Which of them exist is tried. TSC, TSC_ADJUST, APIC_BASE and TSC_DEADLINE are ours. */
static const struct {
	uint32_t first, n;
} wanted[] = {
	{0x48, 1},                               // SPEC_CTRL
	{0xe1, 1},                               // UMWAIT_CONTROL
	{0x140, 1},                              // MISC_FEATURES_ENABLES
	{0x174, 3},                              // SYSENTER
	{0x17a, 2},                              // MCG_STATUS, MCG_CTL
	{0x1a0, 1},                              // MISC_ENABLE
	{0x1d9, 1},                              // DEBUGCTL
	{0x200, 16},                             // variable MTRRs
	{0x250, 1},                              // fixed MTRRs
	{0x258, 2},      {0x268, 8}, {0x277, 1}, // PAT
	{0x2ff, 1},                              // MTRRs' default type
	{0x400, 128},                            // machine check banks
	{0xda0, 1},                              // XSS
	{0xc0000081, 4},                         // STAR, LSTAR, CSTAR, SFMASK
	{0xc0000102, 2},                         // KERNEL_GS_BASE, TSC_AUX
	{0xc0010015, 1},                         // HWCR
	{0xc001011f, 1},                         // VIRT_SPEC_CTRL
	{0xc0011029, 1},                         // DE_CFG
};

static uint32_t xsave_bytes(const struct hv *hv, int fd)
{
	int n = ioctl(hv->vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	struct kvm_xsave *x = calloc(1, sizeof(*x));
	bool has = x && ioctl(fd, KVM_GET_XSAVE, x) == 0;

	free(x);
	if (!has)
		return 0;
	return n > (int)sizeof(struct kvm_xsave) ? (uint32_t)n : (uint32_t)sizeof(struct kvm_xsave);
}

int hv_state_traits(struct hv_vcpu *v, const struct hv *hv, struct hv_state_traits *out)
{
	memset(out, 0, sizeof(*out));
	out->xsave_bytes = xsave_bytes(hv, v->fd);
	if (out->xsave_bytes > HV_STATE_XSAVE_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		for (uint32_t k = 0; k < wanted[i].n && out->msrs_n < HV_STATE_MSRS_MAX; k++) {
			uint32_t msr = wanted[i].first + k;
			uint64_t value;

			if (hv_msr_get(v->fd, msr, &value) && hv_msr_set(v->fd, msr, value) == 0)
				out->msr[out->msrs_n++] = msr;
		}
	return 0;
}

/* ---- reading ---- */

static struct hv_state_segment from_segment(const struct kvm_segment *s)
{
	return (struct hv_state_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->type,
		.present = s->present,
		.dpl = s->dpl,
		.db = s->db,
		.s = s->s,
		.l = s->l,
		.g = s->g,
		.avl = s->avl,
		.unusable = s->unusable,
	};
}

static struct kvm_segment to_segment(const struct hv_state_segment *s)
{
	return (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->type,
		.present = s->present,
		.dpl = s->dpl,
		.db = s->db,
		.s = s->s,
		.l = s->l,
		.g = s->g,
		.avl = s->avl,
		.unusable = s->unusable,
	};
}

static int get_regs(int fd, struct hv_state *s)
{
	struct kvm_regs g;

	if (ioctl(fd, KVM_GET_REGS, &g))
		return -errno;
	const uint64_t v[18] = {g.rax, g.rbx, g.rcx, g.rdx, g.rsi, g.rdi, g.rsp, g.rbp, g.r8,
				g.r9,  g.r10, g.r11, g.r12, g.r13, g.r14, g.r15, g.rip, g.rflags};

	memcpy(s->gpr, v, sizeof(v));
	return 0;
}

static int set_regs(int fd, const struct hv_state *s)
{
	const uint64_t *v = s->gpr;
	struct kvm_regs g = {.rax = v[0],
			     .rbx = v[1],
			     .rcx = v[2],
			     .rdx = v[3],
			     .rsi = v[4],
			     .rdi = v[5],
			     .rsp = v[6],
			     .rbp = v[7],
			     .r8 = v[8],
			     .r9 = v[9],
			     .r10 = v[10],
			     .r11 = v[11],
			     .r12 = v[12],
			     .r13 = v[13],
			     .r14 = v[14],
			     .r15 = v[15],
			     .rip = v[16],
			     .rflags = v[17]};

	return ioctl(fd, KVM_SET_REGS, &g) ? -errno : 0;
}

/* The two structures of KVM begin alike; only the newer one has the PDPTRs, without which they are read from memory. */
static int get_sregs(int fd, struct hv_state *s)
{
	struct kvm_sregs2 n;
	struct kvm_sregs o;
	bool newer = ioctl(fd, KVM_GET_SREGS2, &n) == 0;

	if (ioctl(fd, KVM_GET_SREGS, &o))
		return -errno;
	const struct kvm_segment *seg[8] = {&o.cs, &o.ds, &o.es, &o.fs, &o.gs, &o.ss, &o.tr, &o.ldt};

	for (unsigned i = 0; i < 8; i++)
		s->seg[i] = from_segment(seg[i]);
	s->gdt_base = o.gdt.base;
	s->gdt_limit = o.gdt.limit;
	s->idt_base = o.idt.base;
	s->idt_limit = o.idt.limit;
	s->cr0 = o.cr0;
	s->cr2 = o.cr2;
	s->cr3 = o.cr3;
	s->cr4 = o.cr4;
	s->cr8 = o.cr8;
	s->efer = o.efer;
	s->apic_base = o.apic_base;
	s->pdptrs_valid = newer && (n.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID);
	for (unsigned i = 0; i < 4; i++)
		s->pdptr[i] = s->pdptrs_valid ? n.pdptrs[i] : 0;
	return 0;
}

#define FILL_SREGS(to, s)                                                                           \
	do {                                                                                        \
		struct kvm_segment *const seg_[8] = {&(to).cs, &(to).ds, &(to).es, &(to).fs,        \
						     &(to).gs, &(to).ss, &(to).tr, &(to).ldt};      \
		for (unsigned i_ = 0; i_ < 8; i_++)                                                 \
			*seg_[i_] = to_segment(&(s)->seg[i_]);                                      \
		(to).gdt.base = (s)->gdt_base, (to).gdt.limit = (s)->gdt_limit;                     \
		(to).idt.base = (s)->idt_base, (to).idt.limit = (s)->idt_limit;                     \
		(to).cr0 = (s)->cr0, (to).cr2 = (s)->cr2, (to).cr3 = (s)->cr3, (to).cr4 = (s)->cr4; \
		(to).cr8 = (s)->cr8, (to).efer = (s)->efer, (to).apic_base = (s)->apic_base;        \
	} while (0)

static int set_sregs(int fd, const struct hv_state *s)
{
	struct kvm_sregs2 n = {0};
	struct kvm_sregs o = {0};

	if (s->pdptrs_valid) {
		FILL_SREGS(n, s);
		n.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
		for (unsigned i = 0; i < 4; i++)
			n.pdptrs[i] = s->pdptr[i];
		if (ioctl(fd, KVM_SET_SREGS2, &n) == 0)
			return 0;
	}
	FILL_SREGS(o, s);
	return ioctl(fd, KVM_SET_SREGS, &o) ? -errno : 0;
}

static int get_debug(int fd, struct hv_state *s)
{
	struct kvm_debugregs d;

	if (ioctl(fd, KVM_GET_DEBUGREGS, &d))
		return -errno;
	for (unsigned i = 0; i < 4; i++)
		s->db[i] = d.db[i];
	s->dr6 = d.dr6;
	s->dr7 = d.dr7;
	return 0;
}

static int set_debug(int fd, const struct hv_state *s)
{
	struct kvm_debugregs d = {.dr6 = s->dr6, .dr7 = s->dr7};

	for (unsigned i = 0; i < 4; i++)
		d.db[i] = s->db[i];
	return ioctl(fd, KVM_SET_DEBUGREGS, &d) ? -errno : 0;
}

static int get_events(int fd, struct hv_state *s)
{
	struct kvm_vcpu_events e;
	struct kvm_mp_state mp;

	if (ioctl(fd, KVM_GET_VCPU_EVENTS, &e) || ioctl(fd, KVM_GET_MP_STATE, &mp))
		return -errno;
	s->exception_injected = !!e.exception.injected;
	s->exception_nr = e.exception.nr & 31;
	s->exception_has_error = !!e.exception.has_error_code;
	s->exception_error = e.exception.error_code;
	s->interrupt_injected = !!e.interrupt.injected;
	s->interrupt_nr = e.interrupt.nr;
	s->interrupt_soft = !!e.interrupt.soft;
	s->interrupt_shadow = e.interrupt.shadow & 3;
	s->nmi_injected = !!e.nmi.injected;
	s->nmi_pending = !!e.nmi.pending;
	s->nmi_masked = !!e.nmi.masked;
	s->mp_state = mp.mp_state;
	return 0;
}

static int set_events(int fd, const struct hv_state *s)
{
	struct kvm_vcpu_events e = {.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW}, old;
	struct kvm_mp_state mp = {.mp_state = s->mp_state}, now;

	/* A triple fault that waited when the vCPU left from here has been had where it went: its cause went with it.
	 */
	if (ioctl(fd, KVM_GET_VCPU_EVENTS, &old))
		return -errno;
	e.flags |= old.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	e.exception.injected = s->exception_injected;
	e.exception.nr = s->exception_nr;
	e.exception.has_error_code = s->exception_has_error;
	e.exception.error_code = s->exception_error;
	e.interrupt.injected = s->interrupt_injected;
	e.interrupt.nr = s->interrupt_nr;
	e.interrupt.soft = s->interrupt_soft;
	e.interrupt.shadow = s->interrupt_shadow;
	e.nmi.injected = s->nmi_injected;
	e.nmi.pending = s->nmi_pending;
	e.nmi.masked = s->nmi_masked;
	if (ioctl(fd, KVM_SET_VCPU_EVENTS, &e) || ioctl(fd, KVM_GET_MP_STATE, &now))
		return -errno;
	if (now.mp_state != mp.mp_state && ioctl(fd, KVM_SET_MP_STATE, &mp))
		return -errno;
	return 0;
}

static int get_extended(int fd, const struct hv_state_traits *t, struct hv_state *s)
{
	struct kvm_xcrs x = {0};

	s->xcrs_n = 0;
	if (ioctl(fd, KVM_GET_XCRS, &x) == 0)
		for (unsigned i = 0; i < x.nr_xcrs && i < HV_STATE_XCRS_MAX; i++) {
			s->xcr[i].number = x.xcrs[i].xcr;
			s->xcr[i].value = x.xcrs[i].value;
			s->xcrs_n++;
		}
	s->xsave_n = t->xsave_bytes;
	s->fpu_n = 0;
	if (!s->xsave_n) {
		s->fpu_n = sizeof(struct kvm_fpu);
		return ioctl(fd, KVM_GET_FPU, s->fpu) ? -errno : 0;
	}
	return ioctl(fd, s->xsave_n > sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, s->xsave) ? -errno : 0;
}

static int set_extended(int fd, const struct hv_state *s)
{
	struct kvm_xcrs x = {.nr_xcrs = s->xcrs_n};

	for (unsigned i = 0; i < s->xcrs_n; i++) {
		x.xcrs[i].xcr = s->xcr[i].number;
		x.xcrs[i].value = s->xcr[i].value;
	}
	if (s->xcrs_n && ioctl(fd, KVM_SET_XCRS, &x))
		return -errno;
	if (s->xsave_n)
		return ioctl(fd, KVM_SET_XSAVE, s->xsave) ? -errno : 0;
	return s->fpu_n == sizeof(struct kvm_fpu) && ioctl(fd, KVM_SET_FPU, s->fpu) == 0 ? 0 : -EINVAL;
}

/* All MSRs in one call each way: KVM stops at the first that it does not like, and says how many it has done. */
static int move_msrs(int fd, bool write, struct hv_state *s, uint32_t *refused)
{
	struct kvm_msrs *m = calloc(1, sizeof(*m) + s->msrs_n * sizeof(struct kvm_msr_entry));

	if (!m)
		return -ENOMEM;
	m->nmsrs = s->msrs_n;
	for (unsigned i = 0; i < s->msrs_n; i++)
		m->entries[i] = (struct kvm_msr_entry){.index = s->msr[i].index, .data = s->msr[i].value};
	int n = ioctl(fd, write ? KVM_SET_MSRS : KVM_GET_MSRS, m), r = n < 0 ? -errno : 0;

	for (int i = 0; !write && i < n; i++)
		s->msr[i].value = m->entries[i].data;
	if (!r && (unsigned)n < s->msrs_n) {
		*refused = s->msr[n].index;
		r = -EINVAL;
	}
	free(m);
	return r;
}

static int refuse(char *why, size_t cap, int r, const char *verb, const char *what)
{
	return refuse_with(why, cap, r, "KVM does not %s the vCPU's %s: %s", verb, what, strerror(-r));
}

/*
 * Only after KVM_RUN has been called again is an access finished and the state whole (Documentation/virt/kvm/api.rst,
 * "KVM_EXIT_IO"). immediate_exit lets it return before the next instruction; a string instruction may have more of its
 * accesses to make.
 */
static int settle(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx)
{
	for (unsigned i = 0; i < SETTLE_MAX; i++) {
		v->run->immediate_exit = 1;
		int r = ioctl(v->fd, KVM_RUN, 0), err = errno;

		v->run->immediate_exit = 0;
		if (r < 0)
			return err == EINTR || err == EAGAIN ? 0 : -err;
		if (!h)
			return -EIO;
		r = hv_vcpu_dispatch(v, h, ctx);
		if (r)
			return r;
	}
	return -ELOOP;
}

int hv_state_get(struct hv_vcpu *v, const struct hv_state_traits *t, const struct hv_handlers *h, void *ctx,
		 struct hv_state *out, char *why, size_t why_cap)
{
	uint32_t msr = 0;
	int r = settle(v, h, ctx);

	if (r)
		return r == HV_STOP ? r : refuse(why, why_cap, r, "complete", "last access");
	r = get_regs(v->fd, out);
	if (r)
		return refuse(why, why_cap, r, "give", "registers");
	r = get_sregs(v->fd, out);
	if (r)
		return refuse(why, why_cap, r, "give", "special registers");
	r = get_debug(v->fd, out);
	if (r)
		return refuse(why, why_cap, r, "give", "debug registers");
	r = get_events(v->fd, out);
	if (r)
		return refuse(why, why_cap, r, "give", "pending events");
	r = get_extended(v->fd, t, out);
	if (r)
		return refuse(why, why_cap, r, "give", "extended state");
	out->msrs_n = t->msrs_n;
	for (unsigned i = 0; i < t->msrs_n; i++)
		out->msr[i].index = t->msr[i];
	r = move_msrs(v->fd, false, out, &msr);
	if (r)
		return refuse_with(why, why_cap, r, "KVM does not give the vCPU's MSR %#x", msr);
	return 0;
}

/*
 * XCRs before the extended state and the special registers before the MSRs, as they are checked against each other;
 * events after the special registers, which carry an interrupt too.
 */
int hv_state_set(struct hv_vcpu *v, const struct hv_state *s, char *why, size_t why_cap)
{
	uint32_t msr = 0;
	int r = set_regs(v->fd, s);

	if (r)
		return refuse(why, why_cap, r, "take", "registers");
	r = set_extended(v->fd, s);
	if (r)
		return refuse(why, why_cap, r, "take", "extended state");
	r = set_sregs(v->fd, s);
	if (r)
		return refuse(why, why_cap, r, "take", "special registers");
	r = move_msrs(v->fd, true, (struct hv_state *)s, &msr); // read only, this way round
	if (r)
		return refuse_with(why, why_cap, r, "KVM does not take the vCPU's MSR %#x", msr);
	r = set_events(v->fd, s);
	if (r)
		return refuse(why, why_cap, r, "take", "pending events");
	r = set_debug(v->fd, s);
	if (r)
		return refuse(why, why_cap, r, "take", "debug registers");
	/* What the vCPU's shared page says of injection and flags is of its last exit here. */
	v->run->cr8 = s->cr8;
	v->run->request_interrupt_window = 0;
	r = settle(v, NULL, NULL);
	return r ? refuse(why, why_cap, r, "resume", "state") : 0;
}
