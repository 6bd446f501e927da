// SPDX-License-Identifier: Apache-2.0
/*
 * Writes ACPI Machine Language (ACPI 6.4 chapter 20) into a bounded buffer. Only what our DSDT
 * needs.
 *
 * Packages nest: aml_begin() leaves room for the length, aml_end() fills it in. Running out of room
 * is sticky: nothing is written any more and aml_failed() says so at the end. Code is written in prefix order, as AML
 * has it: aml_store(a); aml_arg(a, 0); aml_local(a, 1) is Store (Arg0, Local1).
 */
#ifndef VMM_ACPI_AML_H
#define VMM_ACPI_AML_H

#include "coherence/base/types.h"

#define AML_DEPTH_MAX 8u

struct aml {
	uint8_t *buf;
	size_t cap, at;
	size_t open[AML_DEPTH_MAX]; // where the length of each open package goes
	unsigned depth;
	bool failed;
};

void aml_init(struct aml *a, uint8_t *buf, size_t cap);
bool aml_failed(const struct aml *a);

void aml_bytes(struct aml *a, const void *p, size_t n);
void aml_byte(struct aml *a, uint8_t v);
void aml_le(struct aml *a, uint64_t v, unsigned n); // the lowest n bytes, little-endian

void aml_integer(struct aml *a, uint64_t v); // shortest encoding
void aml_string(struct aml *a, const char *s);
void aml_eisa_id(struct aml *a, const char *id); // "PNP0501"

void aml_name(struct aml *a, const char *name); // Name(name, the object written next)
void aml_begin_scope(struct aml *a, const char *name);
void aml_begin_device(struct aml *a, const char *name);
void aml_begin_package(struct aml *a, uint8_t elements);
void aml_end(struct aml *a); // of the innermost package
/*
 * The object of this name; a method's is followed by its arguments. A name of two is looked for in one scope only, so
 * it says in which: "^PC00.S01", in that around the present one.
 */
void aml_ref(struct aml *a, const char *name);

/* Code. What is said to be written next are whole objects: integers, names, arguments, other expressions. */
void aml_begin_method(struct aml *a, const char *name, unsigned args); // serialized; to aml_end()
void aml_begin_if(struct aml *a);          // the condition next, then what is done; to aml_end()
void aml_begin_else(struct aml *a);        // right behind the aml_end() of its If; to aml_end()
void aml_arg(struct aml *a, unsigned n);   // Arg0 to Arg6
void aml_local(struct aml *a, unsigned n); // Local0 to Local7
void aml_return(struct aml *a);            // the value next
void aml_store(struct aml *a);             // the value and where it goes next
void aml_and(struct aml *a);               // two operands and where the result goes next
void aml_or(struct aml *a);                // the same
void aml_not(struct aml *a);               // logical; an operand next
void aml_equal(struct aml *a);             // logical; two operands next
void aml_less(struct aml *a);              // logical; two operands next
void aml_notify(struct aml *a);            // an object and a value next
void aml_begin_while(struct aml *a);       // the condition next, then what is done; to aml_end()
void aml_break(struct aml *a);             // out of the innermost While
void aml_add(struct aml *a);               // two operands and where the result goes next
void aml_subtract(struct aml *a);          // the same: the first without the second
void aml_shift_left(struct aml *a);        // the same: the first by the second
void aml_increment(struct aml *a);         // a name or local next
void aml_buffer(struct aml *a, const void *bytes, uint8_t n);
void aml_uuid(struct aml *a, const char *uuid); // the buffer that ToUUID("8-4-4-4-12 hex digits") makes
void aml_dword_field(struct aml *a, unsigned buffer_arg, unsigned offset, const char *name); // of the buffer in an Arg
void aml_qword_field(struct aml *a, const char *buffer, unsigned offset, const char *name);  // of a named one

void aml_mutex(struct aml *a, const char *name);
void aml_acquire(struct aml *a, const char *mutex); // waits for ever; its result, which is then never true, is dropped
void aml_release(struct aml *a, const char *mutex);
void aml_io_region(struct aml *a, const char *name, uint16_t port, uint8_t bytes);
void aml_begin_field(struct aml *a, const char *region);            // accessed by double words; to aml_end()
void aml_begin_byte_field(struct aml *a, const char *region);       // the same, by bytes
void aml_field_skip(struct aml *a, unsigned bits);                  // that have no name
void aml_field_unit(struct aml *a, const char *name, uint8_t bits); // at most 63

/* Resources: between aml_begin_resources() and aml_end_resources(). */
void aml_begin_resources(struct aml *a);
void aml_io(struct aml *a, uint16_t port, uint8_t ports);
void aml_irq(struct aml *a, unsigned irq);                        // edge, active high, exclusive
void aml_interrupt(struct aml *a, uint32_t gsi);                  // level, the same, by its number at the I/O APICs
void aml_memory(struct aml *a, uint32_t address, uint32_t bytes); // fixed, read-write
/* What a bridge hands down: bus numbers, first to last; memory, read-write, not prefetchable. */
void aml_bus_numbers(struct aml *a, uint16_t first, uint16_t last);
void aml_memory_window(struct aml *a, uint64_t address, uint64_t bytes);
/* RAM, to be filled in: the three 8-byte fields of the descriptor, from its begin. */
#define AML_RAM_FIRST 14u
#define AML_RAM_LAST  22u
#define AML_RAM_BYTES 38u
void aml_ram(struct aml *a);
void aml_end_resources(struct aml *a);

#endif
