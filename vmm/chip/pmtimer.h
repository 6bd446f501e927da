// SPDX-License-Identifier: Apache-2.0
/* ACPI PM timer: 3.579545 MHz, 32 bits, from guest time alone, so every host can answer it. Pure.
 */
#ifndef VMM_CHIP_PMTIMER_H
#define VMM_CHIP_PMTIMER_H

#include "vmm/chip/chip.h"

#define PMTIMER_HZ 3579545ull

static inline uint32_t pmtimer_read(uint64_t now_ns)
{
	return (uint32_t)((unsigned __int128)now_ns * PMTIMER_HZ / CHIP_NS_PER_S);
}

#endif
