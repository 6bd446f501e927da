// SPDX-License-Identifier: Apache-2.0
/* The registers of xAPIC mode: a page of memory (SDM vol. 3, 10.4.1, table 10-1), and logical ids (10.6.2.2). */
#include "vmm/chip/lapic_priv.h"

#define PAGE_MASK     0xfffull
#define ID_SHIFT      24
#define CLUSTER_MODEL 0u // of DFR bits 31:28; all ones is the flat one

enum { ABSENT, READ = 1, WRITE = 2, BOTH = READ | WRITE };

/* What exists; the rest is an illegal register. The arbitration priority and remote read registers went with the
 * Pentium 4, the CMCI entry is not offered by the version register, SELF IPI is x2APIC's. */
static const uint8_t registers[REGS] = {
	[REG_ID] = READ, // whether it can be written depends on the model: it can not
	[REG_VERSION] = READ, [REG_TPR] = BOTH,     [REG_PPR] = READ,      [REG_EOI] = WRITE,
	[REG_LDR] = BOTH,     [REG_DFR] = BOTH,     [REG_SVR] = BOTH,      [REG_ISR... REG_IRR + 7] = READ,
	[REG_ESR] = BOTH,     [REG_ICR] = BOTH,     [REG_ICR_HIGH] = BOTH, [REG_LVT... REG_LVT + LAPIC_LVTS - 1] = BOTH,
	[REG_INITIAL] = BOTH, [REG_CURRENT] = READ, [REG_DIVIDE] = BOTH,
};

bool lapic_in_page(const struct lapic *l, uint64_t addr)
{
	return !((addr ^ l->base) & ~PAGE_MASK) && lapic_on(l) && !lapic_in_x2apic(l);
}

static bool is_there(struct lapic *l, unsigned reg, struct lapic_fx *fx)
{
	fx->flags = 0;
	if (reg < REGS && registers[reg])
		return true;
	if (lapic_raise_error(l, ESR_ILLEGAL_REGISTER))
		fx->flags = LAPIC_FX_IRQ;
	return false;
}

static uint32_t read_one(const struct lapic *l, unsigned reg, struct lapic_now now)
{
	uint64_t value = 0;

	switch (reg) {
	case REG_ID:
		return l->id << ID_SHIFT;
	case REG_LDR:
		return l->ldr;
	case REG_DFR:
		return l->dfr;
	case REG_ICR_HIGH:
		return (uint32_t)(l->icr >> 32);
	default:
		lapic_register_read(l, reg, now, &value); // EOI can't be read: 0
		return (uint32_t)value;
	}
}

uint64_t lapic_page_read(struct lapic *l, uint32_t offset, struct lapic_now now, struct lapic_fx *fx)
{
	unsigned at = offset & 15;

	if (!is_there(l, offset >> 4, fx) || at > 3)
		return 0;
	return read_one(l, offset >> 4, now) >> 8 * at;
}

/* Bits that the registers of x2APIC mode would refuse. */
static uint32_t known_bits(unsigned reg, uint32_t value)
{
	switch (reg) {
	case REG_TPR:
		return value & 0xff;
	case REG_EOI:
	case REG_ESR:
		return 0; // any value does it
	case REG_SVR:
		return value & LAPIC_SVR_WRITABLE;
	case REG_DIVIDE:
		return value & DIVIDE_WRITABLE;
	case REG_INITIAL:
		return value;
	default: // the local vector table; a timer mode that does not exist is none
		value &= lapic_lvt_writable[reg - REG_LVT];
		return (value & LVT_TIMER_MODE) == LVT_TIMER_MODE ? value & ~LVT_TIMER_MODE : value;
	}
}

static void write_one(struct lapic *l, unsigned reg, uint32_t value, struct lapic_now now, struct lapic_fx *fx)
{
	switch (reg) {
	case REG_LDR:
		l->ldr = value & XAPIC_LDR;
		break;
	case REG_DFR:
		l->dfr = value | XAPIC_DFR_ONES;
		break;
	case REG_ICR_HIGH:
		l->icr = (uint64_t)(value & XAPIC_LDR) << 32 | (uint32_t)l->icr;
		break;
	case REG_ICR:
		l->icr = (l->icr >> 32 << 32) | (value & ~ICR_RESERVED & ~ICR_BUSY);
		lapic_send(l, fx);
		break;
	default:
		lapic_register_write(l, reg, known_bits(reg, value), now, fx);
	}
}

void lapic_page_write(struct lapic *l, uint32_t offset, unsigned size, uint32_t value, struct lapic_now now,
		      struct lapic_fx *fx)
{
	unsigned reg = offset >> 4;

	if (!is_there(l, reg, fx) || !(registers[reg] & WRITE) || size != 4 || offset & 15)
		return;
	write_one(l, reg, value, now, fx);
}

bool lapic_logical(const struct lapic *l, uint32_t dest)
{
	uint32_t own = l->ldr >> ID_SHIFT;

	if (dest == XAPIC_BROADCAST)
		return true;
	if (lapic_in_x2apic(l)) // of cluster 0, as it has no more bits
		return apic_logical_id(l->id) >> 16 == 0 && (dest & apic_logical_id(l->id));
	if (l->dfr >> 28 == CLUSTER_MODEL)
		return own >> 4 == dest >> 4 && (own & dest & 15);
	return own & dest;
}
