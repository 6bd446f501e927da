// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's accesses to the configuration spaces of a bus, to BARs it moved anywhere, and to an MSI-X table. Eight
 * bytes each: what, where (2), how wide, and a value (4). After each: read-only bits are what they were, a BAR answers
 * in the window or nowhere, no vector is lost or sent twice, and the state reads back as it was written.
 */
#include <stdlib.h>

#include "vmm/pci/bridge.h"
#include "vmm/pci/msix.h"

#define WINDOW       (1ull << 38)
#define WINDOW_BYTES (1ull << 32)
#define PLACE        (WINDOW + 0x100000)
#define VECTORS      70u
#define ACCESS_BYTES 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct device {
	struct pci_config config;
	struct msix msix;
	uint8_t raised[VECTORS]; // and not sent yet
};

static void require(bool good)
{
	if (!good)
		abort();
}

static void make(struct device *d)
{
	static const struct pci_id id = {.vendor = 0x1af4, .device = 0x1044};
	static const uint8_t body[14] = {0};
	static const uint8_t mask[14] = {0, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff};

	memset(d, 0, sizeof(*d));
	pci_config_init(&d->config, &id, WINDOW, WINDOW_BYTES);
	pci_config_add_bar(&d->config, 0, 0x4000, true, PLACE);
	pci_config_add_bar(&d->config, 4, 0x1000, false, 0);
	pci_config_add_cap(&d->config, PCI_CAP_VENDOR, body, mask, sizeof(body));
	msix_init(&d->msix, &d->config, VECTORS, 0, 0x2000, 0x3000);
}

static void sent(struct device *d, const struct msix_message *m)
{
	require(m->vector < VECTORS && d->raised[m->vector] && !d->msix.entry[m->vector].masked);
	d->raised[m->vector] = 0;
}

static uint32_t read_config(void *owner, unsigned offset, unsigned size)
{
	struct device *d = owner;

	require(offset / 4 == (offset + size - 1) / 4);
	return pci_config_read(&d->config, offset, size);
}

static void write_config(void *owner, unsigned offset, unsigned size, uint32_t value)
{
	struct device *d = owner;

	require(offset / 4 == (offset + size - 1) / 4);
	pci_config_write(&d->config, offset, size, value);
	msix_configured(&d->msix, &d->config);
	if (!d->msix.on)
		memset(d->raised, 0, sizeof(d->raised));
}

static const struct pci_slot_ops ops = {.read = read_config, .write = write_config};

static void on_bar(const struct pci_bus *b, uint64_t addr, unsigned size, uint64_t value)
{
	unsigned bar;
	uint64_t offset;
	const struct pci_slot *s = pci_bus_at(b, addr, &bar, &offset);

	if (!s || bar)
		return;
	struct device *d = s->owner;

	require(offset < 0x4000);
	if (offset >= 0x3000) {
		msix_pba_read(&d->msix, (uint32_t)offset - 0x3000, size);
	} else if (offset >= 0x2000) {
		msix_table_write(&d->msix, (uint32_t)offset - 0x2000, size, value);
		msix_table_read(&d->msix, (uint32_t)offset - 0x2000, size);
	}
}

static void raise(struct device *d, uint16_t vector)
{
	struct msix_message m;

	if (d->msix.on && vector < VECTORS)
		d->raised[vector] = 1;
	if (msix_raise(&d->msix, vector, &m))
		sent(d, &m);
}

static void check(struct device *d, const struct device *fresh)
{
	struct msix_message m;

	while (msix_take(&d->msix, &m))
		sent(d, &m);
	for (unsigned v = 0; v < VECTORS; v++)
		require(d->raised[v] == (d->msix.pending[v / 64] >> (v % 64) & 1));
	for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++)
		require(!((d->config.bytes[i] ^ fresh->config.bytes[i]) & (uint8_t)~fresh->config.writable[i]));
	for (unsigned i = 0; i < PCI_BARS; i++) {
		uint64_t place = d->config.bar[i].place;

		require(place == PCI_NOWHERE || (place >= WINDOW && place - WINDOW <= WINDOW_BYTES - 0x1000));
	}
}

static void save_and_restore(struct device *d)
{
	static uint8_t buf[8192];
	static struct device back;
	struct fields out = fields_writer(buf, sizeof(buf));

	pci_config_fields(&out, &d->config);
	msix_fields(&out, &d->msix);
	make(&back);
	struct fields in = fields_reader(buf, sizeof(buf) - out.left);

	pci_config_fields(&in, &back.config);
	msix_fields(&in, &back.msix);
	msix_configured(&back.msix, &back.config);
	require(!out.bad && !in.bad && !in.left && !memcmp(&back.config, &d->config, sizeof(back.config)) &&
		!memcmp(back.msix.entry, d->msix.entry, sizeof(back.msix.entry)) && back.msix.open == d->msix.open);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct device d[2], fresh;
	struct pci_bus b = {.number = 1};
	uint32_t ports = 0;

	make(&fresh);
	for (unsigned i = 0; i < 2; i++) {
		make(&d[i]);
		pci_bus_add(&b, i, &ops, &d[i], &d[i].config);
	}
	for (; n >= ACCESS_BYTES; data += ACCESS_BYTES, n -= ACCESS_BYTES) {
		uint64_t where = get_le(data + 1, 2), value = get_le(data + 4, 4);
		unsigned size = 1 + data[3] % 8;
		struct pci_address a = pci_ecam_decode(1u << 20 | (where & 0x8fff) | (data[0] & 0x80 ? 0x10000 : 0));

		value |= value << 32;
		switch (data[0] % 6) {
		case 0:
			pci_bus_write(&b, a, size, value);
			break;
		case 1:
			pci_bus_read(&b, a, size);
			break;
		case 2:
			ports = (uint32_t)value & PCI_PORTS_BITS;
			if (pci_ports_decode(ports, where % 5, &a))
				pci_bus_write(&b, a, 1 + size % 4, value >> 8);
			break;
		case 3:
			on_bar(&b, (data[0] & 0x40 ? WINDOW + (value & 0xfffff000) : PLACE) + (where & 0x3fff), size,
			       value);
			break;
		default:
			raise(&d[where & 1], (uint16_t)(where >> 1 & 0x7f));
		}
		check(&d[0], &fresh);
		check(&d[1], &fresh);
	}
	save_and_restore(&d[0]);
	return 0;
}
