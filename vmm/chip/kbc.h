// SPDX-License-Identifier: Apache-2.0
/*
 * What a PC without a keyboard keeps of its keyboard controller (8042) and of port 0x92: the line that resets the
 * machine. Pure: see chip.h. There is no keyboard, no data port and no state; A20 is always on.
 */
#ifndef VMM_CHIP_KBC_H
#define VMM_CHIP_KBC_H

#include "vmm/chip/chip.h"

#define KBC_PORT_COMMAND 0x64u // read: status
#define KBC_PORT_A20     0x92u // "system control port A" of the PS/2

uint8_t kbc_read(uint16_t port);
/* A byte written there: does it reset the machine? */
bool kbc_resets(uint16_t port, uint8_t value);

#endif
