// SPDX-License-Identifier: Apache-2.0
#include "vmm/pci/bridge.h"

#include <errno.h>

#include "coherence/base/bytes.h"

/* Ids that others use for the same thing, and pci.ids has a name for (docs/specs/pci-ids.rst of QEMU). */
#define HOST_BRIDGE_VENDOR 0x1b36u
#define HOST_BRIDGE_DEVICE 0x0008u

#define PORTS_ENABLE 0x80000000u

struct pci_address pci_ecam_decode(uint64_t offset)
{
	return (struct pci_address){.bus = (uint8_t)(offset >> 20),
				    .slot = offset >> 15 & 0x1f,
				    .function = offset >> 12 & 7,
				    .reg = offset & (PCI_FUNCTION_BYTES - 1)};
}

uint64_t pci_ecam_encode(struct pci_address a)
{
	return (uint64_t)a.bus << 20 | (uint64_t)a.slot << 15 | (uint64_t)a.function << 12 | a.reg;
}

bool pci_ports_decode(uint32_t address, unsigned offset, struct pci_address *out)
{
	if (!(address & PORTS_ENABLE) || offset >= PCI_PORT_DATA_BYTES)
		return false;
	*out = (struct pci_address){.bus = (uint8_t)(address >> 16),
				    .slot = address >> 11 & 0x1f,
				    .function = address >> 8 & 7,
				    .reg = (uint16_t)((address & 0xfc) + offset)};
	return true;
}

bool pci_present(const struct pci_presence *p, struct pci_address a)
{
	return a.bus < HOSTS_MAX && !a.function && (__atomic_load_n(&p->slots[a.bus], __ATOMIC_ACQUIRE) >> a.slot & 1);
}

int pci_bus_add(struct pci_bus *b, unsigned slot, const struct pci_slot_ops *ops, void *owner,
		const struct pci_config *config)
{
	if (slot >= PCI_SLOTS)
		return -EINVAL;
	if (b->slot[slot].ops)
		return -EEXIST;
	b->slot[slot] = (struct pci_slot){.ops = ops, .owner = owner, .config = config};
	return 0;
}

void pci_bus_remove(struct pci_bus *b, unsigned slot)
{
	if (slot < PCI_SLOTS)
		b->slot[slot] = (struct pci_slot){0};
}

uint32_t pci_bus_slots(const struct pci_bus *b)
{
	uint32_t slots = 0;

	for (unsigned i = 0; i < PCI_SLOTS; i++)
		slots |= b->slot[i].ops ? 1u << i : 0;
	return slots;
}

static const struct pci_slot *at(const struct pci_bus *b, struct pci_address a)
{
	const struct pci_slot *s = &b->slot[a.slot % PCI_SLOTS];

	return a.bus == b->number && !a.function && s->ops ? s : NULL;
}

/* The next piece of an access: 1, 2 or 4 bytes at reg that stay in one register, as byte lanes of a bus allow. */
static unsigned piece(unsigned reg, unsigned left)
{
	unsigned room = 4 - reg % 4;

	if (left >= 4 && room == 4)
		return 4;
	return left >= 2 && room >= 2 && reg % 2 == 0 ? 2 : 1;
}

uint64_t pci_bus_read(const struct pci_bus *b, struct pci_address a, unsigned size)
{
	const struct pci_slot *s = at(b, a);
	uint64_t value = UINT64_MAX;

	for (unsigned done = 0; s && done < size && a.reg + done < PCI_FUNCTION_BYTES;) {
		unsigned n = piece(a.reg + done, size - done);
		uint64_t mask = bytes_ones(n) << (8 * done);
		uint64_t got = (uint64_t)s->ops->read(s->owner, a.reg + done, n) << (8 * done);

		value = (value & ~mask) | (got & mask);
		done += n;
	}
	return value & bytes_ones(size);
}

void pci_bus_write(struct pci_bus *b, struct pci_address a, unsigned size, uint64_t value)
{
	const struct pci_slot *s = at(b, a);

	for (unsigned done = 0; s && done < size && a.reg + done < PCI_FUNCTION_BYTES;) {
		unsigned n = piece(a.reg + done, size - done);
		uint32_t part = (uint32_t)(value >> (8 * done));

		s->ops->write(s->owner, a.reg + done, n, n < 4 ? part & ((1u << (8 * n)) - 1) : part);
		done += n;
	}
}

const struct pci_slot *pci_bus_at(const struct pci_bus *b, uint64_t addr, unsigned *bar, uint64_t *offset)
{
	for (unsigned i = 0; i < PCI_SLOTS; i++) {
		const struct pci_slot *s = &b->slot[i];

		if (!s->ops)
			continue;
		*bar = pci_config_bar_at(s->config, addr, offset);
		if (*bar < PCI_BARS)
			return s;
	}
	return NULL;
}

static uint32_t plain_read(void *owner, unsigned offset, unsigned size)
{
	return pci_config_read(owner, offset, size);
}

static void plain_write(void *owner, unsigned offset, unsigned size, uint32_t value)
{
	pci_config_write(owner, offset, size, value);
}

const struct pci_slot_ops pci_plain_ops = {.read = plain_read, .write = plain_write};

void pci_host_bridge_init(struct pci_config *c)
{
	static const struct pci_id id = {
		.vendor = HOST_BRIDGE_VENDOR, .device = HOST_BRIDGE_DEVICE, .class_code = PCI_CLASS_HOST_BRIDGE};

	pci_config_init(c, &id, 0, 0);
}
