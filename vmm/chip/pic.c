// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/pic.h"

#include <string.h>

#define ICW1_BIT        0x10u
#define ICW1_NEEDS_ICW4 0x01u
#define ICW1_SINGLE     0x02u
#define ICW_NONE        0xffu

void pic_reset(struct pic *p)
{
	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < 2; i++) {
		p->half[i].mask = 0xff;
		p->half[i].icw_next = ICW_NONE;
	}
}

static unsigned half_of(uint16_t port)
{
	return port == 0xa0 || port == 0xa1 || port == 0x4d1;
}

uint8_t pic_read(const struct pic *p, uint16_t port)
{
	const struct pic_half *h = &p->half[half_of(port)];

	if (port >= 0x4d0)
		return h->elcr;
	return port & 1 ? h->mask : 0; // nothing is ever requested or in service
}

static void write_command(struct pic_half *h, uint8_t value)
{
	if (!(value & ICW1_BIT)) // OCW2 and OCW3 concern requests, and there are none
		return;
	h->icw[0] = value; // starts an initialisation: ICW2.. follow at the other port
	h->mask = 0;
	h->needs_icw4 = value & ICW1_NEEDS_ICW4;
	h->single = value & ICW1_SINGLE;
	h->icw_next = 1;
}

static void write_data(struct pic_half *h, uint8_t value)
{
	if (h->icw_next == ICW_NONE) {
		h->mask = value;
		return;
	}
	h->icw[h->icw_next++] = value;
	if (h->icw_next == 2 && h->single)
		h->icw_next = 3;
	if (h->icw_next > 3 || (h->icw_next == 3 && !h->needs_icw4))
		h->icw_next = ICW_NONE;
}

void pic_write(struct pic *p, uint16_t port, uint8_t value)
{
	struct pic_half *h = &p->half[half_of(port)];

	if (port >= 0x4d0)
		h->elcr = value & (port == 0x4d0 ? 0xf8 : 0xde); // IRQ 0, 1, 2, 8 and 13 are always edges
	else if (port & 1)
		write_data(h, value);
	else
		write_command(h, value);
}
