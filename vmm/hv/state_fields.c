// SPDX-License-Identifier: Apache-2.0
/* The wire form of a vCPU's state, version 1: docs/WIRE.md names the order. */
#include <stdio.h>

#include "vmm/hv/state.h"

#define STATE_VERSION 1u
#define VECTORS       256u
#define EXCEPTIONS    32u
#define MP_STATE_MAX  15u
#define XSAVE_MIN     576u // legacy area and header

static void check(struct fields *f, bool ok)
{
	if (!ok)
		f->bad = true;
}

static void segment(struct fields *f, struct hv_state_segment *s)
{
	FIELD(f, s->base);
	FIELD(f, s->limit);
	FIELD(f, s->selector);
	FIELD(f, s->type);
	FIELD(f, s->present);
	FIELD(f, s->dpl);
	FIELD(f, s->db);
	FIELD(f, s->s);
	FIELD(f, s->l);
	FIELD(f, s->g);
	FIELD(f, s->avl);
	FIELD(f, s->unusable);
	check(f, s->type <= 15 && s->dpl <= 3);
	check(f, (s->present | s->db | s->s | s->l | s->g | s->avl | s->unusable) <= 1);
}

static void registers(struct fields *f, struct hv_state *s)
{
	for (unsigned i = 0; i < 18; i++)
		FIELD(f, s->gpr[i]);
	for (unsigned i = 0; i < 8; i++)
		segment(f, &s->seg[i]);
	FIELD(f, s->gdt_base);
	FIELD(f, s->gdt_limit);
	FIELD(f, s->idt_base);
	FIELD(f, s->idt_limit);
	FIELD(f, s->cr0);
	FIELD(f, s->cr2);
	FIELD(f, s->cr3);
	FIELD(f, s->cr4);
	FIELD(f, s->cr8);
	FIELD(f, s->efer);
	FIELD(f, s->apic_base);
	FIELD(f, s->pdptrs_valid);
	for (unsigned i = 0; i < 4; i++)
		FIELD(f, s->pdptr[i]);
	for (unsigned i = 0; i < 4; i++)
		FIELD(f, s->db[i]);
	FIELD(f, s->dr6);
	FIELD(f, s->dr7);
	check(f, s->cr8 <= 15 && s->pdptrs_valid <= 1);
}

static void events(struct fields *f, struct hv_state *s)
{
	FIELD(f, s->exception_injected);
	FIELD(f, s->exception_nr);
	FIELD(f, s->exception_has_error);
	FIELD(f, s->exception_error);
	FIELD(f, s->interrupt_injected);
	FIELD(f, s->interrupt_nr);
	FIELD(f, s->interrupt_soft);
	FIELD(f, s->interrupt_shadow);
	FIELD(f, s->nmi_injected);
	FIELD(f, s->nmi_pending);
	FIELD(f, s->nmi_masked);
	FIELD(f, s->mp_state);
	check(f, (s->exception_injected | s->exception_has_error | s->interrupt_injected | s->interrupt_soft |
		  s->nmi_injected | s->nmi_pending | s->nmi_masked) <= 1);
	check(f, s->exception_nr < EXCEPTIONS && s->interrupt_shadow <= 3 && s->mp_state <= MP_STATE_MAX);
}

static void extended(struct fields *f, struct hv_state *s)
{
	FIELD(f, s->xcrs_n);
	check(f, s->xcrs_n <= HV_STATE_XCRS_MAX);
	for (unsigned i = 0; !f->bad && i < s->xcrs_n; i++) {
		FIELD(f, s->xcr[i].number);
		FIELD(f, s->xcr[i].value);
	}
	FIELD(f, s->xsave_n);
	check(f, s->xsave_n <= HV_STATE_XSAVE_MAX && (!s->xsave_n || s->xsave_n >= XSAVE_MIN));
	if (!f->bad)
		fields_bytes(f, s->xsave, s->xsave_n);
	FIELD(f, s->fpu_n);
	check(f, s->fpu_n <= sizeof(s->fpu) && !s->fpu_n == !!s->xsave_n);
	if (!f->bad)
		fields_bytes(f, s->fpu, s->fpu_n);
}

static void msrs(struct fields *f, struct hv_state *s)
{
	FIELD(f, s->msrs_n);
	check(f, s->msrs_n <= HV_STATE_MSRS_MAX);
	for (unsigned i = 0; !f->bad && i < s->msrs_n; i++) {
		FIELD(f, s->msr[i].index);
		FIELD(f, s->msr[i].value);
		check(f, !i || s->msr[i].index > s->msr[i - 1].index);
	}
}

void hv_state_fields(struct fields *f, struct hv_state *s)
{
	uint16_t version = STATE_VERSION;

	FIELD(f, version);
	check(f, version == STATE_VERSION);
	registers(f, s);
	events(f, s);
	extended(f, s);
	msrs(f, s);
}

static bool has_msr(const struct hv_state_traits *t, uint32_t msr)
{
	for (unsigned i = 0; i < t->msrs_n; i++)
		if (t->msr[i] == msr)
			return true;
	return false;
}

bool hv_state_fits(const struct hv_state *s, const struct hv_state_traits *t, char *why, size_t why_cap)
{
	if (s->xsave_n != t->xsave_bytes) {
		snprintf(why, why_cap, "its extended state has %u bytes, here it has %u", s->xsave_n, t->xsave_bytes);
		return false;
	}
	for (unsigned i = 0; i < s->msrs_n; i++)
		if (!has_msr(t, s->msr[i].index)) {
			snprintf(why, why_cap, "it has MSR %#x, which this KVM does not take", s->msr[i].index);
			return false;
		}
	return true;
}
