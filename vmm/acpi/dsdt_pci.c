// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/dsdt_pci.h"

#include <stdio.h>

#include "vmm/acpi/dsdt_hotplug.h"

/* _OSC of a PCI Express host bridge (PCI Firmware 3.3, 4.5.1). */
#define OSC_UUID         "33db4d5b-1ff7-401c-9657-7441c03dd766"
#define OSC_REVISION     1u
#define OSC_BAD_UUID     4u // in the first word of the answer
#define OSC_BAD_REVISION 8u
#define OSC_MASKED       16u
#define OSC_PME          (1u << 2) // what the operating system may control
#define OSC_AER          (1u << 3)
#define OSC_CAPABILITY   (1u << 4)
#define OSC_GRANTED      (OSC_PME | OSC_AER | OSC_CAPABILITY) // no native hot-plug: ACPI does that
/* _DSM of a host bridge (4.6). */
#define DSM_UUID           "e5c937d0-3553-4d7a-9117-ea4d19c3434d"
#define DSM_WHICH          0u
#define DSM_KEEP_RESOURCES 5u // returns 0: what firmware has laid out is to stay

#define METHOD_OSC "POSC"
#define METHOD_DSM "PDSM"

static void or_into_first_word(struct aml *a, unsigned bit)
{
	aml_or(a);
	aml_ref(a, "CDW1");
	aml_integer(a, bit);
	aml_ref(a, "CDW1");
}

static void begin_if_differs(struct aml *a)
{
	aml_begin_if(a);
	aml_not(a);
	aml_equal(a);
}

/* (UUID, revision, buffer): grants what is asked of OSC_GRANTED, and says so if that is not all. */
static void write_osc(struct aml *a)
{
	aml_begin_method(a, METHOD_OSC, 3);
	aml_dword_field(a, 2, 0, "CDW1");
	begin_if_differs(a);
	aml_arg(a, 0);
	aml_uuid(a, OSC_UUID);
	or_into_first_word(a, OSC_BAD_UUID);
	aml_return(a);
	aml_arg(a, 2);
	aml_end(a);
	begin_if_differs(a);
	aml_arg(a, 1);
	aml_integer(a, OSC_REVISION);
	or_into_first_word(a, OSC_BAD_REVISION);
	aml_end(a);
	aml_dword_field(a, 2, 8, "CDW3");
	aml_and(a);
	aml_ref(a, "CDW3");
	aml_integer(a, OSC_GRANTED);
	aml_local(a, 0);
	begin_if_differs(a);
	aml_ref(a, "CDW3");
	aml_local(a, 0);
	or_into_first_word(a, OSC_MASKED);
	aml_end(a);
	aml_store(a);
	aml_local(a, 0);
	aml_ref(a, "CDW3");
	aml_return(a);
	aml_arg(a, 2);
	aml_end(a);
}

/* (UUID, function): of any revision, and no function has arguments. */
static void write_dsm(struct aml *a)
{
	static const uint8_t which = 1u << DSM_WHICH | 1u << DSM_KEEP_RESOURCES, none = 0;

	aml_begin_method(a, METHOD_DSM, 2);
	aml_begin_if(a);
	aml_equal(a);
	aml_arg(a, 0);
	aml_uuid(a, DSM_UUID);
	aml_begin_if(a);
	aml_equal(a);
	aml_arg(a, 1);
	aml_integer(a, DSM_WHICH);
	aml_return(a);
	aml_buffer(a, &which, 1);
	aml_end(a);
	aml_begin_if(a);
	aml_equal(a);
	aml_arg(a, 1);
	aml_integer(a, DSM_KEEP_RESOURCES);
	aml_return(a);
	aml_integer(a, 0);
	aml_end(a);
	aml_end(a);
	aml_return(a);
	aml_buffer(a, &none, 1);
	aml_end(a);
}

static void write_osc_and_dsm(struct aml *a)
{
	aml_begin_method(a, "_OSC", 4);
	aml_return(a);
	aml_ref(a, METHOD_OSC);
	aml_arg(a, 0);
	aml_arg(a, 1);
	aml_arg(a, 3);
	aml_end(a);
	aml_begin_method(a, "_DSM", 4);
	aml_return(a);
	aml_ref(a, METHOD_DSM);
	aml_arg(a, 0);
	aml_arg(a, 2);
	aml_end(a);
}

static void write_resources(struct aml *a, const struct pci_windows *w, unsigned bus)
{
	aml_name(a, "_CRS");
	aml_begin_resources(a);
	aml_bus_numbers(a, (uint16_t)bus, (uint16_t)bus);
	if (bus == 0)
		aml_io(a, PCI_PORT_ADDRESS, 8); // its own, not handed down
	aml_memory_window(a, pci_window_of(w, bus), w->bus_bytes);
	aml_end_resources(a);
}

static void name_integer(struct aml *a, const char *name, unsigned v)
{
	aml_name(a, name);
	aml_integer(a, v);
}

static void write_bridge(struct aml *a, const struct pci_windows *w, unsigned bus)
{
	char name[8];

	snprintf(name, sizeof(name), "PC%02X", bus & 0xff);
	aml_begin_device(a, name);
	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0A08");
	aml_name(a, "_CID");
	aml_eisa_id(a, "PNP0A03");
	name_integer(a, "_UID", bus);
	name_integer(a, "_SEG", 0);
	name_integer(a, "_BBN", bus);
	name_integer(a, "_PXM", bus);
	name_integer(a, "_CCA", 1);
	write_resources(a, w, bus);
	write_osc_and_dsm(a);
	if (w->hotplug)
		dsdt_hotplug_write_slots(a, w, bus);
	aml_end(a);
}

void dsdt_pci_write(struct aml *a, const struct pci_windows *w)
{
	write_osc(a);
	write_dsm(a);
	for (unsigned bus = 0; bus < w->buses; bus++)
		write_bridge(a, w, bus);
	if (w->hotplug)
		dsdt_hotplug_write(a, w);
}

void dsdt_pci_write_ecam(struct aml *a, const struct pci_windows *w)
{
	aml_memory(a, (uint32_t)PCI_ECAM, (uint32_t)w->ecam_bytes);
}
