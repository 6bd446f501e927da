// SPDX-License-Identifier: Apache-2.0
#include "vmm/pci/config.h"

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"

#define BAR_WIDE  0x4u // type: 64 bits; never prefetchable, since reading registers has effects
#define BAR_FLAGS 0xfu

#define HEADER_BYTES 0x40u

void pci_config_init(struct pci_config *c, const struct pci_id *id, uint64_t window, uint64_t window_bytes)
{
	memset(c, 0, sizeof(*c));
	put_le(c->bytes + PCI_REG_VENDOR, id->vendor, 2);
	put_le(c->bytes + PCI_REG_DEVICE, id->device, 2);
	c->bytes[PCI_REG_REVISION] = id->revision;
	put_le(c->bytes + PCI_REG_CLASS, id->class_code, 3);
	put_le(c->bytes + PCI_REG_SUBSYSTEM, id->subsystem_vendor, 2);
	put_le(c->bytes + PCI_REG_SUBSYSTEM + 2, id->subsystem_device, 2);
	put_le(c->writable + PCI_REG_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_NO_INTX, 2);
	c->writable[PCI_REG_INT_LINE] = 0xff; // a note of the guest's to itself
	c->window = window;
	c->window_bytes = window_bytes;
	c->cap_end = HEADER_BYTES;
	for (unsigned i = 0; i < PCI_BARS; i++)
		c->bar[i].place = PCI_NOWHERE;
}

static uint8_t *bar_register(struct pci_config *c, unsigned n)
{
	return c->bytes + PCI_REG_BAR0 + (size_t)4 * n;
}

static uint64_t bar_address(const struct pci_config *c, unsigned n)
{
	const uint8_t *r = c->bytes + PCI_REG_BAR0 + (size_t)4 * n;

	return get_le(r, c->bar[n].wide ? 8 : 4) & ~(uint64_t)BAR_FLAGS;
}

static void set_bar_address(struct pci_config *c, unsigned n, uint64_t address)
{
	uint32_t flags = (uint32_t)(get_le(bar_register(c, n), 4) & BAR_FLAGS);

	put_le(bar_register(c, n), address | flags, c->bar[n].wide ? 8 : 4);
}

void pci_config_add_bar(struct pci_config *c, unsigned n, uint64_t bytes, bool wide, uint64_t address)
{
	unsigned width = wide ? 8 : 4;

	PD_CHECK(n + wide < PCI_BARS && !c->bar[n].bytes && !(n && c->bar[n - 1].wide));
	PD_CHECK(bytes >= PCI_BAR_BYTES_MIN && !(bytes & (bytes - 1)) && !(address & (bytes - 1)));
	PD_CHECK(wide || address + bytes <= (uint64_t)UINT32_MAX + 1);
	c->bar[n].bytes = bytes;
	c->bar[n].wide = wide;
	put_le(c->writable + PCI_REG_BAR0 + (size_t)4 * n, ~(bytes - 1), width);
	put_le(bar_register(c, n), wide ? BAR_WIDE : 0, width);
	set_bar_address(c, n, address);
}

unsigned pci_config_add_cap(struct pci_config *c, uint8_t id, const void *body, const void *writable, unsigned n)
{
	unsigned at = c->cap_end;

	PD_CHECK(n <= PCI_CONFIG_BYTES && at + 2 + n <= PCI_CONFIG_BYTES);
	c->bytes[at] = id;
	memcpy(c->bytes + at + 2, body, n);
	if (writable)
		memcpy(c->writable + at + 2, writable, n);
	c->bytes[c->cap_last ? c->cap_last + 1 : PCI_REG_CAPS] = (uint8_t)at;
	c->bytes[PCI_REG_STATUS] |= PCI_STATUS_CAPS;
	c->cap_last = at;
	c->cap_end = (at + 2 + n + 3) & ~3u;
	return at;
}

static uint16_t command(const struct pci_config *c)
{
	return (uint16_t)get_le(c->bytes + PCI_REG_COMMAND, 2);
}

bool pci_config_is_master(const struct pci_config *c)
{
	return command(c) & PCI_COMMAND_MASTER;
}

/* Where the registers put it: nowhere, unless all of it is in the window. */
static uint64_t place_of(const struct pci_config *c, unsigned n)
{
	uint64_t address = bar_address(c, n), bytes = c->bar[n].bytes;

	if (!(command(c) & PCI_COMMAND_MEMORY) || address < c->window || bytes > c->window_bytes ||
	    address - c->window > c->window_bytes - bytes)
		return PCI_NOWHERE;
	return address;
}

/* Takes the registers of these BARs into account. True if one of them answers somewhere else now. */
static bool move_bars(struct pci_config *c, unsigned first, unsigned last)
{
	bool moved = false;

	for (unsigned n = first; n <= last; n++) {
		if (!c->bar[n].bytes)
			continue;
		uint64_t place = place_of(c, n);

		moved |= place != c->bar[n].place;
		c->bar[n].place = place;
	}
	return moved;
}

uint32_t pci_config_read(const struct pci_config *c, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned at = offset + i;

		value |= (uint32_t)(at < PCI_CONFIG_BYTES ? c->bytes[at] : 0xff) << (8 * i);
	}
	return value;
}

/* A write reached the register of BAR n, or of the one whose upper half that is. */
static bool bar_written(struct pci_config *c, unsigned n)
{
	if (!(command(c) & PCI_COMMAND_MEMORY))
		return false;
	if (n && c->bar[n - 1].wide)
		return move_bars(c, n - 1, n - 1);
	return !c->bar[n].wide && move_bars(c, n, n);
}

unsigned pci_config_write(struct pci_config *c, unsigned offset, unsigned size, uint32_t value)
{
	uint16_t before = command(c);
	unsigned changed = 0;

	for (unsigned i = 0; i < size; i++) {
		unsigned at = offset + i;
		uint8_t byte = (uint8_t)(value >> (8 * i));

		if (at < PCI_CONFIG_BYTES)
			c->bytes[at] = (uint8_t)((c->bytes[at] & ~c->writable[at]) | (byte & c->writable[at]));
	}
	for (unsigned n = 0; n < PCI_BARS; n++) {
		unsigned at = PCI_REG_BAR0 + 4 * n;

		if (offset < at + 4 && offset + size > at && bar_written(c, n))
			changed |= PCI_CHANGED_PLACES;
	}
	if (((before ^ command(c)) & PCI_COMMAND_MEMORY) && move_bars(c, 0, PCI_BARS - 1))
		changed |= PCI_CHANGED_PLACES;
	if ((before ^ command(c)) & PCI_COMMAND_MASTER)
		changed |= PCI_CHANGED_MASTER;
	return changed;
}

unsigned pci_config_bar_at(const struct pci_config *c, uint64_t addr, uint64_t *offset)
{
	for (unsigned n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &c->bar[n];

		if (b->bytes && b->place != PCI_NOWHERE && addr >= b->place && addr - b->place < b->bytes) {
			*offset = addr - b->place;
			return n;
		}
	}
	return PCI_BARS;
}

void pci_config_reset(struct pci_config *c, const uint64_t *bar_addresses)
{
	for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++)
		c->bytes[i] &= (uint8_t)~c->writable[i];
	for (unsigned n = 0; n < PCI_BARS; n++) {
		c->bar[n].place = PCI_NOWHERE;
		if (c->bar[n].bytes)
			set_bar_address(c, n, bar_addresses[n]);
	}
}

static bool place_possible(const struct pci_config *c, unsigned n)
{
	uint64_t place = c->bar[n].place, bytes = c->bar[n].bytes;

	return place == PCI_NOWHERE ||
	       ((command(c) & PCI_COMMAND_MEMORY) && !(place & (bytes - 1)) && place >= c->window &&
		bytes <= c->window_bytes && place - c->window <= c->window_bytes - bytes);
}

/* Places too: a 64-bit BAR may be between the writes of its halves. */
void pci_config_fields(struct fields *f, struct pci_config *c)
{
	for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++)
		if (c->writable[i]) {
			uint8_t bits = c->bytes[i] & c->writable[i];

			FIELD(f, bits);
			f->bad |= bits & (uint8_t)~c->writable[i];
			c->bytes[i] = (uint8_t)((c->bytes[i] & ~c->writable[i]) | (bits & c->writable[i]));
		}
	for (unsigned n = 0; n < PCI_BARS; n++)
		if (c->bar[n].bytes) {
			FIELD(f, c->bar[n].place);
			if (!place_possible(c, n)) {
				c->bar[n].place = PCI_NOWHERE;
				f->bad = true;
			}
		}
}
