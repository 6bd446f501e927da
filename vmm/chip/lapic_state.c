// SPDX-License-Identifier: Apache-2.0
/* A local APIC as bytes, for a vCPU that goes on elsewhere. Times are guest times: they mean the same there. */
#include "vmm/chip/lapic_priv.h"

#define VECTORS_LEGAL 0xffff0000u // of the lowest word: vectors below 16 are exceptions

void lapic_fields(struct fields *f, struct lapic *l)
{
	FIELD(f, l->id);
	FIELD(f, l->base);
	FIELD(f, l->tpr);
	FIELD(f, l->svr);
	FIELD(f, l->esr);
	FIELD(f, l->esr_pending);
	FIELD(f, l->icr);
	for (unsigned i = 0; i < 8; i++) {
		FIELD(f, l->isr[i]);
		FIELD(f, l->irr[i]);
		FIELD(f, l->tmr[i]);
	}
	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		FIELD(f, l->lvt[i]);
	FIELD(f, l->ldr);
	FIELD(f, l->dfr);
	FIELD(f, l->divide);
	FIELD(f, l->initial);
	FIELD(f, l->expiry_ns);
	FIELD(f, l->tsc_deadline);
	FIELD(f, l->missed);
}

bool lapic_valid(const struct lapic *l, uint32_t id)
{
	uint32_t low = l->isr[0] | l->irr[0] | l->tmr[0];

	if (l->id != id || l->base & LAPIC_BASE_RESERVED ||
	    (l->base & (APIC_BASE_ENABLE | APIC_BASE_X2)) == APIC_BASE_X2)
		return false;
	if (l->tpr > 0xff || l->svr & ~(uint32_t)LAPIC_SVR_WRITABLE || l->divide & ~DIVIDE_WRITABLE ||
	    low & ~VECTORS_LEGAL)
		return false;
	if (l->ldr & ~XAPIC_LDR || (l->dfr & XAPIC_DFR_ONES) != XAPIC_DFR_ONES)
		return false;
	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		if (l->lvt[i] & ~lapic_lvt_writable[i])
			return false;
	/* A count runs only with an initial count behind it: a period of nothing would never end. */
	return (l->lvt[LAPIC_LVT_TIMER] & LVT_TIMER_MODE) != LVT_TIMER_MODE &&
	       (l->expiry_ns == CHIP_NEVER || l->initial);
}
