// SPDX-License-Identifier: Apache-2.0
// Memory that comes while the guest runs.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/mem/layout.h"
#include "vmm/span/span_priv.h"

int span_grow(struct span *d, const struct desc_range *r, char *why, size_t why_cap)
{
	int e = ram_open(d->ram, r->first, r->pages);

	if (!e && d->paging)
		e = pager_grow(&d->pager, d->desc, r);
	if (e)
		snprintf(why, why_cap, "%llu MiB at %#llx cannot be had: %s",
			 (unsigned long long)(r->pages << PAGE_SHIFT >> 20), (unsigned long long)layout_gpa(r->first),
			 strerror(-e));
	return e;
}
