// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/ioapic.h"

#define REG_SELECT 0x00u // offsets in the window
#define REG_DATA   0x10u
#define REG_EOI    0x40u

#define IDX_ID          0u
#define IDX_VERSION     1u
#define IDX_ARBITRATION 2u
#define IDX_REDIR       0x10u

#define VERSION (0x20u | (IOAPIC_PINS - 1) << 16)

#define REDIR_LOGICAL    (1ull << 11)
#define REDIR_REMOTE_IRR (1ull << 14) // read-only: the message was taken, its EOI is due
#define REDIR_LEVEL      (1ull << 15)
#define REDIR_MASKED     (1ull << 16)
#define REDIR_WRITABLE   0xfffe00000001afffull // not delivery status (always idle) and remote IRR

void ioapic_reset(struct ioapic *io, uint8_t id)
{
	io->select = 0;
	io->id = id & 0xf;
	io->dropped = 0;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		io->redir[i] = REDIR_MASKED;
}

static bool delivers(uint8_t mode)
{
	return mode == APIC_FIXED || mode == APIC_LOWEST || mode == APIC_NMI || mode == APIC_INIT ||
	       mode == APIC_EXTINT;
}

/* Sends the message of a pin. Bits 55:49 extend the destination, as in an MSI
 * (KVM_FEATURE_MSI_EXT_DEST_ID). */
static void send(struct ioapic *io, unsigned pin, struct ioapic_fx *fx)
{
	uint64_t *e = &io->redir[pin];
	struct apic_msg m = {
		.delivery = (*e >> 8) & 7,
		.vector = (uint8_t)*e,
		.shorthand = APIC_TO_DEST,
		.logical = *e & REDIR_LOGICAL,
		.dest = (uint32_t)((*e >> 56) | ((*e >> 49) & 0x7f) << 8),
	};

	if (!delivers(m.delivery)) {
		io->dropped++;
		return;
	}
	/* NMI, INIT and ExtINT are edges whatever the entry says: nobody ever ends them. */
	if ((*e & REDIR_LEVEL) && m.delivery <= APIC_LOWEST) {
		m.level = true;
		*e |= REDIR_REMOTE_IRR;
	}
	fx->msg[fx->n++] = m;
}

/* A level-triggered pin sends while its line is asserted and no earlier message waits for its EOI.
 */
static void serve_level(struct ioapic *io, unsigned pin, struct ioapic_fx *fx)
{
	uint64_t e = io->redir[pin];

	if ((e & REDIR_LEVEL) && !(e & (REDIR_MASKED | REDIR_REMOTE_IRR)) && (io->lines >> pin & 1))
		send(io, pin, fx);
}

static void write_redir(struct ioapic *io, unsigned pin, uint64_t value, struct ioapic_fx *fx)
{
	uint64_t *e = &io->redir[pin];

	*e = (value & REDIR_WRITABLE) | (*e & REDIR_REMOTE_IRR);
	if (!(*e & REDIR_LEVEL)) // the way to clear it without an EOI
		*e &= ~REDIR_REMOTE_IRR;
	serve_level(io, pin, fx);
}

static void write_data(struct ioapic *io, uint32_t value, struct ioapic_fx *fx)
{
	unsigned at = io->select - IDX_REDIR;

	if (io->select == IDX_ID)
		io->id = (value >> 24) & 0xf;
	if (io->select < IDX_REDIR || at / 2 >= IOAPIC_PINS)
		return;
	uint64_t e = io->redir[at / 2];

	if (at & 1)
		e = (uint64_t)value << 32 | (uint32_t)e;
	else
		e = (e & ~0xffffffffull) | value;
	write_redir(io, at / 2, e, fx);
}

static uint32_t read_data(const struct ioapic *io)
{
	unsigned at = io->select - IDX_REDIR;

	switch (io->select) {
	case IDX_ID:
	case IDX_ARBITRATION:
		return (uint32_t)io->id << 24;
	case IDX_VERSION:
		return VERSION;
	default:
		if (io->select < IDX_REDIR || at / 2 >= IOAPIC_PINS)
			return 0;
		return (uint32_t)(io->redir[at / 2] >> (at & 1 ? 32 : 0));
	}
}

uint32_t ioapic_read(const struct ioapic *io, uint32_t offset)
{
	if (offset == REG_SELECT)
		return io->select;
	return offset == REG_DATA ? read_data(io) : 0;
}

void ioapic_write(struct ioapic *io, uint32_t offset, uint32_t value, struct ioapic_fx *fx)
{
	fx->n = 0;
	if (offset == REG_SELECT)
		io->select = (uint8_t)value;
	else if (offset == REG_DATA)
		write_data(io, value, fx);
	else if (offset == REG_EOI)
		ioapic_eoi(io, (uint8_t)value, fx);
}

void ioapic_set_line(struct ioapic *io, unsigned pin, bool asserted, struct ioapic_fx *fx)
{
	fx->n = 0;
	if (pin >= IOAPIC_PINS)
		return;
	bool rises = asserted && !(io->lines >> pin & 1);

	io->lines = (io->lines & ~(1u << pin)) | (uint32_t)asserted << pin;
	if (io->redir[pin] & REDIR_LEVEL)
		serve_level(io, pin, fx);
	else if (rises && !(io->redir[pin] & REDIR_MASKED)) // a masked edge is lost, as on the chip
		send(io, pin, fx);
}

void ioapic_eoi(struct ioapic *io, uint8_t vector, struct ioapic_fx *fx)
{
	fx->n = 0;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *e = &io->redir[pin];

		if ((uint8_t)*e != vector || !(*e & REDIR_REMOTE_IRR))
			continue;
		*e &= ~REDIR_REMOTE_IRR;
		serve_level(io, pin, fx);
	}
}

void ioapic_fields(struct fields *f, struct ioapic *io)
{
	FIELD(f, io->select);
	FIELD(f, io->id);
	FIELD(f, io->lines);
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		FIELD(f, io->redir[i]);
	FIELD(f, io->dropped);
}

bool ioapic_valid(const struct ioapic *io)
{
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		if (io->redir[i] & ~(REDIR_WRITABLE | REDIR_REMOTE_IRR) ||
		    (io->redir[i] & (REDIR_LEVEL | REDIR_REMOTE_IRR)) == REDIR_REMOTE_IRR)
			return false;
	return io->id < 16 && !(io->lines >> IOAPIC_PINS);
}
