// SPDX-License-Identifier: Apache-2.0
/*
 * I/O APIC with 24 pins (Intel 82093AA, version 0x20 with the EOI register). Pure: see chip.h.
 *
 * Lines are given as asserted or not; the polarity bit is kept but ignored, since a line here is a
 * fact and not a voltage.
 */
#ifndef VMM_CHIP_IOAPIC_H
#define VMM_CHIP_IOAPIC_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"
#include "vmm/chip/icr.h"

#define IOAPIC_PINS  24u
#define IOAPIC_BYTES 0x1000u // MMIO window

struct ioapic {
	uint8_t select;
	uint8_t id;
	uint32_t lines; // asserted pins
	uint64_t redir[IOAPIC_PINS];
	uint64_t dropped; // messages the guest asked for that can't exist (reserved mode, SMI)
};

/* Interrupt messages to deliver, in order. */
struct ioapic_fx {
	unsigned n;
	struct apic_msg msg[IOAPIC_PINS];
};

void ioapic_reset(struct ioapic *io, uint8_t id); // lines stay as they are: devices drive them

/* MMIO at an offset in the window, 4 bytes (other sizes: the owner reads 0 and drops writes). fx is
 * overwritten. */
uint32_t ioapic_read(const struct ioapic *io, uint32_t offset);
void ioapic_write(struct ioapic *io, uint32_t offset, uint32_t value, struct ioapic_fx *fx);

/* A device asserts or releases its line. A pin out of range is ignored. fx is overwritten. */
void ioapic_set_line(struct ioapic *io, unsigned pin, bool asserted, struct ioapic_fx *fx);

/* A local APIC ended a level-triggered vector: pins whose line is still asserted send again. fx is
 * overwritten. */
void ioapic_eoi(struct ioapic *io, uint8_t vector, struct ioapic_fx *fx);

/* All of it, written or read (coherence/base/fields.h). What was read may be anything: ioapic_valid() tells whether the
 * chip can be in that state. */
void ioapic_fields(struct fields *f, struct ioapic *io);
bool ioapic_valid(const struct ioapic *io);

#endif
