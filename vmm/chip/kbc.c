// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/kbc.h"

/*
 * As nobody's port reads, so that a search for a keyboard finds none at once, but for bit 1, "the last byte has not
 * been taken yet": who wants to reset waits for it to go, Linux 65,536 reads long.
 */
#define STATUS 0xfdu

#define A20_ON    0x02u
#define RESET_NOW 0x01u // port 0x92

/* Commands 0xf0 to 0xff pulse the lines whose bit is 0; line 0 is the processors' reset. */
#define PULSE      0xf0u
#define PULSE_NONE 0x01u

uint8_t kbc_read(uint16_t port)
{
	return port == KBC_PORT_A20 ? A20_ON : STATUS;
}

bool kbc_resets(uint16_t port, uint8_t value)
{
	if (port == KBC_PORT_COMMAND)
		return (value & (PULSE | PULSE_NONE)) == PULSE;
	return port == KBC_PORT_A20 && value & RESET_NOW;
}
