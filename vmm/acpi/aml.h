// SPDX-License-Identifier: Apache-2.0
/*
 * Writes ACPI Machine Language (ACPI 6.4 chapter 20) into a bounded buffer. Only what our DSDT
 * needs.
 *
 * Packages nest: aml_begin() leaves room for the length, aml_end() fills it in. Running out of room
 * is sticky: nothing is written any more and aml_failed() says so at the end.
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

void aml_integer(struct aml *a, uint32_t v); // shortest encoding
void aml_string(struct aml *a, const char *s);
void aml_eisa_id(struct aml *a, const char *id); // "PNP0501"

void aml_name(struct aml *a, const char *name); // Name(name, the object written next)
void aml_begin_scope(struct aml *a, const char *name);
void aml_begin_device(struct aml *a, const char *name);
void aml_begin_package(struct aml *a, uint8_t elements);
void aml_end(struct aml *a); // of the innermost package

/* Resources: between aml_begin_resources() and aml_end_resources(). */
void aml_begin_resources(struct aml *a);
void aml_io(struct aml *a, uint16_t port, uint8_t ports);
void aml_irq(struct aml *a, unsigned irq);                        // edge, active high, exclusive
void aml_memory(struct aml *a, uint32_t address, uint32_t bytes); // fixed, read-write
void aml_end_resources(struct aml *a);

#endif
