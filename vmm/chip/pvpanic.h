// SPDX-License-Identifier: Apache-2.0
/*
 * The device by which a guest says that it has panicked: one ISA port, one ACPI device (QEMU0001). A read gives the
 * events it takes, a write reports one (docs/specs/pvpanic.rst of QEMU). Pure.
 */
#ifndef VMM_CHIP_PVPANIC_H
#define VMM_CHIP_PVPANIC_H

#include "vmm/chip/chip.h"

#define PVPANIC_PANICKED     1u // the guest's kernel has panicked
#define PVPANIC_CRASH_LOADED 2u // ... and a crash kernel of its own deals with it
#define PVPANIC_EVENTS       (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED)

static inline uint8_t pvpanic_read(void)
{
	return PVPANIC_EVENTS;
}

/* The event that a written byte reports: one of the two, or 0 for what means nothing. */
static inline uint8_t pvpanic_write(uint8_t value)
{
	return value & PVPANIC_PANICKED ? PVPANIC_PANICKED : value & PVPANIC_CRASH_LOADED ? PVPANIC_CRASH_LOADED : 0;
}

#endif
