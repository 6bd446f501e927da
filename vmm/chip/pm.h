// SPDX-License-Identifier: Apache-2.0
/*
 * ACPI fixed hardware: PM1a event and control blocks, PM timer, reset register. Pure: see chip.h.
 * ACPI 6.4 section 4.8. There is no SMI command port: the machine is always in ACPI mode (SCI_EN
 * reads 1).
 */
#ifndef VMM_CHIP_PM_H
#define VMM_CHIP_PM_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"

#define PM_BYTES      12u     // ports: +0 PM1_STS, +2 PM1_EN, +4 PM1_CNT, +8 PM_TMR
#define PM_SLP_TYP_S5 5u      // what \_S5 in the DSDT says
#define PM_STS_TIMER  0x0001u // bits of PM1_STS and PM1_EN
#define PM_STS_GLOBAL 0x0020u
#define PM_STS_PWRBTN 0x0100u
#define PM_STS_WAKE   0x8000u
#define PM_RESET_CPU  0x04u // in the reset register: writing it resets

enum pm_effect { PM_FX_NONE, PM_FX_POWEROFF, PM_FX_RESET };

struct pm {
	uint16_t sts, en, cnt;
	uint8_t reset_reg;
	uint64_t seen_ns; // PM timer carries up to here are in sts
};

void pm_reset(struct pm *p, uint64_t now_ns);

/* offset from LAYOUT_PORT_PM1_EVT, size 1, 2 or 4; anything else reads all ones and drops writes.
 */
uint32_t pm_read(struct pm *p, unsigned offset, unsigned size, uint64_t now_ns);
enum pm_effect pm_write(struct pm *p, unsigned offset, unsigned size, uint32_t value, uint64_t now_ns);

/* Reset register, port 0xcf9, 1 byte. */
uint8_t pm_reset_read(const struct pm *p);
enum pm_effect pm_reset_write(struct pm *p, uint8_t value);

void pm_press_power(struct pm *p); // the power button: raises the SCI if the guest enabled it

bool pm_sci(struct pm *p, uint64_t now_ns); // level of IRQ 9
uint64_t pm_deadline(const struct pm *p);   // when pm_sci() must be asked again, or CHIP_NEVER

/* All of it, written or read (coherence/base/fields.h). What was read may be anything: pm_valid() tells whether the
 * chip can be in that state. */
void pm_fields(struct fields *f, struct pm *pm);
bool pm_valid(const struct pm *pm);

#endif
