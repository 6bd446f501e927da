// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/dsdt_memory.h"

#include <stdio.h>

#include "vmm/acpi/dsdt_notify.h"
#include "vmm/chip/memplug.h"
#include "vmm/mem/layout.h"

#define MUTEX     "MMLK"
#define SELECTOR  "MSEL"
#define STATUS    "MSTA" // (slot): what _STA says
#define RESOURCES "MCRS" // (slot): what _CRS says
#define DOMAIN    "MPXM" // (slot): what _PXM says
#define EJECT     "MEJ0" // (slot)
#define SAY       "MOST" // (slot, event, status)
#define TELL      "MTFY" // (slot, what it is notified of)

_Static_assert(MEMPLUG_SLOTS == DESC_MEMORY_SLOTS, "each slot of the description is one of the guest's");

static void store_one(struct aml *a, const char *to)
{
	aml_store(a);
	aml_integer(a, 1);
	aml_ref(a, to);
}

static void set_local(struct aml *a, uint64_t value, unsigned local)
{
	aml_store(a);
	aml_integer(a, value);
	aml_local(a, local);
}

static void end_returning(struct aml *a, unsigned local)
{
	aml_release(a, MUTEX);
	aml_return(a);
	aml_local(a, local);
	aml_end(a);
}

static void write_registers(struct aml *a)
{
	static const char *const read[] = {"MRAL", "MRAH", "MRLL", "MRLH", "MRPX"};
	static const char *const written[] = {SELECTOR, "MOEV", "MOSC"};

	aml_io_region(a, "MMRG", LAYOUT_PORT_MEMPLUG, MEMPLUG_BYTES);
	aml_begin_field(a, "MMRG");
	for (unsigned i = 0; i < sizeof(read) / sizeof(read[0]); i++)
		aml_field_unit(a, read[i], 32);
	aml_end(a);
	aml_begin_field(a, "MMRG");
	for (unsigned i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		aml_field_unit(a, written[i], 32);
	aml_end(a);
	aml_begin_byte_field(a, "MMRG");
	aml_field_skip(a, MEMPLUG_FLAGS * 8);
	aml_field_unit(a, "MMEN", 1);
	aml_field_unit(a, "MMIN", 1);
	aml_field_unit(a, "MMRM", 1);
	aml_field_unit(a, "MMEJ", 1);
	aml_end(a);
}

static void write_status(struct aml *a)
{
	dsdt_begin_locked(a, STATUS, 1, MUTEX, SELECTOR);
	set_local(a, 0, 0);
	dsdt_if_set(a, "MMEN");
	set_local(a, 0xf, 0);
	aml_end(a);
	end_returning(a, 0);
}

/* Local: the 64 bits of two registers. */
static void join(struct aml *a, const char *low, const char *high, unsigned local)
{
	aml_shift_left(a);
	aml_ref(a, high);
	aml_integer(a, 32);
	aml_local(a, local);
	aml_or(a);
	aml_local(a, local);
	aml_ref(a, low);
	aml_local(a, local);
}

static void store_local(struct aml *a, unsigned local, const char *to)
{
	aml_store(a);
	aml_local(a, local);
	aml_ref(a, to);
}

/* Integers have 64 bits: this table is of revision 2. */
static void write_resources(struct aml *a)
{
	aml_name(a, "MR64");
	aml_begin_resources(a);
	aml_ram(a);
	aml_end_resources(a);
	dsdt_begin_locked(a, RESOURCES, 1, MUTEX, SELECTOR);
	aml_qword_field(a, "MR64", AML_RAM_FIRST, "MFST");
	aml_qword_field(a, "MR64", AML_RAM_LAST, "MLST");
	aml_qword_field(a, "MR64", AML_RAM_BYTES, "MLEN");
	join(a, "MRAL", "MRAH", 0);
	join(a, "MRLL", "MRLH", 1);
	store_local(a, 0, "MFST");
	store_local(a, 1, "MLEN");
	aml_add(a);
	aml_local(a, 0);
	aml_local(a, 1);
	aml_local(a, 0);
	aml_subtract(a);
	aml_local(a, 0);
	aml_integer(a, 1);
	aml_ref(a, "MLST");
	aml_store(a); // a copy: the next one to be asked may come before this one is read
	aml_ref(a, "MR64");
	aml_local(a, 2);
	end_returning(a, 2);
}

static void write_domain(struct aml *a)
{
	dsdt_begin_locked(a, DOMAIN, 1, MUTEX, SELECTOR);
	aml_store(a);
	aml_ref(a, "MRPX");
	aml_local(a, 0);
	end_returning(a, 0);
}

static void write_eject(struct aml *a)
{
	dsdt_begin_locked(a, EJECT, 1, MUTEX, SELECTOR);
	store_one(a, "MMEJ");
	dsdt_end_locked(a, MUTEX);
}

static void write_say(struct aml *a)
{
	dsdt_begin_locked(a, SAY, 3, MUTEX, SELECTOR);
	dsdt_store_arg(a, 1, "MOEV");
	dsdt_store_arg(a, 2, "MOSC");
	dsdt_end_locked(a, MUTEX);
}

static void tell(struct aml *a, const char *flag, unsigned of)
{
	dsdt_if_set(a, flag);
	aml_ref(a, TELL);
	aml_local(a, 0);
	aml_integer(a, of);
	store_one(a, flag);
	aml_end(a);
}

static void write_event(struct aml *a)
{
	dsdt_begin_locked(a, DSDT_MEMORY_EVENT, 0, MUTEX, SELECTOR);
	set_local(a, 0, 0);
	aml_begin_while(a);
	aml_less(a);
	aml_local(a, 0);
	aml_integer(a, MEMPLUG_SLOTS);
	store_local(a, 0, SELECTOR);
	tell(a, "MMIN", DSDT_NOTIFY_CHECK);
	tell(a, "MMRM", DSDT_NOTIFY_EJECT);
	aml_increment(a);
	aml_local(a, 0);
	aml_end(a);
	dsdt_end_locked(a, MUTEX);
}

static void slot_name(char name[8], unsigned slot)
{
	snprintf(name, 8, "M%03X", slot & 0xfff);
}

static void write_slot(struct aml *a, unsigned slot)
{
	char name[8];

	slot_name(name, slot);
	aml_begin_device(a, name);
	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0C80");
	aml_name(a, "_UID");
	aml_integer(a, slot);
	dsdt_method_of(a, "_STA", 0, STATUS, slot);
	dsdt_method_of(a, "_CRS", 0, RESOURCES, slot);
	dsdt_method_of(a, "_PXM", 0, DOMAIN, slot);
	dsdt_method_of(a, "_EJ0", 1, EJECT, slot);
	dsdt_method_of(a, "_OST", 3, SAY, slot);
	aml_end(a);
}

void dsdt_memory_write(struct aml *a)
{
	write_registers(a);
	aml_mutex(a, MUTEX);
	write_status(a);
	write_resources(a);
	write_domain(a);
	write_eject(a);
	write_say(a);
	for (unsigned slot = 0; slot < MEMPLUG_SLOTS; slot++)
		write_slot(a, slot);
	aml_begin_method(a, TELL, 2);
	for (unsigned slot = 0; slot < MEMPLUG_SLOTS; slot++) {
		char name[8];

		slot_name(name, slot);
		dsdt_notify_if(a, slot, name);
	}
	aml_end(a);
	write_event(a);
}
