// SPDX-License-Identifier: Apache-2.0
/* Between lapic.c and lapic_timer.c only. */
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

bool lapic_enabled(const struct lapic *l); // globally and by software

/* Register writes that concern the timer; they set LAPIC_FX_TIMER as needed. */
void lapic_timer_set_lvt(struct lapic *l, uint32_t bits, struct lapic_now now, struct lapic_fx *fx);
void lapic_timer_set_initial(struct lapic *l, uint32_t count, struct lapic_now now, struct lapic_fx *fx);
void lapic_timer_set_divide(struct lapic *l, uint32_t value, struct lapic_now now, struct lapic_fx *fx);
void lapic_timer_set_tsc(struct lapic *l, uint64_t tsc, struct lapic_now now, struct lapic_fx *fx);

uint64_t lapic_timer_get_tsc(const struct lapic *l);
uint32_t lapic_timer_current(const struct lapic *l, uint64_t now_ns);

#endif
