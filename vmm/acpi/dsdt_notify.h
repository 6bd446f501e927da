// SPDX-License-Identifier: Apache-2.0
/* What the code of things that come and go has in common: small pieces of AML. */
#ifndef VMM_ACPI_DSDT_NOTIFY_H
#define VMM_ACPI_DSDT_NOTIFY_H

#include "vmm/acpi/aml.h"

#define DSDT_NOTIFY_CHECK 1u // Device Check (ACPI 6.4, 5.6.6)
#define DSDT_NOTIFY_EJECT 3u // Eject Request

void dsdt_store_arg(struct aml *a, unsigned arg, const char *to);
/* A method on registers whose selector is one for all, so whoever uses it holds the mutex; Arg0 is selected. */
void dsdt_begin_locked(struct aml *a, const char *name, unsigned args, const char *mutex, const char *selector);
void dsdt_end_locked(struct aml *a, const char *mutex);
/* If a field of one bit is set; to aml_end(). */
void dsdt_if_set(struct aml *a, const char *field);
/* In a method (number, what it is notified of): device number n, by its name. */
void dsdt_notify_if(struct aml *a, unsigned n, const char *device);
/*
 * A method of one of them that is the method shared by all, told its number: name's, with so many arguments. Of those
 * _OST hands on the first two, and the method of no argument returns what the shared one does.
 */
void dsdt_method_of(struct aml *a, const char *name, unsigned args, const char *shared, unsigned n);

#endif
