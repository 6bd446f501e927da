// SPDX-License-Identifier: Apache-2.0
/* What a guest says of a CPU or a piece of memory that came or is to go, by the registers of cpuplug.h and memplug.h.
 */
#ifndef VMM_CHIP_PLUG_FX_H
#define VMM_CHIP_PLUG_FX_H

#include "vmm/chip/chip.h"

/*
 * Words (_OST) that are passed on for each time the guest was told of something: a guest may say that it has begun,
 * then how it ended. More than that is noise, which nobody has to carry over a network.
 */
#define PLUG_WORDS 4u

enum plug_said { PLUG_SAID_NOTHING, PLUG_EJECTED, PLUG_OST };

struct plug_fx {
	enum plug_said said;
	uint32_t index;         // of the CPU, or the slot
	uint32_t event, status; // OST: its two arguments (ACPI 6.4, 6.3.5)
};

#endif
