// SPDX-License-Identifier: Apache-2.0
#include "vmm/pci/root.h"

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"

void pci_root_init(struct pci_root *r, const struct pci_windows *w, uint8_t bus)
{
	memset(r, 0, sizeof(*r));
	r->bus.number = bus;
	r->window = pci_window_of(w, bus);
	pci_host_bridge_init(&r->bridge);
	if (!bus)
		PD_CHECK(!pci_bus_add(&r->bus, 0, &pci_plain_ops, &r->bridge, &r->bridge));
}

void pci_root_reset(struct pci_root *r)
{
	static const uint64_t none[PCI_BARS];

	r->address = 0;
	pci_config_reset(&r->bridge, none);
}

static void configure(struct pci_root *r, bool write, struct pci_address a, unsigned size, uint64_t *value)
{
	if (write)
		pci_bus_write(&r->bus, a, size, *value);
	else
		*value = pci_bus_read(&r->bus, a, size);
}

void pci_root_ports(struct pci_root *r, bool write, unsigned offset, unsigned size, uint64_t *value)
{
	unsigned data = PCI_PORT_DATA - PCI_PORT_ADDRESS;
	struct pci_address a;

	if (offset == 0 && size == 4) {
		if (write)
			r->address = (uint32_t)*value & PCI_PORTS_BITS;
		else
			*value = r->address;
		return;
	}
	if (!write)
		*value = bytes_ones(size);
	if (offset < data || size > PCI_PORT_DATA_BYTES - (offset - data))
		return; // a processor makes two accesses of what crosses the end, and of the second nobody knows
	if (pci_ports_decode(r->address, offset - data, &a))
		configure(r, write, a, size, value);
}

void pci_root_ecam(struct pci_root *r, bool write, uint64_t offset, unsigned size, uint64_t *value)
{
	struct pci_address a = pci_ecam_decode(offset % PCI_ECAM_BUS_BYTES);

	a.bus = r->bus.number;
	configure(r, write, a, size, value);
}

void pci_root_window(struct pci_root *r, bool write, uint64_t offset, unsigned size, uint64_t *value)
{
	uint64_t at;
	unsigned bar;
	const struct pci_slot *s = pci_bus_at(&r->bus, r->window + offset, &bar, &at);

	if (!write)
		*value = bytes_ones(size);
	if (!s || !s->ops->bar_read || size > s->config->bar[bar].bytes - at)
		return;
	if (write)
		s->ops->bar_write(s->owner, bar, at, size, *value);
	else
		*value = s->ops->bar_read(s->owner, bar, at, size) & bytes_ones(size);
}

void pci_root_fields(struct fields *f, struct pci_root *r)
{
	FIELD(f, r->address);
	f->bad |= r->address & ~PCI_PORTS_BITS;
	pci_config_fields(f, &r->bridge);
}
