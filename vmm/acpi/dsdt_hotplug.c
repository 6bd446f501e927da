// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/dsdt_hotplug.h"

#include <stdio.h>

#include "vmm/acpi/dsdt_notify.h"
#include "vmm/mem/layout.h"
#include "vmm/pci/hotplug.h"

#define MUTEX "PHLK"
#define EJECT "PHEJ" // (bus, bit of the slot)
#define TELL  "PHTL" // of a bridge: (bits of slots, what they are notified of)

static void slot_name(char name[8], unsigned slot)
{
	snprintf(name, 8, "S%02X", slot & 0xff);
}

static void store_to(struct aml *a, const char *from, unsigned local)
{
	aml_store(a);
	aml_ref(a, from);
	aml_local(a, local);
}

static void tell(struct aml *a, const char *bridge, unsigned local, unsigned of)
{
	aml_ref(a, bridge);
	aml_local(a, local);
	aml_integer(a, of);
}

static void select_bus(struct aml *a, unsigned bus)
{
	aml_store(a);
	aml_integer(a, bus);
	aml_ref(a, "PHBS");
}

/* Slots are told one after the other under the mutex: the registers are those of one bus at a time. */
static void write_event(struct aml *a, const struct pci_windows *w)
{
	aml_begin_method(a, DSDT_HOTPLUG_EVENT, 0);
	aml_acquire(a, MUTEX);
	for (unsigned bus = 0; bus < w->buses; bus++) {
		char bridge[16];

		snprintf(bridge, sizeof(bridge), "^PC%02X." TELL, bus & 0xff);
		select_bus(a, bus);
		store_to(a, "PHUP", 0);
		store_to(a, "PHDN", 1);
		tell(a, bridge, 0, DSDT_NOTIFY_CHECK);
		tell(a, bridge, 1, DSDT_NOTIFY_EJECT);
	}
	aml_release(a, MUTEX);
	aml_end(a);
}

static void write_eject(struct aml *a)
{
	aml_begin_method(a, EJECT, 2);
	aml_acquire(a, MUTEX);
	aml_store(a);
	aml_arg(a, 0);
	aml_ref(a, "PHBS");
	aml_store(a);
	aml_arg(a, 1);
	aml_ref(a, "PHEB");
	aml_release(a, MUTEX);
	aml_end(a);
}

void dsdt_hotplug_write(struct aml *a, const struct pci_windows *w)
{
	static const char *const registers[] = {"PHUP", "PHDN", "PHEB", "PHBS"}; // in the order of HOTPLUG_*

	aml_io_region(a, "PHRG", LAYOUT_PORT_HOTPLUG, HOTPLUG_BYTES);
	aml_begin_field(a, "PHRG");
	for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		aml_field_unit(a, registers[i], 32);
	aml_end(a);
	aml_mutex(a, MUTEX);
	write_eject(a);
	write_event(a, w);
}

static void write_slot(struct aml *a, unsigned bus, unsigned slot)
{
	char name[8];

	slot_name(name, slot);
	aml_begin_device(a, name);
	aml_name(a, "_SUN"); // of all buses, one of its own each (ACPI 6.4, 6.1.11)
	aml_integer(a, bus * PCI_SLOTS + slot);
	aml_name(a, "_ADR");
	aml_integer(a, slot << 16);
	aml_begin_method(a, "_EJ0", 1);
	aml_ref(a, EJECT);
	aml_integer(a, bus);
	aml_integer(a, 1u << slot);
	aml_end(a);
	aml_end(a);
}

static void write_tell(struct aml *a, unsigned slots)
{
	aml_begin_method(a, TELL, 2);
	for (unsigned slot = 1; slot <= slots; slot++) {
		char name[8];

		slot_name(name, slot);
		aml_begin_if(a);
		aml_and(a);
		aml_arg(a, 0);
		aml_integer(a, 1u << slot);
		aml_integer(a, 0); // nowhere
		aml_notify(a);
		aml_ref(a, name);
		aml_arg(a, 1);
		aml_end(a);
	}
	aml_end(a);
}

void dsdt_hotplug_write_slots(struct aml *a, const struct pci_windows *w, unsigned bus)
{
	unsigned slots = pci_hot_slots(w->buses);

	for (unsigned slot = 1; slot <= slots; slot++)
		write_slot(a, bus, slot);
	write_tell(a, slots);
}
