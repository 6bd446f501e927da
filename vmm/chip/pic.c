// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/pic.h"

#include <string.h>

#define ICW1_BIT        0x10u
#define ICW1_NEEDS_ICW4 0x01u
#define ICW1_SINGLE     0x02u
#define ICW2_VECTOR     0xf8u
#define ICW4_AUTO_EOI   0x02u
#define ICW4_NESTED     0x10u
#define ICW_NONE        0xffu

#define OCW3_BIT          0x08u
#define OCW3_READ_ISR     0x01u
#define OCW3_READ         0x02u
#define OCW3_POLL         0x04u
#define OCW3_SPECIAL_MASK 0x20u
#define OCW3_SPECIAL      0x40u

#define CASCADE  2u
#define SPURIOUS 7u
#define POLL_YES 0x80u

enum { MASTER, SLAVE };

enum ocw2 { AUTO_ROTATE_OFF, EOI, NOTHING, EOI_OF, AUTO_ROTATE_ON, EOI_ROTATE, SET_LOWEST, EOI_OF_ROTATE };

void pic_reset(struct pic *p)
{
	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < 2; i++) {
		p->half[i].mask = 0xff;
		p->half[i].lowest = 7;
		p->half[i].icw_next = ICW_NONE;
	}
	p->half[MASTER].vector = 0x08;
	p->half[SLAVE].vector = 0x70;
}

/* The line of the highest priority in a set, or -1; *rank: 0 is the highest of all, 8 none. */
static int first(const struct pic_half *h, uint8_t set, unsigned *rank)
{
	for (*rank = 0; *rank < 8; ++*rank) {
		unsigned line = (h->lowest + 1 + *rank) & 7;

		if (set >> line & 1)
			return (int)line;
	}
	return -1;
}

/* The line that is asked for, or -1: a request above everything that is in service. */
static int asked(const struct pic_half *h, bool master)
{
	unsigned rank, busy;
	int line = first(h, h->irr & (uint8_t)~h->mask, &rank);
	uint8_t in_service = h->isr;

	if (line < 0 || h->icw_next != ICW_NONE)
		return -1;
	if (h->special_mask)
		in_service &= (uint8_t)~h->mask;
	if (h->special_nested && master && line == (int)CASCADE) // the slave may have a more urgent one than its last
		in_service &= (uint8_t) ~(1u << CASCADE);
	first(h, in_service, &busy);
	return rank < busy ? line : -1;
}

static void set_line(struct pic_half *h, unsigned line, bool high)
{
	uint8_t bit = (uint8_t)(1u << line);

	if (high && ((h->elcr & bit) || !(h->lines & bit)))
		h->irr |= bit;
	if (!high)
		h->irr &= (uint8_t)~bit;
	h->lines = high ? h->lines | bit : h->lines & (uint8_t)~bit;
}

static void follow_slave(struct pic *p)
{
	set_line(&p->half[MASTER], CASCADE, asked(&p->half[SLAVE], false) >= 0);
}

void pic_set_line(struct pic *p, unsigned line, bool high)
{
	if (line >= PIC_LINES || line == CASCADE)
		return;
	set_line(&p->half[line / 8], line % 8, high);
	follow_slave(p);
}

bool pic_intr(const struct pic *p)
{
	return asked(&p->half[MASTER], true) >= 0;
}

static void take(struct pic_half *h, unsigned line)
{
	uint8_t bit = (uint8_t)(1u << line);

	if (!(h->elcr & bit))
		h->irr &= (uint8_t)~bit;
	if (!h->auto_eoi)
		h->isr |= bit;
	else if (h->auto_rotates)
		h->lowest = (uint8_t)line;
}

/* The first INTA cycle of one chip: its line, or that of a spurious interrupt, which is not in service. */
static unsigned acknowledge(struct pic_half *h, bool master)
{
	int line = asked(h, master);

	if (line < 0)
		return SPURIOUS;
	take(h, (unsigned)line);
	return (unsigned)line;
}

uint8_t pic_acknowledge(struct pic *p)
{
	struct pic_half *m = &p->half[MASTER], *s = &p->half[SLAVE];
	int line = asked(m, true);

	if (line != (int)CASCADE)
		return (uint8_t)(m->vector + acknowledge(m, true));
	take(m, CASCADE);
	uint8_t vector = (uint8_t)(s->vector + acknowledge(s, false));

	set_line(m, CASCADE, false); // its output falls in between: another request of its is a new edge
	follow_slave(p);
	return vector;
}

static uint8_t poll(struct pic *p, struct pic_half *h)
{
	int line = asked(h, h == &p->half[MASTER]);

	h->polled = false;
	if (line < 0)
		return 0;
	take(h, (unsigned)line);
	follow_slave(p);
	return (uint8_t)(POLL_YES | (unsigned)line);
}

static unsigned half_of(uint16_t port)
{
	return port == 0xa0 || port == 0xa1 || port == 0x4d1 ? SLAVE : MASTER;
}

uint8_t pic_read(struct pic *p, uint16_t port)
{
	struct pic_half *h = &p->half[half_of(port)];

	if (port >= 0x4d0)
		return h->elcr;
	if (h->polled)
		return poll(p, h);
	if (port & 1)
		return h->mask;
	return h->reads_isr ? h->isr : h->irr;
}

/* Starts an initialisation: ICW2.. follow at the other port. Edges are forgotten; what is level is still asked for. */
static void write_icw1(struct pic_half *h, uint8_t value)
{
	h->icw[0] = value;
	h->icw[3] = 0;
	h->needs_icw4 = value & ICW1_NEEDS_ICW4;
	h->single = value & ICW1_SINGLE;
	h->icw_next = 1;
	h->irr = h->lines & h->elcr;
	h->isr = h->mask = 0;
	h->lowest = 7;
	h->special_mask = h->reads_isr = h->polled = h->auto_rotates = false;
}

static void end(struct pic_half *h, int line, bool rotate)
{
	if (line < 0)
		return;
	h->isr &= (uint8_t) ~(1u << line);
	if (rotate)
		h->lowest = (uint8_t)line;
}

static void write_ocw2(struct pic_half *h, uint8_t value)
{
	unsigned rank;
	/* Under special mask mode a level that is masked is not ended by an EOI that names none. */
	int busy = first(h, h->special_mask ? h->isr & (uint8_t)~h->mask : h->isr, &rank);

	switch ((enum ocw2)(value >> 5)) {
	case AUTO_ROTATE_OFF:
	case AUTO_ROTATE_ON:
		h->auto_rotates = value >> 5 == AUTO_ROTATE_ON;
		break;
	case EOI:
	case EOI_ROTATE:
		end(h, busy, value >> 5 == EOI_ROTATE);
		break;
	case EOI_OF:
	case EOI_OF_ROTATE:
		end(h, value & 7, value >> 5 == EOI_OF_ROTATE);
		break;
	case SET_LOWEST:
		h->lowest = value & 7;
		break;
	case NOTHING:
		break;
	}
}

static void write_ocw3(struct pic_half *h, uint8_t value)
{
	h->polled = value & OCW3_POLL;
	if (value & OCW3_READ)
		h->reads_isr = value & OCW3_READ_ISR;
	if (value & OCW3_SPECIAL)
		h->special_mask = value & OCW3_SPECIAL_MASK;
}

static void write_command(struct pic_half *h, uint8_t value)
{
	if (value & ICW1_BIT)
		write_icw1(h, value);
	else if (value & OCW3_BIT)
		write_ocw3(h, value);
	else
		write_ocw2(h, value);
}

static void write_icw(struct pic_half *h, uint8_t value)
{
	if (h->icw_next == 1)
		h->vector = value & ICW2_VECTOR;
	h->icw[h->icw_next++] = value;
	if (h->icw_next == 2 && h->single)
		h->icw_next = 3;
	if (h->icw_next <= 3 && (h->icw_next < 3 || h->needs_icw4))
		return;
	h->icw_next = ICW_NONE;
	h->auto_eoi = h->icw[3] & ICW4_AUTO_EOI;
	h->special_nested = h->icw[3] & ICW4_NESTED;
}

static void write_elcr(struct pic_half *h, uint8_t value)
{
	uint8_t changed = value ^ h->elcr;

	h->elcr = value;
	h->irr = (h->irr & (uint8_t)~changed) | (h->lines & changed & value);
}

void pic_write(struct pic *p, uint16_t port, uint8_t value)
{
	struct pic_half *h = &p->half[half_of(port)];

	if (port >= 0x4d0)
		write_elcr(h, value & (port == 0x4d0 ? 0xf8 : 0xde)); // IRQ 0, 1, 2, 8 and 13 are always edges
	else if (!(port & 1))
		write_command(h, value);
	else if (h->icw_next != ICW_NONE)
		write_icw(h, value);
	else
		h->mask = value;
	follow_slave(p);
}

void pic_fields(struct fields *f, struct pic *p)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pic_half *h = &p->half[i];

		FIELD(f, h->lines);
		FIELD(f, h->irr);
		FIELD(f, h->isr);
		FIELD(f, h->mask);
		FIELD(f, h->elcr);
		FIELD(f, h->vector);
		FIELD(f, h->lowest);
		fields_bytes(f, h->icw, sizeof(h->icw));
		FIELD(f, h->icw_next);
		FIELD(f, h->needs_icw4);
		FIELD(f, h->single);
		FIELD(f, h->auto_eoi);
		FIELD(f, h->auto_rotates);
		FIELD(f, h->special_mask);
		FIELD(f, h->special_nested);
		FIELD(f, h->reads_isr);
		FIELD(f, h->polled);
	}
}

bool pic_valid(const struct pic *p)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct pic_half *h = &p->half[i];

		if (h->lowest > 7 || h->vector & ~ICW2_VECTOR ||
		    (h->icw_next != ICW_NONE && (h->icw_next < 1 || h->icw_next > 3)))
			return false;
	}
	return true;
}
