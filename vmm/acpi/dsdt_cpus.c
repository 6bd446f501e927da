// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/dsdt_cpus.h"

#include <stdio.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/acpi/dsdt_notify.h"
#include "vmm/chip/cpuplug.h"
#include "vmm/mem/layout.h"

#define MUTEX    "CPLK"
#define SELECTOR "CPSL"
#define STATUS   "CSTA" // (number): what _STA says
#define EJECT    "CEJ0" // (number)
#define SAY      "COST" // (number, event, status)
#define TELL     "CTFY" // (number, what it is notified of)

void dsdt_cpu_name(char name[8], uint32_t vcpu)
{
	snprintf(name, 8, "C%03X", vcpu & 0xfff);
}

static void store(struct aml *a, uint64_t value, const char *to)
{
	aml_store(a);
	aml_integer(a, value);
	aml_ref(a, to);
}

static void write_registers(struct aml *a)
{
	aml_io_region(a, "CPRG", LAYOUT_PORT_CPUPLUG, CPUPLUG_BYTES);
	aml_begin_byte_field(a, "CPRG");
	aml_field_skip(a, CPUPLUG_FLAGS * 8);
	aml_field_unit(a, "CPEN", 1);
	aml_field_unit(a, "CPIN", 1);
	aml_field_unit(a, "CPRM", 1);
	aml_field_unit(a, "CPEJ", 1);
	aml_field_skip(a, 4);
	aml_field_unit(a, "CPCM", 8);
	aml_end(a);
	aml_begin_field(a, "CPRG");
	aml_field_unit(a, SELECTOR, 32);
	aml_field_skip(a, 32);
	aml_field_unit(a, "CPDA", 32);
	aml_end(a);
}

static void write_status(struct aml *a)
{
	dsdt_begin_locked(a, STATUS, 1, MUTEX, SELECTOR);
	aml_store(a);
	aml_integer(a, 0);
	aml_local(a, 0);
	dsdt_if_set(a, "CPEN");
	aml_store(a);
	aml_integer(a, 0xf);
	aml_local(a, 0);
	aml_end(a);
	aml_release(a, MUTEX);
	aml_return(a);
	aml_local(a, 0);
	aml_end(a);
}

static void write_eject(struct aml *a)
{
	dsdt_begin_locked(a, EJECT, 1, MUTEX, SELECTOR);
	store(a, 1, "CPEJ");
	dsdt_end_locked(a, MUTEX);
}

static void write_say(struct aml *a)
{
	dsdt_begin_locked(a, SAY, 3, MUTEX, SELECTOR);
	store(a, CPUPLUG_OST_EVENT, "CPCM");
	dsdt_store_arg(a, 1, "CPDA");
	store(a, CPUPLUG_OST_STATUS, "CPCM");
	dsdt_store_arg(a, 2, "CPDA");
	dsdt_end_locked(a, MUTEX);
}

static void tell(struct aml *a, const char *flag, unsigned of)
{
	dsdt_if_set(a, flag);
	aml_ref(a, TELL);
	aml_local(a, 0);
	aml_integer(a, of);
	store(a, 1, flag);
	aml_end(a);
}

/* As long as the register gives one that has an event: both may be, and each is ended by itself. */
static void write_event(struct aml *a)
{
	dsdt_begin_locked(a, DSDT_CPUS_EVENT, 0, MUTEX, SELECTOR);
	aml_store(a);
	aml_integer(a, 1);
	aml_local(a, 1);
	aml_begin_while(a);
	aml_local(a, 1);
	store(a, CPUPLUG_NEXT, "CPCM");
	aml_store(a);
	aml_ref(a, "CPDA");
	aml_local(a, 0);
	aml_add(a);
	aml_ref(a, "CPIN");
	aml_ref(a, "CPRM");
	aml_local(a, 1);
	tell(a, "CPIN", DSDT_NOTIFY_CHECK);
	tell(a, "CPRM", DSDT_NOTIFY_EJECT);
	aml_end(a);
	dsdt_end_locked(a, MUTEX);
}

static void write_tell(struct aml *a, const struct machine_desc *d)
{
	aml_begin_method(a, TELL, 2);
	for (uint32_t v = 1; v < desc_vcpus(d); v++) {
		char name[8];

		dsdt_cpu_name(name, v);
		dsdt_notify_if(a, v, name);
	}
	aml_end(a);
}

void dsdt_cpus_write(struct aml *a, const struct machine_desc *d)
{
	write_registers(a);
	aml_mutex(a, MUTEX);
	write_status(a);
	write_eject(a);
	write_say(a);
	write_tell(a, d);
	write_event(a);
}

/*
 * The MADT's entry, but that it says enabled even of a processor that is absent: Linux asks this one first, and takes
 * no other.
 */
static void write_mat(struct aml *a, const struct machine_desc *d, uint32_t vcpu)
{
	uint32_t id = desc_apic_id(d, vcpu);
	uint8_t entry[16] = {0};

	aml_name(a, "_MAT");
	if (id <= DESC_XAPIC_ID_MAX) {
		entry[1] = 8;
		entry[2] = (uint8_t)vcpu;
		entry[3] = (uint8_t)id;
		entry[4] = 1;
	} else {
		entry[0] = 9;
		entry[1] = 16;
		put_le(entry + 4, id, 4);
		entry[8] = 1;
		put_le(entry + 12, vcpu, 4);
	}
	aml_buffer(a, entry, entry[1]);
}

void dsdt_cpu_write(struct aml *a, const struct machine_desc *d, uint32_t vcpu)
{
	write_mat(a, d, vcpu);
	dsdt_method_of(a, "_STA", 0, STATUS, vcpu);
	dsdt_method_of(a, "_EJ0", 1, EJECT, vcpu);
	dsdt_method_of(a, "_OST", 3, SAY, vcpu);
}
