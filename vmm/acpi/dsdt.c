// SPDX-License-Identifier: Apache-2.0
/*
 * Written by hand and not compiled by iasl: the processors depend on the machine, and the build
 * then needs no tool. A test disassembles and recompiles the result with iasl.
 */
#include "vmm/acpi/dsdt.h"

#include "vmm/acpi/acpi.h"
#include "vmm/acpi/dsdt_cpus.h"
#include "vmm/acpi/dsdt_events.h"
#include "vmm/acpi/dsdt_memory.h"
#include "vmm/acpi/dsdt_pci.h"
#include "vmm/chip/cpuplug.h"
#include "vmm/chip/memplug.h"

#define SLP_TYP_S5 5u // what the PM1a control register takes for power off

static void write_s5(struct aml *a)
{
	aml_name(a, "\\_S5");
	aml_begin_package(a, 4);
	aml_integer(a, SLP_TYP_S5); // PM1a
	aml_integer(a, SLP_TYP_S5); // PM1b, absent
	aml_integer(a, 0);
	aml_integer(a, 0);
	aml_end(a);
}

static void begin_pnp(struct aml *a, const char *name, const char *id)
{
	aml_begin_device(a, name);
	aml_name(a, "_HID");
	aml_eisa_id(a, id);
	aml_name(a, "_UID");
	aml_integer(a, 1);
	aml_name(a, "_CRS");
	aml_begin_resources(a);
}

static void end_pnp(struct aml *a)
{
	aml_end_resources(a);
	aml_end(a);
}

static void write_com1(struct aml *a)
{
	begin_pnp(a, "COM1", "PNP0501");
	aml_io(a, LAYOUT_PORT_COM1, 8);
	aml_irq(a, 4);
	end_pnp(a);
}

static void write_rtc(struct aml *a)
{
	begin_pnp(a, "RTC0", "PNP0B00");
	aml_io(a, 0x70, 2);
	aml_irq(a, 8);
	end_pnp(a);
}

/* The panic device; its _STA says that it is there, shown or not: drivers look for that. */
static void write_pvpanic(struct aml *a)
{
	aml_begin_device(a, "PEVT");
	aml_name(a, "_HID");
	aml_string(a, "QEMU0001");
	aml_name(a, "_STA");
	aml_integer(a, 0xf);
	aml_name(a, "_CRS");
	aml_begin_resources(a);
	aml_io(a, LAYOUT_PORT_PVPANIC, 1);
	aml_end_resources(a);
	aml_end(a);
}

/* What nobody may claim: the fixed hardware and the interrupt controllers. */
static void write_system(struct aml *a, const struct machine_desc *d, const struct pci_windows *pci)
{
	begin_pnp(a, "SYSR", "PNP0C02");
	aml_io(a, 0x20, 2);
	aml_io(a, 0xa0, 2);
	aml_io(a, 0x40, 4);
	aml_io(a, 0x61, 1);
	aml_io(a, 0x4d0, 2);
	aml_io(a, LAYOUT_PORT_PM1_EVT, 12);
	aml_io(a, LAYOUT_PORT_RESET, 1);
	if (d->room) {
		aml_io(a, LAYOUT_PORT_CPUPLUG, CPUPLUG_BYTES);
		aml_io(a, LAYOUT_PORT_MEMPLUG, MEMPLUG_BYTES);
	}
	aml_memory(a, LAYOUT_IOAPIC, 0x1000);
	aml_memory(a, LAYOUT_LAPIC, 0x1000);
	if (pci)
		dsdt_pci_write_ecam(a, pci);
	end_pnp(a);
}

/* _UID pairs it with the MADT entry, _PXM with the node whose memory is near. */
static void write_processor(struct aml *a, const struct machine_desc *d, uint32_t vcpu)
{
	char name[8];

	dsdt_cpu_name(name, vcpu);
	aml_begin_device(a, name);
	aml_name(a, "_HID");
	aml_string(a, "ACPI0007");
	aml_name(a, "_UID");
	aml_integer(a, vcpu);
	aml_name(a, "_PXM");
	aml_integer(a, desc_node_of_vcpu(d, vcpu));
	if (d->room && vcpu) // the first one booted the guest, and stays
		dsdt_cpu_write(a, d, vcpu);
	aml_end(a);
}

void dsdt_write(struct aml *a, const struct machine_desc *d, const struct pci_windows *pci)
{
	write_s5(a);
	aml_begin_scope(a, "\\_SB");
	write_system(a, d, pci);
	write_com1(a);
	write_rtc(a);
	write_pvpanic(a);
	for (uint32_t v = 0; v < desc_vcpus(d); v++)
		write_processor(a, d, v);
	if (pci)
		dsdt_pci_write(a, pci);
	if (d->room) {
		dsdt_cpus_write(a, d);
		dsdt_memory_write(a);
	}
	dsdt_events_write(a, d, pci);
	aml_end(a);
}
