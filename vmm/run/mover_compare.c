// SPDX-License-Identifier: Apache-2.0
/* Can a vCPU of one host go on on another? What their processors and kernels have must be the same. */
#include <stdio.h>

#include "vmm/run/mover.h"

static json_int_t number(const json_t *list, size_t i)
{
	return json_integer_value(json_array_get(list, i));
}

static bool same_cpuid(const json_t *a, const json_t *b, char *why, size_t cap)
{
	static const char *const registers[] = {"eax", "ebx", "ecx", "edx"};
	size_t n = json_array_size(a);

	for (size_t i = 0; i < n; i++) {
		const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);

		if (number(x, 0) != number(y, 0) || number(x, 1) != number(y, 1)) {
			snprintf(why, cap, "their processors differ: CPUID leaf %#llx.%llu is not in both",
				 (unsigned long long)number(x, 0), (unsigned long long)number(x, 1));
			return false;
		}
		for (unsigned r = 0; r < 4; r++)
			if (number(x, 2 + r) != number(y, 2 + r)) {
				snprintf(why, cap,
					 "their processors differ: CPUID leaf %#llx.%llu, %s is %#llx and %#llx",
					 (unsigned long long)number(x, 0), (unsigned long long)number(x, 1),
					 registers[r], (unsigned long long)number(x, 2 + r),
					 (unsigned long long)number(y, 2 + r));
				return false;
			}
	}
	if (n && n == json_array_size(b))
		return true;
	snprintf(why, cap, "their processors differ: %zu and %zu CPUID leaves", n, json_array_size(b));
	return false;
}

static bool has_all_msrs(const json_t *source, const json_t *dest, char *why, size_t cap)
{
	for (size_t i = 0; i < json_array_size(source); i++) {
		size_t k = 0;

		while (k < json_array_size(dest) && number(dest, k) != number(source, i))
			k++;
		if (k < json_array_size(dest))
			continue;
		snprintf(why, cap, "the destination's KVM does not take MSR %#llx",
			 (unsigned long long)number(source, i));
		return false;
	}
	return true;
}

void mover_compare(const json_t *source, const json_t *dest, char *why, size_t why_cap)
{
	json_int_t a = json_integer_value(json_object_get(source, "xsave_bytes"));
	json_int_t b = json_integer_value(json_object_get(dest, "xsave_bytes"));

	why[0] = 0;
	if (!same_cpuid(json_object_get(source, "cpuid"), json_object_get(dest, "cpuid"), why, why_cap))
		return;
	if (a != b)
		snprintf(why, why_cap, "the extended state has %lld and %lld bytes", (long long)a, (long long)b);
	else
		has_all_msrs(json_object_get(source, "msrs"), json_object_get(dest, "msrs"), why, why_cap);
}
