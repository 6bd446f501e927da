// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/dsdt_notify.h"

void dsdt_store_arg(struct aml *a, unsigned arg, const char *to)
{
	aml_store(a);
	aml_arg(a, arg);
	aml_ref(a, to);
}

void dsdt_begin_locked(struct aml *a, const char *name, unsigned args, const char *mutex, const char *selector)
{
	aml_begin_method(a, name, args);
	aml_acquire(a, mutex);
	if (args)
		dsdt_store_arg(a, 0, selector);
}

void dsdt_end_locked(struct aml *a, const char *mutex)
{
	aml_release(a, mutex);
	aml_end(a);
}

void dsdt_if_set(struct aml *a, const char *field)
{
	aml_begin_if(a);
	aml_equal(a);
	aml_ref(a, field);
	aml_integer(a, 1);
}

void dsdt_notify_if(struct aml *a, unsigned n, const char *device)
{
	aml_begin_if(a);
	aml_equal(a);
	aml_arg(a, 0);
	aml_integer(a, n);
	aml_notify(a);
	aml_ref(a, device);
	aml_arg(a, 1);
	aml_end(a);
}

void dsdt_method_of(struct aml *a, const char *name, unsigned args, const char *shared, unsigned n)
{
	aml_begin_method(a, name, args);
	if (!args)
		aml_return(a);
	aml_ref(a, shared);
	aml_integer(a, n);
	for (unsigned i = 0; args == 3 && i < 2; i++)
		aml_arg(a, i);
	aml_end(a);
}
