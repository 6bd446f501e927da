// SPDX-License-Identifier: Apache-2.0
/*
 * Local APIC: in xAPIC mode its registers are a page of memory, in x2APIC mode MSRs 0x800-0x83f; and
 * APIC_BASE (0x1b) and TSC_DEADLINE (0x6e0). Intel SDM vol. 3 chapter 10, AMD APM vol. 2 chapter 16.
 * Pure: see chip.h.
 *
 * Interrupts enter with lapic_accept(), leave with lapic_next() + lapic_ack(). NMI, INIT and SIPI
 * are states of the vCPU and don't pass through here; nor do the 8259's interrupts, whose vector it
 * says itself when the processor takes one: lapic_takes_intr() tells whether LINT0 lets them by.
 */
#ifndef VMM_CHIP_LAPIC_H
#define VMM_CHIP_LAPIC_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"
#include "vmm/chip/icr.h"

#define MSR_APIC_BASE    0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC_FIRST 0x800u
#define MSR_X2APIC_LAST  0x8ffu // CPU manuals reserve 0x840-0x8ff for it: those are #GP

#define LAPIC_BUS_HZ  1000000000ull // timer input clock in guest time: one tick is one guest nanosecond
#define LAPIC_VERSION 0x00050014u   // integrated APIC, LVT entries 0..5, no suppression of EOI broadcasts

#define APIC_BASE_BSP    (1ull << 8)
#define APIC_BASE_X2     (1ull << 10)
#define APIC_BASE_ENABLE (1ull << 11)

#define LAPIC_PERIOD_NS_MIN 20000u // a shorter period would keep the host's timers busy with nothing else

enum lapic_lvt {
	LAPIC_LVT_TIMER,
	LAPIC_LVT_THERMAL,
	LAPIC_LVT_PERF,
	LAPIC_LVT_LINT0,
	LAPIC_LVT_LINT1,
	LAPIC_LVT_ERROR,
	LAPIC_LVTS
};

struct lapic_now {
	uint64_t ns;  // guest nanoseconds
	uint64_t tsc; // guest TSC
};

struct lapic {
	uint32_t id;
	uint64_t base; // APIC_BASE
	uint32_t tpr, svr, esr, esr_pending;
	uint64_t icr;
	uint32_t isr[8], irr[8], tmr[8];
	uint32_t lvt[LAPIC_LVTS];
	uint32_t ldr, dfr;     // of xAPIC mode; x2APIC's logical id follows from its id
	uint32_t divide;       // divide configuration register
	uint32_t initial;      // initial count; 0: stopped
	uint64_t expiry_ns;    // when the running count reaches 0, CHIP_NEVER: it does not run
	uint64_t tsc_deadline; // armed deadline, 0: none
	uint64_t missed;       // periods that were merged into one interrupt
};

/* What the owner has to do after a call. */
#define LAPIC_FX_ICR   1u  // deliver fx.msg, sent by this APIC (not for SELF IPI: done inside)
#define LAPIC_FX_EOI   2u  // a level-triggered interrupt was ended: tell the I/O APIC fx.vector
#define LAPIC_FX_TIMER 4u  // lapic_deadline() may have changed
#define LAPIC_FX_IRQ   8u  // lapic_next() may have changed
#define LAPIC_FX_NMI   16u // an LVT entry in NMI mode fired: NMI to this vCPU

struct lapic_fx {
	unsigned flags; // LAPIC_FX_*
	uint8_t vector;
	struct apic_msg msg;
};

/* Power-up state, in xAPIC mode. x2apic: already in x2APIC mode, as firmware leaves it where an id has no room in
 * eight bits. */
void lapic_reset(struct lapic *l, uint32_t id, bool bsp, bool x2apic);
/* What firmware leaves on the boot processor: on, LINT0 takes the 8259's interrupts (virtual wire), LINT1 is NMI. */
void lapic_virtual_wire(struct lapic *l);
/* INIT: registers are reset; the id, APIC_BASE and with it the mode stay (SDM 10.12.5.1). */
void lapic_init(struct lapic *l);

bool lapic_owns_msr(uint32_t msr);

/*
 * RDMSR and WRMSR of an MSR that lapic_owns_msr(). Return 0, or -EINVAL: inject #GP, nothing was
 * changed. fx is overwritten.
 */
int lapic_read(const struct lapic *l, uint32_t msr, struct lapic_now now, uint64_t *value);
int lapic_write(struct lapic *l, uint32_t msr, uint64_t value, struct lapic_now now, struct lapic_fx *fx);

/*
 * The register page: is addr in it? Never outside of xAPIC mode. Reads and writes at an offset in it, of 1 to 8 bytes.
 * Registers are 32 bits wide, 16 bytes apart: a narrower read gives their bytes, what lies between them reads 0, and
 * only a 32-bit write at a register's place does something. Reserved bits are ignored. A place without a register is
 * an error that ESR records. fx is overwritten.
 */
bool lapic_in_page(const struct lapic *l, uint64_t addr);
uint64_t lapic_page_read(struct lapic *l, uint32_t offset, struct lapic_now now, struct lapic_fx *fx);
void lapic_page_write(struct lapic *l, uint32_t offset, unsigned size, uint32_t value, struct lapic_now now,
		      struct lapic_fx *fx);

bool lapic_on(const struct lapic *l);      // by APIC_BASE; off, it takes no message at all
bool lapic_enabled(const struct lapic *l); // and by software
/* Is a logical destination of eight bits (of an I/O APIC entry, an MSI, an ICR in xAPIC mode) for this one? */
bool lapic_logical(const struct lapic *l, uint32_t dest);
/* Does the line of the 8259 interrupt the processor: LINT0 in ExtINT mode, or the APIC is off. */
bool lapic_takes_intr(const struct lapic *l);

/*
 * An interrupt message (fixed or lowest priority) arrives. Returns true if it is pending now, false
 * if it is dropped: APIC disabled or vector below 16 (which ESR records).
 */
bool lapic_accept(struct lapic *l, uint8_t vector, bool level);

/* The vector to inject now if the vCPU can take an interrupt, or -1. HLT ends when this is not -1
 * and IF is set. */
int lapic_next(const struct lapic *l);
/* The vector that lapic_next() gave has been injected: IRR -> ISR. */
void lapic_ack(struct lapic *l, uint8_t vector);

/* TPR bits 7:4 are CR8. A write never needs an effect but a new lapic_next(). */
uint8_t lapic_cr8(const struct lapic *l);
void lapic_set_cr8(struct lapic *l, uint8_t cr8);

/* When lapic_timer() must be called: at the guest time *ns or the guest TSC *tsc (one of them is
 * CHIP_NEVER). */
void lapic_deadline(const struct lapic *l, uint64_t *ns, uint64_t *tsc);
/* Takes a due timer interrupt into IRR and rearms a periodic timer. Harmless when early. fx is
 * overwritten. */
void lapic_timer(struct lapic *l, struct lapic_now now, struct lapic_fx *fx);

/*
 * Writes or reads all of it (coherence/base/fields.h). What was read may be anything: lapic_valid() tells whether it is
 * a state that an APIC with this id can be in.
 */
void lapic_fields(struct fields *f, struct lapic *l);
bool lapic_valid(const struct lapic *l, uint32_t id);

/* An event of a local interrupt source other than the timer (LINT pins, counters). While the APIC is off LINT1 is the
 * processor's NMI pin. fx is overwritten. */
void lapic_lvt_fire(struct lapic *l, enum lapic_lvt which, struct lapic_fx *fx);

#endif
