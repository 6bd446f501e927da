// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/dsdt_events.h"

#include "vmm/acpi/dsdt_cpus.h"
#include "vmm/acpi/dsdt_hotplug.h"
#include "vmm/acpi/dsdt_memory.h"
#include "vmm/mem/layout.h"

/* Each method looks for what there is, and finds nothing where it was another's interrupt. */
static void write_method(struct aml *a, bool cards, bool grow)
{
	aml_begin_method(a, "_EVT", 1);
	if (cards)
		aml_ref(a, DSDT_HOTPLUG_EVENT);
	if (grow) {
		aml_ref(a, DSDT_CPUS_EVENT);
		aml_ref(a, DSDT_MEMORY_EVENT);
	}
	aml_end(a);
}

/* ACPI 6.4, 5.6.9: an interrupt that is a method's to deal with. */
void dsdt_events_write(struct aml *a, const struct machine_desc *d, const struct pci_windows *pci)
{
	bool cards = pci && pci->hotplug, grow = d->room;

	if (!cards && !grow)
		return;
	aml_begin_device(a, "GEVT");
	aml_name(a, "_HID");
	aml_string(a, "ACPI0013");
	aml_name(a, "_UID");
	aml_integer(a, 0);
	aml_name(a, "_CRS");
	aml_begin_resources(a);
	if (cards)
		aml_interrupt(a, LAYOUT_IRQ_HOTPLUG);
	if (grow)
		aml_interrupt(a, LAYOUT_IRQ_GROW);
	aml_end_resources(a);
	write_method(a, cards, grow);
	aml_end(a);
}
