// SPDX-License-Identifier: Apache-2.0
#include "vmm/pci/windows.h"

#include <errno.h>
#include <stdio.h>

#include "vmm/mem/layout.h"

#define HOT_SLOTS_IN_ALL 448u // what the firmware tables of the largest machine have room for

int pci_windows_lay_out(const struct machine_desc *d, struct pci_windows *out, char *why, size_t why_cap)
{
	unsigned bits = d->address_bits < PCI_ADDRESS_BITS_MAX ? d->address_bits : PCI_ADDRESS_BITS_MAX;
	uint64_t half = 1ull << (bits - 1), end = layout_gpa(desc_pages_end(d));

	if (end > half) {
		snprintf(why, why_cap,
			 "memory ends at %#llx, room for more included; with %u bits of address PCI begins at %#llx",
			 (unsigned long long)end, bits, (unsigned long long)half);
		return -EINVAL;
	}
	*out = (struct pci_windows){.buses = d->pci_buses,
				    .ecam_bytes = d->pci_buses * PCI_ECAM_BUS_BYTES,
				    .first = half,
				    .bus_bytes = half / HOSTS_MAX,
				    .hotplug = d->pci_buses != 0};
	return 0;
}

unsigned pci_hot_slots(unsigned buses)
{
	unsigned each = buses ? HOT_SLOTS_IN_ALL / buses : 0;

	return each < PCI_SLOTS - 1 ? each : PCI_SLOTS - 1;
}

uint64_t pci_window_of(const struct pci_windows *w, unsigned bus)
{
	return w->first + bus * w->bus_bytes;
}

int pci_window_bus(const struct pci_windows *w, uint64_t addr)
{
	if (addr < w->first || (addr - w->first) / w->bus_bytes >= w->buses)
		return -1;
	return (int)((addr - w->first) / w->bus_bytes);
}

/* Largest first: then the end of each is aligned for the next. */
int pci_window_assign(const struct pci_windows *w, unsigned bus, unsigned slot, const uint64_t *bytes,
		      uint64_t *address)
{
	uint64_t room = w->bus_bytes / PCI_SLOTS, at = pci_window_of(w, bus) + slot * room, end = at + room;
	bool done[PCI_BARS] = {false};

	for (unsigned n = 0; n < PCI_BARS; n++) {
		unsigned next = PCI_BARS;

		for (unsigned i = 0; i < PCI_BARS; i++)
			if (!done[i] && (next == PCI_BARS || bytes[i] > bytes[next]))
				next = i;
		done[next] = true;
		address[next] = bytes[next] ? at : 0;
		if (bytes[next] > end - at)
			return -ENOSPC;
		at += bytes[next];
	}
	return 0;
}
