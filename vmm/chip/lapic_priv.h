// SPDX-License-Identifier: Apache-2.0
/* Between lapic*.c only. */
#ifndef VMM_CHIP_LAPIC_PRIV_H
#define VMM_CHIP_LAPIC_PRIV_H

#include "vmm/chip/lapic.h"

#define LVT_VECTOR       0xffu
#define LVT_DELIVERY     (7u << 8)
#define LVT_BUSY         (1u << 12) // read-only, always 0: delivery takes no time
#define LVT_POLARITY     (1u << 13)
#define LVT_REMOTE_IRR   (1u << 14) // read-only, always 0: LINT pins carry no level interrupts here
#define LVT_LEVEL        (1u << 15)
#define LVT_MASKED       (1u << 16)
#define LVT_TIMER_MODE   (3u << 17)
#define LVT_PERIODIC     (1u << 17)
#define LVT_TSC_DEADLINE (2u << 17)

#define LAPIC_BASE_RESERVED 0xfff00000000002ffull // APIC_BASE bits 7:0, 9 and above the widest physical address
/* SVR bit 12 (suppress EOI broadcasts) is reserved: the version says it is absent. */
#define LAPIC_SVR_WRITABLE 0x3ffu

extern const uint32_t lapic_lvt_writable[LAPIC_LVTS];

/* Register numbers: MSR - 0x800, and offset / 16 in the page. */
enum {
	REG_ID = 0x02,
	REG_VERSION = 0x03,
	REG_TPR = 0x08,
	REG_PPR = 0x0a,
	REG_EOI = 0x0b,
	REG_LDR = 0x0d,
	REG_DFR = 0x0e,
	REG_SVR = 0x0f,
	REG_ISR = 0x10,
	REG_TMR = 0x18,
	REG_IRR = 0x20,
	REG_ESR = 0x28,
	REG_ICR = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT = 0x32,
	REG_INITIAL = 0x38,
	REG_CURRENT = 0x39,
	REG_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f,
	REGS
};

#define ESR_SEND_ILLEGAL     (1u << 5)
#define ESR_RECEIVE_ILLEGAL  (1u << 6)
#define ESR_ILLEGAL_REGISTER (1u << 7)

#define ICR_BUSY        (1ull << 12) // read-only, always 0
#define ICR_RESERVED    0xfff32000ull
#define XAPIC_LDR       0xff000000u // bits that exist
#define XAPIC_DFR_ONES  0x0fffffffu
#define DIVIDE_WRITABLE 0xbu

/* Of x2APIC mode; REG_ID, REG_LDR, REG_DFR and the ICR are different in xAPIC mode. 0 or -EINVAL. */
int lapic_register_read(const struct lapic *l, uint32_t reg, struct lapic_now now, uint64_t *value);
int lapic_register_write(struct lapic *l, uint32_t reg, uint64_t value, struct lapic_now now, struct lapic_fx *fx);
/* Sends what the ICR says. */
void lapic_send(struct lapic *l, struct lapic_fx *fx);
/* Records an error. Returns true if its interrupt is pending now. */
bool lapic_raise_error(struct lapic *l, uint32_t bit);
bool lapic_in_x2apic(const struct lapic *l);

/* Register writes that concern the timer; they set LAPIC_FX_TIMER as needed. */
void lapic_timer_set_lvt(struct lapic *l, uint32_t bits, struct lapic_now now, struct lapic_fx *fx);
void lapic_timer_set_initial(struct lapic *l, uint32_t count, struct lapic_now now, struct lapic_fx *fx);
void lapic_timer_set_divide(struct lapic *l, uint32_t value, struct lapic_now now, struct lapic_fx *fx);
void lapic_timer_set_tsc(struct lapic *l, uint64_t tsc, struct lapic_now now, struct lapic_fx *fx);

uint64_t lapic_timer_get_tsc(const struct lapic *l);
uint32_t lapic_timer_current(const struct lapic *l, uint64_t now_ns);

#endif
