// SPDX-License-Identifier: Apache-2.0
/*
 * A pair of i8259A as in a PC (Intel 8259A data sheet, order 231468): the slave's output is the master's IR2; edge or
 * level by line in the ELCR, ports 0x4d0 and 0x4d1 (EISA). Pure: see chip.h.
 *
 * The owner gives lines in and looks at the output, INTR, after every call. When a processor takes the interrupt,
 * pic_acknowledge() says which one it is. A request whose line falls before that is withdrawn, as on the chip.
 * Not there: 8085 mode, buffered mode, other wirings of the cascade, ICW1's level bit (the ELCR replaces it).
 */
#ifndef VMM_CHIP_PIC_H
#define VMM_CHIP_PIC_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"

#define PIC_LINES 16u

struct pic_half {
	uint8_t lines;    // as they are now
	uint8_t irr, isr; // requested, in service
	uint8_t mask, elcr;
	uint8_t vector; // of line 0
	uint8_t lowest; // line of the lowest priority
	uint8_t icw[4]; // as written
	uint8_t icw_next;
	bool needs_icw4, single;
	bool auto_eoi, auto_rotates, special_mask, special_nested;
	bool reads_isr, polled; // what the next read of the command port gives
};

struct pic {
	struct pic_half half[2]; // master, slave
};

/* As firmware leaves it: everything masked, vectors 8 and 0x70. All lines are low. */
void pic_reset(struct pic *p);
/* A read may acknowledge an interrupt (poll command). */
uint8_t pic_read(struct pic *p, uint16_t port);
void pic_write(struct pic *p, uint16_t port, uint8_t value);

/* Lines 0..15; 2 is the cascade's own and is ignored. */
void pic_set_line(struct pic *p, unsigned line, bool high);
bool pic_intr(const struct pic *p);
/* The two INTA cycles: returns the vector. Without a request it is that of line 7: spurious. */
uint8_t pic_acknowledge(struct pic *p);

/* All of it, written or read (coherence/base/fields.h). What was read may be anything: pic_valid() tells whether the
 * chip can be in that state. */
void pic_fields(struct fields *f, struct pic *pic);
bool pic_valid(const struct pic *pic);

#endif
