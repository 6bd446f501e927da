// SPDX-License-Identifier: Apache-2.0
/*
 * A pair of i8259 that keeps its registers and never interrupts anybody. Pure: see chip.h.
 *
 * Why present: Linux probes by writing the mask register and reading it back. If that fails it runs
 * without legacy interrupts, and then IRQ 0..15 lose their fixed place: the PIT timer interrupt
 * can't be requested and ISA numbers follow a rarely used path. With registers that hold, it takes
 * the usual path of a PC: all PIC lines masked, IRQ 0 on I/O APIC pin 2 (override in the MADT), and
 * its timer check passes on that pin. Nothing is ever delivered through the PIC, so nothing needs
 * the virtual wire.
 */
#ifndef VMM_CHIP_PIC_H
#define VMM_CHIP_PIC_H

#include "vmm/chip/chip.h"

struct pic_half {
	uint8_t mask, icw[4], icw_next, elcr;
	bool needs_icw4, single;
};

struct pic {
	struct pic_half half[2];
};

void pic_reset(struct pic *p);
uint8_t pic_read(const struct pic *p, uint16_t port);
void pic_write(struct pic *p, uint16_t port, uint8_t value);

#endif
