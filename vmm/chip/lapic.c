// SPDX-License-Identifier: Apache-2.0
// Interrupt acceptance and priorities, and the registers without time. The timer is in
// lapic_timer.c.
#include "vmm/chip/lapic.h"

#include <errno.h>
#include <string.h>

#include "vmm/chip/lapic_priv.h"

#define BASE_ADDRESS 0xfee00000ull

#define SVR_ENABLED 0x100u

#define VECTOR_MIN 16u // 0..15 are exceptions

const uint32_t lapic_lvt_writable[LAPIC_LVTS] = {
	[LAPIC_LVT_TIMER] = LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE,
	[LAPIC_LVT_THERMAL] = LVT_VECTOR | LVT_DELIVERY | LVT_MASKED,
	[LAPIC_LVT_PERF] = LVT_VECTOR | LVT_DELIVERY | LVT_MASKED,
	[LAPIC_LVT_LINT0] = LVT_VECTOR | LVT_DELIVERY | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
	[LAPIC_LVT_LINT1] = LVT_VECTOR | LVT_DELIVERY | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
	[LAPIC_LVT_ERROR] = LVT_VECTOR | LVT_MASKED,
};

static bool test_bit(const uint32_t *set, unsigned v)
{
	return set[v / 32] >> (v % 32) & 1;
}

static void set_bit(uint32_t *set, unsigned v, bool on)
{
	if (on)
		set[v / 32] |= 1u << (v % 32);
	else
		set[v / 32] &= ~(1u << (v % 32));
}

/* The highest vector of a set, or -1. */
static int highest(const uint32_t *set)
{
	for (int i = 7; i >= 0; i--)
		if (set[i])
			return i * 32 + 31 - __builtin_clz(set[i]);
	return -1;
}

void lapic_init(struct lapic *l)
{
	uint32_t id = l->id;
	uint64_t base = l->base, missed = l->missed;

	memset(l, 0, sizeof(*l));
	l->id = id;
	l->base = base;
	l->missed = missed;
	l->svr = 0xff;
	l->dfr = ~0u;
	l->expiry_ns = CHIP_NEVER;
	for (unsigned i = 0; i < LAPIC_LVTS; i++)
		l->lvt[i] = LVT_MASKED;
}

void lapic_reset(struct lapic *l, uint32_t id, bool bsp, bool x2apic)
{
	memset(l, 0, sizeof(*l));
	l->id = id;
	l->base = BASE_ADDRESS | APIC_BASE_ENABLE | (x2apic ? APIC_BASE_X2 : 0) | (bsp ? APIC_BASE_BSP : 0);
	lapic_init(l);
}

void lapic_virtual_wire(struct lapic *l)
{
	l->svr |= SVR_ENABLED;
	l->lvt[LAPIC_LVT_LINT0] = APIC_EXTINT << 8;
	l->lvt[LAPIC_LVT_LINT1] = APIC_NMI << 8;
}

bool lapic_owns_msr(uint32_t msr)
{
	return msr == MSR_APIC_BASE || msr == MSR_TSC_DEADLINE || (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST);
}

bool lapic_in_x2apic(const struct lapic *l)
{
	return (l->base & (APIC_BASE_ENABLE | APIC_BASE_X2)) == (APIC_BASE_ENABLE | APIC_BASE_X2);
}

bool lapic_on(const struct lapic *l)
{
	return l->base & APIC_BASE_ENABLE;
}

bool lapic_enabled(const struct lapic *l)
{
	return lapic_on(l) && (l->svr & SVR_ENABLED);
}

bool lapic_takes_intr(const struct lapic *l)
{
	uint32_t lvt = l->lvt[LAPIC_LVT_LINT0];

	return !lapic_on(l) || (!(lvt & LVT_MASKED) && (lvt >> 8 & 7) == APIC_EXTINT);
}

/* Processor priority: the higher of the task's and of the interrupt in service (SDM 10.8.3.1). */
static uint8_t priority(const struct lapic *l)
{
	int v = highest(l->isr);
	uint8_t in_service = v < 0 ? 0 : (uint8_t)v & 0xf0;

	return (l->tpr & 0xf0) >= in_service ? (uint8_t)l->tpr : in_service;
}

/* Its LVT entry tells the guest. ESR itself changes when the guest writes it. */
bool lapic_raise_error(struct lapic *l, uint32_t bit)
{
	uint32_t lvt = l->lvt[LAPIC_LVT_ERROR];

	l->esr_pending |= bit;
	if ((lvt & LVT_MASKED) || (lvt & LVT_VECTOR) < VECTOR_MIN)
		return false;
	return lapic_accept(l, (uint8_t)lvt, false);
}

bool lapic_accept(struct lapic *l, uint8_t vector, bool level)
{
	if (!lapic_enabled(l))
		return false;
	if (vector < VECTOR_MIN)
		return lapic_raise_error(l, ESR_RECEIVE_ILLEGAL);
	set_bit(l->irr, vector, true);
	set_bit(l->tmr, vector, level);
	return true;
}

int lapic_next(const struct lapic *l)
{
	int v = highest(l->irr);

	if (v < 0 || !lapic_enabled(l))
		return -1;
	return (v & 0xf0) > (priority(l) & 0xf0) ? v : -1;
}

void lapic_ack(struct lapic *l, uint8_t vector)
{
	set_bit(l->irr, vector, false);
	set_bit(l->isr, vector, true);
}

uint8_t lapic_cr8(const struct lapic *l)
{
	return (uint8_t)(l->tpr >> 4);
}

void lapic_set_cr8(struct lapic *l, uint8_t cr8)
{
	l->tpr = (uint32_t)(cr8 & 0xf) << 4;
}

void lapic_lvt_fire(struct lapic *l, enum lapic_lvt which, struct lapic_fx *fx)
{
	uint32_t lvt = l->lvt[which];

	fx->flags = 0;
	if (!lapic_on(l) && which == LAPIC_LVT_LINT1)
		fx->flags = LAPIC_FX_NMI;
	if (!lapic_on(l) || (lvt & LVT_MASKED))
		return;
	switch (lvt >> 8 & 7) {
	case APIC_FIXED:
		if (lapic_accept(l, (uint8_t)lvt, false))
			fx->flags |= LAPIC_FX_IRQ;
		break;
	case APIC_NMI:
		fx->flags |= LAPIC_FX_NMI;
		break;
	default: // SMI, INIT: nothing is wired to ask for them; ExtINT: lapic_takes_intr()
		break;
	}
	if (which == LAPIC_LVT_PERF) // SDM 10.5.1: the mask is set when the counter interrupt is taken
		l->lvt[which] |= LVT_MASKED;
}

static void end_of_interrupt(struct lapic *l, struct lapic_fx *fx)
{
	int v = highest(l->isr);

	if (v < 0)
		return;
	set_bit(l->isr, (unsigned)v, false);
	fx->flags |= LAPIC_FX_IRQ;
	if (test_bit(l->tmr, (unsigned)v)) {
		fx->flags |= LAPIC_FX_EOI;
		fx->vector = (uint8_t)v;
	}
}

void lapic_send(struct lapic *l, struct lapic_fx *fx)
{
	if (!(lapic_in_x2apic(l) ? icr_decode(l->icr, &fx->msg) : icr_decode_xapic(l->icr, &fx->msg)))
		return;
	if (fx->msg.delivery <= APIC_LOWEST && fx->msg.vector < VECTOR_MIN) {
		lapic_raise_error(l, ESR_SEND_ILLEGAL);
		fx->flags |= LAPIC_FX_IRQ;
		return;
	}
	fx->flags |= LAPIC_FX_ICR;
}

static int write_icr(struct lapic *l, uint64_t value, struct lapic_fx *fx)
{
	if (value & ICR_RESERVED)
		return -EINVAL;
	l->icr = value & ~ICR_BUSY;
	lapic_send(l, fx);
	return 0;
}

static int write_self_ipi(struct lapic *l, uint64_t value, struct lapic_fx *fx)
{
	if (value > 0xff)
		return -EINVAL;
	if (value < VECTOR_MIN)
		lapic_raise_error(l, ESR_SEND_ILLEGAL);
	else
		lapic_accept(l, (uint8_t)value, false);
	fx->flags |= LAPIC_FX_IRQ;
	return 0;
}

static int write_svr(struct lapic *l, uint64_t value, struct lapic_fx *fx)
{
	if (value & ~(uint64_t)LAPIC_SVR_WRITABLE)
		return -EINVAL;
	l->svr = (uint32_t)value;
	if (!(l->svr & SVR_ENABLED)) // SDM 10.4.7.2: all LVT masks are set while software-disabled
		for (unsigned i = 0; i < LAPIC_LVTS; i++)
			l->lvt[i] |= LVT_MASKED;
	fx->flags |= LAPIC_FX_IRQ | LAPIC_FX_TIMER;
	return 0;
}

static int write_lvt(struct lapic *l, unsigned which, uint64_t value, struct lapic_now now, struct lapic_fx *fx)
{
	uint32_t bits = (uint32_t)value;
	uint32_t known = lapic_lvt_writable[which] | LVT_BUSY;

	if (known & LVT_LEVEL)
		known |= LVT_REMOTE_IRR;
	if (value & ~(uint64_t)known)
		return -EINVAL;
	if (which == LAPIC_LVT_TIMER && (bits & LVT_TIMER_MODE) == LVT_TIMER_MODE)
		return -EINVAL; // the fourth timer mode does not exist
	bits &= lapic_lvt_writable[which];
	if (!(l->svr & SVR_ENABLED))
		bits |= LVT_MASKED;
	if (which == LAPIC_LVT_TIMER)
		lapic_timer_set_lvt(l, bits, now, fx);
	else
		l->lvt[which] = bits;
	return 0;
}

static int write_esr(struct lapic *l, uint64_t value)
{
	if (value)
		return -EINVAL;
	l->esr = l->esr_pending;
	l->esr_pending = 0;
	return 0;
}

/* Which changes of mode are legal: SDM 10.12.5, figure 10-27. */
static int write_base(struct lapic *l, uint64_t value, struct lapic_fx *fx)
{
	uint64_t modes = APIC_BASE_ENABLE | APIC_BASE_X2, from = l->base & modes, to = value & modes;

	if ((value & LAPIC_BASE_RESERVED) || to == APIC_BASE_X2)
		return -EINVAL;
	if ((from == modes && to == APIC_BASE_ENABLE) || (!from && to == modes))
		return -EINVAL;
	l->base = (value & ~APIC_BASE_BSP) | (l->base & APIC_BASE_BSP); // who booted is a fact
	if (!to)
		lapic_init(l);
	else if (from != modes && to == modes)
		l->icr = (uint32_t)l->icr; // SDM 10.12.5: the rest is kept
	fx->flags |= LAPIC_FX_IRQ | LAPIC_FX_TIMER;
	return 0;
}

static bool is_lvt(uint32_t reg)
{
	return reg >= REG_LVT && reg < REG_LVT + LAPIC_LVTS;
}

int lapic_register_read(const struct lapic *l, uint32_t reg, struct lapic_now now, uint64_t *value)
{
	if (reg >= REG_ISR && reg < REG_IRR + 8) {
		const uint32_t *set = reg >= REG_IRR ? l->irr : reg >= REG_TMR ? l->tmr : l->isr;

		*value = set[reg & 7];
		return 0;
	}
	if (is_lvt(reg)) {
		*value = l->lvt[reg - REG_LVT];
		return 0;
	}
	switch (reg) {
	case REG_ID:
		*value = l->id;
		return 0;
	case REG_VERSION:
		*value = LAPIC_VERSION;
		return 0;
	case REG_TPR:
		*value = l->tpr;
		return 0;
	case REG_PPR:
		*value = priority(l);
		return 0;
	case REG_LDR:
		*value = apic_logical_id(l->id);
		return 0;
	case REG_SVR:
		*value = l->svr;
		return 0;
	case REG_ESR:
		*value = l->esr;
		return 0;
	case REG_ICR:
		*value = l->icr;
		return 0;
	case REG_INITIAL:
		*value = l->initial;
		return 0;
	case REG_CURRENT:
		*value = lapic_timer_current(l, now.ns);
		return 0;
	case REG_DIVIDE:
		*value = l->divide;
		return 0;
	default: // write-only (EOI, SELF IPI), absent (CMCI, DFR, high half of ICR) or reserved
		return -EINVAL;
	}
}

int lapic_register_write(struct lapic *l, uint32_t reg, uint64_t value, struct lapic_now now, struct lapic_fx *fx)
{
	if (is_lvt(reg))
		return write_lvt(l, reg - REG_LVT, value, now, fx);
	switch (reg) {
	case REG_TPR:
		if (value > 0xff)
			return -EINVAL;
		l->tpr = (uint32_t)value;
		fx->flags |= LAPIC_FX_IRQ;
		return 0;
	case REG_EOI:
		if (value)
			return -EINVAL;
		end_of_interrupt(l, fx);
		return 0;
	case REG_SVR:
		return write_svr(l, value, fx);
	case REG_ESR:
		return write_esr(l, value);
	case REG_ICR:
		return write_icr(l, value, fx);
	case REG_INITIAL:
		if (value > UINT32_MAX)
			return -EINVAL;
		lapic_timer_set_initial(l, (uint32_t)value, now, fx);
		return 0;
	case REG_DIVIDE:
		if (value & ~(uint64_t)DIVIDE_WRITABLE)
			return -EINVAL;
		lapic_timer_set_divide(l, (uint32_t)value, now, fx);
		return 0;
	case REG_SELF_IPI:
		return write_self_ipi(l, value, fx);
	default: // read-only or reserved
		return -EINVAL;
	}
}

int lapic_read(const struct lapic *l, uint32_t msr, struct lapic_now now, uint64_t *value)
{
	if (msr == MSR_APIC_BASE) {
		*value = l->base;
		return 0;
	}
	if (msr == MSR_TSC_DEADLINE) {
		*value = lapic_timer_get_tsc(l);
		return 0;
	}
	if (!lapic_owns_msr(msr) || !lapic_in_x2apic(l))
		return -EINVAL;
	return lapic_register_read(l, msr - MSR_X2APIC_FIRST, now, value);
}

int lapic_write(struct lapic *l, uint32_t msr, uint64_t value, struct lapic_now now, struct lapic_fx *fx)
{
	fx->flags = 0;
	if (msr == MSR_APIC_BASE)
		return write_base(l, value, fx);
	if (msr == MSR_TSC_DEADLINE) {
		lapic_timer_set_tsc(l, value, now, fx);
		return 0;
	}
	if (!lapic_owns_msr(msr) || !lapic_in_x2apic(l))
		return -EINVAL;
	return lapic_register_write(l, msr - MSR_X2APIC_FIRST, value, now, fx);
}
